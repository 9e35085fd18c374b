"""One call from first ring to last release: the only writer of its ``Call``.

Line events, media events, the distribution engine's commands and people's requests arrive
in one queue, so a call has one order of events and needs no locks. The flow runs as a task
of its own beside it and changes the call only through the hooks in ``flows/call_flow.py``.
"""

from structlog.typing import FilteringBoundLogger as BoundLogger

from acd_core.commands import (
    AcdCommand,
    AnnounceToCaller,
    CallMoved,
    CallRefused,
    CallTimedOut,
    CallWaiting,
    ConnectToAgent,
    OfferToAgent,
    WithdrawOffer,
)
from acd_core.events import CallAbandoned, CallbackFailed
from acd_core.ids import CallId
from daemon.control.audio.attention import Attention
from daemon.control.audio.caller_ears import ask_who_calls, told_late
from daemon.control.calls.call import Call, IllegalStep, Phase, Step, outcome_of
from daemon.control.calls.context import (
    CallContext,
    HangUpRequest,
    HoldRequest,
    PauseRecordingRequest,
    SupervisingRequest,
    TransferRequest,
    log_of,
)
from daemon.control.calls.conversation import Conversation
from daemon.control.calls.moves.asking import CallRequest, MoveRequest
from daemon.control.calls.moves.moves import Moves
from daemon.control.calls.offering import Offering, StationAwaited
from daemon.control.calls.onward import GoingOnward, OnwardDue
from daemon.control.calls.resuming import half_connected, offers_lost, talks
from daemon.control.calls.supervising import Supervising
from daemon.control.flows.call_flow import CallFlow
from daemon.control.flows.inbox import Inbox
from daemon.control.flows.visits import Visits
from daemon.link.messages import CUT_OFF, CallerHeard, MediaEvent, RecordFinished, SpeakerChanged
from drivers import events as line_events
from drivers.api import LineId
from drivers.errors import DriverError
from drivers.events import Cause, LineEvent
from drivers.t38 import T38Event

CallInput = LineEvent | MediaEvent | AcdCommand | CallRequest | StationAwaited | OnwardDue


