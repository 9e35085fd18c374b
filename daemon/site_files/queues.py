"""``queues.toml``: the queues, who may serve them, and their limits."""

from typing import Annotated, Final, Literal

import msgspec

from acd_core.routing.skill_expression import ExpressionFault, parse
from daemon.site_files.people import Level, MediumName, Slug
from daemon.site_files.queue_options import (
    AnnouncementsEntry,
    CallbackEntry,
    OverflowEntry,
    Seconds,
    check_announcements,
    check_overflow,
)
from daemon.site_files.toml_lines import Path
from daemon.site_files.toml_table import TomlFile

FILE: Final = "queues.toml"
Expression = Annotated[str, msgspec.Meta(max_length=1000)]
StateName = Literal["reserved", "ringing", "talking", "on_hold", "wrap_up", "paused", "busy"]


class WideningEntry(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """``widening = [{...}]``: from when on a caller makes do with other agents."""

    after_s: Seconds
    """Wait so far."""
    skill_expression: Expression = ""
    """Instead of the skills of the queue; empty means every agent."""
    when_nobody: bool = False
    """Also at once, when nobody who would do before this step is logged in."""


class QueueEntry(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """``[[queues]]``: one queue; durations in seconds, 0 means no limit."""

    slug: Slug
    name: str = ""
    skills: dict[Slug, Level] = {}
    """Skill -> least level; none means every agent."""
    skill_expression: Expression = ""
    """Beside skills: english>=3 and (billing or sales)."""
    widening: tuple[WideningEntry, ...] = ()
    """In the order of time."""
    strategy: str = "longest_idle"
    """Name of a rule for choosing the agent."""
    priority: Annotated[int, msgspec.Meta(ge=-10, le=10)] = 0
    call_rule: Literal[
        "priority",
        "aging",
        "greatest_need",
        "service_objective",
        "service_guard",
        "percent",
        "weighted",
    ] = "priority"
    """Order against calls of other queues; with priority, low priorities may starve."""
    aging_s: Seconds = 60.0
    """Wait that one level of priority is worth, for aging."""
    call_share: Annotated[int, msgspec.Meta(ge=0, le=1000)] = 0
    """Share of the calls served, for percent."""
    weight: Annotated[float, msgspec.Meta(gt=0, le=1000)] = 1.0
    """What a second of wait counts against other queues, for weighted."""
    medium: MediumName = "call"
    """What the queue holds; agents have room for so many of each."""
    shares: dict[Slug, Annotated[int, msgspec.Meta(ge=1, le=1000)]] = {}
    """Login -> share of the calls of this queue, for percent_allocation."""
    seed: Annotated[int, msgspec.Meta(ge=0, le=2**31 - 1)] = 0
    """Where the lots of random rules begin."""
    ring_s: Annotated[float, msgspec.Meta(ge=1, le=600)] = 15.0
    ring_step_s: Annotated[float, msgspec.Meta(ge=1, le=600)] = 5.0
    """One more telephone rings after each, for ring_progressively."""
    reserve_below: Annotated[float, msgspec.Meta(ge=0, le=1)] = 0.0
    """Service level below which reserve agents help; 0 never."""
    reserve_over_s: Seconds = 0.0
    """Estimated wait above which reserve agents help; 0 never."""
    wrap_up_s: Seconds = 20.0
    max_wait_s: Seconds = 0.0
    max_waiting: Annotated[int, msgspec.Meta(ge=0)] = 0
    max_estimate_s: Seconds = 0.0
    """Callers who would wait longer are refused, unless nobody waits."""
    max_ratio: Annotated[float, msgspec.Meta(ge=0, le=1000)] = 0.0
    """Most callers for each agent who is logged in; an empty queue takes one always."""
    no_agents: Literal["wait", "refuse", "leave"] = "wait"
    """What becomes of callers when nobody serves the queue."""
    absent: tuple[StateName, ...] = ()
    """States in which agents count as nobody, besides logged_out and unreachable."""
    calendar: str = ""
    """Opening hours, a name of calendars.toml; empty means always open."""
    closing: Literal["serve", "leave"] = "serve"
    """What becomes of callers who wait when the opening hours end."""
    unattended: bool = False
    """No caller is let in, and those who wait leave: nights, emergencies, drills."""
    overflow: tuple[OverflowEntry, ...] = ()
    """Ways to other queues, in the order in which they are tried."""
    max_overflows: Annotated[int, msgspec.Meta(ge=0, le=10)] = 3
    """A caller moves no more often than this."""
    announcements: AnnouncementsEntry | None = None
    """What callers are told while they wait; without it, nothing."""
    callback: CallbackEntry | None = None
    """How callers may be called back; without it, no call-backs are taken."""
    on_timeout: str = ""
    """Flow for callers who waited too long; empty hangs up."""
    on_full: str = ""
    """Flow for callers who are refused; empty hangs up."""
    last_agent_s: Seconds = 0.0
    """How long a caller is kept for the agent of the last call; 0 switches it off."""
    misses_to_pause: Annotated[int, msgspec.Meta(ge=0)] = 1
    """Offers missed in a row after which an agent is paused; 0 never."""
    music: str = ""
    """Prompt played to waiting callers, from ``prompts/``."""
    service_level_s: Seconds = 20.0
    service_level_target: Annotated[float, msgspec.Meta(ge=0, le=1)] = 0.8
    short_abandon_s: Seconds = 5.0
    record: bool = True
    record_tone_s: Annotated[float, msgspec.Meta(ge=0, le=3600)] = 0.0
    """Seconds from beep to beep that tell both sides of a recording; 0: none."""
    enabled: bool = True


class QueuesFile(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """All of ``queues.toml``."""

    queues: tuple[QueueEntry, ...] = ()


def read_queues(toml: TomlFile) -> QueuesFile | None:
    """Check and convert; faults stay in ``toml``, None when there are any."""
    found = toml.table((), QueuesFile)
    if found is None or toml.repeated("queues", "slug"):
        return None
    faults = len(toml.faults)
    for index, queue in enumerate(found.queues):
        _check_expression(toml, ("queues", index, "skill_expression"), queue.skill_expression)
        for place, step in enumerate(queue.widening):
            path = ("queues", index, "widening", place, "skill_expression")
            _check_expression(toml, path, step.skill_expression)
        check_overflow(toml, ("queues", index), queue.overflow, queue.slug)
        check_announcements(toml, ("queues", index), queue.announcements)
    return found if len(toml.faults) == faults else None


def skills_named(queue: QueueEntry) -> set[str]:
    """Every skill that a queue names, in expressions as well."""
    texts = (queue.skill_expression, *(step.skill_expression for step in queue.widening))
    found = {name for text in texts for pairs in parse(text) for name, _ in pairs}
    return found | set(queue.skills)


def _check_expression(toml: TomlFile, path: Path, text: str) -> None:
    try:
        parse(text)
    except ExpressionFault as error:
        toml.fault(path, str(error))
