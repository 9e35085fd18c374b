"""Settings as the facade gives and takes them: people, queues, tiers, numbers, calendars.

Durations are seconds and end in ``_s``. A struct that comes back from a ``list_`` operation
can be changed and given to the ``put_`` operation as it is; its version is 0 for a new
thing, else as read, so that two editors notice each other.
"""

import msgspec

from daemon.service.messages import Text


class PersonSettings(msgspec.Struct, frozen=True, kw_only=True):
    """A person: roles, and for agents station and skills."""

    login: str
    name: str
    roles: tuple[str, ...] = ("agent",)
    station: str = ""
    skills: dict[str, int] = {}
    """Skill -> level, 1 to 10, 10 best."""
    reserve: tuple[str, ...] = ()
    """Skills lent only while a queue's service is below its limit."""
    queues: tuple[str, ...] = ()
    """Slugs of the queues whose calls come first, in this order."""
    only_queues: bool = False
    """No other queues than those."""
    capacity: dict[str, int] = {}
    """Medium (call, chat, mail) -> contacts at a time; empty: one call and nothing else."""
    interruptible: tuple[str, ...] = ()
    """Media in spite of which, while there are some, calls are offered."""
    language: str = "en"
    enabled: bool = True
    version: int = 0


class WideningSettings(msgspec.Struct, frozen=True, kw_only=True):
    """From when on a caller of a queue makes do with other agents."""

    after_s: float
    skill_expression: str = ""
    """Instead of the skills of the queue; empty means every agent."""
    when_nobody: bool = False
    """Also at once, when nobody who would do before this step is logged in."""


class OverflowSettings(msgspec.Struct, frozen=True, kw_only=True):
    """When a caller moves from a queue to another, and to which."""

    to: tuple[str, ...]
    """Slugs to choose from: the queue with the shortest estimated wait is taken."""
    after_s: float = 0.0
    """Wait after which the caller moves; 0 not by time."""
    when_refused: bool = False
    """Also at once, when this queue refuses the caller."""
    when_nobody: bool = False
    """Also at once, when nobody who could serve the caller is logged in."""
    improve_s: float = 0.0
    """By time, only to a queue where the estimated wait is shorter by as much."""


class AnnouncementSettings(msgspec.Struct, frozen=True, kw_only=True):
    """What callers of a queue are told while they wait."""

    first_s: float = 10.0
    """Wait before the first one."""
    every_s: float = 60.0
    """From one to the next; 0 only the first."""
    min_gap_s: float = 15.0
    """Silence between any two."""
    position: bool = True
    """Tell the place in the queue; never a higher one than before."""
    on_progress: bool = False
    """Also whenever the place became better."""
    most_position: int = 0
    """Higher places are not told; 0 tells all."""
    estimate: bool = True
    """Tell the estimated wait, while it is good enough to be told."""
    prompt: str = ""
    """Prompt played each time besides; empty for none."""


class CallbackSettings(msgspec.Struct, frozen=True, kw_only=True):
    """How callers may hang up, keep their place, and be called when their turn comes."""

    dial_ahead_s: float = 30.0
    """A caller is called when the turn is predicted within as many seconds."""
    ring_s: float = 30.0
    """How long the caller's telephone rings."""
    retry_s: float = 300.0
    """After an attempt in vain: once more, as much later."""
    grace_s: float = 600.0
    """After the last attempt the place is kept for the caller to call in."""
    most_waiting: int = 100
    """More call-backs than these are not taken at a time."""
    longest_s: float = 14_400.0
    """A place is kept for as long at most."""


