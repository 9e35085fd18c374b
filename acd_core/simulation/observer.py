"""Watches what an engine is told and decides, and keeps each stay of a call in a queue."""

from collections.abc import Iterable
from typing import Any, Final

from acd_core.agent import AgentState
from acd_core.commands import (
    AcdCommand,
    AgentStateChanged,
    CallRefused,
    CallTimedOut,
    ConnectToAgent,
    OfferToAgent,
    WithdrawOffer,
)
from acd_core.events import (
    AcdEvent,
    CallAbandoned,
    CallAnswered,
    CallEnded,
    CallHeld,
    CallOffered,
    CallRetrieved,
    CallWithdrawn,
    OfferRejected,
    Outcome,
)
from acd_core.ids import AgentId, CallId, QueueId
from acd_core.stats.service_level import Visit

Moment = tuple[float, int]
"""Time and place in the order of events, which decides at equal times."""

ACCEPTED: Final = "accepted"


class Ring:
    """One offer to one agent."""

    __slots__ = ("accepted", "agent", "begun", "ended", "how", "reason")

    def __init__(self, agent: AgentId, begun: Moment) -> None:
        self.agent = agent
        self.begun = begun
        self.accepted: Moment | None = None
        self.ended: Moment | None = None
        self.how = ""
        """``accepted``, or why the offer was withdrawn; empty while it is out."""
        self.reason = ""
        """What the agent said who turned it down."""


class Stay:
    """One stay of a call in one queue, and the conversation that came of it."""

    __slots__ = (
        "agent",
        "answered",
        "ended",
        "entered",
        "holds",
        "left",
        "number",
        "offered",
        "outcome",
        "rings",
        "wrap_by",
        "wrapped",
    )

    def __init__(self, offered: CallOffered, number: int, entered: Moment) -> None:
        self.offered = offered
        self.number = number
        """0 is the first stay of the call."""
        self.entered = entered
        self.rings: list[Ring] = []
        self.outcome: Outcome | None = None
        self.left: Moment | None = None
        """End of the wait."""
        self.agent: AgentId | None = None
        """Who answered."""
        self.answered: Moment | None = None
        self.holds: list[tuple[Moment, Moment | None]] = []
        self.ended: Moment | None = None
        self.wrapped: Moment | None = None
        self.wrap_by: AcdEvent | None = None
        """What ended the after-call work."""

    @property
    def key(self) -> tuple[CallId, int]:
        """The same in the recorded day and in one played again."""
        return (self.offered.call, self.number)

    @property
    def wait_s(self) -> float:
        """Wait of this stay; 0 while it lasts."""
        return self.left[0] - self.entered[0] if self.left else 0.0

    def ring(self, agent: AgentId) -> Ring | None:
        """The offer that is out to this agent."""
        for ring in reversed(self.rings):
            if ring.agent == agent and not ring.how:
                return ring
        return None

    def visit(self) -> Visit:
        """The stay as figures count it."""
        held = sum(end[0] - begin[0] for begin, end in self.holds if end)
        talked = self.ended[0] - self.answered[0] - held if self.ended and self.answered else 0.0
        wrapped = self.wrapped[0] - self.ended[0] if self.wrapped and self.ended else 0.0
        return Visit(
            queue=self.offered.queue,
            call=self.offered.call,
            entered=self.entered[0],
            outcome=self.outcome,
            wait_s=self.wait_s,
            talk_s=talked,
            hold_s=held,
            wrap_up_s=wrapped,
            rings=sum(ring.how not in ("", ACCEPTED) for ring in self.rings),
        )


class Observer:
    """Keeps every stay in the order of entry."""

    def __init__(self) -> None:
        self.stays: list[Stay] = []
        self.now_in: dict[CallId, Stay] = {}
        """The newest stay of each call."""
        self.states: dict[AgentId, AgentState] = {}
        self._wrapping: dict[AgentId, Stay] = {}

    def take(self, event: AcdEvent, moment: Moment, commands: Iterable[AcdCommand]) -> None:
        """Take in an event that the engine accepted, with what came of it."""
        self._told(event, moment)
        for command in commands:
            self._asked(command, event, moment)

    def visits(self, queue: QueueId | None = None) -> list[Visit]:
        """All stays as figures count them, of one queue or of all."""
        return [stay.visit() for stay in self.stays if queue is None or stay.offered.queue == queue]

    @property
    def quiet(self) -> bool:
        """Nobody waits, talks or does after-call work any more."""
        open_stays = any(
            stay.outcome is None or (stay.answered and not stay.ended) for stay in self.stays
        )
        return not open_stays and not self._wrapping

    def _told(self, event: AcdEvent, moment: Moment) -> None:
        match event:
            case CallOffered(call=call):
                before = self.now_in.get(call)
                stay = Stay(event, before.number + 1 if before else 0, moment)
                self.stays.append(stay)
                self.now_in[call] = stay
            case CallAbandoned(call=call):
                self._leave(call, Outcome.ABANDONED, moment)
            case CallWithdrawn(call=call, outcome=outcome):
                self._leave(call, outcome, moment)
            case CallAnswered(call=call, agent=agent):
                self._leave(call, Outcome.ANSWERED, moment)
                self.now_in[call].agent, self.now_in[call].answered = agent, moment
            case CallHeld(call=call):
                self.now_in[call].holds.append((moment, None))
            case CallRetrieved(call=call):
                self._retrieve(self.now_in[call], moment)
            case CallEnded(call=call):
                stay = self.now_in[call]
                self._retrieve(stay, moment)
                stay.ended = moment
            case OfferRejected(call=call, agent=agent, reason=reason):
                ring = self.now_in[call].ring(agent)
                if ring is not None:
                    ring.reason = reason
            case _:
                pass

    def _asked(self, command: AcdCommand, event: AcdEvent, moment: Moment) -> None:
        match command:
            case OfferToAgent(call=call, agent=agent):
                self.now_in[call].rings.append(Ring(agent, moment))
            case WithdrawOffer(call=call, agent=agent, why=why):
                ring = self.now_in[call].ring(agent)
                if ring is not None:
                    ring.ended, ring.how = moment, str(why)
            case ConnectToAgent(call=call, agent=agent):
                ring = self.now_in[call].ring(agent)
                if ring is not None:
                    ring.accepted = moment
            case CallTimedOut(call=call):
                self._leave(call, Outcome.TIMED_OUT, moment)
            case CallRefused(call=call):
                self._leave(call, Outcome.REFUSED, moment)
            case AgentStateChanged():
                self._agent(command, event, moment)
            case _:
                pass

    def _leave(self, call: CallId, outcome: Outcome, moment: Moment) -> None:
        stay = self.now_in[call]
        stay.outcome, stay.left = outcome, moment
        for ring in stay.rings:
            if outcome is Outcome.ANSWERED and ring.accepted and not ring.how:
                ring.how, ring.ended = ACCEPTED, moment

    @staticmethod
    def _retrieve(stay: Stay, moment: Moment) -> None:
        if stay.holds and stay.holds[-1][1] is None:
            stay.holds[-1] = (stay.holds[-1][0], moment)

    def _agent(self, changed: AgentStateChanged, event: Any, moment: Moment) -> None:
        self.states[changed.agent] = changed.state
        done = self._wrapping.pop(changed.agent, None)
        if done is not None and changed.state is not AgentState.WRAP_UP:
            done.wrapped, done.wrap_by = moment, event
        if changed.state is AgentState.WRAP_UP and changed.call is not None:
            self._wrapping[changed.agent] = self.now_in[changed.call]
