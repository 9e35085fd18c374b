"""Attended transfer from the desk: the agent asks somebody while the caller hears music.

The agent goes from one to the other, joins them and leaves, joins all three, or goes back to
the caller. His telephone stays in one call with us all the time, so any telephone will do.
"""

from typing import Final

from daemon.control.calls.call import Consult, Guest, Leg, Onward, Phase
from daemon.control.calls.context import CallPart
from daemon.control.calls.moves.asking import ConsultDue, ConsultRequest
from daemon.control.calls.moves.tables import CONSULT_TABLE, ConsultState, ConsultStep, moved
from daemon.link.errors import LinkError
from drivers import events as line_events
from drivers.errors import DriverError
from drivers.events import Cause, LineEvent

PATIENCE_S: Final = 60.0  # s that the target may ring


class Consulting(CallPart):
    """Rings one target for the agent of a call."""

    async def begin(self, asked: ConsultRequest) -> None:
        """Put the caller on hold and ring the target; nothing changes when it cannot be rung."""
        call, context = self.call, self._context
        if not call.connected or call.agent_leg is None:
            return
        if call.consult is not None or call.onward is not None:
            self._log.info("somebody is being asked already", to=asked.to)
            return
        line, number = self._life.onward.line_to(asked.to)
        if line is None:
            self._log.warning("nobody to ask can be reached", to=asked.to, why=number)
            return
        leg = Leg(id=context.ids(), line=line.id)
        asking = Onward(to=asked.to, leg=leg, by_agent=True, by=asked.by, way="attended")
        try:
            await self._life.onward.dial(line, number, asking)
        except DriverError as error:
            self._log.warning("who is asked cannot be dialled", to=asked.to, why=str(error))
            return
        call.consult = Consult(to=asked.to, leg=leg, by=asked.by)
        if call.phase is Phase.TALKING:
            await self._life.conversation.held()
        context.records.open_segment(
            call,
            "consult",
            context.clock(),
            agent=call.agent,
            leg=leg,
            detail={"by": asked.by, "to": asked.to},
        )
        await self._ringback()
        self._tell_in(PATIENCE_S, ConsultDue(leg=leg.id))
        self._log.info("agent asks somebody", to=asked.to, line=line.id)

    async def happened(self, event: LineEvent, consult: Consult) -> None:
        """Something happened on the target's line."""
        match event:
            case line_events.Answered() if not consult.leg.answered:
                consult.leg.port = self._context.line(consult.leg.line).port
                consult.leg.answered = self._context.clock()
                consult.state = moved(CONSULT_TABLE, consult.state, ConsultStep.ANSWER)
                await self._sound(consult)
            case line_events.Released() | line_events.LineDown():
                self._log.info("who was asked left", to=consult.to)
                await self._back(consult, result=_result(event, consult))
            case line_events.Transferred(transfer=transfer):
                transfers = self._context.transfers(self.call)
                if transfer and transfers is not None:
                    await transfers.transfer_ended(transfer, Cause.NOT_IMPLEMENTED)
            case _:
                pass

    async def step(self, step: ConsultStep) -> None:
        """Do what the agent asks; IllegalMove when it cannot be done now."""
        consult = self.call.consult
        if consult is None:
            self._log.info("nobody is being asked", step=step)
            return
        state = moved(CONSULT_TABLE, consult.state, step)
        match step:
            case ConsultStep.SWAP:
                consult.state = state
                await self._sound(consult)
            case ConsultStep.COMPLETE:
                await self.complete()
            case ConsultStep.JOIN:
                await self._join(consult)
            case ConsultStep.CANCEL:
                await self._back(consult, result="withdrawn")
                await self._life.release(consult.leg.line, Cause.NORMAL)
            case ConsultStep.ANSWER:
                pass

    async def complete(self) -> None:
        """Join caller and target, now or when it answers; the agent is free."""
        call, consult = self.call, self.call.consult
        if consult is None:
            return
        onward = Onward(
            to=consult.to, leg=consult.leg, by_agent=True, by=consult.by, way="attended"
        )
        self._context.records.close_segment(
            call, "consult", self._context.clock(), result="answered"
        )
        await self._silence(consult)
        call.consult, call.onward = None, onward
        # Written down before the agent is told: whoever is killed now goes on with it.
        self._context.keep(call)
        if consult.leg.answered:
            await self._life.onward.connect(onward)
            return
        agent_leg, call.agent_leg = call.agent_leg, None
        await self._life.conversation.agent_left()
        self._life.onward.expect(onward, PATIENCE_S)
        if agent_leg is not None:
            await self._life.release(agent_leg.line, Cause.NORMAL)

    async def due(self, leg: int) -> None:
        """Give up a target that did not answer in time."""
        consult = self.call.consult
        if consult is not None and consult.leg.id == leg and not consult.leg.answered:
            await self._back(consult, result="no_answer")
            await self._life.release(consult.leg.line, Cause.NO_ANSWER)

    async def resume(self) -> None:
        """After a restart: a target that rang rings no more, else all hear what they should."""
        call, consult = self.call, self.call.consult
        if consult is None:
            return
        if not call.connected or not consult.leg.answered:
            await self._back(consult, result="lost")
        elif consult.leg.line not in self._life.gone:
            await self._sound(consult)

    async def _join(self, consult: Consult) -> None:
        """All three talk."""
        call = self.call
        now = self._context.clock()
        self._context.records.close_segment(call, "consult", now, result="answered")
        await self._silence(consult)
        call.consult = None
        call.guests = (*call.guests, Guest(to=consult.to, leg=consult.leg, by=consult.by))
        if call.phase is Phase.ON_HOLD:
            await self._life.conversation.retrieved()
        await self._life.moves.conferring.follow()

    async def _back(self, consult: Consult, *, result: str) -> None:
        """The target is out; agent and caller talk again."""
        call = self.call
        self._context.records.close_segment(call, "consult", self._context.clock(), result=result)
        await self._silence(consult)
        call.consult = None
        if call.phase is Phase.ON_HOLD:
            await self._life.conversation.retrieved()

    async def _sound(self, consult: Consult) -> None:
        """Let each of the three hear whom the state says."""
        call, context = self.call, self._context
        agent, target = call.agent_leg, consult.leg.port
        if agent is None or agent.port is None or target is None:
            self._log.error("who is asked has no audio port", line=consult.leg.line)
            await self._life.release(consult.leg.line, Cause.TEMPORARY_FAILURE)
            await self._back(consult, result="failed")
            return
        await self._silence(consult)
        try:
            if consult.state is ConsultState.WITH_CALLER:
                consult.player = context.ids()
                await self._life.flow.music_for(target, consult.player)
                if call.phase is Phase.ON_HOLD:
                    await self._life.conversation.retrieved()
            else:
                if call.phase is Phase.TALKING:
                    await self._life.conversation.held()
                consult.bridge = context.ids()
                await context.media.bridge(consult.bridge, agent.port, target)
        except LinkError as error:
            self._log.error("agent and target cannot be joined", why=str(error))
            await self._life.release(consult.leg.line, Cause.TEMPORARY_FAILURE)
            await self._back(consult, result="failed")

    async def _ringback(self) -> None:
        """Let the agent hear that it rings."""
        call, consult = self.call, self.call.consult
        if consult is None or call.agent_leg is None or call.agent_leg.port is None:
            return
        consult.player = self._context.ids()
        tone = self._context.prompts.tones.ringback
        await self._context.media.play_tone(
            call.agent_leg.port, consult.player, (tone.pair,), tone.steps_ms
        )

    async def _silence(self, consult: Consult) -> None:
        """End what agent or target hear of the consultation."""
        media = self._context.media
        player, consult.player = consult.player, 0
        bridge, consult.bridge = consult.bridge, 0
        if player:
            await media.stop_play(player)
        if bridge:
            await media.unbridge(bridge)


def _result(event: LineEvent, consult: Consult) -> str:
    if consult.leg.answered:
        return "answered"
    cause = getattr(event, "cause", Cause.DESTINATION_OUT_OF_ORDER)
    return {Cause.BUSY: "busy", Cause.NO_ANSWER: "no_answer", Cause.REJECTED: "declined"}.get(
        cause, "failed"
    )
