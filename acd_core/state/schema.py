"""What of the engine is memory: every class with the attributes that later decisions depend on.

An attribute is either a *field*, which an image holds, or *wiring*, which a new engine has of
itself: the other parts, and what only lasts for one event. A test compares both lists with the
sources, so that nothing new can be left out.
"""

from collections.abc import Callable
from enum import Enum
from hashlib import sha256
from typing import Final, NamedTuple

import msgspec

from acd_core.agent import AgentConfig, AgentState, Medium
from acd_core.call_queue import CallerTier, QueueConfig
from acd_core.eligibility.capacity import Beside
from acd_core.eligibility.demands import Demands
from acd_core.eligibility.reserves import Reserves
from acd_core.eligibility.widening import Widenings
from acd_core.engine import AcdEngine
from acd_core.events import CallOffered, Outcome
from acd_core.floor.contact import Contact, ContactState
from acd_core.floor.lines import Lines
from acd_core.floor.records import AgentRecord, CallBook, QueueRecord
from acd_core.floor.roster import Roster
from acd_core.floor.urgency import Urgencies
from acd_core.ids import AgentId, CallId, QueueId
from acd_core.queue_life.announcements import Announcer, Told
from acd_core.queue_life.callbacks import Callbacks
from acd_core.queue_life.kept_place import Place, PlaceState
from acd_core.queue_life.life import QueueLife
from acd_core.queue_life.opening import Opening
from acd_core.queue_life.options import CallbackRules
from acd_core.queue_life.overflow import Overflows
from acd_core.routing.registry import Ring, Strategy
from acd_core.stats.estimates import Rolling, WaitEstimates
from acd_core.stats.occupancy import Load
from acd_core.stats.visits import VisitCounter

MEANING: Final = 1
"""Counts up when a field keeps its name and means something else."""


class Part(NamedTuple):
    """A class of which an engine has one object."""

    made: type
    fields: tuple[str, ...]
    wiring: tuple[str, ...] = ()
    path: str = ""
    """Where the object is, from the engine on; empty for the engine itself."""


class Thing(NamedTuple):
    """A class of which an engine has many objects, which refer to each other."""

    made: type
    blank: Callable[[], object]
    """Makes one, with fields of no meaning."""
    fields: tuple[str, ...]


# Compiled classes cannot be made but by their constructors.
_RULE: Final = Strategy(
    name="", number=0, version=0, en="", zh="", by=(), ring=Ring.ONE, choose=lambda *_: -1
)
_AGENT: Final = AgentConfig(agent=AgentId(0))
_CALL: Final = CallOffered(call=CallId(0), queue=QueueId(0))
_QUEUE: Final = QueueRecord(QueueConfig(queue=QueueId(0)), 0, _RULE, 0)
_CONTACT: Final = Contact(_CALL, _QUEUE, 0.0)


def _names(names: str) -> tuple[str, ...]:
    return tuple(names.split())


PARTS: Final = (
    Part(
        AcdEngine,
        _names("now"),
        _names("_out _matcher _roster _lines _life _gone _kept _offers _handlers"),
    ),
    Part(
        Roster,
        _names(
            "agents deadlines closings freed fewer ranked sharing watched staff_changed "
            "lenders bound bound_to _by_handle _tiers _stations"
        ),
        _names("_matcher _out"),
        "_roster",
    ),
    Part(
        Lines,
        _names(
            "queues max_waits preferences ring_steps loose holding tiers _by_handle _slots "
            "_free_slots"
        ),
        _names("calls demands urgencies reserves widening widenings life kept _matcher _out"),
        "_lines",
    ),
    Part(CallBook, _names("_calls"), (), "_lines.calls"),
    Part(
        Demands,
        _names("mixed named _wants _members _lenders _plain _tiered"),
        _names("_matcher"),
        "_lines.demands",
    ),
    Part(
        Urgencies,
        _names("weighted _queues _touched"),
        _names("_matcher _demands"),
        "_lines.urgencies",
    ),
    Part(Reserves, _names("touched _queues open"), _names("_demands"), "_lines.reserves"),
    Part(Widenings, _names("deadlines alone"), _names("_demands"), "_lines.widening"),
    Part(
        QueueLife,
        _names("_caring"),
        _names("_lines announcer opening overflows callbacks"),
        "_lines.life",
    ),
    Part(
        Announcer,
        _names("deadlines _told _ripe gone"),
        _names("_lines _out"),
        "_lines.life.announcer",
    ),
    Part(
        Opening,
        _names("deadlines _slots _queues _open"),
        _names("_lines"),
        "_lines.life.opening",
    ),
    Part(Overflows, _names("deadlines"), _names("_lines _out"), "_lines.life.overflows"),
    Part(
        Callbacks,
        _names("deadlines places _kept _slots _free_slots _looked _look_at"),
        _names("_lines _opening _out"),
        "_lines.life.callbacks",
    ),
)
THINGS: Final = (
    Thing(
        AgentRecord,
        lambda: AgentRecord(_AGENT, 0, 0, 0.0),
        _names(
            "agent beside busy config contact handle handled idle_since leaving load loaded "
            "misses occupancy pause pause_until profile reachable reason room since state "
            "station until version wrapping"
        ),
    ),
    Thing(
        QueueRecord,
        lambda: QueueRecord(_QUEUE.config, 0, _RULE, 0),
        _names(
            "calls chosen config counter demand demands estimates given guarded kept "
            "last_offered lends lent level line lined lively mixed number offers strategy "
            "talking urgency urgent version"
        ),
    ),
    Thing(
        Contact,
        lambda: Contact(_CALL, _QUEUE, 0.0),
        _names(
            "agent alone answered began call demand entered event found handle joinable "
            "medium offers order others overdue predicted preference_over preferring queue "
            "slot state step tier visited"
        ),
    ),
    Thing(Beside, Beside, _names("open closing")),
    Thing(
        VisitCounter,
        VisitCounter,
        _names("_ended _in_time _longest _waits in_system offered"),
    ),
    Thing(
        WaitEstimates,
        WaitEstimates,
        _names("_abandons _biases _completed _errors _last _next _past _waits aht"),
    ),
    Thing(Rolling, Rolling, _names("count mean recent")),
    Thing(
        Told,
        lambda: Told(_CONTACT),
        _names("contact due here high_s last low_s place ripe ripens"),
    ),
    Thing(
        Place,
        lambda: Place(_CONTACT, "", CallbackRules(), 0.0),
        _names("attempts contact deadline number rules since slot state taken"),
    ),
)
ENUMS: Final[tuple[type[Enum], ...]] = (
    AgentState,
    Medium,
    ContactState,
    Outcome,
    PlaceState,
    Load,
)
VALUES: Final[tuple[type[msgspec.Struct], ...]] = (
    AgentConfig,
    QueueConfig,
    CallerTier,
    CallOffered,
    CallbackRules,
)
"""Configuration and events; as in the journal, they may gain fields that have a default."""


def _shape() -> str:
    """Name the form of an image: another version of the engine may have another one."""
    seen = sha256(f"{MEANING}".encode())
    for part in (*PARTS, *THINGS):
        seen.update(f"{part.made.__name__}:{','.join(part.fields)};".encode())
    for named in (*ENUMS, *VALUES):
        seen.update(f"{named.__name__};".encode())
    return seen.hexdigest()[:16]


SHAPE: Final = _shape()
