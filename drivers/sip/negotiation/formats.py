"""Codecs in descriptions: names, payload types, clocks (RFC 3551, 7587, 4733, 3389)."""

from functools import lru_cache
from typing import Final, NamedTuple

from drivers.api import RtpFormat

OPUS: Final = "OPUS"
CODECS: Final = ("PCMA", "PCMU", "G722", "L16", OPUS)
"""Codecs the media engine carries; Opus passes only between two telephones that have it."""
USUAL: Final = ("PCMA", "PCMU")

ENCODINGS: Final = {
    "PCMU": "PCMU/8000",
    "PCMA": "PCMA/8000",
    # The clock of G.722 is 8000 although it samples twice as often (RFC 3551 4.5.2).
    "G722": "G722/8000",
    "L16": "L16/8000",
    OPUS: "opus/48000/2",
}
PAYLOADS: Final = {"PCMU": "0", "PCMA": "8", "G722": "9", OPUS: "96", "L16": "97"}
"""What we offer; an answer keeps the number it was offered."""
NOISE: Final = "13"  # RFC 3389; the number is static, the clock 8000
DTMF_EVENTS: Final = "0-15"
DTMF_PAYLOADS: Final = {"8000": "101", "48000": "102"}
"""Telephone events have the clock of their audio, so each clock needs its own (RFC 4733 2.1)."""

_NAMES: Final = {codec: encoding.upper() for codec, encoding in ENCODINGS.items()}
_STATIC: Final = {"0": "PCMU/8000", "8": "PCMA/8000", "9": "G722/8000", NOISE: "CN/8000"}
_LEAST, _USUAL, _MOST = 10, 20, 60  # ms


class Chosen(NamedTuple):
    """What was found in the formats of a stream."""

    payload: str
    codec: str
    dtmf: str | None
    """Payload type of telephone events with the clock of the codec."""
    noise: bool
    """Comfort noise is among them."""


def clock_of(codec: str) -> str:
    """The RTP clock of a codec."""
    return ENCODINGS[codec].split("/")[1]


def pick(
    formats: tuple[str, ...], attributes: tuple[tuple[str, str], ...], codecs: tuple[str, ...]
) -> Chosen | None:
    """Choose the first of ``codecs`` that a stream has; None when it has none."""
    # What is remembered must hold no keys: only the lines that count are asked with.
    return _pick(formats, tuple([one for one in attributes if one[0] == "rtpmap"]), codecs)


@lru_cache(maxsize=512)
def _pick(
    formats: tuple[str, ...], rtpmaps: tuple[tuple[str, str], ...], codecs: tuple[str, ...]
) -> Chosen | None:
    names = _payload_names(formats, rtpmaps)
    for codec in codecs:
        wanted = _NAMES[codec]
        for payload, name in names.items():
            if name == wanted:
                events = f"TELEPHONE-EVENT/{clock_of(codec)}"
                dtmf = [p for p, n in names.items() if n == events]
                noise = codec != OPUS and names.get(NOISE) == "CN/8000"
                return Chosen(payload, codec, dtmf[0] if dtmf else None, noise)
    return None


@lru_cache(maxsize=256)
def plain_format(chosen: Chosen, ptime_ms: int, flags: tuple[bool, bool, bool, bool]) -> RtpFormat:
    """A format without keys, one for all calls that agree on it; ``flags`` say whether we send,
    receive, have RTCP on the same port, and decode Opus."""
    send, receive, rtcp_mux, transcode = flags
    return RtpFormat(
        payload_type=int(chosen.payload),
        codec=chosen.codec,
        dtmf_payload_type=None if chosen.dtmf is None else int(chosen.dtmf),
        ptime_ms=ptime_ms,
        send=send,
        receive=receive,
        rtcp_mux=rtcp_mux,
        transcode=transcode,
    )


def packet_time(attributes: tuple[tuple[str, str], ...]) -> int:
    """Milliseconds in a packet that a peer wants: ``ptime`` within ``maxptime`` (RFC 8866 6.4).

    The engine makes packets of 10 to 60 ms in steps of 10; nothing usable means 20.
    """
    wanted, most = _USUAL, _MOST
    for name, value in attributes:
        if name != "ptime" and name != "maxptime":
            continue
        number = _milliseconds(value)
        if number and name == "ptime":
            wanted = number
        elif number:
            most = number
    return max(_LEAST, min(wanted, most, _MOST) // 10 * 10)


def _milliseconds(value: str) -> int:
    text = value.strip()
    return int(text) if text.isascii() and text.isdigit() and len(text) <= 4 else 0


def _payload_names(
    formats: tuple[str, ...], rtpmaps: tuple[tuple[str, str], ...]
) -> dict[str, str]:
    """Payload type to ``NAME/rate`` in upper case, in the order of the m-line."""
    names = dict(_STATIC)
    for _, value in rtpmaps:
        payload, _, encoding = value.partition(" ")
        # "PCMA/8000/1" says the same as "PCMA/8000".
        names[payload] = encoding.strip().upper().removesuffix("/1")
    return {
        payload: names[payload]
        for payload in formats
        if payload in names and payload.isascii() and payload.isdigit() and len(payload) <= 3
        if int(payload) < 128
    }
