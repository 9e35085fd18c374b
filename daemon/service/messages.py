"""Requests and replies of the facade: people, agents' desks, calls, settings, status.

Durations are seconds and end in ``_s``; moments are seconds since the Unix epoch. Calls,
segments and recordings are named by their 13-character text. A struct that comes back from
a ``list_`` operation can be changed and given to the ``put_`` operation as it is.
"""

from typing import Final

import msgspec

ROLES: Final = ("agent", "supervisor", "administrator", "technician")


class Text(msgspec.Struct, frozen=True):
    """A text that people read, in both languages."""

    en: str
    zh: str = ""

    def of(self, language: str) -> str:
        """The text in a language, English when the other is empty."""
        return (self.zh if language.startswith("zh") else self.en) or self.en


# -- who asks -------------------------------------------------------------------------------


class Actor(msgspec.Struct, frozen=True, kw_only=True):
    """Who makes a request; control audits it and checks the roles it has on record."""

    login: str
    address: str = ""
    via: str = "session"
    """session, token or command."""


class Session(msgspec.Struct, frozen=True, kw_only=True):
    """A signed-in person; the roles are those of this moment, not of the log-in."""

    login: str
    name: str
    roles: tuple[str, ...]
    station: str = ""
    """Where the person usually sits; empty when there is no fixed station."""
    language: str = "en"
    expires: float = 0.0
    must_change_password: bool = False
    """True while the password is the one-time one; pages show it as a banner."""


class Grant(msgspec.Struct, frozen=True):
    """A new session or API token: the secret is told once and stored only as a hash."""

    secret: str
    session: Session


class ApiToken(msgspec.Struct, frozen=True, kw_only=True):
    """A token of the REST interface, without its secret."""

    slug: str
    owner: str
    created: float
    expires: float = 0.0
    last_used: float = 0.0


# -- the agent's desk -----------------------------------------------------------------------


class PastCall(msgspec.Struct, frozen=True, kw_only=True):
    """One line of a history."""

    call: str
    started: float
    ani: str
    queue: str = ""
    agent: str = ""
    outcome: str = ""
    talk_s: float = 0.0


class CallerCard(msgspec.Struct, frozen=True, kw_only=True):
    """Who is calling: on the agent's screen before the call is answered."""

    call: str
    ani: str
    name: str = ""
    dnis: str = ""
    queue: str = ""
    queue_name: str = ""
    language: str = ""
    priority: int = 0
    waited_s: float = 0.0
    path: tuple[str, ...] = ()
    """IVR nodes visited, oldest first, with the caller's choices: ``main``, ``main=2``."""
    answers: dict[str, str] = {}
    """Variables that the flow collected, for people to read."""
    history_count: int = 0
    """Earlier calls of this number."""
    history: tuple[PastCall, ...] = ()
    """The newest of them, at most five."""


class Desk(msgspec.Struct, frozen=True, kw_only=True):
    """All that an agent's desk shows."""

    login: str
    name: str
    state: str
    since: float
    reason: str = ""
    station: str = ""
    until: float = 0.0
    """Deadline of the offer or end of wrap-up; 0 when there is none."""
    offer: CallerCard | None = None
    call: CallerCard | None = None
    """The connected call, or the one being wrapped up."""
    queues: tuple[str, ...] = ()
    waiting: int = 0
    """Callers waiting in the agent's queues."""
    answered_today: int = 0
    can_accept: bool = False
    """The station lets the console answer for it; a telephone is answered by hand."""
    why_idle: str = ""
    """Code of the reason why no call comes: no-callers, paused, logged-out, no-queue, ..."""


class Candidate(msgspec.Struct, frozen=True, kw_only=True):
    """One agent considered for a call."""

    agent: str
    chosen: bool
    score: float = 0.0
    filtered_by: str = ""
    """Why not: state, skill, level, declined, reserved, ...; empty for those who could."""


