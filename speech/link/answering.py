"""Who has answered a call of ours: its audio from the engine's tap, judged as it comes.

The judgement is ``cython_ext.dsp.answering``; how often it errs is in ``docs/performance.md``.
"""

import asyncio
from typing import Final

from cython_ext import dsp
from cython_ext.dsp.answering import Answerer, AnsweringDetector
from speech.link.tap import Tap

PERSON: Final = "person"
MACHINE: Final = "machine"
SILENT: Final = "silent"
_WORDS: Final = {
    Answerer.PERSON: PERSON,
    Answerer.MACHINE: MACHINE,
    Answerer.SILENT: SILENT,
}
ROUND_S: Final = 0.1
PATIENCE_S: Final = 9.0
"""Longer than any verdict needs; past it nothing comes from the far end."""
ENDED_MS: Final = 1800
"""A greeting, its beep included, is over after this long a silence."""
GREETING_S: Final = 45.0
FRAME: Final = 320
FRAME_MS: Final = 20


async def who_answered(tap: Tap) -> str:
    """``person``, ``machine`` or ``silent``, which is also nobody and no audio at all."""
    detector = AnsweringDetector()
    try:
        async with asyncio.timeout(PATIENCE_S):
            while not tap.closed:
                verdict = detector.feed(tap.read())
                if verdict is not None:
                    return _WORDS[verdict]
                await asyncio.sleep(ROUND_S)
    except TimeoutError:
        pass  # packets do not come: whoever is there cannot be heard
    return SILENT


async def greeting_over(tap: Tap) -> bool:
    """Wait until a machine has greeted and beeped; False when it hangs up or never ends."""
    vad, rest, quiet_ms = dsp.EnergyVad(), b"", 0
    try:
        async with asyncio.timeout(GREETING_S):
            while not tap.closed:
                rest += tap.read()
                whole = len(rest) - len(rest) % FRAME
                for at in range(0, whole, FRAME):
                    quiet_ms = 0 if vad.feed(rest[at : at + FRAME]) else quiet_ms + FRAME_MS
                    if quiet_ms >= ENDED_MS:
                        return True
                rest = rest[whole:]
                await asyncio.sleep(ROUND_S)
    except TimeoutError:
        pass  # music, or a machine that talks on: nothing can be said to it
    return False
