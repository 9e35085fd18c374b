"""A control process that ends without a word, and the next one that goes on."""

import asyncio
from collections.abc import Awaitable, Callable

import msgspec
import pytest

from acd_core.agent import AgentState
from daemon.control.calls.call import Call, Leg, Phase, encode_call
from daemon.control.calls.context import HangUpRequest
from daemon.control.checkpoint.reading import read_back
from daemon.control.journaled.files import Record
from daemon.control.recovery import Standing, reconcile
from daemon.link.messages import PortState, RecordingState, Snapshot
from daemon.store.rows import CallRow, RecordingRow
from drivers.api import LineId, PortId
from drivers.events import Answered, Cause
from tests.fakes.control_rig import ControlRig, make_queue
from tests.fakes.sound_records import assert_sound

MakeRig = Callable[..., Awaitable[ControlRig]]


async def test_ringing_call_is_over(rig: ControlRig, monkeypatch: pytest.MonkeyPatch) -> None:
    line = rig.driver.line(LineId("fake/1"))
    monkeypatch.setattr(line, "answer", asyncio.Event().wait)
    rig.driver.ring(line=line)
    await rig.settle()
    await rig.again()
    [row] = rig.calls()
    assert (row.outcome, row.ended_by) == ("failed", "system")
    assert_sound(rig)


async def test_call_whose_answer_left_before_it_was_written_goes_on(
    rig: ControlRig, monkeypatch: pytest.MonkeyPatch
) -> None:
    line = rig.driver.line(LineId("fake/1"))

    async def answered_unheard() -> None:
        monkeypatch.undo()
        with monkeypatch.context() as silent:
            silent.setattr(rig.driver, "emit", lambda _event: None)
            await line.talk()

    monkeypatch.setattr(line, "answer", answered_unheard)
    rig.driver.ring(line=line)
    await rig.settle()
    assert rig.phase(line) is Phase.RINGING
    await rig.again()
    rig.driver.emit(Answered(line=line.id))
    await rig.settle()
    assert rig.phase(line) is Phase.FLOW
    assert rig.media.claimed == [line.port]
    await rig.hang_up(line)
    [row] = rig.calls()
    assert row.outcome == "ivr_contained"
    assert_sound(rig)


async def test_caller_in_the_menu_goes_on_where_he_was(rig: ControlRig) -> None:
    line = await rig.call()
    await rig.press(line, "3")
    assert rig.speech.said[-1] == "Your number and hash"
    await rig.later(3)
    recovered = await rig.again()
    assert [call.phase for call in recovered.calls] == [Phase.FLOW]
    assert rig.speech.said == ["Your number and hash"]
    assert rig.media.claimed == [line.port]
    await rig.press(line, "4711#")
    assert rig.phase(line) is Phase.WAITING
    assert rig.call_on(line).data["account"] == "4711"
    await rig.later(2)
    await rig.hang_up(line)
    [row] = rig.calls()
    assert [kind for kind, _, _ in rig.kinds(row)] == ["ivr", "wait"]
    assert_sound(rig)


async def test_waiting_caller_keeps_place_and_age(rig: ControlRig) -> None:
    first = await rig.call_sales(ani="1")
    second = await rig.call_sales(ani="2")
    await rig.later(20)
    await rig.again()
    assert [rig.phase(line) for line in (first, second)] == [Phase.WAITING] * 2
    await rig.seat("ann")
    assert rig.phase(first) is Phase.OFFERED
    await rig.answer("2001")
    await rig.hang_up(first)
    await rig.hang_up(second)
    await rig.later(0.1)
    assert rig.kinds(rig.calls()[0])[1] == ("wait", "answered", 20)
    assert_sound(rig)


async def test_exit_key_still_works_after_a_restart(rig: ControlRig) -> None:
    line = await rig.call_sales()
    await rig.again()
    await rig.press(line, "9")
    assert rig.speech.said[-1] == "Speak after the tone"
    await rig.hang_up(line)
    assert_sound(rig)


