"""Rules of queues on their way: file, database, engine, console, and databases of before."""

import pkgutil
from pathlib import Path
from types import MappingProxyType

import msgspec
import pytest
from tortoise.context import TortoiseContext
from tortoise.migrations.executor import MigrationExecutor, MigrationTarget

from acd_core.agent import AgentState
from acd_core.call_queue import CallRule, NoAgents, check_queue
from acd_core.skills import Requirement
from daemon.control.facade.settings.faults import queue_faults
from daemon.control.facade.settings.things import QUEUES
from daemon.errors import ConfigError
from daemon.service.settings import QueueSettings, WideningSettings
from daemon.site_files.site_tables import parse_tables
from daemon.site_files.toml_writing import write_toml
from daemon.store import migrations
from daemon.store.connection import Store, database_config, opened_store
from daemon.store.first_import import export_tables, import_tables
from daemon.store.loader import load_queues, load_skills
from daemon.store.people import Agent, Skill, User
from daemon.store.routing import Queue

PEOPLE = b"""\
[[people]]
login = "anna"
skills = { english = 9, billing = 3, sales = 4 }
"""
TOML = b"""\
[[queues]]
slug = "service"
skill_expression = "english>=3 and (billing or sales)"
widening = [
    { after_s = 30, skill_expression = "english" },
    { after_s = 60, when_nobody = true },
]
strategy = "percent_allocation"
shares = { anna = 60, gone = 40 }
seed = 11
call_rule = "aging"
aging_s = 45
call_share = 3
max_estimate_s = 600
max_ratio = 2.5
no_agents = "leave"
absent = ["paused", "wrap_up"]
service_level_target = 0.9
"""
OLD_QUEUE = (
    "INSERT INTO queue (slug, name, skills, strategy, priority, ring_s, wrap_up_s, max_wait_s,"
    " max_waiting, on_timeout, on_full, last_agent_s, misses_to_pause, music, service_level_s,"
    " service_level_target, short_abandon_s, record, enabled, version) VALUES"
    " ('old', 'Old', '{}', 'most_skilled', 0, 15, 20, 0, 0, '', '', 0, 1, '', 20, 0.8, 5, true,"
    " true, 1)"
)
EMPTY = MappingProxyType({"numbers.toml": b"", "calendars.toml": b""})


def tables(queues: bytes = TOML, people: bytes = PEOPLE) -> dict[str, bytes]:
    return {**EMPTY, "people.toml": people, "queues.toml": queues}


async def test_the_engine_is_told_what_the_file_says(store: Store) -> None:
    await import_tables(parse_tables(tables(), ()), realm="r", now_ms=0)
    skills = await load_skills()
    (told,) = await load_queues(version=3)
    config = told.config
    check_queue(config)
    english, billing, sales = (skills[name] for name in ("english", "billing", "sales"))
    assert config.any_of == (
        (Requirement(billing, 1), Requirement(english, 3)),
        (Requirement(english, 3), Requirement(sales, 1)),
    )
    assert [(s.after_s, s.any_of, s.when_nobody) for s in config.widening] == [
        (30.0, ((Requirement(english, 1),),), False),
        (60.0, (), True),
    ]
    anna = await Agent.get(user__login="anna")
    assert config.shares == {anna.id: 60}
    assert (config.call_rule, config.aging_s, config.call_share) == (CallRule.AGING, 45.0, 3)
    assert (config.max_estimate_s, config.max_ratio, config.seed) == (600.0, 2.5, 11)
    assert config.no_agents is NoAgents.LEAVE
    assert config.absent == (AgentState.UNREACHABLE, AgentState.PAUSED, AgentState.WRAP_UP)
    assert config.service_target == 0.9


async def test_what_is_exported_is_what_was_imported(store: Store) -> None:
    found = parse_tables(tables(), ())
    await import_tables(found, realm="r", now_ms=0)
    exported = await export_tables()
    assert exported.queues == found.queues
    written = tables(write_toml(exported.queues), write_toml(exported.people))
    assert parse_tables(written, ()).queues == found.queues


