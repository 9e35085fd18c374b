"""Calls that change to T.38: faxes received and sent, and the gateway between two legs."""

import asyncio
from collections.abc import Awaitable, Callable

import msgspec
import pytest

from daemon.config import TelephoneOptions
from daemon.control.calls.call import Phase
from daemon.control.faxes.spool import FaxJob
from daemon.fax import messages as fax
from daemon.link.errors import MediaRefused
from daemon.service.fax.faxes import FaxState
from daemon.store.rows import SegmentRow
from drivers.api import RtpAddress
from drivers.t38 import Correction, T38Asked, T38Left, T38Line, T38Terms, T38Told
from tests.fakes.control_rig import ControlRig
from tests.fakes.fax_pages import write_pages
from tests.fakes.line import FakeLine
from tests.fakes.sound_records import assert_sound

MakeRig = Callable[..., Awaitable[ControlRig]]
TERMS = T38Terms(remote=RtpAddress("192.0.2.9", 4100), most=72)
PEER = fax.T38Peer(host="192.0.2.9", port=4100, most=72)


class Packets:
    """What a line is asked about T.38; its far end does as ``terms`` say."""

    def __init__(self, line: FakeLine, terms: T38Terms | None = None) -> None:
        self.line = line
        self.terms = terms
        self.offered: list[RtpAddress] = []
        self.proposed: list[T38Terms] = []
        self.accepted: list[RtpAddress] = []
        self.like: list[T38Terms | None] = []
        """In whose terms it was accepted."""
        self.refused = self.left = 0
        self.later = 0
        """Refused, and may ask again."""
        self.retold: list[T38Terms] = []
        for name in ("offer", "propose", "accept", "refuse", "retell", "leave"):
            setattr(line, f"{name}_t38", getattr(self, f"{name}_t38"))
        assert isinstance(line, T38Line)

    async def offer_t38(self, local: RtpAddress) -> T38Terms | None:
        self.offered.append(local)
        return self.terms

    async def propose_t38(self, local: RtpAddress, *, like: T38Terms) -> bool:
        self.proposed.append(msgspec.structs.replace(like, remote=local))
        return True

    async def accept_t38(self, local: RtpAddress, *, like: T38Terms | None = None) -> bool:
        self.accepted.append(local)
        self.like.append(like)
        return True

    async def refuse_t38(self, *, later: bool = False) -> None:
        self.refused += not later
        self.later += later

    async def retell_t38(self, *, like: T38Terms) -> None:
        self.retold.append(like)

    async def leave_t38(self) -> None:
        self.left += 1

    async def ask(self, rig: ControlRig) -> None:
        """The far end wants T.38."""
        rig.driver.emit(T38Asked(line=self.line.id, terms=TERMS))
        await rig.settle()

    async def answer(self, rig: ControlRig, terms: T38Terms | None) -> None:
        """The far end answers what was proposed."""
        rig.driver.emit(T38Told(line=self.line.id, terms=terms))
        await rig.settle()


async def receive(rig: ControlRig, terms: T38Terms | None) -> tuple[FakeLine, Packets]:
    """A fax machine calls on a line that can do T.38."""
    packets = Packets(rig.driver.line(rig.driver.trunks[0]), terms)
    line = await rig.call("700", line=packets.line)
    return line, packets


def started(rig: ControlRig) -> list[fax.StartFax]:
    """Terminals that were asked for."""
    return [each for each in rig.media.faxes.asked if isinstance(each, fax.StartFax)]


async def test_caller_who_hangs_up_while_he_is_asked_has_an_end(rig: ControlRig) -> None:
    """Nothing runs in media yet, so nobody else tells of it."""
    packets = Packets(rig.driver.line(rig.driver.trunks[0]))
    never: asyncio.Future[T38Terms | None] = asyncio.get_running_loop().create_future()

    async def asked(_local: RtpAddress) -> T38Terms | None:
        return await never

    packets.line.offer_t38 = asked  # type: ignore[attr-defined]
    line = await rig.call("700", line=packets.line)
    assert started(rig) == []
    await rig.hang_up(line)
    assert rig.controller.faxes.running() == {}
    assert rig.media.faxes.sockets == set()
    [segment] = [row for row in rig.book.newest(SegmentRow) if row.kind == "fax"]
    assert (segment.result, segment.detail["code"]) == ("fax_failed", str(fax.DROPPED))
    assert_sound(rig)


