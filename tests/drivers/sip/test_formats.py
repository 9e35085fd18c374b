"""Codecs, packet times, RTCP and comfort noise in offer and answer."""

from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from drivers.sip.negotiation.description import Media
from drivers.sip.negotiation.formats import CODECS, packet_time
from drivers.sip.negotiation.session import Session
from drivers.sip.negotiation.terms import NotAcceptable, Terms
from drivers.sip.sdp import parse_sdp

ALL = CODECS


def session(terms: Terms = Terms(ALL)) -> Session:  # noqa: B008 - it is frozen
    return Session(
        host="192.0.2.1", port=6000, terms=terms, session_id=7, new_key=Random(1).randbytes
    )


def offer(formats: str, *lines: str) -> bytes:
    text = ["v=0", "o=- 1 1 IN IP4 192.0.2.9", "s=-", "c=IN IP4 192.0.2.9", "t=0 0"]
    return "\r\n".join([*text, f"m=audio 4000 RTP/AVP {formats}", *lines, ""]).encode()


def answer(ours: Session, body: bytes) -> Media:
    ours.consider(body)
    return parse_sdp(ours.answer()).media[0]


@pytest.mark.parametrize(
    ("codec", "formats", "rtpmap", "agreed"),
    [
        ("PCMU", "0", (), (0, "PCMU")),
        ("G722", "9", (), (9, "G722")),
        ("G722", "99", ("a=rtpmap:99 g722/8000",), (99, "G722")),
        ("L16", "118", ("a=rtpmap:118 L16/8000",), (118, "L16")),
        ("L16", "118", ("a=rtpmap:118 L16/8000/1",), (118, "L16")),
        ("OPUS", "111", ("a=rtpmap:111 opus/48000/2",), (111, "OPUS")),
    ],
)
def test_codec_is_known_by_number_or_name(codec, formats, rtpmap, agreed) -> None:
    ours = session(Terms((codec,)))
    media = answer(ours, offer(formats, *rtpmap))
    assert ours.fmt is not None
    assert (ours.fmt.payload_type, ours.fmt.codec) == agreed
    assert media.formats == (formats,)


@pytest.mark.parametrize(
    ("formats", "rtpmap"),
    [
        ("11", ()),
        ("10", ("a=rtpmap:10 L16/44100/2",)),
        ("97", ("a=rtpmap:97 L16/16000",)),
        ("97", ("a=rtpmap:97 opus/16000/2",)),
        ("18", ()),
        ("13", ()),
        ("101", ("a=rtpmap:101 telephone-event/8000",)),
    ],
)
def test_what_the_engine_cannot_do_is_not_taken(formats, rtpmap) -> None:
    with pytest.raises(NotAcceptable):
        session().consider(offer(formats, *rtpmap))


def test_keys_have_the_clock_of_the_codec() -> None:
    events = ("a=rtpmap:100 telephone-event/8000", "a=rtpmap:110 telephone-event/48000")
    opus = "a=rtpmap:111 opus/48000/2"
    ours = session(Terms(("OPUS",)))
    media = answer(ours, offer("111 0 100 110", opus, *events))
    assert ours.fmt is not None
    assert ours.fmt.dtmf_payload_type == 110
    assert media.formats == ("111", "110")
    narrow = session(Terms(("PCMU",)))
    answer(narrow, offer("111 0 110 100", opus, *events))
    assert narrow.fmt is not None
    assert narrow.fmt.dtmf_payload_type == 100
    without = session(Terms(("OPUS",)))
    answer(without, offer("111 100", opus, events[0]))
    assert without.fmt is not None
    assert without.fmt.dtmf_payload_type is None
    assert without.info_digits


def test_opus_is_transcoded_where_the_terms_say_so() -> None:
    opus = ("a=rtpmap:111 opus/48000/2", "a=fmtp:111 minptime=10")
    ours = session(Terms(("OPUS", "PCMA"), transcode=True))
    media = answer(ours, offer("8 111", *opus))
    assert ours.fmt is not None
    assert (ours.fmt.codec, ours.fmt.transcode) == ("OPUS", True)
    assert ("fmtp", "111 useinbandfec=1") in media.attributes
    narrow = session(Terms(("PCMA", "OPUS"), transcode=True))
    answer(narrow, offer("8 111", *opus))
    passed_on = session(Terms(("OPUS",)))
    answer(passed_on, offer("111", *opus))
    for other in (narrow, passed_on):
        assert other.fmt is not None
        assert not other.fmt.transcode


def test_offer_has_every_codec_and_keys_for_each_clock() -> None:
    media = parse_sdp(session().offer()).media[0]
    names = dict(value.split(" ") for name, value in media.attributes if name == "rtpmap")
    assert [names[number] for number in media.formats] == [
        "PCMA/8000",
        "PCMU/8000",
        "G722/8000",
        "L16/8000",
        "opus/48000/2",
        "telephone-event/8000",
        "telephone-event/48000",
    ]
    assert len(set(media.formats)) == len(media.formats)


