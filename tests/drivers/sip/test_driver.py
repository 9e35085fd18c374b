"""The driver around the core: lines, audio, order of events, sockets."""

import asyncio
import socket
import time

import pytest

from drivers.api import Capability, LineId, LineSpan
from drivers.errors import DeviceMissing, DriverError, LineBusy, NotCapable, OptionsError
from drivers.events import Answered, Cause, Held, Released, Ringing, Seized
from drivers.registry import available
from drivers.sip.driver import SipDriver
from drivers.sip.options import SipOptions, TrunkOptions
from drivers.sip.transport.guard import FloodGuard
from drivers.sip.transport.udp import UdpEndpoint
from tests.fakes.sip_bench import OFFER, request

LOOPBACK_OFFER = OFFER.replace(b"192.0.2.9", b"127.0.0.1")


class Caller:
    """A UDP socket on loopback that speaks by hand."""

    def __init__(self, running) -> None:
        self.sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.sock.bind(("127.0.0.1", 0))
        self.sock.setblocking(False)
        self.place = f"127.0.0.1:{self.sock.getsockname()[1]}"
        self.target = ("127.0.0.1", running.driver.port)

    def send(self, method: str, **fields) -> None:
        contact = f"<sip:caller@{self.place}>"
        data = request(method, via=self.place, contact=contact, **fields)
        self.sock.sendto(data, self.target)

    async def receive(self) -> str:
        async with asyncio.timeout(30):
            data = await asyncio.get_running_loop().sock_recv(self.sock, 65536)
        return data.decode()

    async def until(self, start: str) -> str:
        while not (text := await self.receive()).startswith(start):
            pass
        return text


@pytest.fixture
def caller(running):
    made = Caller(running)
    yield made
    made.sock.close()


def tag_of(text: str) -> str:
    return text.partition("To: ")[2].partition("\r\n")[0].partition("tag=")[2]


def test_driver_is_found_by_its_kind() -> None:
    registration = available()["sip"]
    assert (registration.factory, registration.options) == (SipDriver, SipOptions)


def test_wrong_options_are_refused_at_once() -> None:
    with pytest.raises(OptionsError):
        SipDriver(SipOptions(port=-1), clock=lambda: 0.0, journal=lambda kind, payload: None)


async def test_call_rings_is_answered_and_audio_comes_before_answered(running, caller) -> None:
    connected: list[int] = []
    ports_open = running.ports.open_rtp

    async def slow(to=None):
        await asyncio.sleep(0.05)
        connected.append(len(running.told))
        return await ports_open(to)

    running.ports.open_rtp = slow
    caller.send("INVITE", body=LOOPBACK_OFFER)
    ringing = await running.wait_for(Ringing)
    assert (ringing.line, ringing.ani, ringing.dnis) == (LineId("carrier/1"), "030555", "1000")
    line = running.driver.line(ringing.line)
    assert line.port is None
    await line.answer()
    await line.answer()  # twice does nothing
    assert line.port is not None
    ok = await caller.until("SIP/2.0 200")
    caller.send("ACK", branch="a", to_tag=tag_of(ok))
    await running.wait_for(Answered)
    assert connected == [1]  # only Ringing was told before
    assert running.ports.opened_with == [stream := line.stream]
    assert running.ports.connected == {line.port: [(stream.remote, stream.fmt)]}  # and only once
    await line.send_digits("12#")
    assert running.ports.digits == [(line.port, "12#")]
    await line.hold()
    hold = await caller.until("INVITE")
    assert "a=sendonly" in hold
    await line.release()
    await line.release()
    await running.wait_for(Released)
    assert len([one for one in running.told if isinstance(one, Released)]) == 1
    assert line.port is None
    await caller.until("BYE")


async def test_peer_that_holds_is_told(running, caller) -> None:
    caller.send("INVITE", body=LOOPBACK_OFFER)
    ringing = await running.wait_for(Ringing)
    await running.driver.line(ringing.line).answer()
    tag = tag_of(await caller.until("SIP/2.0 200"))
    caller.send("ACK", branch="a", to_tag=tag)
    body = LOOPBACK_OFFER.replace(b"sendrecv", b"sendonly")
    caller.send("INVITE", branch="h", cseq=2, to_tag=tag, body=body)
    await running.wait_for(Held)


