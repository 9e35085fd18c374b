"""Callers and agents at registered telephones: ``python -m daemon.benchmark.phones.telephones PORT``.

For what SIPp cannot do: times across calls, keys without a raw socket, loads that are told to
change. PORT is the hotline's. Reads one order a line (``Order``) and answers each with one line
(``State``). One UDP socket is all telephones; audio is never sent, keys are. Callers and agents
need processes of their own: where a station registered from is no carrier's address.
"""

import asyncio
import socket
import struct
import sys
import time
from collections import deque
from typing import Final

import msgspec
import uvloop

from daemon.benchmark.phones.orders import Order, State
from daemon.benchmark.phones.texts import (
    HOST,
    RUN,
    Message,
    audio,
    key_packets,
    proof,
    request,
    response,
)
from daemon.benchmark.site_text import secret

TICK: Final = 0.002  # s between two looks at who is due
T1: Final = 0.5  # s, RFC 3261 17.1.1.1
MOST_SENT: Final = 7
KEY_S: Final = 0.02
BETWEEN_KEYS_S: Final = 0.06
SO_TIMESTAMPNS: Final = 35  # socket(7): when the kernel took a datagram in
BUFFER: Final = 4 * 1024 * 1024
Address = tuple[str, int]


class _Leg:
    """One call of one telephone."""

    __slots__ = (
        "agent",
        "audio",
        "contact",
        "cseq",
        "due",
        "id",
        "interval",
        "keys",
        "mine",
        "sent",
        "state",
        "target",
        "theirs",
        "times",
        "wait_s",
    )  # fmt: skip

    def __init__(self, call: str, *, mine: str, theirs: str, target: str) -> None:
        self.id = call
        self.mine = mine
        self.theirs = theirs
        self.target = target
        self.contact = ""
        self.agent = ""
        """Station, for the leg of an agent."""
        self.keys = ""
        self.wait_s = 0.0
        self.cseq = 1
        self.state = ""
        self.audio = 0
        self.sent = b""
        """What has no answer yet; empty while nothing is awaited."""
        self.due = 0.0
        self.interval = T1
        self.times = 0


