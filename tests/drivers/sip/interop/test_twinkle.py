"""Twinkle as a telephone: it registers, is called, calls, holds, transfers and sends keys."""

import msgspec
import pytest

from drivers.api import LineId
from drivers.events import (
    Answered,
    Cause,
    Digit,
    Held,
    Progress,
    Released,
    Retrieved,
    Ringing,
    StationDown,
    StationUp,
    TransferEnded,
    Transferred,
)
from tests.drivers.sip.conftest import loopback_options
from tests.drivers.sip.interop.twinkle import Twinkle, Wire
from tests.drivers.sip.transport.conftest import answering


@pytest.fixture
async def open_wire():
    """Opens the wire between a driver and a telephone; its place."""
    opened: list[Wire] = []

    async def start(running) -> str:
        opened.append(await Wire.open(running.driver.port))
        return opened[-1].place

    yield start
    for one in opened:
        one.close()


@pytest.fixture
async def phone(running, make_twinkle, open_wire) -> Twinkle:
    """A telephone at station 2001."""
    made = make_twinkle()
    await made.register("2001", "s3cret", await open_wire(running), keys="info")
    await running.wait_for(StationUp)
    return made


@pytest.fixture
async def exchange(make_running):
    """A driver with an exchange of one's own as its trunk; it answers every call."""
    plain = loopback_options()
    trunk = msgspec.structs.replace(plain.trunks[0], transfers=True, network_transfers=True)
    made = await make_running(msgspec.structs.replace(plain, trunks=(trunk,))).open()
    made.react = answering(made)
    yield made
    await made.close()


async def ring(running, phone: Twinkle):
    """Call the station until its telephone rings; its line."""
    line = running.driver.station_line("2001")
    await line.dial("", ani="5550100", name="Ann")
    await running.wait_for(Progress)
    await phone.until("incoming call")
    return line


async def called(running, phone: Twinkle):
    """Call the station and let its telephone answer; its line."""
    line = await ring(running, phone)
    phone.type("answer")
    await running.wait_for(Answered)
    await phone.until("call established")
    return line


async def test_agent_is_called_holds_and_hangs_up(running, phone: Twinkle) -> None:
    await called(running, phone)
    phone.type("hold")
    await running.wait_for(Held)
    await phone.until_message("Renew session")  # it takes no command before
    phone.type("retrieve")
    await running.wait_for(Retrieved)
    phone.type("bye")
    assert (await running.wait_for(Released)).cause is Cause.NORMAL
    phone.type("quit")
    await running.wait_for(StationDown)
    assert await phone.done() == 0


async def test_agent_is_held_and_hung_up_on(running, phone: Twinkle) -> None:
    line = await called(running, phone)
    await line.hold()
    await phone.until_message("CSeq: 2 ACK")
    assert "a=sendonly" in phone.messages
    await line.retrieve()
    await phone.until_message("CSeq: 3 ACK")
    await line.release()
    assert (await running.wait_for(Released)).cause is Cause.NORMAL
    await phone.until("far end ended call")


@pytest.mark.parametrize(
    ("command", "cause"), [("reject", Cause.BUSY), ("redirect 777", Cause.NO_ROUTE)]
)
async def test_agent_does_not_take_the_call(running, phone, command: str, cause: Cause) -> None:
    await ring(running, phone)
    phone.type(command)
    assert (await running.wait_for(Released)).cause is cause


async def test_call_that_another_agent_took_is_not_shown_as_missed(running, phone) -> None:
    line = await ring(running, phone)
    await line.release(Cause.ANSWERED_ELSEWHERE)
    await running.wait_for(Released)
    await phone.until("far end cancelled call")
    assert 'Reason: SIP;cause=200;text="Call completed elsewhere"' in phone.messages


async def test_agent_calls_and_presses_keys(running, phone: Twinkle) -> None:
    running.react = answering(running)
    phone.type("call 1000")
    ringing = await running.wait_for(Ringing)
    assert (ringing.ani, ringing.dnis) == ("2001", "1000")
    await phone.until("far end answered call")
    phone.type("dtmf 5#")
    await running.wait_for(Digit, 2)
    keys = [(one.key, one.source) for one in running.told if isinstance(one, Digit)]
    assert keys == [("5", "info"), ("#", "info")]
    phone.type("bye")
    await running.wait_for(Released)


@pytest.mark.parametrize(
    ("cause", "shown"),
    [(None, "call successfully referred"), (Cause.BUSY, "486 Busy Here")],
    ids=["well", "busy"],
)
async def test_agent_transfers_by_its_own_key(running, phone, cause, shown: str) -> None:
    await called(running, phone)
    phone.type("transfer 777")
    asked = await running.wait_for(Transferred)
    assert asked.to == "777"
    await running.driver.transfer_rings(asked.transfer)
    await running.driver.transfer_ended(asked.transfer, cause)
    await phone.until(shown)


async def test_wrong_password_is_refused(running, make_twinkle, open_wire) -> None:
    phone = make_twinkle()
    await phone.register("2001", "no", await open_wire(running), shown="registration failed")
    assert running.driver.counters()["auth_wrong"] >= 1
    assert not running.driver.reachable("2001")


async def test_exchange_asks_first_and_then_transfers(exchange, make_twinkle, open_wire) -> None:
    """A telephone of the exchange with two calls here joins them (Replaces)."""
    phone = make_twinkle()
    await phone.attach("3001", await open_wire(exchange))
    phone.type("call 1000")
    await phone.until("far end answered call")
    phone.type("transfer -c 1001")
    await exchange.wait_for(Held)
    second = await exchange.wait_for(Answered, 2)
    await phone.until("far end answered call", 2)
    phone.type("transfer -c")
    asked = await exchange.wait_for(Transferred)
    assert {asked.line, asked.other} == {LineId("carrier/1"), second.line}
    await exchange.driver.transfer_ended(asked.transfer)
    await phone.until("call successfully referred")
    for line in (asked.line, asked.other):
        await exchange.driver.line(line).release()
    await exchange.wait_for(Released, 2)


async def test_transfer_that_the_exchange_cannot_make_is_told_and_the_call_stays(
    exchange, make_twinkle, open_wire
) -> None:
    """Asked by REFER, the telephone calls the number at its own place, where nobody has it."""
    phone = make_twinkle()
    await phone.attach("3001", await open_wire(exchange))
    phone.type("call 1000")
    first = await exchange.wait_for(Answered)
    await phone.until("far end answered call")
    line = exchange.driver.line(first.line)
    await line.transfer("1002")
    assert (await exchange.wait_for(TransferEnded)).cause is Cause.UNALLOCATED
    await phone.until_message("Refer-To: <sip:1002@127.0.0.1:")
    await line.release()
    assert (await exchange.wait_for(Released)).cause is Cause.NORMAL


async def test_agent_whose_telephone_rings_reliably(running, make_twinkle, open_wire) -> None:
    """Its 180 is acknowledged by PRACK before it sends the 200 (RFC 3262)."""
    phone = make_twinkle()
    server = await open_wire(running)
    await phone.register("2001", "s3cret", server, more="ext_100rel=required\n")
    await called(running, phone)
    assert running.driver.counters()["sent_prack"] == 1
    phone.type("bye")
    await running.wait_for(Released)
