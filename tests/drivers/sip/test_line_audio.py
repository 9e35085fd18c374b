"""Audio of a line that takes its time: events wait for it, and none is lost when the call ends."""

import asyncio

import pytest

from drivers.errors import DriverError
from drivers.events import Answered, Cause, Held, Released, Retrieved, Ringing
from tests.drivers.sip.conftest import LIMIT_S
from tests.drivers.sip.test_driver import LOOPBACK_OFFER, Caller, tag_of


class Asked:
    """Audio ports that connect when they are told to."""

    def __init__(self, running) -> None:
        self.waiting: list[asyncio.Future[None]] = []
        running.ports.connect_rtp = self.connect_rtp

    def connect_rtp(self, port, remote, fmt) -> asyncio.Future[None]:
        self.waiting.append(asyncio.get_running_loop().create_future())
        return self.waiting[-1]

    async def for_audio(self, count: int) -> None:
        """Until so many connections were asked for."""
        async with asyncio.timeout(LIMIT_S):
            while len(self.waiting) < count:
                await asyncio.sleep(0)


@pytest.fixture
def caller(running):
    made = Caller(running)
    yield made
    made.sock.close()


@pytest.fixture
def asked(running) -> Asked:
    return Asked(running)


async def answered(running, caller) -> str:
    """Let a call be answered whose caller says only then where its audio goes; our tag."""
    caller.send("INVITE", body=b"")
    ringing = await running.wait_for(Ringing)
    await running.driver.line(ringing.line).answer()
    tag = tag_of(await caller.until("SIP/2.0 200"))
    caller.send("ACK", branch="a", to_tag=tag, body=LOOPBACK_OFFER)
    return tag


async def hold(caller, tag: str, number: int, direction: bytes) -> None:
    body = LOOPBACK_OFFER.replace(b"sendrecv", direction)
    caller.send("INVITE", branch=f"h{number}", cseq=number, to_tag=tag, body=body)
    await caller.until("SIP/2.0 200")
    caller.send("ACK", branch=f"a{number}", cseq=number, to_tag=tag)


async def test_no_task_waits_for_audio_and_events_come_behind_it(running, caller, asked) -> None:
    tag = await answered(running, caller)
    await hold(caller, tag, 2, b"sendonly")
    await hold(caller, tag, 3, b"sendrecv")
    names = {task.get_name() for task in asyncio.all_tasks()}
    assert not [name for name in names if name.startswith("sip audio")]
    assert [type(one) for one in running.told] == [Ringing]
    assert len(asked.waiting) == 1  # the others were asked for behind it
    asked.waiting[0].set_result(None)
    await running.wait_for(Answered)
    assert [type(one) for one in running.told] == [Ringing, Answered]
    await asked.for_audio(2)
    asked.waiting[1].set_result(None)
    await running.wait_for(Held)
    await asked.for_audio(3)
    asked.waiting[2].set_result(None)
    await running.wait_for(Retrieved)


async def test_what_happened_is_told_before_the_end_of_a_call_without_audio(
    running, caller, asked
) -> None:
    tag = await answered(running, caller)
    await hold(caller, tag, 2, b"sendonly")
    caller.send("BYE", branch="b", cseq=3, to_tag=tag)
    await running.wait_for(Released)
    assert [type(one) for one in running.told] == [Ringing, Answered, Held, Released]
    asked.waiting[0].set_result(None)
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    assert len(asked.waiting) == 1
    assert len(running.told) == 4


async def test_call_ends_when_its_audio_cannot_be_connected(running, caller, asked) -> None:
    await answered(running, caller)
    await asked.for_audio(1)
    asked.waiting[0].set_exception(DriverError("no such port"))
    released = await running.wait_for(Released)
    assert released.cause is Cause.TEMPORARY_FAILURE
    await caller.until("BYE")


async def test_a_connection_that_fails_late_does_not_end_the_next_call(
    running, caller, asked
) -> None:
    tag = await answered(running, caller)
    caller.send("BYE", branch="b", cseq=2, to_tag=tag)
    first = await running.wait_for(Released)
    running.driver.board.free["carrier"].move_to_end(running.driver.line(first.line), last=False)
    caller.send("INVITE", branch="n", call_id="next", body=LOOPBACK_OFFER)
    ringing = await running.wait_for(Ringing, 2)
    assert ringing.line == first.line
    asked.waiting[0].set_exception(DriverError("closed meanwhile"))
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    assert running.driver.line(ringing.line).call is not None
    assert len([one for one in running.told if isinstance(one, Released)]) == 1


async def test_known_stream_is_asked_for_once_and_a_changed_one_again(
    running, caller, asked
) -> None:
    caller.send("INVITE", body=LOOPBACK_OFFER)
    ringing = await running.wait_for(Ringing)
    line = running.driver.line(ringing.line)
    await line.answer()
    tag = tag_of(await caller.until("SIP/2.0 200"))
    caller.send("ACK", branch="a", to_tag=tag)
    await running.wait_for(Answered)
    assert running.ports.opened_with == [line.stream]
    assert asked.waiting == []
    await hold(caller, tag, 2, b"sendonly")
    assert len(asked.waiting) == 1
    asked.waiting[0].set_result(None)
    await running.wait_for(Held)
    await hold(caller, tag, 3, b"sendrecv")  # back to what the port was opened with
    assert len(asked.waiting) == 2
    assert running.ports.opened_with == [line.stream]


async def test_a_port_that_is_not_given_back_harms_nobody(running, caller) -> None:
    def refuse(port):
        raise DriverError("the link cannot be written")

    running.ports.close = refuse
    tag = await answered(running, caller)
    await running.wait_for(Answered)
    caller.send("BYE", branch="b", cseq=2, to_tag=tag)
    await running.wait_for(Released)
    await caller.until("SIP/2.0 200")
