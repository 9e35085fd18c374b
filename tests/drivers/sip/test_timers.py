"""The heap of deadlines: order, replacement, and that stopped ones do not pile up."""

from drivers.sip.core.timers import TIDIED_ABOVE, Timers


class Owner:
    def __init__(self) -> None:
        self.timers: dict[int, float] = {}
        self.fired: list[int] = []

    def timer_fired(self, timer: int) -> None:
        self.fired.append(timer)


def test_deadlines_fire_in_order_and_only_the_last_start_counts() -> None:
    timers, owner = Timers(), Owner()
    timers.start(owner, 1, 5.0)
    timers.start(owner, 2, 1.0)
    timers.start(owner, 1, 3.0)
    assert timers.next_deadline() == 1.0
    timers.fire(4.0)
    assert owner.fired == [2, 1]
    assert timers.next_deadline() is None


def test_stopped_deadlines_are_tidied_away_and_running_ones_stay() -> None:
    timers, kept = Timers(), Owner()
    timers.start(kept, 7, 900.0)
    for _ in range(20 * TIDIED_ABOVE):
        gone = Owner()
        timers.start(gone, 1, 1800.0)
        gone.timers.clear()
    assert len(timers) <= TIDIED_ABOVE + 1
    timers.fire(1000.0)
    assert kept.fired == [7]
