"""Control killed with calls in every state on TCP, TLS and WebSocket: recovered, or cleared.

A connection ends with its process, so the telephone always comes back on another one.
"""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from drivers.api import LineId
from drivers.events import (
    Answered,
    Cause,
    Held,
    Progress,
    Released,
    Retrieved,
    Ringing,
    StationUp,
    Transferred,
)
from drivers.sip.options import SipOptions, TrunkOptions
from drivers.sip.streams.tls import Certificate
from tests.drivers.sip.transport.conftest import (
    EVERY_LOOPBACK,
    LOOPBACK_OFFER,
    Peer,
    StreamPeer,
    answering,
    counted,
    header,
    tag_of,
)
from tests.drivers.sip.transport.test_websocket import Browser
from tests.fakes.authority import Authority

HOLDS = LOOPBACK_OFFER.replace(b"sendrecv", b"sendonly")
HELD = LOOPBACK_OFFER.replace(b"sendrecv", b"recvonly")


class Site:
    """A driver on one transport that is killed and started anew, and its one telephone."""

    def __init__(self, transport: str, make_running, authority: Authority, folder: Path) -> None:
        self.transport = transport
        self._make = make_running
        self._folder = folder
        self._tls = authority.client() if transport in ("tls", "wss") else None
        certificate, key = authority.issue("pbx", "127.0.0.1")
        self._options = SipOptions(
            listen=(f"{transport}:127.0.0.1:0",),
            certificates=(Certificate(certificate=certificate, private_key=key),),
            browsers=False,
            station_srtp="off",
            trunks=(TrunkOptions(name="carrier", addresses=EVERY_LOOPBACK, max_calls=4),),
        )
        self.running = self._new()

    def _new(self):
        made = self._make(self._options, folder=self._folder)
        made.react = answering(made)
        return made

    async def caller(self) -> Peer:
        """Somebody of the trunk, on a connection of his own."""
        port, tls = self.running.driver.port, self._tls
        if self.transport in ("tcp", "tls"):
            return await StreamPeer.connect(port, ssl=tls)
        peer = await Browser.open(port, self.transport, ssl=tls)
        peer.transport = self.transport.upper()
        return peer

    async def telephone(self, cseq: int = 1) -> Peer:
        """A telephone that has registered, on a connection of its own."""
        peer = await self.caller()
        assert (await peer.register(cseq=cseq)).startswith("SIP/2.0 200")
        await self.running.wait_for(StationUp)
        peer.call_id += "-call"
        return peer

    async def killed(self, peer: Peer, *, registers: bool = True) -> Peer:
        """Kill and start anew; the far end as it comes back, knowing its call."""
        before = self.running
        await before.die()
        await peer.close()
        self.running = self._new()
        self.running.ports = before.ports  # media lives on
        self.running.driver.restore(before.journal)
        await self.running.open()
        again = await self.telephone(cseq=10) if registers else await self.caller()
        again.call_id = peer.call_id
        return again

    async def silent(self) -> None:
        """Nothing is left of any call."""
        async with asyncio.timeout(5):
            while counted(self.running, "calls_open"):
                await asyncio.sleep(0.005)


@pytest.fixture(params=["tcp", "tls", "ws", "wss"])
async def site(request, make_running, authority: Authority, tmp_path: Path) -> AsyncIterator[Site]:
    made = Site(request.param, make_running, authority, tmp_path)
    await made.running.open()
    yield made
    await made.running.close()


async def _confirmed(site: Site, peer: Peer) -> str:
    """A call of the telephone's that stands; our 200."""
    ok = await peer.call()
    await site.running.wait_for(Answered)
    return ok


async def _reinvite(peer: Peer, ok: str, cseq: int, body: bytes, *, ack: bool = True) -> None:
    await peer.request("INVITE", cseq=cseq, to_tag=tag_of(ok), body=body)
    await peer.until("SIP/2.0 200")
    if ack:
        await peer.request("ACK", cseq=cseq, to_tag=tag_of(ok))


async def test_call_that_rings_is_forgotten_and_the_next_one_is_taken(site: Site) -> None:
    site.running.react = None
    peer = await site.telephone()
    ringing = asyncio.create_task(peer.call())
    await site.running.wait_for(Ringing)
    ringing.cancel()
    again = await site.killed(peer)
    assert not any(isinstance(event, Ringing) for event in site.running.told)
    await site.silent()
    again.call_id += "-next"
    await again.hang_up(await _confirmed(site, again))
    assert (await site.running.wait_for(Released)).cause is Cause.NORMAL
    await again.close()


