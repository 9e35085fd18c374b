"""pyttsx3, with the care it needs: one voice and speed a process, one thread, every file checked.

Its run loop may return before the file is written, and a voice or speed changed after the first
text often does not take effect. So both are set first, and the end of speech is waited for.
"""

import threading
import time
import wave
from pathlib import Path

import pyttsx3

from speech.errors import EngineFailed, EngineMissing, VoiceMissing
from speech.synthesizers.espeak import INSTALL, missing_voice

FINISH_TIME = 10.0  # s after the run loop; the file came later than that in none of 160 cases
SECONDS_A_LETTER = 0.02  # the quickest speech has about 0.03


class Pyttsx3Voice:
    """One engine with one voice and one speed, for the life of the process."""

    def __init__(self, voice: str, rate: int) -> None:
        try:
            self._engine = pyttsx3.init("espeak")
        except (RuntimeError, OSError, ImportError) as error:
            raise EngineMissing(f"pyttsx3 finds no espeak-ng ({error}): {INSTALL}") from error
        self._finished = threading.Event()
        self._fault: Exception | None = None
        self._engine.connect("finished-utterance", self._on_finished)
        self._engine.connect("error", self._on_error)
        self._engine.setProperty("voice", voice)
        self._engine.setProperty("rate", rate)
        # Properties wait in a queue for the loop; run it once, empty, before the first text.
        self._engine.runAndWait()
        if self._fault is not None or not self._engine.getProperty("voice"):
            raise VoiceMissing(missing_voice(voice))
        self._rate = rate

    def speak(self, text: str, path: Path) -> None:
        """Write ``text`` as a WAV file; raises EngineFailed when the file is not plausible."""
        self._finished.clear()
        self._fault = None
        self._engine.save_to_file(text, str(path))
        self._engine.runAndWait()
        # Looked at in small steps: the event comes from the library's own thread, which needs
        # the interpreter to write the file.
        deadline = time.monotonic() + FINISH_TIME
        while not self._finished.wait(0.05):
            if self._fault is not None or time.monotonic() > deadline:
                break
        _check_file(text, path, self._fault)
        self._check_rate()

    def _check_rate(self) -> None:
        """The library takes the rate with the first text, and in one process of 500 never."""
        rate = self._engine.getProperty("rate")
        if rate != self._rate:
            raise EngineFailed(f"pyttsx3 speaks {rate} words a minute instead of {self._rate}")

    def _on_finished(self, *, name: str | None = None, completed: bool = True) -> None:
        if completed:
            self._finished.set()

    def _on_error(self, *, name: str | None = None, exception: Exception | None = None) -> None:
        self._fault = exception or RuntimeError("unknown error")


def _check_file(text: str, path: Path, fault: Exception | None) -> None:
    try:
        with wave.open(str(path), "rb") as file:
            seconds = file.getnframes() / file.getframerate()
    except (OSError, EOFError, wave.Error) as error:
        raise EngineFailed(f"pyttsx3 wrote no usable file: {fault or error}") from error
    letters = sum(character.isalnum() for character in text)
    if seconds < max(SECONDS_A_LETTER * letters, SECONDS_A_LETTER):
        raise EngineFailed(f"pyttsx3 wrote {seconds:.2f} s for {letters} letters")
