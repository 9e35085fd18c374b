from hypothesis import given
from hypothesis import strategies as st

from acd_core.ids import to_text
from daemon.queue_log.lines import Event, LogLine
from daemon.queue_log.visits import QueueFloor, Ring, Visit
from daemon.store.history import VISIT_OUTCOMES, Outcome


def visit(number: int, entered: int, left: int | None, outcome: str = "", **more: object) -> Visit:
    values: dict[str, object] = {"queue_id": 1, "caller": "555", "detail": "", "agent_id": None}
    return Visit(
        id=number,
        call_id=100 + number,
        entered_ms=entered,
        left_ms=left,
        outcome=outcome,
        **(values | more),  # type: ignore[arg-type]
    )


def lines(*visits: Visit) -> list[LogLine]:
    floor = QueueFloor(lambda key: f"queue{key}", lambda key: f"agent{key}")
    found = [pair for one in visits for pair in floor.enter(one)]
    found += floor.rest()
    assert [at for at, _ in found] == sorted(at for at, _ in found)
    assert floor.held == 0
    return [line for _, line in found]


def told(*visits: Visit) -> list[str]:
    return [line.text() for line in lines(*visits)]


def test_an_answered_call() -> None:
    rings = (
        Ring(agent_id=4, leg_id=8, started_ms=12_000, ended_ms=17_000, result="no_answer"),
        Ring(agent_id=5, leg_id=9, started_ms=17_000, ended_ms=20_000, result="answered"),
    )
    assert told(
        visit(
            1,
            10_000,
            20_000,
            "answered",
            agent_id=5,
            rings=rings,
            talked_ms=61_400,
            completed_ms=81_400,
            caller_ended=True,
        )
    ) == [
        f"10|{to_text(101)}|queue1|NONE|ENTERQUEUE||555|1",
        f"17|{to_text(101)}|queue1|agent4|RINGNOANSWER|5000",
        f"20|{to_text(101)}|queue1|agent5|CONNECT|10|{to_text(9)}|3",
        f"81|{to_text(101)}|queue1|agent5|COMPLETECALLER|10|61|1",
    ]


def test_who_rang_in_vain_because_another_was_first_has_no_line() -> None:
    rings = (
        Ring(agent_id=4, leg_id=8, started_ms=12_000, ended_ms=20_010, result="answered_elsewhere"),
        Ring(agent_id=5, leg_id=9, started_ms=12_000, ended_ms=20_000, result="answered"),
        Ring(agent_id=6, leg_id=7, started_ms=12_000, ended_ms=15_000, result="no_answer"),
    )
    assert told(visit(1, 10_000, 20_000, "answered", agent_id=5, rings=rings)) == [
        f"10|{to_text(101)}|queue1|NONE|ENTERQUEUE||555|1",
        f"15|{to_text(101)}|queue1|agent6|RINGNOANSWER|3000",
        f"20|{to_text(101)}|queue1|agent5|CONNECT|10|{to_text(9)}|8",
    ]


def test_how_callers_leave() -> None:
    found = lines(
        visit(1, 1000, 9000, "abandoned"),
        visit(2, 2000, 9500, "timed_out", detail="max_wait"),
        visit(3, 3000, 5000, "timed_out", detail="no_agents"),
        visit(4, 4000, 6000, "overflowed"),
        visit(5, 4500, 4500, "refused", detail="full"),
        visit(6, 4600, None),
    )
    left = {line.event: line.data for line in found if line.event is not Event.ENTERQUEUE}
    assert left == {
        Event.EXITEMPTY: ("3", "3", "2"),
        Event.EXITWITHKEY: ("", "3", "4", "2"),
        Event.ABANDON: ("1", "1", "8"),
        Event.EXITWITHTIMEOUT: ("1", "2", "8"),
    }
    entered = [line.data[2] for line in found if line.event is Event.ENTERQUEUE]
    # The refused caller is not there; the last one found four before him.
    assert entered == ["1", "2", "3", "4", "5"]


def test_ringing_that_the_caller_ended_is_no_miss() -> None:
    ring = Ring(agent_id=4, leg_id=8, started_ms=2000, ended_ms=3000, result="withdrawn")
    assert told(visit(1, 1000, 3000, "abandoned", rings=(ring,)))[1:] == [
        f"3|{to_text(101)}|queue1|agent4|RINGCANCELED|1000",
        f"3|{to_text(101)}|queue1|NONE|ABANDON|1|1|2",
    ]


def test_a_conversation_in_progress_has_no_end_yet() -> None:
    found = lines(visit(1, 1000, 3000, "answered", agent_id=4))
    assert [line.event for line in found] == [Event.ENTERQUEUE, Event.CONNECT]


def test_long_histories_hold_only_who_is_inside() -> None:
    floor = QueueFloor(str, str)
    most, count = 0, 0
    for number in range(5000):
        entered = number * 1000
        count += len(list(floor.enter(visit(number, entered, entered + 9500, "abandoned"))))
        most = max(most, floor.held)
    assert most <= 11
    assert count + len(list(floor.rest())) == 10_000


histories = st.lists(
    st.tuples(
        st.integers(1, 3),
        st.integers(0, 20),
        st.none() | st.tuples(st.integers(0, 20), st.sampled_from([*VISIT_OUTCOMES])),
    ),
    max_size=15,
)


@given(histories)
def test_positions_are_the_places_in_the_queue(
    history: list[tuple[int, int, tuple[int, str] | None]],
) -> None:
    visits = [
        visit(
            number,
            entered * 1000,
            (entered + left[0]) * 1000 if left else None,
            left[1] if left else "",
            queue_id=queue,
        )
        for number, (queue, entered, left) in enumerate(sorted(history, key=lambda one: one[1]), 1)
    ]
    found = lines(*visits)
    inside: dict[str, list[str]] = {}
    entries: dict[str, str] = {}
    for line in found:
        queue = inside.setdefault(line.queue, [])
        if line.event is Event.ENTERQUEUE:
            queue.append(line.call)
            entries[line.call] = line.data[2]
            assert line.data[2] == str(len(queue))
            continue
        place = str(queue.index(line.call) + 1)
        queue.remove(line.call)
        if line.event is Event.EXITWITHKEY:
            assert line.data[1:3] == (place, entries[line.call])
        elif line.event is not Event.CONNECT:
            assert line.data[:2] == (place, entries[line.call])
    told_of = {line.call for line in found}
    assert told_of == {to_text(one.call_id) for one in visits if one.outcome != Outcome.REFUSED}
    assert sum(map(len, inside.values())) == sum(one.left_ms is None for one in visits)
