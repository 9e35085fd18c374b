"""A checkpoint: the journal begins anew, and recovery finds the same floor."""

from pathlib import Path

import msgspec
import pytest

from acd_core import events as told
from acd_core.agent import AgentConfig, AgentState, Medium
from acd_core.call_queue import QueueConfig
from acd_core.engine import AcdEngine
from acd_core.ids import AgentId, CallId, QueueId
from acd_core.queue_life.options import CallbackRules
from daemon.control.acd_runner import JOURNAL_KIND
from daemon.control.checkpoint.quiet import at_a_quiet_moment, is_quiet, make_checkpoint
from daemon.control.checkpoint.reading import read_back
from daemon.control.journal import Journal
from daemon.control.journaled.files import SNAPSHOT
from daemon.control.journaled.rows import encode_row
from daemon.errors import JournalError
from daemon.store.rows import AgentStateRow

QUEUE = QueueConfig(queue=QueueId(1), name="sales")
AGENTS = [AgentConfig(agent=AgentId(key), name=f"agent {key}") for key in (1, 2, 3, 4)]
ROW = AgentStateRow(id=7, agent_id=1, state="ready", started_ms=1000)


def floor() -> list[tuple[told.AcdEvent, float]]:
    return [
        (told.QueueConfigured(config=QUEUE, version=1), 10.0),
        *((told.AgentConfigured(config=agent, version=1), 11.0) for agent in AGENTS),
        (told.AgentLoggedIn(agent=AgentId(1), station="2001"), 12.0),
        (told.AgentLoggedIn(agent=AgentId(2), station="2002"), 13.0),
        (told.AgentLoggedIn(agent=AgentId(3), station="2003"), 14.0),
        (told.AgentReady(agent=AgentId(2)), 20.0),
        (told.AgentReady(agent=AgentId(1)), 21.0),
        (told.AgentPaused(agent=AgentId(3), reason="lunch"), 22.0),
    ]


def engine_of(events: list[tuple[told.AcdEvent, float]]) -> AcdEngine:
    engine = AcdEngine()
    for event, now in events:
        engine.handle(event, now)
    return engine


@pytest.fixture
def journal(tmp_path: Path) -> Journal:
    return Journal.open(tmp_path / "journal", clock=lambda: 100.0)


def checkpoint(engine: AcdEngine) -> bytes:
    return make_checkpoint(
        engine.snapshot(50.0),
        queues=[QUEUE],
        agents=AGENTS,
        version=3,
        rows=[ROW],
        drivers={"driver:sip:": [("binding", b"x")]},
    )


def test_recovery_from_a_checkpoint_finds_the_same_floor(journal: Journal) -> None:
    before = engine_of(floor())
    journal.append("noise", b"from before")
    journal.append(SNAPSHOT, checkpoint(before), 50.0)
    last = journal.last_snapshot()
    assert last is not None
    recovered = read_back(journal.read(last.sequence - 1), 0)
    after = recovered.engine
    assert recovered.faults == 0
    assert recovered.driver_records == {"sip": [("binding", b"x")]}
    assert recovered.open_rows == [ROW]
    assert after.snapshot(60.0) == before.snapshot(60.0)


def test_next_call_goes_to_the_same_agent_after_a_checkpoint(journal: Journal) -> None:
    before = engine_of(floor())
    journal.append(SNAPSHOT, checkpoint(before), 50.0)
    after = read_back(journal.read(), 0).engine
    call = told.CallOffered(call=CallId(5), queue=QueueId(1), ani="1")
    agents = [
        [command.agent for command in engine.handle(call, 60.0) if hasattr(command, "reasons")]
        for engine in (before, after)
    ]
    assert agents == [[AgentId(2)], [AgentId(2)]]


def test_events_after_a_checkpoint_are_replayed_on_top(journal: Journal) -> None:
    journal.append(SNAPSHOT, checkpoint(engine_of(floor())), 50.0)
    away = told.AgentPaused(agent=AgentId(1), reason="break")
    journal.append(JOURNAL_KIND, told.encode(away), 55.0)
    after = read_back(journal.read(), 0).engine
    states = {view.agent: view.state for view in after.snapshot(60.0).agents}
    assert states[AgentId(1)] is AgentState.PAUSED
    assert states[AgentId(2)] is AgentState.READY


