"""Descriptions that are remembered mean what they mean when read anew, whoever sends them."""

import random

from drivers.errors import ProtocolError
from drivers.sip.negotiation.formats import CODECS
from drivers.sip.negotiation.offer import _read_offer, read_offer
from drivers.sip.negotiation.terms import Terms
from tests.fuzz.descriptions import change

TERMS = (Terms(CODECS), Terms(CODECS[:1], "required"), Terms(CODECS, dtls=True))
FIELDS = (
    "chosen", "crypto", "dtls", "others", "place", "profile", "ptime_ms", "receives", "remote",
    "rtcp_mux", "sends",
)  # fmt: skip
PLACES = (("192.0.2.1", ""), ("2001:db8::1", ""), ("192.0.2.1", "198.51.100.7"))
USUAL = (
    "v=0\r\no=- {session} {version} IN IP4 192.0.2.9\r\ns=-\r\nc=IN IP4 192.0.2.9\r\nt=0 0\r\n"
    "m=audio {port} RTP/AVP 8 0 101\r\na=rtpmap:8 PCMA/8000\r\na=rtpmap:101 telephone-event/8000\r\n"
    "a=fmtp:101 0-15\r\na=ptime:20\r\na=sendrecv\r\n",
    "v=0\r\no=x {session} {version} IN IP6 2001:db8::9\r\ns= \r\nt=0 0\r\nm=video 4000 RTP/AVP 96\r\n"
    "c=IN IP6 2001:db8::9\r\nm=audio {port} RTP/AVP 0\r\nc=IN IP6 2001:db8::9\r\na=sendonly\r\n"
    "m=audio 4010 RTP/SAVP 8\r\nc=IN IP4 0.0.0.0\r\n",
    "v=0\r\no=- {session} {version} IN IP4 192.0.2.9\r\ns=-\r\nc=IN IP4 0.0.0.0\r\nt=0 0\r\n"
    "m=audio {port} RTP/AVP 99\r\na=rtpmap:99 speex/8000\r\nm=audio {port} RTP/AVP 0\r\na=rtcp-mux\r\n",
)
PIECES = (
    b"m=audio 1 RTP/AVP 8\r\n", b"m=audio 65536 RTP/AVP 8\r\n", b"m=audio 9/2 RTP/AVP 8\r\n",
    b"m=audio 0 RTP/AVP 8\r\n", b"m=audio 09 RTP/AVP 8\r\n", b"c=IN IP4 a.name\r\n", b"a=inactive\r\n",
    b"a=ptime:1\r\n", b"a=fmtp:8 mode=x\r\n", b"b=AS:64\r\n", b"i=m=audio 1\r\n", b"m=image 9 udptl t38\r\n",
)  # fmt: skip


def meaning(read, *arguments) -> tuple[object, ...]:
    """Everything that an offer says, or why it is refused."""
    host, signalled_from = arguments[2:]
    try:
        found = read(*arguments[:2], own_host=host, signalled_from=signalled_from)
    except ProtocolError as error:
        return type(error), str(error)
    return tuple(getattr(found, name) for name in FIELDS)


def test_what_is_remembered_is_what_is_read() -> None:
    chance = random.Random(4569)
    agreed = 0
    for _ in range(4000):
        text = chance.choice(USUAL).format(
            session=chance.randrange(1 << 63), version=chance.randrange(3),
            port=chance.choice((1, 9, 4000, 65535)),
        )  # fmt: skip
        body = text.encode()
        if chance.random() < 0.5:
            lines = body.splitlines(keepends=True)
            lines.insert(chance.randrange(2, len(lines) + 1), chance.choice(PIECES))
            body = b"".join(lines)
        if chance.random() < 0.3:
            body = change(body, chance)
        terms, (host, signalled_from) = chance.choice(TERMS), chance.choice(PLACES)
        known = meaning(read_offer, body, terms, host, signalled_from)
        assert known == meaning(_read_offer, body, terms, host, signalled_from), body
        agreed += len(known) > 2
    assert 400 < agreed < 3600
