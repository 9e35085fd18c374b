"""The flow of one call: starts and resumes its runner, and is the hooks it acts through."""

import asyncio
from typing import TYPE_CHECKING, Final
from weakref import proxy

import msgspec
import structlog

from acd_core.commands import AnnounceToCaller
from acd_core.events import CallbackTaken, CallOffered, CallWithdrawn, Outcome
from acd_core.ids import CallId, QueueId, to_text
from acd_core.skills import Requirement
from daemon.control.audio.answering import meet
from daemon.control.calls.call import OpenRecording, Phase, Step, Visit
from daemon.control.calls.context import CallContext, CallPart, HangUpRequest
from daemon.control.calls.places import DIALLABLE
from daemon.control.calls.resuming import waits
from daemon.control.dial_plan import Target
from daemon.control.flows.active import CONFIRMS, flow_named
from daemon.control.flows.company import hold_sound
from daemon.control.flows.hooks import AgentTalks, Replay, Signal, Signals
from daemon.control.flows.ivr_runner import IvrRunner
from daemon.control.flows.queue_words import announcement
from daemon.control.records import recording_path
from daemon.link.errors import MediaRefused
from daemon.link.messages import DigitDetected, RecordFinished
from drivers.api import PortId
from drivers.errors import DriverError
from ivr.actions import EnterQueue, MailboxAction, ReceiveFax, RecordMessage, Transfer
from ivr.inputs import FlowInput, QueueLeft, TransferFailed
from ivr.interpreter import IvrSession

if TYPE_CHECKING:
    from daemon.control.calls.life import CallLife

log = structlog.get_logger()

MIN_MESSAGE_MS: Final = 1000  # ms; shorter is a click and a hang-up, not a message


