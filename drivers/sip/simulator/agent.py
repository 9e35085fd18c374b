"""The simulated phone or carrier: one UDP socket, registration, transactions."""

import asyncio
import random
from collections.abc import Callable, Coroutine, Sequence
from typing import Any, Final, Self

from drivers.errors import LinkLost
from drivers.sip.simulator.call import Call, Refused
from drivers.sip.simulator.packets import Address, Media, Packet, digest, parameter, uri_of

T1: Final = 0.5  # s, RFC 3261 17.1.1.1
T2: Final = 4.0  # s
PATIENCE: Final = 64  # times T1: timers B, F and H
REASONS: Final = {
    100: "Trying", 180: "Ringing", 200: "OK", 405: "Method Not Allowed", 481: "No Such Call",
    486: "Busy Here", 487: "Request Terminated", 488: "Not Acceptable Here", 603: "Decline",
}  # fmt: skip
MOST_REMEMBERED: Final = 4000
ALLOW: Final = "INVITE, ACK, BYE, CANCEL, OPTIONS, INFO, NOTIFY"


class UserAgent(asyncio.DatagramProtocol):
    """A phone or a trunk peer: one socket, any number of calls."""

    def __init__(
        self, user: str, password: str = "", *, t1: float = T1, chance: random.Random | None = None
    ) -> None:
        self.user = user
        self.password = password
        self.t1 = t1
        self.address: Address = ("", 0)
        self.incoming: asyncio.Queue[Call] = asyncio.Queue()
        self.notified: list[Packet] = []
        self.calls: dict[str, Call] = {}
        self._chance = chance or random.SystemRandom()
        self._transport: asyncio.DatagramTransport | None = None
        self._clients: dict[tuple[str, str], asyncio.Queue[Packet]] = {}
        self._answered: dict[tuple[str, str], bytes] = {}
        self._acks: dict[tuple[str, int], tuple[bytes, Address]] = {}
        self._tasks: set[asyncio.Task[None]] = set()
        self._registration = (self.token(), 0)

    async def open(self, host: str = "127.0.0.1", port: int = 0) -> Self:
        """Bind the socket."""
        loop = asyncio.get_running_loop()
        self._transport, _ = await loop.create_datagram_endpoint(lambda: self, (host, port))
        self.address = self._transport.get_extra_info("sockname")[:2]
        return self

    async def close(self) -> None:
        """Forget every call and close the socket, without a word on the wire."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        if self._transport is not None:
            self._transport.close()

    async def register(self, registrar: Address, domain: str = "", expires: int = 300) -> int:
        """Register our address (0 s takes it away); return the final status."""
        uri = f"sip:{domain or registrar[0]}"
        call_id, number = self._registration
        extra: list[str] = []
        for attempt in (1, 2):
            number += 1
            self._registration = (call_id, number)
            me = f"<sip:{self.user}@{uri[4:]}>"
            lines = [
                f"REGISTER {uri} SIP/2.0", self.via(), "Max-Forwards: 70", f"To: {me}",
                f"From: {me};tag={call_id[:8]}", f"Call-ID: {call_id}", f"CSeq: {number} REGISTER",
                f"Contact: {self.contact()};expires={expires}", *extra,
            ]  # fmt: skip
            reply = await self.transact(lines, "", registrar)
            if reply.status != 401 or attempt == 2:
                break
            extra = [self.credentials(reply, "REGISTER", uri)]
        return reply.status

    async def options(self, address: Address) -> int:
        """Ask for the other side's abilities; return the final status."""
        uri = f"sip:{address[0]}:{address[1]}"
        lines = [
            f"OPTIONS {uri} SIP/2.0", self.via(), "Max-Forwards: 70", f"To: <{uri}>",
            f"From: {self.contact()};tag={self.token()}", f"Call-ID: {self.token()}",
            "CSeq: 1 OPTIONS", "Accept: application/sdp",
        ]  # fmt: skip
        return (await self.transact(lines, "", address)).status

    def call(
        self,
        number: str,
        address: Address,
        media: Media,
        *,
        ani: str = "",
        said: Sequence[str] = (),
    ) -> "Call":
        """Begin a call to ``number``; await ``answered`` of what comes back."""
        uri = f"sip:{number}@{address[0]}:{address[1]}"
        me = f"<sip:{ani or self.user}@{self.address[0]}>;tag={self.token()}"
        call = Call(self, self.token(), me, f"<{uri}>", uri, address, media)
        call.said = said
        self.calls[call.id] = call
        call.inviting = self.start(call.invite())
        return call

    # -- what calls use ---------------------------------------------------------------------

    def token(self) -> str:
        """A fresh identifier."""
        return f"{self._chance.getrandbits(64):016x}"

    def via(self, branch: str = "") -> str:
        """A Via header line, with a new branch unless one is given."""
        branch = branch or f"z9hG4bK{self.token()}"
        return f"Via: SIP/2.0/UDP {self.address[0]}:{self.address[1]};rport;branch={branch}"

    def contact(self) -> str:
        """Where requests reach us."""
        return f"<sip:{self.user}@{self.address[0]}:{self.address[1]}>"

    def credentials(self, reply: Packet, method: str, uri: str) -> str:
        """The header line that answers a challenge, the strongest one we can."""
        proxy = reply.status == 407
        challenges = reply.all("proxy-authenticate" if proxy else "www-authenticate")
        best = max(challenges, key=lambda text: "SHA-256" in text, default="")
        if not best:
            raise Refused(reply.status, "no challenge in the refusal")
        answer = digest(
            best, user=self.user, password=self.password, method=method, uri=uri,
            cnonce=self.token(),
        )  # fmt: skip
        return f"{'Proxy-Authorization' if proxy else 'Authorization'}: {answer}"

    def start(self, work: Coroutine[Any, Any, None]) -> "asyncio.Task[None]":
        """Run a coroutine as a task that ``close`` ends."""
        task: asyncio.Task[None] = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return task

    def send(self, lines: Sequence[str], body: str, address: Address) -> bytes:
        """Send one message with its length; return what was sent."""
        kind = ["Content-Type: application/sdp"] if body else []
        length = len(body.encode())
        text = "\r\n".join([*lines, *kind, f"Content-Length: {length}", "", body])
        return self.send_again(text.encode(), address)

    def send_again(self, data: bytes, address: Address) -> bytes:
        """Send bytes that were sent before."""
        if self._transport is not None and not self._transport.is_closing():
            self._transport.sendto(data, address)
        return data

    async def transact(
        self,
        lines: Sequence[str],
        body: str,
        address: Address,
        progress: Callable[[Packet], None] | None = None,
    ) -> Packet:
        """Send a request until it is answered; return the final response (RFC 3261 17.1)."""
        method = lines[0].split(" ")[0]
        key = (parameter(lines[1], "branch"), method)
        inbox = self._clients[key] = asyncio.Queue()
        wait: float | None = self.t1
        patience = self.t1 * PATIENCE
        data = self.send(lines, body, address)
        try:
            while True:
                try:
                    async with asyncio.timeout(wait):
                        reply = await inbox.get()
                except TimeoutError:
                    patience -= wait or 0
                    if patience <= 0:
                        raise LinkLost(f"no answer to {method}") from None
                    self.send_again(data, address)
                    wait = 2 * (wait or 0) if method == "INVITE" else min(2 * (wait or 0), T2)
                    continue
                if reply.status >= 200:
                    return reply
                wait = None if method == "INVITE" else T2
                if progress is not None:
                    progress(reply)
        finally:
            del self._clients[key]

    def keep_ack(self, call_id: str, number: int, data: bytes, address: Address) -> None:
        """Remember an ACK, for the final response may come again."""
        self._acks[call_id, number] = (data, address)
        _trim(self._acks)

    def respond(
        self, request: Packet, status: int, address: Address, *, tag: str = "",
        more: Sequence[str] = (), body: str = "",
    ) -> bytes:  # fmt: skip
        """Answer a request and remember the answer for its repetitions."""
        to = request.get("to")
        if tag and not parameter(to, "tag"):
            to += f";tag={tag}"
        lines = [f"SIP/2.0 {status} {REASONS.get(status, 'Answer')}"]
        lines += [f"Via: {value}" for value in request.all("via")]
        lines += [f"Record-Route: {value}" for value in request.all("record-route")]
        lines += [f"From: {request.get('from')}", f"To: {to}", f"Call-ID: {request.get('call-id')}"]
        lines += [f"CSeq: {request.get('cseq')}", f"Contact: {self.contact()}", *more]
        data = self.send(lines, body, address)
        self._answered[request.branch, request.method] = data
        _trim(self._answered)
        return data

    def forget(self, call: "Call") -> None:
        """Drop a finished call once nothing about it can come again."""
        later = asyncio.get_running_loop().call_later
        later(self.t1 * PATIENCE, self.calls.pop, call.id, None)

    # -- what comes in ----------------------------------------------------------------------

    def datagram_received(self, data: bytes, address: Address) -> None:
        if not data.strip():
            return
        packet = Packet.read(data)
        if packet.status:
            self._response(packet)
            return
        before = self._answered.get((packet.branch, packet.method))
        if before is not None:
            self.send_again(before, address)
        else:
            self._request(packet, address[:2])

    def _response(self, packet: Packet) -> None:
        inbox = self._clients.get((packet.branch, packet.method))
        if inbox is not None:
            inbox.put_nowait(packet)
        elif packet.status >= 200 and packet.method == "INVITE":
            ack = self._acks.get((packet.get("call-id"), packet.number))
            if ack is not None:
                self.send_again(*ack)

    def _request(self, packet: Packet, address: Address) -> None:
        call = self.calls.get(packet.get("call-id"))
        if call is not None:
            call.handle(packet, address)
        elif packet.method == "INVITE":
            self._invited(packet, address)
        elif packet.method in {"OPTIONS", "NOTIFY"}:
            if packet.method == "NOTIFY":
                self.notified.append(packet)
            self.respond(packet, 200, address, tag=self.token(), more=[f"Allow: {ALLOW}"])
        elif packet.method != "ACK":
            self.respond(packet, 481, address, tag=self.token())

    def _invited(self, packet: Packet, address: Address) -> None:
        offered = Media.read(packet.body)
        tag = self.token()
        if offered is None:
            self.respond(packet, 488, address, tag=tag)
            return
        me = f"{packet.get('to')};tag={tag}"
        target = uri_of(packet.get("contact"))
        call = Call(self, packet.get("call-id"), me, packet.get("from"), target, address)
        call.begin(packet, offered, tag)
        self.calls[call.id] = call
        self.respond(packet, 100, address)
        self.incoming.put_nowait(call)


def _trim(remembered: dict[Any, Any]) -> None:
    """Forget the oldest: nothing is repeated after 64 times T1."""
    while len(remembered) > MOST_REMEMBERED:
        del remembered[next(iter(remembered))]
