"""One call of the simulated phone, in either direction."""

import asyncio
import contextlib
from collections.abc import Callable, Sequence
from dataclasses import replace
from enum import Enum, auto
from typing import TYPE_CHECKING, Final
from urllib.parse import quote

from drivers.errors import DriverError, LinkLost
from drivers.sip.simulator.packets import Address, Media, Packet, parameter, uri_of

if TYPE_CHECKING:
    from drivers.sip.simulator.agent import UserAgent

T2: Final = 4.0  # s, RFC 3261 13.3.1.4
PATIENCE: Final = 64  # times T1


class Refused(DriverError):
    """The other side answered with a final status that is no success."""

    def __init__(self, status: int, reason: str) -> None:
        super().__init__(f"{status} {reason}")
        self.status = status


class State(Enum):
    """Where a call is."""

    CALLING = auto()
    RINGING = auto()
    TALKING = auto()
    ENDED = auto()


class Call:
    """A call: how it stands, what the other side's audio is, and what can be done."""

    def __init__(
        self,
        agent: "UserAgent",
        call_id: str,
        local: str,
        remote: str,
        target: str,
        address: Address,
        media: Media | None = None,
    ) -> None:
        self.agent = agent
        self.id = call_id
        self.local = local
        """Our From or To, with our tag."""
        self.remote = remote
        self.target = target
        self.address = address
        self.media = media
        """Our side of the audio."""
        self.remote_media: Media | None = None
        self.state = State.CALLING
        self.rang = asyncio.Event()
        self.talking = asyncio.Event()
        self.settled = asyncio.Event()
        """Set once the call was answered or has ended."""
        self.ended = asyncio.Event()
        self.ended_by = ""
        """``local``, ``remote`` or ``refused``, once it has ended."""
        self.status = 0
        """The last status of our INVITE."""
        self.held = False
        """The other side has put us on hold."""
        self.said: Sequence[str] = ()
        """Header lines that our INVITE has besides the usual ones."""
        self.notified: list[str] = []
        """How transfers went that we asked for (``refer``), one status line each."""
        self.media_changed: Callable[[Media], None] | None = None
        self.other_media: Callable[[str], str] | None = None
        """Answers re-INVITEs that are not about audio; without it they are refused."""
        self.inviting: asyncio.Task[None] | None = None
        self.invitation: Packet | None = None
        self._number = 0
        self._version = 0
        self._route: list[str] = []
        self._invite_lines: list[str] = []
        self._confirmed = asyncio.Event()
        self._tag = ""

    @property
    def called(self) -> str:
        """The user part that an incoming call asked for."""
        found = self.invitation.first.split(" ")[1] if self.invitation else self.target
        return found.partition(":")[2].partition("@")[0]

    @property
    def caller(self) -> str:
        """The user part of the other side."""
        return uri_of(self.remote).partition(":")[2].partition("@")[0]

    # -- calls that we make -----------------------------------------------------------------

    async def invite(self) -> None:
        """Send the INVITE (and its repetition with credentials) until a final answer."""
        assert self.media is not None
        credentials: list[str] = []
        self._version += 1
        while True:
            lines = self._request("INVITE", extra=[*self.said, *credentials])
            self._invite_lines = lines
            body = self.media.offer(self._version)
            try:
                reply = await self.agent.transact(lines, body, self.address, self._progress)
            except LinkLost:
                self._end("refused")
                return
            self.status = reply.status
            if reply.status < 300:
                self._established(reply)
                return
            self._acknowledge(reply, lines[1])
            if reply.status not in {401, 407} or credentials or not self.agent.password:
                self._end("refused")
                return
            credentials = [self.agent.credentials(reply, "INVITE", self.target)]

    async def answered(self) -> Media:
        """Wait until the other side answers; Refused when it does not."""
        await self.settled.wait()
        if self.remote_media is None or not self.talking.is_set():
            raise Refused(self.status, "not answered")
        return self.remote_media

    async def cancel(self) -> None:
        """Take an unanswered call back; an answer that crosses is hung up."""
        if self.state not in {State.CALLING, State.RINGING} or self.invitation is not None:
            return
        if self.status < 100:  # RFC 3261 9.1: not before a provisional response
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(PATIENCE * self.agent.t1):
                    await self.rang.wait()
        branch = parameter(self._invite_lines[1], "branch")
        lines = self._request("CANCEL", branch=branch, number=self._number)
        with contextlib.suppress(LinkLost):
            await self.agent.transact(lines, "", self.address)
        if self.inviting is not None:
            await asyncio.wait([self.inviting], timeout=PATIENCE * self.agent.t1)
        await self.hang_up()

    def _progress(self, reply: Packet) -> None:
        self.status = reply.status
        if reply.status > 100:
            self.state = State.RINGING
        self.rang.set()
        early = Media.read(reply.body)
        if early is not None and self.media_changed is not None:
            self.media_changed(early)

    def _established(self, reply: Packet) -> None:
        self.remote = reply.get("to")
        self.target = uri_of(reply.get("contact")) or self.target
        self._route = [part for line in reply.all("record-route") for part in line.split(",")][::-1]
        self._send_ack()
        self._talk(Media.read(reply.body))

    def _send_ack(self) -> None:
        data = self.agent.send(self._request("ACK", number=self._number), "", self.address)
        self.agent.keep_ack(self.id, self._number, data, self.address)

    def _acknowledge(self, reply: Packet, via: str) -> None:
        """ACK a refusal: same branch, the refusal's To (RFC 3261 17.1.1.3)."""
        lines = self._request("ACK", branch=parameter(via, "branch"), number=self._number)
        lines = [f"To: {reply.get('to')}" if line.startswith("To: ") else line for line in lines]
        data = self.agent.send(lines, "", self.address)
        self.agent.keep_ack(self.id, self._number, data, self.address)

    # -- calls that come in -----------------------------------------------------------------

    def begin(self, invitation: Packet, offered: Media, tag: str) -> None:
        """Take an INVITE as the beginning of this call."""
        self.invitation = invitation
        self.remote_media = offered
        self.state = State.RINGING
        self._tag = tag
        self._route = [p for line in invitation.all("record-route") for p in line.split(",")]

    def ring(self) -> None:
        """Answer 180."""
        if self.state is State.RINGING and self.invitation is not None:
            self.agent.respond(self.invitation, 180, self.address, tag=self._tag)

    def progress(self, media: Media) -> None:
        """Answer 183, so that the other side hears us before we answer."""
        if self.state is State.RINGING and self.invitation is not None and self.remote_media:
            _, body = media.answer(self.remote_media, self._version + 1)
            self.agent.respond(self.invitation, 183, self.address, tag=self._tag, body=body)
            if self.media_changed is not None:
                self.media_changed(self.remote_media)

    async def answer(self, media: Media) -> None:
        """Answer 200 and repeat it until the ACK; LinkLost when none comes."""
        if self.state is not State.RINGING or self.invitation is None or not self.remote_media:
            return
        self._version += 1
        self.media, body = media.answer(self.remote_media, self._version)
        data = self.agent.respond(self.invitation, 200, self.address, tag=self._tag, body=body)
        self._talk(self.remote_media)
        await self._repeat(data)

    def refuse(self, status: int = 486) -> None:
        """Answer with a refusal."""
        if self.state is State.RINGING and self.invitation is not None:
            data = self.agent.respond(self.invitation, status, self.address, tag=self._tag)
            self._end("local")
            self.agent.start(self._repeat(data))

    async def _repeat(self, data: bytes) -> None:
        wait, patience = self.agent.t1, self.agent.t1 * PATIENCE
        while patience > 0:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(wait):
                    await self._confirmed.wait()
                    return
            patience -= wait
            wait = min(2 * wait, T2)
            self.agent.send_again(data, self.address)
        if self.state is State.TALKING:
            await self.hang_up()

    # -- both ways --------------------------------------------------------------------------

    async def hang_up(self) -> None:
        """End an answered call with BYE; harmless in any other state."""
        if self.state is not State.TALKING:
            return
        self._end("local")
        with contextlib.suppress(LinkLost):
            await self.agent.transact(self._request("BYE"), "", self.address)

    async def change(self, direction: str) -> Media:
        """Send a re-INVITE with another direction (``sendonly`` holds); the other's answer."""
        assert self.media is not None
        self._version += 1
        self.media = replace(self.media, direction=direction)
        reply = await self._reinvite(self.media.offer(self._version))
        found = Media.read(reply.body)
        if found is None:
            raise Refused(reply.status, "answer without audio")
        self.remote_media = found
        return found

    async def offer(self, description: str) -> str:
        """Send a re-INVITE about something else than audio; what the other side answers."""
        return (await self._reinvite(description)).body

    async def _reinvite(self, description: str) -> Packet:
        lines = self._request("INVITE")
        reply = await self.agent.transact(lines, description, self.address)
        if reply.status >= 300:
            self._acknowledge(reply, lines[1])
            raise Refused(reply.status, reply.first)
        self._send_ack()
        return reply

    async def refer(self, number: str, other: "Call | None" = None) -> int:
        """Ask the other side to call a number, or to join it with our other call; the status."""
        target = f"sip:{number}@{self.address[0]}:{self.address[1]}"
        if other is not None:
            tags = (
                f"to-tag={parameter(other.remote, 'tag')};from-tag={parameter(other.local, 'tag')}"
            )
            target += f"?Replaces={quote(f'{other.id};{tags}', safe='')}"
        by = uri_of(self.local)
        lines = self._request("REFER", extra=[f"Refer-To: <{target}>", f"Referred-By: <{by}>"])
        return (await self.agent.transact(lines, "", self.address)).status

    def handle(self, packet: Packet, address: Address) -> None:
        """Take a request inside this call."""
        method = packet.method
        if method == "ACK":
            self._confirmed.set()
        elif method == "CANCEL":
            self._cancelled(packet, address)
        elif self.state is State.ENDED and method not in {"BYE", "NOTIFY"}:
            self.agent.respond(packet, 481, address)
        elif method == "BYE":
            self.agent.respond(packet, 200, address)
            self._end("remote")
        elif method == "INVITE":
            self._changed(packet, address)
        elif method in {"OPTIONS", "INFO", "NOTIFY", "UPDATE"}:
            if method == "NOTIFY":
                self.notified.append(packet.body.strip())
            self.agent.respond(packet, 200, address)
        else:
            self.agent.respond(packet, 405, address)

    def _cancelled(self, packet: Packet, address: Address) -> None:
        self.agent.respond(packet, 200, address)
        if self.state is State.RINGING and self.invitation is not None:
            data = self.agent.respond(self.invitation, 487, self.address, tag=self._tag)
            self._end("remote")
            self.agent.start(self._repeat(data))

    def _changed(self, packet: Packet, address: Address) -> None:
        offered = Media.read(packet.body)
        if offered is None and self.other_media is not None:
            self._confirmed.clear()
            data = self.agent.respond(packet, 200, address, body=self.other_media(packet.body))
            self.agent.start(self._repeat(data))
            return
        if offered is None or self.media is None:
            self.agent.respond(packet, 488, address)
            return
        self._version += 1
        self.target = uri_of(packet.get("contact")) or self.target
        self.held = offered.direction in {"sendonly", "inactive"}
        base = replace(self.media, direction="sendrecv")
        self.media, body = base.answer(offered, self._version)
        self._confirmed.clear()
        data = self.agent.respond(packet, 200, address, body=body)
        self.agent.start(self._repeat(data))
        self._talk(offered)

    def _talk(self, media: Media | None) -> None:
        self.state = State.TALKING
        self.remote_media = media
        self.talking.set()
        self.settled.set()
        if media is not None and self.media_changed is not None:
            self.media_changed(media)

    def _end(self, by: str) -> None:
        if self.state is State.ENDED:
            return
        self.state = State.ENDED
        self.ended_by = by
        self.ended.set()
        self.settled.set()
        self.rang.set()
        self.agent.forget(self)

    def _request(
        self, method: str, *, branch: str = "", number: int = 0, extra: Sequence[str] = ()
    ) -> list[str]:
        if not number:
            self._number += 1
        return [
            f"{method} {self.target} SIP/2.0",
            self.agent.via(branch),
            "Max-Forwards: 70",
            *(f"Route: {route.strip()}" for route in self._route),
            f"From: {self.local}",
            f"To: {self.remote}",
            f"Call-ID: {self.id}",
            f"CSeq: {number or self._number} {method}",
            f"Contact: {self.agent.contact()}",
            *extra,
        ]
