# ruff: noqa: RUF012
# fmt: off
import functools
from json import dumps, loads

from tortoise import fields, migrations
from tortoise.migrations import operations as ops


class Migration(migrations.Migration):
    dependencies = [('store', '0001_initial')]

    initial = False

    operations = [
        ops.AddField(model_name='Queue', name='skill_expression', field=fields.CharField(default='', db_default='', max_length=1000)),
        ops.AddField(model_name='Queue', name='widening', field=fields.JSONField(default=list, db_default=[], encoder=functools.partial(dumps, separators=(',', ':')), decoder=loads)),
        ops.AddField(model_name='Queue', name='call_rule', field=fields.CharField(default='priority', db_default='priority', max_length=32)),
        ops.AddField(model_name='Queue', name='aging_s', field=fields.FloatField(default=60.0, db_default=60.0)),
        ops.AddField(model_name='Queue', name='call_share', field=fields.IntField(default=0, db_default=0)),
        ops.AddField(model_name='Queue', name='shares', field=fields.JSONField(default=dict, db_default={}, encoder=functools.partial(dumps, separators=(',', ':')), decoder=loads)),
        ops.AddField(model_name='Queue', name='seed', field=fields.IntField(default=0, db_default=0)),
        ops.AddField(model_name='Queue', name='max_estimate_s', field=fields.FloatField(default=0.0, db_default=0.0)),
        ops.AddField(model_name='Queue', name='max_ratio', field=fields.FloatField(default=0.0, db_default=0.0)),
        ops.AddField(model_name='Queue', name='no_agents', field=fields.CharField(default='wait', db_default='wait', max_length=16)),
        ops.AddField(model_name='Queue', name='absent', field=fields.JSONField(default=list, db_default=[], encoder=functools.partial(dumps, separators=(',', ':')), decoder=loads)),
    ]
