"""When a caller starts and stops speaking: voice activity plus timers, for every engine.

Time is audio time: it moves with the frames fed, never with a clock. Steady tones (keys,
ring-back, hum) count as speech for any voice detector and are masked first.
"""

import math
from collections import deque
from collections.abc import Callable
from enum import Enum, auto

import numpy as np
import webrtcvad
from numpy.typing import NDArray

from speech.api import SAMPLE_RATE, Limits

FRAME_S = 0.02
FRAME_BYTES = int(SAMPLE_RATE * FRAME_S) * 2
VAD_MODE = 2  # 0 to 3; 3 clips quiet word ends
START_FRAMES, START_WINDOW = 4, 5  # "4 of the last 5": all onsets found, 60 ms late
LEAST_SPEECH = 10  # frames, with the detector's tail of about 5; less is a click or a breath
FLOOR_WINDOW = 50  # frames; nobody speaks a second without a dip
FLOOR_AFTER = 10  # frames before the floor is believed
ABOVE_FLOOR_DB = 6.0
TONE_WINDOW = 2  # frames; a vowel never stays this pure for 40 ms, a key always does
TONE_SHARE = 0.97  # of the energy in two spectral peaks; tones measure 0.999, vowels below 0.96
TONE_TAIL = 8  # frames; the voice detector hangs on this long after a loud tone

Frame = NDArray[np.int16]


class Signal(Enum):
    """What a frame brought about."""

    SPEECH_STARTED = auto()
    SPEECH_ENDED = auto()
    FALSE_START = auto()
    """What had started was too short for speech; waiting goes on."""
    NO_INPUT = auto()
    TOO_LONG = auto()


class State(Enum):
    """Where a caller is in one utterance."""

    WAITING = auto()
    SPEAKING = auto()
    OVER = auto()


TRANSITIONS: dict[tuple[State, Signal], State] = {
    (State.WAITING, Signal.SPEECH_STARTED): State.SPEAKING,
    (State.WAITING, Signal.NO_INPUT): State.OVER,
    (State.SPEAKING, Signal.FALSE_START): State.WAITING,
    (State.SPEAKING, Signal.SPEECH_ENDED): State.OVER,
    (State.SPEAKING, Signal.TOO_LONG): State.OVER,
}


class Endpointer:
    """One utterance of one caller; ``feed`` 20 ms frames until it is over."""

    def __init__(self, limits: Limits, *, start: float = 0.0) -> None:
        self.state = State.WAITING
        self.clock = start
        """Seconds of audio since listening began; below 0 in audio from before."""
        self._limits = limits
        self._vad = webrtcvad.Vad(VAD_MODE)
        self._tones = _ToneMask()
        self._floor = _NoiseFloor()
        self._recent: deque[bool] = deque(maxlen=START_WINDOW)
        self._began = 0.0
        self._last_speech = 0.0
        self._speech_frames = 0
        self._act: dict[State, Callable[[bool], Signal | None]] = {
            State.WAITING: self._waiting,
            State.SPEAKING: self._speaking,
            State.OVER: lambda _: None,
        }

    def feed(self, frame: bytes) -> Signal | None:
        """Take one 20 ms frame (320 bytes); at most one signal comes of it."""
        self.clock += FRAME_S
        samples = np.frombuffer(frame, "<i2")
        above = self._floor.is_above(samples)
        tone = self._tones.masks(samples)
        speech = self._vad.is_speech(frame, SAMPLE_RATE) and above and not tone
        signal = self._act[self.state](speech)
        if signal is not None:
            self.state = TRANSITIONS[self.state, signal]
        return signal

    def _waiting(self, speech: bool) -> Signal | None:  # noqa: FBT001
        self._recent.append(speech)
        if sum(self._recent) >= START_FRAMES:
            self._began = self.clock - START_WINDOW * FRAME_S
            self._last_speech = self.clock
            self._speech_frames = sum(self._recent)
            return Signal.SPEECH_STARTED
        if self.clock >= self._limits.no_input_s - FRAME_S / 2 and not any(self._recent):
            return Signal.NO_INPUT
        return None

    def _speaking(self, speech: bool) -> Signal | None:  # noqa: FBT001
        if speech:
            self._last_speech = self.clock
            self._speech_frames += 1
        if self.clock - self._last_speech >= self._limits.end_silence_s - FRAME_S / 2:
            self._recent.clear()
            short = self._speech_frames < LEAST_SPEECH
            return Signal.FALSE_START if short else Signal.SPEECH_ENDED
        if self.clock - self._began >= self._limits.longest_s - FRAME_S / 2:
            return Signal.TOO_LONG
        return None


class _ToneMask:
    """Finds frames that are one or two steady tones, and the voice detector's tail after them."""

    def __init__(self) -> None:
        self._frames: deque[Frame] = deque(maxlen=TONE_WINDOW)
        self._tail = 0
        self._window = np.hanning(TONE_WINDOW * FRAME_BYTES // 2)

    def masks(self, frame: Frame) -> bool:
        self._frames.append(frame)
        if len(self._frames) == TONE_WINDOW and self._is_tone():
            self._tail = TONE_TAIL
            return True
        self._tail = max(0, self._tail - 1)
        return self._tail > 0

    def _is_tone(self) -> bool:
        spectrum = np.abs(np.fft.rfft(np.concatenate(self._frames) * self._window)) ** 2
        spectrum[:4] = 0  # below 100 Hz lies mains hum, under every voice on some lines
        total = float(spectrum.sum())
        peaks = 0.0
        for _ in range(2):
            top = int(spectrum.argmax())
            near = slice(max(0, top - 2), top + 3)
            peaks += float(spectrum[near].sum())
            spectrum[near] = 0
        return total > 0 and peaks / total > TONE_SHARE


class _NoiseFloor:
    """The level of the quietest tenth of the last second.

    The voice detector learns its noise from the first frames; when noise sets in after
    silence, as it does when a line is joined, it would call it speech for ever.
    """

    def __init__(self) -> None:
        self._levels: deque[float] = deque(maxlen=FLOOR_WINDOW)

    def is_above(self, frame: Frame) -> bool:
        power = float(np.mean(frame.astype(np.float32) ** 2))
        level = 10 * math.log10(power + 1)
        self._levels.append(level)
        if len(self._levels) < FLOOR_AFTER:
            return True
        return level > sorted(self._levels)[len(self._levels) // 10] + ABOVE_FLOOR_DB
