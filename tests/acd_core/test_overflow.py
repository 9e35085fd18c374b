"""Ways from one queue to others: when a caller moves, where to, and that it ends."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from acd_core import events as told
from acd_core.call_queue import NoAgents, QueueConfig
from acd_core.commands import (
    AnnounceToCaller,
    CallMoved,
    CallRefused,
    CallTimedOut,
    LeaveReason,
    MoveReason,
    RefuseReason,
)
from acd_core.errors import AcdError, ConfigurationFault
from acd_core.queue_life.options import Announcements, Overflow
from acd_core.skills import Requirement
from tests.acd_core.conftest import Floor


def moves(commands: Any) -> list[tuple[int, int, int, MoveReason]]:
    return [(c.call, c.origin, c.queue, c.reason) for c in commands if isinstance(c, CallMoved)]


def staffed(floor: Floor, *queues: int) -> None:
    """An agent for each of these queues, busy: the queue's number is the skill he has."""
    for queue in queues:
        floor.agent(queue, {queue: 5})
        floor.tell(told.AgentBusy(agent=queue))


def queue(floor: Floor, number: int, **settings: Any) -> None:
    floor.queue(number, required=(Requirement(number, 1),), **settings)


def test_who_waited_long_enough_moves_with_his_wait(floor: Floor) -> None:
    queue(floor, 1, overflow=(Overflow(to=(2,), after_s=60.0),))
    queue(floor, 2)
    staffed(floor, 1, 2)
    floor.call(1, waited_s=5.0)
    floor.call(2)
    came = floor.now - 1.0
    floor.call(3, queue=2, after=30.0)
    # One of queue 2 is before the second caller, as many as here.
    floor.now = came + 60.0
    assert moves(floor.tell(told.DeadlineReached())) == [(1, 1, 2, MoveReason.WAITED)]
    assert (floor.order(1), floor.order(2)) == ([2], [1, 3])
    one, two = floor.line(1).visits, floor.line(2).visits
    assert (one.offered, one.overflowed, one.in_system) == (2, 1, 1)
    assert (two.offered, two.in_system) == (2, 2)
    # The wait of this visit begins anew, that of the caller does not.
    (moved, _) = floor.line(2).waiting
    assert moved.waited_s == 0.0


def test_the_shortest_estimated_wait_is_chosen_and_equal_ones_by_number(floor: Floor) -> None:
    queue(floor, 1, overflow=(Overflow(to=(4, 3, 2), after_s=10.0),))
    for number in (2, 3, 4):
        queue(floor, number)
    staffed(floor, 1, 2, 3, 4)
    floor.call(20, queue=2, waited_s=500.0)
    floor.call(1)
    assert moves(floor.due()) == [(1, 1, 3, MoveReason.WAITED)]


def test_who_would_not_gain_enough_stays_and_is_looked_at_again(floor: Floor) -> None:
    queue(floor, 1, overflow=(Overflow(to=(2,), after_s=10.0, improve_s=30.0),))
    queue(floor, 2)
    staffed(floor, 1, 2)
    floor.call(1)
    assert moves(floor.due()) == []
    floor.agent(3, {2: 1})
    floor.tell(told.AgentBusy(agent=3))
    assert moves(floor.due(20.0)) == [(1, 1, 2, MoveReason.WAITED)]


def test_nobody_moves_to_where_nobody_is(floor: Floor) -> None:
    queue(floor, 1, overflow=(Overflow(to=(2,), after_s=10.0, when_nobody=True),))
    queue(floor, 2)
    assert moves(floor.call(1)) == []
    assert moves(floor.due()) == []


def test_the_refused_move_at_once(floor: Floor) -> None:
    queue(floor, 1, max_waiting=1, overflow=(Overflow(to=(2,), when_refused=True),))
    queue(floor, 2)
    floor.call(1)
    commands = floor.call(2)
    assert moves(commands) == [(2, 1, 2, MoveReason.REFUSED)]
    assert not [c for c in commands if isinstance(c, CallRefused)]
    assert floor.line(1).visits.overflowed == 1


def test_the_refused_are_refused_when_no_other_queue_takes_them(floor: Floor) -> None:
    ways = (Overflow(to=(2, 7), when_refused=True),)
    queue(floor, 1, max_waiting=0, overflow=ways)
    queue(floor, 2, max_waiting=0)
    commands = floor.call(1)
    assert [c.reason for c in commands if isinstance(c, CallRefused)] == [RefuseReason.FULL]
    assert floor.line(1).visits.refused == 1


def test_a_closed_queue_passes_on_and_is_never_a_target(floor: Floor) -> None:
    queue(floor, 1, unattended=True, overflow=(Overflow(to=(2, 3), when_refused=True),))
    queue(floor, 2, unattended=True)
    queue(floor, 3)
    assert moves(floor.call(1)) == [(1, 1, 3, MoveReason.REFUSED)]


