"""libespeak-ng called directly, synchronously: nothing on its own thread, nothing to wait for.

The library is GPL and keeps global state: it is loaded in worker processes only, never in a
process that handles calls.
"""

import ctypes
import wave
from pathlib import Path

from speech.errors import EngineMissing, TextRefused, VoiceMissing

LIBRARY = "libespeak-ng.so.1"
SYNCHRONOUS = 2  # espeak_AUDIO_OUTPUT, speak_lib.h
BUFFER_MS = 200
DONT_EXIT = 0x8000  # espeakINITIALIZE_DONT_EXIT: report missing data instead of exit(1)
CHARS_UTF8 = 1
RATE_PARAMETER = 1  # espeakRATE
OK = 0
INSTALL = "apt-get install espeak-ng"

_CALLBACK = ctypes.CFUNCTYPE(
    ctypes.c_int, ctypes.POINTER(ctypes.c_short), ctypes.c_int, ctypes.c_void_p
)


class EspeakLibrary:
    """The library, initialised; one thread at a time."""

    def __init__(self) -> None:
        try:
            self._library = ctypes.CDLL(LIBRARY)
        except OSError as error:
            raise EngineMissing(f"espeak-ng is not installed ({error}): {INSTALL}") from error
        self._rate = int(self._library.espeak_Initialize(SYNCHRONOUS, BUFFER_MS, None, DONT_EXIT))
        if self._rate <= 0:
            raise EngineMissing(f"espeak-ng does not find its voices: {INSTALL}")
        self._audio = bytearray()
        self._callback = _CALLBACK(self._take)  # the library keeps only the pointer
        self._library.espeak_SetSynthCallback(self._callback)
        self._library.espeak_Info.restype = ctypes.c_char_p
        self.version = (self._library.espeak_Info(None) or b"").decode().split(" ")[0]

    def speak(self, text: str, voice: str, rate: int, path: Path) -> None:
        """Write ``text`` as a WAV file; raises VoiceMissing or TextRefused."""
        if self._library.espeak_SetVoiceByName(voice.encode()) != OK:
            raise VoiceMissing(missing_voice(voice))
        # After the voice, which brings its own speed.
        self._library.espeak_SetParameter(RATE_PARAMETER, rate, 0)
        self._audio.clear()
        data = text.encode() + b"\0"
        code = self._library.espeak_Synth(data, len(data), 0, 0, 0, CHARS_UTF8, None, None)
        if code != OK or not self._audio:
            raise TextRefused(f"the voice {voice!r} says nothing for {text[:40]!r}")
        with wave.open(str(path), "wb") as file:
            file.setnchannels(1)
            file.setsampwidth(2)
            file.setframerate(self._rate)
            file.writeframes(self._audio)

    def _take(self, samples: object, count: int, _events: object) -> int:
        if count > 0:
            self._audio += ctypes.string_at(samples, 2 * count)  # type: ignore[arg-type]
        return 0


def missing_voice(voice: str) -> str:
    """What to tell somebody whose voice does not exist."""
    return (
        f"espeak-ng has no voice {voice!r}: `espeak-ng --voices` lists them; "
        "set the language's voice in [speech.voices]"
    )
