"""A line whose audio ports are promised: it answers at once, and ends when a promise is broken."""

from collections.abc import Callable

import pytest

from daemon.link.client import MediaLink
from drivers.api import PortId, RtpAddress, RtpStream
from drivers.errors import DriverError
from drivers.events import Answered, Cause, Released, Ringing
from drivers.granted_ports import GrantedPorts
from tests.drivers.sip.test_driver import LOOPBACK_OFFER, Caller, tag_of


class Promised:
    """Ports that are there before they are asked for; every request is written down."""

    def __init__(self, running, caller: "Hearing") -> None:
        self.asked: list[str] = []
        self.told_before: list[str] = []
        self.caller = caller
        self.refused: list[Callable[[DriverError], None]] = []
        self.empty = False
        self.unwritable = False
        running.driver.granted = self

    def open_granted(
        self, to: RtpStream | None, refused: Callable[[DriverError], None]
    ) -> tuple[PortId, RtpAddress] | None:
        if self.empty:
            return None
        self.asked.append("open" if to is None else "open with stream")
        self.refused.append(refused)
        return PortId(77), RtpAddress("127.0.0.1", 40_000)

    def connect_unwaited(
        self, port: PortId, to: RtpStream, refused: Callable[[DriverError], None]
    ) -> bool:
        if self.unwritable:
            raise DriverError("a number is out of its range")
        if self.empty:
            return False
        self.asked.append("connect")
        self.refused.append(refused)
        return True

    def close_unwaited(self, port: PortId, refused: Callable[[DriverError], None]) -> None:
        self.asked.append("close")

    def send_now(self) -> None:
        self.asked.append("send")
        self.told_before = self.caller.waiting()


class Hearing(Caller):
    """A caller who can say what has come, without waiting."""

    def waiting(self) -> list[str]:
        found = list[str]()
        while True:
            try:
                found.append(self.sock.recv(65536).decode())
            except BlockingIOError:
                return [text.split("\r\n")[0] for text in found]


@pytest.fixture
def caller(running):
    made = Hearing(running)
    yield made
    made.sock.close()


@pytest.fixture
def promised(running, caller) -> Promised:
    return Promised(running, caller)


async def answer(running, caller, body: bytes = LOOPBACK_OFFER) -> str:
    """Answer a call; our tag."""
    caller.send("INVITE", body=body)
    ringing = await running.wait_for(Ringing)
    await running.driver.line(ringing.line).answer()
    return tag_of(await caller.until("SIP/2.0 200"))


async def test_the_engine_is_told_of_a_port_before_the_caller_is(running, caller, promised) -> None:
    tag = await answer(running, caller)
    assert promised.asked == ["open with stream", "send"]
    assert not [line for line in promised.told_before if line.startswith("SIP/2.0 200")]
    caller.send("ACK", branch="a", to_tag=tag)
    await running.wait_for(Answered)
    assert running.ports.open == {}  # nothing was waited for
    caller.send("BYE", branch="b", cseq=2, to_tag=tag)
    await running.wait_for(Released)
    assert promised.asked == ["open with stream", "send", "close"]


async def test_a_broken_promise_ends_the_call_with_its_cause(running, caller, promised) -> None:
    tag = await answer(running, caller)
    caller.send("ACK", branch="a", to_tag=tag)
    await running.wait_for(Answered)
    promised.refused[0](DriverError("somebody took the port"))
    released = await running.wait_for(Released)
    assert released.cause is Cause.RESOURCE_UNAVAILABLE
    await caller.until("BYE")
    promised.refused[0](DriverError("told twice"))  # the call is over
    assert len([one for one in running.told if isinstance(one, Released)]) == 1


async def test_a_stream_is_not_waited_for_and_ends_the_call_when_it_is_refused(
    running, caller, promised
) -> None:
    tag = await answer(running, caller, b"")
    caller.send("ACK", branch="a", to_tag=tag, body=LOOPBACK_OFFER)
    await running.wait_for(Answered)
    assert promised.asked == ["open", "send", "connect"]
    promised.refused[1](DriverError("no such port"))
    released = await running.wait_for(Released)
    assert released.cause is Cause.TEMPORARY_FAILURE
    await caller.until("BYE")


async def test_a_stream_that_cannot_be_written_ends_the_call_and_nothing_is_raised(
    running, caller, promised
) -> None:
    tag = await answer(running, caller, b"")
    promised.unwritable = True
    caller.send("ACK", branch="a", to_tag=tag, body=LOOPBACK_OFFER)
    released = await running.wait_for(Released)
    assert released.cause is Cause.TEMPORARY_FAILURE
    await caller.until("BYE")


async def test_without_a_promise_the_answer_waits_for_the_engine(running, caller, promised) -> None:
    promised.empty = True
    running.ports.refuse = True
    caller.send("INVITE", body=LOOPBACK_OFFER)
    ringing = await running.wait_for(Ringing)
    await running.driver.line(ringing.line).answer()
    await caller.until("SIP/2.0 503")
    assert promised.asked == []


def test_what_is_promised_here_is_what_a_driver_asks_for() -> None:
    assert issubclass(Promised, GrantedPorts)
    assert issubclass(MediaLink, GrantedPorts)
