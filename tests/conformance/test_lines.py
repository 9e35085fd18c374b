"""What every line does the same way, whatever it is made of."""

import asyncio
from collections.abc import Awaitable, Callable

import pytest

from drivers.api import Capability, Line, LineId, PortId
from drivers.errors import LineBusy, NotCapable
from drivers.events import Answered, Cause, Held, Progress, Released, Retrieved, Ringing, Seized
from drivers.registry import available
from tests.conformance.bench import Bench, FarEnd
from tests.conformance.conftest import BENCHES

NO_LINES_OF_THEIR_OWN = {"ctilink"}
"""Drivers that only tell about other drivers' lines."""


def test_every_driver_is_on_a_bench() -> None:
    assert set(available()) - NO_LINES_OF_THEIR_OWN == set(BENCHES)


async def answered(bench: Bench) -> tuple[Line, PortId, FarEnd]:
    """A call that came in and was answered."""
    far = await bench.ring()
    ringing = await bench.happens(Ringing)
    line = bench.driver.line(ringing.line)
    await line.answer()
    event = await bench.happens(Answered)
    assert event.line == line.id
    assert line.port is not None
    return line, line.port, far


async def next_call_is_clean(bench: Bench, line: Line) -> None:
    """Nothing more is told of the last call: the next event is the next call."""
    assert line.port is None
    far = await bench.ring()
    await bench.happens(Ringing)
    await far.hang_up()
    await bench.happens(Released)


async def test_call_that_comes_in_is_told_before_it_is_answered(bench: Bench) -> None:
    far = await bench.ring()
    ringing = await bench.happens(Ringing)
    line = bench.driver.line(ringing.line)
    assert line.id == ringing.line
    assert ringing.dnis == "1000"
    assert ringing.ref
    assert bool(ringing.ani) == (Capability.ANI in line.can)
    assert line.port is None
    await line.answer()
    await bench.happens(Answered)
    assert line.port is not None
    await far.hang_up()
    await bench.happens(Released)


async def test_both_sides_hear_each_other(bench: Bench) -> None:
    line, port, far = await answered(bench)
    assert Capability.AUDIO in line.can
    await bench.hears_far_end(port)
    await bench.is_heard(port, far)
    await far.hang_up()
    await bench.happens(Released)


async def test_two_calls_are_bridged_by_media(bench: Bench) -> None:
    _, one, _ = await answered(bench)
    line, number = bench.outward("answer")
    await line.dial(number)
    await bench.happens(Seized)
    await bench.happens(Progress)
    other = await bench.called()
    await bench.happens(Answered)
    assert line.port is not None
    await bench.link.bridge(bench.id(), one, line.port)
    await bench.hears_far_end(one)
    await bench.is_heard(line.port, other)


async def test_keys_arrive_in_order_and_once(bench: Bench) -> None:
    line, port, far = await answered(bench)
    await bench.hears_far_end(port)
    await far.press("159#")
    assert await bench.digits(port, 4) == "159#"
    await far.press("00")
    assert await bench.digits(port, 2) == "00"
    await line.release()
    await bench.happens(Released)


async def test_keys_are_sent_where_the_line_can(bench: Bench) -> None:
    line, port, far = await answered(bench)
    assert Capability.SEND_DTMF in line.can
    await bench.hears_far_end(port)
    await line.send_digits("42")
    assert await far.keys(2) == "42"
    await line.release()
    await bench.happens(Released)


async def test_we_release(bench: Bench) -> None:
    line, _, far = await answered(bench)
    await line.release(Cause.NORMAL)
    released = await bench.happens(Released)
    assert released.line == line.id
    await far.over()
    await line.release()
    await next_call_is_clean(bench, line)


async def test_the_far_end_releases(bench: Bench) -> None:
    line, _, far = await answered(bench)
    await far.hang_up()
    released = await bench.happens(Released)
    assert (released.line, released.cause) == (line.id, Cause.NORMAL)
    await next_call_is_clean(bench, line)


async def test_caller_gives_up_before_the_answer(bench: Bench) -> None:
    far = await bench.ring()
    ringing = await bench.happens(Ringing)
    await far.hang_up()
    released = await bench.happens(Released)
    assert released.line == ringing.line
    line = bench.driver.line(ringing.line)
    await next_call_is_clean(bench, line)


async def test_call_that_is_not_wanted_is_released(bench: Bench) -> None:
    far = await bench.ring()
    line = bench.driver.line((await bench.happens(Ringing)).line)
    await line.release(Cause.UNALLOCATED)
    released = await bench.happens(Released)
    assert released.line == line.id
    await far.hang_up()


