"""The live picture: queues, agents and calls now, and the numbered changes to it.

Times are seconds since the Unix epoch; a page shows ``now - since``, so a wait needs no
message a second. Calls are named by their 13-character text, agents by their login and
queues by their slug.
"""

import msgspec


class QueueCounters(msgspec.Struct, frozen=True, kw_only=True):
    """A queue's visits since local midnight; every visit ends in exactly one of them.

    offered = answered + abandoned + overflowed + timed_out + refused + voicemail
    + callback_taken + transferred_out + in_system.
    """

    offered: int = 0
    answered: int = 0
    abandoned: int = 0
    overflowed: int = 0
    timed_out: int = 0
    refused: int = 0
    voicemail: int = 0
    callback_taken: int = 0
    transferred_out: int = 0
    in_system: int = 0
    answered_in_time: int = 0
    """Answered with wait <= the queue's service_level_s."""
    short_abandoned: int = 0
    """Abandoned with wait <= the queue's short_abandon_s."""
    answered_wait_s: float = 0.0
    """Sum of the waits of answered callers, for ASA."""

    def balanced(self) -> bool:
        """True when the identity of "offered" holds."""
        return self.offered == (
            self.answered
            + self.abandoned
            + self.overflowed
            + self.timed_out
            + self.refused
            + self.voicemail
            + self.callback_taken
            + self.transferred_out
            + self.in_system
        )

    def service_level(self) -> float | None:
        """SL-6 of the metrics sheet: answered in time / (offered - short abandons), 0 to 1."""
        base = self.offered - self.short_abandoned
        return self.answered_in_time / base if base > 0 else None

    def asa_s(self) -> float | None:
        """Average speed of answer in seconds; None before the first answer."""
        return self.answered_wait_s / self.answered if self.answered else None


class WaitingCaller(msgspec.Struct, frozen=True, kw_only=True):
    """One caller in a queue, in the order in which they would be served."""

    call: str
    ani: str
    name: str = ""
    since: float
    """Entered the queue; a returned offer (RONA) keeps it."""
    position: int
    priority: int = 0
    state: str = "waiting"
    """waiting or offered."""
    ringing: tuple[str, ...] = ()
    """Logins of all whose telephones ring for this caller now."""


class KeptCaller(msgspec.Struct, frozen=True, kw_only=True):
    """A caller who hung up, whose place is kept, and who is to be called."""

    call: str
    number: str
    """Where the caller wants to be called."""
    position: int
    """Among those who wait and those whose place is kept."""
    since: float
    """Arrival; the place has this age."""
    attempts: int = 0
    due: float = 0.0
    """When the caller is called again; 0 when that is not settled."""


class LiveQueue(msgspec.Struct, frozen=True, kw_only=True):
    """A queue with its callers and today's counters."""

    slug: str
    name: str
    waiting: tuple[WaitingCaller, ...] = ()
    """The first fifty of those who wait, in the order in which they would be served."""
    callers: int = 0
    """How many wait, those whose offer rings too."""
    oldest_since: float = 0.0
    """Since when the caller waits who waits longest; 0 when nobody does."""
    today: QueueCounters = QueueCounters()
    service_level_s: float = 20.0
    service_level_target: float = 0.8
    max_wait_s: float = 0.0
    """A wait above it is shown in red; 0 means no limit."""
    agents: int = 0
    """Logged-in agents who have the skills."""
    ready: int = 0
    """Those of them who are ready."""
    open: bool = True
    """Within opening hours and attended."""
    unattended: bool = False
    """No caller is let in: the switch is on."""
    reserves: bool = False
    """Reserve agents help at present."""
    callbacks: tuple[KeptCaller, ...] = ()
    estimate_low_s: float = 0.0
    """Estimated wait of a new caller, from here ..."""
    estimate_high_s: float = 0.0
    """... to here; both 0 while no estimate is good enough."""


