"""Faxes that calls receive: starts terminals, joins them with callers, writes what came.

A fax is known by the number of its segment, which the journal keeps with the call: a control
process that comes back asks for the same fax again and goes on with it.
"""

from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Protocol

import msgspec
import structlog

from acd_core.ids import to_text
from daemon.control.calls.call import Call, OpenSegment
from daemon.control.faxes.listening import CALLS
from daemon.control.faxes.passing import KIND as T38_KIND
from daemon.control.faxes.passing import PassingControl, T38Again, T38Gone, T38Passing
from daemon.control.faxes.questions import QuestionDue, T38Questions
from daemon.control.faxes.t38 import MARK as T38_MARK
from daemon.control.faxes.t38 import T38Changes, other_leg
from daemon.control.faxes.written import (
    KIND,
    FaxRecords,
    OpenFax,
    Pages,
    RecordingControl,
    known,
)
from daemon.fax import messages as fax
from daemon.fax.messages import FaxEnded, FaxProgress
from daemon.link.messages import FaxTone
from drivers.api import LineId, PortId
from drivers.errors import DriverError
from drivers.events import Cause
from drivers.t38 import T38Asked, T38Event, T38Left, T38Told, T38Withdrawn
from ivr.actions import ReceiveFax

if TYPE_CHECKING:
    from daemon.control.faxes.outbox import Outbox

log = structlog.get_logger()


class FaxMedia(Protocol):
    """The part of the link to media that faxes need."""

    def host(self, host: str, payload: bytes) -> Awaitable[bytes]: ...
    def bridge(self, bridge: int, a: PortId, b: PortId) -> Awaitable[None]: ...
    def unbridge(self, bridge: int) -> Awaitable[None]: ...
    def join(self, bridge: int, port: PortId) -> Awaitable[None]: ...
    def stop_play(self, player: int) -> Awaitable[None]: ...


class FaxControl(PassingControl, RecordingControl, Protocol):
    """The control process, as far as faxes need it."""

    @property
    def media(self) -> FaxMedia:
        """The link to media."""


