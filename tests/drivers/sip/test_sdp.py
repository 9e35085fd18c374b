"""Session descriptions: any bytes in, only SdpError out, and what is built parses the same."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from drivers.sip.negotiation.description import Media, Origin, Sdp
from drivers.sip.sdp import SdpError, build_sdp, parse_sdp
from tests.fakes.sip_bench import OFFER

WORD = st.text(
    st.characters(min_codepoint=33, max_codepoint=126, exclude_characters=":/"),
    min_size=1,
    max_size=8,
)
VALUE = st.text(
    st.characters(min_codepoint=32, max_codepoint=0x24F, categories=("L", "N", "P", "Zs")),
    max_size=20,
)
ATTRIBUTES = st.lists(st.tuples(WORD, VALUE), max_size=4).map(tuple)
HOSTS = st.sampled_from(["192.0.2.1", "2001:db8::1", "host.example"])
MEDIA = st.builds(
    Media,
    kind=st.sampled_from(["audio", "video"]),
    port=st.integers(0, 65535),
    protocol=st.sampled_from(["RTP/AVP", "RTP/SAVP"]),
    formats=st.lists(WORD, min_size=1, max_size=4).map(tuple),
    host=st.one_of(st.just(""), HOSTS),
    attributes=ATTRIBUTES,
)
DESCRIPTIONS = st.builds(
    Sdp,
    origin=st.builds(Origin, WORD, st.integers(0, 2**64 - 1), st.integers(0, 2**64 - 1), HOSTS),
    name=WORD,
    host=st.one_of(st.just(""), HOSTS),
    attributes=ATTRIBUTES,
    media=st.lists(MEDIA, max_size=3).map(tuple),
)


@given(DESCRIPTIONS)
def test_what_is_built_parses_to_the_same(sdp: Sdp) -> None:
    assert parse_sdp(build_sdp(sdp)) == sdp


@given(st.binary(max_size=200))
def test_any_bytes_give_a_description_or_its_error(data: bytes) -> None:
    for candidate in (data, b"v=0\r\n" + data, OFFER + data):
        try:
            parse_sdp(candidate)
        except SdpError:
            continue


@given(st.integers(0, len(OFFER)), st.integers(0, len(OFFER)), st.binary(max_size=3))
def test_damaged_description_gives_a_description_or_its_error(
    start: int, end: int, put: bytes
) -> None:
    try:
        parse_sdp(OFFER[: min(start, end)] + put + OFFER[max(start, end) :])
    except SdpError:
        return


def test_line_ends_may_be_lf_alone() -> None:
    assert parse_sdp(OFFER.replace(b"\r\n", b"\n")) == parse_sdp(OFFER)


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"v=1\r\n",
        b"v=0\r\n",
        b"v=0\r\no=a b c IN IP4 h\r\n",
        b"v=0\r\no=- 1 1 IN IP4 h\r\nm=audio x RTP/AVP 0\r\n",
        b"v=0\r\no=- 1 1 IN IP4 h\r\nm=audio 70000 RTP/AVP 0\r\n",
        b"v=0\r\no=- 1 1 IN IP4 h\r\nm=audio\r\n",
        b"v=0\r\no=- 1 1 IN IP4 h\r\nc=IN IP4\r\n",
        b"v=0\r\no=- 1 1 IN IP4 h\r\nnonsense\r\n",
        b"v=0\r\no=- 1 1 IN IP4 h\r\n" + b"m=audio 1 RTP/AVP 0\r\n" * 17,
        b"\xff\xfe",
    ],
)
def test_unusable_description_is_refused(data: bytes) -> None:
    with pytest.raises(SdpError):
        parse_sdp(data)
