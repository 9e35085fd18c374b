"""What a SIP driver writes for a browser, what it reads of one, and how tests listen."""

import mmap
import struct

from cython_ext import dsp
from drivers.api import DtlsOffer, DtlsPeer, RtpAddress

RATE = 8000
HALF_SECOND = RATE  # octets


def lines(sdp: str, name: str) -> list[str]:
    """Values of an attribute."""
    return [line.split(":", 1)[1] for line in sdp.splitlines() if line.startswith(f"a={name}:")]


def describe(offer: DtlsOffer, address: RtpAddress, *, setup: str, mid: str = "0") -> str:
    """Our description of a port with ICE-lite, DTLS and one G.711 stream."""
    host = f"IN IP{6 if ':' in address.host else 4} {address.host}"
    return "\r\n".join(
        [
            "v=0",
            f"o=- 1 1 {host}",
            "s=-",
            "t=0 0",
            "a=ice-lite",
            f"a=group:BUNDLE {mid}",
            "a=msid-semantic:WMS *",
            f"m=audio {address.port} UDP/TLS/RTP/SAVPF 8",
            f"c={host}",
            "a=sendrecv",
            f"a=mid:{mid}",
            "a=rtcp-mux",
            "a=rtpmap:8 PCMA/8000",
            f"a=candidate:1 1 udp 2130706431 {address.host} {address.port} typ host",
            "a=end-of-candidates",
            f"a=ice-ufrag:{offer.ufrag}",
            f"a=ice-pwd:{offer.password}",
            f"a=fingerprint:{offer.fingerprint}",
            f"a=setup:{setup}",
            "",
        ]
    )


def peer_of(sdp: str, *, client: bool) -> DtlsPeer:
    """What the other's description says; whether we are the client follows from both setups."""
    return DtlsPeer(
        client=client,
        fingerprints=tuple(lines(sdp, "fingerprint")),
        ufrag=lines(sdp, "ice-ufrag")[0],
    )


def latest(memfd: int) -> bytes:
    """The last half second of a tap: a head of 64 octets, then a ring of samples."""
    with mmap.mmap(memfd, 0, prot=mmap.PROT_READ) as ring:
        (written,) = struct.unpack_from("<Q", ring, 16)
        first = 64 + 2 * (max(written - HALF_SECOND // 2, 0) % ((len(ring) - 64) // 2))
        return (ring[first:] + ring[64:first])[:HALF_SECOND]


def sounds(pcm: bytes, hz: float, *, level: float = -10.0, within: float = 1.0) -> bool:
    """Whether the tone is there at its level (dBm0), and next to nothing else."""
    if len(pcm) < HALF_SECOND or abs((found := dsp.goertzel(pcm, RATE, hz)) - level) > within:
        return False
    return abs(dsp.level(pcm) - found) < 0.1
