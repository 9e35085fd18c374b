"""A queue: what it demands, how long it may become, and what its calls may wait."""

from enum import StrEnum
from typing import Final

import msgspec

from acd_core.agent import AgentState, Medium
from acd_core.errors import ConfigurationFault
from acd_core.ids import AgentId, QueueId, TierId
from acd_core.opening_hours import OpeningHours, check_hours
from acd_core.queue_life.options import (
    MOST_OVERFLOWS,
    Announcements,
    CallbackRules,
    Closing,
    Overflow,
    check_announcements,
    check_callback,
    check_overflow,
)
from acd_core.skills import Alternatives, Requirement, check_alternatives, merge

HIGHEST_PRIORITY: Final = 1_000_000
HIGHEST_SHARE: Final = 1000
LONGEST_AGING_S: Final = 86_400
HIGHEST_WEIGHT: Final = 1000


class NoAgents(StrEnum):
    """What a queue does with calls when nobody with the skills is logged in."""

    WAIT = "wait"
    REFUSE = "refuse"
    """Calls are refused at entry; those inside stay."""
    LEAVE = "leave"
    """Calls are refused at entry, and those inside leave when the last agent goes."""


class CallRule(StrEnum):
    """How calls of a queue stand against those of other queues that an agent serves too."""

    PRIORITY = "priority"
    """Higher priority first, then the longer wait; low priorities may starve."""
    AGING = "aging"
    """The longer wait first; each level of priority counts as ``aging_s`` seconds of it."""
    GREATEST_NEED = "greatest_need"
    """The longest predicted wait first."""
    SERVICE_OBJECTIVE = "service_objective"
    """The longest predicted wait first, as a multiple of ``service_level_s``."""
    SERVICE_GUARD = "service_guard"
    """As priority; ahead of it while the service level is below ``service_target``."""
    PERCENT = "percent"
    """The queue furthest below its ``call_share`` of all calls served."""
    WEIGHTED = "weighted"
    """The longer wait first, a second of it counting ``weight`` times.

    Higher priority still comes first. Beside it, a second of wait in a queue of another rule
    counts once; in one that goes by aging, so does its aged wait, without priority. Queues
    that are urgent by their rule come before.
    """


class Widening(msgspec.Struct, frozen=True, kw_only=True):
    """From when on a call that still waits makes do with other agents."""

    after_s: float
    """Wait, credit included, in seconds."""
    any_of: Alternatives = ()
    """Instead of what the queue demands; what the call itself demands stays."""
    when_nobody: bool = False
    """Also at once, when nobody who would do before this step is logged in."""


