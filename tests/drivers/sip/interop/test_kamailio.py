"""Kamailio between us and others: its Record-Route holds requests within calls to its path."""

import pytest

from drivers.api import LineId
from drivers.events import Answered, Cause, Progress, Released, StationDown, StationUp
from tests.drivers.sip.interop.kamailio import Kamailio
from tests.drivers.sip.transport.conftest import answering

REGISTER = ("-s", "2001", "-au", "2001", "-ap", "s3cret", "-m", "1")
# How the caller reaches the proxy, and how the proxy reaches us.
WAYS = [("udp", "udp"), ("tcp", "tcp"), ("udp", "tcp"), ("tcp", "udp")]
CARRIED = {"udp": "u1", "tcp": "t1"}


def uri(port: int, transport: str = "udp") -> str:
    return f"sip:127.0.0.1:{port};transport={transport}"


@pytest.fixture
async def routed(open_driver, kamailio: Kamailio, free_port):
    """Opens a driver whose trunk is the proxy; returns it with the port of who is behind."""

    async def start(inside: str = "udp", behind: str = "udp", **options):
        trunk = {"target": f"127.0.0.1:{kamailio.port}", "transport": inside}
        running = await open_driver("udp:127.0.0.1:0", "tcp:127.0.0.1:0", trunk=trunk, **options)
        places = running.driver.border.transports.places
        ours = {transport: port for transport, _, port in places}[inside]
        port = free_port()
        await kamailio.route(uri(ours, inside), uri(port, behind))
        return running, port

    return start


@pytest.mark.parametrize(("outside", "inside"), WAYS)
async def test_callers_come_through_the_proxy_and_hang_up(
    routed, kamailio: Kamailio, sipp, outside: str, inside: str
) -> None:
    running, _ = await routed(inside)
    running.react = answering(running)
    place = f"127.0.0.1:{kamailio.port}"
    many = ("-s", "1000", "-m", "5", "-r", "20", "-d", "50")
    await (await sipp("uac", place, "-t", CARRIED[outside], *many)).done()
    await running.wait_for(Released, 5)
    for method in ("INVITE", "ACK", "BYE"):
        assert kamailio.routed(f"{method} from 127.0.0.1") == 5
        assert running.driver.counters()[f"received_{method.lower()}"] == 5


@pytest.mark.parametrize(("outside", "inside"), WAYS)
async def test_we_hold_and_hang_up_a_caller_through_the_proxy(
    routed, kamailio: Kamailio, sipp, outside: str, inside: str
) -> None:
    """Our own requests follow the route set, in which each change of transport is twice."""
    running, _ = await routed(inside)
    running.react = answering(running)
    place = f"127.0.0.1:{kamailio.port}"
    caller = await sipp("uac_held", place, "-t", CARRIED[outside], "-s", "1000", "-m", "1")
    line = running.driver.line((await running.wait_for(Answered)).line)
    await line.hold()
    await kamailio.until("INVITE from 127.0.0.1", 2)
    await kamailio.until("ACK from 127.0.0.1", 2)
    await line.release()
    assert (await running.wait_for(Released)).cause is Cause.NORMAL
    await caller.done()
    assert kamailio.routed("BYE from 127.0.0.1") == 1


@pytest.mark.parametrize(("inside", "behind"), WAYS)
async def test_we_call_through_the_proxy(
    routed, kamailio: Kamailio, sipp, inside: str, behind: str
) -> None:
    running, port = await routed(inside, behind)
    called = await sipp(
        "uas_routed", "127.0.0.1", "-t", CARRIED[behind], "-p", str(port), "-m", "1"
    )
    if behind == "tcp":
        await called.listening(port)
    line = running.driver.line(LineId("carrier/1"))
    await line.dial("5550100")
    await running.wait_for(Answered)
    await line.release()
    assert (await running.wait_for(Released)).cause is Cause.NORMAL
    await called.done()
    assert kamailio.routed("BYE from 127.0.0.1") == 1


