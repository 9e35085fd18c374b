"""Taking a call that rings elsewhere, or rests in a slot, from another telephone.

Whoever takes it has dialled a code: his call gives its leg to the one that he takes. A queue's
call that somebody else takes has left the queue as transferred out.
"""

from typing import TYPE_CHECKING

from acd_core.commands import WithdrawReason
from acd_core.events import CallWithdrawn, Outcome
from acd_core.ids import CallId
from daemon.control.calls.call import Call, Leg, Onward, Phase
from daemon.control.calls.context import CallPart, HangUpRequest
from daemon.control.calls.moves.asking import MoveRequest, Moving
from daemon.control.calls.moves.dialled import PickUp, Slot
from drivers.api import LineId
from drivers.events import Cause

if TYPE_CHECKING:
    from daemon.control.calls.life import CallLife

NO_LINE = LineId("")


class TakeThis(MoveRequest, frozen=True, kw_only=True):
    """Somebody takes this call at his telephone."""

    giver: "CallLife"
    """His own call, which ends."""
    station: str
    way: str
    """pick-up or park."""


class PickingUp(CallPart):
    """Both sides of it, for one call."""

    def request(self, wish: PickUp | Slot, station: str) -> bool:
        """Ask the call that is wanted to take this one's leg; False: there is none any more."""
        wanted = takeable(self._context, wish, station, beside=self.call.id)
        if wanted is not None:
            way = "park" if isinstance(wish, Slot) else "pick-up"
            wanted.tell(TakeThis(giver=self._life, station=station, way=way))
        return wanted is not None

    async def taken(self, asked: TakeThis) -> None:
        """Somebody takes the caller of this call: whoever rings for him rings no more."""
        call, context = self.call, self._context
        wish = PickUp() if asked.way == "pick-up" else Slot(call.parked.slot if call.parked else "")
        station = asked.station
        ready = call.phase is Phase.PARKED or _rings_for(context, call, "", station, any_group=True)
        agent = context.seat_of(station)
        by = context.name_of(agent, station)
        onward = Onward(
            to=station,
            leg=Leg(id=context.ids(), line=NO_LINE),
            after_agent=True,
            by=by,
            way=asked.way,
        )
        ringing = call.onward
        if not ready or not await self._receive(asked, onward):
            self._log.info("too late to take the call", wish=type(wish).__name__, station=station)
            asked.giver.tell(HangUpRequest(by="system"))
            return
        self._log.info("call is taken", by=by, station=station, way=asked.way)
        await self.finish(onward, ringing)

    async def finish(self, onward: Onward, ringing: Onward | None = None) -> None:
        """Join the caller and who took him, once his leg is ours."""
        await self._stop_ringing(ringing)
        if self.call.direct is not None and not self.call.caller.answered:
            await self._life.moves.direct.target_answers(onward)
        else:
            await self._life.onward.connect(onward)

    async def _receive(self, asked: TakeThis, onward: Onward) -> bool:
        return await self._life.moves.handover.take_from(asked.giver, NO_LINE, onward)

    async def _stop_ringing(self, ringing: Onward | None) -> None:
        """Whoever was rung before is told that somebody else has answered."""
        call, context = self.call, self._context
        if call.in_queue:
            for agent in tuple(call.ringing):
                await self._life.offering.withdraw(agent, WithdrawReason.ANSWERED_ELSEWHERE)
            withdrawn = CallWithdrawn(call=CallId(call.id), outcome=Outcome.TRANSFERRED_OUT)
            context.acd.submit(withdrawn)
            self._life.visits.close("transferred_out", "picked up")
            self._life.flow.pause_sound()
        if ringing is not None:
            context.records.close_segment(
                call, "transfer", context.clock(), result="answered_elsewhere"
            )
            await self._life.release(ringing.leg.line, Cause.ANSWERED_ELSEWHERE)


def takeable(
    context: Moving, wish: PickUp | Slot, station: str, *, beside: int = 0
) -> "CallLife | None":
    """The call that somebody at a station may take now, the one that began first."""
    for life in context.lives():
        call = life.call
        if isinstance(wish, Slot):
            if call.phase is Phase.PARKED and call.parked and call.parked.slot == wish.name:
                return life
        elif call.id != beside and _rings_for(context, call, wish.station, station):
            return life
    return None


def _rings_for(
    context: Moving, call: Call, wanted: str, station: str, *, any_group: bool = False
) -> bool:
    """Whether a call rings at the wanted station, or in the group of who asks.

    His group are the queues that he serves, and the telephones of those who serve one of them.
    """
    agent = context.seat_of(station)
    onward = call.onward
    if onward is not None and not onward.leg.answered and call.phase is not Phase.PARKED:
        rung = context.station_at(onward.leg.line)
        if rung:
            near = any_group or context.shares_queue(agent, rung)
            return near if not wanted else wanted == rung
    stations = [context.station_at(leg.line) for leg in call.ringing.values() if leg is not None]
    if wanted:
        return wanted in stations
    return any(stations) and (any_group or context.serves(agent, call.queue))
