import importlib
from pathlib import Path
from types import SimpleNamespace

import pytest

from cython_ext.implementation import PURE_PYTHON
from cython_ext.sip_wire import oracle, oracle_parts, oracle_sdp

TORTURE = Path(__file__).parent / "torture"


def sip_implementations():
    plain = {**vars(oracle_sdp), **vars(oracle_parts), **vars(oracle)}
    found = {"oracle": SimpleNamespace(**{k: v for k, v in plain.items() if k[0] != "_"})}
    if not PURE_PYTHON:
        found["compiled"] = importlib.import_module("cython_ext.sip_wire._sip_wire")
    return found


@pytest.fixture(params=sorted(sip_implementations()))
def sip(request):
    return sip_implementations()[request.param]


@pytest.fixture
def both():
    found = sip_implementations()
    if len(found) < 2:
        pytest.skip("plain Python only")
    return found["oracle"], found["compiled"]
