"""Descriptions and built messages: the compiled kernels say the same as their plain twins."""

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from cython_ext.sip_wire import WireError
from tests.cython_ext.conftest import sip_implementations

HEAD = b"v=0\r\no=- 1 2 IN IP4 192.0.2.1\r\n"
LINES = st.sampled_from(
    [
        b"v=0", b"o=- 1 2 IN IP4 192.0.2.1", b"o=a b", b"o=- 18446744073709551616 1 IN IP4 h",
        b"o=- 18446744073709551615 00000000000000000001 IN IP4 h", b"s=x", b"s=", b"s=a\0b",
        b"c=IN IP4 192.0.2.1/127", b"c=IN IP4 /1", b"c=in IP4 h", b"t=0 0", b"a=sendrecv",
        b"a=rtpmap:8 PCMA/8000", b"a=", b"a=x:", b"a=:x", b"a=x y:z", b"a=x\x7f:z", b"a=x:\0",
        b"m=audio 4000/2 RTP/AVP 8 0", b"m=audio 65536 RTP/AVP 8", b"m=audio 1 RTP/AVP",
        b"m=audio\x1f1\x0bRTP/AVP\x0c8", b"m=audio " + b"9 " * 80, b"x", b"=", b"a", b"\r",
        b"a=crypto:1 S inline:K", "s=Zoë".encode(), b"s=\xff", "a=é:b".encode(), "m=\u2003a".encode(),
    ]
)  # fmt: skip
USUAL = [b"s=x", b"c=IN IP4 h", b"t=0 0", b"a=sendrecv", b"a=rtpmap:8 PCMA/8000", b"a=ptime:20"]
ENDS = st.sampled_from([b"\r\n", b"\n", b"\r\r\n", b"\n\n", b""])
DESCRIPTIONS = st.lists(st.tuples(LINES, ENDS), max_size=12).map(
    lambda pairs: b"".join(line + end for line, end in pairs)
)
NAMES = st.one_of(
    st.sampled_from(["Via", "l", "Content-Length", "content-length", "X-Y", "", "a b", "é", "To"]),
    st.text(max_size=4),
)
VALUES = st.one_of(
    st.text(max_size=12),
    st.sampled_from(["a\rb", "a\nb", "", "é", "\udc80", "\ud800", "x" * 3000]),
)


def said(function, *args):
    try:
        return function(*args)
    except WireError as fault:
        return fault.reason, fault.status


@given(st.one_of(DESCRIPTIONS, DESCRIPTIONS.map(lambda lines: HEAD + lines), st.binary()))
@example(HEAD + b"m=audio 1 RTP/AVP 0\r\n" * 17)
@example(HEAD + b"m=audio 1 RTP/AVP 0\r\n" * 16)
@example(b"v=0\n" + b"t=0 0\n" * 511)
@example(b"v=0\n" + b"t=0 0\n" * 512)
@example(b"\r\n\nv=0\r\no=- 1 2 IN IP4 h")
def test_both_read_the_same_of_a_description(data: bytes) -> None:
    found = [said(one.read_description, data) for one in sip_implementations().values()]
    assert found[0] == found[-1]
    usual = [one.usual_description(data) for one in sip_implementations().values()]
    assert usual[0] == usual[-1]


@given(
    st.sampled_from([b"-", b"a b", b"", b"u\x7f", b"Z\xc3\xb6e", b"user"]),
    st.sampled_from([b"0", b"7", b"1" * 19, b"1" * 20, b"x", b"-1", b""]),
    st.sampled_from([b" IN IP4 h", b"", b" IN IP4", b" \x00"]),
    st.lists(st.sampled_from([*USUAL, b"m=video 0 RTP/AVP 31", b"a=crypto:1 S k", b"k=p", b""])),
    st.sampled_from([b"1", b"65535", b"65536", b"655350", b"0", b"01", b"4000/2", b"", b" 5"]),
)
@example(b"-", b"1", b" IN IP4 h", [b"a=ptime:20", b"t=0 0"], b"4000")
@example(b"-", b"1", b" IN IP4 h", [b"s=" + b"x" * 1100], b"4000")
def test_both_say_the_same_of_what_is_usual(user, number, rest, lines, port) -> None:
    audio = b"m=audio " + port + b" RTP/AVP 8"
    for at in range(len(lines) + 1):
        before, after = lines[:at], lines[at:]
        origin = b"o=" + user + b" " + number + b" " + number + rest
        data = b"\r\n".join([b"v=0", origin, *before, audio, *after, b""])
        found = [one.usual_description(data) for one in sip_implementations().values()]
        assert found[0] == found[-1]
        for cut in (data[:-2], data[:-1], data + b"\n", data.replace(b"\r\n", b"\n", 1)):
            assert len({one.usual_description(cut) for one in sip_implementations().values()}) == 1


def test_calls_of_one_telephone_have_their_description_in_common(sip) -> None:
    lines = ["v=0", "o=- {} {} IN IP4 h", "s=-", "m=video 0 RTP/AVP 31", "m=audio {} RTP/AVP 8"]
    text = "\r\n".join([*lines, "a=sendrecv", ""])
    first = sip.usual_description(text.format(7, 8, 4000).encode())
    assert first == (text.format(0, 0, 1).encode(), 4000, 1)
    assert sip.usual_description(text.format(9, 123, 65535).encode()) == (first[0], 65535, 1)


def test_a_description_with_keys_has_nothing_to_be_remembered(sip) -> None:
    usual = HEAD + b"m=audio 1 RTP/AVP 8\r\n"
    assert sip.usual_description(usual) is not None
    for line in (b"a=crypto:1 S inline:K", b"a=ice-pwd:p", b"a=fingerprint:f", b"k=clear:p"):
        assert sip.usual_description(usual + line + b"\r\n") is None


@given(
    st.sampled_from(["INVITE", "", "IN VITE", "é"]),
    st.sampled_from(["sip:a@b", "", "sip:a b", "<sip:a>", "sip:é", "sip:\x7f", "x" * 2100]),
    st.lists(st.tuples(NAMES, VALUES), max_size=5),
    st.binary(max_size=40),
)
def test_both_write_the_same_request(method, uri, headers, body) -> None:
    found = [
        said(o.build_request, method, uri, headers, body) for o in sip_implementations().values()
    ]
    assert found[0] == found[-1]


@given(
    st.sampled_from([99, 100, 699, 700]),
    VALUES,
    st.lists(st.tuples(NAMES, VALUES), max_size=5),
    st.binary(max_size=40),
)
def test_both_write_the_same_response(status, reason, headers, body) -> None:
    found = [
        said(o.build_response, status, reason, headers, body)
        for o in sip_implementations().values()
    ]
    assert found[0] == found[-1]


def test_a_long_message_is_written_whole(sip) -> None:
    headers = [(f"X-{number}", "v" * number) for number in range(300)]
    data = sip.build_response(200, "OK", headers, b"b" * 9000)
    head, _, body = data.partition(b"\r\n\r\n")
    lines = [f"{name}: {value}" for name, value in headers]
    assert head.decode().split("\r\n") == ["SIP/2.0 200 OK", *lines, "Content-Length: 9000"]
    assert body == b"b" * 9000


@pytest.mark.parametrize("value", [None, 7, b"x"])
def test_a_header_that_is_no_text_is_a_mistake_of_ours(sip, value) -> None:
    with pytest.raises((TypeError, AttributeError)):
        sip.build_request("INFO", "sip:a@b", [("X", value)])
