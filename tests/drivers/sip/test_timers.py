"""Deadlines: order, replacement, and that stopped ones do not pile up."""

from random import Random

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


def test_deadlines_in_lines_and_in_the_heap_fire_in_one_order() -> None:
    lined, heaped, random = Timers(), Timers(), Random(5)
    lined.often(0.0, 0.5, 32.0)
    found: list[list[int]] = []
    for timers in (lined, heaped):
        random.seed(5)
        owners = [Owner() for _ in range(40)]
        # All owners write into one list, so that the order between them is seen.
        heard: list[int] = []
        for owner in owners:
            owner.fired = heard
        for turn in range(4000):
            owner = random.choice(owners)
            number = owners.index(owner) * 10 + random.randrange(3)
            if random.random() < 0.3:
                owner.timers.pop(number, None)
            else:
                timers.start(owner, number, random.choice((0.0, 0.5, 0.5, 7.0, 32.0, 32.0)))
            due = timers.next_deadline()
            running = [when for one in owners for when in one.timers.values()]
            assert due == min(running, default=None)
            timers.fire(turn * 0.05 if turn % 7 else timers.now)
        timers.fire(1e6)
        found.append(heard)
        assert not any(owner.timers for owner in owners)
    assert found[0] == found[1]
    assert len(found[0]) > 1000


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
