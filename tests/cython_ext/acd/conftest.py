"""The kernel twice: plain and compiled."""

from typing import Any

import pytest

from cython_ext.acd import oracle
from cython_ext.implementation import PURE_PYTHON

IMPLEMENTATIONS: list[Any] = [oracle]
if not PURE_PYTHON:
    from cython_ext.acd import _acd, _deadlines

    class Compiled:
        Matcher = _acd.Matcher
        Deadlines = _deadlines.Deadlines

    IMPLEMENTATIONS.append(Compiled)


@pytest.fixture(params=IMPLEMENTATIONS, ids=["plain", "compiled"][: len(IMPLEMENTATIONS)])
def kernel(request: pytest.FixtureRequest) -> Any:
    return request.param