async def test_dialled_call_is_answered(bench: Bench) -> None:
    line, number = bench.outward("answer")
    assert Capability.DIAL in line.can
    await line.dial(number, ani="5550000", name="Hotline")
    assert (await bench.happens(Seized)).line == line.id
    progress = await bench.happens(Progress)
    assert progress.tone == "ringback"
    far = await bench.called()
    await bench.happens(Answered)
    port = line.port
    assert port is not None
    await bench.hears_far_end(port)
    await bench.is_heard(port, far)
    await line.release()
    await bench.happens(Released)
    await far.over()
    assert line.port is None


async def test_dialled_call_is_ended_by_the_far_end(bench: Bench) -> None:
    line, number = bench.outward("answer")
    await line.dial(number)
    await bench.happens(Seized)
    await bench.happens(Progress)
    far = await bench.called()
    await bench.happens(Answered)
    await far.hang_up()
    assert (await bench.happens(Released)).cause is Cause.NORMAL


async def test_dialled_number_is_busy(bench: Bench) -> None:
    line, number = bench.outward("busy")
    await line.dial(number)
    await bench.happens(Seized)
    event = await bench.happens(Progress, Released)
    if isinstance(event, Progress):
        assert event.tone == "busy"
        event = await bench.happens(Released)
    assert isinstance(event, Released)
    assert event.cause is Cause.BUSY
    assert line.port is None


async def test_dialled_number_does_not_answer(bench: Bench) -> None:
    line, number = bench.outward("no answer")
    await line.dial(number)
    await bench.happens(Seized)
    await bench.happens(Progress)
    assert (await bench.happens(Released)).cause is Cause.NO_ANSWER
    assert line.port is None


async def test_dialled_call_is_taken_back_while_it_rings(bench: Bench) -> None:
    line, number = bench.outward("no answer")
    await line.dial(number)
    await bench.happens(Seized)
    await bench.happens(Progress)
    await line.release()
    await bench.happens(Released)
    assert line.port is None


async def test_line_that_carries_a_call_takes_no_other(bench: Bench) -> None:
    line, port, far = await answered(bench)
    with pytest.raises(LineBusy):
        await line.dial("5551234")
    assert line.port == port
    await bench.hears_far_end(port)
    await far.hang_up()
    await bench.happens(Released)


async def test_far_end_holds_and_comes_back(bench: Bench) -> None:
    _, port, far = await answered(bench)
    if not bench.far_holds:
        # A loop line has no signal for it: the conversation simply goes on.
        await bench.hears_far_end(port)
        return
    await far.hold(on=True)
    await bench.happens(Held)
    await far.hold(on=False)
    await bench.happens(Retrieved)
    await bench.hears_far_end(port)


async def test_we_hold_where_the_line_can(bench: Bench) -> None:
    line, port, far = await answered(bench)
    if Capability.HOLD not in line.can:
        for request in (line.hold, line.retrieve):
            with pytest.raises(NotCapable):
                await request()
    else:
        await line.hold()
        await far.is_held(on=True)
        await line.retrieve()
        await far.is_held(on=False)
    await bench.is_heard(port, far)
    await line.release()
    await bench.happens(Released)


async def test_line_says_honestly_what_it_cannot_do(bench: Bench) -> None:
    line, port, far = await answered(bench)
    requests: dict[Capability, Callable[[], Awaitable[None]]] = {
        Capability.HOLD: line.hold,
        Capability.FLASH: line.flash,
        Capability.TRANSFER: lambda: line.transfer("5551234"),
    }
    for capability, request in requests.items():
        if capability not in line.can:
            with pytest.raises(NotCapable):
                await request()
    await bench.is_heard(port, far)
    await far.hang_up()
    await bench.happens(Released)


async def test_lines_are_found_by_name_and_counted(bench: Bench) -> None:
    line, _, far = await answered(bench)
    assert bench.driver.line(line.id).id == line.id
    with pytest.raises(KeyError):
        bench.driver.line(LineId("nowhere/1"))
    assert all(isinstance(count, int) for count in bench.driver.counters().values())
    await far.hang_up()
    await bench.happens(Released)


async def test_closing_ends_the_calls_and_may_be_repeated(bench: Bench) -> None:
    _, _, far = await answered(bench)
    await bench.driver.close()
    await bench.driver.close()
    if bench.far_holds:
        await asyncio.wait_for(far.over(), 10)
