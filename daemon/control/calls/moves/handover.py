"""Legs that go from one call to another: attended transfer at a telephone, retrieving, pick-up.

The call that receives asks the one that gives and waits for it, so both stand still while the
leg changes hands, and one record of the journal holds both. The giving call is over then.
"""

import asyncio
from collections.abc import Callable
from typing import TYPE_CHECKING, Final

import msgspec

from acd_core.ids import to_text
from daemon.control.calls.call import Call, Leg, Onward, Phase, Step
from daemon.control.calls.context import CallPart
from daemon.control.calls.moves.asking import GiveLeg
from daemon.control.calls.moves.consulting import PATIENCE_S as RING_S
from drivers import events as line_events
from drivers.api import LineId
from drivers.events import Cause
from ivr.inputs import Finished

if TYPE_CHECKING:
    from daemon.control.calls.life import CallLife

KEEPS_PLACE: Final = (
    Phase.FLOW,
    Phase.WAITING,
    Phase.OFFERED,
    Phase.TALKING,
    Phase.ON_HOLD,
    Phase.OUTSIDE,
)
"""Where somebody who called the hotline may leave his place to somebody else."""
PATIENCE_S: Final = 2.0  # s; two calls that ask each other both give up


class Handover(CallPart):
    """Both ends of it, for one call."""

    async def attended(self, asked: line_events.Transferred) -> Cause | None:
        """A telephone in two calls asks to leave both: why it cannot be, or None."""
        if asked.other is None:
            return Cause.NOT_IMPLEMENTED
        other = self._context.life_on(asked.other)
        if other is None or other is self._life:
            return Cause.NO_ROUTE
        if called_hotline(self.call, asked.line):
            return await self._give_place(asked, other, asked.other)
        theirs = self._is_agents(other, asked.other) and not self._is_agents(self._life, asked.line)
        if theirs or called_hotline(other.call, asked.other):
            # The records of a queue's call go on: it is that one which receives.
            self._log.info("attended transfer is made in the other call")
            turned = line_events.Transferred(
                line=asked.other,
                to=asked.to,
                transfer=asked.transfer,
                other=asked.line,
                referred_by=asked.referred_by,
            )
            other.tell(turned)
            return None
        by = self._who(asked.line)

        def take(leg: Leg) -> None:
            self._place(leg, asked, by)

        if not await self._ask(other, asked.other, take):
            return Cause.TEMPORARY_FAILURE
        await self._life.moves.after_taking(asked)
        return None

    async def take_from(self, giver: "CallLife", line: LineId, onward: Onward) -> bool:
        """Let who began another call talk with the caller of this one; False: he cannot."""

        def take(leg: Leg) -> None:
            onward.leg = leg
            self.call.onward = onward

        return await self._ask(giver, line, take)

    async def give(self, asked: GiveLeg) -> None:
        """Another call wants a leg of this one."""
        call, context = self.call, self._context
        leg = self._leg_beside(asked.line)
        if asked.done.done():
            return  # who asked has given up
        if leg is None or leg.line in self._life.gone or call.phase is Phase.ENDED:
            asked.done.set_result(False)
            return
        rest = [each for each in call.legs if each.id != leg.id]
        bridge, player = call.bridge, call.player
        now, connected = context.clock(), call.connected
        asked.take(leg)
        if not connected:
            self._over(now)
        if call.caller is leg:
            call.caller = msgspec.structs.replace(leg, port=None)  # its keys are the other call's
        call.step(Step.END, now)
        call.let_go()
        call.bridge = call.player = 0
        asked.to.call.engaged = tuple(sorted({*asked.to.call.engaged, *call.engaged}))
        context.keep_together(asked.to.call, call)
        if connected:
            # Not before: a call that its agent has left would be hung up after a restart.
            self._life.conversation.finish(now)
            self._over(now)
        context.watch(leg.line, asked.to)
        asked.to.carries(leg.line)
        self._life.pass_on(leg.line, asked.to)
        asked.done.set_result(True)
        self._log.info("leg goes to another call", line=leg.line, to=to_text(asked.to.call.id))
        await self._life.conversation.stop_recording()
        # The bridge is ended last of all: until then the other call may still be joining them.
        if player:
            await context.media.stop_play(player)
        if bridge:
            await context.media.unbridge(bridge)
        for each in rest:
            await self._life.release(each.line, Cause.NORMAL)

    async def hand_on(self, asked: line_events.Transferred) -> Cause | None:
        """Ring somebody else for whoever stays (blind transfer); why that cannot be, or None.

        Who asks was found by no queue: a colleague who was called, or handed a caller. He leaves
        at once and the other one hears it ring. How it went is reported all the same: the
        subscription of a REFER outlives the call it was made in (RFC 3515).
        """
        call, present, direct = self.call, self.call.onward, self.call.direct
        life, context = self._life, self._context
        if call.phase is not Phase.OUTSIDE or present is None:
            return Cause.NOT_IMPLEMENTED
        leaves = present.leg
        if asked.line == call.caller.line and direct is not None:
            leaves = call.caller
        elif asked.line != leaves.line:
            return Cause.NOT_IMPLEMENTED
        if life.onward.line_to(asked.to)[0] is None:
            return Cause.NO_ROUTE
        station, now = context.station_at(asked.line), context.clock()
        outside = not context.is_station(asked.to)
        if direct is not None and outside and not context.may_call_outside(asked.to, station):
            return Cause.REJECTED  # what it may not call it may not let others call either
        if leaves is call.caller and direct is not None:
            call.caller, direct.agent = present.leg, 0
        call.onward = None
        call.step(Step.LEAVE_QUEUE, now)
        context.records.close_segment(call, "outside", now, result="moved")
        context.records.open_segment(call, "ivr", now)
        await life.conversation.unbridge()
        await life.release(leaves.line, Cause.NORMAL)
        onward = Onward(
            to=asked.to,
            leg=Leg(id=context.ids(), line=call.caller.line),
            transfer=asked.transfer,
            asker=asked.line,
            by_agent=True,
            after_agent=True,
            by=context.name_of(context.seat_of(station), station),
            way="attended" if asked.replaces else "blind",
            replaces=asked.replaces,
            referred_by=asked.referred_by,
        )
        if not await life.onward.ring(onward, RING_S):
            await life.onward.ringback()
        elif direct is not None:
            await life.end(Cause.NORMAL, by="system")
        else:
            life.flow.signal(Finished())
        return None

    def _over(self, now: float) -> None:
        """Write down that the call ended with the leg that it gave."""
        call, records = self.call, self._context.records
        for kind in tuple(call.segments):
            records.close_segment(call, kind, now, result="moved")
        if call.direct is not None:
            call.answered = call.answered or call.caller.answered
        outcome = "answered" if call.answered else call.outcome or "failed"
        records.call(call, ended=now, outcome=outcome, ended_by="agent")

    def _leg_beside(self, line: LineId) -> Leg | None:
        """Who is in this call beside the one whose part is over."""
        call = self.call
        if call.direct is None:
            return call.caller if self._brought_by(line) else None
        if not line:
            return call.caller if call.caller.answered else None
        if call.caller.line == line:
            return call.onward.leg if call.onward is not None else None
        if call.onward is not None and call.onward.leg.line == line and call.caller.answered:
            return call.caller
        return None

    def _brought_by(self, line: LineId) -> bool:
        """Whether the caller talks with whom a line belongs to, and with nobody else."""
        call = self.call
        if call.consult is not None or call.guests:
            return False
        if call.connected:
            agents = call.agent_leg is not None and call.agent_leg.line == line
            return agents and call.onward is None
        onward = call.onward
        return call.phase is Phase.OUTSIDE and onward is not None and onward.leg.line == line

    async def _give_place(
        self, asked: line_events.Transferred, other: "CallLife", line: LineId
    ) -> Cause | None:
        """Somebody who called the hotline himself gives his place there to his other caller.

        Menu, place in the queue and age stay as they are; from here on the call is in the name
        of the other caller.
        """
        call, context, life = self.call, self._context, self._life
        before, bridge = call.caller, call.bridge
        rings = call.onward is not None and not call.onward.leg.answered
        moveable = call.phase in KEEPS_PLACE and before.answered and not (rings or call.consult)
        if not moveable or call.fax or (call.phase is Phase.FLOW and call.recording is not None):
            return Cause.NOT_IMPLEMENTED
        who = self._who(asked.line)

        def take(leg: Leg) -> None:
            take_name(call, other.call)
            call.caller, call.bridge = leg, 0

        if not await self._ask(other, line, take):
            return Cause.TEMPORARY_FAILURE
        context.port_left(before)
        context.records.call(call)
        self._log.info("another caller takes the place", by=who, line=call.caller.line)
        await life.flow.stop()
        await life.conversation.quiet()
        life.flow.resume()
        if bridge:
            await context.media.unbridge(bridge)
        await self.talk_on()
        await life.moves.report(asked, None)
        await life.release(before.line, Cause.NORMAL)
        return None

    async def talk_on(self) -> None:
        """Let the new caller hear whom the one before him talked with."""
        call, conversation = self.call, self._life.conversation
        if call.phase is Phase.OUTSIDE and call.onward is not None:
            await self._life.onward.rejoin(call.onward)
        elif call.connected:
            recording = call.recording
            await conversation.stop_recording()
            await conversation.rejoin()
            if recording is not None:
                await conversation.record_again(recording)

    async def _ask(self, giver: "CallLife", line: LineId, take: Callable[[Leg], None]) -> bool:
        done: asyncio.Future[bool] = asyncio.get_running_loop().create_future()
        giver.tell(GiveLeg(line=line, to=self._life, take=take, done=done))
        try:
            async with asyncio.timeout(PATIENCE_S):
                return await done
        except TimeoutError:
            self._log.warning("the other call does not give its leg", line=line)
            return False

    def _place(self, leg: Leg, asked: line_events.Transferred, by: str) -> None:
        """Put a leg where the telephone was that transfers."""
        call = self.call
        onward = Onward(
            to=self._named(leg),
            leg=leg,
            transfer=asked.transfer,
            by_agent=True,
            by=by,
            way="attended",
            referred_by=asked.referred_by,
        )
        if call.caller.line == asked.line and call.onward is not None:
            # Who began this call leaves it: the other one takes his place as its first leg.
            call.caller = leg
            call.onward.by, call.onward.way = by, "attended"
        else:
            call.onward = onward

    def _named(self, leg: Leg) -> str:
        station = self._context.station_at(leg.line)
        life = self._context.life_on(leg.line)
        onward = life.call.onward if life is not None else None
        return station or (onward.to if onward is not None and onward.leg is leg else leg.line)

    def _who(self, line: LineId) -> str:
        station = self._context.station_at(line)
        return self._context.name_of(self._context.seat_of(station), station)

    def _is_agents(self, life: "CallLife", line: LineId) -> bool:
        leg = life.call.agent_leg
        return leg is not None and leg.line == line


def called_hotline(call: Call, line: LineId) -> bool:
    """Whether it is from this line that a call reached the hotline, and not a single telephone."""
    return call.direct is None and call.direction == "in" and call.caller.line == line


def take_name(call: Call, giver: Call) -> None:
    """Let a call be in the name of somebody else's caller: who he is, and what is known of him."""
    call.begun_by = call.begun_by or call.ani
    call.ani, call.ani_verbatim, call.name = giver.ani, giver.ani_verbatim, giver.name
    call.restricted, call.uui, call.headers = giver.restricted, giver.uui, dict(giver.headers)
    call.redirecting, call.reason = giver.redirecting, giver.reason
    call.hops = min(call.hops, giver.hops)
    call.data = giver.data | call.data
