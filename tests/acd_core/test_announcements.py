"""What waiting callers are told: when, which place, which wait, and when they are left alone."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from acd_core import events as told
from acd_core.commands import AnnounceToCaller
from acd_core.errors import ConfigurationFault
from acd_core.queue_life.announcements import rounded_up
from acd_core.queue_life.options import Announcements
from tests.acd_core.conftest import Floor


def said(commands: Any) -> list[tuple[int, int | None]]:
    return [(c.call, c.position) for c in commands if isinstance(c, AnnounceToCaller)]


def rules(**changes: Any) -> Announcements:
    return Announcements(**({"estimate": False} | changes))


def test_a_caller_is_told_first_and_then_from_time_to_time(floor: Floor) -> None:
    floor.queue(announcements=rules(first_s=10.0, every_s=30.0))
    floor.call(1)
    floor.call(2, after=1.0)
    begun = floor.now
    times = []
    for _ in range(5):
        for call, position in said(floor.due()):
            times.append((call, position, floor.now - begun))
    assert times == [(1, 1, 9.0), (2, 2, 10.0), (1, 1, 39.0), (2, 2, 40.0), (1, 1, 69.0)]


def test_with_no_period_only_the_first_is_told(floor: Floor) -> None:
    floor.queue(announcements=rules(every_s=0.0))
    floor.call(1)
    assert said(floor.due()) == [(1, 1)]
    assert floor.engine.next_deadline() is None


def test_who_leaves_is_told_nothing_more(floor: Floor) -> None:
    floor.queue(announcements=rules())
    floor.call(1)
    floor.tell(told.CallAbandoned(call=1))
    assert floor.engine.next_deadline() is None


def test_a_queue_without_announcements_has_no_deadlines(floor: Floor) -> None:
    floor.queue()
    floor.call(1)
    assert floor.engine.next_deadline() is None


def test_a_better_place_is_told_at_once_but_not_within_the_gap(floor: Floor) -> None:
    floor.queue(announcements=rules(first_s=5.0, every_s=0.0, min_gap_s=20.0, on_progress=True))
    for call in (1, 2, 3):
        floor.call(call, after=0.0)
    assert said(floor.due()) == [(1, 1), (2, 2), (3, 3)]
    # Within the gap: kept until it is over.
    assert said(floor.tell(told.CallAbandoned(call=1), 5.0)) == []
    assert said(floor.due()) == [(2, 1), (3, 2)]
    assert floor.now == pytest.approx(1025.0)
    # After it: at once.
    assert said(floor.due(60.0)) == []
    assert said(floor.tell(told.CallAbandoned(call=2), 1.0)) == [(3, 1)]


def test_a_better_place_within_the_gap_after_a_periodic_one_waits_for_its_end(
    floor: Floor,
) -> None:
    floor.queue(announcements=rules(first_s=2.0, every_s=9.0, min_gap_s=4.0, on_progress=True))
    floor.call(1, after=0.0)
    floor.call(2, after=0.0)
    said(floor.due(2.0))
    # He may hear of a better place from four seconds on, and hears the next one at nine.
    floor.due(4.0)
    assert said(floor.due(5.0)) == [(1, 1), (2, 2)]
    assert said(floor.tell(told.CallAbandoned(call=1), 1.0)) == []
    assert said(floor.due()) == [(2, 1)]


def test_a_worse_place_is_never_told(floor: Floor) -> None:
    floor.queue(announcements=rules(first_s=5.0, every_s=20.0, on_progress=True))
    floor.call(1, after=0.0)
    assert said(floor.due()) == [(1, 1)]
    floor.call(2, priority=5)
    # Told the second place he would think he lost one; he hears nothing of places.
    assert all(call != 1 or place == 1 for call, place in said(floor.due(30.0)))
    floor.tell(told.CallAbandoned(call=2))
    assert (1, 1) in said(floor.due(30.0))


def test_with_a_prompt_something_is_said_even_without_a_place(floor: Floor) -> None:
    floor.queue(announcements=rules(position=False, prompt="patience"))
    floor.call(1)
    spoken = [c for c in floor.due() if isinstance(c, AnnounceToCaller)]
    assert [(c.prompt, c.position, c.low_s) for c in spoken] == [("patience", None, None)]


def test_places_far_back_are_not_told_until_they_are_near(floor: Floor) -> None:
    floor.queue(announcements=rules(first_s=5.0, every_s=0.0, most_position=2, on_progress=True))
    for call in (1, 2, 3, 4):
        floor.call(call, after=0.0)
    assert said(floor.due()) == [(1, 1), (2, 2)]
    floor.due(60.0)
    assert said(floor.tell(told.CallAbandoned(call=1))) == [(2, 1), (3, 2)]


def test_nothing_is_said_while_a_station_rings(floor: Floor) -> None:
    floor.queue(announcements=rules(first_s=5.0, every_s=20.0), offer_s=30.0)
    floor.agent(1)
    assert floor.offered(1) == 1
    assert said(floor.due(6.0)) == []
    assert said(floor.due(10.0)) == []
    floor.tell(told.OfferRejected(call=1, agent=1))
    assert said(floor.due()) == [(1, 1)]


def test_the_agent_who_frees_the_first_place_lets_the_others_hear(floor: Floor) -> None:
    floor.queue(announcements=rules(first_s=2.0, every_s=0.0, min_gap_s=1.0, on_progress=True))
    floor.call(1)
    floor.call(2, after=0.0)
    floor.due()
    floor.due(10.0)
    floor.agent(1)
    floor.tell(told.OfferAccepted(call=1, agent=1))
    assert said(floor.tell(told.CallAnswered(call=1, agent=1))) == [(2, 1)]


def serve(floor: Floor, *, waits: float, calls: int = 8, first: int = 100) -> None:
    """One agent, a caller behind another one each time: waits that can be foreseen."""
    for call in range(first, first + calls):
        assert floor.offered(call) == 1
        floor.answer(call, 1)
        floor.call(1000 + call, after=0.0)
        floor.tell(told.CallEnded(call=call), waits)
        floor.answer(1000 + call, 1)
        floor.tell(told.CallEnded(call=1000 + call), waits)


def spoken(commands: Any) -> list[tuple[float | None, float | None]]:
    return [(c.low_s, c.high_s) for c in commands if isinstance(c, AnnounceToCaller)]


def test_a_wait_is_told_once_the_estimate_is_good(floor: Floor) -> None:
    floor.queue(announcements=Announcements(first_s=1.0, every_s=60.0))
    floor.agent(1)
    floor.offered(1)
    floor.answer(1, 1)
    floor.call(2)
    assert spoken(floor.due()) == [(None, None)]
    floor.tell(told.CallAbandoned(call=2))
    floor.tell(told.CallEnded(call=1))
    # Each handled in 150 s, and the next one waits as long.
    floor.queue(announcements=None)
    serve(floor, waits=150.0, calls=30)
    floor.queue(announcements=Announcements(first_s=1.0, every_s=60.0))
    floor.offered(3)
    floor.answer(3, 1)
    floor.call(4)
    ((low, high),) = spoken(floor.due())
    assert low is not None
    assert high is not None
    assert 60.0 <= low <= high
    assert low % 60.0 == 0
    assert high % 60.0 == 0
    estimate = floor.line().estimate
    assert estimate is not None
    # Told again, it does not grow.
    assert spoken(floor.due()) == [(low, high)]


def test_a_wait_is_not_told_when_errors_are_above_the_limit(floor: Floor) -> None:
    floor.queue()
    floor.agent(1)
    serve(floor, waits=150.0)
    floor.queue(announcements=Announcements(first_s=1.0), estimate_error_limit=0.0)
    floor.offered(3)
    floor.answer(3, 1)
    floor.call(4)
    assert spoken(floor.due()) == [(None, None)]


def test_who_is_answered_soon_is_left_alone(floor: Floor) -> None:
    floor.queue()
    floor.agent(1)
    serve(floor, waits=8.0, calls=40)
    floor.queue(announcements=Announcements(first_s=1.0, min_gap_s=5.0, every_s=60.0))
    floor.offered(3)
    floor.answer(3, 1)
    floor.call(4)
    assert floor.line().estimate is not None
    assert spoken(floor.due()) == []
    # He is looked at again after the gap.
    assert floor.engine.next_deadline() == floor.now + 5.0


def test_who_waits_for_one_agent_alone_hears_his_place_and_no_estimate(floor: Floor) -> None:
    floor.queue()
    floor.agent(1)
    serve(floor, waits=150.0, calls=20)
    floor.tell(told.AgentBusy(agent=1))
    floor.agent(2)
    floor.queue(announcements=Announcements(first_s=1.0))
    floor.call(4, preferred=1, preference=told.Preference.NAMED, preferred_limit_s=500.0)
    assert floor.line().waiting[0].preferred == 1
    (command,) = [c for c in floor.due() if isinstance(c, AnnounceToCaller)]
    assert (command.position, command.low_s) == (1, None)


@pytest.mark.parametrize(
    ("seconds", "told_s"),
    [(0.0, 60.0), (59.0, 60.0), (61.0, 120.0), (600.0, 600.0), (601.0, 900.0), (1500.0, 1500.0)],
)
def test_waits_are_rounded_up_as_they_are_told(seconds: float, told_s: float) -> None:
    assert rounded_up(seconds) == told_s


def test_new_rules_count_for_those_who_wait(floor: Floor) -> None:
    floor.queue()
    floor.call(1)
    floor.due(100.0)
    floor.queue(announcements=rules(first_s=10.0, every_s=50.0))
    assert said(floor.due()) == [(1, 1)]
    floor.queue(announcements=rules(first_s=10.0, every_s=20.0))
    assert floor.engine.next_deadline() == floor.now + 20.0
    floor.queue()
    assert floor.engine.next_deadline() is None


@pytest.mark.parametrize(
    "wrong",
    [
        {"first_s": -1.0},
        {"every_s": float("nan")},
        {"every_s": 5.0, "min_gap_s": 10.0},
        {"most_position": -1},
    ],
)
def test_wrong_rules_are_refused(floor: Floor, wrong: dict[str, Any]) -> None:
    with pytest.raises(ConfigurationFault):
        floor.queue(announcements=Announcements(**wrong))


STEP = st.tuples(
    st.sampled_from(["call", "call", "call", "urgent", "gone", "agent", "wait", "wait", "rules"]),
    st.integers(0, 9),
)


@given(st.lists(STEP, min_size=5, max_size=80))
def test_gaps_are_kept_and_places_only_shrink(steps: list[tuple[str, int]]) -> None:
    floor = Floor()
    sets = [
        rules(first_s=2.0, every_s=9.0, min_gap_s=4.0, on_progress=True, most_position=3),
        rules(first_s=0.0, every_s=0.0, min_gap_s=4.0, on_progress=True),
        rules(first_s=5.0, every_s=6.0, min_gap_s=4.0),
    ]
    floor.queue(announcements=sets[0], wrap_up_s=3.0)
    floor.agent(1)
    last: dict[int, float] = {}
    best: dict[int, int] = {}
    calls = 0

    def take(commands: Any) -> None:
        waiting = {c.call: c for c in floor.line().waiting}
        for command in commands:
            if not isinstance(command, AnnounceToCaller):
                continue
            assert floor.now - last.get(command.call, 0.0) >= 4.0
            assert command.position is not None
            assert command.position <= best.get(command.call, 1000)
            assert waiting[command.call].position == command.position
            last[command.call], best[command.call] = floor.now, command.position

    for step, n in steps:
        match step:
            case "call" | "urgent":
                calls += 1
                take(floor.call(calls, after=0.5, priority=step == "urgent"))
            case "gone":
                waiting = floor.order()
                if waiting:
                    take(floor.tell(told.CallAbandoned(call=waiting[n % len(waiting)])))
            case "agent":
                view = floor.view(1)
                if view.state == "reserved":
                    take(floor.answer(view.call, 1))
                elif view.state == "talking":
                    take(floor.tell(told.CallEnded(call=view.call)))
                elif view.state == "paused":
                    take(floor.tell(told.AgentReady(agent=1)))
            case "rules":
                floor.queue(announcements=sets[n % 3], wrap_up_s=3.0)
            case _:
                until = floor.now + n
                while (due := floor.engine.next_deadline()) is not None and due <= until:
                    floor.now = max(due, floor.now)
                    take(floor.tell(told.DeadlineReached()))
                    following = floor.engine.next_deadline()
                    assert following is None or following > floor.now
                floor.now = until
