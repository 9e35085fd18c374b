"""Frames of the link: every message to bytes and back, any bytes in."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from daemon.link import layout
from daemon.link.commands import Hello, OpenRtp, Play
from daemon.link.errors import MessageError
from daemon.link.frames import BODIES, Frame, build_frame, parse_frame
from daemon.link.layout import fields_of
from daemon.link.messages import DigitDetected, MediaEvent, Message
from drivers.api import PortId

NUMBERS = st.integers(0, 2**64 - 1)
ALL = [body for bodies in BODIES.values() for body in bodies]


def values(kind: Any) -> st.SearchStrategy[Any]:
    """Every value that a layout can carry."""
    match kind:
        case layout.Number():
            return st.integers(kind.low, kind.high)
        case layout.Real():
            return st.floats(allow_nan=False, allow_infinity=False)
        case layout.Flag():
            return st.booleans()
        case layout.Octets():
            return st.binary(max_size=300)
        case layout.Text():
            return st.text(st.characters(codec="utf-8"), max_size=60)
        case layout.Many():
            return st.lists(values(kind.item), max_size=5).map(tuple)
        case layout.Pair():
            return st.tuples(values(kind.first), values(kind.second))
        case layout.Fields():
            return st.builds(kind.kind, **{name: values(item) for name, item in kind.fields})
    raise AssertionError(kind)


def frames_of(body: type[Message]) -> st.SearchStrategy[Frame]:
    bodies = values(fields_of(body, skip=frozenset({"number"})))

    def numbered(number: int, made: Any) -> Frame:
        if isinstance(made, MediaEvent):
            fields = {name: getattr(made, name) for name in made.__struct_fields__}
            made = type(made)(**{**fields, "number": number})
        return Frame(number, made)

    return st.builds(numbered, NUMBERS, bodies)


@pytest.mark.parametrize("body", ALL, ids=lambda body: body.__name__)
def test_every_message_survives_the_way(body: type[Message]) -> None:
    @given(frames_of(body))
    def survives(frame: Frame) -> None:
        assert parse_frame(build_frame(frame)) == frame

    survives()


@given(st.binary(max_size=200))
def test_any_bytes_give_a_frame_or_message_error(data: bytes) -> None:
    try:
        frame = parse_frame(data)
    except MessageError:
        return
    assert build_frame(frame) == data


@given(st.sampled_from(ALL).flatmap(frames_of), st.data())
def test_a_changed_or_cut_frame_is_read_or_refused(frame: Frame, data: st.DataObject) -> None:
    packet = bytearray(build_frame(frame))
    cut = data.draw(st.integers(0, len(packet)))
    at = data.draw(st.integers(0, len(packet) - 1))
    packet[at] ^= data.draw(st.integers(1, 255))
    for changed in (bytes(packet), bytes(packet[:cut])):
        try:
            parse_frame(changed)
        except MessageError:
            continue


@given(st.sampled_from(ALL).flatmap(frames_of))
def test_a_frame_cut_anywhere_is_never_a_frame(frame: Frame) -> None:
    packet = build_frame(frame)
    for end in range(len(packet)):
        with pytest.raises(MessageError):
            parse_frame(packet[:end])
    with pytest.raises(MessageError):
        parse_frame(packet + b"\0")


def test_layout_is_fixed_byte_for_byte() -> None:
    digit = DigitDetected(number=7, port=PortId(258), key="#", duration_ms=100, source="x")
    assert build_frame(Frame(7, digit)).hex(" ") == (
        "03 00 01 00 07 00 00 00 00 00 00 00 02 01 00 00 00 00 00 00 01 00 23 64 00 00 00 01 00 78"
    )


def test_another_version_is_named() -> None:
    packet = bytearray(build_frame(Frame(1, OpenRtp(port=PortId(1)))))
    packet[2] = 9
    with pytest.raises(MessageError, match="protocol version 9"):
        parse_frame(bytes(packet))


@pytest.mark.parametrize(
    "body",
    [
        OpenRtp(port=PortId(-1)),
        OpenRtp(port=PortId(1 << 64)),
        Play(port=PortId(1), player=1, files=("x" * 70_000,)),
        Play(port=PortId(1), player=1, files=("\ud800",)),
        Play(port=PortId(1), player=1, files=("a",) * 5000),
        Play(port=PortId(1), player=1, files=("a" * 1000,) * 100),
        Play(port=PortId(1), player=1, files=(), gain_db=float("nan")),
    ],
)
def test_what_does_not_fit_is_refused_when_built(body: Message) -> None:
    with pytest.raises(MessageError):
        build_frame(Frame(1, body))


def test_a_frame_number_beyond_64_bits_is_refused() -> None:
    with pytest.raises(MessageError):
        build_frame(Frame(1 << 64, Hello(session=1, instance=0, last_event=0)))
