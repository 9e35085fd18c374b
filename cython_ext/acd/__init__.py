"""The distribution kernel: compiled, or its plain twin where that is asked for."""

from typing import TYPE_CHECKING

from cython_ext.implementation import PURE_PYTHON

if TYPE_CHECKING or not PURE_PYTHON:
    from cython_ext.acd._acd import (
        EXPERT_LEAST_OCCUPIED,
        EXPERT_LONGEST_IDLE,
        FEWEST_CALLS,
        IDLE,
        LEAST_OCCUPIED,
        LEAST_SKILLED,
        LINEAR,
        LONGEST_IDLE,
        MOST_SKILLED,
        Matcher,
    )
    from cython_ext.acd._deadlines import Deadlines
else:
    from cython_ext.acd.oracle import (
        EXPERT_LEAST_OCCUPIED,
        EXPERT_LONGEST_IDLE,
        FEWEST_CALLS,
        IDLE,
        LEAST_OCCUPIED,
        LEAST_SKILLED,
        LINEAR,
        LONGEST_IDLE,
        MOST_SKILLED,
        Deadlines,
        Matcher,
    )

__all__ = [
    "EXPERT_LEAST_OCCUPIED",
    "EXPERT_LONGEST_IDLE",
    "FEWEST_CALLS",
    "IDLE",
    "LEAST_OCCUPIED",
    "LEAST_SKILLED",
    "LINEAR",
    "LONGEST_IDLE",
    "MOST_SKILLED",
    "Deadlines",
    "Matcher",
]
