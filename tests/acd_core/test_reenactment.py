"""A recorded day replayed byte for byte, and acted again under changed rules."""

from pathlib import Path

import msgspec
import pytest

from acd_core import events as told
from acd_core.agent import AgentConfig
from acd_core.call_queue import QueueConfig
from acd_core.commands import OfferToAgent
from acd_core.decisions import digest
from acd_core.events import Outcome
from acd_core.reasons import Reason, unpack
from acd_core.simulation.comparison import compare
from acd_core.simulation.recorded_day import RecordedDay
from acd_core.simulation.reenactment import Reenactment, Rules
from acd_core.simulation.replay import Began, Checkpoint, Decided, Entry, Replay, Told
from acd_core.skills import Requirement
from daemon.commands._recorded_day import entries
from daemon.control.journaled.files import read_journal
from tests.acd_core.any_history import History
from tests.fakes.acd_day import HELP, SALES, play_day


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The journal of half an hour."""
    path = tmp_path_factory.mktemp("journal")
    play_day(path, seed=3)
    return path


@pytest.fixture
def day(folder: Path) -> RecordedDay:
    return recorded(folder)


def recorded(folder: Path) -> RecordedDay:
    day = RecordedDay()
    Replay(day.watch).run(entries(read_journal(folder)))
    return day


def test_unchanged_rules_decide_byte_for_byte_the_same(folder: Path) -> None:
    verdict = Replay().run(entries(read_journal(folder)))
    assert verdict.identical
    assert verdict.compared > 200
    assert (verdict.unrecorded, verdict.first_different) == (0, ())


@pytest.mark.parametrize("seed", range(40, 46))
def test_a_history_of_everything_is_replayed_byte_for_byte(seed: int) -> None:
    history = History(seed)
    history.play()
    listed: list[Entry] = []
    reasons: set[int] = set()
    for number, (event, now, commands) in enumerate(history.told):
        listed.append(Told(number, told.decode(told.encode(event)), now))
        if commands:
            listed.append(Decided(digest(commands)))
        for command in commands:
            if isinstance(command, OfferToAgent):
                reasons.update(reason for reason, _ in unpack(command.reasons))
    verdict = Replay().run(listed)
    assert verdict.identical
    assert (verdict.unrecorded, verdict.refused) == (0, history.refused)
    assert verdict.compared > 1000
    assert {
        *(Reason.TIER, Reason.RESERVES, Reason.OWN_ORDER, Reason.WEIGHT, Reason.WIDENED),
        *(Reason.RINGS_WITH, Reason.NO_ROOM, Reason.LAST_AGENT),
    } <= reasons


def test_a_tampered_event_is_found(folder: Path) -> None:
    listed = list(entries(read_journal(folder)))
    place = next(
        n
        for n, e in enumerate(listed)
        if isinstance(e, Told) and isinstance(e.event, told.AgentPaused)
    )
    changed = listed[place]
    assert isinstance(changed, Told)
    listed[place] = Told(changed.number, told.AgentPaused(agent=2, reason="walk"), changed.at)
    verdict = Replay().run(listed)
    assert not verdict.identical
    assert verdict.first_different[0] == changed.number


def test_a_decision_that_was_not_recorded_is_found(folder: Path) -> None:
    listed = list(entries(read_journal(folder)))
    place = next(n for n, e in enumerate(listed) if n > 50 and isinstance(e, Decided))
    del listed[place]
    assert Replay().run(listed).different == 1


def test_a_journal_cut_after_an_event_is_no_difference(folder: Path) -> None:
    listed = list(entries(read_journal(folder)))
    place = max(n for n, e in enumerate(listed) if isinstance(e, Decided))
    verdict = Replay().run(listed[:place])
    assert (verdict.different, verdict.unrecorded) == (0, 1)


def test_a_new_process_goes_on_from_the_newest_checkpoint(folder: Path) -> None:
    listed = list(entries(read_journal(folder)))
    assert isinstance(listed[0], Began)
    first = [e for e in listed if isinstance(e, Told)][:6]
    again = [*first, Checkpoint(tuple(first[:2])), Began(), first[2], first[3]]
    verdict = Replay().run(again)
    assert (verdict.events, verdict.refused) == (8, 0)


def test_acting_with_unchanged_rules_is_the_same_day(day: RecordedDay) -> None:
    acted = Reenactment(day, Rules())
    after = acted.run()
    assert acted.refused == 0
    assert [summary(stay) for stay in after.stays] == [summary(s) for s in day.observer.stays]


def summary(stay: object) -> tuple[object, ...]:
    entered, left = stay.entered[0], stay.left  # type: ignore[attr-defined]
    return (
        stay.key,  # type: ignore[attr-defined]
        stay.agent,  # type: ignore[attr-defined]
        stay.outcome,  # type: ignore[attr-defined]
        entered,
        left and left[0],
        [(ring.agent, ring.how, ring.begun[0]) for ring in stay.rings],  # type: ignore[attr-defined]
    )


@pytest.mark.parametrize("seed", range(10, 22))
def test_other_days_are_acted_the_same_too(tmp_path: Path, seed: int) -> None:
    play_day(tmp_path, seed=seed, seconds=1500.0)
    day = recorded(tmp_path)
    found = compare(day, Rules())
    assert (found.drift, found.refused) == (0, 0)
    assert all(queue.before == queue.after for queue in found.queues)


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("strategy", ["ring_all", "ring_progressively"])
def test_days_on_which_several_rang_are_replayed_and_acted_the_same(
    tmp_path: Path, strategy: str, seed: int
) -> None:
    play_day(tmp_path, seed=seed, seconds=1500.0, strategy=strategy)
    verdict = Replay().run(entries(read_journal(tmp_path)))
    assert verdict.identical
    assert verdict.compared > 100
    day = recorded(tmp_path)
    hows = [ring.how for stay in day.observer.stays for ring in stay.rings]
    assert hows.count("answered_elsewhere") > 3
    found = compare(day, Rules())
    assert (found.drift, found.refused) == (0, 0)
    assert all(queue.before == queue.after for queue in found.queues)


def test_one_rings_where_all_rang_before(tmp_path: Path) -> None:
    play_day(tmp_path, seed=5, strategy="ring_all")
    day = recorded(tmp_path)
    after = Reenactment(day, changed(day, SALES, strategy="longest_idle")).run()
    rings = [ring.how for stay in after.stays if stay.offered.queue == SALES for ring in stay.rings]
    assert "accepted" in rings
    assert "answered_elsewhere" not in rings


def test_the_recorded_day_holds_every_kind_of_ending(day: RecordedDay) -> None:
    endings = {stay.outcome for stay in day.observer.stays}
    assert {Outcome.ANSWERED, Outcome.ABANDONED, Outcome.TIMED_OUT} <= endings
    hows = {ring.how for stay in day.observer.stays for ring in stay.rings}
    assert {"accepted", "rona", "rejected", "caller_left"} <= hows


def changed(day: RecordedDay, queue: int, **settings: object) -> Rules:
    config = msgspec.structs.replace(day.queues[queue], **settings)
    return Rules(queues={queue: config})


def test_another_rule_gives_calls_to_others(day: RecordedDay) -> None:
    found = compare(day, changed(day, SALES, strategy="most_skilled"))
    sales = next(queue for queue in found.queues if queue.queue == SALES)
    assert sales.changes
    assert sales.before.offered == sales.after.offered
    assert all(change.before != change.after for change in sales.changes)


def test_a_smaller_room_refuses_more(day: RecordedDay) -> None:
    found = compare(day, changed(day, HELP, max_waiting=1))
    help_desk = next(queue for queue in found.queues if queue.queue == HELP)
    assert help_desk.after.refused > help_desk.before.refused


def test_agents_without_skills_get_no_calls(day: RecordedDay) -> None:
    rules = Rules(skills={1: {}, 2: {}})
    found, after = compare(day, rules), Reenactment(day, rules).run()
    assert {stay.agent for stay in after.stays} == {None, 3, 4}
    answered = [(queue.before.answered, queue.after.answered) for queue in found.queues]
    assert all(before > after for before, after in answered)


def test_the_same_question_has_the_same_answer(folder: Path) -> None:
    answers = []
    for _ in range(2):
        day = recorded(folder)
        answers.append(compare(day, changed(day, SALES, max_wait_s=None, offer_s=5.0)))
    assert answers[0] == answers[1]


def told_day(*events: tuple[float, object]) -> RecordedDay:
    """A day told by hand."""
    day = RecordedDay()
    entries_ = [Told(number, event, at) for number, (at, event) in enumerate(events, 1)]  # type: ignore[arg-type]
    assert Replay(day.watch).run(entries_).refused == 0
    return day


def small_day(last: float) -> RecordedDay:
    """Two callers, two agents; the second caller is served at once."""
    floor: list[tuple[float, object]] = []
    queue = QueueConfig(queue=1, name="sales", required=(Requirement(1, 1),))
    floor.append((0.0, told.QueueConfigured(config=queue, version=1)))
    for agent in (1, 2):
        config = AgentConfig(agent=agent, name=f"a{agent}", skills={1: 5})
        floor.append((0.0, told.AgentConfigured(config=config, version=1)))
        floor.append((0.0, told.AgentLoggedIn(agent=agent, station=f"s{agent}")))
        floor.append((float(agent), told.AgentReady(agent=agent)))
    calls = [
        event
        for call in (1, 2)
        for event in (
            (10.0 + call, told.CallOffered(call=call, queue=1)),
            (12.0 + call, told.OfferAccepted(call=call, agent=call)),
            (12.5 + call, told.CallAnswered(call=call, agent=call)),
            (last - 3 + call, told.CallEnded(call=call)),
        )
    ]
    return told_day(*sorted([*floor, *calls], key=lambda pair: pair[0]))


def test_a_quiet_day_is_acted_until_all_are_served() -> None:
    found = compare(small_day(100.0), Rules(skills={2: {}}))
    [sales] = found.queues
    assert (sales.before.answered, sales.after.answered, sales.after.in_queue) == (2, 2, 0)
    assert [(c.before, c.after) for c in sales.changes] == [(2, 1)]
    assert sales.after.answered_wait_s > 80


def test_handling_and_ring_times_are_kept() -> None:
    after = Reenactment(small_day(100.0), Rules(skills={2: {}})).run()
    second = after.stays[1].visit()
    assert second.talk_s == pytest.approx(99.0 - 14.5)
    assert after.stays[1].rings[0].accepted is not None
    assert second.wait_s == pytest.approx(98.0 - 12.0 + 2.0 + 0.5)
