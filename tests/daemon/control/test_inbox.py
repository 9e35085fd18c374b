"""The inbox of a task: order kept, nothing lost when a wait is given up."""

import asyncio

import pytest

from daemon.control.flows.inbox import Inbox
from tests.fakes.virtual_time import VirtualTimePolicy


@pytest.fixture(scope="module")
def event_loop_policy() -> asyncio.AbstractEventLoopPolicy:
    return VirtualTimePolicy()


async def test_what_was_told_is_read_in_order() -> None:
    box: Inbox[int] = Inbox()
    for number in range(3):
        box.put_nowait(number)
    assert (box.qsize(), box.empty()) == (3, False)
    assert [await box.get(), await box.get(), box.get_nowait()] == [0, 1, 2]
    assert box.empty()
    with pytest.raises(IndexError):
        box.get_nowait()


async def test_a_reader_that_waits_is_woken_once() -> None:
    box: Inbox[str] = Inbox()
    reader = asyncio.create_task(box.get())
    await asyncio.sleep(0)
    box.put_nowait("first")
    box.put_nowait("second")
    assert await reader == "first"
    assert await box.get() == "second"


async def test_a_reader_who_waits_for_long_is_woken_each_time_and_looks_himself() -> None:
    box: Inbox[str] = Inbox()

    async def read() -> str:
        while box.empty():
            await box.filled()
        return box.get_nowait()

    for word in ("first", "second"):
        reader = asyncio.create_task(read())
        await asyncio.sleep(0)
        box.put_nowait(word)
        box.put_nowait("beside")
        assert await reader == word
        assert box.get_nowait() == "beside"
    reader = asyncio.create_task(read())
    await asyncio.sleep(0)
    reader.cancel()
    with pytest.raises(asyncio.CancelledError):
        await reader
    box.put_nowait("kept")
    assert await read() == "kept"


async def test_a_wait_given_up_loses_nothing() -> None:
    box: Inbox[str] = Inbox()
    reader = asyncio.create_task(box.get())
    await asyncio.sleep(0)
    box.put_nowait("kept")
    reader.cancel()
    with pytest.raises(asyncio.CancelledError):
        await reader
    assert await box.get() == "kept"
    with pytest.raises(TimeoutError):
        await asyncio.wait_for(box.get(), 0)
    box.put_nowait("later")
    assert await box.get() == "later"


async def test_a_wait_with_an_end_takes_what_is_there_and_gives_up_in_time() -> None:
    box: Inbox[str] = Inbox()
    box.put_nowait("first")
    assert await box.get_within(0) == "first"
    loop = asyncio.get_running_loop()
    began = loop.time()
    with pytest.raises(TimeoutError):
        await box.get_within(5.0)
    assert loop.time() - began == pytest.approx(5.0)
    loop.call_later(1.0, box.put_nowait, "in time")
    assert await box.get_within(5.0) == "in time"
    loop.call_later(60.0, box.put_nowait, "late")
    assert await box.get_within(None) == "late"


async def test_what_comes_in_the_moment_of_giving_up_is_read() -> None:
    box: Inbox[str] = Inbox()
    loop = asyncio.get_running_loop()
    reader = asyncio.create_task(box.get_within(1.0))
    await asyncio.sleep(0)
    loop.call_later(1.0, box.put_nowait, "just in time")
    assert await reader == "just in time"
    reader = asyncio.create_task(box.get_within(1.0))
    await asyncio.sleep(0)
    box.put_nowait("kept")
    reader.cancel()
    with pytest.raises(asyncio.CancelledError):
        await reader
    assert await box.get_within(1.0) == "kept"
