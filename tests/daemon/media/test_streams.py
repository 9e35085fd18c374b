"""What goes over the wire beside plain audio: SRTP with an independent peer, RTCP, figures."""

import asyncio
import socket
import struct

import pylibsrtp
import pytest

from cython_ext import dsp
from daemon.link import messages as told
from daemon.link.client import MediaLink
from daemon.link.errors import MediaRefused
from daemon.media.options import MediaOptions
from daemon.media.quality import mean_opinion, rating, stream_ended
from drivers.api import PortId, RtpAddress, RtpFormat, SrtpKeys

SENDER_REPORT, GOODBYE = 200, 203
THEIRS, OURS = bytes(range(1, 31)), bytes(range(101, 131))
SUITES = {
    "AES_CM_128_HMAC_SHA1_80": (pylibsrtp.Policy.SRTP_PROFILE_AES128_CM_SHA1_80, 30, 10),
    "AES_CM_128_HMAC_SHA1_32": (pylibsrtp.Policy.SRTP_PROFILE_AES128_CM_SHA1_32, 30, 4),
    "AEAD_AES_128_GCM": (pylibsrtp.Policy.SRTP_PROFILE_AEAD_AES_128_GCM, 28, 16),
}


class Peer:
    """A far end of one socket, sealed by libsrtp when it has keys; the engine paces it."""

    def __init__(self, suite: str | None, theirs: bytes, ours: bytes, *, host: str) -> None:
        family = socket.AF_INET6 if ":" in host else socket.AF_INET
        self.socket = socket.socket(family, socket.SOCK_DGRAM)
        self.socket.setblocking(False)
        self.socket.bind((host, 0))
        self.address = RtpAddress(host, self.socket.getsockname()[1])
        self.sequence, self.timestamp = 65_530, 4_294_966_000
        self.out = self.inward = None
        if suite is not None:
            profile = SUITES[suite][0]
            self.out = _session(profile, theirs, pylibsrtp.Policy.SSRC_ANY_OUTBOUND)
            self.inward = _session(profile, ours, pylibsrtp.Policy.SSRC_ANY_INBOUND)
        self.heard: list[bytes] = []
        self.reports: list[bytes] = []

    def send(self, to: RtpAddress, payload: bytes) -> bytes:
        header = struct.pack("!BBHII", 0x80, 8, self.sequence, self.timestamp, 7)
        self.sequence = (self.sequence + 1) & 0xFFFF
        self.timestamp = (self.timestamp + 160) & 0xFFFFFFFF
        packet = header + payload
        if self.out is not None:
            packet = self.out.protect(packet)
        self.socket.sendto(packet, (to.host, to.port))
        return packet

    def send_report(self, to: RtpAddress, packet: bytes) -> None:
        if self.out is not None:
            packet = self.out.protect_rtcp(packet)
        self.socket.sendto(packet, (to.host, to.port))

    async def receive(self) -> bytes:
        """The next audio packet, or the goodbye opened; other reports are kept aside."""
        while True:
            packet = await asyncio.get_running_loop().sock_recv(self.socket, 2048)
            if 200 <= packet[1] <= 207:
                opened = self.inward.unprotect_rtcp(packet) if self.inward else packet
                self.reports.append(opened)
                if opened[-7] == GOODBYE:
                    return opened
                continue
            opened = self.inward.unprotect(packet) if self.inward else packet
            self.heard.append(opened[12:])
            self.ssrc: int = struct.unpack_from("!I", packet, 8)[0]
            return packet


def _session(profile: int, key: bytes, direction: int) -> pylibsrtp.Session:
    policy = pylibsrtp.Policy(key=key, ssrc_type=direction, srtp_profile=profile)
    return pylibsrtp.Session(policy)


async def call(
    link: MediaLink, peer: Peer, keys: SrtpKeys | None = None, *, mux: bool = False
) -> tuple[PortId, RtpAddress]:
    """An engine port towards the peer."""
    port, address = await link.open_rtp()
    await link.connect_rtp(port, peer.address, RtpFormat(srtp=keys, rtcp_mux=mux))
    return port, address


async def until_ended(link: MediaLink, port: PortId) -> told.StreamEnded:
    async with asyncio.timeout(10):
        async for event in link.events():
            if isinstance(event, told.StreamEnded) and event.port == port:
                return event
    raise AssertionError("the link was closed")


@pytest.fixture(params=sorted(SUITES))
def suite(request: pytest.FixtureRequest) -> str:
    return str(request.param)


async def test_srtp_is_understood_by_libsrtp_both_ways(link: MediaLink, suite: str) -> None:
    size, tag = SUITES[suite][1:]
    keys = SrtpKeys(suite, THEIRS[:size], OURS[:size])
    tone = dsp.alaw_encode(dsp.ToneGenerator([1000.0], -10.0).generate(160))
    sealed = Peer(suite, THEIRS[:size], OURS[:size], host="127.0.0.1")
    plain = Peer(None, b"", b"", host="127.0.0.1")
    a, at_a = await call(link, sealed, keys, mux=True)
    b, at_b = await call(link, plain)
    await link.bridge(5, a, b)
    for _ in range(30):
        packet = sealed.send(at_a, tone)
        plain.send(at_b, tone)
        assert len(await sealed.receive()) == 172 + tag
        await plain.receive()
    async with asyncio.timeout(10):  # on a busy machine what was received is of long ago
        while tone not in sealed.heard or tone not in plain.heard:
            packet = sealed.send(at_a, tone)
            plain.send(at_b, tone)
            await sealed.receive()
            await plain.receive()
    counted = await link.counters(a)
    assert (counted["bad"], counted["forged"]) == (0, 0)
    # What was sealed once is not heard again, and what was changed is not heard at all.
    sealed.socket.sendto(packet, (at_a.host, at_a.port))
    sealed.socket.sendto(packet[:20] + b"?" + packet[21:], (at_a.host, at_a.port))
    assert sealed.out is not None
    fresh = bytearray(sealed.out.protect(struct.pack("!BBHII", 0x80, 8, 500, 0, 7) + tone))
    fresh[30] ^= 1
    sealed.socket.sendto(fresh, (at_a.host, at_a.port))
    async with asyncio.timeout(10):
        while counted["replayed"] + counted["forged"] < 3:
            await plain.receive()
            counted = await link.counters(a)
    assert counted["replayed"] + counted["forged"] == 3
    assert counted["forged"] >= 1