async def test_caller_that_takes_t38_sends_by_it(rig: ControlRig) -> None:
    line, packets = await receive(rig, TERMS)
    assert packets.offered == [RtpAddress("192.0.2.1", 7001)]
    [request] = started(rig)
    assert (request.way, request.t38) == ("receive", PEER)
    assert rig.media.bridged == []
    rig.media.faxes.end(pages=2)
    await rig.settle()
    assert packets.left == 1
    assert rig.speech.said[-1] == "Got 2 pages"
    await rig.hear_out(line)
    [segment] = [row for row in rig.book.newest(SegmentRow) if row.kind == "fax"]
    assert (segment.result, segment.detail["t38"]) == ("received", "1")
    assert_sound(rig)


@pytest.mark.parametrize(
    ("correction", "redundancy", "parity"),
    [("redundancy", 3, False), ("parity", 0, True), ("none", 0, False)],
)
async def test_losses_are_made_up_for_as_the_other_side_wants(
    rig: ControlRig, correction: Correction, redundancy: int, parity: bool
) -> None:
    line, _ = await receive(rig, msgspec.structs.replace(TERMS, correction=correction))
    [request] = started(rig)
    assert request.t38 == msgspec.structs.replace(PEER, redundancy=redundancy, parity=parity)
    await rig.hang_up(line)


async def test_caller_that_refuses_t38_sends_by_audio(rig: ControlRig) -> None:
    line, _ = await receive(rig, None)
    [request] = started(rig)
    assert request.t38 is None
    assert rig.media.faxes.sockets == set()
    [port] = rig.media.faxes.running.values()
    assert rig.media.bridged == [frozenset((line.port, port))]


async def test_site_that_wants_no_t38_neither_asks_nor_accepts(rig: ControlRig) -> None:
    rig.controller.faxes.t38.allowed = False
    _, packets = await receive(rig, TERMS)
    await packets.ask(rig)
    assert (packets.offered, packets.accepted, packets.refused) == ([], [], 1)


async def test_control_that_comes_back_leaves_t38_as_it_is(rig: ControlRig) -> None:
    line, packets = await receive(rig, TERMS)
    await rig.again()
    assert len(packets.offered) == 1
    assert started(rig)[1].t38 is None
    assert rig.media.bridged == []
    rig.media.faxes.end(pages=1)
    await rig.settle()
    await rig.hear_out(line)
    assert_sound(rig)


async def test_caller_asks_himself_until_pages_are_agreed(rig: ControlRig) -> None:
    _, packets = await receive(rig, None)
    await packets.ask(rig)
    assert len(packets.accepted) == 1
    first, second = started(rig)
    assert (first.t38, second.t38) == (None, PEER)
    assert first.fax == second.fax
    rig.media.faxes.progress(0)
    await packets.ask(rig)
    assert packets.refused == 1


@pytest.fixture
async def sending(make_rig: MakeRig) -> ControlRig:
    return await make_rig(telephones=TelephoneOptions(allowed=("0",)))


async def test_machine_that_we_call_changes_to_t38(sending: ControlRig) -> None:
    rig, outbox = sending, sending.controller.faxes.outbox
    running = asyncio.create_task(outbox.run())
    source = write_pages(rig.site / "incoming" / "a.tif", ["a page"])
    job: FaxJob = outbox.put("0305551", str(source.relative_to(rig.site)), "a.tif", "ann")
    while job.state is FaxState.PREPARING:
        await asyncio.sleep(0.01)
    await rig.settle()
    packets = Packets(rig.driver.line(rig.driver.dialled[-1].line))
    await packets.line.talk()
    await rig.settle()
    assert packets.offered == []
    await packets.ask(rig)
    assert packets.accepted == [RtpAddress("192.0.2.1", 7001)]
    assert [each.t38 for each in started(rig)] == [None, PEER]
    rig.media.faxes.end(pages=1)
    await rig.settle()
    assert (job.state, job.t38) == (FaxState.SENT, True)
    assert packets.left == 0
    running.cancel()
    await asyncio.gather(running, return_exceptions=True)
    assert_sound(rig)


