"""What queues do for waiting callers, what agents take, and tiers: file, database, engine."""

import pytest

from acd_core.agent import Medium
from acd_core.call_queue import CallRule, check_queue, check_tier
from acd_core.opening_hours import Interval
from acd_core.queue_life.options import Announcements, CallbackRules, Closing, Overflow
from daemon.errors import ConfigError
from daemon.site_files.site_tables import SiteTables, parse_tables, write_tables
from daemon.store.connection import Store
from daemon.store.first_import import export_tables, import_tables
from daemon.store.loader import load_agents, load_names, load_queues, load_tiers

PEOPLE = """\
[[people]]
login = "anna"
skills = { sales = 9, billing = 3 }
reserve = ["billing"]
queues = ["support", "sales"]
only_queues = true
capacity = { call = 1, chat = 3, mail = 5 }
interruptible = ["chat", "mail"]

[[people]]
login = "boss"
roles = ["administrator"]
"""
QUEUES = """\
[[queues]]
slug = "sales"
call_rule = "weighted"
weight = 2.5
strategy = "ring_progressively"
ring_step_s = 4
reserve_below = 0.7
reserve_over_s = 90
calendar = "office"
closing = "leave"
unattended = true
max_overflows = 2

[[queues.overflow]]
to = ["support"]
after_s = 60
improve_s = 15

[[queues.overflow]]
to = ["support", "mail"]
when_refused = true
when_nobody = true

[queues.announcements]
every_s = 45
on_progress = true
most_position = 9
prompt = "patience"

[queues.callback]
dial_ahead_s = 20
most_waiting = 5

[[queues]]
slug = "support"
callback = {}

[[queues]]
slug = "mail"
medium = "mail"
"""
CALLERS = """\
[[tiers]]
slug = "gold"
name = "Gold"
priority = 3
agents = ["anna"]
limit_s = 12
keep_lines = 2
numbers = ["+49301234", "+4989*"]
"""
CALENDARS = """\
[[calendars]]
name = "office"
zone = "Europe/Berlin"
week = { mon = ["09:00-12:00", "13:00-17:00"] }
"""


def files(**other: str) -> dict[str, bytes]:
    texts = {"people": PEOPLE, "queues": QUEUES, "callers": CALLERS, "calendars": CALENDARS}
    return {f"{name}.toml": text.encode() for name, text in (texts | other).items()}


async def imported(**other: str) -> SiteTables:
    found = parse_tables(files(**other), ())
    await import_tables(found, realm="r", now_ms=0)
    return found


async def test_the_engine_is_told_what_queues_do_for_callers_who_wait(store: Store) -> None:
    await imported()
    sales, support, mail = (told.config for told in await load_queues(version=7))
    check_queue(sales)
    assert (sales.call_rule, sales.weight, sales.ring_step_s) == (CallRule.WEIGHTED, 2.5, 4.0)
    assert (sales.reserve_below, sales.reserve_over_s) == (0.7, 90.0)
    assert (sales.closing, sales.unattended, sales.max_overflows) == (Closing.LEAVE, True, 2)
    assert sales.hours is not None
    assert sales.hours.zone == "Europe/Berlin"
    assert sales.hours.week[0] == (Interval(540, 720), Interval(780, 1020))
    assert sales.overflow == (
        Overflow(to=(support.queue,), after_s=60.0, improve_s=15.0),
        Overflow(to=(support.queue, mail.queue), when_refused=True, when_nobody=True),
    )
    assert sales.announcements == Announcements(
        every_s=45.0, on_progress=True, most_position=9, prompt="patience"
    )
    assert sales.callback == CallbackRules(dial_ahead_s=20.0, most_waiting=5)
    assert (support.callback, support.announcements) == (CallbackRules(), None)
    assert (support.hours, support.reserve_over_s) == (None, None)
    assert mail.medium is Medium.MAIL


async def test_the_engine_is_told_what_agents_take(store: Store) -> None:
    await imported()
    (told,) = await load_agents(version=7)
    names = await load_names()
    assert told.version == 7
    assert told.config.reserve == (names.skills["billing"],)
    assert told.config.queues == {names.queues["support"]: 0, names.queues["sales"]: 1}
    assert told.config.only_queues
    assert told.config.capacity == {Medium.CALL: 1, Medium.CHAT: 3, Medium.MAIL: 5}
    assert told.config.interruptible == (Medium.CHAT, Medium.MAIL)


async def test_the_engine_is_told_of_tiers(store: Store) -> None:
    await imported()
    (told,) = await load_tiers(version=7)
    check_tier(told.config)
    (anna,) = (await load_names()).agents.values()
    assert (told.config.name, told.config.priority, told.config.limit_s) == ("gold", 3, 12.0)
    assert told.config.agents == (anna,)