async def test_offered_call_is_offered_again_without_blame(rig: ControlRig) -> None:
    await rig.seat("ann")
    line = await rig.call_sales()
    rig.driver.progress("2001")
    await rig.later(4)
    await rig.again()
    await rig.later(0.1)
    assert rig.phase(line) is Phase.OFFERED
    assert len(rig.driver.dialled) == 2
    assert rig.agent("ann").misses == 0
    await rig.answer("2001")
    assert rig.phase(line) is Phase.TALKING
    await rig.later(1)
    await rig.hang_up(line)
    rings = [kind for kind in rig.kinds(rig.calls()[0]) if kind[0] == "ring"]
    assert [result for _, result, _ in rings] == ["withdrawn", "answered"]
    assert_sound(rig)


@pytest.mark.parametrize("who", ["caller", "agent", "supervisor"])
async def test_conversation_goes_on_and_either_side_can_end_it(rig: ControlRig, who: str) -> None:
    line, phone = await rig.connect()
    await rig.later(10)
    bridges = dict(rig.media.bridges)
    await rig.again()
    assert rig.media.bridges == bridges
    assert rig.phase(line) is Phase.TALKING
    assert rig.state("ann") is AgentState.TALKING
    await rig.later(10)
    if who == "caller":
        await rig.hang_up(line)
    elif who == "agent":
        await rig.hang_up(phone)
        await rig.hear_out(line)
    else:
        rig.controller.request(rig.call_on(line).id, HangUpRequest(by="system"))
        await rig.settle()
    [row], [visit] = rig.calls(), rig.visits()
    assert (row.outcome, visit.talk_ms) == ("answered", 20_000)
    assert [row.duration_ms for row in rig.book.newest(RecordingRow)] == [20_000]
    assert rig.state("ann") is AgentState.READY
    assert_sound(rig)


async def test_call_on_hold_is_taken_back_after_a_restart(rig: ControlRig) -> None:
    line, phone = await rig.connect()
    rig.driver.hold(phone, on=True)
    await rig.later(5)
    await rig.again()
    assert rig.phase(line) is Phase.ON_HOLD
    await rig.later(5)
    rig.driver.hold(phone, on=False)
    await rig.settle()
    assert list(rig.media.bridges.values()) == [frozenset((line.port, phone.port))]
    await rig.hang_up(line)
    assert rig.visits()[0].hold_ms == 10_000
    assert_sound(rig)


async def test_caller_gone_meanwhile_ends_the_call(rig: ControlRig) -> None:
    line, phone = await rig.connect()
    await rig.later(10)
    await rig.crash()
    await line.drop(Cause.NORMAL)
    await rig.again()
    await rig.settle()
    assert phone.released_with == [Cause.NORMAL]
    [row] = rig.calls()
    assert row.outcome == "answered"
    assert rig.state("ann") is AgentState.READY
    assert_sound(rig)


async def test_waiting_caller_gone_meanwhile_counts_as_abandoned(rig: ControlRig) -> None:
    line = await rig.call_sales()
    await rig.later(10)
    await rig.crash()
    await line.drop(Cause.NORMAL)
    await rig.again()
    assert [visit.outcome for visit in rig.visits()] == ["abandoned"]
    assert_sound(rig)


async def test_agent_gone_meanwhile_and_the_caller_goes_on(rig: ControlRig) -> None:
    line, phone = await rig.connect()
    await rig.later(10)
    await rig.crash()
    await phone.drop(Cause.NORMAL)
    await rig.again()
    assert rig.phase(line) is Phase.FLOW
    assert rig.speech.said[-1] == "Thank you"
    assert rig.state("ann") is AgentState.READY
    second = await rig.call_sales()
    await rig.later(0.1)
    assert rig.phase(second) is Phase.OFFERED
    await rig.hang_up(second)
    await rig.hear_out(line)
    assert_sound(rig)