async def test_call_without_audio_port_is_refused(running, caller) -> None:
    running.ports.refuse = True
    caller.send("INVITE", body=LOOPBACK_OFFER)
    ringing = await running.wait_for(Ringing)
    await running.driver.line(ringing.line).answer()
    released = await running.wait_for(Released)
    assert released.cause is Cause.RESOURCE_UNAVAILABLE
    refusal = await caller.until("SIP/2.0 503")
    assert "Retry-After" in refusal


async def test_caller_who_leaves_while_the_port_opens_leaves_no_port(running, caller) -> None:
    opened = running.ports.open_rtp
    gate = asyncio.Event()

    async def slow(to=None):
        await gate.wait()
        return await opened(to)

    running.ports.open_rtp = slow
    caller.send("INVITE", body=LOOPBACK_OFFER)
    ringing = await running.wait_for(Ringing)
    answering = asyncio.create_task(running.driver.line(ringing.line).answer())
    caller.send("CANCEL")
    await running.wait_for(Released)
    gate.set()
    await answering
    assert running.ports.open == {}
    assert len(running.ports.closed) == 1


async def test_line_comes_back_and_others_are_used_first(running, caller) -> None:
    for number in range(3):
        caller.send("INVITE", call_id=f"c{number}", branch=f"b{number}", body=LOOPBACK_OFFER)
        ringing = await running.wait_for(Ringing, number + 1)
        await running.driver.line(ringing.line).release(Cause.BUSY)
    await running.wait_for(Released, 3)
    assert [one.line for one in running.told if isinstance(one, Ringing)] == [
        "carrier/1",
        "carrier/2",
        "carrier/3",
    ]
    assert len(running.driver.board.free["carrier"]) == 40


async def test_line_says_what_it_cannot_do(running) -> None:
    line = running.driver.line(LineId("carrier/1"))
    assert Capability.DIAL not in line.can
    for act in (line.flash(), line.transfer("1"), line.dial("1")):
        with pytest.raises(NotCapable):
            await act
    with pytest.raises(DriverError):
        await line.send_digits("1")
    with pytest.raises(DriverError):
        await line.hold()
    await line.answer()
    await line.release()
    with pytest.raises(KeyError):
        running.driver.line(LineId("carrier/99"))


async def test_dial_over_a_trunk_and_withdraw_before_it_is_sent(make_running, caller) -> None:
    trunk = TrunkOptions(
        name="out", addresses=("127.0.0.0/8",), target=caller.place, number="4930", max_calls=1
    )
    running = await make_running(SipOptions(port=0, trunks=(trunk,))).open()
    try:
        line = running.driver.line(LineId("out/1"))
        await line.dial("0301234", name="Desk")
        with pytest.raises(LineBusy):
            await line.dial("1")
        invite = await caller.receive()
        assert invite.startswith("INVITE sip:0301234@127.0.0.1:")
        assert 'From: "Desk" <sip:4930@127.0.0.1:' in invite
        await running.wait_for(Seized)
        await line.release(Cause.NO_ANSWER)
        await running.wait_for(Released)
        assert running.ports.open == {} or await asyncio.sleep(0.01) is None
        running.ports.refuse = True
        await line.dial("1")
        released = await running.wait_for(Released, 2)
        assert released.cause is Cause.RESOURCE_UNAVAILABLE
    finally:
        await running.close()


async def test_close_releases_calls_and_can_be_repeated(make_running, caller) -> None:
    running = await make_running().open()
    other = Caller(running)
    other.send("INVITE", body=LOOPBACK_OFFER)
    await running.wait_for(Ringing)
    await running.close()
    await running.driver.close()
    assert isinstance(running.told[-1], Released)
    await other.until("SIP/2.0 480")
    other.sock.close()


