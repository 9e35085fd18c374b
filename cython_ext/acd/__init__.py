"""The distribution kernel: compiled, or its plain twin where that is asked for."""

from typing import TYPE_CHECKING

from cython_ext.implementation import PURE_PYTHON

if TYPE_CHECKING or not PURE_PYTHON:
    from cython_ext.acd._acd import (
        IDLE,
        LEAST_SKILLED,
        LONGEST_IDLE,
        MOST_SKILLED,
        Matcher,
    )
    from cython_ext.acd._deadlines import Deadlines
else:
    from cython_ext.acd.oracle import (
        IDLE,
        LEAST_SKILLED,
        LONGEST_IDLE,
        MOST_SKILLED,
        Deadlines,
        Matcher,
    )

__all__ = ["IDLE", "LEAST_SKILLED", "LONGEST_IDLE", "MOST_SKILLED", "Deadlines", "Matcher"]
