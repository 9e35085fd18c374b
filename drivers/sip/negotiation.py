"""Offer and answer (RFC 3264) for one audio stream: codec, keys, direction, hold.

A :class:`Session` belongs to one call and knows both descriptions. It answers an offer,
makes one, and takes an answer; what the media engine must do follows as
``(RtpAddress, RtpFormat)``.
"""

import ipaddress
from enum import Enum, auto
from functools import lru_cache
from typing import Final, NamedTuple

from drivers.api import RtpAddress, RtpFormat
from drivers.errors import ProtocolError
from drivers.sip.journal.records import SessionRecord
from drivers.sip.sdp import Media, Origin, Sdp, build_sdp, parse_sdp

STATIC_PAYLOADS: Final = {"PCMU": "0", "PCMA": "8"}  # RFC 3551 table 4
DTMF_PAYLOAD: Final = "101"  # what we offer; an answer keeps the number it was offered
DTMF_EVENTS: Final = "0-15"

_DIRECTIONS: Final = {
    "sendrecv": (True, True),
    "sendonly": (True, False),
    "recvonly": (False, True),
    "inactive": (False, False),
}
_DIRECTION_NAMES: Final = {flags: name for name, flags in _DIRECTIONS.items()}


class NotAcceptable(ProtocolError):
    """A description that has nothing we carry: 488, or the end of a call we offered."""


class OfferState(Enum):
    """Who owes whom an answer (RFC 3264 4: one open offer at a time)."""

    STABLE = auto()
    CONSIDERED = auto()
    """The peer's offer waits for our answer."""
    OFFERED = auto()
    """Our offer waits for the peer's answer."""


class _Offer(NamedTuple):
    """A description of the peer with what we make of it."""

    sdp: Sdp
    place: int
    payload: str
    codec: str
    dtmf: str | None
    remote: RtpAddress
    sends: bool
    receives: bool


