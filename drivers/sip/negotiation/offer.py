"""A description of the peer, and what we make of it."""

import ipaddress
from functools import lru_cache
from typing import Final

from cython_ext.sip_wire import usual_description
from drivers.api import RtpAddress
from drivers.errors import ProtocolError
from drivers.sip.negotiation.crypto import Crypto, usable
from drivers.sip.negotiation.description import Media, Sdp
from drivers.sip.negotiation.dtls import TheirDtls, read_dtls
from drivers.sip.negotiation.formats import Chosen, packet_time, pick
from drivers.sip.negotiation.terms import IMPOSSIBLE, NotAcceptable, NotEncrypted, Terms
from drivers.sip.sdp import parse_sdp

PLAIN: Final = frozenset({"RTP/AVP", "RTP/AVPF"})
ENCRYPTED: Final = frozenset({"RTP/SAVP", "RTP/SAVPF"})
"""Profiles whose keys come by SDES."""

Flows = tuple[bool, bool]
"""Whether the peer sends, and whether it receives."""
ANYWHERE: Final = RtpAddress("", 0)

DIRECTIONS: Final = {
    "sendrecv": (True, True),
    "sendonly": (True, False),
    "recvonly": (False, True),
    "inactive": (False, False),
}


class Offer:
    """The stream of a description that we take; the same for an answer.

    A class of its own, as compiled code makes and reads it at a fraction of a tuple's price.
    """

    __slots__ = (
        "chosen",
        "crypto",
        "dtls",
        "others",
        "place",
        "profile",
        "ptime_ms",
        "receives",
        "remote",
        "rtcp_mux",
        "sends",
    )

    def __init__(
        self,
        place: int,
        profile: str,
        chosen: Chosen,
        keys: tuple[Crypto | None, TheirDtls | None],
        others: tuple[tuple[str, str, str], ...],
        ptime_ms: int,
        rtcp_mux: bool,  # noqa: FBT001
        remote: RtpAddress,
        flows: Flows,
    ) -> None:
        self.place = place
        """Of the stream among the others."""
        self.profile = profile
        self.chosen = chosen
        self.crypto, self.dtls = keys
        """The peer's key by SDES, and how keys come by DTLS; None with both: the stream is plain."""
        self.others = others
        """What is refused: kind, protocol and first format."""
        self.ptime_ms = ptime_ms
        self.rtcp_mux = rtcp_mux
        self.remote = remote
        self.sends, self.receives = flows

    def at_port(self, port: int) -> "Offer":
        """The same offer, with the peer's audio at another port."""
        return Offer(
            self.place,
            self.profile,
            self.chosen,
            (self.crypto, self.dtls),
            self.others,
            self.ptime_ms,
            self.rtcp_mux,
            RtpAddress(self.remote.host, port),
            (self.sends, self.receives),
        )


def read_offer(body: bytes, terms: Terms, *, own_host: str, signalled_from: str) -> Offer:
    """Read an offer; SdpError, or NotAcceptable for one that has nothing for us."""
    usual = usual_description(body)
    if usual is not None:
        text, port, place = usual
        try:
            known = _known_offer(text, terms, own_host, signalled_from)
        except ProtocolError:
            known = None  # what is wrong is said of the description as it came
        if known is not None and known.place == place:
            return known.at_port(port)
    return _read_offer(body, terms, own_host, signalled_from)


def _read_offer(body: bytes, terms: Terms, own_host: str, signalled_from: str) -> Offer:
    sdp = parse_sdp(body)
    found = _choose(sdp, terms)
    media = sdp.media[found.place]
    if found.dtls is not None and found.dtls.ufrag:
        # ICE finds the way; the address here is a guess, or none at all.
        remote, flows = ANYWHERE, _direction(sdp, media)
    else:
        remote, flows = _peer(sdp, media, own_host, signalled_from)
    return Offer(
        found.place,
        media.protocol,
        found.chosen,
        (found.crypto, found.dtls),
        tuple(
            [
                (other.kind, other.protocol, other.formats[0])
                for place, other in enumerate(sdp.media)
                if place != found.place
            ]
        ),
        packet_time(media.attributes),
        media.attribute("rtcp-mux") is not None,
        remote,
        flows,
    )


_known_offer: Final = lru_cache(maxsize=512)(_read_offer)
"""With a memory: a telephone or carrier describes each of its calls alike but for numbers."""


class _Found:
    """A stream that could be taken."""

    __slots__ = ("chosen", "crypto", "dtls", "place")

    def __init__(
        self, place: int, chosen: Chosen, crypto: Crypto | None, dtls: TheirDtls | None
    ) -> None:
        self.place = place
        self.chosen = chosen
        self.crypto = crypto
        self.dtls = dtls

    @property
    def encrypted(self) -> bool:
        return self.crypto is not None or self.dtls is not None


def _choose(sdp: Sdp, terms: Terms) -> _Found:
    """The stream to take: an encrypted one before a plain one, then the first."""
    best: _Found | None = None
    too_plain = False
    for place, media in enumerate(sdp.media):
        if media.kind != "audio" or media.port == 0:
            continue
        chosen = pick(media.formats, media.attributes, terms.codecs)
        if chosen is None:
            continue
        lines = [] if terms.srtp == "off" else usable(media.attributes)
        found = _Found(
            place,
            chosen,
            lines[0] if lines else None,
            read_dtls(sdp, media) if terms.dtls else None,
        )
        if not _fits(media.protocol, terms.srtp, found):
            too_plain = True
        elif best is None or (found.encrypted and not best.encrypted):
            best = found
    if best is not None:
        return best
    if too_plain:
        raise NotEncrypted("no stream that is encrypted, or not, as it must be here")
    raise NotAcceptable("no audio stream with a codec of ours")


def _fits(profile: str, srtp: str, found: _Found) -> bool:
    """Whether a stream may be taken; keys in a plain profile count too (RFC 8643)."""
    if found.dtls is not None:
        return True
    if srtp == IMPOSSIBLE:
        return False
    if profile in PLAIN:
        return found.crypto is not None or srtp != "required"
    return profile in ENCRYPTED and found.crypto is not None


def _peer(sdp: Sdp, media: Media, own_host: str, signalled_from: str) -> tuple[RtpAddress, Flows]:
    host = media.host or sdp.host
    try:
        host, nowhere = _known_host(host)
    except ValueError:
        raise NotAcceptable(f"media address {host[:64]!r} is not an IP address") from None
    if own_host and (":" in host) is not (":" in own_host):
        raise NotAcceptable("media address of the other IP version")
    sends, receives = _direction(sdp, media)
    if nowhere:  # hold as RFC 2543 had it: c=0.0.0.0
        receives = False
    behind = signalled_from
    if (":" in behind) is not (":" in host):
        behind = ""  # messages over IPv6 say nothing about where IPv4 audio comes from
    return RtpAddress(behind or host, media.port), (sends, receives)


@lru_cache(maxsize=1024)
def _known_host(host: str) -> tuple[str, bool]:
    """The same text for all calls, and whether it is the unspecified address: few peers, many
    calls."""
    return host, ipaddress.ip_address(host).is_unspecified


def _direction(sdp: Sdp, media: Media) -> Flows:
    for attributes in (media.attributes, sdp.attributes):
        for name, _ in attributes:
            if name in DIRECTIONS:
                return DIRECTIONS[name]
    return True, True