async def test_machine_that_asks_before_the_fax_begins_has_its_answer(sending: ControlRig) -> None:
    """The change comes with the answer, while the fax is still to be started."""
    rig, outbox = sending, sending.controller.faxes.outbox
    running = asyncio.create_task(outbox.run())
    source = write_pages(rig.site / "incoming" / "a.tif", ["a page"])
    job: FaxJob = outbox.put("0305551", str(source.relative_to(rig.site)), "a.tif", "ann")
    while job.state is FaxState.PREPARING:
        await asyncio.sleep(0.01)
    await rig.settle()
    packets = Packets(rig.driver.line(rig.driver.dialled[-1].line))
    rig.driver.emit(T38Asked(line=packets.line.id, terms=TERMS))
    await rig.settle()
    assert (packets.accepted, packets.refused, packets.later) == ([], 0, 0)
    await packets.line.talk()
    await rig.settle()
    assert packets.accepted == [RtpAddress("192.0.2.1", 7001)]
    assert [each.t38 for each in started(rig)] == [None, PEER]
    rig.media.faxes.end(pages=1)
    await rig.settle()
    assert (job.state, job.t38) == (FaxState.SENT, True)
    running.cancel()
    await asyncio.gather(running, return_exceptions=True)
    assert_sound(rig)


async def test_leg_that_changes_in_a_conversation_gets_a_gateway(rig: ControlRig) -> None:
    caller, agent = await rig.connect()
    packets = Packets(agent)
    before = rig.call_on(caller).bridge
    await packets.ask(rig)
    assert packets.accepted == [RtpAddress("192.0.2.1", 7001)]
    [request] = started(rig)
    assert (request.way, request.t38) == ("gateway", PEER)
    [port] = rig.media.faxes.running.values()
    assert rig.media.bridges[before] == {port, caller.port}
    assert rig.phase(caller) is Phase.TALKING
    await packets.ask(rig)
    assert packets.refused == 1
    rig.media.faxes.progress(1)
    await rig.settle()
    await rig.hang_up(caller)
    assert rig.media.faxes.asked[-1] == fax.StopFax(fax=request.fax)
    await rig.settle()
    assert rig.media.faxes.running == {}
    segment = t38_segment(rig)
    assert (segment.result, segment.detail["line"], segment.detail["other_line"]) == (
        "gateway",
        agent.id,
        caller.id,
    )
    assert (segment.detail["pages"], segment.detail["rate"]) == ("1", "14400")
    assert_sound(rig)


def t38_segment(rig: ControlRig) -> SegmentRow:
    """What is on record of T.38 in the only conversation with it."""
    [segment] = [row for row in rig.book.newest(SegmentRow) if row.kind == "t38"]
    return segment


ELSEWHERE = T38Terms(remote=RtpAddress("192.0.2.77", 4200), bit_rate=9600, correction="parity")


async def both(rig: ControlRig) -> tuple[FakeLine, Packets, Packets]:
    """A caller and an agent whose lines can do T.38, and the caller asks for it."""
    caller, agent = await rig.connect()
    near, far = Packets(caller), Packets(agent)
    await near.ask(rig)
    return caller, near, far


async def test_t38_is_passed_on_between_legs_that_both_take_it(rig: ControlRig) -> None:
    caller, near, far = await both(rig)
    # In the terms of who asks; the answer waits for that of the other leg.
    assert far.proposed == [msgspec.structs.replace(TERMS, remote=RtpAddress("192.0.2.1", 7001))]
    assert (near.accepted, near.refused) == ([], 0)
    await far.ask(rig)  # and another change meanwhile has to wait
    assert (far.refused, far.later) == (0, 1)
    await far.answer(rig, ELSEWHERE)
    assert (near.accepted, near.like) == ([RtpAddress("192.0.2.1", 7002)], [ELSEWHERE])
    [request] = rig.media.faxes.passed_on.values()
    assert request.peer == PEER
    assert (request.other_peer.host, request.other_peer.port) == ("192.0.2.77", 4200)
    assert started(rig) == []
    await rig.hang_up(caller)
    assert rig.media.faxes.passed_on == {}
    segment = t38_segment(rig)
    assert (
        segment.result,
        segment.detail["packets_received"],
        segment.detail["packets_other_lost"],
    ) == (
        "passed_on",
        "500",
        "1",
    )
    assert_sound(rig)


async def test_leg_that_refuses_t38_gets_a_gateway(rig: ControlRig) -> None:
    caller, near, far = await both(rig)
    await far.answer(rig, None)
    assert (near.like, far.left) == ([None], 0)
    [request] = started(rig)
    assert (request.way, request.t38) == ("gateway", PEER)
    assert rig.media.faxes.sockets == set()
    [port] = rig.media.faxes.running.values()
    assert frozenset((port, far.line.port)) in rig.media.bridges.values()
    await rig.hang_up(caller)
    segment = t38_segment(rig)
    assert (segment.result, segment.detail["way"]) == ("fax_failed", "gateway")  # no page came
    assert_sound(rig)