class Session:
    """Both descriptions of one call and what they agreed on."""

    __slots__ = (
        "_chosen",
        "_considered",
        "_described",
        "_refused",
        "codecs",
        "fmt",
        "hold_style",
        "host",
        "on_hold",
        "peer_holds",
        "port",
        "remote",
        "session_id",
        "signalled_from",
        "state",
        "version",
    )

    def __init__(
        self,
        *,
        host: str,
        port: int,
        codecs: tuple[str, ...],
        session_id: int,
        signalled_from: str = "",
        hold_style: str = "sendonly",
    ) -> None:
        self.host = host
        self.port = port
        self.codecs = codecs
        self.session_id = session_id
        self.version = session_id - 1  # the first description makes it session_id
        self.signalled_from = signalled_from
        """Host that a phone's messages come from: its audio is there too, whatever address it
        knows itself by (NAT, several interfaces). Empty: what it describes is right."""
        self.hold_style = hold_style
        """How we put the peer on hold, one of the options' ``HOLDS``."""
        self.on_hold = False
        """We put the peer on hold."""
        self.peer_holds = False
        self.state = OfferState.STABLE
        self.remote: RtpAddress | None = None
        self.fmt: RtpFormat | None = None
        self._considered: _Offer | None = None
        self._described = b""
        # Place of our stream among the m-lines, and the refused others: their number and
        # order never change within a session (RFC 3264 8).
        self._chosen = 0
        self._refused: tuple[tuple[str, str, str], ...] = ()

    @property
    def info_digits(self) -> bool:
        """Whether keys come as INFO because telephone-event was not agreed."""
        return self.fmt is not None and self.fmt.dtmf_payload_type is None

    def offer(self) -> bytes:
        """Make an offer: everything we carry, or the codec in use while a call stands."""
        if self.state is not OfferState.STABLE:
            raise NotAcceptable("an offer is open already")
        formats: list[tuple[str, str]] = []
        if self.fmt is None:
            formats = [(STATIC_PAYLOADS[codec], codec) for codec in self.codecs]
            dtmf: str | None = DTMF_PAYLOAD
        else:
            formats = [(str(self.fmt.payload_type), self.fmt.codec)]
            number = self.fmt.dtmf_payload_type
            dtmf = None if number is None else str(number)
        self.state = OfferState.OFFERED
        sends = not (self.on_hold and self.hold_style == "inactive")
        return self._describe(formats, dtmf, (sends, not self.on_hold))

    def offer_again(self) -> bytes:
        """Offer what stands, unchanged and under the same version (RFC 4028 7.4)."""
        if self.state is not OfferState.STABLE or not self._described:
            raise NotAcceptable("an offer is open already, or nothing was described yet")
        self.state = OfferState.OFFERED
        return self.described()

    def described(self) -> bytes:
        """Our description as it was last sent."""
        return self._numbered(self._described)

    def withdraw(self) -> None:
        """Forget an offer that was refused (491, 488); what stood before still stands."""
        self.state = OfferState.STABLE

    def consider(self, body: bytes) -> None:
        """Take an offer to ``answer``; SdpError or NotAcceptable leave all as it was."""
        if self.state is OfferState.OFFERED:
            raise NotAcceptable("an offer is open already")
        self._considered = self._read(body)
        self.state = OfferState.CONSIDERED

    def answer(self) -> bytes:
        """Answer the offer under consideration."""
        offer = self._considered
        if offer is None:
            raise NotAcceptable("no offer to answer")
        self._considered = None
        self.state = OfferState.STABLE
        send, receive = offer.receives, offer.sends and not self.on_hold
        self._chosen = offer.place
        self._refused = tuple(
            (other.kind, other.protocol, other.formats[0])
            for place, other in enumerate(offer.sdp.media)
            if place != offer.place
        )
        self._agree(offer, send=send, receive=receive)
        self.peer_holds = not offer.receives
        return self._describe([(offer.payload, offer.codec)], offer.dtmf, (send, receive))

    def accept(self, body: bytes) -> None:
        """Take the answer to our offer; SdpError or NotAcceptable when it is none."""
        self.state = OfferState.STABLE
        offer = self._read(body)
        self._agree(offer, send=offer.receives, receive=offer.sends and not self.on_hold)
        if not self.on_hold:
            self.peer_holds = not offer.receives

    def record(self) -> SessionRecord:
        """Everything needed to go on after a restart."""
        return SessionRecord(
            host=self.host,
            port=self.port,
            session_id=self.session_id,
            version=self.version,
            codecs=self.codecs,
            on_hold=self.on_hold,
            peer_holds=self.peer_holds,
            described=self._described,
            refused=self._refused,
            chosen=self._chosen,
            remote=self.remote,
            fmt=self.fmt,
            signalled_from=self.signalled_from,
            hold_style=self.hold_style,
        )

    @classmethod
    def restore(cls, record: SessionRecord) -> "Session":
        """Rebuild a session; an offer open at the time of the crash is forgotten."""
        session = cls(
            host=record.host,
            port=record.port,
            codecs=record.codecs,
            session_id=record.session_id,
            signalled_from=record.signalled_from,
            hold_style=record.hold_style,
        )
        session.version = record.version
        session.on_hold = record.on_hold
        session.peer_holds = record.peer_holds
        session.remote = record.remote
        session.fmt = record.fmt
        session._described = record.described
        session._refused = record.refused
        session._chosen = record.chosen
        return session

    def _agree(self, offer: "_Offer", *, send: bool, receive: bool) -> None:
        self.remote = offer.remote
        self.fmt = RtpFormat(
            payload_type=int(offer.payload),
            codec=offer.codec,
            dtmf_payload_type=None if offer.dtmf is None else int(offer.dtmf),
            send=send,
            receive=receive,
        )

    def _read(self, body: bytes) -> "_Offer":
        sdp = parse_sdp(body)
        index, payload, codec, dtmf = self._choose(sdp)
        return _Offer(sdp, index, payload, codec, dtmf, *self._peer(sdp, index))

    def _choose(self, sdp: Sdp) -> tuple[int, str, str, str | None]:
        """Pick the first audio stream with a codec of ours, ours in order of preference."""
        for index, media in enumerate(sdp.media):
            if media.kind != "audio" or media.port == 0 or media.protocol != "RTP/AVP":
                continue
            found = _pick(media.formats, media.attributes, self.codecs)
            if found is not None:
                return index, *found
        raise NotAcceptable("no audio stream with a codec of ours")

    def _peer(self, sdp: Sdp, index: int) -> tuple[RtpAddress, bool, bool]:
        media = sdp.media[index]
        host = media.host or sdp.host
        try:
            address = _address(host)
        except ValueError:
            raise NotAcceptable(f"media address {host[:64]!r} is not an IP address") from None
        if self.host and (":" in host) is not (":" in self.host):
            raise NotAcceptable("media address of the other IP version")
        sends, receives = _direction(sdp, media)
        if address.is_unspecified:  # hold as RFC 2543 had it: c=0.0.0.0
            receives = False
        behind = self.signalled_from
        if (":" in behind) is not (":" in host):
            behind = ""  # messages over IPv6 say nothing about where IPv4 audio comes from
        return RtpAddress(behind or host, media.port), sends, receives

    def _describe(
        self, formats: list[tuple[str, str]], dtmf: str | None, direction: tuple[bool, bool]
    ) -> bytes:
        # Version 0 stands in while comparing: it goes up by one exactly when something changed.
        zero = self.on_hold and self.hold_style == "address" and ":" not in self.host
        connection = "0.0.0.0" if zero else self.host  # noqa: S104 - hold as RFC 2543 had it
        start, middle, end = _written(
            tuple(formats), dtmf, direction, self._refused, self._chosen, self.host, connection
        )
        described = f"{start}{self.session_id} 0{middle}{self.port}{end}".encode()
        if described != self._described:
            self._described = described
            self.version += 1
        return self._numbered(described)

    def _numbered(self, described: bytes) -> bytes:
        start = f"o=- {self.session_id} "
        return described.replace(f"{start}0 ".encode(), f"{start}{self.version} ".encode(), 1)


