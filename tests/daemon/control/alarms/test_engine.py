"""The media engine watched: refusals under load are an alarm, its figures are shown."""

from daemon.control.alarms.engine import QUIET_S, REFUSED, EngineWatch
from daemon.control.alarms.standing import Alarms
from tests.fakes.link import FakeMedia


class Bench:
    """A watch whose clock a test moves."""

    def __init__(self) -> None:
        self.now = 100.0
        self.alarms = Alarms(lambda: self.now)
        self.watch = EngineWatch(self.alarms, FakeMedia(), lambda: self.now)

    def seen(self, load: float, refused: float) -> list[str]:
        self.watch.seen({"load": load, REFUSED: refused, "late_ticks": 3.0, "worst_late_us": 512.0})
        return [alarm.kind for alarm in self.alarms.standing()]


def test_a_refused_leg_is_an_alarm_until_the_engine_has_time_again() -> None:
    bench = Bench()
    assert bench.seen(0.72, 5) == []  # of before this control process
    assert bench.seen(0.72, 6) == ["overload"]
    bench.now += QUIET_S
    assert bench.seen(0.65, 6) == ["overload"]
    assert bench.seen(0.3, 7) == ["overload"]
    bench.now += QUIET_S - 1
    assert bench.seen(0.3, 7) == ["overload"]
    bench.now += 1
    assert bench.seen(0.3, 7) == []


def test_a_new_media_process_counts_from_nothing() -> None:
    bench = Bench()
    bench.seen(0.2, 50)
    assert bench.seen(0.2, 0) == []
    assert bench.seen(0.8, 1) == ["overload"]


def test_figures_are_in_units_that_people_read() -> None:
    bench = Bench()
    bench.seen(0.256, 0)
    shown = {"load_percent": 25.6, "late_ticks": 3.0, "worst_late_ms": 0.51, "refused": 0.0}
    assert bench.watch.figures() == shown
