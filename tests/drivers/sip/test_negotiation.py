"""Offer and answer: codecs, keys, directions, versions, refused streams."""

from random import Random

import msgspec
import pytest

from drivers.sip.journal.records import SessionRecord
from drivers.sip.negotiation.session import Session
from drivers.sip.negotiation.terms import NotAcceptable, Terms
from drivers.sip.sdp import SdpError, parse_sdp


def session(*codecs: str) -> Session:
    return Session(
        host="192.0.2.1",
        port=6000,
        terms=Terms(codecs or ("PCMA", "PCMU")),
        session_id=7,
        new_key=Random(7).randbytes,
    )


def offer(*media: str, host: str = "192.0.2.9", extra: str = "") -> bytes:
    lines = ["v=0", "o=- 1 1 IN IP4 192.0.2.9", "s=-", f"c=IN IP4 {host}", "t=0 0"]
    return ("\r\n".join([*lines, *media]) + "\r\n" + extra).encode()


def answer(ours: Session, body: bytes):
    ours.consider(body)
    return parse_sdp(ours.answer())


@pytest.mark.parametrize(
    ("codecs", "line", "chosen"),
    [
        (("PCMA", "PCMU"), "m=audio 4000 RTP/AVP 0 8", ("8", "PCMA")),
        (("PCMU", "PCMA"), "m=audio 4000 RTP/AVP 8 0", ("0", "PCMU")),
        (("PCMA", "PCMU"), "m=audio 4000 RTP/AVP 18 0", ("0", "PCMU")),
        (("PCMA",), "m=audio 4000 RTP/AVP 96\r\na=rtpmap:96 pcma/8000/1", ("96", "PCMA")),
    ],
)
def test_answer_takes_our_first_codec_that_was_offered(codecs, line, chosen) -> None:
    ours = session(*codecs)
    sdp = answer(ours, offer(line))
    assert ours.fmt is not None
    assert (str(ours.fmt.payload_type), ours.fmt.codec) == chosen
    assert sdp.media[0].formats == chosen[:1]


def test_keys_keep_the_number_they_were_offered_with() -> None:
    ours = session()
    sdp = answer(
        ours,
        offer("m=audio 4000 RTP/AVP 8 96", "a=rtpmap:96 telephone-event/8000", "a=fmtp:96 0-16"),
    )
    assert ours.fmt is not None
    assert ours.fmt.dtmf_payload_type == 96
    assert ("fmtp", "96 0-15") in sdp.media[0].attributes
    assert not ours.info_digits


def test_keys_come_as_info_when_they_were_not_offered() -> None:
    ours = session()
    sdp = answer(ours, offer("m=audio 4000 RTP/AVP 8"))
    assert ours.info_digits
    assert all("telephone-event" not in value for _, value in sdp.media[0].attributes)


@pytest.mark.parametrize(
    ("theirs", "held", "answered", "send", "receive"),
    [
        ("sendrecv", False, "sendrecv", True, True),
        ("sendonly", False, "recvonly", False, True),
        ("recvonly", False, "sendonly", True, False),
        ("inactive", False, "inactive", False, False),
        ("sendrecv", True, "sendonly", True, False),
        ("sendonly", True, "inactive", False, False),
        ("recvonly", True, "sendonly", True, False),
        ("inactive", True, "inactive", False, False),
    ],
)
def test_direction_of_the_answer(theirs, held, answered, send, receive) -> None:
    ours = session()
    ours.on_hold = held
    sdp = answer(ours, offer("m=audio 4000 RTP/AVP 8", f"a={theirs}"))
    assert sdp.media[0].attributes[-1] == (answered, "")
    assert ours.fmt is not None
    assert (ours.fmt.send, ours.fmt.receive) == (send, receive)
    assert ours.peer_holds is (theirs in {"sendonly", "inactive"})


def test_direction_of_the_session_counts_for_the_stream() -> None:
    ours = session()
    body = offer("a=sendonly", "m=audio 4000 RTP/AVP 8")
    answer(ours, body)
    assert ours.peer_holds


def test_old_hold_with_address_zero() -> None:
    ours = session()
    answer(ours, offer("m=audio 4000 RTP/AVP 8", host="0.0.0.0"))
    assert ours.peer_holds
    assert ours.fmt is not None
    assert not ours.fmt.send


def test_other_streams_are_refused_in_their_place_and_stay_there() -> None:
    ours = session()
    body = offer(
        "m=video 5000 RTP/AVP 31", "m=audio 4000 RTP/AVP 8", "m=audio 4002 RTP/AVP 0", "a=x"
    )
    sdp = answer(ours, body)
    assert [(one.kind, one.port) for one in sdp.media] == [
        ("video", 0),
        ("audio", 6000),
        ("audio", 0),
    ]
    again = parse_sdp(ours.offer())
    assert [(one.kind, one.port) for one in again.media] == [
        ("video", 0),
        ("audio", 6000),
        ("audio", 0),
    ]


def test_version_rises_by_one_and_only_with_a_change() -> None:
    ours = session()
    versions = [
        answer(ours, offer("m=audio 4000 RTP/AVP 8", f"a={direction}")).origin.version
        for direction in ("sendrecv", "sendrecv", "sendonly", "sendonly", "sendrecv")
    ]
    assert versions == [7, 7, 8, 8, 9]


def test_offer_then_answer() -> None:
    ours = session()
    sdp = parse_sdp(ours.offer())
    assert sdp.media[0].formats == ("8", "0", "101")
    with pytest.raises(NotAcceptable):
        ours.offer()
    with pytest.raises(NotAcceptable):
        ours.consider(offer("m=audio 4000 RTP/AVP 8"))
    ours.accept(offer("m=audio 4000 RTP/AVP 0"))
    assert ours.fmt is not None
    assert (ours.fmt.codec, ours.fmt.dtmf_payload_type) == ("PCMU", None)
    assert parse_sdp(ours.offer()).media[0].formats == ("0",)


@pytest.mark.parametrize(
    "body",
    [
        offer("m=audio 4000 RTP/AVP 18"),
        offer("m=audio 0 RTP/AVP 8"),
        offer("m=video 4000 RTP/AVP 8"),
        offer("m=audio 4000 RTP/SAVP 8"),
        offer("m=audio 4000 RTP/AVP 8", host="2001:db8::1"),
        offer("m=audio 4000 RTP/AVP 8", host="media.example"),
        offer(),
    ],
)
def test_offer_without_anything_usable_is_not_acceptable(body: bytes) -> None:
    ours = session()
    with pytest.raises(NotAcceptable):
        ours.consider(body)
    assert ours.fmt is None


def test_failed_offer_leaves_the_session_as_it_was() -> None:
    ours = session()
    answer(ours, offer("m=audio 4000 RTP/AVP 8"))
    before = ours.fields()
    with pytest.raises(NotAcceptable):
        ours.consider(offer("m=audio 4000 RTP/AVP 18"))
    with pytest.raises(SdpError):
        ours.consider(b"rubbish")
    assert ours.fields() == before


def test_restored_session_goes_on_with_hold_and_version() -> None:
    ours = session()
    answer(ours, offer("m=audio 4000 RTP/AVP 8", "a=sendonly"))
    data = msgspec.msgpack.encode(ours.fields())
    record = msgspec.msgpack.decode(data, type=SessionRecord)
    other = Session.restore(record, Random(8).randbytes)
    assert other.peer_holds
    body = offer("m=audio 4000 RTP/AVP 8", "a=sendonly")
    assert answer(other, body) == answer(ours, body)
    assert answer(other, offer("m=audio 4000 RTP/AVP 8")).origin.version == 8
