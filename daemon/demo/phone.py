"""The audio of many telephones in one process: RTP, 20 ms at a time.

Not the media engine and nothing of it: what one end sends, another implementation must
understand. One timer serves every call; a call costs a few microseconds a tick.
"""

import asyncio
import random
import struct
from collections import deque
from typing import Final, Protocol, cast

from cython_ext import dsp

FRAME: Final = 160  # samples, 20 ms
FRAME_S: Final = 0.02
MOST_LATE: Final = 10  # frames made up for after a late tick
SILENCE: Final = bytes(2 * FRAME)
PCMU: Final = 0
PCMA: Final = 8
KEYS: Final = "0123456789*#ABCD"
KEY_FRAMES: Final = 5  # 100 ms
KEY_ENDS: Final = 3  # RFC 4733 2.5.1.4: the last packet goes three times
KEY_GAP: Final = 5  # frames of audio before the next key
KEY_VOLUME: Final = 10  # -10 dBm0


class Audio(Protocol):
    """Mouth and ears of whoever holds the telephone."""

    def speak(self) -> bytes:
        """The next 320 bytes, 16-bit at 8 kHz; empty: silence."""

    def hear(self, pcm: bytes) -> None:
        """Audio from the other side."""


class Session(asyncio.DatagramProtocol):
    """The RTP of one call."""

    def __init__(self, audio: Audio, chance: random.Random) -> None:
        self.audio = audio
        self.address = ("", 0)
        self.remote: tuple[str, int] | None = None
        self.payload_type = PCMA
        self.dtmf_payload_type: int | None = 101
        self.received = 0
        self._transport: asyncio.DatagramTransport | None = None
        self._sequence = chance.getrandbits(15)
        self._timestamp = chance.getrandbits(31)
        self._ssrc = chance.getrandbits(32)
        self._keys: deque[tuple[bool, bytes, int]] = deque()
        self._key_time = 0
        self._first = True

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        # uvloop's transports do not derive from asyncio's.
        self._transport = cast("asyncio.DatagramTransport", transport)
        self.address = transport.get_extra_info("sockname")[:2]

    def datagram_received(self, data: bytes, address: tuple[str, int]) -> None:
        if len(data) < 12 or data[0] >> 6 != 2:
            return
        self.received += 1
        payload_type = data[1] & 0x7F
        payload = data[12 + 4 * (data[0] & 0x0F) :]
        if payload_type == PCMA:
            self.audio.hear(dsp.alaw_decode(payload))
        elif payload_type == PCMU:
            self.audio.hear(dsp.ulaw_decode(payload))

    def connect(self, host: str, port: int, payload_type: int, dtmf: int | None) -> None:
        """Send from now on, to this address and in this coding."""
        self.remote = (host, port)
        self.payload_type = payload_type
        self.dtmf_payload_type = dtmf

    def press(self, keys: str) -> float:
        """Send keys as RFC 4733 events; return how long that takes, in seconds."""
        frames = 0
        for key in keys:
            code = KEYS.index(key)
            for n in range(1, KEY_FRAMES + KEY_ENDS):
                ended = 0x80 if n >= KEY_FRAMES else 0
                duration = min(n, KEY_FRAMES) * FRAME
                payload = struct.pack("!BBH", code, ended | KEY_VOLUME, duration)
                self._keys.append((n == 1, payload, duration))
            self._keys.extend([(False, b"", 0)] * KEY_GAP)
            frames += KEY_FRAMES + KEY_ENDS + KEY_GAP
        return frames * FRAME_S

    def tick(self) -> None:
        """Send 20 ms of audio or of a key."""
        if self.remote is None or self._transport is None:
            return
        begins, key, _ = self._keys.popleft() if self._keys else (False, b"", 0)
        if key and self.dtmf_payload_type is not None:
            if begins:
                self._key_time = self._timestamp
            self._send(self.dtmf_payload_type, key, self._key_time, marker=begins)
        else:
            pcm = self.audio.speak() or SILENCE
            encode = dsp.alaw_encode if self.payload_type == PCMA else dsp.ulaw_encode
            self._send(self.payload_type, encode(pcm), self._timestamp, marker=self._first)
            self._first = False
        self._timestamp = (self._timestamp + FRAME) & 0xFFFFFFFF

    def close(self) -> None:
        """Stop sending and give the port back."""
        if self._transport is not None:
            self._transport.close()
            self._transport = None

    def _send(self, payload_type: int, payload: bytes, timestamp: int, *, marker: bool) -> None:
        second = payload_type | (0x80 if marker else 0)
        head = struct.pack("!BBHII", 0x80, second, self._sequence, timestamp, self._ssrc)
        self._sequence = (self._sequence + 1) & 0xFFFF
        assert self._transport is not None
        self._transport.sendto(head + payload, self.remote)


class Telephones:
    """Every session of a process and the timer that serves them."""

    def __init__(self, host: str, *, seed: int = 1) -> None:
        self._host = host
        self._chance = random.Random(seed)  # noqa: S311 - sequence numbers, not secrets
        self._sessions: set[Session] = set()
        self._task: asyncio.Task[None] | None = None

    async def open(self, audio: Audio) -> Session:
        """Bind a port for one call; it sends once it is connected."""
        loop = asyncio.get_running_loop()
        _, session = await loop.create_datagram_endpoint(
            lambda: Session(audio, self._chance), (self._host, 0)
        )
        self._sessions.add(session)
        if self._task is None:
            self._task = loop.create_task(self._run(), name="rtp timer")
        return session

    def drop(self, session: Session) -> None:
        """Close one session."""
        self._sessions.discard(session)
        session.close()

    async def close(self) -> None:
        """Close every session and stop the timer."""
        for session in list(self._sessions):
            self.drop(session)
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)
            self._task = None

    async def _run(self) -> None:
        loop = asyncio.get_running_loop()
        due = loop.time()
        while True:
            due += FRAME_S
            late = loop.time() - due
            if late > MOST_LATE * FRAME_S:
                due = loop.time()
            elif late < 0:
                await asyncio.sleep(-late)
            else:
                await asyncio.sleep(0)
            for session in tuple(self._sessions):
                session.tick()