async def test_conversation_that_belongs_to_no_call_is_released(rig: ControlRig) -> None:
    await rig.driver.telephone("2002").talk()
    await rig.again()
    await rig.settle()
    assert rig.driver.telephone("2002").released_with == [Cause.NORMAL]


async def test_media_gone_too_ends_every_call(rig: ControlRig) -> None:
    await rig.connect()
    waiting = await rig.call_sales()
    await rig.later(10)
    await rig.crash()
    rig.media.restart_without_control()
    await rig.again()
    assert sorted(row.outcome for row in rig.calls()) == ["abandoned", "answered"]
    assert waiting.released_with == [Cause.TEMPORARY_FAILURE]
    assert_sound(rig)


async def test_message_that_was_being_recorded_is_finished_and_asked_again(
    rig: ControlRig,
) -> None:
    line = await rig.call()
    await rig.press(line, "2")
    await rig.hear_out(line)
    await rig.hear_out(line)
    await rig.later(6)
    await rig.again()
    await rig.hear_out(line)
    assert rig.call_on(line).recording is not None
    await rig.later(4)
    await rig.press(line, "#")
    durations = [row.duration_ms for row in rig.book.newest(RecordingRow)]
    assert durations == [6000, 4000]
    assert rig.calls()[0].outcome == "voicemail"
    assert_sound(rig)


async def test_message_that_ended_while_control_was_away_is_complete(rig: ControlRig) -> None:
    line = await rig.call()
    await rig.press(line, "2")
    await rig.hear_out(line)
    await rig.hear_out(line)
    await rig.later(6)
    await rig.crash()
    path = rig.site / rig.media.recorded[-1].path
    path.parent.mkdir(parents=True)
    path.write_bytes(wav(seconds=6))
    await line.drop(Cause.NORMAL)
    await rig.again()
    [row], [message] = rig.calls(), rig.book.newest(RecordingRow)
    assert (row.outcome, message.duration_ms) == ("voicemail", 6000)
    assert rig.driver.lamps == [("2001", True)]
    assert_sound(rig)


async def test_wrap_up_ends_after_a_restart_as_well(make_rig: MakeRig) -> None:
    rig = await make_rig(queues=[make_queue(wrap_up_s=15.0)])
    line, _ = await rig.connect()
    await rig.hang_up(line)
    await rig.later(5)
    await rig.again()
    assert rig.state("ann") is AgentState.WRAP_UP
    await rig.later(10)
    assert rig.state("ann") is AgentState.READY
    assert [visit.wrap_up_ms for visit in rig.visits()] == [15_000]
    assert_sound(rig)


async def test_two_crashes_in_a_row(rig: ControlRig) -> None:
    line, _ = await rig.connect()
    await rig.later(3)
    await rig.again()
    await rig.again()
    await rig.later(3)
    await rig.hang_up(line)
    assert rig.visits()[0].talk_ms == 6000
    assert_sound(rig)