async def test_socket_that_cannot_be_bound_says_why(make_running, running) -> None:
    taken = make_running(SipOptions(port=running.driver.port))
    with pytest.raises(DriverError, match="cannot listen"):
        await taken.driver.open(taken.ports)
    elsewhere = make_running(SipOptions(listen="192.0.2.1", port=0))
    with pytest.raises(DeviceMissing):
        await elsewhere.driver.open(elsewhere.ports)


async def test_counters_tell_what_was_dropped(running, caller) -> None:
    caller.sock.sendto(b"rubbish\r\n\r\n", caller.target)
    caller.send("OPTIONS")
    await caller.until("SIP/2.0 200")
    counters = running.driver.counters()
    assert counters["received_options"] == 1
    assert counters["flood_dropped"] == 0
    assert sum(count for name, count in counters.items() if name.startswith("malformed")) == 1


async def test_lamp_of_a_station_without_a_phone_is_kept(running) -> None:
    await running.driver.set_lamp("2001", on=True)
    assert not running.driver.reachable("2001")


def test_works_on_uvloop_too(make_running) -> None:
    uvloop = pytest.importorskip("uvloop")

    async def one_call() -> None:
        running = await make_running().open()
        caller = Caller(running)
        caller.send("INVITE", body=LOOPBACK_OFFER)
        ringing = await running.wait_for(Ringing)
        await running.driver.line(ringing.line).answer()
        await caller.until("SIP/2.0 200")
        await running.close()
        caller.sock.close()

    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(one_call())


def test_flood_guard_lets_a_burst_through_and_then_a_rate() -> None:
    guard = FloodGuard(lambda host: 10.0, burst=5)
    assert [guard.allows("a", 0.0) for _ in range(7)] == [True] * 5 + [False] * 2
    assert guard.allows("b", 0.0)
    assert [guard.allows("a", 0.2) for _ in range(3)] == [True, True, False]
    assert guard.dropped == 3


def test_flood_guard_forgets_old_sources_and_never_limits_free_ones() -> None:
    guard = FloodGuard(lambda host: 0.0 if host == "trunk" else 1.0, burst=1)
    for number in range(10_000):
        guard.allows(str(number), 0.0)
        assert guard.allows("trunk", 0.0)
    assert len(guard._buckets) <= 4096


async def test_ended_call_is_found_by_its_line_and_time(running, caller) -> None:
    before = time.time()
    caller.send("INVITE", body=LOOPBACK_OFFER)
    ringing = await running.wait_for(Ringing)
    line = LineId("carrier/1")
    assert running.driver.refs([line]) == [ringing.ref]
    caller.send("CANCEL")
    await running.wait_for(Released)
    driver = running.driver
    assert driver.refs([line]) == []
    assert driver.refs([], [LineSpan(line, before, time.time())]) == [ringing.ref]
    assert driver.refs([], [LineSpan(LineId("carrier/2"), before, time.time())]) == []
    assert driver.refs([], [LineSpan(line, before - 9, before)]) == []
    titles = [step.title for step in driver.ladder([], [], [LineSpan(line, before, time.time())])]
    assert titles[0] == "INVITE"
    assert "CANCEL" in titles


async def test_no_message_leaves_before_its_record_is_settled(make_running, monkeypatch) -> None:
    settled, open_when_sent = 0, []

    def settle() -> None:
        nonlocal settled
        settled = len(running.journal)

    running = make_running(settle=settle)
    await running.open()
    send = UdpEndpoint.send

    def watched(endpoint, data, place) -> None:
        open_when_sent.append(len(running.journal) - settled)
        send(endpoint, data, place)

    monkeypatch.setattr(UdpEndpoint, "send", watched)
    caller = Caller(running)
    caller.send("INVITE", body=LOOPBACK_OFFER)
    ringing = await running.wait_for(Ringing)
    line = running.driver.line(ringing.line)
    await line.answer()
    tag = tag_of(await caller.until("SIP/2.0 200"))
    assert running.journal
    caller.send("ACK", branch="a", to_tag=tag)
    await running.wait_for(Answered)
    await line.release()
    await caller.until("BYE")
    assert set(open_when_sent) == {0}
    caller.sock.close()
    await running.close()
