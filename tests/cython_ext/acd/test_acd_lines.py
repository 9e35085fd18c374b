"""Long lines of waiting calls: in blocks that split and join, the order is that of a sorted list."""

import random
from typing import Any

import pytest

from cython_ext.acd import oracle

Place = tuple[int, float, int]


def arrivals(kind: str, draw: random.Random, count: int) -> list[float]:
    """When calls arrive: as time goes by, backwards, anyhow, or all at once."""
    return {
        "onward": [float(n) for n in range(count)],
        "backward": [float(-n) for n in range(count)],
        "anyhow": [draw.random() * 50 for _ in range(count)],
        "at_once": [7.0] * count,
    }[kind]


@pytest.mark.parametrize("kind", ["onward", "backward", "anyhow", "at_once"])
@pytest.mark.parametrize("priorities", [1, 3])
def test_a_long_line_keeps_its_order_while_calls_come_and_go(
    kernel: Any, kind: str, priorities: int
) -> None:
    draw = random.Random(f"{kind} {priorities}")
    matcher = kernel.Matcher()
    demand, profile = matcher.demand([]), matcher.profile([])
    waiting: dict[int, Place] = {}
    held: dict[int, Place] = {}
    count = 300 if kernel is oracle else 3000
    for key, arrival in enumerate(arrivals(kind, draw, count)):
        priority = draw.randrange(priorities)
        call = matcher.add_call(key, demand, priority, arrival)
        assert call not in waiting
        waiting[call] = (-priority, arrival, key)
        if draw.random() < 0.3:
            gone = draw.choice(list(waiting))
            matcher.hold_call(gone)
            held[gone] = waiting.pop(gone)
        if held and draw.random() < 0.1:
            back = draw.choice(list(held))
            matcher.release_call(back)
            waiting[back] = held.pop(back)
        if waiting and draw.random() < 0.2:
            gone = draw.choice(list(waiting))
            matcher.drop_call(gone)
            del waiting[gone]
        if key % 50 == 0:
            assert matcher.best_call(profile) == min(waiting, key=waiting.__getitem__, default=-1)
    for expected in sorted(waiting, key=waiting.__getitem__):
        assert matcher.best_call(profile) == expected
        matcher.drop_call(expected)
    assert matcher.best_call(profile) == -1
    for call in held:
        matcher.release_call(call)
    assert matcher.best_call(profile) == min(held, key=held.__getitem__, default=-1)


def test_a_line_that_ran_empty_gives_back_what_it_held(kernel: Any) -> None:
    matcher = kernel.Matcher()
    demand = matcher.demand([])
    sizes = []
    for _ in range(3):
        calls = [matcher.add_call(key, demand, 0, float(key)) for key in range(1000)]
        full = matcher.memory()[1]
        for call in calls:
            matcher.drop_call(call)
        sizes.append((full, matcher.memory()[1]))
    assert sizes[0] == sizes[1] == sizes[2]
    assert sizes[0][0] >= sizes[0][1]