async def test_rows_that_the_database_lacks_are_written_once_more(rig: ControlRig) -> None:
    line, _ = await rig.connect()
    await rig.later(3)
    await rig.hang_up(line)
    written = list(rig.book.written)
    applied = written[len(written) // 2][0]
    await rig.again(applied=applied)
    again = rig.book.written[len(written) :]
    assert again == written[len(written) // 2 + 1 :]
    rig.book.written[:] = written
    assert_sound(rig)


async def test_recovery_leaves_the_engine_as_it_was(rig: ControlRig) -> None:
    await rig.connect()
    await rig.call_sales()
    await rig.later(5)
    before = rig.engine.snapshot(rig.clock())
    await rig.again()
    assert rig.engine.snapshot(rig.clock()) == before


# -- the pure parts ---------------------------------------------------------------------------


def call(phase: Phase = Phase.TALKING, *, agent: bool = True) -> Call:
    leg = Leg(id=3, line=LineId("station:1"), port=PortId(11)) if agent else None
    caller = Leg(id=2, line=LineId("trunk/1"), port=PortId(10))
    return Call(id=1, started=5.0, caller=caller, agent_leg=leg, phase=phase)


def snapshot(*ports: int, recordings: tuple[int, ...] = ()) -> Snapshot:
    return Snapshot(
        last_event=0,
        ports=tuple(PortState(port=PortId(port), kind="rtp") for port in ports),
        recordings=tuple(
            RecordingState(recording=number, port=PortId(10), path="") for number in recordings
        ),
    )


STANDING = Standing(
    lines={LineId("trunk/1"): PortId(10), LineId("station:1"): PortId(11)},
)
NONE = Standing()


def test_call_whose_line_and_port_stand_is_alive() -> None:
    found = reconcile([call()], STANDING, snapshot(10, 11, recordings=(7,)), (7, 8))
    assert ([c.id for c in found.alive], found.dead) == ([1], ())
    assert (found.claimed, found.orphan_lines) == ((10, 11), ())
    assert found.finished_recordings == (8,)


@pytest.mark.parametrize(
    ("standing", "ports"), [(NONE, (10, 11)), (STANDING, (11,))], ids=["no line", "no port"]
)
def test_call_without_line_or_port_is_dead(standing: Standing, ports: tuple[int, ...]) -> None:
    found = reconcile([call()], standing, snapshot(*ports), ())
    assert (found.alive, [c.id for c in found.dead], found.claimed) == ((), [1], ())


def test_call_that_stands_although_it_rang_was_answered_meanwhile() -> None:
    rang = call(Phase.RINGING, agent=False)
    rang.caller.port = None
    found = reconcile([rang], STANDING, snapshot(10, 11), ())
    assert ([c.id for c in found.alive], found.claimed) == ([1], (10,))
    assert found.orphan_lines == (LineId("station:1"),)
    assert [c.id for c in reconcile([rang], NONE, snapshot(10, 11), ()).dead] == [1]


def test_call_that_was_dialled_is_dead_and_its_line_is_released() -> None:
    found = reconcile([call(Phase.DIALLING, agent=False)], STANDING, snapshot(10, 11), ())
    assert [c.id for c in found.dead] == [1]
    assert found.orphan_lines == tuple(STANDING.lines)


def test_records_that_are_not_understood_are_counted_and_left_out() -> None:
    records = [
        Record(1, "call", b"\xc1", 1.0),
        Record(2, "acd", b"\xc1", 1.0),
        Record(3, "row", b"\xc1", 1.0),
        Record(4, "future", b"\xc1", 1.0),
        Record(5, "call", encode_call(call()), 1.0),
        Record(6, "driver:sip:dialog", b"kept", 1.0),
    ]
    found = read_back(records, 0)
    assert found.faults == 3
    assert [each.id for each in found.calls] == [1]
    assert found.driver_records == {"sip": [("dialog", b"kept")]}


def test_row_that_is_complete_is_not_open() -> None:
    row = CallRow(id=1, started_ms=5)
    done = msgspec.structs.replace(row, ended_ms=6, outcome="failed")
    encoder = msgspec.msgpack.Encoder()
    records = [Record(n, "row", encoder.encode(r), 1.0) for n, r in enumerate((row, done), 1)]
    found = read_back(records, 1)
    assert found.open_rows == []
    assert found.unwritten == [(2, done)]


def wav(*, seconds: float) -> bytes:
    """A mono recording as media writes it: 8 kHz, 16 bit."""
    data = bytes(int(seconds * 16_000))
    fmt = (1).to_bytes(2, "little") + (1).to_bytes(2, "little") + (8000).to_bytes(4, "little")
    fmt += (16_000).to_bytes(4, "little") + (2).to_bytes(2, "little") + (16).to_bytes(2, "little")
    body = b"WAVEfmt " + len(fmt).to_bytes(4, "little") + fmt
    body += b"data" + len(data).to_bytes(4, "little") + data
    return b"RIFF" + len(body).to_bytes(4, "little") + body