def test_when_the_last_agent_goes_callers_move(floor: Floor) -> None:
    queue(floor, 1, overflow=(Overflow(to=(2,), when_nobody=True),))
    queue(floor, 2)
    staffed(floor, 1, 2)
    floor.call(1)
    assert moves(floor.tell(told.AgentLoggedOut(agent=1))) == [(1, 1, 2, MoveReason.NO_AGENTS)]
    # And who comes now is moved at once.
    assert moves(floor.call(2)) == [(2, 1, 2, MoveReason.NO_AGENTS)]


def test_callers_leave_only_when_they_cannot_move(floor: Floor) -> None:
    way = Overflow(to=(2,), when_nobody=True)
    queue(floor, 1, no_agents=NoAgents.LEAVE, overflow=(way,))
    queue(floor, 2, max_waiting=1)
    staffed(floor, 1, 2)
    floor.call(1)
    floor.call(2)
    commands = floor.tell(told.AgentLoggedOut(agent=1))
    assert moves(commands) == [(1, 1, 2, MoveReason.NO_AGENTS)]
    left = [(c.call, c.reason) for c in commands if isinstance(c, CallTimedOut)]
    assert left == [(2, LeaveReason.NO_AGENTS)]
    # Refused for want of agents, he moves as well.
    floor.tell(told.CallAbandoned(call=1))
    assert moves(floor.call(3)) == [(3, 1, 2, MoveReason.NO_AGENTS)]


def test_several_ways_are_tried_in_order(floor: Floor) -> None:
    ways = (Overflow(to=(2,), after_s=10.0), Overflow(to=(3,), after_s=20.0))
    queue(floor, 1, overflow=ways)
    queue(floor, 2, max_waiting=0)
    queue(floor, 3)
    staffed(floor, 1, 2, 3)
    floor.call(1)
    assert moves(floor.due()) == []
    assert moves(floor.due()) == [(1, 1, 3, MoveReason.WAITED)]


def test_who_rings_is_not_moved_but_when_nobody_answers(floor: Floor) -> None:
    queue(floor, 1, offer_s=30.0, overflow=(Overflow(to=(2,), after_s=10.0),))
    queue(floor, 2)
    staffed(floor, 2)
    floor.agent(1, {1: 5})
    assert floor.offered(1) == 1
    assert moves(floor.due()) == []
    assert moves(floor.due()) == [(1, 1, 2, MoveReason.WAITED)]
    assert floor.order(1) == []


def test_a_caller_who_moved_is_offered_to_who_is_free_there(floor: Floor, offer_of: Any) -> None:
    queue(floor, 1, overflow=(Overflow(to=(2,), after_s=10.0),))
    queue(floor, 2)
    staffed(floor, 1)
    floor.agent(2, {2: 5})
    floor.call(1)
    assert offer_of(floor.due()) == 2
    floor.answer(1, 2)
    assert floor.line(2).visits.answered == 1


def test_silence_is_kept_when_a_caller_moves(floor: Floor) -> None:
    rules = Announcements(first_s=0.0, every_s=0.0, min_gap_s=15.0, estimate=False)
    queue(floor, 1, announcements=rules, overflow=(Overflow(to=(2,), after_s=10.0),))
    queue(floor, 2, announcements=rules)
    staffed(floor, 1, 2)
    floor.call(1)
    told_at = []
    for _ in range(3):
        commands = floor.due()
        told_at += [floor.now for c in commands if isinstance(c, AnnounceToCaller)]
    assert len(told_at) == 2
    assert told_at[1] - told_at[0] == 15.0


def test_the_first_of_a_new_queue_is_told_to_who_heard_one_the_moment_he_moved(
    floor: Floor,
) -> None:
    rules = Announcements(first_s=10.0, every_s=0.0, min_gap_s=5.0, estimate=False)
    # The way is tried again ten seconds later, when the announcement is due as well.
    queue(floor, 1, announcements=rules, overflow=(Overflow(to=(2,), after_s=10.0),))
    queue(floor, 2, announcements=rules)
    staffed(floor, 1)
    floor.call(1)
    assert [c.position for c in floor.due() if isinstance(c, AnnounceToCaller)] == [1]
    staffed(floor, 2)
    floor.tell(told.AgentUnreachable(agent=1))
    assert moves(floor.due())
    assert [c.queue for c in floor.due() if isinstance(c, AnnounceToCaller)] == [2]


def test_new_ways_count_for_those_who_wait(floor: Floor) -> None:
    queue(floor, 1)
    queue(floor, 2)
    staffed(floor, 1, 2)
    floor.call(1)
    floor.due(60.0)
    queue(floor, 1, overflow=(Overflow(to=(2,), after_s=30.0),))
    assert moves(floor.due()) == [(1, 1, 2, MoveReason.WAITED)]


