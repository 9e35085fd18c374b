"""What is wrong with settings by themselves: field -> code, which pages put into words.

Whether the names in them exist is asked by ``Administration``.
"""

import re
from collections.abc import Mapping, Sequence
from typing import Final
from zoneinfo import available_timezones

import msgspec

from acd_core.agent import AgentState, Medium
from acd_core.call_queue import HIGHEST_SHARE, HIGHEST_WEIGHT, CallRule, NoAgents
from acd_core.errors import ConfigurationFault
from acd_core.opening_hours import WEEKDAYS, parse_hours
from acd_core.queue_life.options import (
    MOST_OVERFLOWS,
    Announcements,
    CallbackRules,
    Closing,
    check_announcements,
    check_callback,
)
from acd_core.routing.skill_expression import ExpressionFault, parse
from daemon.service.messages import ROLES
from daemon.service.settings import (
    CalendarSettings,
    PersonSettings,
    QueueSettings,
    StationSettings,
    TierSettings,
)

Faults = dict[str, str]

DAY_S: Final = 86_400
WEEK_S: Final = 7 * DAY_S
# Logged out and unreachable always do, ready never.
_MAY_COUNT_AS_ABSENT: Final = frozenset(
    set(AgentState) - {AgentState.LOGGED_OUT, AgentState.UNREACHABLE, AgentState.READY}
)
_RANGES: Final[Mapping[str, tuple[float, float]]] = {
    "ring_s": (1, 600),
    "ring_step_s": (1, 600),
    "wrap_up_s": (0, DAY_S),
    "max_wait_s": (0, DAY_S),
    "last_agent_s": (0, DAY_S),
    "short_abandon_s": (0, DAY_S),
    "record_tone_s": (0, 3600),
    "service_level_s": (0.001, DAY_S),
    "service_level_target": (0, 1),
    "reserve_below": (0, 1),
    "reserve_over_s": (0, DAY_S),
    "max_waiting": (0, 1_000_000),
    "max_estimate_s": (0, DAY_S),
    "max_ratio": (0, 1000),
    "misses_to_pause": (0, 1_000_000),
    "max_overflows": (0, MOST_OVERFLOWS),
    "priority": (-10, 10),
    "aging_s": (0, DAY_S),
    "call_share": (0, HIGHEST_SHARE),
    "weight": (0.001, HIGHEST_WEIGHT),
    "seed": (0, 2**31 - 1),
}
_KNOWN: Final[Mapping[str, frozenset[str]]] = {
    "call_rule": frozenset(CallRule),
    "no_agents": frozenset(NoAgents),
    "closing": frozenset(Closing),
    "medium": frozenset(Medium),
}
_CALLING_NUMBER: Final = re.compile(r"(?=.)\+?[0-9A-Za-z._-]*\*?")
_STATION: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")


def queue_faults(queue: QueueSettings, strategies: Sequence[str]) -> Faults:
    """Faults of a queue."""
    faults: Faults = {}
    if not _is_slug(queue.slug):
        faults["slug"] = "invalid"
    if queue.strategy not in strategies:
        faults["strategy"] = "unknown"
    for field, (least, most) in _RANGES.items():
        if not least <= getattr(queue, field) <= most:
            faults[field] = "out-of-range"
    for field, known in _KNOWN.items():
        if getattr(queue, field) not in known:
            faults[field] = "unknown"
    if any(not 1 <= level <= 10 for level in queue.skills.values()):
        faults["skills"] = "out-of-range"
    if any(not 1 <= share <= HIGHEST_SHARE for share in queue.shares.values()):
        faults["shares"] = "out-of-range"
    if set(queue.absent) - _MAY_COUNT_AS_ABSENT:
        faults["absent"] = "unknown"
    _demand_faults(queue, faults)
    _waiting_faults(queue, faults)
    return faults


def _demand_faults(queue: QueueSettings, faults: Faults) -> None:
    """Expressions that cannot be read, and steps that go back in time."""
    last = -1.0
    for step in queue.widening:
        if not last < step.after_s <= DAY_S or step.after_s < 0:
            faults["widening"] = "out-of-order"
        last = step.after_s
    texts = [("widening", step.skill_expression) for step in queue.widening]
    for field, text in (*texts, ("skill_expression", queue.skill_expression)):
        try:
            parse(text)
        except ExpressionFault:
            faults[field] = "expression"


