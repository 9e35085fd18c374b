# ruff: noqa: RUF012
# fmt: off
from tortoise import fields, migrations
from tortoise.migrations import operations as ops


class Migration(migrations.Migration):
    dependencies = [('store', '0007_recording_hold')]

    initial = False

    operations = [
        ops.AddField(
            model_name='Station',
            name='pin_hash',
            field=fields.CharField(default='', max_length=255, db_default=''),
        ),
    ]
