"""Keys by DTLS-SRTP, and ICE-lite, in descriptions: what browsers speak (RFC 5763, 8842, 8839).

Our certificate and the checks of ICE are the media engine's; here is only what is said of them.
A lite agent has one candidate, its own address, and takes the peer's from where checks come.
"""

from collections.abc import Callable
from typing import Final, NamedTuple

from drivers.api import DtlsPeer, RtpAddress
from drivers.sip.negotiation.description import Media, Sdp

PROFILES: Final = frozenset({"UDP/TLS/RTP/SAVPF", "UDP/TLS/RTP/SAVP"})
BROWSERS: Final = "UDP/TLS/RTP/SAVPF"
OUR_MID: Final = "0"
HOST_PRIORITY: Final = 2130706431  # of the only candidate: 2^24 * 126 + 2^8 * 65535 + 255
UFRAG_OCTETS: Final = 4  # written in hexadecimal: 8 characters of at least 4
PASSWORD_OCTETS: Final = 12  # 24 of at least 22 (RFC 8839 5.4)
MOST_FINGERPRINTS: Final = 8
LONGEST: Final = 256  # characters of a ufrag (RFC 8839 5.4)


class TheirDtls(NamedTuple):
    """What a description of the peer says."""

    fingerprints: tuple[str, ...]
    setup: str
    ufrag: str
    """Empty: it does not use ICE."""
    mid: str
    """Empty: its stream has no name."""
    bundled: bool

    def peer(self, remote: RtpAddress, *, client: bool) -> DtlsPeer:
        """The same for the media engine; ``client``: we begin the handshake."""
        place = None if self.ufrag else remote
        return DtlsPeer(
            client=client, fingerprints=self.fingerprints, ufrag=self.ufrag, remote=place
        )


class OwnDtls(NamedTuple):
    """What our descriptions say."""

    fingerprint: str
    ufrag: str
    """Empty: without ICE."""
    password: str
    mid: str = OUR_MID
    bundled: bool = True

    def __repr__(self) -> str:
        return f"OwnDtls({self.fingerprint}, {self.ufrag})"  # passwords belong into no log

    def answering(
        self, theirs: TheirDtls, agreed: DtlsPeer | None, new_key: Callable[[int], bytes]
    ) -> "OwnDtls":
        """Name our stream as the peer does, and restart ICE when it does (RFC 8839 4.4.3)."""
        own = self._replace(mid=theirs.mid, bundled=theirs.bundled)
        if own.ufrag and agreed is not None and agreed.ufrag != theirs.ufrag:
            ufrag, password = new_key(UFRAG_OCTETS).hex(), new_key(PASSWORD_OCTETS).hex()
            own = own._replace(ufrag=ufrag, password=password)
        return own

    def session_lines(self) -> tuple[tuple[str, str], ...]:
        """Attributes of the whole description."""
        lite = (("ice-lite", ""),) if self.ufrag else ()
        return (*lite, ("group", f"BUNDLE {self.mid}")) if self.bundled else lite

    def stream_lines(self, setup: str, address: RtpAddress) -> str:
        """Attributes of our stream, as lines."""
        found = [f"mid:{self.mid}"] if self.mid else []
        found += [f"fingerprint:{self.fingerprint}", f"setup:{setup}"]
        if self.ufrag:
            place = f"{address.host} {address.port}"
            found += [
                f"ice-ufrag:{self.ufrag}",
                f"ice-pwd:{self.password}",
                f"candidate:1 1 UDP {HOST_PRIORITY} {place} typ host",
                "end-of-candidates",
                "msid:hookflash audio",
            ]
        return "".join([f"a={line}\r\n" for line in found])


def read_dtls(sdp: Sdp, media: Media) -> TheirDtls | None:
    """What the peer says of a stream; None when its keys cannot come by DTLS."""
    if media.protocol not in PROFILES:
        return None
    ufrag = _either(sdp, media, "ice-ufrag")
    fingerprints = [value for name, value in media.attributes if name == "fingerprint"]
    fingerprints = fingerprints or [v for name, v in sdp.attributes if name == "fingerprint"]
    # The engine has one socket for both, so with ICE reports must share the port.
    if not fingerprints or len(ufrag) > LONGEST:
        return None
    if ufrag and media.attribute("rtcp-mux") is None:
        return None
    mid = media.attribute("mid") or ""
    bundled = any(
        name == "group" and value.startswith("BUNDLE ") and mid in value.split()[1:]
        for name, value in sdp.attributes
    )
    setup = _either(sdp, media, "setup")
    return TheirDtls(tuple(fingerprints[:MOST_FINGERPRINTS]), setup, ufrag, mid, bundled)


def begins(setup: str, *, before: DtlsPeer | None) -> bool:
    """Whether we begin the handshake, by the peer's ``setup``; who chose once stays so."""
    if setup in ("active", "passive"):
        return setup == "passive"
    return before is not None and before.client


def _either(sdp: Sdp, media: Media, name: str) -> str:
    """An attribute of the stream, else of the whole description."""
    found = media.attribute(name)
    if found is None:
        found = next((value for key, value in sdp.attributes if key == name), "")
    return found
