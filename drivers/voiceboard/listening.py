"""Hears a line before its audio is the engine's: tones while a call is dialled, keys before
a ring."""

import asyncio
import os
from collections.abc import Callable, Iterable
from typing import Generic, Protocol, TypeVar

from cython_ext import dsp
from drivers.voiceboard import dahdi
from drivers.voiceboard.caller import CallerDigits
from drivers.voiceboard.fxo import FxoPort
from drivers.voiceboard.options import VoiceBoardOptions
from drivers.voiceboard.port import PortInput, PortMachine
from drivers.voiceboard.progress import ProgressDetector

Found = TypeVar("Found")
Told = TypeVar("Told", covariant=True)


class Detector(Protocol[Told]):
    """Finds something in G.711."""

    def restart(self) -> None:
        """Forget what was heard."""

    def feed(self, audio: bytes) -> Iterable[Told]:
        """Take audio in pieces of any size and return what is in it."""


class KeyDetector:
    """G.711 in, keys out."""

    def __init__(self, law: str = "alaw") -> None:
        self._decode = dsp.alaw_decode if law == "alaw" else dsp.ulaw_decode
        self.restart()

    def restart(self) -> None:
        """Forget what was heard."""
        self._keys = dsp.DtmfDetector()

    def feed(self, audio: bytes) -> str:
        """Take audio in pieces of any size; return the keys that began in it."""
        return self._keys.feed(self._decode(audio))


class ToneListener(Generic[Found]):
    """Reads a channel's audio on the loop and tells what a detector finds in it.

    It reads a duplicate of the descriptor, so the device may be closed at any moment.
    """

    def __init__(
        self, audio_fd: int, detector: Detector[Found], heard: Callable[[Found], None]
    ) -> None:
        self._detector = detector
        self._heard = heard
        self._fd = os.dup(audio_fd)
        asyncio.get_running_loop().add_reader(self._fd, self._readable)

    def restart(self) -> None:
        """Digits were sent: what was heard before does not count."""
        self._detector.restart()

    def close(self) -> None:
        """Stop listening; safe to call twice."""
        if self._fd >= 0:
            asyncio.get_running_loop().remove_reader(self._fd)
            os.close(self._fd)
            self._fd = -1

    def _readable(self) -> None:
        try:
            audio = os.read(self._fd, dahdi.CHUNK)
        except BlockingIOError:
            return
        except OSError as error:
            # While an event waits the channel gives no audio; the reader of events asks.
            if error.errno != dahdi.ELAST:
                self.close()
            return
        if not audio:
            self.close()
            return
        for cause in self._detector.feed(audio):
            self._heard(cause)


class ProgressListener:
    """Hears call-progress tones on a trunk port that dials."""

    def __init__(self, options: VoiceBoardOptions, heard: Callable[[PortInput], None]) -> None:
        self._options = options
        self._heard = heard
        self._tones: ToneListener[PortInput] | None = None

    @property
    def listens(self) -> bool:
        """Whether a descriptor is read."""
        return self._tones is not None

    def listen(self, audio_fd: int) -> None:
        """Read this audio, or forget what was heard in it; below zero: none."""
        if audio_fd >= 0 and self._tones is None:
            detector = ProgressDetector(self._options.country, self._options.law)
            self._tones = ToneListener(audio_fd, detector, self._heard)
        elif audio_fd >= 0 and self._tones is not None:
            self._tones.restart()
        elif self._tones is not None:
            self._tones.close()
            self._tones = None


class CallerListener:
    """Hears the keys of an idle trunk port, which may say who is about to call."""

    def __init__(self, machine: PortMachine, options: VoiceBoardOptions) -> None:
        self.told = isinstance(machine, FxoPort) and options.caller_id == "dtmf"
        """Whether callers are told of at all."""
        self._caller = machine.caller if isinstance(machine, FxoPort) else CallerDigits()
        self._options = options
        self._keys: ToneListener[str] | None = None

    def listen(self, audio_fd: int) -> None:
        """Read this audio from now on; below zero: none. The board's own detector needs none."""
        heard = self.told and self._options.digits == "inband"
        if heard and audio_fd >= 0 and self._keys is None:
            self._keys = ToneListener(audio_fd, KeyDetector(self._options.law), self.key)
        elif audio_fd < 0 and self._keys is not None:
            self._keys.close()
            self._keys = None
        if audio_fd < 0:
            self._caller.clear()

    def key(self, key: str) -> None:
        """Take a key that was heard, or that the board tells of."""
        if self.told:
            self._caller.key(key, asyncio.get_running_loop().time())
