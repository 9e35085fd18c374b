"""How our own description is worded."""

from functools import lru_cache
from typing import Final, NamedTuple

from drivers.api import RtpFormat
from drivers.sip.negotiation.description import Media, Origin, Sdp
from drivers.sip.negotiation.formats import (
    DTMF_EVENTS,
    DTMF_PAYLOADS,
    ENCODINGS,
    NOISE,
    OPUS,
    PAYLOADS,
    clock_of,
)
from drivers.sip.negotiation.offer import DIRECTIONS
from drivers.sip.negotiation.terms import Terms
from drivers.sip.sdp import build_sdp

_DIRECTION_NAMES: Final = {flags: name for name, flags in DIRECTIONS.items()}


class Stream(NamedTuple):
    """Our stream in a description, without what is different in every call."""

    profile: str
    formats: tuple[tuple[str, str], ...]
    """Payload type and codec."""
    dtmf: tuple[tuple[str, str], ...]
    """Payload type and clock of telephone events."""
    noise: bool
    ptime_ms: int
    rtcp_mux: bool
    sends: bool
    receives: bool


class Worded(NamedTuple):
    """A description in pieces; between them stand session id, port, and lines with keys."""

    start: str
    middle: str
    stream: str
    """Of our stream, behind its port."""
    end: str
    """Streams behind ours."""


def offered_events(codecs: tuple[str, ...]) -> tuple[tuple[str, str], ...]:
    """Telephone events for each clock of the codecs, in their order."""
    clocks = dict.fromkeys(clock_of(codec) for codec in codecs)
    return tuple((DTMF_PAYLOADS[clock], clock) for clock in clocks)


def offered_stream(
    profile: str,
    terms: Terms,
    fmt: RtpFormat | None,
    direction: tuple[bool, bool],
    *,
    noise: bool,
) -> Stream:
    """Everything we carry, or what is in use while a call stands (``fmt``)."""
    if fmt is None:
        return _everything(profile, terms, *direction)
    events = fmt.dtmf_payload_type
    return Stream(
        profile,
        ((str(fmt.payload_type), fmt.codec),),
        () if events is None else ((str(events), clock_of(fmt.codec)),),
        noise,
        fmt.ptime_ms,
        fmt.rtcp_mux,
        *direction,
    )


@lru_cache(maxsize=256)
def _everything(profile: str, terms: Terms, sends: bool, receives: bool) -> Stream:  # noqa: FBT001
    return Stream(
        profile,
        tuple((PAYLOADS[codec], codec) for codec in terms.codecs),
        offered_events(terms.codecs),
        terms.comfort_noise,
        terms.ptime_ms,
        terms.rtcp_mux or terms.browser,
        sends,
        receives,
    )


@lru_cache(maxsize=1024)
def worded(
    stream: Stream,
    refused: tuple[tuple[str, str, str], ...],
    chosen: int,
    host: str,
    connection: str,
    session: tuple[tuple[str, str], ...] = (),
) -> Worded:
    """Word a description: of many calls few differ in more than what is left out."""
    attributes = [("rtpmap", f"{payload} {ENCODINGS[codec]}") for payload, codec in stream.formats]
    # RFC 7587 6.1: packets that repeat what the one before held are worth their octets.
    attributes += [("fmtp", f"{n} useinbandfec=1") for n, codec in stream.formats if codec == OPUS]
    numbers = [payload for payload, _ in stream.formats]
    if stream.noise:
        numbers.append(NOISE)
        attributes.append(("rtpmap", f"{NOISE} CN/8000"))
    for payload, clock in stream.dtmf:
        numbers.append(payload)
        attributes.append(("rtpmap", f"{payload} telephone-event/{clock}"))
        attributes.append(("fmtp", f"{payload} {DTMF_EVENTS}"))
    attributes.append(("ptime", str(stream.ptime_ms)))
    if stream.rtcp_mux:
        attributes.append(("rtcp-mux", ""))
    attributes.append((_DIRECTION_NAMES[stream.sends, stream.receives], ""))
    others = [
        Media(kind=kind, port=0, protocol=protocol, formats=(payload,))
        for kind, protocol, payload in refused
    ]
    ours = Media(
        kind="audio",
        port=1,
        protocol=stream.profile,
        formats=tuple(numbers),
        attributes=tuple(attributes),
    )
    before = _text((*others[:chosen], ours), host, connection, session)
    whole = _text((*others[:chosen], ours, *others[chosen:]), host, connection, session)
    start, _, rest = before.partition("0 0")
    middle, _, own = rest.partition("m=audio 1 ")
    return Worded(start, f"{middle}m=audio ", f" {own}", whole.removeprefix(before))


def _text(
    media: tuple[Media, ...], host: str, connection: str, session: tuple[tuple[str, str], ...]
) -> str:
    origin = Origin("-", 0, 0, host)
    sdp = Sdp(origin=origin, host=connection, attributes=session, media=media)
    return build_sdp(sdp).decode()