async def test_what_is_exported_is_what_was_imported(store: Store) -> None:
    found = await imported()
    exported = await export_tables()
    assert parse_tables(write_tables(exported), ()) == exported
    assert exported.people.people == found.people.people
    assert (exported.queues, exported.callers) == (found.queues, found.callers)
    assert exported.calendars == found.calendars


async def test_settings_at_their_defaults_come_back_as_defaults(store: Store) -> None:
    found = await imported(
        people='[[people]]\nlogin = "anna"\n', queues='[[queues]]\nslug = "q"\n', callers=""
    )
    exported = await export_tables()
    assert exported == found
    (told,) = await load_agents(version=1)
    assert (told.config.queues, told.config.capacity, told.config.reserve) == ({}, {}, ())


@pytest.mark.parametrize(
    ("file", "text", "fault"),
    [
        ("queues", "weight = 0", "queues.toml:3 [queues[1]] weight: must be more than 0"),
        ("queues", 'medium = "fax"', "queues.toml:3 [queues[1]] medium: "),
        ("queues", "ring_step_s = 0", "queues.toml:3 [queues[1]] ring_step_s: must be at least 1"),
        ("queues", "reserve_below = 80", "reserve_below: must be at most 1"),
        ("queues", 'closing = "stay"', "closing: there is no 'stay'"),
        ("queues", 'calendar = "ofice"', "calendar: there is no 'ofice' (did you mean 'office'?)"),
        ("queues", "max_overflows = 11", "max_overflows: must be at most 10"),
        (
            "queues",
            '[[queues.overflow]]\nto = ["q", "r"]\nafter_s = 5',
            "queues.toml:4 [queues[1].overflow[1]] to: 'q' is this queue itself",
        ),
        (
            "queues",
            '[[queues.overflow]]\nto = ["p"]\nafter_s = 5',
            "queues.toml:4 [queues[1].overflow[1]] to: there is no 'p'",
        ),
        (
            "queues",
            "[[queues.overflow]]\nto = []\nafter_s = 5",
            "queues.toml:4 [queues[1].overflow[1]] to: must name 1 to 32 queues",
        ),
        (
            "queues",
            '[[queues.overflow]]\nto = ["r"]',
            "queues.toml:3 [queues[1].overflow[1]] after_s: is missing: nothing ever moves",
        ),
        (
            "queues",
            "[queues.announcements]\nevery = 9",
            "queues.toml:4 [queues[1].announcements] every: unknown key (did you mean 'every_s'?)",
        ),
        (
            "queues",
            "[queues.announcements]\nevery_s = 9",
            "queues.toml:4 [queues[1].announcements] every_s: is shorter than min_gap_s",
        ),
        (
            "queues",
            "[queues.announcements]\nposition = false\nestimate = false",
            "queues.toml:3 [queues[1]] announcements: announces nothing",
        ),
        (
            "queues",
            "[queues.callback]\nring_s = 0",
            "queues.toml:4 [queues[1].callback] ring_s: must be at least 5",
        ),
        ("queues", "announcements = true", "announcements: must be a table"),
        ("people", 'reserve = ["billing"]', "people.toml:3 [people[1]] reserve: there is no"),
        ("people", 'queues = ["nowhere"]', "queues: there is no 'nowhere'"),
        ("people", "only_queues = true", "only_queues: leaves no queue at all"),
        ("people", "capacity = { call = 2 }", "capacity: an agent has one call at a time"),
        ("people", "capacity = { fax = 1 }", "people.toml:3 [people[1].capacity] fax: there is no"),
        ("people", 'interruptible = ["call"]', "interruptible: calls cannot be interrupted"),
        (
            "callers",
            'numbers = ["1 2"]',
            "callers.toml:3 [tiers[1]] numbers: '1 2' is not a number",
        ),
        ("callers", 'numbers = [""]', "numbers: '' is not a number"),
        ("callers", 'agents = ["nobody"]', "agents: there is no 'nobody'"),
        ("callers", "limit_s = 5", "limit_s: there is nobody to wait for"),
        (
            "callers",
            'numbers = ["1*"]\n[[tiers]]\nslug = "s"\nnumbers = ["1*"]',
            "callers.toml:6 [tiers[2]] numbers: '1*' belongs to tier 'q' too",
        ),
        ("callers", "priority = 11", "priority: must be at most 10"),
    ],
)
def test_faults_are_named_with_file_line_and_key(file: str, text: str, fault: str) -> None:
    starts = {
        "queues": "[[queues]]\nslug",
        "people": "[[people]]\nlogin",
        "callers": "[[tiers]]\nslug",
    }
    written = {
        "people": '[[people]]\nlogin = "a"\n',
        "queues": '[[queues]]\nslug = "r"\n',
        "callers": "",
        file: f'{starts[file]} = "q"\n{text}\n',
    }
    if file == "queues":
        written["queues"] += '[[queues]]\nslug = "r"\n'
    with pytest.raises(ConfigError) as caught:
        parse_tables(files(**written), ())
    (found,) = (str(one) for one in caught.value.faults)
    assert fault in found
