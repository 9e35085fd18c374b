"""A browser calls and is called: SIP over WebSocket, DTLS-SRTP and ICE with aiortc as its stack."""

import itertools
import re
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from aiortc import RTCSessionDescription

from cython_ext.implementation import PURE_PYTHON
from daemon.link.lasting import LastingMediaLink
from daemon.media.app import MediaProcess
from daemon.media.options import MediaOptions, MediaSetup
from drivers.api import PortId
from drivers.events import Answered, Cause, Held, Released
from drivers.sip.options import SipOptions
from tests.daemon.media.test_dtls import OURS, talk
from tests.daemon.media.test_dtls import Browser as Audio
from tests.drivers.sip.transport.conftest import answering, header, tag_of
from tests.drivers.sip.transport.test_websocket import Browser

pytestmark = pytest.mark.skipif(PURE_PYTHON, reason="there is no audio in pure mode")


class Rig:
    """A driver on a WebSocket whose audio ports are those of a media process."""

    def __init__(self, folder: Path, make_running) -> None:
        self._setup = MediaSetup(
            site=folder / "site", socket=folder / "media.sock", options=MediaOptions()
        )
        self.running = make_running(SipOptions(listen=("ws:127.0.0.1:0",)), folder=folder)
        self.audio = Audio()
        self.link: LastingMediaLink
        self.phone: Browser
        self._media: MediaProcess

    async def open(self) -> "Rig":
        self._setup.site.mkdir()
        self._media = MediaProcess(self._setup, clock=lambda: 1000.0)
        await self._media.open()
        ids = itertools.count(1)
        self.link = await LastingMediaLink.connect(self._setup.socket, lambda: next(ids))
        self.running.ports = self.link
        await self.running.open()
        self.phone = await Browser.open(self.running.driver.port)
        assert (await self.phone.register()).startswith("SIP/2.0 200")
        self.phone.call_id += "-call"
        return self

    async def close(self) -> None:
        await self.audio.close()
        await self.phone.close()
        await self.running.close()
        await self.link.disconnect()
        await self._media.close()

    @property
    def port(self) -> PortId:
        found = self.running.driver.line("station:2001").port
        assert found is not None
        return found

    async def offer(self) -> bytes:
        """What the browser offers."""
        connection = self.audio.connection
        await connection.setLocalDescription(await connection.createOffer())
        return connection.localDescription.sdp.encode()

    async def take_answer(self, message: str) -> None:
        answer = RTCSessionDescription(message.partition("\r\n\r\n")[2], "answer")
        await self.audio.connection.setRemoteDescription(answer)

    async def browser_calls(self) -> tuple[bytes, str]:
        """A call of the browser that is answered: its offer, and our 200."""
        phone, offer = self.phone, await self.offer()
        self.running.react = answering(self.running)
        await phone.request("INVITE", body=offer)
        asked = header(await phone.until("SIP/2.0 407"), "Proxy-Authenticate")
        proof = f"Proxy-Authorization: {phone.proof(asked, 'INVITE', '1000')}"
        await phone.request("INVITE", cseq=2, headers=(proof,), body=offer)
        ok = await phone.until("SIP/2.0 200")
        await phone.request("ACK", cseq=2, to_tag=tag_of(ok))
        return offer, ok

    async def answer(self, message: str) -> bytes:
        """What the browser answers to our offer."""
        connection = self.audio.connection
        offer = RTCSessionDescription(message.partition("\r\n\r\n")[2], "offer")
        await connection.setRemoteDescription(offer)
        await connection.setLocalDescription(await connection.createAnswer())
        return connection.localDescription.sdp.encode()


@pytest.fixture
async def rig(tmp_path: Path, make_running) -> AsyncIterator[Rig]:
    made = await Rig(tmp_path, make_running).open()
    yield made
    await made.close()


