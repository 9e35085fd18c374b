"""Whether a person or an answering machine has answered a call of ours. No I/O.

A person says a word or two and waits; a machine greets at length, and beeps. Only pauses and
lengths are judged, no words. Time is counted in the frames that were fed.
"""

from enum import Enum, auto
from typing import Final

from cython_ext import dsp

FRAME_MS: Final = 20
FRAME: Final = 2 * 8 * FRAME_MS
"""Bytes of a frame, 16-bit samples of 8 kHz."""
LONG_GREETING_MS: Final = 3200
"""Who speaks for longer without a pause that invites an answer is a machine."""
WAITS_MS: Final = 900
"""A pause this long behind a greeting is somebody who waits for us."""
SILENT_MS: Final = 5000
"""Nobody has said anything."""
BEEP_MS: Final = 140
BEEP_HZ: Final = range(400, 2025, 25)
BESIDE_DB: Final = 1.3
"""A beep lies at most this far below the level of all that sounds: 0.4 dB for what is beside
it, the rest for its being up to 12.5 Hz from the frequency that is looked at."""
LEAST_DBM0: Final = -40.0


class Answerer(Enum):
    """Who has answered."""

    PERSON = auto()
    MACHINE = auto()
    SILENT = auto()


class AnsweringDetector:
    """Audio after the answer in, one verdict out."""

    def __init__(self) -> None:
        self.verdict: Answerer | None = None
        self._vad = dsp.EnergyVad()
        self._rest = b""
        self._greeting_ms = 0
        self._pause_ms = 0
        self._beep_ms = 0

    def feed(self, pcm: bytes) -> Answerer | None:
        """Take 16-bit audio of 8 kHz in pieces of any size; the verdict, once there is one."""
        pcm = self._rest + pcm
        whole = len(pcm) - len(pcm) % FRAME
        for start in range(0, whole, FRAME):
            if self.verdict is None:
                self.verdict = self._judge(pcm[start : start + FRAME])
        self._rest = pcm[whole:]
        return self.verdict

    def _judge(self, frame: bytes) -> Answerer | None:
        speaking = self._vad.feed(frame)
        self._beep_ms = self._beep_ms + FRAME_MS if _beeps(frame) else 0
        if self._beep_ms >= BEEP_MS:
            return Answerer.MACHINE
        if speaking:
            self._greeting_ms += FRAME_MS + (self._pause_ms if self._greeting_ms else 0)
            self._pause_ms = 0
        else:
            self._pause_ms += FRAME_MS
        if self._greeting_ms >= LONG_GREETING_MS:
            return Answerer.MACHINE
        if self._greeting_ms and self._pause_ms >= WAITS_MS:
            return Answerer.PERSON
        if not self._greeting_ms and self._pause_ms >= SILENT_MS:
            return Answerer.SILENT
        return None


def _beeps(frame: bytes) -> bool:
    level = dsp.level(frame)
    if level < LEAST_DBM0:
        return False
    return any(dsp.goertzel(frame, 8000, hz) >= level - BESIDE_DB for hz in BEEP_HZ)
