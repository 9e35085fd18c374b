# ruff: noqa: RUF012
# fmt: off
from tortoise import fields, migrations
from tortoise.migrations import operations as ops


class Migration(migrations.Migration):
    dependencies = [('store', '0005_recording_chain')]

    initial = False

    operations = [
        ops.AddField(
            model_name='Queue',
            name='record_tone_s',
            field=fields.FloatField(default=0.0, db_default=0.0),
        ),
    ]
