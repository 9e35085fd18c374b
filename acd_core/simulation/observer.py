"""Watches what an engine is told and decides, and keeps each stay of a call in a queue."""

from collections.abc import Iterable
from typing import Any

import msgspec

from acd_core.agent import AgentState
from acd_core.commands import (
    AcdCommand,
    AgentStateChanged,
    CallbackKept,
    CallbackOver,
    CallMoved,
    CallRefused,
    CallTimedOut,
    ConnectToAgent,
    DialCallback,
    OfferToAgent,
    WithdrawOffer,
)
from acd_core.events import (
    AcdEvent,
    CallAbandoned,
    CallAnswered,
    CallbackFailed,
    CallbackTaken,
    CallEnded,
    CallHeld,
    CallOffered,
    CallRetrieved,
    CallWithdrawn,
    OfferRejected,
    Outcome,
)
from acd_core.ids import AgentId, CallId, QueueId
from acd_core.simulation.stays import ACCEPTED, Dial, Keep, Moment, Ring, Stay
from acd_core.stats.service_level import Visit


class Observer:
    """Keeps every stay in the order of entry."""

    def __init__(self) -> None:
        self.stays: list[Stay] = []
        self.now_in: dict[CallId, Stay] = {}
        """The newest stay of each call."""
        self.keeps: dict[CallId, Keep] = {}
        """Places of callers who were to be called, by the call that took them."""
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
        """Nobody waits, talks, is to be called or does after-call work any more."""
        open_stays = any(
            stay.outcome is None or (stay.answered and not stay.ended) for stay in self.stays
        )
        kept = any(keep.over is None for keep in self.keeps.values())
        return not open_stays and not kept and not self._wrapping

    def _told(self, event: AcdEvent, moment: Moment) -> None:
        match event:
            case CallOffered(call=call):
                before = self.now_in.get(call)
                stay = Stay(event, before.number + 1 if before else 0, moment)
                self.stays.append(stay)
                self.now_in[call] = stay
            case CallAbandoned(call=call):
                self._leave(call, Outcome.ABANDONED, moment)
            case CallbackTaken(call=call):
                self._leave(call, Outcome.CALLBACK_TAKEN, moment)
            case CallbackFailed(call=call):
                self.keeps[call].dials[-1].failed = moment
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
            case CallMoved(call=call, queue=queue):
                self._move(call, queue, moment)
            case CallbackKept(call=call, number=number):
                self.keeps[call] = Keep(self.now_in[call], number, moment)
            case DialCallback(call=call, deadline=deadline):
                self.keeps[call].dials.append(Dial(moment, deadline))
            case CallbackOver(call=call, why=why):
                self.keeps[call].ended(why, self._taker(call, event), moment)
            case CallTimedOut(call=call):
                self._leave(call, Outcome.TIMED_OUT, moment)
            case CallRefused(call=call):
                self._leave(call, Outcome.REFUSED, moment)
            case AgentStateChanged():
                self._agent(command, event, moment)
            case _:
                pass

    def _taker(self, place: CallId, event: AcdEvent) -> Stay | None:
        """The stay of a call that just took a kept place."""
        if isinstance(event, CallOffered) and event.callback == place:
            return self.now_in[event.call]
        return None

    def _move(self, call: CallId, queue: QueueId, moment: Moment) -> None:
        """One stay ends and the next begins, without the call being offered anew."""
        before = self.now_in[call]
        self._leave(call, Outcome.OVERFLOWED, moment)
        offered = msgspec.structs.replace(before.offered, queue=queue)
        stay = Stay(offered, before.number, moment, moves=before.moves + 1)
        before.moved_to = stay
        self.stays.append(stay)
        self.now_in[call] = stay

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