class CallLife:
    """Handles what happens to one call, one thing after the other."""

    def __init__(self, call: Call, context: CallContext) -> None:
        self.call = call
        self.flow = CallFlow(self, context)
        self.offering = Offering(self, context)
        self.conversation = Conversation(self, context)
        self.onward = GoingOnward(self, context)
        self.supervising = Supervising(self, context)
        self.visits = Visits(self, context)
        self.moves = Moves(self, context)
        self.attention = Attention(self, context)
        self.gone: dict[LineId, None] = {}  # an empty set takes three times as much
        """Lines whose release was told, handled or not: they may carry another call by now."""
        self._context = context
        self._inbox: Inbox[CallInput] = Inbox()

    @property
    def log(self) -> BoundLogger:
        """Names the call in what it says."""
        return log_of(self.call, self._context)

    def tell(self, happened: CallInput) -> None:
        """Put something into the call's queue."""
        if isinstance(happened, line_events.Released):
            self.gone[happened.line] = None
        self._inbox.put_nowait(happened)

    def pass_on(self, line: LineId, to: "CallLife") -> None:
        """Let another call hear what has happened on a line that is its own now."""
        waiting = [self._inbox.get_nowait() for _ in range(self._inbox.qsize())]
        for happened in waiting:
            theirs = isinstance(happened, LineEvent) and happened.line == line
            (to if theirs else self).tell(happened)

    async def run(self, *, restored: bool = False) -> None:
        """Live through the call; returns when it has ended."""
        try:
            await (self._resume() if restored else self._begin())
            unkept = False
            while self.call.phase is not Phase.ENDED:
                while self._inbox.empty():
                    await self._inbox.filled()
                happened = self._inbox.get_nowait()
                changed = await self._handle(happened)
                unkept = unkept or changed
                # Many stations ring, or stop, in one go: that is one state to write down.
                goes_on = not changed or isinstance(happened, OfferToAgent | WithdrawOffer)
                if unkept and (self._inbox.empty() or not goes_on):
                    self._context.keep(self.call)
                    unkept = False
                del happened  # it is not to last as long as the wait for the next
        except DriverError as error:
            self.log.error("call fails", why=str(error))
            await self._fail()
        except Exception:
            self.log.exception("call fails by a fault of ours")
            await self._fail()
        finally:
            await self.flow.stop()
            self._context.ended(self)

    async def _fail(self) -> None:
        if self.call.phase is Phase.ENDED:
            return
        legs = self.call.legs
        try:
            await self.end(Cause.TEMPORARY_FAILURE, by="system", failed=True)
        except Exception:
            # Whatever is wrong with us, nobody may be left on a dead line.
            self.log.exception("call cannot be ended in order, releasing its lines")
            for leg in legs:
                await self.release(leg.line, Cause.TEMPORARY_FAILURE)

    async def _begin(self) -> None:
        call, context = self.call, self._context
        if await self.moves.begin():
            return
        if call.phase is Phase.DIALLING:
            await self._dial()
            return
        detail = await context.call_detail(call.caller.line)
        if detail is not None:
            call.ani = "" if detail.restricted else detail.ani
            call.ani_verbatim = detail.ani
            call.redirecting, call.reason = detail.forwarded_from, detail.reason
        await ask_who_calls(call, context)
        target = context.find_target(call.dnis)
        context.keep(call)
        context.records.call(call)
        if target is None or not (target.flow or target.queue):
            closed = target is not None and target.closed
            self.log.info("call refused", dnis=call.dnis, closed=closed)
            cause = Cause.NO_USER_RESPONDING if closed else Cause.UNALLOCATED
            await self.end(cause, by="system", outcome="refused" if closed else "failed")
            return
        if not context.admits(call):
            self.log.warning("call refused: too many calls, or none are taken")
            await self.end(Cause.CONGESTION, by="system", outcome="refused")
            return
        call.language = target.language
        call.flow = target.flow
        self.flow.prepare(target)
        if call.caller.line not in self.gone:
            await context.line(call.caller.line).answer()

    async def _dial(self) -> None:
        """Call somebody back who left with his place kept."""
        call, context = self.call, self._context
        self.flow.prepare_callback()
        context.keep(call)
        context.records.call(call)
        options = context.outgoing
        line = context.line(call.caller.line)
        await line.dial(options.prefix + call.ani, ani=options.number, name=call.name)

    async def _resume(self) -> None:
        """Go on with a call of a control process that ended without warning."""
        call = self.call
        if call.in_queue:
            for event in offers_lost(call.id, self._context.acd.floor()):
                self._context.acd.submit(event)
        self.offering.close_all("answered_elsewhere" if call.connected else "withdrawn")
        if half_connected(call):
            self.conversation.note_answer(self._context.clock())
        if call.phase is Phase.RINGING and call.direct is None:
            await self._answered_meanwhile()
            return
        if call.phase in (Phase.RINGING, Phase.DIALLING):
            await self.end(Cause.TEMPORARY_FAILURE, by="system", failed=True)
            return
        if call.phase is Phase.FLOW and call.recording is not None:
            # The flow asks for its message again; what was said so far is one as well.
            now = self._context.clock()
            self.flow.message_cut(now)
            self._context.records.close_segment(call, "message", now)
            await self.conversation.stop_recording()
        await self.conversation.resume_recording()
        self.onward.forget_ringing()
        await self.supervising.resume()
        if call.direct is None:
            self.flow.resume()
        await self.moves.resume()
        if call.connected and not talks(self._context.acd.floor(), call.id):
            self.tell(HangUpRequest(by="system"))  # its end was on its way
        self.log.info("call goes on after a restart", phase=call.phase)

    async def _answered_meanwhile(self) -> None:
        """Our answer left, and control ended before it was written: Answered follows once more."""
        call = self.call
        target = self._context.find_target(call.dnis)
        if target is None or not (target.flow or target.queue):
            await self.end(Cause.UNALLOCATED, by="system", outcome="failed")
            return
        call.language, call.flow = target.language, target.flow
        self.flow.prepare(target)

    # -- what happens ---------------------------------------------------------------------

    async def _handle(self, happened: CallInput) -> bool:
        """Act on what happened; whether it changed the call."""
        changed = True
        try:
            match happened:
                case LineEvent():
                    changed = await self._line_event(happened)
                case CallerHeard():
                    told_late(self.call, happened, self._context)
                case SpeakerChanged():
                    self.attention.spoke(happened)
                    changed = False
                case MediaEvent():
                    await self._media_event(happened)
                case HangUpRequest(by=by):
                    await self.end(Cause.NORMAL, by=by)
                case HoldRequest(on=on):
                    await self.conversation.hold(on=on)
                case PauseRecordingRequest():
                    await self.conversation.pause_recording(happened)
                case TransferRequest(to=to) if self.call.connected:
                    await self.onward.from_desk(to)
                case SupervisingRequest():
                    await self.supervising.asked(happened)
                case MoveRequest():
                    await self.moves.asked(happened)
                case _:
                    await self._command(happened)
        except IllegalStep as error:
            # Two sides acted at once; the one that came first counts.
            self.log.info("too late for the call", what=type(happened).__name__, why=str(error))
        if self.call.supervision is not None:
            await self.supervising.follow()
        if self.moves.is_due:
            await self.moves.follow()
        if self.attention.is_due:
            await self.attention.follow()
        if self._context.faxes.waiting:
            await self._context.faxes.follow(self.call)
        return changed

    async def _line_event(self, event: LineEvent) -> bool:
        call = self.call
        if isinstance(event, T38Event):
            await self._context.faxes.t38_event(call, event, self.flow.signal)
        elif isinstance(event, line_events.Replaced):
            self.moves.replaced(event)
        elif event.line == call.caller.line:
            await self._caller_event(event)
        elif self.offering.is_stale(event):
            return False
        elif agent := call.rung_on(event.line):
            return self.offering.happened(event, agent)
        elif call.agent_leg is not None and event.line == call.agent_leg.line:
            await self.conversation.happened(event)
        elif call.onward is not None and event.line == call.onward.leg.line:
            await self.onward.happened(event, call.onward)
        elif call.supervision is not None and event.line == call.supervision.leg.line:
            await self.supervising.happened(event, call.supervision)
        else:
            await self.moves.happened(event)
        return True

    async def _caller_event(self, event: LineEvent) -> None:
        call, now = self.call, self._context.clock()
        if call.direct is not None and await self.moves.direct.caller_event(event, call.direct):
            return
        match event:
            case line_events.Answered() if call.phase in (Phase.RINGING, Phase.DIALLING):
                call.step(Step.ANSWER, now)
                call.caller.answered = now
                call.caller.port = self._context.line(call.caller.line).port
                self._context.records.open_segment(call, "ivr", now)
                if call.caller.line not in self.gone:  # else his end is the next thing we handle
                    self.flow.start()
            case line_events.Digit(key=key, duration_ms=duration) if call.caller.port is not None:
                self.flow.key(call.caller.port, key, duration)
            case line_events.Released(cause=cause):
                await self.end(cause, by="caller", caller_released=True)
            case line_events.Transferred() if event.other is not None:
                await self.moves.transferred(event)
            case line_events.LineDown(reason=reason):
                self.log.error("line of the caller is down", why=reason)
                await self.end(Cause.DESTINATION_OUT_OF_ORDER, by="system", failed=True)
            case _:
                pass

    async def _media_event(self, event: MediaEvent) -> None:
        recording = self.call.recording
        if (
            isinstance(event, RecordFinished)
            and recording is not None
            and recording.id == event.recording
            and recording.kind == "call"
        ):
            self.call.recording = None
            if event.reason == CUT_OFF:
                await self.conversation.record_again(recording)
            return
        self.flow.signal(event)

    async def _command(self, command: CallInput) -> None:
        match command:
            case OfferToAgent():
                await self.offering.begin(command)
            case StationAwaited():
                await self.offering.ring(command)
            case WithdrawOffer(agent=agent, why=why):
                await self.offering.withdraw(agent, why)
            case ConnectToAgent():
                await self.conversation.connect(command)
            case CallTimedOut(reason=reason):
                await self.visits.left("timed_out", reason)
            case CallRefused(reason=reason):
                await self.visits.left("refused", reason)
            case OnwardDue(leg=leg):
                await self.onward.due(leg)
            case CallMoved():
                self.visits.moved(command)
            case AnnounceToCaller() if self.call.phase is Phase.WAITING:
                self.flow.announce(command)
            case CallWaiting():
                self._context.changed(self.call)
            case _:
                pass

    # -- leaving --------------------------------------------------------------------------

    async def end(
        self,
        cause: Cause,
        *,
        by: str,
        outcome: str = "",
        failed: bool = False,
        caller_released: bool = False,
    ) -> None:
        """End the call from any phase: legs, recording, records, distribution."""
        call, context, now = self.call, self._context, self._context.clock()
        await self.flow.stop()
        await context.faxes.over(call, cause)
        self.flow.over(caller_left=by == "caller")
        if half_connected(call):
            self.conversation.note_answer(now)
        # Nothing keeps the call as ended before the engine and the rows know of it.
        was_waiting, was_connected = call.in_queue, call.connected
        legs = call.legs[1:]
        call.step(Step.END, now)
        for agent in tuple(call.ringing):
            self.offering.close(agent, "withdrawn" if was_waiting else "answered_elsewhere")
        call.let_go()
        self.moves.slot_left()
        self.moves.engage()
        if was_waiting:
            self.visits.close("abandoned")
            context.acd.submit(CallAbandoned(call=CallId(call.id)))
        if was_connected:
            self.conversation.finish(now)
        if call.callback and call.visit is None:
            reason = call.outcome or cause.name.lower()  # or the machine that answered
            failed_call = CallbackFailed(call=CallId(call.callback), reason=reason)
            context.acd.submit(failed_call)
        self.flow.message_cut(now)
        # The parts of the call read the clock when they ended: it ends no earlier than they.
        ended = context.clock()
        await self.conversation.stop_recording()
        final, records = outcome or outcome_of(call, failed=failed), context.records
        for kind in tuple(call.segments):
            records.close_segment(call, kind, ended)
        records.call(call, ended=ended, outcome=final, cause=int(cause), ended_by=by)
        context.keep(call)
        self.log.info("call ended", by=by, outcome=final, cause=int(cause))
        # Signalling comes last: whatever a peer does now, the records are complete.
        for leg in legs:
            await self.release(leg.line, Cause.NORMAL)
        if not caller_released:
            await self.release(call.caller.line, cause)

    async def release(self, line: LineId, cause: Cause) -> None:
        """Release a line of the call, unless it has ended and may carry another one."""
        if line in self.gone:
            return
        try:
            await self._context.line(line).release(cause)
        except DriverError as error:
            self.log.warning("line cannot be released", released=line, why=str(error))
