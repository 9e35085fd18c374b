"""ICE-lite and DTLS-SRTP with aiortc as independent peer: a browser's stack in Python."""

import asyncio
import contextlib
import fractions
from collections.abc import AsyncIterator

import av
import msgspec
import numpy as np
import pytest
from aiortc import (
    MediaStreamTrack,
    RTCConfiguration,
    RTCPeerConnection,
    RTCSessionDescription,
)
from aiortc.rtcdtlstransport import SRTP_AES128_CM_SHA1_80, RTCDtlsTransport
from OpenSSL import SSL

from cython_ext import dsp
from daemon.link import messages as told
from daemon.link.client import MediaLink
from daemon.link.errors import MediaRefused
from daemon.media.options import MediaOptions
from drivers.api import DtlsPeer, PortId, RtpAddress, RtpFormat, SrtpKeys
from tests.fakes.browser_audio import RATE, describe, latest, lines, peer_of, sounds

FRAME = 160
THEIRS, OURS = 1000.0, 440.0  # Hz
ANY = RtpAddress("", 0)


class Tone(MediaStreamTrack):
    """A track that sounds for as long as it is listened to."""

    kind = "audio"

    def __init__(self, hz: float) -> None:
        super().__init__()
        self._tone = dsp.ToneGenerator([hz], -10.0)
        self._at = 0
        self._begun = 0.0

    async def recv(self) -> av.AudioFrame:
        loop = asyncio.get_running_loop()
        self._begun = self._begun or loop.time()
        await asyncio.sleep(self._begun + self._at / RATE - loop.time())  # a microphone's pace
        frame = av.AudioFrame(format="s16", layout="mono", samples=FRAME)
        frame.planes[0].update(self._tone.generate(FRAME))
        frame.pts, frame.sample_rate, frame.time_base = self._at, RATE, fractions.Fraction(1, RATE)
        self._at += FRAME
        return frame


class Browser:
    """A peer connection with one audio track each way, and what it heard."""

    def __init__(self) -> None:
        self.connection = RTCPeerConnection(RTCConfiguration(iceServers=[]))
        self.connection.addTrack(Tone(THEIRS))
        self.heard = bytearray()
        self._listening: asyncio.Task[None] | None = None
        self.connection.on("track", self._listen)

    @property
    def transport(self) -> RTCDtlsTransport:
        return self.connection.getSenders()[0].transport

    def _listen(self, track: MediaStreamTrack) -> None:
        self._listening = asyncio.create_task(self._keep(track))

    async def _keep(self, track: MediaStreamTrack) -> None:
        while True:
            frame = await track.recv()
            samples = frame.to_ndarray().reshape(-1).astype(np.int16)
            self.heard += samples[
                :: frame.sample_rate // RATE * len(frame.layout.channels)
            ].tobytes()

    async def until_heard(self, hz: float) -> None:
        """Half a second in which nearly all the power is this tone."""
        async with asyncio.timeout(20):
            while not sounds(bytes(self.heard[-8000:]), hz):
                await asyncio.sleep(0.05)

    async def close(self) -> None:
        if self._listening is not None:
            self._listening.cancel()
        await self.connection.close()


@pytest.fixture
async def browser(monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Browser]:
    # Of its own accord it leaves loopback out.
    monkeypatch.setattr("aioice.ice.get_host_addresses", lambda **_: ["127.0.0.1", "::1"])
    made = Browser()
    yield made
    await made.close()


async def until(link: MediaLink, port: PortId, kind: type[told.MediaEvent]) -> told.MediaEvent:
    async with asyncio.timeout(20):
        async for event in link.events():
            if isinstance(event, kind) and getattr(event, "port", None) == port:
                return event
    raise AssertionError("the link was closed")


async def talk(
    link: MediaLink, browser: Browser, port: PortId, suite: str = "AEAD_AES_128_GCM"
) -> None:
    """Both hear each other: the browser our tone, a second leg the browser's."""
    event = await until(link, port, told.DtlsChanged)
    assert (event.state, event.detail) == ("connected", suite)
    await link.play_tone(port, 1, [(OURS, 0.0)], [], level_dbm0=-10.0)
    tap = await link.tap(port)
    await browser.until_heard(OURS)
    async with asyncio.timeout(20):
        while not sounds(latest(tap.memfd), THEIRS):
            await asyncio.sleep(0.05)
    counted = await link.counters(port)
    assert (counted["forged"], counted["bad"], counted["ice_refused"]) == (0, 0, 0)
    assert counted["ice_checks"] >= 1


async def answer(link: MediaLink, browser: Browser, *, client: bool) -> PortId:
    """A port that answers the browser's offer."""
    await browser.connection.setLocalDescription(await browser.connection.createOffer())
    port, address = await link.open_rtp()
    ours = await link.open_dtls(port)
    await link.connect_rtp(port, ANY, RtpFormat(dtmf_payload_type=None))
    await link.connect_dtls(port, peer_of(browser.connection.localDescription.sdp, client=client))
    text = describe(ours, address, setup="active" if client else "passive")
    await browser.connection.setRemoteDescription(RTCSessionDescription(text, "answer"))
    return port


