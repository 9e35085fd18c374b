"""Callers who rang when control ended and ring again: each has called once."""

import asyncio
from functools import partial

import pytest

from daemon.control.calls.call import Call, Direct, Leg, Phase
from daemon.control.recovery import Reconciled, Standing, reconcile
from daemon.link.messages import PortState, Snapshot
from daemon.store.rows import SegmentRow
from drivers.api import LineId, PortId
from drivers.events import Cause
from tests.fakes.control_rig import ControlRig
from tests.fakes.line import FakeLine, State
from tests.fakes.sound_records import assert_sound

LINE, PORT = LineId("fake/1"), PortId(7)


async def _rings(rig: ControlRig, monkeypatch: pytest.MonkeyPatch) -> FakeLine:
    """A caller whom control does not come to answer before it ends."""
    line = rig.driver.line(LINE)
    with monkeypatch.context() as slow:
        slow.setattr(line, "answer", asyncio.Event().wait)
        rig.driver.ring(line=line)
        await rig.settle()
    return line


async def test_who_rings_again_on_another_line_has_one_record(
    rig: ControlRig, monkeypatch: pytest.MonkeyPatch
) -> None:
    line = await _rings(rig, monkeypatch)
    call = rig.call_on(line).id
    await rig.again(rings=frozenset({"call-fake/1"}))
    await rig.later(1)
    rig.driver.ring(line=line)
    await rig.settle()
    assert rig.call_on(line).id == call
    assert rig.phase(line) is Phase.FLOW
    await rig.hang_up(line)
    [row] = rig.calls()
    assert (row.id, row.outcome) == (call, "ivr_contained")
    assert_sound(rig)


async def test_who_rings_again_and_gives_up_has_one_record(
    rig: ControlRig, monkeypatch: pytest.MonkeyPatch
) -> None:
    line = await _rings(rig, monkeypatch)
    await rig.again(rings=frozenset({"call-fake/1"}))
    monkeypatch.setattr(line, "answer", asyncio.Event().wait)
    rig.driver.ring(line=line)
    await rig.hang_up(line)
    [row] = rig.calls()
    assert (row.outcome, row.ended_by) == ("failed", "caller")
    assert_sound(rig)


async def test_who_called_from_inside_rings_whom_he_called_again(rig: ControlRig) -> None:
    rig.driver.ring(line=rig.driver.telephone("2001"), dnis="2002")
    await rig.settle()
    assert [each.number for each in rig.driver.dialled] == ["2002"]
    await rig.again(rings=frozenset({"call-station:2001"}))
    rig.driver.ring(line=rig.driver.telephone("2001"), dnis="2002")
    await rig.settle()
    assert [each.number for each in rig.driver.dialled] == ["2002", "2002"]
    await rig.answer("2002")
    await rig.hang_up(rig.driver.telephone("2002"))
    [row] = rig.calls()
    assert row.outcome == "answered"
    rung = [each.result for each in rig.book.newest(SegmentRow) if each.kind == "transfer"]
    assert rung == ["lost", "answered"]
    assert_sound(rig)


async def test_who_hangs_up_as_he_is_answered_was_not_failed_by_us(
    rig: ControlRig, monkeypatch: pytest.MonkeyPatch
) -> None:
    line = rig.driver.line(LINE)
    monkeypatch.setattr(line, "answer", partial(asyncio.sleep, 0))  # he acknowledges it later
    rig.driver.ring(line=line)
    await rig.settle()
    await line.talk()
    await line.drop(Cause.NORMAL)
    await rig.settle()
    [row] = rig.calls()
    assert (row.outcome, row.ended_by) == ("ivr_contained", "caller")
    assert_sound(rig)


@pytest.mark.parametrize("left", [False, True])
async def test_who_hung_up_as_control_ended_was_not_failed_by_us(
    rig: ControlRig, *, left: bool
) -> None:
    line = await rig.call()
    assert line.port is not None
    await rig.driver.ports.close(line.port)
    line.state, line.port = State.IDLE, None
    await rig.again(left=frozenset({"call-fake/1"} if left else ()))
    [row] = rig.calls()
    told = (row.outcome, row.ended_by, row.cause)
    assert told == (("ivr_contained", "caller", 16) if left else ("failed", "system", 41))
    assert line.released_with == []
    assert_sound(rig)


def _reconciled(call: Call, *, stands: bool, port: bool, rings: bool) -> Reconciled:
    held = Snapshot(last_event=0, ports=(PortState(port=PORT, kind="rtp"),) if port else ())
    lines: dict[LineId, PortId | None] = {LINE: PORT} if stands else {}
    refs = frozenset({"ref"}) if rings else frozenset[str]()
    return reconcile([call], Standing(lines=lines, rings=refs), held, ())


@pytest.mark.parametrize("phase", [Phase.RINGING, Phase.DIALLING, Phase.FLOW, Phase.TALKING])
@pytest.mark.parametrize("inside", [False, True])
@pytest.mark.parametrize("stands", [False, True])
@pytest.mark.parametrize("port", [False, True])
@pytest.mark.parametrize("rings", [False, True])
def test_every_call_has_exactly_one_fate(
    phase: Phase, *, inside: bool, stands: bool, port: bool, rings: bool
) -> None:
    written = None if phase in (Phase.RINGING, Phase.DIALLING) else PORT
    call = Call(
        id=1, started=0.0, caller=Leg(id=2, line=LINE, port=written, ref="ref"), phase=phase
    )
    call.direct = Direct(station="2001", to="2002") if inside else None
    found = _reconciled(call, stands=stands, port=port, rings=rings)
    answered = phase is Phase.RINGING and not inside
    fate = (
        "ringing"
        if phase is Phase.RINGING and rings
        else "alive"
        if stands and port and (written is not None or answered)
        else "dead"
    )
    fates = {"alive": found.alive, "dead": found.dead, "ringing": found.ringing}
    assert {name for name, calls in fates.items() if calls} == {fate}
    assert found.claimed == ((PORT,) if fate == "alive" else ())
