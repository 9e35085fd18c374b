"""T.38 in session descriptions (ITU-T T.38 annex D, RFC 3362): reading and writing.

UDPTL alone is spoken, with redundancy. A stream is described in place of the audio, whose
port is 0 where both are named.
"""

import ipaddress
import re
from typing import Final

from drivers.api import RtpAddress
from drivers.sip.negotiation.description import Media, Sdp
from drivers.t38 import Correction, T38Terms

VERSION: Final = 0
BIT_RATE: Final = 14_400
MOST_RECEIVED: Final = 1472  # octets of a datagram that we take
BUFFER: Final = 2000  # octets that we take at once
LEAST, MOST = 48, 1472  # octets: what a peer's T38FaxMaxDatagram is kept between
ASSUMED: Final = 400  # octets, where a peer does not say
CORRECTIONS: Final[dict[str, Correction]] = {
    "t38udpredundancy": "redundancy",
    "t38udpfec": "parity",
    "t38udpnoec": "none",
}
"""T38FaxUdpEC in lower case, as we call it."""
WORDS: Final[dict[Correction, str]] = {
    "redundancy": "t38UDPRedundancy",
    "parity": "t38UDPFEC",
    "none": "t38UDPNoEC",
}
_RUNNING: Final = re.compile(rb"^m=image [1-9]", re.MULTILINE | re.IGNORECASE)


def is_t38(media: Media) -> bool:
    """Whether a stream is T.38 over UDPTL, refused or not."""
    formats = {each.lower() for each in media.formats}
    return media.kind.lower() == "image" and media.protocol.lower() == "udptl" and "t38" in formats


def runs_t38(described: bytes) -> bool:
    """Whether a description of ours is about T.38."""
    return _RUNNING.search(described) is not None


def wants_t38(sdp: Sdp) -> int | None:
    """Place of the T.38 stream that a description asks for; None when it is about audio."""
    if any(media.kind == "audio" and media.port for media in sdp.media):
        return None
    places = (place for place, media in enumerate(sdp.media) if is_t38(media) and media.port)
    return next(places, None)


def read_terms(sdp: Sdp, place: int, *, own_host: str, signalled_from: str) -> T38Terms | None:
    """What a description says of its T.38; None when datagrams cannot be sent there."""
    media = sdp.media[place]
    host = media.host or sdp.host
    try:
        address = ipaddress.ip_address(host)
    except ValueError:
        return None
    if address.is_unspecified or (own_host and (":" in host) is not (":" in own_host)):
        return None
    # A phone behind address translation knows its own address only.
    behind = signalled_from if (":" in signalled_from) is (":" in host) else ""
    values = {name.lower(): value.strip() for name, value in media.attributes}
    if values.get("t38faxratemanagement", "transferredTCF").lower() != "transferredtcf":
        return None  # the other method is for TCP
    return T38Terms(
        # As sources of datagrams are written, for they are compared with it.
        remote=RtpAddress(behind or str(address), media.port),
        version=_number(values.get("t38faxversion", ""), VERSION),
        bit_rate=_number(values.get("t38maxbitrate", ""), BIT_RATE),
        most=min(max(_number(values.get("t38faxmaxdatagram", ""), ASSUMED), LEAST), MOST),
        correction=CORRECTIONS.get(values.get("t38faxudpec", "").lower(), "redundancy"),
    )


def own_terms(local: RtpAddress, asked: Correction = "redundancy") -> T38Terms:
    """What we take ourselves; parity instead of redundancy where the other side asks for it."""
    correction: Correction = "parity" if asked == "parity" else "redundancy"
    return T38Terms(remote=local, most=MOST_RECEIVED, correction=correction)


def describe(
    session_id: int,
    host: str,
    *,
    place: int,
    others: tuple[tuple[str, str, str], ...],
    terms: T38Terms,
) -> bytes:
    """A description of T.38 at a place among streams that are off.

    ``others`` are kind, protocol and one format of each; ``terms`` are ours, or those of whom
    we pass datagrams on to. Its version is 0: whoever sends it puts in the number.
    """
    local = terms.remote
    lines = [f"m={kind} 0 {protocol} {form}" for kind, protocol, form in others]
    family = 6 if ":" in local.host else 4
    image = [
        f"m=image {local.port} udptl t38",
        f"c=IN IP{family} {local.host}",
        f"a=T38FaxVersion:{VERSION}",
        f"a=T38MaxBitRate:{min(terms.bit_rate, BIT_RATE)}",
        "a=T38FaxRateManagement:transferredTCF",
        f"a=T38FaxMaxBuffer:{BUFFER}",
        f"a=T38FaxMaxDatagram:{terms.most}",
        f"a=T38FaxUdpEC:{WORDS[terms.correction]}",
    ]
    lines[place:place] = image
    own = 6 if ":" in host else 4
    start = [
        "v=0",
        f"o=- {session_id} 0 IN IP{own} {host}",
        "s=-",
        f"c=IN IP{family} {local.host}",
        "t=0 0",
    ]
    return ("\r\n".join((*start, *lines)) + "\r\n").encode()


def _number(text: str, otherwise: int) -> int:
    return int(text) if text.isascii() and text.isdigit() and len(text) < 9 else otherwise
