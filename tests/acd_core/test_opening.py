"""Queues that open and close, and queues that are switched to unattended."""

from datetime import date, datetime
from typing import Any
from zoneinfo import ZoneInfo

import msgspec
import pytest

from acd_core import events as told
from acd_core.commands import CallRefused, CallTimedOut, LeaveReason, RefuseReason
from acd_core.errors import ClockFault, ConfigurationFault, UnknownQueue
from acd_core.opening_hours import Interval, OpeningHours, parse_hours
from acd_core.queue_life.options import Closing
from tests.acd_core.conftest import Floor

ZONE = "Europe/Berlin"
HOURS = parse_hours(ZONE, {"mon": ["09:00-12:00", "13:00-17:00"]}, {"2026-11-30": []})


def at(text: str) -> float:
    return datetime.fromisoformat(text).replace(tzinfo=ZoneInfo(ZONE)).timestamp()


def refused(commands: Any) -> RefuseReason | None:
    return next((c.reason for c in commands if isinstance(c, CallRefused)), None)


def left(commands: Any) -> list[tuple[int, LeaveReason]]:
    return [(c.call, c.reason) for c in commands if isinstance(c, CallTimedOut)]


@pytest.fixture
def monday(floor: Floor) -> Floor:
    floor.now = at("2026-11-23T08:59:00")
    return floor


def test_a_closed_queue_refuses_and_opens_by_the_clock(monday: Floor) -> None:
    monday.queue(hours=HOURS)
    assert not monday.line().open
    assert refused(monday.call(1)) is RefuseReason.CLOSED
    assert monday.line().visits.refused == 1
    monday.due()
    assert monday.now == at("2026-11-23T09:00:00")
    assert monday.line().open
    assert refused(monday.call(2)) is None


def test_a_call_between_the_hour_and_its_deadline_finds_the_new_hour(monday: Floor) -> None:
    monday.queue(hours=HOURS)
    # The deadline of nine o'clock has not been noticed yet.
    assert refused(monday.call(1, after=61.0)) is None
    assert monday.line().open


def test_at_closing_time_those_who_wait_are_served(monday: Floor) -> None:
    monday.queue(hours=HOURS)
    monday.due()
    monday.call(1)
    assert left(monday.due()) == []
    assert monday.now == at("2026-11-23T12:00:00")
    assert refused(monday.call(2)) is RefuseReason.CLOSED
    assert monday.order() == [1]
    monday.agent(1)
    assert monday.answer(1, 1)


def test_at_closing_time_those_who_wait_leave_where_it_is_so(monday: Floor) -> None:
    monday.queue(hours=HOURS, closing=Closing.LEAVE)
    monday.due()
    monday.call(1)
    monday.call(2)
    assert left(monday.due()) == [(1, LeaveReason.CLOSED), (2, LeaveReason.CLOSED)]
    assert monday.line().visits.timed_out == 2


def test_who_hears_a_station_ring_at_closing_time_may_be_answered(monday: Floor) -> None:
    monday.queue(hours=HOURS, closing=Closing.LEAVE, offer_s=60.0)
    monday.due()
    monday.agent(1)
    monday.now = at("2026-11-23T11:59:50")
    assert monday.offered(1) == 1
    monday.now = at("2026-11-23T12:00:00")
    assert left(monday.tell(told.DeadlineReached())) == []
    assert monday.order() == [1]
    rejected = monday.tell(told.OfferRejected(call=1, agent=1))
    assert left(rejected) == [(1, LeaveReason.CLOSED)]
    assert monday.order() == []


def test_a_holiday_stays_closed(monday: Floor) -> None:
    monday.queue(hours=HOURS)
    monday.now = at("2026-11-30T10:00:00")
    monday.tell(told.DeadlineReached())
    assert refused(monday.call(1)) is RefuseReason.CLOSED
    assert monday.engine.next_deadline() == at("2026-12-07T09:00:00")


