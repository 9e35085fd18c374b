"""Faxes that calls receive: starts terminals, joins them with callers, writes what came.

A fax is known by the number of its segment, which the journal keeps with the call: a control
process that comes back asks for the same fax again and goes on with it.
"""

import asyncio
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Final, Protocol

import msgspec
import structlog

from acd_core.ids import to_text
from daemon.control.calls.call import Call, OpenRecording, OpenSegment
from daemon.control.faxes.passing import T38Passing
from daemon.control.faxes.t38 import MARK as T38_MARK
from daemon.control.faxes.t38 import T38Changes
from daemon.control.records import Records
from daemon.fax import messages as fax
from daemon.fax.messages import FaxEnded, FaxProgress
from daemon.fax.texts import text_of
from daemon.recordings.audio_file import Left
from drivers.api import Line, LineId, PortId
from drivers.errors import DriverError
from drivers.events import Cause
from drivers.t38 import T38Asked, T38Event, T38Left, T38Told
from ivr.actions import ReceiveFax

if TYPE_CHECKING:
    from daemon.control.faxes.outbox import Outbox

log = structlog.get_logger()

KIND: Final = "fax"


class FaxMedia(Protocol):
    """The part of the link to media that faxes need."""

    def host(self, host: str, payload: bytes) -> Awaitable[bytes]: ...
    def bridge(self, bridge: int, a: PortId, b: PortId) -> Awaitable[None]: ...
    def unbridge(self, bridge: int) -> Awaitable[None]: ...
    def stop_play(self, player: int) -> Awaitable[None]: ...


class FaxControl(Protocol):
    """The control process, as far as faxes need it."""

    clock: Callable[[], float]
    ids: Callable[[], int]
    records: Records
    dirty: asyncio.Event

    @property
    def media(self) -> FaxMedia:
        """The link to media."""

    def line(self, line: LineId) -> Line:
        """A line by its name; DriverError when it is gone."""

    def keep(self, call: Call) -> None:
        """Journal the call as it is now, and show it."""

    def message_lamp(self, mailbox: str, *, on: bool) -> None:
        """Light or darken the message lamp of a station."""


class Pages(msgspec.Struct):
    """The pages of a fax that is sent."""

    count: int
    confirmed: bool = False
    """The other machine has confirmed every one."""

    def heard(self, event: fax.FaxEvent) -> None:
        """Take what media tells."""
        self.confirmed = self.confirmed or 0 < self.count <= event.pages


class _Open(msgspec.Struct):
    """A fax that has not ended."""

    call: Call
    segment: OpenSegment
    tell: Callable[[fax.FaxEvent], None]
    start: fax.StartFax
    sent: Pages | None = None
    """None: it comes in."""
    agreed: bool = False
    """The machines have agreed on how to send: it is too late to change to T.38."""