@pytest.mark.parametrize(
    ("lines", "chosen"),
    [
        ((), 20),
        (("a=ptime:10",), 10),
        (("a=ptime:30",), 30),
        (("a=ptime:60",), 60),
        (("a=ptime:120",), 60),
        (("a=ptime:25",), 20),
        (("a=ptime:5",), 10),
        (("a=ptime:0",), 20),
        (("a=ptime:twenty",), 20),
        (("a=ptime:40", "a=maxptime:30"), 30),
        (("a=maxptime:10",), 10),
        (("a=maxptime:150",), 20),
    ],
)
def test_packets_are_as_long_as_the_peer_asks(lines, chosen) -> None:
    ours = session()
    media = answer(ours, offer("8", *lines))
    assert ours.fmt is not None
    assert ours.fmt.ptime_ms == chosen
    assert media.attribute("ptime") == str(chosen)


@given(st.lists(st.tuples(st.sampled_from(["ptime", "maxptime"]), st.text(max_size=6))))
def test_any_packet_time_becomes_one_of_the_engine(lines) -> None:
    assert packet_time(tuple(lines)) in range(10, 61, 10)


def test_packet_time_of_the_options_is_offered_and_the_answers_is_sent() -> None:
    ours = session(Terms(("PCMA",), "off", 30))
    assert parse_sdp(ours.offer()).media[0].attribute("ptime") == "30"
    ours.accept(offer("8", "a=ptime:40"))
    assert ours.fmt is not None
    assert ours.fmt.ptime_ms == 40


@pytest.mark.parametrize("offers", [True, False])
@pytest.mark.parametrize("has", [True, False])
def test_rtcp_shares_the_port_when_both_want_that(*, offers: bool, has: bool) -> None:
    lines = ("a=rtcp-mux",) if has else ()
    asked = session()
    media = answer(asked, offer("8", *lines))
    assert asked.fmt is not None
    assert asked.fmt.rtcp_mux is has
    assert (media.attribute("rtcp-mux") is not None) is has
    asking = session(Terms(("PCMA",), rtcp_mux=offers))
    assert (parse_sdp(asking.offer()).media[0].attribute("rtcp-mux") is not None) is offers
    asking.accept(offer("8", *lines))
    assert asking.fmt is not None
    assert asking.fmt.rtcp_mux is (offers and has)


@pytest.mark.parametrize("wanted", [True, False])
def test_comfort_noise_is_taken_where_the_options_say_so(*, wanted: bool) -> None:
    ours = session(Terms(("PCMA",), comfort_noise=wanted))
    media = answer(ours, offer("8 13"))
    assert ("13" in media.formats) is wanted
    again = parse_sdp(ours.offer()).media[0]
    assert ("13" in again.formats) is wanted
    first = session(Terms(("PCMA",), comfort_noise=wanted))
    assert ("13" in parse_sdp(first.offer()).media[0].formats) is wanted


@given(
    st.lists(st.sampled_from(CODECS), min_size=1, unique=True),
    st.lists(st.sampled_from(CODECS), min_size=1, unique=True),
    st.sampled_from(["off", "allowed", "required"]),
    st.sampled_from(["off", "allowed", "required"]),
    st.sampled_from([10, 20, 30, 40, 50, 60]),
    st.booleans(),
    st.booleans(),
)
def test_two_sides_open_their_engines_alike(first, second, srtp, other, ptime, mux, noise) -> None:
    """Whatever two of ours are told to do, they agree on the same stream or on none."""
    a = session(Terms(tuple(first), srtp, ptime, mux, noise))
    b = session(Terms(tuple(second), other))
    offered = a.offer()
    parts = parse_sdp(offered).media
    assert parse_sdp(offered).media == parts
    try:
        b.consider(offered)
    except NotAcceptable:
        assert not set(first) & set(second) or {srtp, other} == {"off", "required"}
        return
    a.accept(b.answer())
    assert a.fmt is not None
    assert b.fmt is not None
    assert a.fmt.codec == b.fmt.codec == next(one for one in second if one in first)
    assert a.fmt.payload_type == b.fmt.payload_type
    assert a.fmt.dtmf_payload_type == b.fmt.dtmf_payload_type
    assert (a.fmt.ptime_ms, a.fmt.rtcp_mux) == (b.fmt.ptime_ms, b.fmt.rtcp_mux)
    assert a.fmt.ptime_ms == ptime
    assert a.fmt.rtcp_mux is mux
    assert (a.fmt.srtp is None) is (b.fmt.srtp is None) is ("off" in (srtp, other))
