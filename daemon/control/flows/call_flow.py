"""The flow of one call: starts and resumes its runner, and is the hooks it acts through."""

import asyncio
from typing import TYPE_CHECKING
from weakref import proxy

import msgspec
import structlog

from acd_core.commands import AnnounceToCaller
from acd_core.events import CallbackTaken, CallOffered, CallWithdrawn, Outcome
from acd_core.ids import CallId, QueueId, to_text
from acd_core.skills import Requirement
from daemon.control.audio.answering import meet
from daemon.control.calls.call import Phase, Step, Visit
from daemon.control.calls.context import CallContext, HangUpRequest
from daemon.control.calls.parts.recordings import CallRecordings
from daemon.control.calls.places import DIALLABLE
from daemon.control.calls.resuming import waits
from daemon.control.dial_plan import Target
from daemon.control.flows.active import CONFIRMS, flow_named
from daemon.control.flows.company import hold_sound
from daemon.control.flows.hooks import AgentTalks, Replay, Signal, Signals, told
from daemon.control.flows.ivr_runner import IvrRunner
from daemon.control.flows.queue_words import announcement
from daemon.link.errors import MediaRefused
from daemon.link.messages import DigitDetected
from drivers.api import PortId
from drivers.errors import DriverError
from ivr.actions import EnterQueue, MailboxAction, ReceiveFax, Transfer
from ivr.inputs import CallerLeft, FlowInput, Input, QueueLeft, TransferFailed
from ivr.interpreter import IvrSession

if TYPE_CHECKING:
    from daemon.control.calls.life import CallLife

log = structlog.get_logger()


class CallFlow(CallRecordings):
    """Binds a call to its flow."""

    __slots__ = ("__weakref__", "_resting", "_runner", "_task")

    def __init__(self, life: "CallLife", context: CallContext) -> None:
        super().__init__(life, context)
        self._runner: IvrRunner | None = None
        self._resting: IvrSession | None = None
        """Where the flow stands while an agent talks and nothing runs it."""
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
        if runner is None and self._resting is not None and isinstance(happened, Input):
            runner = self._wake(self._resting)
        if runner is None or (runner.rests and not isinstance(happened, Input)):
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
        session = self._session
        if session is not None:
            if caller_left:
                told(session, self, CallerLeft())
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
        self._resting = None
        self._runner = self._runner_of(session, call.caller.port)
        replay = tuple(call.inputs)
        self._go(self._runner, replay, in_queue=in_queue)

    def _runner_of(self, session: IvrSession, port: PortId) -> IvrRunner:
        context = self._context
        return IvrRunner(
            session,
            port,
            media=context.media,
            listener=context.listener,
            prompts=context.prompts,
            hooks=proxy(self),  # it is ours, and not to keep us
            ids=context.ids,
        )

    def _rest(self, runner: IvrRunner) -> None:
        """Keep no more than where the flow stands, for as long as the agent talks."""
        self._task = None
        if runner.is_spare:
            self._runner, self._resting = None, runner.session

    def _wake(self, session: IvrSession) -> IvrRunner | None:
        port = self.call.caller.port
        if port is None:
            return None
        self._resting = None
        self._runner = runner = self._runner_of(session, port)
        runner.agent_talks(on=True)
        runner.rests = True
        return runner

    @property
    def _session(self) -> IvrSession | None:
        return self._resting if self._runner is None else self._runner.session

    def _go(self, runner: IvrRunner, replay: Replay | None, *, in_queue: bool = False) -> None:
        flow = self._guarded(runner, replay, in_queue=in_queue)
        loop = asyncio.get_running_loop()
        self._task = loop.create_task(flow, name=f"flow of call {self.call.id}")

    async def _guarded(self, runner: IvrRunner, replay: Replay | None, *, in_queue: bool) -> None:
        """Run a flow from its start; without ``replay`` from where it rested."""
        try:
            if replay is None:
                await runner.go_on()
            elif not self.call.callback or replay or in_queue or not await self._machine():
                await runner.run(replay, in_queue=in_queue)
            if runner.rests:
                self._rest(runner)
            elif self._task is asyncio.current_task():
                self._task = None  # it is over: nothing is left to be stopped
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
        session = self._session
        if session is not None:
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
