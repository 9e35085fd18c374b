"""How an RTP stream is set: laws, packet times, SRTP keys, the socket for RTCP."""

import os
from typing import Final, NamedTuple

from cython_ext.media import _media
from cython_ext.media._media import NO_FD, Handle, OpenPort
from cython_ext.media.clips import EngineError

NO_CODER: Final = -1
USUAL_MS: Final = 20
FRAME: Final = 8 * USUAL_MS  # samples
LAWS: Final = {
    "A": _media.ALAW,
    "U": _media.ULAW,
    "L16": _media.L16,
    "G722": _media.G722,
    "OPUS": _media.OPUS,
}
UNCODED: Final = frozenset({"A", "U", "L16"})
"""Laws whose coding remembers nothing."""
_SUITES: Final = {
    "AES_CM_128_HMAC_SHA1_80": _media.AES_CM_80,
    "AES_CM_128_HMAC_SHA1_32": _media.AES_CM_32,
    "AEAD_AES_128_GCM": _media.AES_GCM_128,
}


class Srtp(NamedTuple):
    """SRTP keys of a stream: key and salt together, as SDES carries them (RFC 4568, 7714)."""

    suite: str
    inward: bytes
    """What the peer seals with."""
    outward: bytes
    """What we seal with."""

    def __repr__(self) -> str:
        return f"Srtp({self.suite})"  # keys belong into no log


def packet_samples(ptime_ms: int) -> int:
    """Samples in a packet; a time that is not 10 to 60 ms in steps of 10 becomes 20."""
    usual = 10 <= ptime_ms <= 60 and ptime_ms % 10 == 0
    return (ptime_ms if usual else USUAL_MS) * 8


def keyring(port: int, srtp: Srtp | None) -> Handle | None:
    """The keys for the engine; EngineError ``bad-argument`` for ones that cannot be."""
    if srtp is None:
        return None
    suite = _SUITES.get(srtp.suite)
    if suite is None:
        raise EngineError("bad-argument", f"there is no SRTP suite {srtp.suite!r}")
    try:
        return _media.new_keyring(port, suite, srtp.inward, srtp.outward)
    except ValueError as error:
        raise EngineError("bad-argument", f"{srtp.suite}: {error}") from error


def coder(found: OpenPort, law: str, *, transcode: bool) -> int:
    """The law whose coder the port still lacks, -1 for none; EngineError ``no-codec``."""
    if law == "OPUS" and transcode and not found.opus:
        if not _media.load_opus():
            raise EngineError("no-codec", "Opus cannot be coded: libopus.so.0 is not installed")
        return _media.OPUS
    return _media.G722 if law == "G722" and not found.g722 else NO_CODER


def reports_socket(found: OpenPort, *, rtcp_mux: bool) -> int:
    """A descriptor for RTCP, opened once a port; -1 when none is needed or to be had.

    Without one the stream goes on and is only not reported: the port beside may be taken.
    """
    if rtcp_mux or found.reports:
        return NO_FD
    if found.spare != NO_FD:
        spare, found.spare = found.spare, NO_FD
        return spare
    try:
        return _media.open_reports(found)
    except OSError:
        return NO_FD


def give_up(fd: int) -> None:
    """Close a descriptor that the engine did not take."""
    if fd != NO_FD:
        os.close(fd)
