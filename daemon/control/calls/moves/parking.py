"""Parked callers: music in a slot until somebody dials the slot, or the parker's phone rings."""

from typing import Final

from daemon.control.calls.call import Leg, Onward, Parked, Phase, Step
from daemon.control.calls.context import CallPart
from daemon.control.calls.moves.asking import ParkDue
from daemon.control.calls.moves.tables import PARK_TABLE, IllegalMove, ParkState, ParkStep, moved
from drivers.events import Cause

RETURN_S: Final = 30.0  # s that the telephone of the parker rings


class Parking(CallPart):
    """The slot of one call."""

    async def park(self, slot: str, station: str) -> bool:
        """Let the caller rest and whoever had him go; False when no slot is to be had."""
        call, context, now = self.call, self._context, self._context.clock()
        if call.phase not in (Phase.TALKING, Phase.ON_HOLD, Phase.OUTSIDE) or call.consult:
            return False
        name = free_slot(slot, context.telephones.slot_names, self._taken())
        left = self._left_by(station)
        rings = call.onward is not None and (call.connected or not call.onward.leg.answered)
        if not name or left is None or rings:
            return False
        by = context.name_of(context.seat_of(station), station)
        # Whoever parks is the one who leaves: of a call that he began, the other one stays.
        if call.caller is left and call.onward is not None:
            call.caller, call.onward = call.onward.leg, None
        conversation = self._life.conversation
        was_connected = call.connected
        call.step(Step.PARK, now)
        call.parked = Parked(slot=name, by=station, since=now)
        call.agent_leg = call.onward = None
        # Written down before the agent is told: from here on the caller is parked.
        context.keep(call)
        if was_connected:
            conversation.finish(now)
            await conversation.stop_recording()
        context.records.close_segment(call, "outside", now)
        context.records.open_segment(call, "parked", now, detail={"by": by, "to": name})
        await conversation.unbridge()
        await conversation.quiet()
        await self._life.flow.hold_music()
        context.slot_changed(name, taken=True)
        self._wait()
        await self._life.release(left.line, Cause.NORMAL)
        self._log.info("caller is parked", slot=name, by=by)
        return True

    async def due(self, since: float) -> None:
        """Nobody came for him: ring who parked him."""
        call, context = self.call, self._context
        parked = call.parked
        if parked is None or parked.since != since or call.phase is not Phase.PARKED:
            return
        try:
            parked.state = moved(PARK_TABLE, parked.state, ParkStep.DUE)
        except IllegalMove:
            return
        parked.returns += 1
        by = Onward(to=parked.by, leg=Leg(id=context.ids(), line=call.caller.line), way="park")
        by.by = parked.slot
        self._log.info("parked caller returns", station=parked.by, times=parked.returns)
        refused = await self._life.onward.ring(by, RETURN_S)
        if refused:
            await self.unanswered()

    async def unanswered(self) -> None:
        """Who parked him does not answer: he rests on."""
        parked = self.call.parked
        if parked is not None and parked.state is ParkState.RETURNS:
            parked.state = moved(PARK_TABLE, parked.state, ParkStep.UNANSWERED)
            parked.since = self._context.clock()
            self._wait()

    def taken_back(self) -> None:
        """Somebody talks with him, or he has hung up: the slot is free."""
        parked, self.call.parked = self.call.parked, None
        if parked is not None:
            self._context.slot_changed(parked.slot, taken=False)

    async def resume(self) -> None:
        """After a restart: music goes on by itself, and so does the time."""
        call, context = self.call, self._context
        parked = call.parked
        if parked is None:
            return
        if call.phase is not Phase.PARKED:
            self.taken_back()
            return
        if "parked" not in call.segments:  # killed before it could be written down
            now = context.clock()
            for kind in ("talk", "hold", "outside"):
                context.records.close_segment(call, kind, now)
            context.records.open_segment(call, "parked", now, detail={"by": parked.by})
        if call.bridge:
            await self._life.conversation.unbridge()
        await self._life.conversation.stop_recording()
        await self._life.conversation.quiet()
        await self._life.flow.hold_music()
        parked.state = ParkState.RESTS
        context.slot_changed(parked.slot, taken=True)
        self._wait()

    def _left_by(self, station: str) -> Leg | None:
        """The leg of the station that parks."""
        call = self.call
        onward = call.onward.leg if call.onward is not None else None
        for leg in (call.agent_leg, onward, call.caller if call.direct is not None else None):
            if leg is not None and self._context.station_at(leg.line) == station:
                return leg
        return call.agent_leg

    def _taken(self) -> set[str]:
        return {life.call.parked.slot for life in self._context.lives() if life.call.parked}

    def _wait(self) -> None:
        parked, context = self.call.parked, self._context
        if parked is not None:
            left = parked.since + context.telephones.park_s - context.clock()
            self._tell_in(max(left, 0.0), ParkDue(since=parked.since))


def free_slot(wanted: str, slots: tuple[str, ...], taken: set[str]) -> str:
    """The slot that is wanted, or the first one; empty when it is taken, or all are."""
    if wanted:
        return wanted if wanted in slots and wanted not in taken else ""
    return next((slot for slot in slots if slot not in taken), "")
