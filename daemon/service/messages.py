"""Requests and replies of the facade: who asks, agents' desks, calls, changes, status.

Durations are seconds and end in ``_s``; moments are seconds since the Unix epoch. Calls,
segments and recordings are named by their 13-character text. Settings are in ``settings.py``.
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


class Consultation(msgspec.Struct, frozen=True, kw_only=True):
    """Somebody whom an agent asks while the caller waits."""

    to: str
    state: str
    """rings, with_target (agent and he talk) or with_caller (he hears music)."""


class ParkedCaller(msgspec.Struct, frozen=True, kw_only=True):
    """A caller who rests in a slot."""

    slot: str
    """What is dialled to take him back."""
    ani: str
    name: str = ""
    since: float
    by: str
    """Station that parked him."""


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
    recording: str = ""
    """Whether the call is recorded: on, paused, or nothing."""
    recording_since: float = 0.0
    """When the recording, or its pause, began."""
    consultation: Consultation | None = None
    guests: tuple[str, ...] = ()
    """Who is in the conversation besides caller and agent."""
    parked: tuple[ParkedCaller, ...] = ()
    """Callers who rest in slots, whoever put them there."""
    dialled: str = ""
    """Whom the agent calls, or is called by, without a queue; empty while there is no such call."""


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
    draining: bool = False
    """New calls are refused until the next start."""


class LadderRow(msgspec.Struct, frozen=True, kw_only=True):
    """One message of a call's signalling."""

    at: float
    out: bool
    """Sent by us."""
    peer: str
    """Transport and address of the other side."""
    ref: str
    """Call-ID."""
    title: str
    """Method, or status and phrase."""
    notes: str = ""
    text: str = ""
    """The whole message with stars for its secrets."""


class CaptureWish(msgspec.Struct, frozen=True, kw_only=True):
    """What is to be captured: exactly one of call and peer."""

    call: str = ""
    """A running call."""
    peer: str = ""
    """IP address whose messages, and whose calls' audio, are wanted."""
    seconds: float = 60.0
    media: bool = False
    """The audio as well, which is to listen to people."""


class AudioPiece(msgspec.Struct, frozen=True, kw_only=True):
    """What one party of a conversation said."""

    side: str
    """caller or agent."""
    pcm: bytes
    """Samples of 16 bits, little-endian, at the rate that was asked for."""
    lost: int = 0
    """Samples before these that were read too late."""


class BanRow(msgspec.Struct, frozen=True, kw_only=True):
    """Somebody whom a driver does not listen to for a while."""

    driver: str
    kind: str
    """source or account."""
    name: str
    """Address of a source, or user name."""
    since: float
    until: float
    times: int = 1
    """How often lately; each ban is longer than the one before."""
    reason: str = ""


class Draining(msgspec.Struct, frozen=True, kw_only=True):
    """How far the hotline is from being empty."""

    on: bool
    """New calls are refused."""
    calls: int = 0
    """Still in progress."""
    places: int = 0
    """Kept for callers who are to be called; they outlive a restart."""


class RecordsCheck(msgspec.Struct, frozen=True, kw_only=True):
    """Whether the records agree with each other and with the live counters."""

    at: float
    ok: bool
    calls: int = 0
    visits: int = 0
    faults: tuple[str, ...] = ()