class Decision(msgspec.Struct, frozen=True, kw_only=True):
    """Why a call went to this agent and not to that one."""

    at: float
    queue: str
    agent: str
    """Who was chosen; empty when nobody could be."""
    rule: str
    rule_version: int = 0
    tie_break: str = ""
    candidates: tuple[Candidate, ...] = ()
    words: tuple[Text, ...] = ()
    """All reasons of the offer as sentences."""


# -- settings -------------------------------------------------------------------------------


class PersonSettings(msgspec.Struct, frozen=True, kw_only=True):
    """A person: roles, and for agents station and skills."""

    login: str
    name: str
    roles: tuple[str, ...] = ("agent",)
    station: str = ""
    skills: dict[str, int] = {}
    """Skill -> level, 1 to 10, 10 best."""
    language: str = "en"
    enabled: bool = True
    version: int = 0
    """0 for a new one; else as read, so that two editors notice each other."""


class WideningSettings(msgspec.Struct, frozen=True, kw_only=True):
    """From when on a caller of a queue makes do with other agents."""

    after_s: float
    skill_expression: str = ""
    """Instead of the skills of the queue; empty means every agent."""
    when_nobody: bool = False
    """Also at once, when nobody who would do before this step is logged in."""


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
    wrap_up_s: float = 20.0
    priority: int = 0
    """-10 to 10; greater is served first."""
    call_rule: str = "priority"
    """Order against calls of other queues: priority, aging, greatest_need, service_objective,
    service_guard or percent."""
    aging_s: float = 60.0
    """Wait that one level of priority is worth, for aging."""
    call_share: int = 0
    """Share of the calls served, for percent."""
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


class FlowInfo(msgspec.Struct, frozen=True, kw_only=True):
    """A flow that numbers and queues can name."""

    name: str
    version: int = 0
    differs: bool = False
    """The draft differs from the active version."""


class PromptInfo(msgspec.Struct, frozen=True, kw_only=True):
    """A recorded prompt ready for use."""

    name: str
    duration_s: float
    path: str = ""


class Applied(msgspec.Struct, frozen=True):
    """A change that is in force."""

    version: int
    """Version of the thing; give it with the next change."""
    change: int = 0
    """Number in the change ledger; 0 when the change cannot be taken back."""


class ChangeEntry(msgspec.Struct, frozen=True, kw_only=True):
    """One line of the change ledger."""

    change: int
    at: float
    actor: str
    kind: str
    """person, queue, number, pause_reason, ..."""
    key: str
    before: str = ""
    """JSON of the thing before; empty when it was new."""
    after: str = ""
    """JSON of the thing after; empty when it was removed."""
    undone_by: int = 0


# -- status ---------------------------------------------------------------------------------


class LineStatus(msgspec.Struct, frozen=True, kw_only=True):
    """One line or station as the technician sees it."""

    line: str
    driver: str
    state: str
    """idle, ringing, busy, down, quarantined, unreachable."""
    since: float = 0.0
    call: str = ""
    detail: str = ""


class DriverStatus(msgspec.Struct, frozen=True, kw_only=True):
    """A driver with its counters since start."""

    name: str
    kind: str
    up: bool
    detail: str = ""
    counters: dict[str, int] = {}


class ProcessStatus(msgspec.Struct, frozen=True, kw_only=True):
    """A process of the hotline."""

    name: str
    up: bool
    pid: int = 0
    since: float = 0.0
    detail: str = ""
    figures: dict[str, float] = {}


class SystemStatus(msgspec.Struct, frozen=True, kw_only=True):
    """How the hotline itself is."""

    at: float
    version: str
    site: str
    started: float
    processes: tuple[ProcessStatus, ...] = ()
    drivers: tuple[DriverStatus, ...] = ()
    lines: tuple[LineStatus, ...] = ()
    warnings: tuple[Text, ...] = ()


class RecordsCheck(msgspec.Struct, frozen=True, kw_only=True):
    """Whether the records agree with each other and with the live counters."""

    at: float
    ok: bool
    calls: int = 0
    visits: int = 0
    faults: tuple[str, ...] = ()
