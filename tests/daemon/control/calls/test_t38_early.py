"""T.38 that is asked for before the call is joined with anybody, or while it cannot be."""

import asyncio

from daemon.control.calls.call import Part
from daemon.control.faxes.questions import HOLD_S
from daemon.control.flows.active import ActiveFlow, ActiveFlows
from daemon.fax import messages as fax
from daemon.link.messages import FaxTone
from daemon.store.rows import SegmentRow
from drivers.api import RtpAddress
from drivers.t38 import T38Terms, T38Withdrawn
from ivr.flow import load_flow
from tests.daemon.control.calls.test_fax_heard import FLOW
from tests.daemon.control.calls.test_supervising import supervise
from tests.daemon.control.calls.test_t38_changes import ELSEWHERE, PEER, TERMS, Packets, started
from tests.fakes.control_rig import ControlRig
from tests.fakes.sound_records import assert_sound


async def early(rig: ControlRig, dnis: str = "100") -> Packets:
    """A caller who asks for T.38 while a flow talks to him."""
    packets = Packets(rig.driver.line(rig.driver.trunks[0]))
    await rig.call(dnis, line=packets.line)
    await packets.ask(rig)
    assert (packets.accepted, packets.refused, packets.later) == ([], 0, 0)
    return packets


async def test_caller_is_put_off_and_asks_again(rig: ControlRig) -> None:
    packets = await early(rig)
    await rig.later(HOLD_S - 0.1)
    assert packets.later == 0
    await rig.later(0.2)
    assert (packets.later, rig.controller.faxes.waiting) == (1, {})
    await packets.ask(rig)
    await rig.hang_up(packets.line)
    assert (packets.later, packets.refused, packets.accepted) == (2, 0, [])
    assert rig.controller.faxes.waiting == {}
    await rig.later(2 * HOLD_S)
    assert packets.later == 2
    assert_sound(rig)


async def test_caller_who_waits_in_a_queue_has_an_answer_with_the_agent(rig: ControlRig) -> None:
    await rig.seat("ann")
    near, far = (
        Packets(rig.driver.line(rig.driver.trunks[0])),
        Packets(rig.driver.telephone("2001")),
    )
    await rig.call("200", line=near.line)
    await near.ask(rig)
    await rig.later(2)
    assert (far.proposed, near.accepted) == ([], [])
    await rig.answer("2001")
    assert len(far.proposed) == 1
    await far.answer(rig, ELSEWHERE)
    assert near.like == [ELSEWHERE]
    assert len(rig.media.faxes.passed_on) == 1
    await rig.later(2 * HOLD_S)
    assert (near.later, near.refused) == (0, 0)
    await rig.hang_up(near.line)
    assert_sound(rig)


async def test_leg_on_hold_has_an_answer_when_it_is_taken_back(rig: ControlRig) -> None:
    caller, agent = await rig.connect()
    near, far = Packets(caller), Packets(agent)
    rig.driver.hold(agent, on=True)
    await rig.settle()
    await near.ask(rig)
    assert (far.proposed, near.refused) == ([], 0)
    rig.driver.hold(agent, on=False)
    await rig.settle()
    assert len(far.proposed) == 1
    await far.answer(rig, None)
    assert [each.way for each in started(rig)] == ["gateway"]
    await rig.hang_up(caller)
    assert_sound(rig)


async def test_question_that_is_taken_back_disturbs_nobody(rig: ControlRig) -> None:
    await rig.seat("ann")
    near, far = (
        Packets(rig.driver.line(rig.driver.trunks[0])),
        Packets(rig.driver.telephone("2001")),
    )
    await rig.call("200", line=near.line)
    await near.ask(rig)
    rig.driver.emit(T38Withdrawn(line=near.line.id))
    await rig.settle()
    await rig.answer("2001")
    await rig.later(2 * HOLD_S)
    assert (far.proposed, near.accepted, near.later, near.refused) == ([], [], 0, 0)
    await rig.hang_up(near.line)
    assert_sound(rig)


async def test_flow_that_receives_faxes_takes_a_caller_who_asks_for_t38(rig: ControlRig) -> None:
    rig.controller.flows = ActiveFlows([ActiveFlow(load_flow(FLOW, "main"), 1, FLOW)])
    packets = Packets(rig.driver.line(rig.driver.trunks[0]))
    line = await rig.call("100", line=packets.line)
    await packets.ask(rig)
    # Nobody asks the far end: it has asked itself, and has its answer.
    assert (packets.offered, packets.accepted) == ([], [RtpAddress("192.0.2.1", 7001)])
    [request] = started(rig)
    assert (request.way, request.t38) == ("receive", PEER)
    rig.media.faxes.end(pages=2)
    await rig.settle()
    assert packets.left == 1
    await rig.hear_out(line)
    await rig.later(2 * HOLD_S)
    assert (packets.later, packets.refused) == (0, 0)
    assert_sound(rig)


async def test_machine_that_is_heard_first_and_asks_then_goes_by_t38(rig: ControlRig) -> None:
    """Its tone was heard, we ask, and it asks itself in the same moment: one of the two wins."""
    rig.controller.flows = ActiveFlows([ActiveFlow(load_flow(FLOW, "main"), 1, FLOW)])
    packets = Packets(rig.driver.line(rig.driver.trunks[0]))
    line = await rig.call("100", line=packets.line)
    assert line.port is not None
    rig.media._tell(FaxTone(port=line.port, tone="cng"))
    await packets.ask(rig)
    assert started(rig)[-1].t38 == PEER
    rig.media.faxes.end(pages=1)
    await rig.settle()
    await rig.hear_out(line)
    assert_sound(rig)


async def test_conference_has_no_t38(rig: ControlRig) -> None:
    """More than two cannot speak T.30 with each other, and one on T.38 would hear nobody."""
    caller, _ = await rig.connect()
    packets = Packets(caller)
    await supervise(rig, caller, Part.BARGE)
    await packets.ask(rig)
    assert (packets.accepted, packets.refused, packets.later) == ([], 1, 0)
    await rig.hang_up(caller)
    assert_sound(rig)


async def test_site_without_t38_lets_nobody_wait(rig: ControlRig) -> None:
    rig.controller.faxes.t38.allowed = False
    packets = Packets(rig.driver.line(rig.driver.trunks[0]))
    await rig.call("100", line=packets.line)
    await packets.ask(rig)
    assert (packets.refused, packets.later) == (1, 0)


async def test_media_that_restarts_while_the_caller_is_asked_leaves_audio(rig: ControlRig) -> None:
    """The fax has failed before it began: its line is not to stay on T.38 with nobody there."""
    packets = Packets(rig.driver.line(rig.driver.trunks[0]))
    answer: asyncio.Future[T38Terms | None] = asyncio.get_running_loop().create_future()

    async def asked(_local: RtpAddress) -> T38Terms | None:
        return await answer

    packets.line.offer_t38 = asked  # type: ignore[attr-defined]
    line = await rig.call("700", line=packets.line)
    rig.media.faxes.restart()
    rig.media.restart()
    await rig.settle()
    answer.set_result(TERMS)
    await rig.settle()
    assert (packets.left, started(rig)) == (1, [])
    [segment] = [row for row in rig.book.newest(SegmentRow) if row.kind == "fax"]
    assert (segment.result, segment.detail["code"]) == ("fax_failed", str(fax.NO_AUDIO))
    await rig.hear_out(line)
    assert_sound(rig)