@pytest.mark.parametrize(
    ("line", "fault"),
    [
        ('skill_expression = "english and"', "column 12: expected a skill"),
        ('skill_expression = "french"', "french"),
        ('widening = [{ after_s = 5, skill_expression = ")" }]', "column 1: expected a skill"),
        ('call_rule = "guess"', "guess"),
        ('absent = ["ready"]', "ready"),
        ("seed = -1", "seed"),
        ("shares = { anna = 0 }", "anna"),
    ],
)
def test_faults_of_the_file_are_named(line: str, fault: str) -> None:
    text = f'[[queues]]\nslug = "service"\n{line}\n'.encode()
    with pytest.raises(ConfigError) as caught:
        parse_tables(tables(text), ())
    assert fault in str(caught.value)


async def test_settings_of_the_console_are_kept_whole(store: Store) -> None:
    queue = QueueSettings(
        slug="service",
        name="Service",
        skill_expression="english>=3 or dutch",
        widening=(WideningSettings(after_s=20.0, skill_expression="english", when_nobody=True),),
        call_rule="service_guard",
        shares={"anna": 5},
        absent=("paused",),
        no_agents="refuse",
    )
    await QUEUES.write(queue)
    assert await QUEUES.read("service") == queue
    assert [skill.name for skill in await Skill.all().order_by("name")] == ["dutch", "english"]
    (told,) = await load_queues(version=1)
    assert len(told.config.any_of) == 2


@pytest.mark.parametrize(
    ("wrong", "field"),
    [
        ({"skill_expression": "english >"}, "skill_expression"),
        ({"widening": (WideningSettings(after_s=5, skill_expression="("),)}, "widening"),
        ({"widening": (WideningSettings(after_s=5), WideningSettings(after_s=5))}, "widening"),
        ({"call_rule": "guess"}, "call_rule"),
        ({"aging_s": -1.0}, "aging_s"),
        ({"call_share": 1001}, "call_share"),
        ({"shares": {"anna": 0}}, "shares"),
        ({"seed": -1}, "seed"),
        ({"max_estimate_s": float("nan")}, "max_estimate_s"),
        ({"max_ratio": -0.5}, "max_ratio"),
        ({"no_agents": "cry"}, "no_agents"),
        ({"absent": ("ready",)}, "absent"),
    ],
)
def test_settings_that_cannot_work_are_refused(wrong: dict[str, object], field: str) -> None:
    queue = msgspec.structs.replace(QueueSettings(slug="service", name=""), **wrong)
    assert set(queue_faults(queue, ("longest_idle",))) == {field}
    assert queue_faults(QueueSettings(slug="service", name=""), ("longest_idle",)) == {}


async def test_queues_of_a_database_of_before_go_on_as_they_were(new_database: Path | str) -> None:
    """From the first version through each one after it, on the way that every upgrade takes."""
    config = database_config(new_database)
    async with TortoiseContext() as context:
        await context.init(config=config)
        names = sorted(name for _, name, _ in pkgutil.iter_modules(migrations.__path__))
        for name in names:
            executor = MigrationExecutor(context.db(), config["apps"])
            await executor.migrate([MigrationTarget("store", name)])
            if name == names[0]:
                await context.db().execute_query(OLD_QUEUE)
        assert names[0] == "0001_initial"
    async with opened_store(new_database):
        assert await User.all().count() == 0
        queue = await Queue.get(slug="old")
        assert (queue.widening, queue.shares, queue.absent) == ([], {}, [])
        (told,) = await load_queues(version=1)
        assert (told.config.strategy, told.config.any_of) == ("most_skilled", ())
        assert told.config.call_rule is CallRule.PRIORITY
        assert await QUEUES.read("old") == QueueSettings(
            slug="old", name="Old", strategy="most_skilled", version=1
        )
