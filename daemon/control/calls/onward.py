"""Connecting a caller with somebody beyond the queues: a number outside, or a station.

A flow asks for it (its ``transfer`` node), or the agent does with the transfer key of the
telephone. Until the target answers, whoever has the caller keeps him.
"""

from typing import Final

import msgspec

from daemon.control.calls.call import Leg, Onward, Phase, Step
from daemon.control.calls.context import CallPart
from daemon.control.calls.moves.passing_on import details_of, dial, goes_round
from daemon.control.calls.moves.tables import DirectState
from daemon.control.calls.places import DIALLABLE
from daemon.link.errors import LinkError
from drivers import events as line_events
from drivers.api import EarlyAudio, Line, Transfers
from drivers.errors import DriverError, LineBusy
from drivers.events import Cause, LineEvent
from ivr.inputs import Finished, TransferFailed

AGENT_PATIENCE_S: Final = 60.0  # s that the target of an agent's transfer may ring
REASONS: Final = {
    Cause.BUSY: "busy",
    Cause.REJECTED: "declined",
    Cause.NO_ANSWER: "no_answer",
    Cause.UNALLOCATED: "unknown",
    Cause.INVALID_NUMBER: "unknown",
    Cause.NO_ROUTE: "unreachable",
    Cause.NO_USER_RESPONDING: "unreachable",
    Cause.DESTINATION_OUT_OF_ORDER: "unreachable",
}
"""What a flow is told of a target that did not take the call; else ``failed``."""


class OnwardDue(msgspec.Struct, frozen=True):
    """The target rang long enough."""

    leg: int


