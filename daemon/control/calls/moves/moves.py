"""All that people do with one call beside talking, as its life sees it."""

from functools import cached_property

from acd_core.events import AgentBusy, AgentFree
from acd_core.ids import AgentId
from daemon.control.calls.call import Leg, Onward, Phase, ring_of
from daemon.control.calls.context import CallPart
from daemon.control.calls.moves.asking import (
    ConsultDue,
    ConsultRequest,
    ConsultStepRequest,
    GiveLeg,
    MoveRequest,
    ParkDue,
    ParkRequest,
)
from daemon.control.calls.moves.conferring import Conferring
from daemon.control.calls.moves.consulting import PATIENCE_S, Consulting
from daemon.control.calls.moves.dialled import Slot, wish_of
from daemon.control.calls.moves.direct import Directly
from daemon.control.calls.moves.handover import Handover
from daemon.control.calls.moves.parking import Parking
from daemon.control.calls.moves.picking_up import PickingUp, TakeThis
from daemon.control.calls.moves.tables import IllegalMove
from daemon.control.calls.resuming import talks
from drivers import events as line_events
from drivers.events import Cause, LineEvent


class Moves(CallPart):
    """Consulting, conferring, parking, picking up, dialling, and handing legs over."""

    # Most calls need none of these, and there are many calls.

    @cached_property
    def consulting(self) -> Consulting:
        """Attended transfer from the desk."""
        return Consulting(self._life, self._context)

    @cached_property
    def conferring(self) -> Conferring:
        """Guests in the conversation."""
        return Conferring(self._life, self._context)

    @cached_property
    def parking(self) -> Parking:
        """The slot that the caller rests in."""
        return Parking(self._life, self._context)

    @cached_property
    def picking_up(self) -> PickingUp:
        """Taking this call, or taking another one with it."""
        return PickingUp(self._life, self._context)

    @cached_property
    def direct(self) -> Directly:
        """The call as one that began inside."""
        return Directly(self._life, self._context)

    @cached_property
    def handover(self) -> Handover:
        """Legs that come from other calls or go to them."""
        return Handover(self._life, self._context)

    @property
    def is_spare(self) -> bool:
        """Whether none of these was ever needed."""
        return not vars(self)

    async def begin(self) -> bool:
        """Begin a call that comes from inside; False for any other."""
        call = self.call
        inside = call.direct is not None or self._context.station_at(call.caller.line)
        return bool(inside) and await self.direct.begin()

    def slot_left(self) -> None:
        """Whoever was parked here is so no more."""
        if self.call.parked is not None:
            self.parking.taken_back()

    async def asked(self, request: MoveRequest) -> None:
        """Somebody asks for a move, or one of its times is over."""
        try:
            match request:
                case ConsultRequest():
                    await self.consulting.begin(request)
                case ConsultStepRequest(step=step):
                    await self.consulting.step(step)
                case ConsultDue(leg=leg):
                    await self.consulting.due(leg)
                case ParkRequest(slot=slot, by=by):
                    await self.parking.park(slot, by)
                case ParkDue(since=since):
                    await self.parking.due(since)
                case TakeThis():
                    await self.picking_up.taken(request)
                case GiveLeg():
                    await self.handover.give(request)
                case _:
                    self._log.error("unknown move", what=type(request).__name__)
        except IllegalMove as error:
            self._log.info("too late for the move", what=type(request).__name__, why=str(error))

    async def happened(self, event: LineEvent) -> None:
        """Something happened on a line that is neither the caller's nor an agent's."""
        call = self.call
        if call.consult is not None and call.consult.leg.line == event.line:
            await self.consulting.happened(event, call.consult)
            return
        for guest in call.guests:
            if guest.leg.line == event.line:
                await self.conferring.happened(event, guest)
                return

    def replaced(self, event: line_events.Replaced) -> None:
        """Another telephone took over what rings on a line of this call (RFC 3891)."""
        call = self.call
        ring = call.segments.get(ring_of(call.rung_on(event.line)))
        if ring is not None:
            ring.detail = {"by": event.by, "way": "pick-up"}
        if call.onward is not None and call.onward.leg.line == event.line:
            call.onward.by, call.onward.way = event.by, "pick-up"
        self._log.info("call is taken over", line=event.line, by=event.by)

    async def transferred(self, asked: line_events.Transferred) -> bool:
        """A telephone asks to hand its call on; False: an ordinary blind transfer."""
        station = self._context.station_at(asked.line)
        context = self._context
        wish = wish_of(asked.to, context.telephones, context.is_station)
        cause: Cause | None = None
        if isinstance(wish, Slot) and station and asked.other is None:
            if not await self.parking.park(wish.name, station):
                cause = Cause.CONGESTION
            await self.report(asked, cause)
        elif asked.other is not None:
            cause = await self.handover.attended(asked)
            if cause is not None:
                await self.report(asked, cause)
        elif self.call.agent_leg is not None and asked.line == self.call.agent_leg.line:
            return False
        else:
            cause = await self.handover.hand_on(asked)
            if cause is not None:
                await self.report(asked, cause)
        return True

    async def after_taking(self, asked: line_events.Transferred) -> None:
        """The other call has given its leg: join whoever is left."""
        call, context, onward = self.call, self._context, self.call.onward
        if onward is None:
            return
        if call.agent_leg is not None and call.agent_leg.line == asked.line:
            if onward.leg.answered:
                await self._life.onward.connect(onward)
            else:
                context.records.open_segment(call, "transfer", context.clock(), onward=onward)
                self._life.onward.expect(onward, PATIENCE_S)
            return
        if call.direct is not None and call.direct.station == context.station_at(asked.line):
            call.direct.agent = 0
        await self._life.onward.rejoin(onward)
        await self.report(asked, None)
        await self._life.release(asked.line, Cause.NORMAL)

    async def agent_left(self) -> None:
        """The agent hung up: whoever he was asking, or had asked in, goes on with the caller."""
        if self.call.consult is not None:
            await self.consulting.complete()
            return
        heir = self.conferring.heir() if self.call.guests else None
        if heir is not None:
            self.call.onward = heir
            await self._life.onward.connect(heir)
            return
        await self._life.conversation.agent_left()

    async def over(self, onward: Onward, cause: Cause | None) -> bool:
        """Who was called beyond the queues left, or did not come; True when that is all."""
        call = self.call
        if call.phase is Phase.PARKED:
            await self.parking.unanswered()
            return True
        heir = self.conferring.heir() if cause is None and call.guests else None
        if heir is not None:
            call.onward = heir
            await self._life.onward.rejoin(heir)
            return True
        if call.direct is None:
            return False
        outcome = "" if cause is None else "failed"
        by = "caller" if cause is None else "system"
        await self._life.end(cause or Cause.NORMAL, by=by, outcome=outcome)
        return True

    @property
    def is_due(self) -> bool:
        """Whether anybody is in the call whom no queue has put there; guests come by consulting."""
        call = self.call
        return bool(call.engaged or call.direct or call.onward or call.consult or call.guests)

    async def follow(self) -> None:
        """Do what the call wants of its guests now."""
        if self.call.guests:
            await self.conferring.follow()
        self.engage()

    def engage(self) -> None:
        """Tell the engine which agents talk in this call although no queue has put them there."""
        call = self.call
        if not (call.engaged or call.direct or call.onward or call.consult):
            return
        present = self._at_seats()
        before, call.engaged = call.engaged, tuple(sorted(present))
        for agent in present.difference(before):
            self._context.acd.submit(AgentBusy(agent=AgentId(agent)))
        for agent in set(before).difference(present):
            if not any(agent in life.call.engaged for life in self._context.lives()):
                self._context.acd.submit(AgentFree(agent=AgentId(agent)))

    async def resume(self) -> None:
        """After a restart: finish what was begun, and forget what cannot be."""
        call, onward, context = self.call, self.call.onward, self._context
        if call.phase in (Phase.OUTSIDE, Phase.PARKED) and talks(context.acd.floor(), call.id):
            self._life.conversation.finish(context.clock())  # the agent's end was on its way
        if onward is not None and onward.leg.answered and call.phase is not Phase.OUTSIDE:
            if onward.leg.line in self._life.gone:
                call.onward = None  # he left before he was joined
                context.records.close_segment(call, "transfer", context.clock(), result="lost")
            else:
                await self.picking_up.finish(onward)
        elif not call.bridge and call.phase in (Phase.TALKING, Phase.OUTSIDE):
            await self.handover.talk_on()  # the one who talked before had given his place
        if call.consult is not None:
            await self.consulting.resume()
        if call.parked is not None:
            await self.parking.resume()
        if call.direct is not None:
            await self.direct.resume()
        await self.follow()

    def _at_seats(self) -> set[int]:
        """Agents in this call whom no queue has put there."""
        call, context = self.call, self._context
        if call.phase is Phase.ENDED:
            return set()
        legs: list[Leg] = [call.caller] if call.direct is not None else []
        parts = (call.onward, call.consult, *call.guests)
        legs += [each.leg for each in parts if each is not None and each.leg.answered]
        seats = {context.seat_of(context.station_at(leg.line)) for leg in legs}
        return seats - {0, call.agent if call.connected else 0}

    async def report(self, asked: line_events.Transferred, cause: Cause | None) -> None:
        """Tell the telephone that asked for a transfer how it went."""
        transfers = self._context.transfers_at(asked.line)
        if asked.transfer and transfers is not None:
            await transfers.transfer_ended(asked.transfer, cause)
