"""Records of the journal as bytes: compiled, or the plain twin where that is asked for."""

from typing import TYPE_CHECKING

from cython_ext.implementation import PURE_PYTHON

if TYPE_CHECKING or not PURE_PYTHON:
    from cython_ext.journal._gathered import Gathered, record_at
else:
    from cython_ext.journal.oracle import Gathered, record_at

__all__ = ["Gathered", "record_at"]
