"""What the live picture costs: nothing while nobody looks, and little with many callers."""

import asyncio
from contextlib import aclosing

import pytest

from acd_core.ids import to_text
from daemon.control.facade.live import picture
from daemon.service.live import CallChanged, Gone, Reset
from tests.fakes.facade_rig import FacadeRig


async def test_nothing_is_made_while_nobody_looks(hotline: FacadeRig) -> None:
    controller, feed = hotline.rig.controller, hotline.picture.feed
    following = asyncio.create_task(hotline.picture.run())
    before = feed.state()
    await hotline.rig.call_sales(ani="1")
    assert (feed.state(), controller.moved) == (before, None)
    async with aclosing(hotline.service.subscribe(0)) as updates:
        first = (await anext(updates)).change
        assert isinstance(first, Reset)
        assert [call.ani for call in first.state.calls] == ["1"]
        line = await hotline.rig.call_sales(ani="2")
        async for update in updates:
            if isinstance(update.change, CallChanged) and update.change.call.ani == "2":
                break
    await hotline.rig.hang_up(line)
    assert controller.moved is None
    assert len(feed.state().calls) == 2
    following.cancel()
    assert [call.ani for call in (await hotline.service.live()).calls] == ["1"]


async def test_long_queue_names_who_comes_first_and_counts_all(
    hotline: FacadeRig, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(picture, "CALLERS_SHOWN", 2)
    monkeypatch.setattr(picture, "PLACES_SHOWN", 1)
    lines = [await hotline.rig.call_sales(ani=ani) for ani in ("1", "2", "3")]
    state = await hotline.service.live()
    [sales] = state.queues
    assert [caller.ani for caller in sales.waiting] == ["1", "2"]
    assert (sales.callers, sales.oldest_since) == (3, sales.waiting[0].since)
    assert [(call.ani, call.position) for call in state.calls] == [("1", 1), ("2", 0), ("3", 0)]
    first = to_text(hotline.rig.call_on(lines[0]).id)
    async with aclosing(hotline.service.subscribe(state.seq)) as updates:
        await hotline.rig.hang_up(lines[0])
        await hotline.picture.follow()
        last = hotline.picture.feed.state().seq
        told = [(await anext(updates)).change for _ in range(last - state.seq)]
    calls = [change.call for change in told if isinstance(change, CallChanged)]
    assert [(call.ani, call.position) for call in calls] == [("2", 1)]
    assert Gone("call", first) in told


async def test_change_that_nobody_told_of_is_seen_within_a_round(hotline: FacadeRig) -> None:
    line = await hotline.rig.call(ani="1")
    async with aclosing(hotline.service.subscribe(0)) as updates:
        await anext(updates)
        await hotline.picture.follow()
        hotline.rig.call_on(line).name = "Mr Brown"
        hotline.clock.now += 60
        await hotline.picture.follow()
        change = (await anext(updates)).change
    assert isinstance(change, CallChanged)
    assert change.call.name == "Mr Brown"