class Faxes:
    """Every fax that runs, by its number."""

    outbox: "Outbox"
    """Faxes to be sent."""

    def __init__(self, control: FaxControl) -> None:
        self._control = control
        self._open: dict[int, _Open] = {}
        self._left_on_t38: dict[int, LineId] = {}
        """Lines of faxes that are over, and whose calls may go on with audio."""
        self.t38 = T38Changes(control)
        self._passing = T38Passing(control, self.t38)

    async def receive(
        self, call: Call, action: ReceiveFax, tell: Callable[[FaxEnded], None]
    ) -> tuple[int, str]:
        """Let a caller's fax come in, or go on with it: its number and file.

        ``tell`` hears of its end, also when it cannot begin.
        """
        segment = self._segment(call, action.mailbox)
        number = segment.id

        def ends(event: fax.FaxEvent) -> None:
            if isinstance(event, FaxEnded):
                tell(event)

        start = fax.StartFax(fax=number, path=segment.detail["file"], station=action.station)
        running = _Open(call, segment, ends, start)
        self._open[number] = running
        await self._quiet(call)
        # Asked for before the first tone: whoever calls has a fax, and hears us only then.
        if not segment.detail.get(T38_MARK) and call.caller.port is not None:
            await self._change(running, await self.t38.ask(call, number))
        await self._start(running)
        return number, segment.detail["file"]

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
        running = _Open(call, segment, tell, start, sent=pages)
        self._open[segment.id] = running
        await self._start(running)
        return segment.id

    def segment_to_send(self, call: Call, path: str, to: str) -> OpenSegment:
        """The segment of a call that sends a fax; its number is the fax's."""
        if KIND not in call.segments:
            detail = {"file": path, "to": to}
            self._control.records.open_segment(call, KIND, self._control.clock(), detail=detail)
            self._control.keep(call)
        return call.segments[KIND]

    async def t38_event(self, call: Call, event: T38Event) -> None:
        """The far end of a line of a call wants T.38, answers, or is back at audio."""
        match event:
            case T38Asked():
                await self._t38_asked(call, event)
            case T38Told():
                await self._passing.told(call, event)
            case T38Left():
                await self._passing.left(call, event.line)

    async def parted(self, call: Call) -> None:
        """Two who talked do no longer: T.38 between them is over."""
        await self._passing.parted(call)

    async def _t38_asked(self, call: Call, asked: T38Asked) -> None:
        """For our fax, or in a conversation of two; anything else stays with audio."""
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
        if running is not None or not await self._passing.asked(call, asked):
            await self.t38.refuse(asked.line)

    async def _change(self, running: _Open, peer: fax.T38Peer | None) -> None:
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

    async def _start(self, running: _Open) -> None:
        call, start, port = running.call, running.start, running.call.caller.port
        number = start.fax
        try:
            if port is None:
                raise DriverError("the caller's line has no audio port")
            reply = fax.decode_reply(await self._control.media.host(fax.HOST, fax.encode(start)))
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
                running.segment.detail |= _known(event)
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
        self._complete(event, running, cut)
        if running is not None:
            goes_on = running.sent is None and running.tell is not _nobody
            if goes_on and running.segment.detail.get(T38_MARK):
                self._left_on_t38[event.fax] = running.call.caller.line
            running.tell(event)

    # -- what is written ------------------------------------------------------------------

    def _segment(self, call: Call, mailbox: str) -> OpenSegment:
        control = self._control
        segment = call.segments.get(KIND)
        if segment is None:
            control.records.open_segment(call, KIND, control.clock(), detail={"mailbox": mailbox})
            segment = call.segments[KIND]
            segment.detail["file"] = fax_path(call.id, segment.id, segment.started)
        path, started = segment.detail["file"], segment.started
        row = OpenRecording(id=segment.id, path=path, kind=KIND, started=started, mailbox=mailbox)
        control.records.recording(call, row)
        control.keep(call)
        return segment

    def _complete(self, ended: FaxEnded, running: _Open | None, cut: int) -> None:
        control, now = self._control, self._control.clock()
        pages = ended.pages
        if running is None:
            # Its call ended with a control process before this one.
            log.warning("fax of no call ends", fax=ended.fax, code=ended.code, pages=pages)
            control.records.recording_finished(ended.fax, Left(int(pages > 0)))
            return
        call, segment = running.call, running.segment
        pages = pages or int(segment.detail.get("pages", 0) if ended.code == fax.NO_AUDIO else 0)
        length_ms = round(max(now - segment.started, 0.001) * 1000)
        if running.sent is None:
            control.records.recording_finished(ended.fax, Left(length_ms if pages else 0))
        call.segments[KIND] = segment
        detail: dict[str, object] = {
            **_known(ended),
            "pages": str(pages),
            "code": str(ended.code),
            "cut": str(cut) if cut else "",
            **{f"packets_{name}": str(count) for name, count in ended.packets.items()},
            "en": text_of(ended.code, language="en"),
            "zh": text_of(ended.code, language="zh"),
        }
        result = "received" if running.sent is None else "sent"
        if ended.code != fax.OK:
            result = "fax_failed"
        control.records.close_segment(call, KIND, now, result=result, detail=detail)
        level = log.info if ended.code == fax.OK else log.warning
        level(
            "fax ended",
            call=to_text(call.id),
            code=ended.code,
            why=ended.detail,
            pages=pages,
            station=ended.station,
        )
        mailbox = segment.detail.get("mailbox", "")
        if pages and mailbox:
            control.message_lamp(mailbox, on=True)
        control.dirty.set()

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


def fax_path(call: int, number: int, now: float) -> str:
    """Where a fax goes, relative to the site: a folder a day, in UTC."""
    day = datetime.fromtimestamp(now, UTC).strftime("%Y/%m/%d")
    return f"{fax.FOLDER}/{day}/{to_text(call)}-{to_text(number)}.tif"


def _known(event: fax.FaxEvent) -> dict[str, str]:
    """What an event tells of how a fax goes, as details of its segment."""
    return {
        "pages": str(event.pages),
        "station": event.station,
        "rate": str(event.rate),
        "ecm": "1" if event.ecm else "",
        T38_MARK: "1" if event.t38 else "",
        "slips": str(event.slips),
        "gaps": str(event.gaps),
    }


def _nobody(_event: fax.FaxEvent) -> None:
    """Nobody waits for the end of this fax any more."""