def test_an_unattended_queue_lets_nobody_in_and_nobody_stay(floor: Floor) -> None:
    floor.queue()
    floor.call(1)
    switched = floor.tell(told.QueueAttended(queue=1, unattended=True, version=2))
    assert left(switched) == [(1, LeaveReason.UNATTENDED)]
    assert refused(floor.call(2)) is RefuseReason.UNATTENDED
    view = floor.line()
    assert (view.open, view.unattended) == (False, True)
    floor.tell(told.QueueAttended(queue=1, unattended=False, version=3))
    assert refused(floor.call(3)) is None
    assert floor.line().open


def test_attendance_leaves_the_rest_of_the_configuration(floor: Floor) -> None:
    floor.queue(max_waiting=1)
    floor.tell(told.QueueAttended(queue=1, unattended=True, version=2))
    floor.tell(told.QueueAttended(queue=1, unattended=False, version=3))
    assert refused(floor.call(1)) is None
    assert refused(floor.call(2)) is RefuseReason.FULL


def test_an_offer_that_is_out_when_nobody_attends_any_more_comes_back_to_nothing(
    floor: Floor,
) -> None:
    floor.queue()
    floor.agent(1)
    assert floor.offered(1) == 1
    assert left(floor.tell(told.QueueAttended(queue=1, unattended=True, version=2))) == []
    rejected = floor.tell(told.OfferRejected(call=1, agent=1))
    assert left(rejected) == [(1, LeaveReason.UNATTENDED)]


def test_unattended_comes_before_closed(monday: Floor) -> None:
    monday.queue(hours=HOURS, unattended=True)
    assert refused(monday.call(1)) is RefuseReason.UNATTENDED


def test_new_hours_count_for_those_who_wait(monday: Floor) -> None:
    monday.queue()
    monday.call(1)
    monday.queue(hours=HOURS)
    assert monday.order() == [1]
    monday.queue(hours=HOURS, closing=Closing.LEAVE)
    assert monday.order() == []
    monday.queue()
    assert refused(monday.call(2)) is None
    assert monday.engine.next_deadline() is None


def test_a_removed_queue_opens_no_more(monday: Floor) -> None:
    monday.queue(hours=HOURS)
    monday.tell(told.QueueRemoved(queue=1, version=2))
    assert monday.engine.next_deadline() is None
    monday.queue(hours=HOURS)
    assert monday.engine.next_deadline() == at("2026-11-23T09:00:00")


def test_hours_survive_the_journal() -> None:
    event = told.QueueConfigured(
        config=msgspec.structs.replace(told.QueueConfig(queue=1), hours=HOURS), version=1
    )
    assert told.decode(told.encode(event)) == event


@pytest.mark.parametrize(
    "hours",
    [
        OpeningHours(zone="Mars/Base", week={}),
        OpeningHours(zone="UTC", week={7: (Interval(0, 60),)}),
        OpeningHours(zone="UTC", week={0: (Interval(0, 1441),)}),
        OpeningHours(zone="UTC", week={0: (Interval(60, 60),)}),
        OpeningHours(zone="UTC", week={}, days={date(9999, 12, 31): ()}),
    ],
)
def test_hours_that_mean_nothing_are_refused(floor: Floor, hours: OpeningHours) -> None:
    floor.queue()
    before = floor.engine.snapshot(floor.now)
    with pytest.raises(ConfigurationFault):
        floor.queue(hours=hours)
    assert floor.engine.snapshot(floor.now) == before


def test_attendance_of_an_unknown_queue_is_refused(floor: Floor) -> None:
    with pytest.raises(UnknownQueue):
        floor.tell(told.QueueAttended(queue=9, unattended=True, version=1))


@pytest.mark.parametrize("now", [1e300, float("nan"), float("inf"), -1.0])
def test_times_that_no_calendar_has_are_refused(floor: Floor, now: float) -> None:
    with pytest.raises(ClockFault):
        floor.engine.handle(told.DeadlineReached(), now)
