"""The driver against SIPp, a SIP stack that is not ours, over loopback UDP."""

import asyncio
from pathlib import Path

import msgspec
import pytest

from drivers.api import LineId
from drivers.errors import DriverError, LineBusy
from drivers.events import (
    Answered,
    Cause,
    LineEvent,
    Progress,
    Released,
    Ringing,
    StationUp,
)
from drivers.sip.bench import calls as bench

SCENARIOS = Path(__file__).parents[2] / "e2e" / "scenarios"
REGISTER = ("-s", "2001", "-au", "2001", "-ap", "s3cret", "-m", "1")


def answering(running):
    async def react(event: LineEvent) -> None:
        if isinstance(event, Ringing):
            await running.driver.line(event.line).answer()

    return react


async def test_callers_are_answered_and_hang_up(running, sipp) -> None:
    running.react = answering(running)
    target = f"127.0.0.1:{running.driver.port}"
    caller = await sipp("uac", target, "-s", "1000", "-m", "40", "-r", "40", "-d", "200")
    await caller.done()
    await running.wait_for(Released, 40)
    assert len([one for one in running.told if isinstance(one, Answered)]) == 40
    ringing = [one for one in running.told if isinstance(one, Ringing)]
    assert {one.dnis for one in ringing} == {"1000"}
    assert len({one.ani for one in ringing}) == 40
    assert {one.cause for one in running.told if isinstance(one, Released)} == {Cause.NORMAL}
    assert len(running.ports.connected) == 40
    await asyncio.sleep(0)
    assert running.ports.open == {}


async def test_caller_who_gives_up_gets_487(running, sipp) -> None:
    caller = await sipp(
        "uac_cancel", f"127.0.0.1:{running.driver.port}", "-s", "1", "-m", "3", "-d", "50"
    )
    await caller.done()
    await running.wait_for(Released, 3)
    assert not any(isinstance(one, Answered) for one in running.told)


async def test_call_that_we_hang_up(running, sipp) -> None:
    running.react = answering(running)
    caller = await sipp("uac_waits", f"127.0.0.1:{running.driver.port}", "-s", "1", "-m", "1")
    answered = await running.wait_for(Answered)
    await running.driver.line(answered.line).release(Cause.NORMAL)
    await running.wait_for(Released)
    await caller.done()


async def test_more_callers_than_lines_are_refused(make_running, sipp) -> None:
    running = await make_running().open()
    try:
        running.driver.board.free["carrier"].clear()
        caller = await sipp("uac", f"127.0.0.1:{running.driver.port}", "-s", "1", "-m", "1")
        with pytest.raises(AssertionError, match="503"):
            await caller.done()
        assert running.driver.counters()["no_free_line"] == 1
        assert running.told == []
    finally:
        await running.close()


async def test_agent_registers_and_is_called(running, sipp, free_port) -> None:
    target, port = f"127.0.0.1:{running.driver.port}", str(free_port())
    with pytest.raises(DriverError):
        running.driver.station_line("2001")
    phone = await sipp("register", target, *REGISTER, "-p", port)
    await phone.done()
    up = await running.wait_for(StationUp)
    assert (up.station, up.line) == ("2001", LineId("station:2001"))
    agent = await sipp("uas", target, "-p", port, "-m", "1")
    # An INVITE that comes before SIPp has bound its socket is sent again after T1.
    line = running.driver.station_line("2001")
    await line.dial("", ani="030555", name="Ann")
    with pytest.raises(LineBusy):
        running.driver.station_line("2001")
    ringing = await running.wait_for(Progress)
    assert ringing.tone == "ringback"
    await running.wait_for(Answered)
    assert line.port is not None
    assert [fmt.codec for _, fmt in running.ports.connected[line.port]] == ["PCMA"]
    await line.release()
    await running.wait_for(Released)
    await agent.done()


async def test_agent_whose_offer_is_withdrawn_while_it_rings(running, sipp, free_port) -> None:
    target, port = f"127.0.0.1:{running.driver.port}", str(free_port())
    await (await sipp("register", target, *REGISTER, "-p", port)).done()
    agent = await sipp("agent_cancelled", target, "-p", port, "-m", "1")
    line = running.driver.station_line("2001")
    await line.dial("", ani="030555")
    await running.wait_for(Progress)
    await line.release(Cause.ANSWERED_ELSEWHERE)
    released = await running.wait_for(Released)
    assert released.cause is Cause.ANSWERED_ELSEWHERE
    await agent.done()


async def test_wrong_password_is_refused(running, sipp) -> None:
    phone = await sipp(
        "register",
        f"127.0.0.1:{running.driver.port}",
        "-s",
        "2001",
        "-au",
        "2001",
        "-ap",
        "no",
        "-m",
        "1",
    )
    with pytest.raises(AssertionError, match="401"):
        await phone.done()
    assert not running.driver.reachable("2001")
    assert running.driver.counters()["auth_wrong"] == 1


@pytest.mark.parametrize("ours", [True, False])
async def test_calls_outlive_the_process(make_running, sipp, ours: bool) -> None:
    first = await make_running().open()
    first.react = answering(first)
    target = f"127.0.0.1:{first.driver.port}"
    scenario = ("uac_waits",) if ours else ("uac",)
    caller = await sipp(*scenario, target, "-s", "1", "-m", "5", "-r", "50", "-d", "1500")
    await first.wait_for(Answered, 5)
    await first.die()
    options = msgspec.structs.replace(first.driver.options, port=first.driver.port)
    second = make_running(options)
    second.driver.restore(first.journal)
    restored = second.driver.restored_calls()
    assert len(restored) == 5
    assert {call.state for call in restored} == {"answered"}
    assert all(call.port is not None and call.inbound for call in restored)
    await second.open()
    try:
        if ours:
            for call in restored:
                await second.driver.line(call.line).release()
        await second.wait_for(Released, 5)
        await caller.done()
    finally:
        await second.close()


async def test_bench_counts_every_call(sipp) -> None:
    found = await bench.run(calls=30, rate=100, scenario=SCENARIOS / "uac.xml")
    assert (found["answered"], found["released"]) == (30, 30)
    assert float(found["cpu_s_per_1000"]) > 0
