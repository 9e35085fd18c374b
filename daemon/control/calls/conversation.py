"""The conversation of a call: joining caller and agent, hold, and its end."""

from collections.abc import Awaitable, Callable

from acd_core.commands import ConnectToAgent
from acd_core.events import CallAnswered, CallEnded, CallHeld, CallRetrieved, OfferRejected
from acd_core.ids import AgentId, CallId
from daemon.control.calls.call import Leg, OpenRecording, Phase, Step
from daemon.control.calls.context import CallPart, PauseRecordingRequest
from daemon.control.flows.hooks import AgentTalks
from daemon.link.errors import LinkError
from drivers import events as line_events
from drivers.api import Capability, Line, PortId
from drivers.errors import DriverError
from drivers.events import LineEvent
from ivr.inputs import Finished


class Conversation(CallPart):
    """Audio and records of a call while an agent has it."""

    __slots__ = ()

    async def connect(self, command: ConnectToAgent) -> None:
        """Join caller and agent, and start recording where the queue wants it."""
        call, context, now = self.call, self._context, self._context.clock()
        leg, visit = call.ringing.get(command.agent), call.visit
        if leg is None or visit is None or call.phase is not Phase.OFFERED:
            # The agent hung up in the same moment; his rejection is on its way.
            return
        if leg.port is None or call.caller.port is None:
            raise DriverError(f"cannot join {call.caller.line} and {leg.line}: no audio port")
        self._life.flow.pause_sound()
        bridge = context.ids()
        try:
            await self._join(bridge, call.caller.port, leg.port)
        except LinkError as error:
            # The agent may have hung up in the same moment: the caller must not pay for it.
            self._log.error("caller and agent cannot be joined", why=str(error))
            who, failed = command.agent, "failed"
            context.acd.submit(OfferRejected(call=CallId(call.id), agent=who, reason=failed))
            await self._life.flow.hold_music()
            return
        call.step(Step.CONNECT, now)
        call.rings_no_more(command.agent)
        call.agent, call.agent_leg, call.bridge = command.agent, leg, bridge
        context.keep(call)
        self._life.flow.signal(AgentTalks())
        self.note_answer(now)
        context.remember_agent(call)
        if context.records_queue(visit.queue) and call.recording is None:
            await self._record(call.caller.port)
        self._log.info("call connected", agent=call.agent, waited_s=round(command.waited_s, 2))

    def note_answer(self, now: float) -> None:
        """Write down that caller and agent are joined."""
        call, context, visit = self.call, self._context, self.call.visit
        if visit is None:
            return
        records = context.records
        self._life.offering.note(call.agent, "answered", now)
        records.close_segment(call, "wait", now, result="answered")
        records.open_segment(call, "talk", now, agent=call.agent, on_agent_leg=True)
        visit.answered, visit.agent = now, call.agent
        call.answered = call.answered or now
        records.visit(call, visit)
        records.call(call)
        context.acd.submit(CallAnswered(call=CallId(call.id), agent=AgentId(call.agent)))

    async def _record(self, port: PortId, *, part_of: int = 0) -> None:
        try:
            await self._life.flow.record("call", port, part_of=part_of)
        except LinkError as error:
            # Two people talk: a full disk is no reason to part them.
            self._log.error("conversation is not recorded", why=str(error))
            self._context.disk.refused(error)

    async def happened(self, event: LineEvent) -> None:
        """Something came from the station of the agent who has the call."""
        match event:
            case line_events.Held() if self.call.phase is Phase.TALKING:
                await self.held()
            case line_events.Retrieved() if (
                self.call.phase is Phase.ON_HOLD and self.call.consult is None
            ):
                await self.retrieved()
            case line_events.Transferred() if self.call.connected:
                if not await self._life.moves.transferred(event):
                    await self._life.onward.from_agent(event)
            case line_events.Released() | line_events.LineDown() if self.call.connected:
                self._forget_bridge(self.call.agent_leg)
                self.call.agent_leg = None
                await self._life.moves.agent_left()
            case _:
                pass

    async def agent_left(self) -> None:
        """The agent hung up; the flow says whether the caller hears more."""
        call, now = self.call, self._context.clock()
        self.finish(now)
        if call.phase is Phase.ON_HOLD:
            call.step(Step.RETRIEVE, now)
        call.step(Step.LEAVE_QUEUE, now)
        await self.stop_recording()
        await self.unbridge()
        await self.quiet()
        self._context.records.open_segment(call, "ivr", now)
        if call.onward is not None:
            await self._life.onward.agent_left(call.onward)
        else:
            self._life.flow.signal(Finished())

    def finish(self, now: float) -> None:
        """The conversation is over: segments, visit, and the agent's wrap-up."""
        call, visit = self.call, self.call.visit
        records = self._context.records
        talked = records.close_segment(call, "talk", now)
        held = records.close_segment(call, "hold", now)
        if visit is not None:
            visit.talk_s += talked
            visit.hold_s += held
            visit.closed = True
            records.visit(call, visit)
        call.outcome = "answered"
        self._context.acd.submit(CallEnded(call=CallId(call.id)))

    async def hold(self, *, on: bool) -> None:
        """A person asks for hold at the desk; the station's own key arrives as an event."""
        leg = self.call.agent_leg
        if leg is None or self.call.consult is not None:
            return
        line = self._context.line(leg.line)
        if on and self.call.phase is Phase.TALKING:
            await self._tell_station(line.hold, line)
            await self.held()
        elif not on and self.call.phase is Phase.ON_HOLD:
            await self._tell_station(line.retrieve, line)
            await self.retrieved()

    async def _tell_station(self, tell: Callable[[], Awaitable[None]], line: Line) -> None:
        """Let the station show hold where it can; the caller hears music in any case."""
        if Capability.HOLD not in line.can:
            return
        try:
            await tell()
        except DriverError as error:
            self._log.warning("station does not follow hold", station=line.id, why=str(error))

    async def held(self) -> None:
        """The agent put the caller on hold: music instead of the agent."""
        call, now = self.call, self._context.clock()
        call.step(Step.HOLD, now)
        self._swap_segment("talk", "hold", now)
        self._context.acd.submit(CallHeld(call=CallId(call.id)))
        await self.unbridge()
        await self._life.flow.hold_music()

    async def retrieved(self) -> None:
        """The agent is back."""
        call, now = self.call, self._context.clock()
        call.step(Step.RETRIEVE, now)
        self._swap_segment("hold", "talk", now)
        self._context.acd.submit(CallRetrieved(call=CallId(call.id)))
        await self.quiet()
        await self.rejoin()

    async def rejoin(self) -> None:
        """Let caller and agent hear each other again, or the caller music while he is held."""
        call, leg = self.call, self.call.agent_leg
        if call.phase is Phase.ON_HOLD:
            await self._life.flow.hold_music()
        elif leg is not None and leg.port is not None and call.caller.port is not None:
            call.bridge = self._context.ids()
            await self._context.media.bridge(call.bridge, call.caller.port, leg.port)

    def _swap_segment(self, before: str, after: str, now: float) -> None:
        call = self.call
        lasted = self._context.records.close_segment(call, before, now)
        if call.visit is not None:
            if before == "talk":
                call.visit.talk_s += lasted
            else:
                call.visit.hold_s += lasted
        self._context.records.open_segment(call, after, now, agent=call.agent, on_agent_leg=True)

    async def _join(self, bridge: int, caller: PortId, agent: PortId) -> None:
        """Stop what plays to the caller and join both: asked in one packet, answered in one."""
        player, self.call.player = self.call.player, 0
        media = self._context.media
        silenced = media.stop_play(player) if player else None
        joined = media.bridge(bridge, caller, agent)
        try:
            if silenced is not None:
                await silenced
        finally:
            await joined

    async def quiet(self) -> None:
        """Stop whatever plays to the caller."""
        player, self.call.player = self.call.player, 0
        if player:
            await self._context.media.stop_play(player)

    async def unbridge(self) -> None:
        """Part caller and agent."""
        bridge, self.call.bridge = self.call.bridge, 0
        if bridge:
            await self._context.media.unbridge(bridge)
        await self._context.faxes.parted(self.call)

    def _forget_bridge(self, left: Leg | None) -> None:
        """A leg that left: where its driver closes its port, media ends a bridge of two with it.

        The port of a board lasts as long as the board, and stays joined until it is parted.
        """
        call = self.call
        if left is None or call.guests or call.supervision is not None:
            return
        try:
            closed = self._context.line(left.line).port is None
        except DriverError:
            return
        if closed:
            call.bridge = 0

    async def pause_recording(self, asked: PauseRecordingRequest) -> None:
        """The agent wants a card number not to be recorded, or the recording to go on.

        Neither hold nor time ends a pause: what is recorded by mistake cannot be taken back.
        """
        recording, now = self.call.recording, self._context.clock()
        if recording is None or not self.call.connected:
            answer(asked, done=False)
            return
        before, recording.paused = recording.paused, (recording.paused or now) if asked.on else 0.0
        # Written down first: a control process that is killed now asks media for it again.
        self._context.keep(self.call)
        done = await self._pause(recording)
        if not done:
            recording.paused = before
        answer(asked, done=done)

    async def resume_recording(self) -> None:
        """After a restart: media records, or does not, as the agent last wished."""
        recording = self.call.recording
        if self.call.connected and recording is not None:
            await self._pause(recording)

    async def record_again(self, before: OpenRecording) -> None:
        """Media was started anew: what follows is a recording of its own, paused like the first."""
        port = self.call.caller.port
        if not self.call.connected or port is None:
            return
        await self._record(port, part_of=before.part_of or before.id)
        recording = self.call.recording
        if recording is not None and before.paused:
            recording.paused = before.paused
            await self._pause(recording)

    async def _pause(self, recording: OpenRecording) -> bool:
        try:
            await self._context.media.pause_record(recording.id, on=bool(recording.paused))
        except LinkError as error:
            self._log.error("recording is not paused or resumed", why=str(error))
            return False
        return True

    async def stop_recording(self) -> None:
        """Finish the recording of the conversation."""
        recording, self.call.recording = self.call.recording, None
        if recording is None:
            return
        try:
            await self._context.media.stop_record(recording.id)
        except LinkError as error:
            # Media finishes what it records when a port closes; the call must end anyway.
            self._log.warning("recording cannot be stopped", why=str(error))


def answer(asked: PauseRecordingRequest, *, done: bool) -> None:
    """Tell who asked; he may have gone by now."""
    if not asked.done.done():
        asked.done.set_result(done)
