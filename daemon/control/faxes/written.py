"""What is on record of a fax: its segment, its row among the recordings, and where its pages are."""

import asyncio
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Final, Protocol

import msgspec
import structlog

from acd_core.ids import to_text
from daemon.control.calls.call import Call, OpenRecording, OpenSegment
from daemon.control.faxes.t38 import MARK as T38_MARK
from daemon.control.records import Records
from daemon.fax import messages as fax
from daemon.fax.messages import FaxEnded
from daemon.fax.texts import text_of
from daemon.recordings.audio_file import Left

log = structlog.get_logger()

KIND: Final = "fax"


class RecordingControl(Protocol):
    """The control process, as far as records of faxes need it."""

    clock: Callable[[], float]
    records: Records
    dirty: asyncio.Event

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


class OpenFax(msgspec.Struct):
    """A fax that has not ended."""

    call: Call
    segment: OpenSegment
    tell: Callable[[fax.FaxEvent], None]
    start: fax.StartFax
    sent: Pages | None = None
    """None: it comes in."""
    started: bool = False
    """Media has begun it, so media knows of its end."""
    agreed: bool = False
    """The machines have agreed on how to send: it is too late to change to T.38."""


class FaxRecords:
    """Writes segments and rows of faxes."""

    def __init__(self, control: RecordingControl) -> None:
        self._control = control

    def to_receive(self, call: Call, mailbox: str) -> OpenSegment:
        """The segment of a call that receives a fax; its number is the fax's."""
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

    def to_send(self, call: Call, path: str, to: str) -> OpenSegment:
        """The segment of a call that sends a fax; its number is the fax's."""
        if KIND not in call.segments:
            detail = {"file": path, "to": to}
            self._control.records.open_segment(call, KIND, self._control.clock(), detail=detail)
            self._control.keep(call)
        return call.segments[KIND]

    def complete(self, ended: FaxEnded, running: OpenFax | None, cut: int) -> None:
        """Write how a fax ended; ``cut`` is why its line ended before the good-bye."""
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
            **known(ended),
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


def fax_path(call: int, number: int, now: float) -> str:
    """Where a fax goes, relative to the site: a folder a day, in UTC."""
    day = datetime.fromtimestamp(now, UTC).strftime("%Y/%m/%d")
    return f"{fax.FOLDER}/{day}/{to_text(call)}-{to_text(number)}.tif"


def known(event: fax.FaxEvent) -> dict[str, str]:
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
