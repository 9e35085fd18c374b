"""Chromium's own ICE, DTLS and SRTP against the engine, a tone heard each way."""

import asyncio
from collections.abc import AsyncIterator

import pytest
from playwright.async_api import Page, async_playwright

from daemon.link import messages as told
from daemon.link.client import MediaLink
from drivers.api import PortId, RtpAddress, RtpFormat
from tests.browser.conftest import ARGUMENTS, chromium
from tests.fakes.browser_audio import describe, latest, lines, peer_of, sounds

pytestmark = pytest.mark.browser

THEIRS, OURS = 1000.0, 440.0  # Hz
# The last two let it use loopback, also where there is no other network.
HEARING = (
    "--autoplay-policy=no-user-gesture-required",
    "--allow-loopback-in-peer-connection",
    "--webrtc-ip-handling-policy=default_public_and_private_interfaces",
)
SCRIPT = """
const sound = new AudioContext();
const tone = sound.createOscillator(), level = sound.createGain();
const out = sound.createMediaStreamDestination(), ear = sound.createAnalyser();
tone.frequency.value = 1000;
level.gain.value = 0.3;
tone.connect(level).connect(out);
tone.start();
ear.fftSize = 8192;
const peer = new RTCPeerConnection();
peer.addTrack(out.stream.getAudioTracks()[0], out.stream);
peer.ontrack = (event) => {
  const stream = new MediaStream([event.track]);
  const player = new Audio();  // without one Chromium does not decode
  player.muted = true;
  player.srcObject = stream;
  player.play();
  sound.createMediaStreamSource(stream).connect(ear);
};
const described = async (make) => {
  await peer.setLocalDescription(await make());
  return peer.localDescription.sdp;
};
const heard = () => {  // Hz of the loudest frequency, 0 in silence
  const levels = new Float32Array(ear.frequencyBinCount);
  ear.getFloatFrequencyData(levels);
  const top = levels.reduce((best, value, at) => (value > levels[best] ? at : best), 0);
  return levels[top] > -50 ? top * sound.sampleRate / ear.fftSize : 0;
};
"""


@pytest.fixture
async def page() -> AsyncIterator[Page]:
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(
            executable_path=chromium(),
            args=[*ARGUMENTS, *HEARING],
        )
        made = await browser.new_page()
        await made.add_script_tag(content=SCRIPT)
        yield made
        await browser.close()


async def until(link: MediaLink, port: PortId, state: str) -> told.DtlsChanged:
    async with asyncio.timeout(20):
        async for event in link.events():
            if isinstance(event, told.DtlsChanged) and event.port == port:
                assert event.state == state
                return event
    raise AssertionError("the link was closed")


async def converse(link: MediaLink, page: Page, port: PortId) -> None:
    """Chromium hears our tone, and we hear its."""
    event = await until(link, port, "connected")
    assert event.detail in ("AEAD_AES_128_GCM", "AES_CM_128_HMAC_SHA1_80")
    await link.play_tone(port, 1, [(OURS, 0.0)], [], level_dbm0=-10.0)
    tap = await link.tap(port)
    async with asyncio.timeout(20):
        while abs(await page.evaluate("heard()") - OURS) > 12:
            await asyncio.sleep(0.05)
        # A sine of 0.3 of full scale, by the scale of G.711 (+3.17 dBm0).
        while not sounds(latest(tap.memfd), THEIRS, level=-7.3):
            await asyncio.sleep(0.05)
    counted = await link.counters(port)
    assert (counted["forged"], counted["replayed"], counted["ice_refused"]) == (0, 0, 0)
    assert counted["lost"] <= 2


@pytest.mark.parametrize("client", [False, True])
async def test_chromium_offers_and_talks(link: MediaLink, page: Page, client: bool) -> None:
    offered = await page.evaluate("described(() => peer.createOffer())")
    port, address = await link.open_rtp()
    ours = await link.open_dtls(port)
    await link.connect_rtp(port, RtpAddress("", 0), RtpFormat(dtmf_payload_type=None))
    await link.connect_dtls(port, peer_of(offered, client=client))
    answer = describe(ours, address, setup="active" if client else "passive")
    await page.evaluate("(sdp) => peer.setRemoteDescription({type: 'answer', sdp})", answer)
    await converse(link, page, port)
    await page.evaluate("peer.close()")
    await until(link, port, "closed")


async def test_chromium_answers_and_talks(link: MediaLink, page: Page) -> None:
    port, address = await link.open_rtp()
    offer = describe(await link.open_dtls(port), address, setup="actpass")
    await page.evaluate("(sdp) => peer.setRemoteDescription({type: 'offer', sdp})", offer)
    answered = await page.evaluate("described(() => peer.createAnswer())")
    assert lines(answered, "setup") == ["active"]
    await link.connect_dtls(port, peer_of(answered, client=False))
    await link.connect_rtp(port, RtpAddress("", 0), RtpFormat(dtmf_payload_type=None))
    await converse(link, page, port)