def test_a_call_that_moved_can_be_withdrawn_and_come_again(floor: Floor) -> None:
    queue(floor, 1, overflow=(Overflow(to=(2,), when_nobody=True),))
    queue(floor, 2)
    staffed(floor, 2)
    assert moves(floor.call(1))
    floor.tell(told.CallWithdrawn(call=1, outcome=told.Outcome.VOICEMAIL))
    assert moves(floor.call(1)) == [(1, 1, 2, MoveReason.NO_AGENTS)]


@pytest.mark.parametrize(
    "wrong",
    [
        {"overflow": (Overflow(to=(), after_s=1.0),)},
        {"overflow": (Overflow(to=(2,)),)},
        {"overflow": (Overflow(to=(2,), after_s=0.0),)},
        {"overflow": (Overflow(to=(2,), after_s=1.0, improve_s=-1.0),)},
        {"max_overflows": 11},
    ],
)
def test_wrong_ways_are_refused(floor: Floor, wrong: dict[str, Any]) -> None:
    with pytest.raises(ConfigurationFault):
        floor.queue(**wrong)


WAY = st.builds(
    Overflow,
    to=st.lists(st.integers(1, 6), min_size=1, max_size=4).map(tuple),
    after_s=st.sampled_from([1.0, 5.0, 20.0]),
    when_refused=st.booleans(),
    when_nobody=st.booleans(),
    improve_s=st.sampled_from([0.0, 20.0]),
)
QUEUE = st.tuples(
    st.lists(WAY, max_size=3).map(tuple),
    st.integers(0, 5),
    st.sampled_from([None, 0, 1, 3]),
    st.sampled_from(list(NoAgents)),
    st.booleans(),
)
HAPPENS = st.tuples(
    st.sampled_from(["call", "call", "call", "in", "out", "answer", "end", "gone", "wait"]),
    st.integers(0, 7),
)


@given(st.lists(QUEUE, min_size=6, max_size=6), st.lists(HAPPENS, max_size=60))
def test_moves_end_and_no_queue_is_visited_twice(
    graph: list[Any], happens: list[tuple[str, int]]
) -> None:
    floor = Floor()
    most = {}
    for number, (ways, limit, full, nobody, unattended) in enumerate(graph, 1):
        most[number] = limit
        config = QueueConfig(
            queue=number,
            required=(Requirement(number, 1),),
            overflow=ways,
            max_overflows=limit,
            max_waiting=full,
            no_agents=nobody,
            unattended=unattended and number > 3,
        )
        floor.tell(told.QueueConfigured(config=config, version=1))
        agent = told.AgentConfig(agent=number, skills={number: 3, number % 6 + 1: 3})
        floor.tell(told.AgentConfigured(config=agent, version=1))
    been: dict[int, list[int]] = {}
    calls = 0

    def tell(event: Any) -> None:
        try:
            commands = floor.tell(event)
        except AcdError:
            return
        for command in commands:
            if isinstance(command, CallMoved):
                visits = been[command.call]
                assert command.origin == visits[-1]
                assert command.queue not in visits
                assert len(visits) <= most[command.origin]
                visits.append(command.queue)
        check()

    def check() -> None:
        for view in floor.engine.snapshot(floor.now).queues:
            visits = view.visits
            ended = visits.answered + visits.abandoned + visits.overflowed
            ended += visits.timed_out + visits.refused
            assert visits.offered == ended + visits.in_system
            assert visits.in_system == len(view.waiting)
            for call in view.waiting:
                assert been[call.call][-1] == view.queue

    for step, n in happens:
        number = n % 6 + 1
        match step:
            case "call":
                calls += 1
                been[calls] = [number]
                tell(told.CallOffered(call=calls, queue=number, priority=n % 2))
            case "in":
                tell(told.AgentLoggedIn(agent=number, station=f"s{number}"))
                tell(told.AgentReady(agent=number))
            case "out":
                tell(told.AgentLoggedOut(agent=number))
            case "answer" | "end":
                call = floor.view(number).call
                if call is not None and step == "answer":
                    tell(told.OfferAccepted(call=call, agent=number))
                    tell(told.CallAnswered(call=call, agent=number))
                elif call is not None:
                    tell(told.CallEnded(call=call))
            case "gone":
                tell(told.CallAbandoned(call=max(calls - n, 0)))
            case _:
                until = floor.now + n * 3.0
                for _ in range(200):
                    due = floor.engine.next_deadline()
                    if due is None or due > until:
                        break
                    floor.now = max(due, floor.now)
                    tell(told.DeadlineReached())
                    following = floor.engine.next_deadline()
                    assert following is None or following > floor.now
                floor.now = until
