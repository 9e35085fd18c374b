# ruff: noqa: RUF012
# fmt: off
from tortoise import fields, migrations
from tortoise.migrations import operations as ops


class Migration(migrations.Migration):
    dependencies = [('store', '0003_queue_life')]

    initial = False

    operations = [
        ops.CreateModel(
            name='Stream',
            fields=[
                ('id', fields.BigIntField(primary_key=True, generated=False, unique=True, db_index=True)),
                ('call_id', fields.BigIntField(db_index=True)),
                ('leg_id', fields.BigIntField()),
                ('line', fields.CharField(default='', max_length=64)),
                ('ended_ms', fields.BigIntField(db_index=True)),
                ('packets_in', fields.BigIntField(default=0)),
                ('packets_out', fields.BigIntField(default=0)),
                ('lost', fields.BigIntField(default=0)),
                ('late', fields.BigIntField(default=0)),
                ('jitter_ms', fields.FloatField(default=0.0)),
                ('round_trip_ms', fields.FloatField(default=0.0)),
                ('delay_ms', fields.FloatField(default=0.0)),
                ('far_lost', fields.BigIntField(default=0)),
                ('far_jitter_ms', fields.FloatField(default=0.0)),
                ('mos', fields.FloatField(default=0.0)),
            ],
            options={'table': 'stream', 'app': 'store', 'pk_attr': 'id', 'table_description': 'The audio of one leg over RTP: how it arrived here and, by its reports, there.'},
            bases=['Model'],
        ),
        ops.AlterField(
            model_name='Segment',
            name='result',
            field=fields.CharField(default='', max_length=24),
        ),
    ]
