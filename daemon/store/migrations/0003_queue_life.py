# ruff: noqa: RUF012
# fmt: off
import functools
from json import dumps, loads

from tortoise import fields, migrations
from tortoise.migrations import operations as ops


class Migration(migrations.Migration):
    dependencies = [('store', '0002_queue_rules')]

    initial = False

    operations = [
        ops.CreateModel(
            name='Tier',
            fields=[
                ('id', fields.IntField(generated=True, primary_key=True, unique=True, db_index=True)),
                ('slug', fields.CharField(unique=True, max_length=64)),
                ('name', fields.CharField(default='', max_length=128)),
                ('priority', fields.IntField(default=0)),
                ('agents', fields.JSONField(default=list, encoder=functools.partial(dumps, separators=(',', ':')), decoder=loads)),
                ('limit_s', fields.FloatField(default=0.0)),
                ('keep_lines', fields.IntField(default=0)),
                ('numbers', fields.JSONField(default=list, encoder=functools.partial(dumps, separators=(',', ':')), decoder=loads)),
                ('enabled', fields.BooleanField(default=True)),
                ('version', fields.IntField(default=1)),
            ],
            options={'table': 'tier', 'app': 'store', 'pk_attr': 'id', 'table_description': 'Callers who come before others, its id is the TierId of the engine.'},
            bases=['Model'],
        ),
        ops.AddField(model_name='Agent', name='capacity', field=fields.JSONField(default=dict, db_default={}, encoder=functools.partial(dumps, separators=(',', ':')), decoder=loads)),
        ops.AddField(model_name='Agent', name='interruptible', field=fields.JSONField(default=list, db_default=[], encoder=functools.partial(dumps, separators=(',', ':')), decoder=loads)),
        ops.AddField(model_name='Agent', name='only_queues', field=fields.BooleanField(default=False, db_default=False)),
        ops.AddField(model_name='Agent', name='queues', field=fields.JSONField(default=list, db_default=[], encoder=functools.partial(dumps, separators=(',', ':')), decoder=loads)),
        ops.AddField(model_name='Agent', name='reserve', field=fields.JSONField(default=list, db_default=[], encoder=functools.partial(dumps, separators=(',', ':')), decoder=loads)),
        ops.AddField(model_name='Queue', name='announcements', field=fields.JSONField(null=True, encoder=functools.partial(dumps, separators=(',', ':')), decoder=loads)),
        ops.AddField(model_name='Queue', name='calendar', field=fields.CharField(default='', db_default='', max_length=64)),
        ops.AddField(model_name='Queue', name='callback', field=fields.JSONField(null=True, encoder=functools.partial(dumps, separators=(',', ':')), decoder=loads)),
        ops.AddField(model_name='Queue', name='closing', field=fields.CharField(default='serve', db_default='serve', max_length=16)),
        ops.AddField(model_name='Queue', name='max_overflows', field=fields.IntField(default=3, db_default=3)),
        ops.AddField(model_name='Queue', name='medium', field=fields.CharField(default='call', db_default='call', max_length=16)),
        ops.AddField(model_name='Queue', name='overflow', field=fields.JSONField(default=list, db_default=[], encoder=functools.partial(dumps, separators=(',', ':')), decoder=loads)),
        ops.AddField(model_name='Queue', name='reserve_below', field=fields.FloatField(default=0.0, db_default=0.0)),
        ops.AddField(model_name='Queue', name='reserve_over_s', field=fields.FloatField(default=0.0, db_default=0.0)),
        ops.AddField(model_name='Queue', name='ring_step_s', field=fields.FloatField(default=5.0, db_default=5.0)),
        ops.AddField(model_name='Queue', name='unattended', field=fields.BooleanField(default=False, db_default=False)),
        ops.AddField(model_name='Queue', name='weight', field=fields.FloatField(default=1.0, db_default=1.0)),
        ops.AddField(model_name='Station', name='version', field=fields.IntField(default=1, db_default=1)),
    ]
