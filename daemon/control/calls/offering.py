"""The offers of a call to agents: their stations ring until one answers or all are taken back."""

from collections.abc import Mapping
from types import MappingProxyType
from typing import TYPE_CHECKING, Final

import msgspec

from acd_core.commands import OfferToAgent, WithdrawReason
from acd_core.events import OfferAccepted, OfferRejected, OfferRinging
from acd_core.ids import AgentId, CallId
from daemon.control.calls.call import Leg, Phase, Step, ring_of
from daemon.control.calls.context import CallContext, CallPart
from daemon.control.calls.moves.passing_on import ring
from drivers import events as line_events
from drivers.api import Line, LineId
from drivers.errors import DriverError, LineBusy
from drivers.events import Cause, LineDown, LineEvent, Released

if TYPE_CHECKING:
    from daemon.control.calls.life import CallLife

STATION_PATIENCE: Final = 2.0  # s for a station's line to become free of its last call
STATION_RETRY: Final = 0.05  # s

WITHDRAWN: Final = {
    WithdrawReason.RONA: (Cause.NO_ANSWER, "no_answer"),
    WithdrawReason.REJECTED: (Cause.NORMAL, "refused"),
    WithdrawReason.CALLER_LEFT: (Cause.NORMAL, "withdrawn"),
    WithdrawReason.CALL_WITHDRAWN: (Cause.NORMAL, "withdrawn"),
    WithdrawReason.AGENT_LEFT: (Cause.NORMAL, "withdrawn"),
    WithdrawReason.NOT_CONNECTED: (Cause.TEMPORARY_FAILURE, "failed"),
    WithdrawReason.ANSWERED_ELSEWHERE: (Cause.ANSWERED_ELSEWHERE, "answered_elsewhere"),
    WithdrawReason.OVERFLOWED: (Cause.NORMAL, "withdrawn"),
    WithdrawReason.QUEUE_CHANGED: (Cause.NORMAL, "withdrawn"),
}
"""Cause towards the agent's station, and how the ring segment ends."""

NONE: Final[Mapping[int, OfferToAgent]] = MappingProxyType({})
REJECTIONS: Final = {
    Cause.BUSY: "busy",
    Cause.REJECTED: "declined",
    Cause.NO_ANSWER: "no_answer",
    Cause.UNALLOCATED: "unreachable",
    Cause.NO_USER_RESPONDING: "unreachable",
    Cause.DESTINATION_OUT_OF_ORDER: "unreachable",
}


class StationAwaited(msgspec.Struct, frozen=True, kw_only=True):
    """A station's line was in use; it is time to look again."""

    offer: OfferToAgent
    until: float
    """Unix seconds after which the station is busy."""


