"""The offer of a call to an agent: ringing his station until he answers or it is taken back."""

import asyncio
from typing import TYPE_CHECKING, Final

import structlog

from acd_core.commands import OfferToAgent, WithdrawReason
from acd_core.events import OfferRejected
from acd_core.ids import AgentId, CallId, to_text
from daemon.control.calls.call import Leg, Phase, Step
from daemon.control.calls.context import CallContext
from drivers.api import Line, LineId
from drivers.errors import DriverError, LineBusy
from drivers.events import Cause, LineDown, LineEvent, Released

if TYPE_CHECKING:
    from daemon.control.calls.life import CallLife

log = structlog.get_logger()

STATION_PATIENCE: Final = 2.0  # s for a station's line to become free of its last call
STATION_RETRY: Final = 0.05  # s

WITHDRAWN: Final = {
    WithdrawReason.RONA: (Cause.NO_ANSWER, "no_answer"),
    WithdrawReason.REJECTED: (Cause.NORMAL, "refused"),
    WithdrawReason.CALLER_LEFT: (Cause.NORMAL, "withdrawn"),
    WithdrawReason.CALL_WITHDRAWN: (Cause.NORMAL, "withdrawn"),
    WithdrawReason.AGENT_LEFT: (Cause.NORMAL, "withdrawn"),
    WithdrawReason.NOT_CONNECTED: (Cause.TEMPORARY_FAILURE, "failed"),
    WithdrawReason.QUEUE_CHANGED: (Cause.NORMAL, "withdrawn"),
}
"""Cause towards the agent's station, and how the ring segment ends."""

REJECTIONS: Final = {
    Cause.BUSY: "busy",
    Cause.REJECTED: "declined",
    Cause.NO_ANSWER: "no_answer",
    Cause.UNALLOCATED: "unreachable",
    Cause.NO_USER_RESPONDING: "unreachable",
    Cause.DESTINATION_OUT_OF_ORDER: "unreachable",
}


class Offering:
    """Rings one agent at a time for one call."""

    def __init__(self, life: "CallLife", context: CallContext) -> None:
        self.call = life.call
        self._life = life
        self._context = context
        self._log = log.bind(call=to_text(life.call.id))
        self._taken_back: set[LineId] = set()
        """Lines that we released and whose end we have not been told."""

    async def begin(self, offer: OfferToAgent) -> None:
        """Ring the agent's station."""
        call, context, now = self.call, self._context, self._context.clock()
        if call.visit is None:
            return
        call.step(Step.OFFER, now)
        call.agent = offer.agent
        call.visit.offers += 1
        call.visit.first_offer = call.visit.first_offer or now
        context.records.open_segment(call, "ring", now, agent=offer.agent)
        context.records.visit(call, call.visit)
        context.keep_reasons(call.id, offer)
        self._log.info("call offered", agent=offer.agent, station=offer.station)
        try:
            line = await self._free_line(offer.station)
            if call.caller.line in self._life.gone:
                return  # the caller left meanwhile: his end is the next thing we handle
            self._life.gone.discard(line.id)
            call.agent_leg = Leg(id=context.ids(), line=line.id)
            context.watch(line.id, self._life)
            await line.dial(offer.station, ani=call.ani, name=call.name)
        except DriverError as error:
            self._log.warning("station cannot be rung", station=offer.station, why=str(error))
            leg, call.agent_leg = call.agent_leg, None
            if leg is not None:
                context.watch(leg.line, None)
            if not context.station_lost(offer.agent):
                reason = "busy" if isinstance(error, LineBusy) else "unreachable"
                self._reject(reason)

    async def _free_line(self, station: str) -> Line:
        """The station's line, waiting a moment while its last call is being taken down.

        It is free only when we have read that end, else we would take it for the new call's.
        """
        give_up = self._context.clock() + STATION_PATIENCE
        while True:
            late = self._context.clock() > give_up
            try:
                line = self._context.station_line(station)
                if late or not self._context.watched(line.id):
                    return line
            except LineBusy:
                if late:
                    raise
            await asyncio.sleep(STATION_RETRY)

    def refused(self, cause: Cause) -> None:
        """The station refused or cannot be reached: the call goes back to the engine."""
        call = self.call
        reason = REJECTIONS.get(cause, "failed")
        if reason != "unreachable" or not self._context.station_lost(call.agent):
            self._reject(reason)

    def is_stale(self, event: LineEvent) -> bool:
        """Whether an event belongs to an offer on the same line that we took back."""
        stale = event.line in self._taken_back
        if isinstance(event, Released | LineDown):
            self._taken_back.discard(event.line)
        return stale

    async def withdraw(self, why: WithdrawReason) -> None:
        """Stop ringing."""
        cause, result = WITHDRAWN[why]
        leg = self.call.agent_leg
        self.close(result)
        if leg is not None:
            # The same station may ring for the same call again before its end is told.
            self._taken_back.add(leg.line)
            await self._life.release(leg.line, cause)

    def close(self, result: str) -> None:
        """Note how the offer ended; the caller waits again."""
        call, now = self.call, self._context.clock()
        detail: dict[str, object] = {"reasons": list(self._context.reasons(call.id))}
        self._context.records.close_segment(call, "ring", now, result=result, detail=detail)
        call.agent_leg = None
        call.agent = 0
        if call.phase is Phase.OFFERED:
            call.step(Step.OFFER_ENDS, now)

    def _reject(self, reason: str) -> None:
        who = AgentId(self.call.agent)
        rejected = OfferRejected(call=CallId(self.call.id), agent=who, reason=reason)
        self._context.acd.submit(rejected)