async def test_called_side_hangs_up_through_the_proxy(routed, kamailio: Kamailio, sipp) -> None:
    running, port = await routed()
    called = await sipp("uas_routed_ends", "127.0.0.1", "-p", str(port), "-m", "1")
    await running.driver.line(LineId("carrier/1")).dial("5550100")
    assert (await running.wait_for(Released)).cause is Cause.NORMAL
    await called.done()


async def test_call_is_given_up_while_it_rings_behind_the_proxy(
    routed, kamailio: Kamailio, sipp
) -> None:
    running, port = await routed()
    called = await sipp("agent_cancelled", "127.0.0.1", "-p", str(port), "-m", "1")
    line = running.driver.line(LineId("carrier/1"))
    await line.dial("5550100")
    await running.wait_for(Progress)
    await line.release(Cause.ANSWERED_ELSEWHERE)
    await running.wait_for(Released)
    await called.done()


async def test_nobody_behind_the_proxy_is_told_with_a_cause(routed, kamailio: Kamailio) -> None:
    """Nobody listens there by TCP: the proxy says so at once."""
    running, _ = await routed("udp", "tcp")
    await running.driver.line(LineId("carrier/1")).dial("5550100")
    released = await running.wait_for(Released)
    assert (released.cause, released.detail[:3]) == (Cause.INTERWORKING, "477")


@pytest.mark.parametrize("inside", ["udp", "tcp"])
async def test_telephone_behind_a_registrar_front_is_called_by_its_path(
    routed, kamailio: Kamailio, sipp, free_port, inside: str
) -> None:
    """REGISTER comes through the proxy with Path; calls go back the same way (RFC 3327)."""
    running, _ = await routed(inside)
    place, port = f"127.0.0.1:{kamailio.port}", str(free_port())
    await (await sipp("register", place, *REGISTER, "-p", port)).done()
    await running.wait_for(StationUp)
    phone = await sipp("uas_routed", "127.0.0.1", "-p", port, "-m", "1")
    line = running.driver.station_line("2001")
    await line.dial("", ani="030555")
    await running.wait_for(Answered)
    await line.release()
    await running.wait_for(Released)
    await phone.done()
    assert kamailio.routed("routed INVITE to") == 1


async def test_telephone_is_called_when_its_front_was_restarted(
    routed, kamailio: Kamailio, sipp, free_port
) -> None:
    """The connection that REGISTER came by is gone; the Path still leads there."""
    running, _ = await routed("tcp")
    place, port = f"127.0.0.1:{kamailio.port}", str(free_port())
    await (await sipp("register", place, *REGISTER, "-p", port)).done()
    await running.wait_for(StationUp)
    await kamailio.again()
    phone = await sipp("uas_routed", "127.0.0.1", "-p", port, "-m", "1")
    line = running.driver.station_line("2001")
    await line.dial("", ani="030555")
    await running.wait_for(Answered)
    await line.release()
    await running.wait_for(Released)
    await phone.done()
    assert not any(isinstance(one, StationDown) for one in running.told)


async def test_callers_and_telephones_come_through_the_same_proxy(
    routed, kamailio: Kamailio, sipp
) -> None:
    running, _ = await routed()
    running.react = answering(running)
    place = f"127.0.0.1:{kamailio.port}"
    await (await sipp("register", place, *REGISTER)).done()
    await running.wait_for(StationUp)
    await (await sipp("uac", place, "-s", "1000", "-m", "1", "-d", "10")).done()
    assert (await running.wait_for(Answered)).line == "carrier/1"


async def test_who_calls_through_the_front_of_a_telephone_is_not_that_telephone(
    routed, kamailio: Kamailio, sipp
) -> None:
    """Two telephones share the proxy's address: only a password tells them apart."""
    running, _ = await routed(trunks=())
    place = f"127.0.0.1:{kamailio.port}"
    await (await sipp("register", place, *REGISTER)).done()
    await running.wait_for(StationUp)
    stranger = await sipp("uac", place, "-s", "1000", "-m", "1")
    with pytest.raises(AssertionError, match="407"):
        await stranger.done()
    assert running.driver.counters()["sent_407"] == 1
