"""A recorded day with moves, call-backs, closing and ringing together, replayed and acted again."""

from pathlib import Path
from typing import Any

import msgspec
import pytest

from acd_core.commands import (
    AnnounceToCaller,
    CallbackOver,
    CallMoved,
    CallRefused,
    CallTimedOut,
    DialCallback,
    LeaveReason,
    MoveReason,
    RefuseReason,
)
from acd_core.events import Outcome
from acd_core.simulation.comparison import compare
from acd_core.simulation.recorded_day import RecordedDay
from acd_core.simulation.reenactment import Reenactment, Rules
from acd_core.simulation.replay import Replay
from daemon.commands._recorded_day import entries
from daemon.control.journaled.files import read_journal
from tests.fakes.acd_day import HELP, SALES, play_day
from tests.fakes.lively_day import LivelyDay


@pytest.fixture(scope="module")
def played(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Any]:
    path = tmp_path_factory.mktemp("lively")
    return path, play_day(path, seed=10, seconds=2400.0, kind=LivelyDay)


@pytest.fixture(scope="module")
def day(played: tuple[Path, Any]) -> RecordedDay:
    return recorded(played[0])


def recorded(folder: Path) -> RecordedDay:
    day = RecordedDay()
    verdict = Replay(day.watch).run(entries(read_journal(folder)))
    assert verdict.identical
    assert verdict.unrecorded == 0
    return day


def test_the_day_holds_all_that_queues_do(played: tuple[Path, Any], day: RecordedDay) -> None:
    commands = played[1].commands
    kinds = {type(command) for command in commands}
    assert {AnnounceToCaller, CallbackOver, DialCallback} <= kinds
    moved = {c.reason for c in commands if isinstance(c, CallMoved)}
    assert {MoveReason.WAITED, MoveReason.REFUSED} <= moved
    assert RefuseReason.FULL in {c.reason for c in commands if isinstance(c, CallRefused)}
    assert LeaveReason.CLOSED in {c.reason for c in commands if isinstance(c, CallTimedOut)}
    hows = {ring.how for stay in day.observer.stays for ring in stay.rings}
    assert {"answered_elsewhere", "rona", "accepted"} <= hows
    keeps = day.observer.keeps.values()
    assert {keep.by_dial for keep in keeps if keep.returned} == {True, False}
    assert any(len(keep.dials) > 1 for keep in keeps)


def test_every_stay_ends_as_the_engine_counted_it(
    played: tuple[Path, Any], day: RecordedDay
) -> None:
    runner = played[1].runner
    views = runner.engine.snapshot(day.end).queues
    for view in views:
        visits = day.observer.visits(view.queue)
        assert len(visits) == view.visits.offered
        for outcome in Outcome:
            counted = getattr(view.visits, outcome.value)
            assert sum(visit.outcome is outcome for visit in visits) == counted
        assert sum(visit.outcome is None for visit in visits) == view.visits.in_system


def summary(stay: Any) -> tuple[Any, ...]:
    left = stay.left and stay.left[0]
    rings = [(ring.agent, ring.how, ring.begun[0]) for ring in stay.rings]
    return (stay.key, stay.agent, stay.outcome, stay.entered[0], left, rings)


@pytest.mark.parametrize("seed", range(20, 32))
def test_acting_with_unchanged_rules_is_the_same_day(tmp_path: Path, seed: int) -> None:
    play_day(tmp_path, seed=seed, seconds=1800.0, kind=LivelyDay)
    day = recorded(tmp_path)
    acted = Reenactment(day, Rules())
    after = acted.run()
    assert acted.refused == 0
    assert [summary(stay) for stay in after.stays] == [summary(s) for s in day.observer.stays]
    found = compare(day, Rules())
    assert (found.drift, found.refused) == (0, 0)


def changed(day: RecordedDay, **rules: Any) -> Rules:
    queues = {SALES: day.queues[SALES], HELP: day.queues[HELP]}
    return Rules(
        queues={key: msgspec.structs.replace(config, **rules) for key, config in queues.items()}
    )


@pytest.mark.parametrize(
    "rules",
    [
        {"callback": None},
        {"overflow": ()},
        {"hours": None},
        {"strategy": "longest_idle"},
        {"callback": None, "overflow": (), "hours": None, "max_waiting": None},
    ],
)
def test_changed_rules_are_acted_to_the_end(day: RecordedDay, rules: dict[str, Any]) -> None:
    acted = Reenactment(day, changed(day, **rules)).run()
    outcomes = {stay.outcome for stay in acted.stays}
    if "callback" in rules:
        assert Outcome.CALLBACK_TAKEN not in outcomes
        assert not acted.keeps
    if "overflow" in rules:
        assert Outcome.OVERFLOWED not in outcomes
    # Everybody who called comes; who was called back comes if his place is kept.
    called = {stay.offered.call for stay in day.observer.stays if not stay.number}
    came = {stay.offered.call for stay in acted.stays}
    back = {keep.returned.offered.call for keep in day.observer.keeps.values() if keep.returned}
    assert called - back <= came <= called


def test_without_overflow_those_who_moved_wait_where_they_were(day: RecordedDay) -> None:
    found = compare(day, changed(day, overflow=()))
    sales = next(queue for queue in found.queues if queue.queue == SALES)
    assert sales.before.others > sales.after.others - sales.after.refused
    assert sales.changes