class QueueConfig(msgspec.Struct, frozen=True, kw_only=True):
    """Everything the engine knows about one queue; durations in seconds."""

    queue: QueueId
    name: str = ""
    required: tuple[Requirement, ...] = ()
    """Skills that every agent of the queue must have; none means everybody."""
    any_of: Alternatives = ()
    """Beside ``required``: an agent must satisfy one of these, where there are any."""
    widening: tuple[Widening, ...] = ()
    """In the order of time."""
    strategy: str = "longest_idle"
    """Name of a rule in ``acd_core/routing/``."""
    priority: int = 0
    """Added to the caller's own; higher is served first."""
    call_rule: CallRule = CallRule.PRIORITY
    aging_s: float = 60.0
    """Seconds of wait that one level of priority is worth, for aging."""
    service_target: float = 0.8
    """Service level that the guard keeps, 0 to 1."""
    call_share: int = 0
    """Share of the calls served, for the rule percent."""
    weight: float = 1.0
    """What a second of wait counts against other queues, for the rule weighted."""
    medium: Medium = Medium.CALL
    ring_step_s: float = 5.0
    """One more agent rings after each, for the rule ring_progressively."""
    reserve_below: float = 0.0
    """Service level, 0 to 1, below which reserve agents help; 0 never."""
    reserve_over_s: float | None = None
    """Estimated wait above which reserve agents help; None never."""
    hours: OpeningHours | None = None
    """Outside these no caller is let in; None is always open."""
    closing: Closing = Closing.SERVE
    unattended: bool = False
    """No caller is let in, whoever is there: nights, emergencies, drills."""
    overflow: tuple[Overflow, ...] = ()
    """Ways to other queues, in the order in which they are tried."""
    max_overflows: int = 3
    """A caller moves no more often than this."""
    announcements: Announcements | None = None
    callback: CallbackRules | None = None
    """None takes no call-backs."""
    offer_s: float = 20.0
    """How long an agent's station rings before the call goes back."""
    wrap_up_s: float = 0.0
    """After-call work; 0 means none."""
    max_waiting: int | None = None
    max_wait_s: float | None = None
    max_estimate_s: float | None = None
    """Callers who would wait longer are refused, unless the queue is empty."""
    max_ratio: float | None = None
    """Callers who would make (waiting + 1) / logged-in agents greater are refused, likewise."""
    no_agents: NoAgents = NoAgents.WAIT
    absent: tuple[AgentState, ...] = (AgentState.UNREACHABLE,)
    """States, besides logged out, in which an agent counts as none for ``no_agents``."""
    misses_to_pause: int = 1
    """Offers missed in a row after which the agent stays paused; 0 never."""
    miss_rest_s: float = 5.0
    """Rest of an agent between a missed offer and the next, below that number."""
    connect_s: float = 10.0
    """How long joining agent and caller may take after the agent accepted."""
    service_level_s: float = 20.0
    """Threshold T of the service level figures."""
    estimate_error_limit: float = 0.5
    """Largest rolling error with which a wait is told: the mean of |predicted - real| / real."""
    seed: int = 0
    """Where the lots of random rules begin; the same seed draws the same agents."""
    shares: dict[AgentId, int] = {}
    """Share of the calls that agents should get, for percent allocation."""


class CallerTier(msgspec.Struct, frozen=True, kw_only=True):
    """A green channel: callers who come before others, and to agents of their own first."""

    tier: TierId
    name: str = ""
    priority: int = 0
    """Added to the priority of their calls."""
    agents: tuple[AgentId, ...] = ()
    """Who is asked first, whatever the queue; they must meet its demands."""
    limit_s: float = 0.0
    """How long a call waits for these agents alone; the wait counts for its order after it."""


def check_tier(tier: CallerTier) -> None:
    """Raise ConfigurationFault when a tier cannot work as configured."""
    if not 0 <= tier.tier < 1 << 16:
        raise ConfigurationFault(f"tier {tier.tier}: the number is out of range")
    if abs(tier.priority) > HIGHEST_PRIORITY:
        raise ConfigurationFault(f"tier {tier.tier}: priority is out of range")
    if not 0 <= tier.limit_s < float("inf"):
        raise ConfigurationFault(f"tier {tier.tier}: limit_s must not be below 0")