class Offering(CallPart):
    """Rings the agents whom the distribution engine names, each at his station."""

    __slots__ = ("_offers", "_taken_back")

    def __init__(self, life: "CallLife", context: CallContext) -> None:
        super().__init__(life, context)
        # A call talks longer than it rings, so these are made anew when they change.
        self._offers: Mapping[int, OfferToAgent] = NONE
        """The present offer of each agent who rings."""
        self._taken_back: tuple[LineId, ...] = ()
        """Lines that we released and whose end we have not been told."""

    @property
    def is_spare(self) -> bool:
        """Whether nobody rings, and no end of a line is awaited."""
        return not self._offers and not self._taken_back

    async def begin(self, offer: OfferToAgent) -> None:
        """Ring one agent's station, beside those that ring already."""
        call, context, now = self.call, self._context, self._context.clock()
        if call.visit is None:
            return
        if not call.ringing:
            call.step(Step.OFFER, now)
        call.ringing = {**call.ringing, offer.agent: None}  # when empty it is nobody's own
        self._offers = {**self._offers, offer.agent: offer}
        call.visit.offers += 1
        call.visit.first_offer = call.visit.first_offer or now
        context.records.open_segment(call, "ring", now, agent=offer.agent)
        self._log.info("call offered", agent=offer.agent, station=offer.station)
        await self.ring(StationAwaited(offer=offer, until=now + STATION_PATIENCE))

    async def ring(self, awaited: StationAwaited) -> None:
        """Ring a station as soon as its line is free of its last call, if the offer stands."""
        call, context, offer = self.call, self._context, awaited.offer
        if self._offers.get(offer.agent) is not offer:
            return
        if call.caller.line in self._life.gone:
            return  # the caller left meanwhile: his end is the next thing we handle
        try:
            line = self._free_line(offer.station, late=context.clock() > awaited.until)
            if line is None:
                self._tell_in(STATION_RETRY, awaited)
                return
            self._life.carries(line.id)
            call.ringing[offer.agent] = leg = Leg(id=context.ids(), line=line.id)
            segment = call.segments[ring_of(offer.agent)]
            segment.leg, segment.line = leg.id, leg.line
            context.watch(line.id, self._life)
            await ring(line, offer.station, call)
        except DriverError as error:
            self._log.warning("station cannot be rung", station=offer.station, why=str(error))
            rung, call.ringing[offer.agent] = call.ringing[offer.agent], None
            if rung is not None:
                context.watch(rung.line, None)
            if not context.station_lost(offer.agent):
                self._reject(offer.agent, "busy" if isinstance(error, LineBusy) else "unreachable")

    def _free_line(self, station: str, *, late: bool) -> Line | None:
        """The station's line; None while its last call is being taken down.

        It is free only when we have read that end, else we would take it for the new call's.
        Other stations of the same call ring meanwhile, and may answer.
        """
        try:
            line = self._context.station_line(station)
        except LineBusy:
            if late:
                raise
            return None
        return line if late or not self._context.watched(line.id) else None

    def happened(self, event: LineEvent, agent: int) -> bool:
        """Something came from a station that rings; whether it changed the call."""
        call, context, who = self.call, self._context, AgentId(agent)
        match event:
            case line_events.Progress():
                context.acd.submit(OfferRinging(call=CallId(call.id), agent=who))
                return False
            case line_events.Answered() if call.phase is Phase.OFFERED:
                leg = call.ringing[agent]
                assert leg is not None  # it is his line that the event came from
                leg.answered = context.clock()
                leg.port = context.line(leg.line).port
                # Refused when another agent was first: then he is about to be released.
                context.acd.submit(OfferAccepted(call=CallId(call.id), agent=who))
            case Released(cause=cause):
                call.ringing[agent] = None
                self._refused(agent, cause)
            case LineDown():
                call.ringing[agent] = None
                self._refused(agent, Cause.DESTINATION_OUT_OF_ORDER)
            case _:
                return False
        return True

    def is_stale(self, event: LineEvent) -> bool:
        """Whether an event belongs to an offer on the same line that we took back."""
        stale = event.line in self._taken_back
        if isinstance(event, Released | LineDown):
            self._taken_back = tuple(line for line in self._taken_back if line != event.line)
        return stale

    async def withdraw(self, agent: int, why: WithdrawReason) -> None:
        """Stop ringing one agent."""
        if agent not in self.call.ringing:
            return
        cause, result = WITHDRAWN[why]
        leg = self.close(agent, result)
        if leg is not None:
            # The same station may ring for the same call again before its end is told.
            self._taken_back = (*self._taken_back, leg.line)
            await self._life.release(leg.line, cause)

    def close(self, agent: int, result: str) -> Leg | None:
        """Note how an offer ended, and give its leg back; with the last the caller waits again."""
        call, now = self.call, self._context.clock()
        self.note(agent, result, now)
        leg = call.rings_no_more(agent)
        if not call.ringing and call.phase is Phase.OFFERED:
            call.step(Step.OFFER_ENDS, now)
        return leg

    def close_all(self, result: str) -> None:
        """Note the end of every offer that a process which was killed had out."""
        call, now = self.call, self._context.clock()
        for agent in tuple(call.ringing):
            self.close(agent, result)
        # Written by an earlier version, which knew of one at a time.
        for name, segment in tuple(call.segments.items()):
            if segment.kind == "ring":
                self._context.records.close_segment(call, name, now, result=result)
        if call.phase is Phase.OFFERED:
            call.agent, call.agent_leg = 0, None
            call.step(Step.OFFER_ENDS, now)

    def reasons(self, agent: int) -> tuple[int, ...]:
        """Why the call is offered to an agent who rings."""
        offer = self._offers.get(agent)
        return () if offer is None else offer.reasons

    def note(self, agent: int, result: str, now: float) -> None:
        """Write down how an offer ended."""
        detail: dict[str, object] = {"reasons": list(self.reasons(agent))}
        self._offers = {who: offer for who, offer in self._offers.items() if who != agent} or NONE
        name = ring_of(agent)
        self._context.records.close_segment(self.call, name, now, result=result, detail=detail)

    def _refused(self, agent: int, cause: Cause) -> None:
        """The station refused or cannot be reached: the engine takes its offer back."""
        reason = REJECTIONS.get(cause, "failed")
        if reason != "unreachable" or not self._context.station_lost(agent):
            self._reject(agent, reason)

    def _reject(self, agent: int, reason: str) -> None:
        rejected = OfferRejected(call=CallId(self.call.id), agent=AgentId(agent), reason=reason)
        self._context.acd.submit(rejected)