async def test_browser_calls_and_both_hear_each_other_also_after_hold(rig: Rig) -> None:
    phone, running = rig.phone, rig.running
    _, ok = await rig.browser_calls()
    for line in ("a=ice-lite", "a=setup:passive", "a=rtcp-mux", "a=group:BUNDLE 0", "a=mid:0"):
        assert f"\r\n{line}\r\n" in ok
    await rig.take_answer(ok)
    await running.wait_for(Answered)
    await talk(rig.link, rig.audio, rig.port)

    # The browser holds and takes back: the same association goes on.
    for cseq, direction in ((3, "inactive"), (4, "sendrecv")):
        rig.audio.connection.getTransceivers()[0].direction = direction
        await phone.request("INVITE", cseq=cseq, to_tag=tag_of(ok), body=await rig.offer())
        again = await phone.until("SIP/2.0 200")
        await phone.request("ACK", cseq=cseq, to_tag=tag_of(ok))
        assert f"a={direction}" in again
        assert "a=setup:passive" in again
        await rig.take_answer(again)
    await running.wait_for(Held)
    rig.audio.heard.clear()
    await rig.audio.until_heard(OURS)
    await phone.hang_up(ok, cseq=5)
    await running.wait_for(Released)


async def test_browser_is_called_and_both_hear_each_other(rig: Rig) -> None:
    phone, running = rig.phone, rig.running
    line = running.driver.station_line("2001")
    await line.dial("", ani="5550100")
    invite = await phone.until("INVITE")
    for text in ("UDP/TLS/RTP/SAVPF 8 0", "a=setup:actpass", "a=ice-lite", "typ host"):
        assert text in invite
    await phone.respond(invite, 200, await rig.answer(invite))
    await phone.until("ACK")
    await running.wait_for(Answered)
    await talk(rig.link, rig.audio, rig.port)

    await line.hold()
    held = await phone.until("INVITE")
    assert "a=sendonly" in held
    await phone.respond(held, 200, await rig.answer(held))
    await phone.until("ACK")
    await line.retrieve()
    back = await phone.until("INVITE")
    await phone.respond(back, 200, await rig.answer(back))
    await phone.until("ACK")
    rig.audio.heard.clear()
    await rig.audio.until_heard(OURS)
    await line.release()
    await phone.respond(await phone.until("BYE"), 200)
    await running.wait_for(Released)


async def test_media_of_another_process_is_offered_with_its_certificate(rig: Rig) -> None:
    """aiortc begins no second handshake, so this ends with what the browser is told."""
    phone, running = rig.phone, rig.running
    line = running.driver.station_line("2001")
    await line.dial("", ani="5550100")
    invite = await phone.until("INVITE")
    await phone.respond(invite, 200, await rig.answer(invite))
    await phone.until("ACK")
    await running.wait_for(Answered)
    before = line.call.session.own_dtls
    await line.audio_restarted()
    again = await phone.until("INVITE")
    after = line.call.session.own_dtls
    assert header(again, "CSeq") == f"{int(header(invite, 'CSeq').split()[0]) + 1} INVITE"
    assert after.ufrag != before.ufrag
    for value in (after.fingerprint, after.ufrag, after.password, "actpass"):
        assert f":{value}\r\n" in again
    await phone.respond(again, 488)
    await phone.until("ACK")
    await line.release()
    await phone.respond(await phone.until("BYE"), 200)


async def test_restart_of_ice_is_followed_and_the_call_stands(rig: Rig) -> None:
    phone, running = rig.phone, rig.running
    offer, ok = await rig.browser_calls()
    await running.wait_for(Answered)
    line = running.driver.line("station:2001")
    first = line.call.session.own_dtls
    theirs = re.search(rb"a=ice-ufrag:(\S+)", offer)
    assert theirs is not None
    again = offer.replace(theirs[1], b"other")
    await phone.request("INVITE", cseq=3, to_tag=tag_of(ok), body=again)
    second = await phone.until("SIP/2.0 200")
    await phone.request("ACK", cseq=3, to_tag=tag_of(ok))
    own = line.call.session.own_dtls
    assert own.ufrag != first.ufrag
    for value in (own.ufrag, own.password, own.fingerprint, "passive"):
        assert f":{value}\r\n" in second
    assert line.stream.fmt.dtls.ufrag == "other"
    await phone.hang_up(ok, cseq=4)
    # The engine took them: else the driver would have ended the call itself.
    assert (await running.wait_for(Released)).cause is Cause.NORMAL
