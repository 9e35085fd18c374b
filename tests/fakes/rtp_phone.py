"""A telephone made of one UDP socket; it speaks one packet for each that it hears.

The engine's clock so paces both directions, and no test has to sleep.
"""

import asyncio
import socket
import struct
from collections.abc import Iterable, Iterator
from types import TracebackType
from typing import Self

import msgspec

from cython_ext import dsp
from drivers.api import RtpAddress

FRAME = 160
SILENCE = bytes(FRAME * 2)
CODECS = {
    "PCMA": (8, dsp.alaw_encode, dsp.alaw_decode),
    "PCMU": (0, dsp.ulaw_encode, dsp.ulaw_decode),
}


class Packet(msgspec.Struct, frozen=True):
    """An RTP packet as it came."""

    payload_type: int
    marker: bool
    sequence: int
    timestamp: int
    ssrc: int
    payload: bytes


class RtpPhone:
    """Says what is put in ``says`` and keeps everything that it hears."""

    def __init__(self, codec: str = "PCMA", *, keys: int | None = 101, ssrc: int = 7) -> None:
        self.payload_type, self._encode, self._decode = CODECS[codec]
        self.codec, self.keys, self.ssrc = codec, keys, ssrc
        self.packets: list[Packet] = []
        self.says: Iterator[bytes] = iter(())
        self.sequence, self.timestamp = 65_500, 4_294_960_000
        self._peer: tuple[str, int] | None = None
        self._heard = asyncio.Event()
        self._socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self._socket.setblocking(False)
        self._socket.bind(("127.0.0.1", 0))
        asyncio.get_running_loop().add_reader(self._socket.fileno(), self._readable)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        asyncio.get_running_loop().remove_reader(self._socket.fileno())
        self._socket.close()

    @property
    def address(self) -> RtpAddress:
        """Where it listens."""
        host, port = self._socket.getsockname()
        return RtpAddress(host, port)

    def call(self, peer: RtpAddress) -> None:
        """Send to this address from now on."""
        self._peer = (peer.host, peer.port)

    def say(self, pcm: bytes) -> None:
        """Say 16-bit audio, in frames, then silence."""
        whole = pcm + bytes(-len(pcm) % len(SILENCE))
        self.says = iter(whole[at : at + 320] for at in range(0, len(whole), 320))

    def repeat(self, frames: Iterable[bytes]) -> None:
        """Say these frames of 16-bit audio."""
        self.says = iter(frames)

    def send(self, payload: bytes, payload_type: int, *, timestamp: int | None = None) -> None:
        """Send one packet."""
        assert self._peer is not None
        at = self.timestamp if timestamp is None else timestamp
        header = struct.pack(
            "!BBHII", 0x80, payload_type, self.sequence, at & 0xFFFFFFFF, self.ssrc
        )
        self.sequence = (self.sequence + 1) & 0xFFFF
        self._socket.sendto(header + payload, self._peer)

    def press(self, key: str, *, ends: int = 3) -> None:
        """Press a key for 100 ms as RFC 4733 events, with so many end packets."""
        assert self.keys is not None
        event = "0123456789*#ABCD".index(key)
        for duration in (160, 320, 480, 640):
            self.send(struct.pack("!BBH", event, 10, duration), self.keys)
        for _ in range(ends):
            self.send(struct.pack("!BBH", event, 0x8A, 800), self.keys)
        self.timestamp += 1600

    async def hear(self, frames: int) -> bytes:
        """Wait for so many more audio packets; what they carry, as 16-bit audio."""
        start = len(self.audio())
        async with asyncio.timeout(30):
            while len(self.audio()) < start + frames:
                self._heard.clear()
                await self._heard.wait()
        return self._decode(b"".join(packet.payload for packet in self.audio()[start:]))

    def audio(self) -> list[Packet]:
        """The packets that carried audio."""
        return [packet for packet in self.packets if packet.payload_type == self.payload_type]

    def events(self) -> list[Packet]:
        """The packets that carried keys."""
        return [packet for packet in self.packets if packet.payload_type == self.keys]

    def _readable(self) -> None:
        while True:
            try:
                data = self._socket.recv(2048)
            except BlockingIOError:
                return
            first, second, sequence, timestamp, ssrc = struct.unpack_from("!BBHII", data)
            assert first == 0x80
            packet = Packet(second & 127, second > 127, sequence, timestamp, ssrc, data[12:])
            self.packets.append(packet)
            self._heard.set()
            if self._peer is not None:
                self._speak()

    def _speak(self) -> None:
        frame = next(self.says, SILENCE)
        if frame:
            self.send(self._encode(frame), self.payload_type)
        self.timestamp += FRAME
