"""Frames of the link: every message to bytes and back, any bytes in."""

from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec import inspect

from daemon.link.commands import Hello, OpenRtp, Play
from daemon.link.errors import MessageError
from daemon.link.frames import (
    BODIES,
    Frame,
    Unreadable,
    build_frame,
    build_packet,
    event_frame,
    parse_packet,
)
from daemon.link.messages import DigitDetected, Message
from drivers.api import PortId

NUMBERS = st.integers(0, 2**64 - 1)


def values(kind: inspect.Type) -> st.SearchStrategy[Any]:
    """Every value that a field's type allows."""
    match kind:
        case inspect.IntType():
            return st.integers(kind.ge, 2**64 - 1 if kind.le is None else kind.le)
        case inspect.FloatType():
            return st.floats(allow_nan=False, allow_infinity=False)
        case inspect.BoolType():
            return st.booleans()
        case inspect.BytesType():
            return st.binary(max_size=300)
        case inspect.StrType():
            return st.text(st.characters(codec="utf-8"), max_size=60)
        case inspect.VarTupleType():
            return st.lists(values(kind.item_type), max_size=5).map(tuple)
        case inspect.TupleType():
            return st.tuples(*(values(item) for item in kind.item_types))
        case inspect.NoneType():
            return st.none()
        case inspect.UnionType():
            return st.one_of(*(values(one) for one in kind.types))
        case inspect.StructType():
            fields = {field.name: values(field.type) for field in kind.fields}
            return st.builds(kind.cls, **fields)
    raise AssertionError(kind)


def frames_of(body: type[Message]) -> st.SearchStrategy[Frame]:
    return st.builds(Frame, NUMBERS, values(inspect.type_info(body)))


def parse_one(data: bytes) -> Frame:
    (frame,) = parse_packet(data)
    return frame


def packet_of(*frames: Frame) -> bytes:
    return build_packet([build_frame(frame) for frame in frames])


@pytest.mark.parametrize("body", BODIES, ids=lambda body: body.__name__)
def test_every_message_survives_the_way(body: type[Message]) -> None:
    @given(frames_of(body))
    def survives(frame: Frame) -> None:
        assert parse_one(packet_of(frame)) == frame

    survives()


@given(st.lists(st.sampled_from(BODIES).flatmap(frames_of), max_size=6))
def test_frames_share_a_packet_in_order(frames: list[Frame]) -> None:
    assert parse_packet(packet_of(*frames)) == frames


@given(st.binary(max_size=200))
def test_any_bytes_give_frames_or_message_error(data: bytes) -> None:
    try:
        frames = parse_packet(data)
    except MessageError:
        return
    assert parse_packet(packet_of(*frames)) == frames or unreadable(frames)


def unreadable(frames: list[Frame]) -> bool:
    return any(isinstance(frame.body, Unreadable) for frame in frames)


@given(st.sampled_from(BODIES).flatmap(frames_of), st.data())
def test_a_changed_or_cut_packet_is_read_or_refused(frame: Frame, data: st.DataObject) -> None:
    packet = bytearray(packet_of(frame))
    cut = data.draw(st.integers(0, len(packet)))
    at = data.draw(st.integers(0, len(packet) - 1))
    packet[at] ^= data.draw(st.integers(1, 255))
    for changed in (bytes(packet), bytes(packet[:cut])):
        try:
            parse_packet(changed)
        except MessageError:
            continue


@given(st.sampled_from(BODIES).flatmap(frames_of))
def test_a_packet_cut_anywhere_is_never_a_packet(frame: Frame) -> None:
    packet = packet_of(frame)
    for end in range(len(packet)):
        with pytest.raises(MessageError):
            parse_packet(packet[:end])
    with pytest.raises(MessageError):
        parse_packet(packet + b"\0")


def test_what_travels_is_fixed_byte_for_byte() -> None:
    digit = DigitDetected(number=7, port=PortId(258), key="#", duration_ms=100, source="x")
    assert build_packet([event_frame(digit)]) == (
        b"\x92\x06\xdc\x00\x01"  # two things: version 6, and one frame
        b"\x92\x07\x96\xadDigitDetected\x07\xcd\x01\x02\xa1#\x64\xa1x"
    )


def test_another_version_is_named() -> None:
    packet = bytearray(packet_of(Frame(1, OpenRtp(port=PortId(1)))))
    packet[1] = 9
    with pytest.raises(MessageError, match="protocol version 9"):
        parse_packet(bytes(packet))


@pytest.mark.parametrize(
    "body",
    [
        OpenRtp(port=PortId(-1)),
        Play(port=PortId(1), player=1, files=("a",) * 5000),
        Play(port=PortId(1), player=1, files=(), gain_db=float("nan")),
        Play(port=PortId(1), player=1, files=(), repeat=1 << 32),
        Play(port=PortId(1), player=1, files=(3,)),  # type: ignore[arg-type]
    ],
)
def test_wrong_fields_are_unreadable_and_the_frame_beside_them_is_not(body: Message) -> None:
    well = Frame(2, OpenRtp(port=PortId(1)))
    ill, beside = parse_packet(packet_of(Frame(1, body), well))
    assert ill.number == 1
    assert isinstance(ill.body, Unreadable)
    assert ill.body.reason
    assert beside == well


def test_a_name_that_no_message_has_is_unreadable() -> None:
    unknown = msgspec.msgpack.encode([5, ["NoSuchMessage", 1]])
    assert isinstance(parse_one(build_packet([unknown])).body, Unreadable)


@pytest.mark.parametrize(
    "body",
    [
        OpenRtp(port=PortId(1 << 64)),
        Play(port=PortId(1), player=1, files=("x" * 70_000,)),
        Play(port=PortId(1), player=1, files=("\ud800",)),
        Play(port=PortId(1), player=1, files=("a" * 1000,) * 100),
    ],
)
def test_what_cannot_be_written_is_refused_when_built(body: Message) -> None:
    with pytest.raises(MessageError):
        build_frame(Frame(1, body))


def test_a_frame_number_beyond_64_bits_is_refused() -> None:
    with pytest.raises(MessageError):
        build_frame(Frame(1 << 64, Hello(session=1, instance=0, last_event=0)))
