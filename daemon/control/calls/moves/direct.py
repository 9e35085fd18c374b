"""Calls that somebody inside begins: at the telephone, or in the console with a click.

With a click his own telephone rings first, and when he answers the other one is called
(third-party call control; both legs end in us, so no telephone need know of it, RFC 3725).
"""

from typing import Final

from daemon.control.calls.call import Direct, Leg, Onward, Phase, Step
from daemon.control.calls.context import CallPart
from daemon.control.calls.moves.dialled import Outside, PickUp, Slot, wish_of
from daemon.control.calls.moves.picking_up import takeable
from daemon.control.calls.moves.tables import DIRECT_TABLE, DirectState, DirectStep, moved
from drivers import events as line_events
from drivers.errors import DriverError
from drivers.events import Cause, LineEvent

PATIENCE_S: Final = 120.0  # s that whoever is called may ring
CAUSES: Final = {
    "busy": Cause.BUSY,
    "unreachable": Cause.NO_USER_RESPONDING,
    "unknown": Cause.UNALLOCATED,
    "loop": Cause.NO_ROUTE,
}


class Directly(CallPart):
    """One call that began inside."""

    async def begin(self) -> bool:
        """Begin what a telephone dialled, or a click; False when a flow is to answer."""
        call, context = self.call, self._context
        if call.direct is not None:
            await self._click(call.direct)
            return True
        station = context.station_at(call.caller.line)
        if not station or context.in_dial_plan(call.dnis):
            return False
        wish = wish_of(call.dnis, context.telephones, context.is_station)
        if wish is None:
            return False
        if isinstance(wish, Outside) and not context.may_call_outside(wish.number, station):
            return False
        call.direct = Direct(station=station, to=call.dnis, agent=context.seat_of(station))
        call.direction = "out" if isinstance(wish, Outside) else "internal"
        context.keep(call)
        context.records.call(call)
        if not isinstance(wish, PickUp | Slot) and not context.admits(call):
            self._log.warning("call refused: too many calls, or none are taken")
            await self._life.end(Cause.CONGESTION, by="system", outcome="refused")
            return True
        if isinstance(wish, PickUp | Slot):
            call.direct.state = DirectState.PHONE_RINGS
            if takeable(context, wish, station, beside=call.id) is None:
                await self._life.end(Cause.UNALLOCATED, by="system", outcome="failed")
            else:
                await context.line(call.caller.line).answer()
            return True
        await self._call_target(call.direct)
        return True

    async def _click(self, direct: Direct) -> None:
        call, context = self.call, self._context
        context.keep(call)
        context.records.call(call)
        shown = "" if direct.to.startswith(("*", "#")) else direct.to
        await context.line(call.caller.line).dial(direct.station, ani=shown, name=direct.to)

    async def caller_event(self, event: LineEvent, direct: Direct) -> bool:
        """Something happened on the telephone that began the call; False: as in any call."""
        call, context, now = self.call, self._context, self._context.clock()
        match event:
            case line_events.Answered() if call.phase in (Phase.RINGING, Phase.DIALLING):
                call.step(Step.ANSWER, now)
                call.caller.answered = now
                call.caller.port = context.line(call.caller.line).port
                direct.state = moved(DIRECT_TABLE, direct.state, DirectStep.PHONE_ANSWERS)
                if direct.state is DirectState.TALKS and call.onward is not None:
                    await self._life.onward.connect(call.onward)
                else:
                    await self._perform(direct)
            case line_events.Released(cause=cause):
                by = "agent" if call.answered else "caller"
                await self._life.end(cause, by=by, caller_released=True)
            case line_events.Transferred():
                await self._life.moves.transferred(event)
            case line_events.Answered() | line_events.Digit():
                pass
            case _:
                return False
        return True

    async def _perform(self, direct: Direct) -> None:
        """His telephone is answered: do what he dialled."""
        wish = wish_of(direct.to, self._context.telephones, self._context.is_station)
        if not isinstance(wish, PickUp | Slot):
            await self._call_target(direct)
            if self.call.phase is Phase.FLOW:
                await self._life.onward.ringback()
        elif not self._life.moves.picking_up.request(wish, direct.station):
            await self._life.end(Cause.NORMAL, by="system", outcome="failed")

    async def _call_target(self, direct: Direct) -> None:
        context = self._context
        by = context.name_of(direct.agent, direct.station)
        leg = Leg(id=context.ids(), line=self.call.caller.line)
        refused = await self._life.onward.ring(
            Onward(to=direct.to, leg=leg, by=by, way="direct"), PATIENCE_S
        )
        if refused:
            cause = CAUSES.get(refused, Cause.TEMPORARY_FAILURE)
            await self._life.end(cause, by="system", outcome="failed")

    async def target_answers(self, onward: Onward) -> None:
        """Who was called answers: now the telephone that began the call does."""
        call, direct = self.call, self.call.direct
        assert direct is not None
        direct.state = moved(DIRECT_TABLE, direct.state, DirectStep.TARGET_ANSWERS)
        if call.caller.answered:
            direct.state = moved(DIRECT_TABLE, direct.state, DirectStep.PHONE_ANSWERS)
            await self._life.onward.connect(onward)
            return
        onward.leg.port = self._context.line(onward.leg.line).port
        onward.leg.answered = self._context.clock()
        try:
            await self._context.line(call.caller.line).answer()
        except DriverError as error:
            self._log.warning("telephone cannot be answered", why=str(error))
            await self._life.end(Cause.TEMPORARY_FAILURE, by="system", failed=True)

    async def resume(self) -> None:
        """After a restart: only two who talk go on."""
        call = self.call
        if call.phase is Phase.PARKED or call.phase is Phase.ENDED:
            return
        if call.onward is None or not call.onward.leg.answered or call.phase is not Phase.OUTSIDE:
            await self._life.end(Cause.TEMPORARY_FAILURE, by="system", failed=True)
