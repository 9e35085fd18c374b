"""Fax machines at the ends of calls: on audio behind an adapter, or by T.38; T.30 is real."""

import asyncio
import re
import socket
from collections import deque
from pathlib import Path

from cython_ext import dsp
from daemon.fax.t38.packet_line import TICK, TICK_S, PacketLine
from daemon.fax.t38.terminal import T38Terminal
from daemon.fax.terminal import Terminal
from drivers.sip.simulator.call import Call

FRAME = 320
CNG, CED = 1100.0, 2100.0  # Hz, T.30: who calls, and who is called
HEARD_DBM0 = -25.0
AHEAD = 10  # frames: what this process may sleep without a slip


class AudioMachine:
    """Speaks and hears T.30; each frame that it hears, it hears once."""

    def __init__(self, page: Path, *, send: bool, station: str) -> None:
        self.page, self.station = page, station
        self.terminal = Terminal(page, send=send, station=station)
        self._says: deque[bytes] = deque([bytes(FRAME)] * AHEAD)

    def hear(self, pcm: bytes) -> None:
        self._says.append(self.terminal.exchange(pcm))

    def speak(self) -> bytes:
        return self._says.popleft() if self._says else bytes(FRAME)


class Ear:
    """Where a T.38 machine's audio was: silent, and hears whether there is a tone."""

    def __init__(self) -> None:
        self._heard: deque[bytes] = deque(maxlen=5)

    def hear(self, pcm: bytes) -> None:
        self._heard.append(pcm)

    def speak(self) -> bytes:
        return b""

    def hears(self, hz: float) -> bool:
        block = b"".join(self._heard)
        return len(block) >= 5 * FRAME and dsp.goertzel(block, 8000, hz) > HEARD_DBM0

    @property
    def hears_anything(self) -> bool:
        return bool(self._heard)


class PacketMachine:
    """Speaks T.38 over a UDP socket as soon as it knows where to."""

    def __init__(self, page: Path, *, send: bool, station: str, speed: int = 1) -> None:
        """``speed``: how fast its clock goes; where both ends are such, nobody minds."""
        self.page, self.station = page, station
        self._tick_s = TICK_S / speed
        self._socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self._socket.bind(("127.0.0.1", 0))
        self._line: PacketLine | None = None
        self.terminal = T38Terminal(page, send=send, transmit=self._send, station=station)
        self.asked = ""
        """The description in which it was asked for T.38."""
        self._running: asyncio.Task[None] | None = None

    @property
    def description(self) -> str:
        """What it says of itself; 200 octets in a datagram are its own figure."""
        lines = [
            *("v=0", "o=fax 7 7 IN IP4 127.0.0.1", "s=-", "c=IN IP4 127.0.0.1", "t=0 0"),
            f"m=image {self._socket.getsockname()[1]} udptl t38",
            *("a=T38FaxVersion:0", "a=T38MaxBitRate:14400"),
            *("a=T38FaxRateManagement:transferredTCF", "a=T38FaxMaxDatagram:200"),
            "a=T38FaxUdpEC:t38UDPRedundancy",
        ]
        return "\r\n".join([*lines, ""])

    async def change(self, call: Call) -> str:
        """Ask the other side of a call for T.38, and go on by it; the answer."""
        answer = await call.offer(self.description)
        self._begin(answer)
        return answer

    def answer(self, offered: str) -> str:
        """Do what the other side of a call asks for."""
        self.asked = offered
        self._begin(offered)
        return self.description

    async def close(self) -> None:
        if self._running is not None:
            self._running.cancel()
            await asyncio.gather(self._running, return_exceptions=True)
        self.terminal.close()
        self._socket.close()

    def _begin(self, description: str) -> None:
        if self._running is not None:
            return  # it is told other terms: the address is the one that it knows
        image = re.search(r"^m=image (\d+) udptl t38", description, re.MULTILINE)
        host = re.search(r"^c=IN IP4 (\S+)", description, re.MULTILINE)
        assert image is not None, description
        assert host is not None
        self._line = PacketLine(self._socket, (host[1], int(image[1])), most=200)
        self._running = asyncio.create_task(self._run(self._line), name="T.38 of a machine")

    def _send(self, ifp: bytes, count: int) -> None:
        if self._line is not None:
            self._line.transmit(ifp, count)

    async def _run(self, line: PacketLine) -> None:
        loop = asyncio.get_running_loop()
        due = loop.time()
        while True:
            line.deliver(self.terminal)
            while due <= loop.time():
                self.terminal.passed(TICK)
                due += self._tick_s
            await asyncio.sleep(due - loop.time())