async def test_call_whose_answer_is_not_acknowledged_goes_on_with_the_ack(site: Site) -> None:
    peer = await site.telephone()
    write, told = peer.write, []

    async def without_ack(data: bytes) -> None:
        if data.startswith(b"ACK "):
            told.append(data)
        else:
            await write(data)

    peer.write = without_ack
    await peer.call()
    again = await site.killed(peer)
    await again.write(told[0])
    await site.running.wait_for(Answered)
    (line,) = {event.line for event in site.running.told if isinstance(event, Answered)}
    await site.running.driver.line(line).release()
    await again.respond(await again.until("BYE"), 200)
    await site.silent()
    await again.close()


@pytest.mark.parametrize("ours", [False, True], ids=["he hangs up", "we hang up"])
async def test_call_that_stands_goes_on(site: Site, *, ours: bool) -> None:
    peer = await site.telephone()
    ok = await _confirmed(site, peer)
    again = await site.killed(peer)
    if ours:
        await site.running.driver.line(LineId("station:2001")).release()
        bye = await again.until("BYE")
        assert tag_of(ok) in header(bye, "From")
        await again.respond(bye, 200)
    else:
        await again.hang_up(ok, cseq=4)
    assert (await site.running.wait_for(Released)).cause is Cause.NORMAL
    await site.silent()
    await again.close()


async def test_who_holds_takes_back_after_it(site: Site) -> None:
    peer = await site.telephone()
    ok = await _confirmed(site, peer)
    await _reinvite(peer, ok, 3, HOLDS)
    await site.running.wait_for(Held)
    again = await site.killed(peer)
    await _reinvite(again, ok, 4, LOOPBACK_OFFER)
    await site.running.wait_for(Retrieved)
    await again.hang_up(ok, cseq=5)
    await site.silent()
    await again.close()


async def test_re_invite_that_is_not_acknowledged_stands_for_itself(site: Site) -> None:
    peer = await site.telephone()
    ok = await _confirmed(site, peer)
    await _reinvite(peer, ok, 3, HOLDS, ack=False)
    await site.running.wait_for(Held)
    again = await site.killed(peer)
    await _reinvite(again, ok, 4, LOOPBACK_OFFER)
    await site.running.wait_for(Retrieved)
    await again.hang_up(ok, cseq=5)
    await site.silent()
    await again.close()


async def test_hold_of_ours_without_an_answer_is_asked_for_again(site: Site) -> None:
    peer = await site.telephone()
    await _confirmed(site, peer)
    line = LineId("station:2001")
    await site.running.driver.line(line).hold()
    lost = await peer.until("INVITE")
    again = await site.killed(peer)
    await site.running.driver.line(line).retrieve()
    await site.running.driver.line(line).hold()
    asked = await again.until("INVITE")
    while b"a=sendonly" not in asked.encode():
        await again.respond(asked, 200, LOOPBACK_OFFER)
        await again.until("ACK")
        asked = await again.until("INVITE")
    assert int(header(asked, "CSeq").split()[0]) > int(header(lost, "CSeq").split()[0])
    await again.respond(asked, 200, HELD)
    await again.until("ACK")
    await site.running.driver.line(line).release()
    await again.respond(await again.until("BYE"), 200)
    await site.silent()
    await again.close()


async def test_transfer_that_was_asked_for_can_be_asked_for_again(site: Site) -> None:
    peer = await site.telephone()
    ok = await _confirmed(site, peer)
    refer = ("Refer-To: <sip:2002@pbx.test>",)
    await peer.request("REFER", cseq=3, to_tag=tag_of(ok), headers=refer)
    await peer.until("SIP/2.0 202")
    first = await site.running.wait_for(Transferred)
    again = await site.killed(peer)
    # The report of the old one is refused by nobody, and the call stands.
    await site.running.driver.transfer_ended(first.transfer, Cause.NO_ROUTE)
    await again.request("REFER", cseq=4, to_tag=tag_of(ok), headers=refer)
    await again.until("SIP/2.0 202")
    second = await site.running.wait_for(Transferred)
    assert second.to == "2002"
    await site.running.driver.transfer_ended(second.transfer, None)
    told = await again.until("NOTIFY")
    while "200 OK" not in told:
        await again.respond(told, 200)
        told = await again.until("NOTIFY")
    await again.respond(told, 200)
    await again.hang_up(ok, cseq=5)
    await site.silent()
    await again.close()