async def test_leg_that_leaves_what_is_passed_on_takes_the_other_along(rig: ControlRig) -> None:
    caller, near, far = await both(rig)
    await far.answer(rig, ELSEWHERE)
    rig.driver.emit(T38Left(line=far.line.id))
    await rig.settle()
    assert (near.left, far.left) == (1, 0)
    assert rig.media.faxes.passed_on == {}
    assert rig.media.bridges == {rig.call_on(caller).bridge: {caller.port, far.line.port}}
    assert t38_segment(rig).result == "passed_on"
    await rig.hang_up(caller)
    assert_sound(rig)


@pytest.mark.parametrize("who", ["near", "far"])
async def test_somebody_who_hangs_up_while_the_other_is_asked(rig: ControlRig, who: str) -> None:
    caller, near, far = await both(rig)
    if who == "far":
        rig.driver.emit(T38Told(line=far.line.id, terms=None, over=True))
    await rig.hang_up(near.line if who == "near" else far.line)
    assert rig.media.faxes.sockets == rig.media.faxes.running.keys() == set()
    assert (near.refused, near.accepted) == (1, [])
    assert caller.port not in rig.media.bridges
    assert started(rig) == []
    await far.answer(rig, None)
    if who == "far":
        await rig.hang_up(caller)
    assert_sound(rig)


async def test_control_that_comes_back_ends_what_is_passed_on(rig: ControlRig) -> None:
    caller, _near, far = await both(rig)
    await far.answer(rig, ELSEWHERE)
    await rig.again()
    await rig.hang_up(caller)
    assert rig.media.faxes.passed_on == {}
    assert t38_segment(rig).result == "passed_on"
    assert_sound(rig)


async def test_leg_that_comes_back_to_audio_needs_no_gateway(rig: ControlRig) -> None:
    caller, agent = await rig.connect()
    packets = Packets(agent)
    await packets.ask(rig)
    rig.driver.emit(T38Left(line=agent.id))
    await rig.settle()
    assert rig.media.faxes.running == {}
    assert rig.media.bridges == {rig.call_on(caller).bridge: {caller.port, agent.port}}
    await packets.ask(rig)
    assert len(packets.accepted) == 2


async def test_legs_that_cannot_be_joined_again_end_their_call_in_order(rig: ControlRig) -> None:
    caller, near, far = await both(rig)
    await far.answer(rig, ELSEWHERE)
    rig.media.faults["bridge"] = MediaRefused("unknown-port", "it is being closed")
    rig.driver.emit(T38Left(line=near.line.id))
    await rig.settle()
    assert rig.phase(caller) is Phase.TALKING
    del rig.media.faults["bridge"]
    await rig.hang_up(caller)
    assert rig.calls()[-1].outcome == "answered"
    assert_sound(rig)


@pytest.mark.parametrize("allowed", [True, False])
@pytest.mark.parametrize("terms", [ELSEWHERE, None])
async def test_call_that_goes_on_without_the_other_leg_has_audio(
    rig: ControlRig, terms: T38Terms | None, allowed: bool
) -> None:
    caller, near, far = await both(rig)
    await far.answer(rig, terms)
    rig.controller.faxes.t38.allowed = allowed  # it may be switched off meanwhile
    await rig.hang_up(far.line)
    assert rig.phase(caller) is Phase.FLOW
    assert near.left == 1
    assert rig.media.faxes.passed_on == rig.media.faxes.running == {}
    assert t38_segment(rig).ended_ms is not None
    await rig.hear_out(caller)
    assert_sound(rig)


async def test_end_that_is_told_late_leaves_the_next_one_alone(rig: ControlRig) -> None:
    """A gateway takes a moment to end, and its leg may be back at T.38 by then."""
    caller, agent = await rig.connect()
    packets = Packets(agent)
    await packets.ask(rig)
    tell, late = rig.media.faxes._tell, list[bytes]()
    rig.media.faxes._tell = late.append
    rig.driver.emit(T38Left(line=agent.id))
    await rig.settle()
    await packets.ask(rig)
    first, second = (each.fax for each in started(rig))
    tell(late.pop())
    await rig.settle()
    assert rig.call_on(caller).segments["t38"].detail["fax"] == str(second) != str(first)
    rig.media.faxes._tell = tell
    await rig.hang_up(caller)
    segments = [row for row in rig.book.newest(SegmentRow) if row.kind == "t38"]
    assert {row.detail["fax"] for row in segments} == {str(first), str(second)}
    assert rig.media.faxes.running == {}
    assert_sound(rig)
