"""What a display is told: bytes of the reference sheet, what does not fit, and the forms."""

import asyncio
import errno
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from drivers.api import CallDetails
from drivers.errors import DriverError
from drivers.events import Answered, Progress, Released, Seized
from drivers.voiceboard.dahdi import Request
from drivers.voiceboard.display import formats
from drivers.voiceboard.display.formats import When, format_of
from drivers.voiceboard.display.message import Caller, as_keys, as_message
from tests.drivers.voiceboard.conftest import Bench

AT = datetime(2026, 3, 21, 14, 5, tzinfo=UTC)

# Worked bytes of GR-30 and EN 300 659-3, each read by independent receivers.
DOE = "80 20 01 08 30 33 32 31 31 34 30 35 02 0A 32 31 34 35 35 35 31 32 31 32 07 08 44 4F 45 20"
WORKED = [
    (Caller(number="2145551212", name="DOE JOHN"), False, DOE + "4A 4F 48 4E 89"),
    (
        Caller(number="2145551212", name="DOE JOHN", restricted=True),
        False,
        "80 10 01 08 30 33 32 31 31 34 30 35 04 01 50 08 01 50 29",
    ),
    (Caller(), False, "80 10 01 08 30 33 32 31 31 34 30 35 04 01 4F 08 01 4F 2B"),
    (
        Caller(number="02079460000"),
        True,
        "80 1A 11 01 01 01 08 30 33 32 31 31 34 30 35 02 0B 30 32 30 37 39 34 36 30 30 30 30 81",
    ),
]


@pytest.mark.parametrize(("caller", "etsi", "message"), WORKED)
def test_messages_are_those_of_the_standards(caller: Caller, *, etsi: bool, message: str) -> None:
    assert as_message(caller, AT, etsi=etsi) == bytes.fromhex(message)


@pytest.mark.parametrize(
    ("caller", "etsi", "fields"),
    [
        (Caller(number="+8613800138000"), False, b"\x02\x0d8613800138000"),
        (Caller(number="1" * 30), False, b"\x02\x14" + b"1" * 20),
        (
            Caller(number="301", name="J\u00fcrgen Sch\u00e4fer"),
            False,
            b"\x02\x03301\x07\x0eJurgen Schafer",
        ),
        (
            Caller(number="301", name="Maximilian Mustermann"),
            False,
            b"\x02\x03301\x07\x0fMaximilian Must",
        ),
        (Caller(number="301", name="\u5f20\u4f1f"), False, b"\x02\x03301"),
        (Caller(number="301", name="a\nb"), False, b"\x02\x03301"),
        (Caller(number="alice"), True, b"\x04\x01O\x07\x05alice"),
        (Caller(name="Front desk"), True, b"\x04\x01O\x07\x0aFront desk"),
    ],
)
def test_what_does_not_fit_is_cut_or_left_out(caller: Caller, *, etsi: bool, fields: bytes) -> None:
    message = as_message(caller, AT, etsi=etsi)
    head = 5 if etsi else 2
    assert message[head + 10 : -1] == fields


@pytest.mark.parametrize(
    ("caller", "keys"),
    [
        (Caller(number="+2145551212"), "A2145551212C"),
        (Caller(number="*12#3"), "A123C"),
        (Caller(number="301", restricted=True), "B10C"),
        (Caller(number="alice"), "B00C"),
        (Caller(), "B00C"),
    ],
)
def test_keys_tell_the_number_or_why_there_is_none(caller: Caller, keys: str) -> None:
    assert as_keys(caller) == keys


@given(
    caller=st.builds(Caller, number=st.text(), name=st.text(), restricted=st.booleans()),
    etsi=st.booleans(),
)
def test_anything_makes_a_whole_message(caller: Caller, *, etsi: bool) -> None:
    message = as_message(caller, AT, etsi=etsi)
    assert sum(message) % 256 == 0
    assert message[1] == len(message) - 3 <= 255
    at, found = 2, {}
    while at < len(message) - 1:
        found[message[at]] = message[at + 2 : at + 2 + message[at + 1]]
        at += 2 + message[at + 1]
    assert at == len(message) - 1
    assert (0x02 in found) != (0x04 in found)
    if caller.restricted:
        assert (found[0x04], found.get(0x07)) == (b"P", None)
    assert set(as_keys(caller)) <= set("0123456789ABC")


