"""What media tells, passed on to the call or the board that it concerns."""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator
from typing import Final, Protocol

import structlog

from daemon.control.calls.call import Call, Leg
from daemon.control.calls.context import BridgingMedia
from daemon.control.calls.life import CallLife
from daemon.control.flows.prompts import Prompts
from daemon.control.line_table import LineTable
from daemon.control.records import Records
from daemon.control.remote_driver import RemoteDriver
from daemon.link.messages import (
    EventsLost,
    HostEvent,
    MediaEvent,
    MediaRestarted,
    RecordFinished,
    StreamEnded,
)
from daemon.recordings.audio_file import Left, what_is_left
from drivers.api import PortId
from drivers.errors import DriverError
from drivers.events import LineDown

log = structlog.get_logger()

NO_PORT: Final = PortId(0)
MOST_LEGS: Final = 20_000


class EventfulMedia(BridgingMedia, Protocol):
    """The link to media with its events."""

    def events(self) -> AsyncIterator[MediaEvent]:
        """Every event once and in order."""


class Hearing(Protocol):
    """The control process, as far as events of media concern it."""

    media: EventfulMedia
    records: Records
    lines: LineTable
    prompts: Prompts
    calls: dict[int, CallLife]
    dirty: asyncio.Event
    streams: Counter[str]


class MediaEvents:
    """Reads the events of media; which call owns which port is known here."""

    def __init__(self, control: Hearing) -> None:
        self.ports: dict[PortId, CallLife] = {}
        self._legs: dict[PortId, tuple[int, Leg]] = {}
        """The call and leg of each port; figures come when the call may be over."""
        self._control = control
        self._hosted = {
            item.driver.name: item.driver
            for item in control.lines.drivers
            if isinstance(item.driver, RemoteDriver)
        }

    async def run(self) -> None:
        """Pass on every event until cancelled."""
        control = self._control
        async for event in control.media.events():
            match event:
                case RecordFinished(recording=recording):
                    left = Left(event.duration_ms, event.chain, event.paused_ms)
                    control.records.recording_finished(recording, left, event.gap_ms)
                    self._tell_port(event.port, event)
                    control.dirty.set()
                case StreamEnded(port=port):
                    self._stream_ended(port, event)
                case HostEvent(host=host, payload=payload):
                    if host in self._hosted:
                        self._hosted[host].happened(payload)
                case MediaRestarted() | EventsLost():
                    restarted = isinstance(event, MediaRestarted)
                    if restarted:
                        self._media_restarted()
                    for driver in self._hosted.values():
                        await _resync(driver, restarted=restarted)
                case _:
                    self._tell_port(getattr(event, "port", NO_PORT), event)

    def own(self, call: Call, leg: Leg) -> None:
        """Know a leg by its port, until the figures of its stream have come."""
        if leg.port is not None:
            self._legs[leg.port] = (call.id, leg)
            if len(self._legs) > MOST_LEGS:
                # Ports of boards have no stream, so nothing takes them away.
                del self._legs[next(iter(self._legs))]

    def _stream_ended(self, port: PortId, ended: StreamEnded) -> None:
        sums = self._control.streams
        sums["streams"] += 1
        sums["packets_in"] += ended.packets_in
        sums["packets_out"] += ended.packets_out
        sums["lost"] += ended.lost
        sums["late"] += ended.late
        owner = self._legs.pop(port, None)
        if owner is not None:
            self._control.records.stream(*owner, ended)

    def _tell_port(self, port: PortId, event: MediaEvent) -> None:
        life = self.ports.get(port)
        if life is not None:
            life.tell(event)

    def _media_restarted(self) -> None:
        """Every audio port is gone, so every conversation is."""
        control = self._control
        self._legs.clear()
        log.error("media process restarted, calls are lost", calls=len(control.calls))
        for row in control.records.open_recordings():
            control.records.recording_finished(
                row.id, what_is_left(control.prompts.site / row.path)
            )
        for life in tuple(control.calls.values()):
            life.tell(LineDown(line=life.call.caller.line, reason="media process restarted"))


async def _resync(driver: RemoteDriver, *, restarted: bool) -> None:
    try:
        await driver.resync(restarted=restarted)
    except DriverError as error:
        log.error("lines of a board are not known", driver=driver.name, why=str(error))
