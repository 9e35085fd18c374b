"""Which implementation of the kernels is in use: compiled, or plain Python.

``HOOKFLASH_PURE_PYTHON=1`` selects the oracles (tests, machines without a compiler). The
media engine has no plain twin: in pure mode there is no audio, and ``describe`` says so.
"""

import os
from typing import Final

PURE_PYTHON: Final = os.environ.get("HOOKFLASH_PURE_PYTHON", "") == "1"


def describe() -> str:
    """Say in one line which kernels run, for logs and ``hookflash check``."""
    if PURE_PYTHON:
        return "kernels: plain Python (HOOKFLASH_PURE_PYTHON=1); there is no audio"
    return "kernels: compiled"
