"""Caller identity by DTMF: its forms, what is no identity, and a peer that sends it."""

from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cython_ext import dsp
from drivers.api import Capability
from drivers.events import Answered, Released, Ringing
from drivers.voiceboard import dahdi
from drivers.voiceboard.caller import GAP_S, LASTS_S, CallerDigits, CallerIdentity
from drivers.voiceboard.listening import KeyDetector
from tests.oracles.spandsp import Field, caller_as_audio

Make = Callable[..., Any]
NUMBERS = st.text("0123456789", min_size=3, max_size=20)


def caller_of(keys: str, *, each_s: float = 0.105, ring_s: float = 1.0) -> CallerIdentity | None:
    """What a ring some seconds behind the last key tells of the caller."""
    digits = CallerDigits()
    now = 100.0
    for key in keys:
        now += each_s
        digits.key(key, now)
    return digits.take(now + ring_s)


@pytest.mark.parametrize(
    ("keys", "identity"),
    [
        ("A5551234C", CallerIdentity("5551234")),
        ("A5551234D5559876C", CallerIdentity("5551234", "5559876")),
        ("A5551234D5559876B00C", CallerIdentity("", "5559876")),
        ("A5551234B10C", CallerIdentity("", restricted=True)),
        ("B00C", CallerIdentity()),
        ("B10C", CallerIdentity(restricted=True)),
        ("D5551234C", CallerIdentity("5551234")),
        ("A5551234#", CallerIdentity("5551234")),
        ("D1#", CallerIdentity(restricted=True)),
        ("D2#", CallerIdentity()),
        ("D3#", CallerIdentity()),
        ("5551234#", CallerIdentity("5551234")),
        ("A5551234", CallerIdentity("5551234")),
        ("D5551234", CallerIdentity("5551234")),
    ],
)
def test_forms_of_the_countries(keys: str, identity: CallerIdentity) -> None:
    assert caller_of(keys) == identity


@pytest.mark.parametrize(
    "keys",
    ["", "5551234", "12#", "AC", "DC", "D4#", "C", "#", "A55*1234C", "A5551234A1C", "A1C2B3C", "*"],
)
def test_what_is_no_identity(keys: str) -> None:
    assert caller_of(keys) is None


def test_ring_amid_the_digits_shows_none_of_them() -> None:
    assert caller_of("A555", ring_s=GAP_S / 2) is None
    assert caller_of("A5551234C", ring_s=GAP_S / 2) == CallerIdentity("5551234")


def test_old_identity_belongs_to_no_call() -> None:
    assert caller_of("A5551234C", ring_s=LASTS_S + 0.1) is None


def test_identity_is_told_once() -> None:
    digits = CallerDigits()
    for key in "A5551234C":
        digits.key(key, 1.0)
    assert digits.take(2.0) == CallerIdentity("5551234")
    assert digits.take(2.5) is None


def test_pause_begins_anew() -> None:
    digits = CallerDigits()
    for now, key in enumerate("A555*", start=1):
        digits.key(key, now * 0.1)
    for now, key in enumerate("A5551234C", start=20):
        digits.key(key, now * 0.1)
    assert digits.spoilt == 1
    assert digits.take(5.0) == CallerIdentity("5551234")


def test_long_number_is_cut_and_counted() -> None:
    digits = CallerDigits()
    for now, key in enumerate("A" + "7" * 30 + "C"):
        digits.key(key, now * 0.1)
    assert digits.take(5.0) == CallerIdentity("7" * 20)
    assert digits.cut == 1


@given(number=NUMBERS, diverted=NUMBERS)
def test_any_number_is_read(number: str, diverted: str) -> None:
    assert caller_of(f"A{number}C") == CallerIdentity(number)
    assert caller_of(f"{number}#") == CallerIdentity(number)
    assert caller_of(f"A{number}D{diverted}C") == CallerIdentity(number, diverted)


@given(
    st.lists(st.tuples(st.sampled_from("0123456789*#ABCD"), st.floats(0.0, 1.0)), max_size=60),
    st.floats(0.0, 10.0),
)
def test_any_keys_are_survived(keys: list[tuple[str, float]], ring_s: float) -> None:
    digits, now = CallerDigits(), 0.0
    for key, pause in keys:
        now += pause
        digits.key(key, now)
    identity = digits.take(now + ring_s)
    if identity is not None:
        assert (identity.ani + identity.redirecting + "0").isdecimal()
        assert len(identity.ani) <= 20
    assert digits.take(now + ring_s) is None


SENT: list[tuple[str, list[Field], CallerIdentity]] = [
    ("C", [("A", "5551234")], CallerIdentity("5551234")),
    ("C", [("A", "5551234"), ("D", "5559876")], CallerIdentity("5551234", "5559876")),
    ("C", [("B", "10")], CallerIdentity(restricted=True)),
    ("C", [("D", "02079460000")], CallerIdentity("02079460000")),
    ("#", [("A", "5551234")], CallerIdentity("5551234")),
    ("#", [("D", "1")], CallerIdentity(restricted=True)),
    ("#", [("", "5551234")], CallerIdentity("5551234")),
]


@pytest.mark.parametrize(("end", "fields", "identity"), SENT)
@pytest.mark.parametrize("law", ["alaw", "ulaw"])
@pytest.mark.parametrize("size", [1, 37, 160, 800])
def test_what_spandsp_sends_is_read_in_any_pieces(
    end: str, fields: list[Field], identity: CallerIdentity, law: str, size: int
) -> None:
    encode = dsp.alaw_encode if law == "alaw" else dsp.ulaw_encode
    audio = encode(caller_as_audio(end, fields) + bytes(3200))
    detector, digits = KeyDetector(law), CallerDigits()
    for at in range(0, len(audio), size):
        for key in detector.feed(audio[at : at + size]):
            digits.key(key, at / 8000)
    assert digits.take(len(audio) / 8000) == identity


async def test_caller_is_told_with_the_ring_and_not_with_the_next(make_bench: Make) -> None:
    bench = make_bench(caller_id="dtmf")
    await bench.open()
    assert Capability.ANI in bench.line().can
    audio = dsp.alaw_encode(caller_as_audio("C", [("A", "5551234"), ("D", "5559876")]))
    bench.trunk.tell_caller(audio + b"\xd5" * 1600)
    ringing = await bench.happens(Ringing)
    assert (ringing.ani, ringing.redirecting) == ("5551234", "5559876")
    await bench.line().answer()
    await bench.happens(Answered)
    bench.trunk.hang_up()
    await bench.happens(Released)
    await bench.trunk.board_hangs_up()
    bench.trunk.ring()
    assert (await bench.happens(Ringing)).ani == ""


async def test_keys_of_the_board_tell_the_caller_too(make_bench: Make) -> None:
    bench = make_bench(caller_id="dtmf", digits="device")
    await bench.open()
    for key in "A5551234C":
        bench.trunk.event(dahdi.DTMF_DOWN | ord(key))
        bench.trunk.event(dahdi.DTMF_UP | ord(key))
    bench.trunk.ring()
    assert (await bench.happens(Ringing)).ani == "5551234"


async def test_without_the_option_nobody_listens(make_bench: Make) -> None:
    bench = make_bench()
    await bench.open()
    assert Capability.ANI not in bench.line().can
    audio = dsp.alaw_encode(caller_as_audio("C", [("A", "5551234")]))
    bench.trunk.tell_caller(audio + b"\xd5" * 1600)
    assert (await bench.happens(Ringing)).ani == ""
