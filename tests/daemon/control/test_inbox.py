"""The inbox of a task: order kept, nothing lost when a wait is given up."""

import asyncio

import pytest

from daemon.control.flows.inbox import Inbox


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
