"""The driver against the simulated phones: a second, independent stack of the project."""

import asyncio

import pytest

from drivers.events import Answered, Cause, Held, Progress, Released, Retrieved, Ringing, StationUp
from drivers.sip.simulator.agent import UserAgent
from drivers.sip.simulator.call import Refused
from drivers.sip.simulator.packets import Media
from tests.drivers.sip.conftest import LIMIT_S

HERE = Media("127.0.0.1", 40_000)


@pytest.fixture
async def phone(running):
    made = await UserAgent("2001", "s3cret").open()
    yield made
    await made.close()


def place(running) -> tuple[str, int]:
    return ("127.0.0.1", running.driver.port)


async def test_phone_registers_shows_its_lamp_and_unregisters(running, phone) -> None:
    await running.driver.set_lamp("2001", on=True)
    assert await phone.register(place(running)) == 200
    assert (await running.wait_for(StationUp)).station == "2001"
    assert await phone.register(place(running)) == 200  # again, with the next CSeq
    assert running.driver.reachable("2001")
    assert any("Messages-Waiting: yes" in packet.body for packet in phone.notified)
    assert await phone.register(place(running), expires=0) == 200
    assert not running.driver.reachable("2001")


async def test_wrong_password_is_refused(running) -> None:
    stranger = await UserAgent("2001", "guess").open()
    assert await stranger.register(place(running)) == 401
    assert not running.driver.reachable("2001")
    await stranger.close()


async def test_phone_is_called_holds_and_is_hung_up(running, phone) -> None:
    await phone.register(place(running))
    line = running.driver.station_line("2001")
    await line.dial("2001", ani="030555", name="Ann")
    call = await asyncio.wait_for(phone.incoming.get(), LIMIT_S)
    assert call.caller == "030555"
    call.ring()
    assert (await running.wait_for(Progress)).tone == "ringback"
    await call.answer(HERE)
    await running.wait_for(Answered)
    assert line.stream is not None
    assert (line.stream.remote.port, line.stream.fmt.codec) == (40_000, "PCMA")
    await call.change("sendonly")
    await running.wait_for(Held)
    await call.change("sendrecv")
    await running.wait_for(Retrieved)
    await line.hold()
    async with asyncio.timeout(5):
        while not call.held:
            await asyncio.sleep(0.005)
    await line.release()
    await running.wait_for(Released)
    await asyncio.wait_for(call.ended.wait(), LIMIT_S)
    assert call.ended_by == "remote"


async def test_phone_that_is_busy(running, phone) -> None:
    await phone.register(place(running))
    await running.driver.station_line("2001").dial("2001")
    (await asyncio.wait_for(phone.incoming.get(), LIMIT_S)).refuse(486)
    assert (await running.wait_for(Released)).cause is Cause.BUSY


async def test_caller_is_answered_and_hangs_up(running) -> None:
    caller = await UserAgent("5550100").open()
    call = caller.call("1000", place(running), HERE, ani="5550100")
    ringing = await running.wait_for(Ringing)
    assert (ringing.ani, ringing.dnis) == ("5550100", "1000")
    await running.driver.line(ringing.line).answer()
    await call.answered()
    await running.wait_for(Answered)
    await call.hang_up()
    await running.wait_for(Released)
    await caller.close()


async def test_caller_is_refused(running) -> None:
    caller = await UserAgent("5550100").open()
    call = caller.call("1000", place(running), HERE)
    ringing = await running.wait_for(Ringing)
    await running.driver.line(ringing.line).release(Cause.BUSY)
    with pytest.raises(Refused) as caught:
        await call.answered()
    assert caught.value.status == 486
    assert await caller.options(place(running)) == 200
    await caller.close()