class LiveAgent(msgspec.Struct, frozen=True, kw_only=True):
    """A person who may take calls, with the present state."""

    login: str
    name: str
    state: str
    """An ``acd_core.agent.AgentState`` value."""
    since: float
    reason: str = ""
    """Slug of the pause reason while paused."""
    station: str = ""
    call: str = ""
    caller: str = ""
    """Number of the caller offered or connected."""
    queue: str = ""
    until: float = 0.0
    """End of wrap-up or of the offer; 0 when the state has no end of its own."""
    queues: tuple[str, ...] = ()
    """Slugs of the queues whose skills the agent has."""
    answered_today: int = 0
    with_others: str = ""
    """Whom the agent asks, and who else is in the conversation; empty when nobody."""


class LiveCall(msgspec.Struct, frozen=True, kw_only=True):
    """A call in progress."""

    call: str
    ani: str
    name: str = ""
    dnis: str
    state: str
    """ringing, ivr, waiting, offered, talking, on_hold, parked, outside, voicemail, ending."""
    since: float
    """When the present state began."""
    started: float
    line: str = ""
    queue: str = ""
    position: int = 0
    """Place in the queue of one of the first ten callers; 0 of all others."""
    agent: str = ""
    agent_name: str = ""
    step: str = ""
    """The flow and node while in the menu."""
    supervisor: str = ""
    """Login of the supervisor whose station rings for the conversation, or who is in it."""
    part: str = ""
    """What the supervisor does there: listen, whisper or barge."""
    speakers: tuple[str, ...] = ()
    """Who speaks now: ``caller``, ``agent``, or the number of somebody else in a conference."""


class LiveAlarm(msgspec.Struct, frozen=True, kw_only=True):
    """Something that is wrong with the hotline now; it goes by itself when it is over."""

    kind: str
    """disk-full, disk-failed, disk-slow or overload."""
    since: float
    en: str
    """What is wrong and what to do, for people."""
    zh: str

    def text(self, language: str) -> str:
        """The text in a language."""
        return self.zh if language.startswith("zh") else self.en


class LiveState(msgspec.Struct, frozen=True, kw_only=True):
    """Everything on the live page at one moment."""

    seq: int
    at: float
    queues: tuple[LiveQueue, ...] = ()
    agents: tuple[LiveAgent, ...] = ()
    calls: tuple[LiveCall, ...] = ()
    version: int = 0
    """Version of the configuration in force."""
    alarms: tuple[LiveAlarm, ...] = ()
    """What is wrong now, the oldest first."""


class Reset(msgspec.Struct, frozen=True, tag="reset"):
    """Forget what is shown and start from this: first message, or some were missed."""

    state: LiveState


class QueueChanged(msgspec.Struct, frozen=True, tag="queue"):
    """A queue's callers, agents or counters changed."""

    queue: LiveQueue


class AgentChanged(msgspec.Struct, frozen=True, tag="agent"):
    """An agent's state, call or settings changed."""

    agent: LiveAgent


class CallChanged(msgspec.Struct, frozen=True, tag="call"):
    """A call began or moved on."""

    call: LiveCall


class Gone(msgspec.Struct, frozen=True, tag="gone"):
    """A call ended, or a queue or person was removed."""

    kind: str
    """call, queue or agent."""
    key: str


class SettingsChanged(msgspec.Struct, frozen=True, tag="settings"):
    """A change of configuration is in force."""

    version: int


class AlarmsChanged(msgspec.Struct, frozen=True, tag="alarms"):
    """Alarms were raised or are over; these stand now."""

    alarms: tuple[LiveAlarm, ...]


Change = Reset | QueueChanged | AgentChanged | CallChanged | Gone | SettingsChanged | AlarmsChanged


class LiveUpdate(msgspec.Struct, frozen=True):
    """One numbered change; numbers grow by one within a run of control."""

    seq: int
    at: float
    change: Change
