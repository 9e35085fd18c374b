"""The steady clock: never back, never jumping, back to the truth in the end."""

from hypothesis import given
from hypothesis import strategies as st

from daemon.clock import MAX_SLEW, SLEW_EVERY, SteadyClock


class Times:
    def __init__(self) -> None:
        self.wall = 1_800_000_000.0
        self.monotonic = 10.0

    def clock(self) -> SteadyClock:
        return SteadyClock(lambda: self.wall, lambda: self.monotonic)


@given(st.lists(st.tuples(st.floats(0, 1000), st.floats(-5000, 5000)), max_size=30))
def test_clock_never_goes_back_whatever_the_wall_clock_does(
    steps: list[tuple[float, float]],
) -> None:
    times = Times()
    clock = times.clock()
    before = clock()
    for elapsed, jump in steps:
        times.monotonic += elapsed
        times.wall += elapsed + jump
        now = clock()
        assert now >= before
        # One look at wall time may make up for what was not looked at before.
        assert now - before <= elapsed + (elapsed + SLEW_EVERY) * MAX_SLEW + 1e-6
        before = now


def test_clock_slews_back_to_wall_time_after_a_step() -> None:
    times = Times()
    clock = times.clock()
    times.wall += 1.0
    for _ in range(3000):
        times.wall += 1.0
        times.monotonic += 1.0
        clock()
    assert abs(clock() - times.wall) < 1e-6
