"""Messages out of a stream: whole, byte by byte, cut anywhere, with keep-alives between."""

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from drivers.sip.streams.codec import StreamCodec
from drivers.sip.streams.framing import (
    MAX_BODY,
    MAX_HEAD,
    Frame,
    FramingError,
    Ping,
    Pong,
    StreamFramer,
    content_length,
)

BODY = b"v=0\r\n\r\no=- 1 1 IN IP4 127.0.0.1\r\n"  # with a blank line, as a body may have one


def message(method: str = "INVITE", body: bytes = b"", name: str = "Content-Length") -> bytes:
    head = f"{method} sip:1000@127.0.0.1 SIP/2.0\r\nVia: SIP/2.0/TCP a;branch=z9hG4bKx\r\n"
    return f"{head}{name}: {len(body)}\r\n\r\n".encode() + body


FIRST = message(body=BODY)
SECOND = message("BYE", name="l")
STREAM = FIRST + b"\r\n\r\n" + SECOND + b"\r\n" + FIRST
EXPECTED = [Frame(FIRST), Ping(), Frame(SECOND), Frame(FIRST)]


def test_whole_stream_at_once() -> None:
    assert StreamFramer(accepted=True).receive(STREAM) == EXPECTED


def test_byte_by_byte() -> None:
    framer = StreamFramer(accepted=True)
    found = [one for at in range(len(STREAM)) for one in framer.receive(STREAM[at : at + 1])]
    assert found == EXPECTED
    assert len(framer) == 0


@pytest.mark.parametrize("cut", range(1, len(STREAM)))
def test_cut_at_every_place(cut: int) -> None:
    framer = StreamFramer(accepted=True)
    assert framer.receive(STREAM[:cut]) + framer.receive(STREAM[cut:]) == EXPECTED


@given(st.lists(st.integers(0, len(STREAM)), max_size=8))
def test_cut_anywhere(cuts: list[int]) -> None:
    framer = StreamFramer(accepted=True)
    places = sorted({0, *cuts, len(STREAM)})
    found = [
        one
        for start, end in itertools.pairwise(places)
        for one in framer.receive(STREAM[start:end])
    ]
    assert found == EXPECTED


@given(st.lists(st.binary(max_size=200), max_size=12))
def test_messages_with_any_body_come_out_as_they_went_in(bodies: list[bytes]) -> None:
    sent = [message(body=body) for body in bodies]
    framer = StreamFramer(accepted=True)
    assert framer.receive(b"".join(sent)) == [Frame(data) for data in sent]


@given(st.binary(max_size=400), st.lists(st.integers(0, 400), max_size=5))
def test_any_bytes_are_taken_or_the_stream_is_broken_the_same_in_any_cut(
    data: bytes, cuts: list[int]
) -> None:
    whole, pieces = StreamFramer(accepted=True), StreamFramer(accepted=True)
    expected = whole.receive(data)
    found = []
    places = sorted({0, *(cut for cut in cuts if cut < len(data)), len(data)})
    for start, end in itertools.pairwise(places):
        found += pieces.receive(data[start:end])
    assert found == expected
    assert pieces.broken == whole.broken


def test_answers_to_our_pings_are_single_line_ends() -> None:
    framer = StreamFramer(accepted=False)
    assert framer.receive(b"\r\n" + SECOND + b"\r\n") == [Pong(), Frame(SECOND), Pong()]


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (b"\x16\x03\x01\x02\x00", "no SIP message begins so"),
        (b"\r\r\n", "a carriage return without a line feed"),
        (b"BYE sip:a SIP/2.0\r\nTo: a\r\n\r\n", "no Content-Length"),
        (b"BYE sip:a SIP/2.0\r\nl: -1\r\n\r\n", "Content-Length is no number"),
        (b"BYE sip:a SIP/2.0\r\nl: 1\r\nContent-Length: 2\r\n\r\n", "two Content-Length"),
        (f"BYE sip:a SIP/2.0\r\nl: {MAX_BODY + 1}\r\n\r\n".encode(), "a body of more than"),
        (b"A" * (MAX_HEAD + 1), "a head of more than"),
    ],
)
def test_stream_that_cannot_be_followed_says_why_and_stays_silent(data: bytes, reason: str) -> None:
    framer = StreamFramer(accepted=True)
    assert framer.receive(SECOND + data) == [Frame(SECOND)]
    assert framer.broken.startswith(reason)
    assert framer.receive(FIRST) == []
    assert len(framer) == 0


def test_head_that_grows_without_end_keeps_no_more_than_its_limit() -> None:
    framer = StreamFramer(accepted=True)
    for _ in range(MAX_HEAD // 1000 + 2):
        framer.receive(b"X-Filler: " + b"y" * 990)
        assert len(framer) <= MAX_HEAD + 1000
    assert framer.broken


@pytest.mark.parametrize(
    ("head", "length"),
    [
        (b"BYE a SIP/2.0\r\nContent-Length : 12\r\n", 12),
        (b"BYE a SIP/2.0\r\nl:0\r\n", 0),
        (b"BYE a SIP/2.0\r\nSubject: x\r\n l: 9\r\nL: 3\r\n", 3),
        (b"BYE a SIP/2.0\r\nl: 3\r\nContent-Length: 3\r\n", 3),
    ],
)
def test_content_length_is_found(head: bytes, length: int) -> None:
    assert content_length(head) == length


def test_content_length_must_be_there() -> None:
    with pytest.raises(FramingError):
        content_length(b"BYE a SIP/2.0\r\nX: 1\r\n")


def test_codec_answers_pings_and_counts_answers() -> None:
    accepted, opened = StreamCodec(accepted=True), StreamCodec(accepted=False)
    assert accepted.receive(opened.ping() + FIRST) == [FIRST]
    answer = accepted.take_output()
    assert accepted.take_output() == b""
    assert opened.receive(answer) == []
    assert opened.answers == 1


def by_lines(head: bytes) -> int | None:
    """What a head says of its body, read line by line; None for what is refused."""
    found = set()
    for line in head.split(b"\r\n")[1:]:
        name, colon, value = line.partition(b":")
        if line[:1] in (b" ", b"\t") or not colon:
            continue
        if name.strip().lower() in (b"content-length", b"l"):
            text = value.strip()
            if not text.isdigit() or len(text) > 9:
                return None
            found.add(int(text))
    return found.pop() if len(found) == 1 else None


@given(
    st.lists(
        st.sampled_from(
            [
                *(b"Content-Length", b"content-LENGTH", b"l", b"L", b"Subject", b":", b" ", b"\t"),
                *(b"\r\n", b"\r\n", b"\r", b"\n", b"\v", b"\f", b"\0", b"0", b"17", b"9" * 10),
            ]
        ),
        max_size=24,
    )
)
def test_length_is_that_which_the_lines_say(parts: list[bytes]) -> None:
    head = b"BYE sip:a SIP/2.0" + b"".join(parts) + b"\r\n"
    try:
        found: int | None = content_length(head)
    except FramingError:
        found = None
    assert found == by_lines(head)
