"""What a call of two legs costs the SIP driver: a trunk calls, a registered telephone answers.

``python -m tests.load.sip_call_cost`` counts, with callgrind, the instructions of one call: of
the core without sockets, or with ``--kind driver`` of the whole driver with its border, lines and
sockets, the loop included. The difference of two runs is taken, so the start is left out. What
the peers do is the same in any version: templates, and sockets of their own. ``--time`` tells
the processor time instead, as the operating system has it; ``--profile`` what functions are
called, for which the plain modules must run.
"""

import argparse
import asyncio
import cProfile
import pstats
import random
import re
import socket
import sys
import time
from collections.abc import Awaitable
from typing import Final, TextIO

import uvloop

from drivers.api import PortId, RtpAddress, RtpFormat, RtpStream
from drivers.events import Cause
from drivers.sip.auth import credentials, hash_secret
from drivers.sip.bench.answering import answers
from drivers.sip.bench.subject import NoAudio
from drivers.sip.bench.texts import ack_of, bye_of, invite
from drivers.sip.core.call import Call
from drivers.sip.core.endpoint import SipCore
from drivers.sip.core.happenings import Connected, Offered
from drivers.sip.driver import SipDriver
from drivers.sip.line import SipLine
from drivers.sip.options import SipOptions, StationAccount, TrunkOptions
from drivers.sip.transport.address import Address
from tests.load.callgrind import instructions

FEW: Final = 200
MANY: Final = 1200
WARM: Final = 20
HOLD: Final = 20  # calls that stand at the same time
STATION: Final = "2001"
TRUNK: Final = TrunkOptions(name="load", addresses=("127.0.0.0/8",), max_calls=100)
BEGUN: Final = 1_700_000_000.0
_CHALLENGE: Final = re.compile(rb"\r\nWWW-Authenticate: ([^\r]*)")


class Ports:
    """Ports that answer with futures, as those of media do: no task is made to wait for them."""

    def __init__(self) -> None:
        self._named = NoAudio()

    def open_rtp(self, to: RtpStream | None = None) -> Awaitable[tuple[PortId, RtpAddress]]:
        """Name the next port."""
        return self._named.open_rtp(to)

    def connect_rtp(self, port: PortId, remote: RtpAddress, fmt: RtpFormat) -> Awaitable[None]:
        """Nothing to connect."""
        return _done()

    def close(self, port: PortId) -> Awaitable[None]:
        """Nothing to close."""
        return _done()

    def send_digits(self, port: PortId, digits: str) -> Awaitable[None]:
        """Nothing to send on."""
        return _done()


def _done() -> Awaitable[None]:
    future = asyncio.get_running_loop().create_future()
    future.set_result(None)
    return future


class Peers:
    """Messages of the trunk and of the telephone."""

    def __init__(self, trunk: Address, phone: Address) -> None:
        self.trunk = trunk
        self.phone = phone

    def registering(self, challenge: bytes) -> bytes:
        """A REGISTER, with credentials once there is a challenge."""
        extra = ""
        found = _CHALLENGE.search(challenge)
        if found is not None:
            value = credentials(
                [found[1].decode()], user=STATION, password="pw", method="REGISTER",
                uri="sip:127.0.0.1", cnonce="c",
            )  # fmt: skip
            extra = f"Authorization: {value}\r\n"
        host, port, cseq = self.phone.host, self.phone.port, 2 if extra else 1
        return (
            "REGISTER sip:127.0.0.1 SIP/2.0\r\n"
            f"Via: SIP/2.0/UDP {host}:{port};rport;branch=z9hG4bKregister{cseq}\r\n"
            f"From: <sip:{STATION}@127.0.0.1>;tag=r\r\nTo: <sip:{STATION}@127.0.0.1>\r\n"
            f"Call-ID: reg\r\nCSeq: {cseq} REGISTER\r\nMax-Forwards: 70\r\n"
            f"Contact: <sip:{STATION}@{host}:{port}>;expires=3600\r\n{extra}"
            "Content-Length: 0\r\n\r\n"
        ).encode()

    def ringing(self, request: bytes) -> list[bytes]:
        """What the telephone answers; a 180 and a 200 come apart."""
        return answers(request, self.phone.port)