async def test_srtp_keys_are_checked_and_may_change(link: MediaLink) -> None:
    peer = Peer("AEAD_AES_128_GCM", THEIRS[:28], OURS[:28], host="127.0.0.1")
    port, _ = await link.open_rtp()
    for suite, key in (("AES_256", THEIRS), ("AEAD_AES_128_GCM", THEIRS)):
        with pytest.raises(MediaRefused) as refused:
            await link.connect_rtp(port, peer.address, RtpFormat(srtp=SrtpKeys(suite, key, key)))
        assert refused.value.code == "bad-argument"
    old = SrtpKeys("AES_CM_128_HMAC_SHA1_80", OURS, OURS)
    new = SrtpKeys("AEAD_AES_128_GCM", THEIRS[:28], OURS[:28])
    assert "SrtpKeys(AEAD_AES_128_GCM)" in repr(RtpFormat(srtp=new))
    await link.connect_rtp(port, peer.address, RtpFormat(srtp=old))
    await link.connect_rtp(port, peer.address, RtpFormat(srtp=new))
    await link.connect_rtp(port, peer.address, RtpFormat(srtp=new))
    size = 0
    while size != 188:  # packets of the old keys may still be on the way
        size = len(await asyncio.get_running_loop().sock_recv(peer.socket, 2048))
    await peer.receive()
    await link.connect_rtp(port, peer.address, RtpFormat())
    while size != 172:
        size = len(await asyncio.get_running_loop().sock_recv(peer.socket, 2048))


async def test_reports_tell_loss_and_the_figures_come_with_the_end(link: MediaLink) -> None:
    suite = "AES_CM_128_HMAC_SHA1_80"
    peer = Peer(suite, THEIRS, OURS, host="127.0.0.1")
    port, address = await call(link, peer, SrtpKeys(suite, THEIRS, OURS), mux=True)
    for number in range(50):
        if number % 10 == 5:
            peer.sequence, peer.timestamp = peer.sequence + 1 & 0xFFFF, peer.timestamp + 160
        peer.send(address, bytes([0xD5]) * 160)
        await peer.receive()
    lost = struct.pack("!BBHIIIIIII", 0x81, 201, 7, 7, peer.ssrc, 9, 0, 80, 0, 0)
    peer.send_report(address, lost)
    async with asyncio.timeout(10):  # on a busy machine what was received is of long ago
        while "far_lost" not in (counted := await link.counters(port)) or (
            counted["packets_in"] < 50
        ):
            await peer.receive()
    await link.close(port)
    ended = await until_ended(link, port)
    assert (ended.packets_in, ended.lost) == (50, 5)
    assert ended.packets_out >= 50
    assert (ended.far_lost, ended.far_jitter_ms) == (9, 10.0)
    assert 2.0 < ended.mos < 4.2
    while (report := await peer.receive())[-7] != GOODBYE or report[1] != SENDER_REPORT:
        continue
    assert struct.unpack_from("!I", report, 32)[0] & 0xFFFFFF == 5


@pytest.mark.parametrize("options", [MediaOptions(rtp_address="::1")])
async def test_streams_run_over_ipv6(link: MediaLink) -> None:
    left, right = (Peer(None, b"", b"", host="::1") for _ in range(2))
    a, at_a = await call(link, left)
    b, _ = await call(link, right)
    assert at_a.host == "::1"
    await link.bridge(1, a, b)
    spoken = bytes(range(160))
    async with asyncio.timeout(10):
        while spoken not in right.heard:
            left.send(at_a, spoken)
            await right.receive()


def test_mos_is_that_of_the_e_model() -> None:
    # G.107: R0 alone is 4.41; 1 % loss of G.711 with concealment costs about 3.6 points.
    assert mean_opinion(rating(loss=0, delay_ms=0)) == pytest.approx(4.41, abs=0.01)
    assert rating(loss=0.01, delay_ms=0) == pytest.approx(93.2 - 95 / 26.1, abs=0.01)
    assert rating(loss=0, delay_ms=277.3) == pytest.approx(93.2 - 6.66 - 11.0, abs=0.01)
    assert mean_opinion(-5) == 1.0
    assert mean_opinion(120) == 4.5
    assert mean_opinion(rating(loss=1, delay_ms=0)) < 2


def test_figures_of_a_stream_without_packets_claim_nothing() -> None:
    names = ("packets_in", "packets_out", "expected", "lost_on_way", "lost", "late", "jitter_ms")
    ended = stream_ended(PortId(3), {**dict.fromkeys(names, 0.0), "delay_ms": 40.0})
    assert (ended.mos, ended.packets_in, ended.round_trip_ms) == (0.0, 0, 0.0)