@pytest.mark.parametrize(
    ("wanted", "country", "expected"),
    [
        ("country", "cn", formats.BELL_202),
        ("country", "us", formats.BELL_202),
        ("country", "fr", formats.V23),
        ("country", "uk", formats.V23_ALERTED),
        ("country", "br", formats.DTMF),
        ("country", "jp", None),
        ("off", "us", None),
        ("v23", "uk", formats.V23_ALERTED),
        ("v23", "jp", formats.V23),
        ("bell202", "uk", formats.BELL_202),
        ("dtmf", "de", formats.DTMF),
    ],
)
def test_the_form_is_the_countrys_unless_another_is_wanted(
    wanted: str, country: str, expected: formats.DisplayFormat | None
) -> None:
    assert format_of(wanted, country) == expected


@pytest.mark.parametrize("form", [formats.BELL_202, formats.V23, formats.V23_ALERTED])
def test_the_longest_message_fits_into_the_silence(form: formats.DisplayFormat) -> None:
    longest = as_message(Caller(number="1" * 20, name="x" * 60), AT, etsi=form.etsi)
    if form.when is When.AFTER_RING:
        assert 0.5 + (540 + 10 * len(longest)) / 1200 + 0.2 <= 3.0  # of Spain, the shortest


async def test_a_telephone_rings_all_the_same_when_the_engine_takes_no_port(
    make_bench: object,
) -> None:
    bench: Bench = make_bench(station_caller_id="dtmf")  # type: ignore[operator]
    await bench.open()
    bench.ports.full = True
    line = bench.line(3)
    await line.dial_with("301", CallDetails(), ani="302")
    await bench.happens(Seized)
    await bench.phone.rings()
    await bench.happens(Progress)
    assert bench.driver.counters()["callers_not_told"] == 1
    assert bench.ports.played == []
    await line.release()
    await bench.happens(Released)


async def test_a_board_that_cannot_reverse_the_line_tells_all_the_same(
    make_bench: object, monkeypatch: pytest.MonkeyPatch
) -> None:
    bench: Bench = make_bench(station_caller_id="dtmf")  # type: ignore[operator]
    plain = bench.phone.request

    def request(number: int, argument: bytes) -> tuple[int, bytes]:
        refused = number in (Request.SETPOLARITY, Request.ONHOOKTRANSFER)
        return (-errno.ENOTTY, argument) if refused else plain(number, argument)

    monkeypatch.setattr(bench.phone, "request", request)
    await bench.open()
    await bench.line(3).dial("301", ani="302")
    await bench.happens(Seized)
    await bench.phone.rings()
    assert bench.ports.played == [("tones", bytes(len("A302C")))]
    counted = bench.driver.counters()
    assert (counted["no_setpolarity"], counted["no_onhooktransfer"]) == (2, 1)
    assert counted["callers_told"] == 1


async def test_a_second_call_is_refused_and_tells_nothing(make_bench: object) -> None:
    bench: Bench = make_bench(station_caller_id="dtmf")  # type: ignore[operator]
    await bench.open()
    line = bench.line(3)
    await line.dial("301", ani="302")
    await bench.happens(Seized)
    with pytest.raises(DriverError):
        await line.dial("301", ani="303")
    await bench.phone.rings()
    assert bench.ports.played == [("tones", bytes(len("A302C")))]
    assert bench.ports.open == {}
    await bench.happens(Progress)
    bench.phone.lift()
    await bench.happens(Answered)


async def test_a_board_that_is_lost_while_it_tells_leaves_no_port(make_bench: object) -> None:
    bench: Bench = make_bench(station_caller_id="dtmf")  # type: ignore[operator]
    await bench.open()
    line = bench.line(3)
    await line.dial("301", ani="302")
    await bench.happens(Seized)
    async with asyncio.timeout(10):
        await bench.ports.was_opened.wait()
    assert line.telling_port is not None
    bench.driver.wake(line.telling_port, lost=True)
    gone = await bench.happens(Released)
    assert gone.line == line.id
    assert (bench.ports.open, line.telling_port) == ({}, None)
