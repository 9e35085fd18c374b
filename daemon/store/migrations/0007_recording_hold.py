# ruff: noqa: RUF012
# fmt: off
from tortoise import fields, migrations
from tortoise.migrations import operations as ops


class Migration(migrations.Migration):
    dependencies = [('store', '0006_record_tone')]

    initial = False

    operations = [
        ops.AddField(
            model_name='Recording',
            name='held_ms',
            field=fields.BigIntField(null=True),
        ),
        ops.AddField(
            model_name='Recording',
            name='part_of',
            field=fields.BigIntField(null=True),
        ),
    ]