class CallFlow(CallPart):
    """Binds a call to its flow."""

    __slots__ = ("__weakref__", "_runner", "_task")

    def __init__(self, life: "CallLife", context: CallContext) -> None:
        super().__init__(life, context)
        self._runner: IvrRunner | None = None
        self._task: asyncio.Task[None] | None = None

    # -- life of the flow -----------------------------------------------------------------

    def prepare(self, target: Target) -> None:
        """Choose the flow of a call that will be answered."""
        active = flow_named(self._context.flows, target.flow or f"queue:{target.queue}")
        self.call.flow = active.flow.name
        self.call.flow_version = active.version

    def prepare_callback(self) -> None:
        """Choose the flow of somebody whom we call; DriverError when his queue is gone."""
        if self.call.fax:
            return
        queue = self._context.queue_by_key(self.call.queue)
        if queue is None:
            raise DriverError(f"call-back for queue {self.call.queue}, which is gone")
        self.call.flow = self._context.flows.called_back(queue.slug).flow.name

    def start(self) -> None:
        """Run the flow from its start."""
        self._run(in_queue=False)

    def resume(self) -> None:
        """Run the flow from where it was when control ended."""
        talks = self.call.connected or self.call.phase in (Phase.OUTSIDE, Phase.PARKED)
        self._run(in_queue=self.call.in_queue or talks)
        if talks:
            self.pause_sound()
            self.signal(AgentTalks())

    async def switch(self, name: str) -> None:
        """Go on in another flow, from its start."""
        await self.stop()
        call = self.call
        active = flow_named(self._context.flows, name)
        call.flow, call.flow_version, call.inputs = name, active.version, []
        self._run(in_queue=False)

    async def stop(self) -> None:
        """End the flow; safe to call twice, and from the flow itself."""
        task, self._task = self._task, None
        if task is not None and task is not asyncio.current_task():
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)

    def signal(self, happened: Signal) -> None:
        """Tell the flow what happened."""
        runner = self._runner
        if runner is None or (runner.rests and not isinstance(happened, FlowInput)):
            return
        runner.signal(happened)
        if runner.rests:
            runner.rests = False
            self._go(runner, None)

    def key(self, key: str, duration_ms: int) -> None:
        """Tell the flow of a key that the caller's line itself reported."""
        port = self.call.caller.port
        if port is not None:
            self.signal(DigitDetected(port=port, key=key, duration_ms=duration_ms, source="line"))

    def over(self, *, caller_left: bool) -> None:
        """The call ends: note where the flow was, and what it knew in the end."""
        self._context.mailboxes.over(self.call)
        if self._runner is not None:
            if caller_left:
                self._runner.caller_left()
            self._note()

    def pause_sound(self) -> None:
        """An agent talks: the flow keeps silent until he is done."""
        if self._runner is not None:
            self._runner.agent_talks(on=True)

    def announce(self, told: AnnounceToCaller) -> None:
        """Tell the waiting caller how he stands."""
        if self._runner is not None:
            self._runner.announce(announcement(told, self.call.language))

    async def hold_music(self) -> None:
        """Let the caller hear music while the agent has the call on hold, else a soft signal."""
        call = self.call
        if call.caller.port is not None:
            call.player = self._context.ids()
            await self.music_for(call.caller.port, call.player)

    async def music_for(self, port: PortId, player: int) -> None:
        """Let somebody hear the music of the call, else a soft signal."""
        await hold_sound(self._context, self.music(), port, player)

    def _run(self, *, in_queue: bool) -> None:
        call, context = self.call, self._context
        if call.caller.port is None:
            raise DriverError(f"{call.caller.line} has no audio port")
        if call.fax:
            self._task = asyncio.create_task(context.faxes.outbox.converse(call))
            return
        active = flow_named(context.flows, call.flow, call.flow_version)
        variables = {"ani": call.begun_by or call.ani, "dnis": call.dnis, "name": call.name}
        session = IvrSession(active.flow, variables, call.language)
        self._runner = IvrRunner(
            session,
            call.caller.port,
            media=context.media,
            listener=context.listener,
            prompts=context.prompts,
            hooks=proxy(self),  # it is ours, and not to keep us
            ids=context.ids,
        )
        replay = tuple(call.inputs)
        self._go(self._runner, replay, in_queue=in_queue)

    def _go(self, runner: IvrRunner, replay: Replay | None, *, in_queue: bool = False) -> None:
        flow = self._guarded(runner, replay, in_queue=in_queue)
        self._task = asyncio.create_task(flow, name=f"flow {to_text(self.call.id)}")

    async def _guarded(self, runner: IvrRunner, replay: Replay | None, *, in_queue: bool) -> None:
        """Run a flow from its start; without ``replay`` from where it rested."""
        try:
            if replay is None:
                await runner.go_on()
            elif not self.call.callback or replay or in_queue or not await self._machine():
                await runner.run(replay, in_queue=in_queue)
            if runner.rests:
                self._task = None
        except DriverError as error:
            if self.call.phase is Phase.ENDED or isinstance(error, MediaRefused):
                # The caller hung up while the flow was asking for something.
                log.info("flow ends with its audio", call=to_text(self.call.id), why=str(error))
                self._life.tell(HangUpRequest(by="caller"))
                return
            log.error("flow fails", call=to_text(self.call.id), why=str(error))
            self._life.tell(HangUpRequest(by="system"))
        except Exception:
            log.exception("flow fails by a fault of ours", call=to_text(self.call.id))
            self._life.tell(HangUpRequest(by="system"))

    async def _machine(self) -> bool:
        """Whether a machine has answered, and nothing more is to be said to it."""
        then = await meet(self.call, self._context)
        if then == "agent":
            self.key(CONFIRMS, 0)
        elif then == "hang_up":
            self._life.tell(HangUpRequest(by="system"))
        return then == "hang_up"

    def _note(self) -> None:
        if self._runner is not None:
            session = self._runner.session
            self.call.path = list(session.path)
            # What people noted of the call stays.
            self.call.data |= {key: str(value) for key, value in session.variables.items()}

    # -- hooks ----------------------------------------------------------------------------

    def flow_told(self, given: FlowInput, encoded: bytes) -> None:
        """Keep an input for replay, and where the flow is for people."""
        self.call.inputs.append(encoded)
        self._note()
        self._context.keep(self.call)

    def playing(self, player: int) -> None:
        """Remember what the caller hears, and where in the flow that is."""
        self.call.player = player
        self._note()
        self._context.changed(self.call)

    def enter_queue(self, action: EnterQueue, *, resumed: bool) -> FlowInput | None:
        """Let the call wait for an agent; ``resumed``: it does so since before a restart."""
        call, context, now = self.call, self._context, self._context.clock()
        queue = context.queue(action.queue)
        if queue is None:
            log.error("flow names a queue that takes no calls", queue=action.queue, flow=call.flow)
            return QueueLeft(reason="refused")
        if resumed and (not call.in_queue or waits(context.acd.floor(), call.id)):
            return None
        if not resumed:
            self._begin_visit(queue.key, action.priority, now)
        waited = now - call.visit.entered if call.visit is not None else 0.0
        limit = action.last_agent_s or queue.last_agent_s
        needed = [
            Requirement(skill, level)
            for name, level in action.skills.items()
            if (skill := context.skill(name)) is not None
        ]
        offered = CallOffered(
            call=CallId(call.id),
            queue=QueueId(queue.key),
            ani=call.ani,
            priority=action.priority,
            requirements=tuple(needed),
            waited_s=max(waited, 0.0),
            preferred=context.last_agent(call.ani) if limit else None,
            preferred_limit_s=limit,
            tier=context.tier(call.ani),
            callback=context.places.of_call(call, queue.key),
        )
        if context.acd.submit(offered):
            return None
        # A place may be gone meanwhile: then he waits as anybody else.
        without = msgspec.structs.replace(offered, callback=None)
        if offered.callback is not None and context.acd.submit(without):
            return None
        self._life.visits.close("refused", "fault")
        self._back_from_queue(now)
        return QueueLeft(reason="refused")

    def _begin_visit(self, queue: int, priority: int, now: float) -> None:
        call, context = self.call, self._context
        self._note()
        context.records.close_segment(call, "ivr", now)
        call.queue = queue
        call.visit = Visit(id=context.ids(), queue=queue, entered=now, priority=priority)
        call.step(Step.ENQUEUE, now)
        context.records.open_segment(call, "wait", now)
        context.records.visit(call, call.visit)
        if self._runner is not None:
            self._runner.agent_talks(on=False)
        context.keep(call)

    def music(self) -> str:
        """Name of the music of the queue that the call is or was in."""
        queue = self._context.queue_by_key(self.call.queue or 0)
        return queue.music if queue is not None else ""

    def leave_queue(self) -> bool:
        """The caller pressed an exit key."""
        call, now = self.call, self._context.clock()
        if not call.in_queue:
            return False
        withdrawn = CallWithdrawn(call=CallId(call.id), outcome=Outcome.OVERFLOWED)
        if not self._context.acd.submit(withdrawn):
            return False
        self._life.visits.close("overflowed")
        self._back_from_queue(now)
        return True

    def take_callback(self, number: str) -> bool:
        """The caller wants to be called: the engine keeps his place, or refuses."""
        call, context, now = self.call, self._context, self._context.clock()
        if not call.in_queue or not DIALLABLE.fullmatch(number):
            return False
        taken = CallbackTaken(call=CallId(call.id), number=number)
        context.places.keep(call, number)
        if not context.acd.submit(taken):
            context.places.give_up(call.id)
            return False
        self._life.visits.close("callback_taken")
        self._back_from_queue(now)
        return True

    def _back_from_queue(self, now: float) -> None:
        self.call.step(Step.LEAVE_QUEUE, now)
        self._context.records.open_segment(self.call, "ivr", now)

    async def record_message(self, action: RecordMessage) -> int:
        """Record what the caller says."""
        call = self.call
        if call.caller.port is None:
            raise DriverError("a message needs an audio port")
        return await self.record(
            "message",
            call.caller.port,
            mailbox=action.mailbox,
            max_s=action.max_s,
            silence_s=action.silence_s,
        )

    async def record(
        self,
        kind: str,
        port: PortId,
        *,
        mailbox: str = "",
        max_s: float = 0,
        silence_s: float = 0,
        part_of: int = 0,
    ) -> int:
        """Start a recording; stereo for conversations, mono for messages."""
        call, context, now = self.call, self._context, self._context.clock()
        number, of_call = context.ids(), kind == "call"
        path = recording_path(kind, call.id, number, now)
        recording = OpenRecording(
            id=number, path=path, kind=kind, started=now, mailbox=mailbox, part_of=part_of
        )
        await context.media.record(
            number,
            port,
            path,
            stereo=of_call,
            max_s=max_s,
            silence_s=silence_s,
            chain=of_call,
            tone_s=self._tone_s() if of_call else 0.0,
        )
        call.recording = recording
        if kind == "message":
            context.records.open_segment(call, "message", now)
        context.records.recording(call, recording)
        context.keep(call)
        return recording.id

    def _tone_s(self) -> float:
        """How often both sides are told that they are recorded."""
        visit = self.call.visit
        queue = self._context.queue_by_key(visit.queue) if visit is not None else None
        return 0.0 if queue is None else queue.record_tone_s

    def message_recorded(self, recorded: RecordFinished) -> None:
        """A message is on disk."""
        call = self.call
        recording, call.recording = call.recording, None
        self._context.records.close_segment(call, "message", self._context.clock())
        if recording is not None:
            self._message_left(recording, recorded.duration_ms)

    def message_cut(self, now: float) -> None:
        """The call ends while the caller speaks: what he said so far is his message."""
        recording = self.call.recording
        if recording is not None and recording.kind == "message":
            self._message_left(recording, round((now - recording.started) * 1000))

    def _message_left(self, recording: OpenRecording, duration_ms: int) -> None:
        if duration_ms >= MIN_MESSAGE_MS:
            self.call.message_left = True
            if recording.mailbox:
                self._context.message_lamp(recording.mailbox, on=True)

    async def at_mailbox(self, action: MailboxAction, signals: Signals) -> FlowInput:
        """Let the caller into a mailbox, or hear what is in it."""
        return await self._context.mailboxes.visit(self.call, action, signals)

    async def receive_fax(self, action: ReceiveFax) -> tuple[int, str]:
        """Let the caller's fax come in."""
        return await self._context.faxes.receive(self.call, action, self.signal)

    async def fax_over(self, fax: int) -> None:
        """The caller hears no terminal any more."""
        await self._context.faxes.part(fax)
        self._context.keep(self.call)

    async def transfer(self, action: Transfer) -> FlowInput | None:
        """Connect the caller with a number or a station."""
        refused = await self._life.onward.from_flow(action.to, action.timeout_s)
        return TransferFailed(reason=refused) if refused else None

    async def hang_up(self) -> None:
        """The flow is over: because the agent hung up, or because it says so."""
        self._life.tell(HangUpRequest(by="agent" if self.call.answered else "system"))