@pytest.mark.parametrize("client", [False, True])
@pytest.mark.parametrize("suite", ["AEAD_AES_128_GCM", "AES_CM_128_HMAC_SHA1_80"])
async def test_a_browser_that_offers_is_answered(
    link: MediaLink, browser: Browser, client: bool, suite: str
) -> None:
    if suite == "AES_CM_128_HMAC_SHA1_80":
        browser.transport._srtp_profiles = [SRTP_AES128_CM_SHA1_80]
    port = await answer(link, browser, client=client)
    await talk(link, browser, port, suite)
    await browser.close()
    event = await until(link, port, told.DtlsChanged)
    assert event.state == "closed"
    sent = (await link.counters(port))["packets_out"]
    await asyncio.sleep(0.1)
    assert (await link.counters(port))["packets_out"] == sent


@pytest.mark.parametrize("options", [MediaOptions(rtp_address="::1")])
async def test_a_browser_talks_over_ipv6(link: MediaLink, browser: Browser) -> None:
    port = await answer(link, browser, client=False)
    await talk(link, browser, port)
    assert [at.remote_host for at in (await link.snapshot()).ports] == ["::1"]


async def test_a_second_handshake_is_refused(link: MediaLink, browser: Browser) -> None:
    port = await answer(link, browser, client=False)
    await talk(link, browser, port)
    browser.transport._ssl.renegotiate()
    with contextlib.suppress(SSL.WantReadError):
        browser.transport._ssl.do_handshake()
    await browser.transport._write_ssl()
    # OpenSSL gives up an association whose renegotiation is refused.
    event = await until(link, port, told.DtlsChanged)
    assert event.state == "closed"


async def test_a_browser_answers_our_offer(link: MediaLink, browser: Browser) -> None:
    port, address = await link.open_rtp()
    ours = await link.open_dtls(port)
    offer = RTCSessionDescription(describe(ours, address, setup="actpass"), "offer")
    await browser.connection.setRemoteDescription(offer)
    await browser.connection.setLocalDescription(await browser.connection.createAnswer())
    answered = browser.connection.localDescription.sdp
    assert lines(answered, "setup") == ["active"]
    await link.connect_dtls(port, peer_of(answered, client=False))
    await link.connect_rtp(port, ANY, RtpFormat(dtmf_payload_type=None))
    await talk(link, browser, port)
    picture = await link.snapshot()
    assert [at.dtls for at in picture.ports] == ["connected"]


@pytest.mark.parametrize("client", [False, True])
async def test_a_certificate_that_was_not_announced_gets_no_audio(
    link: MediaLink, browser: Browser, client: bool
) -> None:
    await browser.connection.setLocalDescription(await browser.connection.createOffer())
    port, address = await link.open_rtp()
    ours = await link.open_dtls(port)
    await link.connect_rtp(port, ANY, RtpFormat(dtmf_payload_type=None))
    told_of = peer_of(browser.connection.localDescription.sdp, client=client)
    other = ("sha-256 " + ":".join(["AB"] * 32),)
    await link.connect_dtls(port, msgspec.structs.replace(told_of, fingerprints=other))
    answer = describe(ours, address, setup="active" if client else "passive")
    await browser.connection.setRemoteDescription(RTCSessionDescription(answer, "answer"))
    event = await until(link, port, told.DtlsChanged)
    assert (event.state, event.detail) == ("failed", "certificate")
    counted = await link.counters(port)
    assert (counted["packets_in"], counted["packets_out"]) == (0, 0)


async def test_what_cannot_be_secured_is_refused(link: MediaLink) -> None:
    port, _ = await link.open_rtp()
    peer = DtlsPeer(client=False, fingerprints=("sha-256 " + ":".join(["AB"] * 32),), ufrag="abcd")
    with pytest.raises(MediaRefused, match="has no DTLS"):
        await link.connect_dtls(port, peer)
    with pytest.raises(MediaRefused, match="ICE does not allow"):
        await link.open_dtls(port, ufrag="a b c d")
    first = await link.open_dtls(port, ufrag="mine", password="a" * 22)
    assert (first.ufrag, first.password) == ("mine", "a" * 22)
    again = await link.open_dtls(port)
    assert again.fingerprint == first.fingerprint
    assert len(again.ufrag) == 8
    assert len(again.password) == 24
    for fingerprints, code in (
        ((), "fingerprint"),
        (("sha-1 AB:CD",), "fingerprint"),
        (("sha-256 AB:CD",), "bad-argument"),
        (("sha-256 XY",), "bad-argument"),
    ):
        with pytest.raises(MediaRefused) as refused:
            await link.connect_dtls(port, msgspec.structs.replace(peer, fingerprints=fingerprints))
        assert refused.value.code == code
    await link.connect_dtls(port, peer)
    await link.connect_dtls(port, peer)
    with pytest.raises(MediaRefused) as refused:
        await link.connect_dtls(port, msgspec.structs.replace(peer, client=True))
    assert refused.value.code == "dtls-connected"
    keys = SrtpKeys("AES_CM_128_HMAC_SHA1_80", bytes(30), bytes(30))
    with pytest.raises(MediaRefused, match="has its keys from DTLS"):
        await link.connect_rtp(port, ANY, RtpFormat(srtp=keys))