class CoreCalls:
    """Calls through the core, one after the other, ``HOLD`` of them at a time."""

    def __init__(self) -> None:
        self.written = 0
        self.peers = Peers(Address("127.0.0.1", 5099), Address("127.0.0.1", 5098))
        self.now = BEGUN
        self.core = SipCore(
            SipOptions(listen="127.0.0.1", trunks=(TRUNK,)),
            host="127.0.0.1",
            port=5060,
            rng=random.Random(1),
            journal=self._keep,
            secret=b"s",
        )
        self.core.set_stations([StationAccount(STATION, hash_secret(STATION, "hookflash", "pw"))])
        self.standing: list[tuple[int, bytes, Call, Call]] = []
        self.number = 0
        challenge = self._hear(self.peers.registering(b""), self.peers.phone)[0]
        self._hear(self.peers.registering(challenge), self.peers.phone)

    async def calls(self, number: int) -> None:
        """So many more calls, over and done."""
        for _ in range(number):
            self._begin()
            if len(self.standing) > HOLD:
                self._end()
        while self.standing:
            self._end()

    def _keep(self, kind: str, payload: bytes) -> None:
        self.written += 1

    def _begin(self) -> None:
        core, peers = self.core, self.peers
        self.number += 1
        self._hear(invite(self.number, "udp"), peers.trunk)
        offered = self.told[0]
        assert isinstance(offered, Offered)
        caller = offered.call
        caller.line = "load/1"
        core.ring(caller)
        self._take()
        agent = core.dial_station(STATION, line=STATION, ani="5550100")
        core.start(agent, name="", host="127.0.0.1", port=10_000)
        ring, answer = peers.ringing(self._take()[0])
        self._hear(ring, peers.phone)
        self._hear(answer, peers.phone)
        assert any(isinstance(one, Connected) for one in self.told)
        core.accept(caller, "127.0.0.1", 10_002)
        ok = self._take()[0]
        self._hear(ack_of(self.number, "udp", ok, success=True), peers.trunk)
        self.standing.append((self.number, ok, caller, agent))

    def _end(self) -> None:
        number, ok, _, agent = self.standing.pop(0)
        self._hear(bye_of(number, "udp", ok), self.peers.trunk)
        self.core.release(agent, Cause.NORMAL)
        self._hear(self.peers.ringing(self._take()[0])[0], self.peers.phone)

    def _hear(self, data: bytes, source: Address) -> list[bytes]:
        self.now += 0.005
        core = self.core
        if core.services.timers.not_before <= self.now:
            core.advance(self.now)
            self._take()
        core.receive(data, source, self.now)
        return self._take()

    def _take(self) -> list[bytes]:
        found = [data for data, _ in self.core.take_out()]
        self.told = self.core.take_happenings()
        return found