class Telephones:
    """All telephones of one process."""

    def __init__(self, port: int) -> None:
        self._hotline: Address = (HOST, port)
        self._loop = asyncio.get_running_loop()
        self._socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self._audio = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self._socket.setsockopt(socket.SOL_SOCKET, SO_TIMESTAMPNS, 1)
        self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, BUFFER)
        for one in (self._socket, self._audio):
            one.bind((HOST, 0))
            one.setblocking(False)
        self.port = int(self._socket.getsockname()[1])
        self._audio_port = int(self._audio.getsockname()[1])
        self._legs: dict[str, _Leg] = {}
        self._free_since: dict[str, float] = {}
        self._talk_s = 0.0
        self.state = State()
        self._tasks: set[asyncio.Task[None]] = set()

    async def run(self) -> None:
        """Follow orders until the input ends."""
        self._loop.add_reader(self._socket, self._readable)
        again = self._loop.create_task(self._send_again())
        try:
            while line := await asyncio.to_thread(sys.stdin.readline):
                order = msgspec.json.decode(line, type=Order)
                await self._follow(order)
                sys.stdout.write(msgspec.json.encode(self.state).decode() + "\n")
                sys.stdout.flush()
        finally:
            again.cancel()
            for task in self._tasks:
                task.cancel()
            self._loop.remove_reader(self._socket)

    async def _follow(self, order: Order) -> None:
        match order.do:
            case "register":
                await self._register(order.stations)
            case "call":
                await self._call(order)
            case "talk":
                self._talk_s = order.talk_s
                talking = [
                    one for one in self._legs.values() if one.agent and one.state == "standing"
                ]
                for number, leg in enumerate(talking, 1):
                    share = number / len(talking) if order.spread else 1.0
                    self._later(order.talk_s * share, leg)
            case "hang_up":
                for leg in list(self._legs.values()):
                    if not leg.agent and leg.state == "standing":
                        self._hang_up(leg)
            case "state":
                pass

    # -- what telephones do -------------------------------------------------------------------

    async def _register(self, stations: tuple[str, ...]) -> None:
        waiting = deque(stations)
        while waiting or any(leg.state == "registering" for leg in self._legs.values()):
            if waiting:
                self._register_one(waiting.popleft(), 1, "")
            await asyncio.sleep(TICK)

    def _register_one(self, station: str, cseq: int, challenge: str) -> None:
        uri = f"sip:{HOST}"
        address = f"<sip:{station}@{HOST}>"
        more = {"Contact": f"<sip:{station}@{HOST}:{self.port}>", "Expires": "3600"}
        if challenge:
            more["Authorization"] = proof(
                challenge, user=station, password=secret(station), method="REGISTER", uri=uri
            )
        call = f"r{RUN}-{station}"
        leg = _Leg(call, mine=f"{address};tag=r{cseq}", theirs=address, target=uri)
        leg.cseq, leg.state, leg.agent = cseq, "registering", station
        self._legs[call] = leg
        self._request(leg, "REGISTER", more)

    async def _call(self, order: Order) -> None:
        started, begun = self._loop.time(), 0
        while begun < order.calls:
            due = min(int((self._loop.time() - started) * order.rate) + 1, order.calls)
            while begun < due:
                self._dial(order)
                begun += 1
            await asyncio.sleep(TICK)

    def _dial(self, order: Order) -> None:
        self.state.begun += 1
        number = self.state.begun
        target = f"sip:{order.number}@{HOST}:{self._hotline[1]}"
        caller = f"<sip:0199{number}@{HOST}:{self.port}>"
        leg = _Leg(f"c{RUN}-{number}", mine=f"{caller};tag=c{number}", theirs=f"<{target}>", target=target)  # fmt: skip
        leg.contact, leg.state = caller, "calling"
        leg.keys, leg.wait_s = order.keys, order.wait_s
        self._legs[leg.id] = leg
        self._request(leg, "INVITE", {"Contact": caller}, audio(self._audio_port))

    def _hang_up(self, leg: _Leg) -> None:
        if self._legs.get(leg.id) is not leg or leg.state != "standing":
            return
        self._leaves(leg)
        leg.state = "leaving"
        leg.cseq += 1
        if leg.agent:
            self._free_since[leg.agent] = time.time()
        self._request(leg, "BYE")

    def _later(self, seconds: float, leg: _Leg) -> None:
        if seconds > 0:
            self._loop.call_later(seconds, self._hang_up, leg)

    async def _press(self, leg: _Leg) -> None:
        await asyncio.sleep(leg.wait_s)
        stamp, sequence = 160 * int(leg.wait_s / KEY_S), 1
        for key in leg.keys:
            for packet in key_packets(key, sequence=sequence, timestamp=stamp, ssrc=id(leg) & 0xFFFFFFFF):  # fmt: skip
                self._audio.sendto(packet, (HOST, leg.audio))
                sequence += 1
                await asyncio.sleep(KEY_S)
            await asyncio.sleep(BETWEEN_KEYS_S)
            stamp += 160 * 10

    def _leaves(self, leg: _Leg) -> None:
        if leg.agent:
            self.state.talking -= 1
        else:
            self.state.standing -= 1

    # -- what they send and hear ----------------------------------------------------------------

    def _request(
        self, leg: _Leg, method: str, more: dict[str, str] | None = None, body: str = ""
    ) -> None:
        leg.sent = request(
            method, leg.target, call=leg.id, cseq=leg.cseq, sender=leg.mine, to=leg.theirs,
            port=self.port, more=more, body=body,
        )  # fmt: skip
        leg.interval, leg.times = T1, 1
        leg.due = self._loop.time() + T1
        self._send(leg.sent)

    def _send(self, data: bytes) -> None:
        self._socket.sendto(data, self._hotline)

    async def _send_again(self) -> None:
        while True:
            await asyncio.sleep(T1 / 5)
            now = self._loop.time()
            for leg in list(self._legs.values()):
                if not leg.sent or leg.due > now:
                    continue
                if leg.times >= MOST_SENT:
                    self._failed(leg)
                    continue
                self.state.repeated += 1
                leg.times += 1
                leg.interval = min(leg.interval * 2, 4.0)
                leg.due = now + leg.interval
                self._send(leg.sent)

    def _failed(self, leg: _Leg) -> None:
        if leg.state == "standing":
            self._leaves(leg)
        self.state.failed += 1
        self._legs.pop(leg.id, None)

    def _readable(self) -> None:
        while True:
            try:
                data, extra, _, _ = self._socket.recvmsg(65535, 64)
            except BlockingIOError:
                return
            came = time.time()
            for level, kind, stamp in extra:
                if level == socket.SOL_SOCKET and kind == SO_TIMESTAMPNS:
                    seconds, nanoseconds = struct.unpack("qq", stamp)
                    came = seconds + nanoseconds / 1e9
            if data.strip():
                self._take(Message(data), came)

    def _take(self, message: Message, came: float) -> None:
        leg = self._legs.get(message.headers["Call-ID"])
        if message.status:
            if leg is not None and message.headers["CSeq"].split()[0] == str(leg.cseq):
                self._answer(leg, message)
            return
        match message.method:
            case "INVITE" if leg is None:
                self._rings(message, came)
            case "ACK" if leg is not None and leg.state == "picking up":
                leg.sent, leg.state = b"", "standing"
                self.state.talking += 1
                self._later(self._talk_s, leg)
            case "BYE":
                self._send(response(message, "200 OK"))
                if leg is not None:
                    self._ended(leg)
            case "CANCEL" | "OPTIONS" | "NOTIFY" | "UPDATE":
                self._send(response(message, "200 OK"))
            case _:
                pass  # an INVITE or an ACK that came again

    def _rings(self, message: Message, came: float) -> None:
        station = message.user
        since = self._free_since.pop(station, None)
        if since is not None:
            self.state.hand_overs_ms.append(round((came - since) * 1000, 3))
        self.state.rung += 1
        tag = f"a{self.state.rung}"
        mine = f"{message.headers['To']};tag={tag}"
        leg = _Leg(message.headers["Call-ID"], mine=mine, theirs=message.headers["From"], target=message.target)  # fmt: skip
        leg.agent, leg.state = station, "picking up"
        self._legs[leg.id] = leg
        contact = f"sip:{station}@{HOST}:{self.port}"
        self._send(response(message, "180 Ringing", tag=tag, contact=contact))
        leg.sent = response(message, "200 OK", tag=tag, contact=contact, body=audio(self._audio_port))  # fmt: skip
        leg.due, leg.times = self._loop.time() + T1, 1
        self._send(leg.sent)

    def _answer(self, leg: _Leg, message: Message) -> None:
        status, method = message.status, message.method
        if status < 200:
            if method == "INVITE":
                leg.sent = b""  # RFC 3261 17.1.1.2: not again after a provisional response
            return
        if status >= 300 and status != 401:
            self.state.refusal = message.first
        if method == "INVITE":
            self._invited(leg, message)
        elif method == "BYE":
            self._ended(leg)
        elif status == 401 and leg.cseq == 1:
            self._register_one(leg.agent, 2, message.headers["WWW-Authenticate"])
        else:
            self._legs.pop(leg.id, None)
            self.state.registered += status == 200
            self.state.failed += status != 200

    def _invited(self, leg: _Leg, message: Message) -> None:
        leg.sent = b""
        leg.theirs = message.headers["To"]
        good = message.status < 300
        if good:
            leg.target = message.target
        self._send(
            request(
                "ACK", leg.target, call=leg.id, cseq=leg.cseq, sender=leg.mine, to=leg.theirs,
                port=self.port,
            )
        )  # fmt: skip
        if not good:
            self._failed(leg)
        elif leg.state == "calling":
            leg.state, leg.audio = "standing", message.audio_port
            self.state.standing += 1
            if leg.keys:
                task = self._loop.create_task(self._press(leg))
                self._tasks.add(task)
                task.add_done_callback(self._tasks.discard)

    def _ended(self, leg: _Leg) -> None:
        if self._legs.pop(leg.id, None) is None:
            return
        if leg.state == "standing":
            self._leaves(leg)
        if not leg.agent:
            self.state.completed += 1


if __name__ == "__main__":

    async def _main() -> None:
        await Telephones(int(sys.argv[1])).run()

    uvloop.run(_main())
