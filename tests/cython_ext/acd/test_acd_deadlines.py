"""Deadlines of the distribution kernel: compiled and plain, one suite, and both alike."""

import math
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cython_ext.acd import oracle
from cython_ext.implementation import PURE_PYTHON

if not PURE_PYTHON:
    from cython_ext.acd import _deadlines


def test_deadlines_come_in_order_and_equal_ones_as_they_were_set(kernel: Any) -> None:
    deadlines = kernel.Deadlines()
    assert deadlines.first() is None
    assert deadlines.pop(100.0) == -1
    for handle, when in ((3, 5.0), (200, 2.0), (1, 5.0), (7, 9.0)):
        deadlines.set(handle, when)
    deadlines.set(7, 1.0)
    deadlines.cancel(200)
    deadlines.cancel(200)
    deadlines.cancel(-4)
    assert (len(deadlines), deadlines.first()) == (3, 1.0)
    assert [deadlines.pop(5.0) for _ in range(4)] == [7, 3, 1, -1]


def test_a_deadline_is_not_due_before_its_time(kernel: Any) -> None:
    deadlines = kernel.Deadlines()
    deadlines.set(0, 5.0)
    assert deadlines.pop(4.999) == -1
    assert deadlines.pop(math.nan) == -1


def test_wrong_deadlines_are_refused(kernel: Any) -> None:
    deadlines = kernel.Deadlines()
    with pytest.raises(ValueError, match="is not 0 to"):
        deadlines.set(-1, 1.0)
    with pytest.raises(ValueError, match="is not 0 to"):
        deadlines.set(1 << 24, 1.0)
    with pytest.raises(ValueError, match="not finite"):
        deadlines.set(1, math.nan)
    assert len(deadlines) == 0


def wait(kernel: Any, steps: list[tuple[str, int, int]]) -> list[Any]:
    deadlines = kernel.Deadlines()
    seen: list[Any] = []
    for step, handle, when in steps:
        if step == "set":
            deadlines.set(handle, float(when))
        elif step == "cancel":
            deadlines.cancel(handle)
        else:
            seen.append(deadlines.pop(float(when)))
        seen.append((deadlines.first(), len(deadlines)))
    return seen


@pytest.mark.skipif(PURE_PYTHON, reason="nothing to compare with")
@given(
    st.lists(
        st.tuples(
            st.sampled_from(["set", "set", "cancel", "pop"]), st.integers(0, 90), st.integers(0, 20)
        ),
        max_size=120,
    )
)
def test_compiled_and_plain_deadlines_agree(steps: list[tuple[str, int, int]]) -> None:
    assert wait(_deadlines, steps) == wait(oracle, steps)