class GoingOnward(CallPart):
    """Rings one target for one call, and joins caller and target."""

    __slots__ = ()

    async def from_flow(self, to: str, timeout_s: float) -> str:
        """Ring a target for a flow; why it cannot be rung, or nothing.

        After a restart the flow asks again: a conversation that stands is left alone.
        """
        if self.call.onward is not None and self.call.onward.leg.answered:
            return ""
        refused = await self.ring(Onward(to=to, leg=self._leg(), way="blind"), timeout_s)
        if not refused:
            await self.ringback()
        return refused

    async def ringback(self) -> None:
        """Let the caller hear that it rings."""
        port = self.call.caller.port
        if port is not None:
            self.call.player = self._context.ids()
            tone = self._context.prompts.tones.ringback
            media = self._context.media
            await media.play_tone(port, self.call.player, (tone.pair,), tone.steps_ms)

    async def from_agent(self, asked: line_events.Transferred) -> None:
        """The agent's telephone asks that the caller is connected with somebody else."""
        onward = Onward(
            to=asked.to,
            leg=self._leg(),
            transfer=asked.transfer,
            by_agent=True,
            by=self._context.name_of(self.call.agent),
            way="attended" if asked.replaces else "blind",
            replaces=asked.replaces,
            referred_by=asked.referred_by,
        )
        if self.call.onward is not None or self.call.consult is not None:
            await self._report(onward, Cause.NOT_IMPLEMENTED)
            return
        refused = await self.ring(onward, AGENT_PATIENCE_S)
        if refused:
            await self._report(onward, Cause.NO_ROUTE)

    async def from_desk(self, to: str) -> None:
        """The agent asks at the desk; the caller stays when it cannot be."""
        if self.call.onward is None and self.call.consult is None:
            by = self._context.name_of(self.call.agent)
            onward = Onward(to=to, leg=self._leg(), by_agent=True, by=by, way="blind")
            await self.ring(onward, AGENT_PATIENCE_S)

    def possible(self, to: str) -> bool:
        """Whether a target can be rung now."""
        call = self.call
        return call.onward is None and call.consult is None and self.line_to(to)[0] is not None

    async def agent_left(self, onward: Onward) -> None:
        """The agent who asked hung up before the target answered: the caller hears it ring."""
        onward.after_agent, onward.transfer = True, ""
        await self.ringback()

    async def happened(self, event: LineEvent, onward: Onward) -> None:
        """Something happened on the target's line."""
        match event:
            case line_events.Progress(tone=tone):
                transfers = self._transfers(onward)
                if onward.transfer and transfers is not None:
                    await transfers.transfer_rings(onward.transfer)
                if tone == "early" and not onward.early and not self.call.connected:
                    await self._open_early(onward)
            case line_events.Answered() if not onward.leg.answered:
                direct = self.call.direct
                if direct is not None and direct.state is not DirectState.TALKS:
                    await self._life.moves.direct.target_answers(onward)
                else:
                    await self.connect(onward)
            case line_events.Transferred():
                await self._life.moves.transferred(event)
            case line_events.Released() | line_events.LineDown():
                cause = getattr(event, "cause", Cause.DESTINATION_OUT_OF_ORDER)
                if onward.leg.answered and self.call.phase is Phase.OUTSIDE:
                    await self._over(onward)
                else:
                    await self._fail(onward, cause)
            case _:
                pass

    async def due(self, leg: int) -> None:
        """Give up a target that did not answer in time."""
        onward = self.call.onward
        if onward is not None and onward.leg.id == leg and not onward.leg.answered:
            await self._fail(onward, Cause.NO_ANSWER)
            await self._life.release(onward.leg.line, Cause.NO_ANSWER)

    def forget_ringing(self) -> None:
        """After a restart: a target that rang rings no more."""
        if self.call.onward is not None and not self.call.onward.leg.answered:
            self._context.records.close_segment(self.call, "transfer", self._context.clock())
            self.call.onward = None

    def _leg(self) -> Leg:
        return Leg(id=self._context.ids(), line=self.call.caller.line)

    async def ring(self, onward: Onward, patience_s: float) -> str:
        """Ring the target; why it cannot be, or nothing."""
        call, context = self.call, self._context
        if goes_round(call):
            self._log.warning("call goes round in circles, it goes no further", to=onward.to)
            return "loop"
        line, number = self.line_to(onward.to)
        if line is None:
            self._log.warning("transfer has no line", to=onward.to, why=number)
            return number
        onward.leg.line = line.id
        call.onward = onward
        context.records.open_segment(call, "transfer", context.clock(), onward=onward)
        try:
            await self.dial(line, number, onward)
        except DriverError as error:
            self._log.warning("transfer cannot be dialled", to=onward.to, why=str(error))
            context.records.close_segment(call, "transfer", context.clock(), result="failed")
            call.onward = None
            return "busy" if isinstance(error, LineBusy) else "unreachable"
        self.expect(onward, patience_s)
        self._log.info("call goes onward", to=onward.to, line=line.id, by=onward.by)
        return ""

    async def dial(self, line: Line, number: str, onward: Onward) -> None:
        """Place the call to a target, in the name of this call; DriverError when it cannot be."""
        call, context = self.call, self._context
        self._life.carries(line.id)
        context.watch(line.id, self._life)
        inside = context.is_station(onward.to)
        own = "" if inside else context.outgoing.number
        details = details_of(call, onward, own_number=bool(own))
        try:
            await dial(line, number, details, ani=own or call.ani, name=call.name)
        except DriverError:
            context.watch(line.id, None)
            raise

    def expect(self, onward: Onward, patience_s: float) -> None:
        """Give a target so long to answer."""
        self._tell_in(patience_s, OnwardDue(onward.leg.id))

    def line_to(self, to: str) -> tuple[Line | None, str]:
        """The line towards a target with the number to dial; else None with the reason."""
        context = self._context
        if context.is_station(to):
            try:
                return context.station_line(to), to
            except DriverError as error:
                return None, "busy" if isinstance(error, LineBusy) else "unreachable"
        if not DIALLABLE.fullmatch(to):
            return None, "unknown"
        return context.free_trunk(), context.outgoing.prefix + to

    async def connect(self, onward: Onward) -> None:
        """Join caller and target; an agent who had the caller is free."""
        call, context, now = self.call, self._context, self._context.clock()
        onward.leg.port = onward.leg.port or context.line(onward.leg.line).port
        if onward.leg.port is None and onward.leg.line in self._life.gone:
            return  # he has hung up in the same moment: that is the next thing we handle
        agent_leg, conversation = call.agent_leg, self._life.conversation
        if onward.leg.port is None or call.caller.port is None:
            raise DriverError(
                f"cannot join {call.caller.line} and {onward.leg.line}: no audio port"
            )
        was_connected = call.connected
        await self._report(onward, None)
        call.step(Step.GO_OUT, now)
        self._life.moves.slot_left()
        onward.leg.answered = onward.leg.answered or now
        call.onward, call.agent_leg = onward, None
        if was_connected:
            conversation.finish(now)
            await conversation.stop_recording()
        elif call.direct is not None:
            call.answered = call.answered or now
        elif not onward.after_agent:
            call.outcome = "transferred_out"
        await conversation.unbridge()
        for kind in ("transfer", "ivr", "parked"):
            context.records.close_segment(call, kind, now, result="answered")
        context.records.open_segment(call, "outside", now, onward=onward)
        await conversation.quiet()
        await self._join(onward)
        if agent_leg is not None:
            await self._life.release(agent_leg.line, Cause.NORMAL)

    async def rejoin(self, onward: Onward) -> None:
        """One of the two is somebody else now: they talk on."""
        call, context, now = self.call, self._context, self._context.clock()
        context.records.close_segment(call, "outside", now, result="moved")
        context.records.open_segment(call, "outside", now, onward=onward)
        await self._life.conversation.unbridge()
        await self._life.conversation.quiet()
        onward.leg.port = onward.leg.port or context.line(onward.leg.line).port
        await self._join(onward)

    async def _open_early(self, onward: Onward) -> None:
        """Let the caller hear what the target's network says before the answer."""
        call, context = self.call, self._context
        caller = context.line(call.caller.line)
        if not call.caller.answered:
            if not isinstance(caller, EarlyAudio) or not await caller.open_early():
                return  # his telephone rings as it always does
            call.caller.port = caller.port
        onward.leg.port = context.line(onward.leg.line).port
        if onward.leg.port is None or call.caller.port is None:
            return
        onward.early = True
        await self._life.conversation.quiet()
        await self._join(onward)

    async def _join(self, onward: Onward) -> None:
        """Let caller and target hear each other; the target is let go when media cannot."""
        call, context = self.call, self._context
        if onward.leg.port is None or call.caller.port is None:
            raise DriverError(
                f"cannot join {call.caller.line} and {onward.leg.line}: no audio port"
            )
        call.bridge = context.ids()
        try:
            await context.media.bridge(call.bridge, call.caller.port, onward.leg.port)
        except LinkError as error:
            self._log.error("caller and target cannot be joined", why=str(error))
            await self._life.release(onward.leg.line, Cause.TEMPORARY_FAILURE)

    async def _over(self, onward: Onward) -> None:
        """The target hung up; the flow says whether the caller hears more."""
        call, context, now = self.call, self._context, self._context.clock()
        call.onward = None
        if await self._life.moves.over(onward, None):
            return
        call.step(Step.LEAVE_QUEUE, now)
        context.records.close_segment(call, "outside", now)
        await self._life.conversation.unbridge()
        context.records.open_segment(call, "ivr", now)
        self._life.flow.signal(Finished())

    async def _fail(self, onward: Onward, cause: Cause) -> None:
        """The target does not take the call."""
        call, reason = self.call, REASONS.get(cause, "failed")
        call.onward = None
        self._context.records.close_segment(call, "transfer", self._context.clock(), result=reason)
        await self._report(onward, cause)
        if onward.early:
            await self._life.conversation.unbridge()
        if await self._life.moves.over(onward, cause):
            return
        if onward.after_agent:
            await self._life.conversation.quiet()
            self._life.flow.signal(Finished())
        elif not onward.by_agent:
            await self._life.conversation.quiet()
            self._life.flow.signal(TransferFailed(reason=reason))

    async def _report(self, onward: Onward, cause: Cause | None) -> None:
        """Tell the telephone that asked how it went."""
        transfers = self._transfers(onward)
        if onward.transfer and transfers is not None:
            await transfers.transfer_ended(onward.transfer, cause)

    def _transfers(self, onward: Onward) -> Transfers | None:
        if onward.asker:
            return self._context.transfers_at(onward.asker)
        return self._context.transfers(self.call)
