# ruff: noqa: RUF012
# fmt: off
from tortoise import fields, migrations
from tortoise.migrations import operations as ops


class Migration(migrations.Migration):
    dependencies = [('store', '0004_streams')]

    initial = False

    operations = [
        ops.AddField(
            model_name='Recording',
            name='chain',
            field=fields.CharField(default='', db_default='', max_length=64),
        ),
        ops.AddField(
            model_name='Recording',
            name='paused_ms',
            field=fields.BigIntField(default=0, db_default=0),
        ),
        ops.AddField(
            model_name='Recording',
            name='gap_ms',
            field=fields.BigIntField(default=0, db_default=0),
        ),
    ]