class DriverCalls:
    """Calls through the driver and its sockets; the peers have sockets of their own."""

    def __init__(self) -> None:
        self.written = 0
        self.trunk, self.phone = _socket(), _socket()
        self.peers = Peers(_place(self.trunk), _place(self.phone))
        self.driver = SipDriver(
            SipOptions(listen="127.0.0.1", port=0, trunks=(TRUNK,)),
            clock=time.time,
            journal=self._keep,
            random=random.Random(1),
        )
        self.standing: list[tuple[int, bytes, SipLine]] = []
        self.number = 0

    async def calls(self, number: int) -> None:
        """So many more calls, over and done."""
        if not self.number:
            await self.driver.open(Ports())
            self.driver.set_stations(
                [StationAccount(STATION, hash_secret(STATION, "hookflash", "pw"))]
            )
            challenge = await self._hear(self.peers.registering(b""), self.phone)
            await self._hear(self.peers.registering(challenge), self.phone)
        for _ in range(number):
            await self._begin()
        while self.standing:
            await self._end()

    async def close(self) -> None:
        """Close every socket."""
        await self.driver.close()
        self.trunk.close()
        self.phone.close()

    def _keep(self, kind: str, payload: bytes) -> None:
        self.written += 1

    async def _begin(self) -> None:
        while self.standing:  # a station has one line for calls of ours
            await self._end()
        self.number += 1
        board = self.driver.board
        board.events.clear()
        await self._hear(invite(self.number, "udp"), self.trunk)  # answered by 180
        ringing = board.events.popleft()
        assert ringing is not None
        caller, agent = self.driver.line(ringing.line), self.driver.station_line(STATION)
        await agent.dial("", ani="5550100")
        ring, answer = self.peers.ringing(await self._heard(self.phone))
        await self._hear(ring, self.phone, quiet=True)
        await self._hear(answer, self.phone)  # answered by the ACK
        await caller.answer()
        ok = await self._heard(self.trunk)
        await self._hear(ack_of(self.number, "udp", ok, success=True), self.trunk, quiet=True)
        self.standing.append((self.number, ok, agent))

    async def _end(self) -> None:
        number, ok, agent = self.standing.pop(0)
        await self._hear(bye_of(number, "udp", ok), self.trunk)
        await agent.release()
        bye = await self._heard(self.phone)
        await self._hear(self.peers.ringing(bye)[0], self.phone, quiet=True)
        while self.driver.core.calls.all():
            await asyncio.sleep(0)

    async def _hear(self, data: bytes, peer: socket.socket, *, quiet: bool = False) -> bytes:
        seen = len(self.driver.core.log) if quiet else 0
        last = self.driver.core.log.last
        peer.sendto(data, ("127.0.0.1", self.driver.port))
        if not quiet:
            return await self._heard(peer)
        while self.driver.core.log.last is last and len(self.driver.core.log) == seen:
            await asyncio.sleep(0)
        return b""

    async def _heard(self, peer: socket.socket) -> bytes:
        while True:
            try:
                return peer.recv(4096)
            except BlockingIOError:
                await asyncio.sleep(0)


def _socket() -> socket.socket:
    sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    sock.bind(("127.0.0.1", 0))
    sock.setblocking(False)
    return sock


def _place(sock: socket.socket) -> Address:
    host, port = sock.getsockname()
    return Address(host, port)


async def live(
    kind: str, number: int, blocks: int, profile: cProfile.Profile | None
) -> list[float]:
    """Processor seconds of a call in each block of calls, after some that warm up."""
    subject = CoreCalls() if kind == "core" else DriverCalls()
    await subject.calls(WARM)
    found = []
    for _ in range(blocks):
        began = time.process_time()
        if profile is not None:
            profile.enable()
        await subject.calls(number)
        if profile is not None:
            profile.disable()
        found.append((time.process_time() - began) / number)
    if isinstance(subject, DriverCalls):
        await subject.close()
    return found


def spent(kind: str, number: int) -> int:
    """Instructions of a whole run with so many calls."""
    words = ("--kind", kind, "--calls", str(number), "--time", "--blocks", "1")
    return instructions("tests.load.sip_call_cost", *words)


def main(out: TextIO) -> None:
    """Measure what the command line asks for."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--kind", choices=("core", "driver"), default="core")
    parser.add_argument("--calls", type=int, default=500)
    parser.add_argument("--blocks", type=int, default=10)
    parser.add_argument("--time", action="store_true")
    parser.add_argument("--profile", action="store_true")
    wished = parser.parse_args()
    if wished.time or wished.profile:
        profile = cProfile.Profile() if wished.profile else None
        found = sorted(uvloop.run(live(wished.kind, wished.calls, wished.blocks, profile)))
        out.write(f"{wished.kind}: {found[0] * 1e6:.0f} to {found[-1] * 1e6:.0f} us a call\n")
        if profile is not None:
            pstats.Stats(profile, stream=out).sort_stats("tottime").print_stats(60)
        return
    more = spent(wished.kind, MANY) - spent(wished.kind, FEW)
    out.write(f"{wished.kind}: {more / (MANY - FEW) / 1000:.0f} thousand instructions a call\n")


if __name__ == "__main__":
    main(sys.stdout)
