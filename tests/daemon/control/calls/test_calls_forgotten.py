"""An ended call leaves nothing behind, also before the collector looks for cycles."""

import gc
import tracemalloc
from collections.abc import Awaitable, Callable, Iterator

import pytest

from daemon.control.calls.call import Call
from daemon.control.calls.context import CallPart, TransferRequest
from daemon.control.calls.life import CallLife
from daemon.control.flows.ivr_runner import IvrRunner
from tests.fakes.control_rig import ControlRig

CALLS = 6
KEPT_BYTES = 5000  # a call; free lists and fakes take 3000, a call that stays takes 12 000


@pytest.fixture
def no_collector() -> Iterator[None]:
    """Only counts of references free anything."""
    gc.collect()
    gc.disable()
    yield
    gc.enable()


def left(rig: ControlRig) -> list[object]:
    """What there is of calls, but for the one that each agent served last: the desk shows it."""
    shown = tuple(map(id, rig.controller.last_agents.served.values()))
    kinds = (Call, CallLife, CallPart, IvrRunner)
    return [each for each in gc.get_objects() if isinstance(each, kinds) and id(each) not in shown]


async def served(rig: ControlRig) -> None:
    line, station = await rig.connect()
    await rig.hang_up(station)
    await rig.hang_up(line)


async def abandoned(rig: ControlRig) -> None:
    await rig.hang_up(await rig.call_sales())


async def refused(rig: ControlRig) -> None:
    await rig.call(dnis="999")


async def gone_in_the_menu(rig: ControlRig) -> None:
    await rig.hang_up(await rig.call())


async def asked_onward(rig: ControlRig) -> None:
    line, station = await rig.connect()
    call = rig.call_on(line)
    rig.controller.request(call.id, TransferRequest(to="2002"))
    await rig.settle()
    assert call.onward is not None  # it may ring for a minute, which is longer than the call
    await rig.hang_up(line)
    await rig.hang_up(station)


@pytest.mark.usefixtures("no_collector")
@pytest.mark.parametrize("story", [served, abandoned, refused, gone_in_the_menu, asked_onward])
async def test_nothing_of_an_ended_call_is_left_without_the_collector(
    rig: ControlRig, story: Callable[[ControlRig], Awaitable[None]]
) -> None:
    await rig.seat("bob")
    for _ in range(CALLS):
        await story(rig)
        await rig.settle()
    assert len(rig.calls()) == CALLS
    assert not rig.controller.calls
    assert not left(rig)


@pytest.mark.usefixtures("no_collector")
async def test_a_time_that_is_over_after_the_call_finds_nobody(rig: ControlRig) -> None:
    await asked_onward(rig)
    ended = rig.calls()
    await rig.later(90.0)
    assert rig.calls() == ended
    assert not left(rig)


def forget_seen(rig: ControlRig) -> None:
    """Let the fakes keep nothing of what they saw."""
    rig.book.written.clear()
    rig.driver.dialled.clear()
    rig.media.played.clear()
    for name in rig.driver.names:
        line = rig.driver.line(name)
        line.asked.clear()
        line.released_with.clear()


@pytest.mark.usefixtures("no_collector")
async def test_memory_does_not_grow_with_calls_that_ended(rig: ControlRig) -> None:
    tracemalloc.start()
    try:
        for _ in range(CALLS):
            await served(rig)
        forget_seen(rig)
        before, _ = tracemalloc.get_traced_memory()
        for _ in range(4 * CALLS):
            await served(rig)
        forget_seen(rig)
        after, _ = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert (after - before) / (4 * CALLS) < KEPT_BYTES