async def test_telephone_that_rang_for_us_and_answers_is_hung_up(site: Site) -> None:
    peer = await site.telephone()
    await site.running.driver.station_line("2001").dial("", ani="5550100")
    invite = await peer.until("INVITE")
    await peer.respond(invite, 180)
    await site.running.wait_for(Progress)
    again = await site.killed(peer)
    await again.respond(invite, 200, LOOPBACK_OFFER)
    await again.until("ACK")
    await again.respond(await again.until("BYE"), 200)
    await site.silent()
    assert site.running.driver.station_line("2001").port is None
    await again.close()


@pytest.mark.parametrize("ours", [False, True], ids=["he hangs up", "we hang up"])
async def test_telephone_that_we_called_talks_on(site: Site, *, ours: bool) -> None:
    peer = await site.telephone()
    line = site.running.driver.station_line("2001")
    await line.dial("", ani="5550100")
    invite = await peer.until("INVITE")
    await peer.respond(invite, 200, LOOPBACK_OFFER)
    await peer.until("ACK")
    await site.running.wait_for(Answered)
    again = await site.killed(peer)
    if ours:
        await site.running.driver.line(line.id).release()
        await again.respond(await again.until("BYE"), 200)
    else:
        again.call_id = header(invite, "Call-ID")
        await _hang_up_as_callee(again, invite)
    assert (await site.running.wait_for(Released)).cause is Cause.NORMAL
    await site.silent()
    await again.close()


@pytest.mark.parametrize("state", ["talks", "holds", "in a re-INVITE"])
async def test_caller_of_a_trunk_goes_on_by_another_connection(site: Site, state: str) -> None:
    peer = await site.caller()
    ok = await _confirmed(site, peer)
    if state != "talks":
        await _reinvite(peer, ok, 3, HOLDS, ack=state == "holds")
        await site.running.wait_for(Held)
    again = await site.killed(peer, registers=False)
    if state != "talks":
        await _reinvite(again, ok, 4, LOOPBACK_OFFER)
        await site.running.wait_for(Retrieved)
    await again.hang_up(ok, cseq=5)
    assert (await site.running.wait_for(Released)).cause is Cause.NORMAL
    await site.silent()
    await again.close()


@pytest.mark.parametrize("site", ["tcp"], indirect=True)
async def test_caller_of_a_trunk_who_stays_away_is_called_on_where_he_listens(
    site: Site,
) -> None:
    taken: asyncio.Queue[StreamPeer] = asyncio.Queue()

    async def take(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        taken.put_nowait(StreamPeer(reader, writer))

    server = await asyncio.start_server(take, "127.0.0.1", 0)
    peer = await site.caller()
    peer.contact = f"<sip:127.0.0.1:{server.sockets[0].getsockname()[1]};transport=tcp>"
    ok = await _confirmed(site, peer)
    again = await site.killed(peer, registers=False)
    await site.running.driver.line(LineId("carrier/1")).release()
    async with asyncio.timeout(5):
        called = await taken.get()
    bye = await called.until("BYE")
    assert tag_of(ok) in header(bye, "From")
    await called.respond(bye, 200)
    await site.silent()
    for each in (called, again):
        await each.close()
    server.close()


async def _hang_up_as_callee(peer: Peer, invite: str) -> None:
    lines = [
        "BYE sip:hotline@pbx.test SIP/2.0",
        f"Via: SIP/2.0/{peer.transport} df7jal23ls0d.invalid;branch=z9hG4bKcallee;rport",
        "Max-Forwards: 70",
        f"From: {header(invite, 'To')};tag=callee",
        f"To: {header(invite, 'From')}",
        f"Call-ID: {header(invite, 'Call-ID')}",
        "CSeq: 1 BYE",
        "Content-Length: 0",
    ]
    await peer.write("\r\n".join(lines).encode() + b"\r\n\r\n")
    await peer.until("SIP/2.0 200")
