"""One capture: the messages and packets of a call, or of all calls with a peer, as pcapng.

Everything is written as UDP over IP, so that every analyser shows it: messages that came over
TCP, TLS or WebSocket too, opened, with their transport in the packet's comment; and RTP whose
packets were sealed. Nothing here slows a call: what cannot be kept up with is lost and told.
"""

import asyncio
import contextlib
import os
from collections.abc import AsyncGenerator, Awaitable, Callable, Sequence
from typing import Final, Protocol

import msgspec
import structlog

from daemon.control.captures.copies import Copy, CopyFault, CopyRing
from daemon.control.captures.datagrams import Place, datagram
from daemon.control.captures.pcapng import Dropped, interface, packet, section, statistics
from daemon.control.controller import Controller
from daemon.link.client import Tap
from drivers.api import Captures, LineId, MessageReader, PortId, RtpAddress, WireCopy
from drivers.errors import DriverError

log = structlog.get_logger()

STEP_S: Final = 0.1  # s between two looks
BEAT_S: Final = 15.0  # s after which even a silent capture says that it lives
AFTER_S: Final = 2.0  # s that a call's last messages are waited for
MOST_BYTES: Final = 128 << 20
MOST_PORTS: Final = 64
MESSAGES, AUDIO = 0, 1  # interfaces


class CopyingMedia(Protocol):
    """Media, as far as packets are captured."""

    def copy_packets(self, port: PortId) -> Awaitable[Tap]:
        """Copy a port's packets into a ring."""

    def end_copies(self, port: PortId) -> Awaitable[None]:
        """Copy them no longer."""


class Wish(msgspec.Struct, frozen=True, kw_only=True):
    """What is captured: exactly one of call and peer."""

    call: int = 0
    peer: str = ""
    seconds: float
    media: bool


class _Leg(msgspec.Struct):
    """A port whose packets are copied."""

    ring: CopyRing
    ours: RtpAddress
    far_port: int = 0
    """Of the far end's RTP; reports that come from there share it."""


class Capture:
    """Begins at once, and ends with its time, its size or its call."""

    def __init__(
        self, controller: Controller, media: CopyingMedia, wish: Wish, clock: Callable[[], float]
    ) -> None:
        self._controller = controller
        self._media = media
        self._wish = wish
        self._clock = clock
        self._readers: list[MessageReader] = [
            item.driver.capture()
            for item in controller.lines.drivers
            if isinstance(item.driver, Captures)
        ]
        self._legs: dict[PortId, _Leg] = {}
        self._refs: set[str] = set()
        self._lines: set[LineId] = set()
        self._lost = 0
        self.size = 0
        """Octets so far."""

    async def blocks(self, application: str) -> AsyncGenerator[bytes, None]:
        """The file in pieces; whoever reads it slowly loses packets, never a call."""
        elapsed = asyncio.get_running_loop().time
        beat = elapsed()
        until = beat + self._wish.seconds
        if self._wish.peer:
            for reader in self._readers:
                reader.skip()
        yield self._counted(self._head(application))
        try:
            while (now := elapsed()) < until and self.size < MOST_BYTES:
                found = self._counted(await self._look())
                if not found and now - beat >= BEAT_S:
                    found = self._counted(self._tail())
                if found:
                    beat = now
                    yield found
                if self._wish.call and self._wish.call not in self._controller.calls:
                    until = min(until, now + AFTER_S)
                await asyncio.sleep(STEP_S)
            yield self._counted(await self._look() + self._tail())
        finally:
            await self._end()

    def _counted(self, data: bytes) -> bytes:
        self.size += len(data)
        return data

    def _head(self, application: str) -> bytes:
        return b"".join(
            (
                section(application, "Proofs of passwords and keys in messages are starred."),
                interface("sip", "Messages as UDP; the comment of each names its transport."),
                interface("rtp", "Packets of the media engine, opened when they were sealed."),
            )
        )

    def _tail(self) -> bytes:
        now, gaps = self._clock(), sum(reader.gaps for reader in self._readers)
        lost = self._lost + sum(leg.ring.lost for leg in self._legs.values())
        return statistics(now, Dropped(MESSAGES, gaps), "gaps in the kept messages") + statistics(
            now, Dropped(AUDIO, lost), "packets that the reader was too slow for"
        )

    async def _look(self) -> bytes:
        """What came since the last time, in order of time."""
        self._follow()
        found: list[tuple[float, bytes]] = []
        lines = sorted(self._lines) if self._wish.call else ()
        for reader in self._readers:
            messages = reader.take(sorted(self._refs), lines, self._wish.peer)
            found += [(one.at, _message(one)) for one in messages]
            if self._wish.media:
                await self._open(reader)
        for port, leg in list(self._legs.items()):
            found += self._packets(port, leg)
        found.sort(key=lambda one: one[0])
        return b"".join(data for _, data in found)

    def _follow(self) -> None:
        """Know legs that came to the call."""
        life = self._controller.calls.get(self._wish.call)
        if life is not None:
            self._refs |= {leg.ref for leg in life.call.legs if leg.ref}
            self._lines = {leg.line for leg in life.call.legs}
        else:
            self._lines = set()

    async def _open(self, reader: MessageReader) -> None:
        """Copy the packets of legs that have audio by now."""
        lines: Sequence[LineId] = sorted(self._lines)
        if self._wish.peer:
            lines = reader.lines_with(self._wish.peer)
        for line in lines:
            ours, port = reader.audio(line), self._port_of(line)
            if ours is None or port is None or port in self._legs:
                continue
            if len(self._legs) >= MOST_PORTS:
                return
            try:
                tap = await self._media.copy_packets(port)
                os.close(tap.eventfd)
                self._legs[port] = _Leg(CopyRing(tap.memfd, tap.capacity), ours)
            except (DriverError, CopyFault, OSError) as error:
                # The leg may be over, or media away: the rest of the capture goes on.
                log.info("packets not captured", line=line, why=str(error))

    def _port_of(self, line: LineId) -> PortId | None:
        try:
            return self._controller.line(line).port
        except DriverError:
            return None

    def _packets(self, port: PortId, leg: _Leg) -> list[tuple[float, bytes]]:
        is_over = leg.ring.closed
        try:
            copies = leg.ring.take()
        except CopyFault as error:
            log.warning("packets cannot be read", port=port, why=str(error))
            copies, is_over = [], True
        if is_over:
            self._lost += leg.ring.lost
            leg.ring.close()
            del self._legs[port]
        return [(copy.at, _packet(leg, copy)) for copy in copies]

    async def _end(self) -> None:
        for port, leg in self._legs.items():
            leg.ring.close()
            with contextlib.suppress(DriverError):  # it ended with the leg, or media is away
                await self._media.end_copies(port)
        self._legs.clear()


def _message(one: WireCopy) -> bytes:
    ours, theirs = Place(one.our_host, one.our_port), Place(one.host, one.port)
    data = datagram(ours, theirs, one.data) if one.out else datagram(theirs, ours, one.data)
    comment = "" if one.transport == "udp" else f"{one.transport}, opened"
    return packet(MESSAGES, one.at, data, comment)


def _packet(leg: _Leg, copy: Copy) -> bytes:
    if not copy.report:
        leg.far_port = copy.port
    beside = copy.report and copy.port != leg.far_port  # RFC 3550 11: the next port up
    ours = Place(leg.ours.host, leg.ours.port + beside)
    theirs = Place(copy.host, copy.port)
    data = datagram(ours, theirs, copy.data) if copy.sent else datagram(theirs, ours, copy.data)
    return packet(AUDIO, copy.at, data)
