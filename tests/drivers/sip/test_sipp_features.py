"""SIPp as a peer that uses extensions: PRACK, UPDATE, session timers, REFER, third party."""

import asyncio
from pathlib import Path

import msgspec
import pytest

from drivers.events import (
    Answered,
    Cause,
    Held,
    LineEvent,
    Progress,
    Released,
    Retrieved,
    Ringing,
    StationUp,
    TransferEnded,
    Transferred,
)
from tests.drivers.sip.conftest import loopback_options


def listens(port: int) -> bool:
    """Whether some process listens on this TCP port of loopback or any address (Linux)."""
    rows = [line.split() for line in Path("/proc/net/tcp").read_text().splitlines()[1:]]
    return any(row[1].endswith(f":{port:04X}") and row[3] == "0A" for row in rows)


def options(**changes):
    plain = loopback_options()
    trunk = msgspec.structs.replace(plain.trunks[0], **changes)
    return msgspec.structs.replace(plain, trunks=(trunk,))


@pytest.fixture
async def trusting(make_running):
    """A driver whose trunk may transfer and be transferred; it answers every call."""
    made = await make_running(options(transfers=True, network_transfers=True)).open()

    async def react(event: LineEvent) -> None:
        if isinstance(event, Ringing):
            await made.driver.line(event.line).answer()
        elif isinstance(event, Transferred):
            await made.driver.transfer_rings(event.transfer)

    made.react = react
    yield made
    await made.close()


@pytest.mark.parametrize(
    ("scenario", "events"),
    [
        ("uac_prack", {Ringing, Answered, Released}),
        ("uac_delayed", {Ringing, Answered, Released}),
        ("uac_timer", {Ringing, Answered, Released}),
        ("uac_update", {Ringing, Answered, Held, Retrieved, Released}),
    ],
)
async def test_caller_who_uses_an_extension(trusting, sipp, scenario, events) -> None:
    target = f"127.0.0.1:{trusting.driver.port}"
    caller = await sipp(scenario, target, "-s", "1000", "-m", "5", "-r", "20", "-d", "50")
    await caller.done()
    await trusting.wait_for(Released, 5)
    assert {type(one) for one in trusting.told} == events
    assert {one.cause for one in trusting.told if isinstance(one, Released)} == {Cause.NORMAL}
    assert len(trusting.driver.core.calls) == 0


async def test_transferor_hears_of_the_outcome(trusting, sipp) -> None:
    trusting_react = trusting.react

    async def react(event: LineEvent) -> None:
        if isinstance(event, Transferred):
            assert (event.to, event.other) == ("777", None)
            await trusting.driver.transfer_ended(event.transfer)
        else:
            await trusting_react(event)

    trusting.react = react
    target = f"127.0.0.1:{trusting.driver.port}"
    await (await sipp("uac_transferor", target, "-s", "1", "-m", "3", "-r", "10")).done()
    await trusting.wait_for(Released, 3)


async def test_transferee_goes_where_we_send_it(trusting, sipp) -> None:
    target = f"127.0.0.1:{trusting.driver.port}"
    caller = await sipp("uac_transferee", target, "-s", "1", "-m", "1")
    answered = await trusting.wait_for(Answered)
    line = trusting.driver.line(answered.line)
    await line.transfer("777")
    ended = await trusting.wait_for(TransferEnded)
    assert ended.cause is None
    await line.release()
    await trusting.wait_for(Released)
    await caller.done()


async def test_third_party_connects_two_calls(trusting, sipp, free_port) -> None:
    target = f"127.0.0.1:{trusting.driver.port}"
    port = free_port()
    common = ("-s", "1", "-m", "1", "-d", "50", "-3pcc", f"127.0.0.1:{port}")
    second = await sipp("3pcc_b", target, *common)
    async with asyncio.timeout(10):
        # The first leg's SIPp gives up when the other's does not listen yet; to try a
        # connection would be to take its place.
        while not listens(port):
            await asyncio.sleep(0.01)
    first = await sipp("3pcc_a", target, *common)
    await asyncio.gather(first.done(), second.done())
    await trusting.wait_for(Released, 2)
    assert len([one for one in trusting.told if isinstance(one, Answered)]) == 2


async def test_two_telephones_of_a_station_ring_and_one_is_too_late(
    running, sipp, free_port
) -> None:
    target = f"127.0.0.1:{running.driver.port}"
    ports = [str(free_port()), str(free_port())]
    for number, port in enumerate(ports, 1):
        who = ("-s", "2001", "-au", "2001", "-ap", "s3cret", "-m", "1", "-p", port)
        await (await sipp("register", target, *who)).done()
        await running.wait_for(StationUp, number)
    late = await sipp("agent_cancelled", target, "-p", ports[0], "-m", "1")
    line = running.driver.station_line("2001")
    await line.dial("", ani="030555")
    await running.wait_for(Progress)
    agent = await sipp("uas", target, "-p", ports[1], "-m", "1")
    await running.wait_for(Answered)
    await late.done()
    await line.release()
    await running.wait_for(Released)
    await agent.done()