@lru_cache(maxsize=512)
def _pick(
    formats: tuple[str, ...], attributes: tuple[tuple[str, str], ...], codecs: tuple[str, ...]
) -> tuple[str, str, str | None] | None:
    """Payload type, codec and that of telephone events; None without a codec of ours."""
    names = _payload_names(formats, attributes)
    for codec in codecs:
        for payload, name in names.items():
            if name == f"{codec}/8000":
                dtmf = [p for p, n in names.items() if n == "TELEPHONE-EVENT/8000"]
                return payload, codec, dtmf[0] if dtmf else None
    return None


def _payload_names(
    formats: tuple[str, ...], attributes: tuple[tuple[str, str], ...]
) -> dict[str, str]:
    """Payload type to ``NAME/rate`` in upper case, in the order of the m-line."""
    names = {"0": "PCMU/8000", "8": "PCMA/8000"}
    for name, value in attributes:
        if name == "rtpmap":
            payload, _, encoding = value.partition(" ")
            # "PCMA/8000/1" says the same as "PCMA/8000".
            names[payload] = encoding.strip().upper().removesuffix("/1")
    return {
        payload: names[payload]
        for payload in formats
        if payload in names and payload.isascii() and payload.isdigit() and len(payload) <= 3
        if int(payload) < 128
    }


@lru_cache(maxsize=1024)
def _written(
    formats: tuple[tuple[str, str], ...],
    dtmf: str | None,
    direction: tuple[bool, bool],
    refused: tuple[tuple[str, str, str], ...],
    chosen: int,
    host: str,
    connection: str,
) -> tuple[str, str, str]:
    """A description around its session id and port: of many calls few differ in more."""
    attributes = [("rtpmap", f"{payload} {codec}/8000") for payload, codec in formats]
    numbers = [payload for payload, _ in formats]
    if dtmf is not None:
        numbers.append(dtmf)
        attributes.append(("rtpmap", f"{dtmf} telephone-event/8000"))
        attributes.append(("fmtp", f"{dtmf} {DTMF_EVENTS}"))
    attributes.append(("ptime", "20"))
    attributes.append((_DIRECTION_NAMES[direction], ""))
    media = [
        Media(kind=kind, port=0, protocol=protocol, formats=(payload,))
        for kind, protocol, payload in refused
    ]
    ours = Media(kind="audio", port=1, formats=tuple(numbers), attributes=tuple(attributes))
    media.insert(chosen, ours)
    sdp = Sdp(origin=Origin("-", 0, 0, host), host=connection, media=tuple(media))
    start, _, rest = build_sdp(sdp).decode().partition("0 0")
    middle, _, end = rest.partition("m=audio 1 ")
    return start, f"{middle}m=audio ", f" {end}"


@lru_cache(maxsize=1024)
def _address(host: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address:
    return ipaddress.ip_address(host)  # few peers, many calls: worth remembering


def _direction(sdp: Sdp, media: Media) -> tuple[bool, bool]:
    for attributes in (media.attributes, sdp.attributes):
        for name, _ in attributes:
            if name in _DIRECTIONS:
                return _DIRECTIONS[name]
    return True, True