class QueueSettings(msgspec.Struct, frozen=True, kw_only=True):
    """A queue: who may serve it, in which order, and its limits."""

    slug: str
    name: str
    skills: dict[str, int] = {}
    """Skill -> least level required."""
    skill_expression: str = ""
    """Beside skills, as in english>=3 and (billing or sales)."""
    widening: tuple[WideningSettings, ...] = ()
    """In the order of time."""
    strategy: str = "longest_idle"
    """Name of a rule for choosing the agent."""
    ring_s: float = 15.0
    ring_step_s: float = 5.0
    """One more telephone rings after each, for ring_progressively."""
    reserve_below: float = 0.0
    """Service level, 0 to 1, below which reserve agents help; 0 never."""
    reserve_over_s: float = 0.0
    """Estimated wait above which reserve agents help; 0 never."""
    wrap_up_s: float = 20.0
    priority: int = 0
    """-10 to 10; greater is served first."""
    call_rule: str = "priority"
    """Order against calls of other queues: priority, aging, greatest_need, service_objective,
    service_guard, percent or weighted."""
    aging_s: float = 60.0
    """Wait that one level of priority is worth, for aging."""
    call_share: int = 0
    """Share of the calls served, for percent."""
    weight: float = 1.0
    """What a second of wait counts against other queues, for weighted."""
    medium: str = "call"
    """call, chat or mail."""
    shares: dict[str, int] = {}
    """Login -> share of the calls of this queue, for percent_allocation."""
    seed: int = 0
    """Where the lots of random rules begin."""
    max_wait_s: float = 0.0
    """Then the caller leaves to on_timeout; 0 means no limit."""
    max_waiting: int = 0
    """More callers are refused; 0 means no limit."""
    max_estimate_s: float = 0.0
    """Callers who would wait longer are refused; 0 means no limit."""
    max_ratio: float = 0.0
    """Most callers for each agent who is logged in; 0 means no limit."""
    no_agents: str = "wait"
    """What becomes of callers when nobody serves: wait, refuse or leave."""
    absent: tuple[str, ...] = ()
    """Agent states that count as nobody, besides logged_out and unreachable."""
    calendar: str = ""
    """Opening hours; empty means always open."""
    closing: str = "serve"
    """What becomes of callers who wait when it closes: serve or leave."""
    unattended: bool = False
    """No caller is let in, and those who wait leave, whoever is there."""
    overflow: tuple[OverflowSettings, ...] = ()
    """Ways to other queues, in the order in which they are tried."""
    max_overflows: int = 3
    """A caller moves no more often than this."""
    announcements: AnnouncementSettings | None = None
    """None tells waiting callers nothing."""
    callback: CallbackSettings | None = None
    """None takes no call-backs."""
    on_timeout: str = ""
    """Flow that goes on with a caller who waited too long; empty hangs up."""
    on_full: str = ""
    """Flow for callers who are refused; empty hangs up."""
    last_agent_s: float = 0.0
    """How long a caller is kept for the agent of the last call; 0 switches it off."""
    misses_to_pause: int = 1
    """Offers missed in a row after which an agent is paused; 0 never."""
    music: str = ""
    """Prompt played to waiting callers; empty plays the built-in ring-back tone."""
    service_level_s: float = 20.0
    service_level_target: float = 0.8
    short_abandon_s: float = 5.0
    record: bool = True
    record_tone_s: float = 0.0
    """Seconds from beep to beep that tell both sides of a recording; 0: none."""
    enabled: bool = True
    version: int = 0


class NumberSettings(msgspec.Struct, frozen=True, kw_only=True):
    """What a called number leads to."""

    number: str
    name: str = ""
    flow: str = ""
    queue: str = ""
    """Used when flow is empty."""
    calendar: str = ""
    """Opening hours; empty means always open."""
    closed_flow: str = ""
    """Flow outside the opening hours; empty hangs up."""
    language: str = "en"
    enabled: bool = True
    version: int = 0


class PauseReason(msgspec.Struct, frozen=True, kw_only=True):
    """A reason that agents may give for a pause."""

    slug: str
    text: Text
    enabled: bool = True
    version: int = 0


class TierSettings(msgspec.Struct, frozen=True, kw_only=True):
    """Callers who come before others, and to agents of their own first."""

    slug: str
    name: str = ""
    priority: int = 0
    """-10 to 10, added to the priority of their calls."""
    agents: tuple[str, ...] = ()
    """Logins of who is asked first."""
    limit_s: float = 0.0
    """How long a call waits for these agents alone."""
    keep_lines: int = 0
    """Lines that callers without a tier may not take."""
    numbers: tuple[str, ...] = ()
    """Calling numbers; * at the end stands for any rest."""
    enabled: bool = True
    version: int = 0


class CalendarSettings(msgspec.Struct, frozen=True, kw_only=True):
    """Opening hours of a week, and the days that differ."""

    name: str
    zone: str = ""
    """IANA zone; empty means the site's."""
    week: dict[str, tuple[str, ...]] = {}
    """mon to sun -> intervals as in 09:00-12:30, several a day; a missing day is closed."""
    days: dict[str, tuple[str, ...]] = {}
    """2027-01-01 -> intervals of that day instead; an empty list is a holiday."""
    version: int = 0


class StationSettings(msgspec.Struct, frozen=True, kw_only=True):
    """A telephone at which an agent can sit; its password is never told."""

    name: str
    line: str = ""
    """Line of a board's station port; empty: a SIP telephone that registers."""
    realm: str = ""
    """Realm of the digests; empty: that of the SIP driver."""
    has_secret: bool = False
    """A password is set; read only."""
    has_pin: bool = False
    """Its mailbox has a PIN; read only."""
    enabled: bool = True
    version: int = 0
