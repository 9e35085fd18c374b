"""One call from first ring to last release: the only writer of its ``Call``.

Line events, media events, the distribution engine's commands and people's requests arrive
in one queue, so a call has one order of events and needs no locks. The flow runs as a task
of its own beside it and changes the call only through the hooks in ``flows/call_flow.py``.
"""

from collections.abc import Awaitable, Callable
from typing import Any, ClassVar, Final, Literal

from structlog.typing import FilteringBoundLogger as BoundLogger

from acd_core.commands import (
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
from daemon.control.audio.caller_ears import ask_who_calls, told_late
from daemon.control.by_type import ByType
from daemon.control.calls.call import Call, Direct, IllegalStep, Phase, Step, outcome_of
from daemon.control.calls.context import (
    CallContext,
    HangUpRequest,
    HoldRequest,
    PauseRecordingRequest,
    SupervisingRequest,
    TransferRequest,
    log_of,
)
from daemon.control.calls.moves.asking import MoveRequest
from daemon.control.calls.offering import StationAwaited
from daemon.control.calls.onward import OnwardDue
from daemon.control.calls.parts.told import CallInput, ToldCall
from daemon.control.calls.resuming import (
    answered_meanwhile,
    half_connected,
    offers_lost,
    talks,
)
from daemon.control.flows.call_flow import CallFlow
from daemon.link.messages import CUT_OFF, CallerHeard, MediaEvent, RecordFinished, SpeakerChanged
from drivers import events as line_events
from drivers.api import LineId
from drivers.errors import DriverError
from drivers.events import Cause, LineEvent
from drivers.t38 import T38Event

Doing = Awaitable[object] | Literal[False] | None
"""What is to be awaited yet, if anything; False: the call is as it was."""
ONE_OF_MANY: Final = (OfferToAgent, WithdrawOffer)


def nothing(_life: object, _happened: object) -> Doing:
    """It does not concern the call."""
    return None


class CallLife(ToldCall):
    """Handles what happens to one call, one thing after the other."""

    __slots__ = ("flow",)

    def __init__(self, call: Call, context: CallContext) -> None:
        super().__init__(call, context)
        self.flow = CallFlow(self, context)

    @property
    def log(self) -> BoundLogger:
        """Names the call in what it says."""
        return log_of(self.call, self._context)

    async def run(self, *, restored: bool = False) -> None:
        """Begin a call, or go on with it, and live through it until it has ended or rests."""
        await self._live(self._resume if restored else self._begin)

    async def live_on(self) -> None:
        """Live through what wakes a call that rested, until it has ended or rests again."""
        await self._live()

    async def leave(self) -> None:
        """Control ends: the flow does, also that of a call that rests and has no task."""
        await self.flow.stop()

    async def _live(self, begin: Callable[[], Awaitable[None]] | None = None) -> None:
        try:
            if begin is not None:
                await begin()
            unkept = False
            while self.call.phase is not Phase.ENDED:
                if self._inbox.empty() and not await self.until_told():
                    self.rest()
                    return
                happened = self._inbox.get_nowait()
                changed = await self._handle(happened)
                unkept = unkept or changed
                # Many stations ring, or stop, in one go: that is one state to write down.
                goes_on = not changed or isinstance(happened, ONE_OF_MANY)
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
            if not self._rests:
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
            await answered_meanwhile(self, self._context)
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

    # -- what happens ---------------------------------------------------------------------

    async def _handle(self, happened: CallInput) -> bool:
        """Act on what happened; whether it changed the call."""
        call, changed = self.call, True
        try:
            doing = self._DOING[type(happened)](self, happened)
            if doing is False:
                changed = False
            elif doing is not None:
                await doing
        except IllegalStep as error:
            # Two sides acted at once; the one that came first counts.
            self.log.info("too late for the call", what=type(happened).__name__, why=str(error))
        if call.supervision is not None:
            await self.supervising.follow()
        if call.engaged or call.direct or call.onward or call.consult or call.guests:
            await self.moves.follow()  # somebody is here whom no queue has put there
        if self.attention.is_due:
            await self.attention.follow()
        if self._context.faxes.waiting:
            await self._context.faxes.follow(call)
        return changed

    def _line_event(self, event: LineEvent) -> Doing:
        call, line = self.call, event.line
        if line == call.caller.line:
            if call.direct is not None:
                return self._event_inside(event, call.direct)
            return self._CALLERS[type(event)](self, event)
        if self.offering.is_stale(event):
            return False
        if agent := call.rung_on(line):
            return None if self.offering.happened(event, agent) else False
        if call.agent_leg is not None and line == call.agent_leg.line:
            return self.conversation.happened(event)
        if call.onward is not None and line == call.onward.leg.line:
            return self.onward.happened(event, call.onward)
        if call.supervision is not None and line == call.supervision.leg.line:
            return self.supervising.happened(event, call.supervision)
        return self.moves.happened(event)

    async def _event_inside(self, event: LineEvent, direct: Direct) -> None:
        if not await self.moves.direct.caller_event(event, direct):
            doing = self._CALLERS[type(event)](self, event)
            if doing:
                await doing

    def _caller_answered(self, _: line_events.Answered) -> None:
        call, now = self.call, self._context.clock()
        if call.phase not in (Phase.RINGING, Phase.DIALLING):
            return
        call.step(Step.ANSWER, now)
        call.caller.answered = now
        call.caller.port = self._context.line(call.caller.line).port
        self._context.records.open_segment(call, "ivr", now)
        if call.caller.line not in self.gone:  # else his end is the next thing we handle
            self.flow.start()

    def _caller_down(self, event: line_events.LineDown) -> Doing:
        self.log.error("line of the caller is down", why=event.reason)
        return self.end(Cause.DESTINATION_OUT_OF_ORDER, by="system", failed=True)

    def _recorded(self, event: RecordFinished) -> Doing:
        recording = self.call.recording
        if recording is None or recording.id != event.recording or recording.kind != "call":
            self.flow.signal(event)
            return None
        self.call.recording = None
        return self.conversation.record_again(recording) if event.reason == CUT_OFF else None

    def _spoke(self, event: SpeakerChanged) -> Doing:
        self.attention.spoke(event)
        return False

    _CALLERS: ClassVar[ByType[Callable[["CallLife", Any], Doing]]] = ByType(
        {
            line_events.Answered: _caller_answered,
            line_events.Digit: lambda life, event: life.flow.key(event.key, event.duration_ms),
            line_events.LineDown: _caller_down,
            line_events.Released: lambda life, event: life.end(
                event.cause, by="caller", caller_released=True
            ),
            line_events.Transferred: lambda life, event: (
                life.moves.transferred(event) if event.other is not None else None
            ),
            LineEvent: nothing,
        }
    )
    """What to do with something that happened on the caller's own line."""
    _DOING: ClassVar[ByType[Callable[["CallLife", Any], Doing]]] = ByType(
        {
            LineEvent: _line_event,
            T38Event: lambda life, event: life._context.faxes.t38_event(
                life.call, event, life.flow.signal
            ),
            line_events.Replaced: lambda life, event: life.moves.replaced(event),
            MediaEvent: lambda life, event: life.flow.signal(event),
            RecordFinished: _recorded,
            CallerHeard: lambda life, event: told_late(life.call, event, life._context),
            SpeakerChanged: _spoke,
            HangUpRequest: lambda life, asked: life.end(Cause.NORMAL, by=asked.by),
            HoldRequest: lambda life, asked: life.conversation.hold(on=asked.on),
            PauseRecordingRequest: lambda life, asked: life.conversation.pause_recording(asked),
            TransferRequest: lambda life, asked: (
                life.onward.from_desk(asked.to) if life.call.connected else None
            ),
            SupervisingRequest: lambda life, asked: life.supervising.asked(asked),
            MoveRequest: lambda life, asked: life.moves.asked(asked),
            OfferToAgent: lambda life, command: life.offering.begin(command),
            StationAwaited: lambda life, awaited: life.offering.ring(awaited),
            WithdrawOffer: lambda life, told: life.offering.withdraw(told.agent, told.why),
            ConnectToAgent: lambda life, command: life.conversation.connect(command),
            CallTimedOut: lambda life, told: life.visits.left("timed_out", told.reason),
            CallRefused: lambda life, told: life.visits.left("refused", told.reason),
            OnwardDue: lambda life, due: life.onward.due(due.leg),
            CallMoved: lambda life, command: life.visits.moved(command),
            AnnounceToCaller: lambda life, told: (
                life.flow.announce(told) if life.call.phase is Phase.WAITING else None
            ),
            CallWaiting: lambda life, _: life._context.changed(life.call),
            object: nothing,
        }
    )
    """What to do with anything that a call is told."""

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
