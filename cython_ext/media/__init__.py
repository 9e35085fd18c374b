"""The media engine; there is no plain-Python twin, so pure mode has no audio."""

from cython_ext.implementation import PURE_PYTHON
from cython_ext.media.clips import EngineError

if not PURE_PYTHON:
    from cython_ext.media.engine import Engine
    from cython_ext.media.reported import Event
    from cython_ext.media.securing import Secured
    from cython_ext.media.streams import Srtp

    __all__ = ["Engine", "EngineError", "Event", "Secured", "Srtp", "available", "reason"]
else:
    __all__ = ["EngineError", "available", "reason"]


def available() -> bool:
    """Whether there is a media engine in this process."""
    return not PURE_PYTHON


def reason() -> str:
    """Why there is no audio, in a sentence; empty when there is."""
    if PURE_PYTHON:
        return (
            "There is no audio: the media engine exists only compiled, "
            "and HOOKFLASH_PURE_PYTHON=1 selects the plain-Python kernels."
        )
    return ""