def test_floor_with_a_waiting_call_is_not_quiet() -> None:
    engine = engine_of(floor()[:5])
    assert is_quiet(engine.snapshot(20.0))
    engine.handle(told.CallOffered(call=CallId(5), queue=QueueId(1), ani="1"), 21.0)
    assert not is_quiet(engine.snapshot(22.0))


def test_floor_with_a_kept_place_is_not_quiet() -> None:
    engine = engine_of(floor()[:5])
    kept = msgspec.structs.replace(QUEUE, callback=CallbackRules())
    engine.handle(told.QueueConfigured(config=kept, version=4), 21.0)
    engine.handle(told.CallOffered(call=CallId(5), queue=QueueId(1), ani="1"), 21.0)
    engine.handle(told.CallbackTaken(call=CallId(5), number="1"), 22.0)
    assert not is_quiet(engine.snapshot(22.0))
    engine.handle(told.CallbackCancelled(call=CallId(5)), 23.0)
    assert is_quiet(engine.snapshot(23.0))


def test_floor_with_an_open_chat_or_its_after_work_is_not_quiet() -> None:
    engine = engine_of(floor())
    chats = QueueConfig(queue=QueueId(2), medium=Medium.CHAT, wrap_up_s=5.0)
    able = AgentConfig(agent=AgentId(1), capacity={Medium.CHAT: 2})
    ids = {"call": CallId(5), "agent": AgentId(1)}
    for event in (
        told.QueueConfigured(config=chats, version=4),
        told.AgentConfigured(config=able, version=4),
        told.CallOffered(call=CallId(5), queue=QueueId(2)),
        told.OfferAccepted(**ids),
        told.CallAnswered(**ids),
    ):
        engine.handle(event, 30.0)
    assert not is_quiet(engine.snapshot(30.0))
    engine.handle(told.CallEnded(call=CallId(5)), 40.0)
    assert not is_quiet(engine.snapshot(40.0))
    engine.handle(told.DeadlineReached(), 45.0)
    assert is_quiet(engine.snapshot(45.0))


def test_damaged_checkpoint_is_a_fault_and_not_an_exception(journal: Journal) -> None:
    journal.append(SNAPSHOT, b"\xff\x00", 50.0)
    assert read_back(journal.read(), 0).faults == 1


def test_rows_that_the_database_had_not_yet_are_found_before_a_checkpoint(
    journal: Journal,
) -> None:
    ended = msgspec.structs.replace(ROW, id=8, ended_ms=2000)
    journal.append("row", encode_row(msgspec.structs.replace(ended, id=9)), 48.0)
    stored = journal.last_sequence
    journal.append("row", encode_row(ended), 49.0)
    journal.append(
        JOURNAL_KIND, told.encode(told.AgentLoggedIn(agent=AgentId(4), station="2004")), 49.0
    )
    journal.append("call", b"of no interest", 49.0)
    journal.append(SNAPSHOT, checkpoint(engine_of(floor())), 50.0)
    since = journal.last_sequence - 1
    recovered = read_back(journal.read(min(since, stored)), stored, since)
    after = recovered.engine
    assert [row for _, row in recovered.unwritten] == [ended, ROW]
    assert recovered.open_rows == [ROW]
    assert recovered.faults == 0
    assert after.snapshot(60.0) == engine_of(floor()).snapshot(60.0)


async def test_checkpoint_waits_for_a_quiet_moment_of_the_night() -> None:
    quiet = iter([False, False, True, True])
    assert await at_a_quiet_moment(lambda: next(quiet), lambda: 0.0, look_s=0.0)
    assert list(quiet) == [True]


async def test_night_without_a_quiet_moment_has_no_checkpoint() -> None:
    times, looks = iter([0.0, 1.0, 2.0, 3.0, 4.0]), list[bool]()

    def never() -> bool:
        looks.append(False)
        return False

    assert not await at_a_quiet_moment(never, lambda: next(times), patience_s=3.0, look_s=0.0)
    assert len(looks) == 3


async def test_a_full_disk_at_midnight_is_waited_for(journal: Journal) -> None:
    tries = iter([JournalError("no space left"), None])

    def write() -> bool:
        if (fault := next(tries)) is not None:
            raise fault
        return journal.append(SNAPSHOT, b"the floor") == 1

    assert await at_a_quiet_moment(write, lambda: 0.0, look_s=0.0)
    assert [record.kind for record in journal.read()] == [SNAPSHOT]