class Faxes:
    """Every fax that runs, by its number."""

    outbox: "Outbox"
    """Faxes to be sent."""

    def __init__(self, control: FaxControl) -> None:
        self._control = control
        self._open: dict[int, OpenFax] = {}
        self._left_on_t38: dict[int, LineId] = {}
        """Lines of faxes that are over, and whose calls may go on with audio."""
        self.t38 = T38Changes(control)
        self._passing = T38Passing(control, self.t38)
        self._questions = T38Questions(control, self.t38)
        self.waiting = self._questions.waiting
        """By line, who asks for T.38 before anybody is there to be joined with; mostly empty."""
        self._written = FaxRecords(control)

    async def receive(
        self, call: Call, action: ReceiveFax, tell: Callable[[FaxEnded], None]
    ) -> tuple[int, str]:
        """Let a caller's fax come in, or go on with it: its number and file.

        ``tell`` hears of its end, also when it cannot begin.
        """
        segment = self._written.to_receive(call, action.mailbox)
        number = segment.id

        def ends(event: fax.FaxEvent) -> None:
            if isinstance(event, FaxEnded):
                tell(event)

        start = fax.StartFax(fax=number, path=segment.detail["file"], station=action.station)
        running = OpenFax(call, segment, ends, start)
        self._open[number] = running
        await self._quiet(call)
        # Asked for before the first tone: whoever calls has a fax, and hears us only then.
        if not segment.detail.get(T38_MARK) and call.caller.port is not None:
            peer = await self._agree(call, number)
            if peer is not None and self._open.get(number) is not running:
                await self.t38.leave(call.caller.line)  # media has ended it meanwhile
                return number, segment.detail["file"]
            await self._change(running, peer)
        if self._open.get(number) is running:
            await self._start(running)
        return number, segment.detail["file"]

    async def _agree(self, call: Call, number: int) -> fax.T38Peer | None:
        """Change a caller to T38, whoever of us asks for it; None: audio stands."""
        asked = self._questions.take(call, call.caller.line)
        if asked is None:
            return await self.t38.ask(call, number)
        peer = await self.t38.accept(asked, number)
        if peer is None:
            await self.t38.refuse(asked.line)
        return peer

    async def send(
        self,
        call: Call,
        start: fax.StartFax,
        to: str,
        tell: Callable[[fax.FaxEvent], None],
        pages: Pages,
    ) -> int:
        """Send a fax to whom a call reached, or go on with it: its number.

        ``tell`` hears how it goes and of its end, also when that comes after the call's.
        """
        segment = self.segment_to_send(call, start.path, to)
        start = msgspec.structs.replace(start, fax=segment.id)
        running = OpenFax(call, segment, tell, start, sent=pages)
        self._open[segment.id] = running
        await self._start(running)
        asked = self._questions.take(call, call.caller.line)
        if asked is not None:  # before we had begun
            await self._t38_asked(call, asked)
        return segment.id

    def segment_to_send(self, call: Call, path: str, to: str) -> OpenSegment:
        """The segment of a call that sends a fax; its number is the fax's."""
        return self._written.to_send(call, path, to)

    async def t38_event(
        self, call: Call, event: T38Event, hears: Callable[[FaxTone], None]
    ) -> None:
        """The far end of a line of a call wants T.38, answers, or is back at audio.

        ``hears`` is told that the caller is a fax machine, as by its tone.
        """
        match event:
            case T38Asked():
                await self._t38_asked(call, event)
                port = call.caller.port
                if port is not None and self._questions.of_caller(call):
                    hears(FaxTone(port=port, tone=CALLS))
            case T38Withdrawn():
                self._questions.withdrawn(event.line)
            case QuestionDue():
                await self._questions.due(call, event.line)
            case T38Told():
                await self._passing.told(call, event)
            case T38Left():
                await self._passing.left(call, event.line)
            case T38Again():
                await self._passing.again(call, event)
            case T38Gone():
                await self._passing.gone(call, event)

    async def follow(self, call: Call) -> None:
        """Something has changed in a call while somebody waits: the call may be joined by now."""
        asked = self._questions.joined(call)
        if asked is not None and not await self._passing.asked(call, asked):
            await self.t38.refuse(asked.line, later=self._passing.waits(call))

    async def restored(self, call: Call) -> None:
        """A call of a control process before this one goes on: T.38 may be over meanwhile.

        Or it has begun in a leg just when that process ended, and there is nobody for it.
        """
        own = call.segments.get(KIND)
        if T38_KIND in call.segments:
            await self._passing.restored(call)
        elif own is None or not own.detail.get(T38_MARK):
            for leg in (call.caller, *call.partners):
                await self.t38.leave(leg.line)

    async def parted(self, call: Call) -> None:
        """Two who talked do no longer: T.38 between them is over."""
        await self._passing.parted(call)

    async def _t38_asked(self, call: Call, asked: T38Asked) -> None:
        """For our fax, in a conversation of two, or before it is one; else audio stands."""
        running = next((each for each in self._open.values() if each.call is call), None)
        if running is not None and asked.line == call.caller.line and not running.agreed:
            peer = await self.t38.accept(asked, running.start.fax)
            if peer is not None and self._open.get(running.start.fax) is running:
                await self._change(running, peer)
                await self._start(running)
            elif peer is not None:
                # It ended while the other side was answered: nothing is to begin for it.
                await self._stop(running.start.fax)
                await self.t38.leave(asked.line)
            if peer is not None:
                return
        early = running is None and other_leg(call, asked.line) is None
        if early and self.t38.allowed and self._questions.hold(call, asked):
            return
        if running is not None or not await self._passing.asked(call, asked):
            await self.t38.refuse(asked.line, later=self._passing.waits(call))

    async def _change(self, running: OpenFax, peer: fax.T38Peer | None) -> None:
        """Let a fax go by T.38 from its next start on, if there is a peer."""
        if peer is not None:
            running.start = msgspec.structs.replace(running.start, t38=peer)
            # A control process that comes back asks for it no more.
            running.segment.detail[T38_MARK] = "1"
            self._control.keep(running.call)
            log.info("fax goes by T.38", call=to_text(running.call.id), to=peer.host)

    async def _quiet(self, call: Call) -> None:
        """Stop what the caller hears, such as music: a modem hears it, too."""
        player, call.player = call.player, 0
        if player:
            try:
                await self._control.media.stop_play(player)
            except DriverError as error:
                log.info("nothing plays any more", call=to_text(call.id), why=str(error))

    async def _start(self, running: OpenFax) -> None:
        call, start, port = running.call, running.start, running.call.caller.port
        number = start.fax
        try:
            if port is None:
                raise DriverError("the caller's line has no audio port")
            reply = fax.decode_reply(await self._control.media.host(fax.HOST, fax.encode(start)))
            running.started = True
            if isinstance(reply, fax.FaxStarted) and reply.port:
                await self._control.media.bridge(number, port, PortId(reply.port))
            elif isinstance(reply, fax.FaxRefused):
                log.error("fax refused", call=to_text(call.id), code=reply.code, why=reply.text)
                self.happened(FaxEnded(fax=number, code=reply.code, detail=reply.text))
        except (DriverError, msgspec.DecodeError) as error:
            log.error("fax cannot begin", call=to_text(call.id), why=str(error))
            self.happened(FaxEnded(fax=number, code=fax.NO_TERMINAL, detail=str(error)))
            await self._stop(number)

    async def part(self, number: int) -> None:
        """Take a caller away from a terminal that is done."""
        try:
            await self._control.media.unbridge(number)
        except DriverError as error:
            log.info("fax had no bridge any more", fax=number, why=str(error))
        line = self._left_on_t38.pop(number, None)
        if line is not None:
            await self.t38.leave(line)

    async def over(self, call: Call, cause: Cause) -> None:
        """The call ends: what came until now is the fax."""
        if call.fax:
            self.outbox.call_over(call, cause)
        await self._questions.over(call)
        await self._passing.over(call)
        for number, running in tuple(self._open.items()):
            if running.call is call:
                # Its segment ends with the fax, a moment after the call.
                call.segments.pop(KIND, None)
                if running.sent is None:
                    running.tell = _nobody
                if not await self._stop(number):
                    # It was to begin, and nothing will tell of its end.
                    self.happened(FaxEnded(fax=number, code=fax.DROPPED))
        for number, line in tuple(self._left_on_t38.items()):
            if line == call.caller.line:
                del self._left_on_t38[number]

    def running(self) -> dict[int, dict[str, str]]:
        """What is known of each fax that runs, by its number."""
        return {number: dict(each.segment.detail) for number, each in self._open.items()}

    def media_event(self, payload: bytes) -> None:
        """Take an event of the host; what cannot be read is logged and dropped."""
        try:
            self.happened(fax.decode_event(payload))
        except msgspec.DecodeError as error:
            log.error("event of the fax host not understood", why=str(error))

    def media_restarted(self) -> None:
        """Terminals end with their media process; the pages they told of are on disk."""
        self._passing.media_restarted()
        for number in tuple(self._open):
            self.happened(FaxEnded(fax=number, code=fax.NO_AUDIO, detail="media restarted"))

    async def events_lost(self) -> None:
        """Events of media are lost: ask what became of each fax; its end is told again."""
        for number, running in tuple(self._open.items()):
            if running.started and await self._asked_again(number):
                self.happened(FaxEnded(fax=number, code=fax.NO_AUDIO, detail="its end was lost"))
        await self._passing.events_lost()

    async def _asked_again(self, number: int) -> bool:
        """Let media tell again of a fax; True when nothing is known of it any more."""
        reply = await self.t38.tell(fax.AskFax(fax=number))
        unknown = isinstance(reply, fax.FaxStopped) and not reply.ends
        return unknown and number in self._open

    def happened(self, event: fax.FaxEvent) -> None:
        """Note how a fax goes on, or its end."""
        if self._passing.happened(event):
            return
        running = self._open.get(event.fax)
        if running is None:
            self.outbox.late(event)
        elif running.sent is not None:
            running.sent.heard(event)
        if isinstance(event, FaxProgress):
            log.info("fax goes on", fax=event.fax, pages=event.pages, rate=event.rate)
            if running is not None:
                running.agreed = True
                running.segment.detail |= known(event)
                running.tell(event)
                self._control.dirty.set()
            return
        self._open.pop(event.fax, None)
        cut = 0
        if running is not None and running.sent is not None and running.sent.confirmed:
            # The line was cut before the good-bye: the fax is there all the same.
            cut = event.code
            pages = max(event.pages, running.sent.count)
            event = msgspec.structs.replace(event, code=fax.OK, pages=pages)
        self._written.complete(event, running, cut)
        if running is not None:
            goes_on = running.sent is None and running.tell is not _nobody
            if goes_on and running.segment.detail.get(T38_MARK):
                self._left_on_t38[event.fax] = running.call.caller.line
            running.tell(event)

    async def _stop(self, number: int) -> bool:
        """End a fax in media; False when nothing ran there, so that no end will be told."""
        media = self._control.media
        try:
            told = await media.host(fax.HOST, fax.encode(fax.StopFax(fax=number)))
            reply = fax.decode_reply(told)
        except (DriverError, msgspec.DecodeError) as error:
            log.warning("fax is not stopped", fax=number, why=str(error))
            return True
        return not isinstance(reply, fax.FaxStopped) or reply.ends


def _nobody(_event: fax.FaxEvent) -> None:
    """Nobody waits for the end of this fax any more."""