def check_queue(queue: QueueConfig) -> None:
    """Raise ConfigurationFault when a queue cannot work as configured."""
    positive = {"offer_s": queue.offer_s, "connect_s": queue.connect_s}
    if queue.max_wait_s is not None:
        positive["max_wait_s"] = queue.max_wait_s
    for field, seconds in positive.items():
        if not 0 < seconds < float("inf"):
            raise ConfigurationFault(f"queue {queue.queue}: {field} must be above 0")
    for field, seconds in (("wrap_up_s", queue.wrap_up_s), ("miss_rest_s", queue.miss_rest_s)):
        if not 0 <= seconds < float("inf"):
            raise ConfigurationFault(f"queue {queue.queue}: {field} must not be below 0")
    for name, most in (("max_estimate_s", queue.max_estimate_s), ("max_ratio", queue.max_ratio)):
        if most is not None and not 0 < most < float("inf"):
            raise ConfigurationFault(f"queue {queue.queue}: {name} must be above 0")
    if AgentState.READY in queue.absent:
        raise ConfigurationFault(f"queue {queue.queue}: ready agents cannot count as absent")
    if queue.max_waiting is not None and queue.max_waiting < 0:
        raise ConfigurationFault(f"queue {queue.queue}: max_waiting must not be below 0")
    if not 0 <= queue.queue < 1 << 62:
        raise ConfigurationFault(f"queue {queue.queue}: the number is out of range")
    if abs(queue.priority) > HIGHEST_PRIORITY:
        raise ConfigurationFault(f"queue {queue.queue}: priority is out of range")
    if queue.misses_to_pause == 0 and queue.miss_rest_s == 0:
        raise ConfigurationFault(
            f"queue {queue.queue}: miss_rest_s must be above 0 when misses never pause an agent"
        )
    _check_demands(queue)
    _check_order(queue)
    if not 0 <= queue.seed < 1 << 32:
        raise ConfigurationFault(f"queue {queue.queue}: seed must be 0 to 2^32 - 1")
    if not all(1 <= share <= HIGHEST_SHARE for share in queue.shares.values()):
        raise ConfigurationFault(f"queue {queue.queue}: shares must be 1 to {HIGHEST_SHARE}")
    if not 0 <= queue.estimate_error_limit < float("inf"):
        raise ConfigurationFault(f"queue {queue.queue}: estimate_error_limit is out of range")
    if queue.misses_to_pause < 0:
        raise ConfigurationFault(f"queue {queue.queue}: misses_to_pause must not be below 0")
    _check_life(queue)


def _check_life(queue: QueueConfig) -> None:
    owner = f"queue {queue.queue}"
    if not 0 < queue.weight <= HIGHEST_WEIGHT:
        raise ConfigurationFault(f"{owner}: weight must be above 0, at most {HIGHEST_WEIGHT}")
    if not 0 < queue.ring_step_s < float("inf"):
        raise ConfigurationFault(f"{owner}: ring_step_s must be above 0")
    if not 0 <= queue.reserve_below <= 1:
        raise ConfigurationFault(f"{owner}: reserve_below must be 0 to 1")
    if queue.reserve_over_s is not None and not 0 < queue.reserve_over_s < float("inf"):
        raise ConfigurationFault(f"{owner}: reserve_over_s must be above 0")
    if not 0 <= queue.max_overflows <= MOST_OVERFLOWS:
        raise ConfigurationFault(f"{owner}: max_overflows must be 0 to {MOST_OVERFLOWS}")
    if queue.hours is not None:
        check_hours(queue.hours, owner)
    check_overflow(queue.overflow, owner)
    if queue.announcements is not None:
        check_announcements(queue.announcements, owner)
    if queue.callback is not None:
        check_callback(queue.callback, owner)


def _check_demands(queue: QueueConfig) -> None:
    owner = f"queue {queue.queue}"
    merge(queue.required)
    check_alternatives(queue.any_of, owner)
    last = -1.0
    for step in queue.widening:
        check_alternatives(step.any_of, owner)
        if not last < step.after_s < float("inf") or step.after_s < 0:
            raise ConfigurationFault(f"{owner}: widening must go up in time, from 0 on")
        last = step.after_s


def _check_order(queue: QueueConfig) -> None:
    owner = f"queue {queue.queue}"
    if not 0 <= queue.aging_s <= LONGEST_AGING_S:
        raise ConfigurationFault(f"{owner}: aging_s must be 0 to {LONGEST_AGING_S}")
    if not 0 <= queue.service_target <= 1:
        raise ConfigurationFault(f"{owner}: service_target must be 0 to 1")
    if not 0 <= queue.service_level_s < float("inf"):
        raise ConfigurationFault(f"{owner}: service_level_s must not be below 0")
    if not 0 <= queue.call_share <= HIGHEST_SHARE:
        raise ConfigurationFault(f"{owner}: call_share must be 0 to {HIGHEST_SHARE}")
