"""The driver against SIPp over TCP, and over IPv6: calls in, calls out, registration."""

import pytest

from drivers.api import LineId
from drivers.events import Answered, Cause, Released, StationUp
from tests.drivers.sip.transport.conftest import answering

REGISTER = ("-s", "2001", "-au", "2001", "-ap", "s3cret", "-m", "1")


async def test_callers_over_one_connection_are_answered_and_hang_up(open_driver, sipp) -> None:
    running = await open_driver("tcp:127.0.0.1:0")
    running.react = answering(running)
    target = f"127.0.0.1:{running.driver.port}"
    caller = await sipp(
        "uac", target, "-t", "t1", "-s", "1000", "-m", "40", "-r", "40", "-d", "100"
    )
    await caller.done()
    await running.wait_for(Released, 40)
    assert len([one for one in running.told if isinstance(one, Answered)]) == 40
    counters = running.driver.counters()
    assert counters["tcp_accepted"] == 1
    assert counters.get("response_repeated", 0) == 0


async def test_each_call_by_a_connection_of_its_own(open_driver, sipp) -> None:
    running = await open_driver("tcp:127.0.0.1:0")
    running.react = answering(running)
    target = f"127.0.0.1:{running.driver.port}"
    caller = await sipp(
        "uac",
        target,
        "-t",
        "tn",
        "-max_socket",
        "500",
        "-s",
        "1000",
        "-m",
        "10",
        "-r",
        "20",
        "-d",
        "50",
    )
    await caller.done()
    await running.wait_for(Released, 10)
    assert running.driver.counters()["tcp_accepted"] == 10


async def test_call_over_tcp_that_we_hang_up_comes_back_on_the_same_connection(
    open_driver, sipp
) -> None:
    running = await open_driver("udp:127.0.0.1:0", "tcp:127.0.0.1:0")
    running.react = answering(running)
    port = running.driver.border.transports.places[1][2]
    caller = await sipp("uac_waits", f"127.0.0.1:{port}", "-t", "t1", "-s", "1000", "-m", "1")
    answered = await running.wait_for(Answered)
    await running.driver.line(answered.line).release()
    await running.wait_for(Released)
    await caller.done()
    assert running.driver.counters().get("tcp_opened", 0) == 0


async def test_phone_registers_over_tcp(open_driver, sipp) -> None:
    running = await open_driver("tcp:127.0.0.1:0")
    phone = await sipp("register", f"127.0.0.1:{running.driver.port}", "-t", "t1", *REGISTER)
    await phone.done()
    up = await running.wait_for(StationUp)
    assert up.station == "2001"


async def test_calls_out_over_tcp_share_one_connection(open_driver, sipp, free_port) -> None:
    port = free_port()
    running = await open_driver(
        "tcp:127.0.0.1:0", trunk={"target": f"127.0.0.1:{port}", "transport": "tcp"}
    )
    callee = await sipp("uas", "127.0.0.1", "-t", "t1", "-p", str(port), "-m", "3")
    await callee.listening(port)
    lines = [running.driver.line(LineId(f"carrier/{number}")) for number in (1, 2, 3)]
    for line in lines:  # the first two begin while the connection is being opened
        await line.dial("5551234")
    await running.wait_for(Answered, 3)
    for line in lines:
        await line.release()
    released = await running.wait_for(Released, 3)
    await callee.done()
    assert released.cause is Cause.NORMAL
    assert running.driver.counters()["tcp_opened"] == 1


async def test_trunk_that_nobody_answers_at_is_unreachable_at_once(open_driver, free_port) -> None:
    running = await open_driver(
        "tcp:127.0.0.1:0", trunk={"target": f"127.0.0.1:{free_port()}", "transport": "tcp"}
    )
    await running.driver.line(LineId("carrier/1")).dial("5551234")
    released = await running.wait_for(Released, limit_s=5)
    assert released.cause is Cause.NO_USER_RESPONDING
    assert running.driver.counters()["connection_failed"] == 1


@pytest.mark.parametrize(("listen", "transport"), [("udp:[::1]:0", "u1"), ("tcp:[::1]:0", "t1")])
async def test_callers_over_ipv6(open_driver, sipp, listen: str, transport: str) -> None:
    running = await open_driver(listen)
    running.react = answering(running)
    caller = await sipp(
        "uac", f"[::1]:{running.driver.port}", "-t", transport, "-s", "1000",
        "-m", "5", "-r", "20", "-d", "50", local="::1",
    )  # fmt: skip
    await caller.done()
    await running.wait_for(Released, 5)
    assert len([one for one in running.told if isinstance(one, Answered)]) == 5