def _waiting_faults(queue: QueueSettings, faults: Faults) -> None:
    """What callers who wait are promised and cannot get."""
    for way in queue.overflow:
        times = (way.after_s, way.improve_s)
        if not way.to:
            faults["overflow"] = "missing"
        elif queue.slug in way.to:
            faults["overflow"] = "itself"
        elif not (way.after_s or way.when_refused or way.when_nobody):
            faults["overflow"] = "never"
        elif not all(0 <= seconds <= DAY_S for seconds in times):
            faults["overflow"] = "out-of-range"
    said, called = queue.announcements, queue.callback
    if said is not None:
        try:
            check_announcements(msgspec.convert(msgspec.to_builtins(said), Announcements), "")
        except (ConfigurationFault, msgspec.ValidationError):
            faults["announcements"] = "gap"
        if not (said.position or said.estimate or said.prompt):
            faults["announcements"] = "missing"
    if called is not None:
        try:
            check_callback(msgspec.convert(msgspec.to_builtins(called), CallbackRules), "")
        except (ConfigurationFault, msgspec.ValidationError):
            faults["callback"] = "out-of-range"
        if not called.longest_s <= WEEK_S:
            faults["callback"] = "out-of-range"


def person_faults(person: PersonSettings) -> Faults:
    """Faults of a person."""
    faults: Faults = {}
    if not _is_slug(person.login):
        faults["login"] = "invalid"
    if not person.roles:
        faults["roles"] = "missing"
    elif not set(person.roles) <= set(ROLES):
        faults["roles"] = "unknown"
    if any(not 1 <= level <= 10 for level in person.skills.values()):
        faults["skills"] = "out-of-range"
    if not set(person.reserve) <= set(person.skills):
        faults["reserve"] = "not-a-skill"
    if person.only_queues and not person.queues:
        faults["only_queues"] = "no-queue"
    if not set(person.capacity) <= set(Medium):
        faults["capacity"] = "unknown"
    elif any(not 0 <= most <= 100 for most in person.capacity.values()):
        faults["capacity"] = "out-of-range"
    elif person.capacity.get(Medium.CALL, 1) > 1:
        faults["capacity"] = "one-call"
    if not set(person.interruptible) <= set(Medium) - {Medium.CALL}:
        faults["interruptible"] = "unknown"
    return faults


def tier_faults(tier: TierSettings) -> Faults:
    """Faults of a tier of callers."""
    faults: Faults = {}
    if not _is_slug(tier.slug):
        faults["slug"] = "invalid"
    if not -10 <= tier.priority <= 10:
        faults["priority"] = "out-of-range"
    if not 0 <= tier.limit_s <= DAY_S:
        faults["limit_s"] = "out-of-range"
    elif tier.limit_s and not tier.agents:
        faults["limit_s"] = "nobody"
    if not 0 <= tier.keep_lines <= 10_000:
        faults["keep_lines"] = "out-of-range"
    if not all(_CALLING_NUMBER.fullmatch(number) for number in tier.numbers):
        faults["numbers"] = "dialled"
    return faults


def calendar_faults(calendar: CalendarSettings) -> Faults:
    """Faults of a calendar."""
    faults: Faults = {}
    if not _is_slug(calendar.name):
        faults["name"] = "invalid"
    if calendar.zone and calendar.zone not in available_timezones():
        faults["zone"] = "unknown"
    if set(calendar.week) - set(WEEKDAYS):
        faults["week"] = "unknown"
    for field, week, days in (("week", calendar.week, {}), ("days", {}, calendar.days)):
        try:
            hours = parse_hours("UTC", week, days)
        except ConfigurationFault:
            faults.setdefault(field, "interval")
            continue
        for intervals in (*hours.week.values(), *hours.days.values()):
            last = 0
            for interval in intervals:
                if interval.begin < last:
                    faults.setdefault(field, "overlap")
                # One that runs past midnight is the last of its day.
                last = interval.end if interval.end > interval.begin else 24 * 60
    return faults


def station_faults(station: StationSettings, *, secret: str, keeps_secret: bool) -> Faults:
    """Faults of a station; ``keeps_secret`` when one is stored that stays usable."""
    faults: Faults = {}
    if not _STATION.fullmatch(station.name):
        faults["name"] = "invalid"
    if len(station.line) > 64:
        faults["line"] = "too-long"
    if len(station.realm) > 128 or '"' in station.realm:
        faults["realm"] = "invalid"
    if secret and len(secret) < 8:
        faults |= {"secret": "too-short"}
    elif not (station.line or secret or keeps_secret):
        faults |= {"secret": "required"}
    return faults


def _is_slug(text: str) -> bool:
    """Letters and digits of any script, with dots, dashes and underscores among them."""
    return len(text) <= 64 and text.translate(str.maketrans("", "", ".-_")).isalnum()
