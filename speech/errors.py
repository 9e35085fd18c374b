"""What can go wrong with speech, as a tree; each message names what fixes it.

SpeechError
├── SpeechUnavailable   the speech process does not answer right now
├── EngineMissing       a library or program is not installed
├── EngineFailed        an engine's process died or gave nothing usable
├── ModelMissing        no usable recognition model for the language
├── VoiceMissing        the synthesiser has no such voice
├── GrammarError        the phrases cannot be listened for
├── TextRefused         the text cannot be spoken
├── AudioRefused        an uploaded file is not usable audio
└── CacheError          a finished prompt could not be stored
"""


class SpeechError(Exception):
    """Something failed in recognition, synthesis or conversion."""


class SpeechUnavailable(SpeechError):
    """The speech process does not answer right now; it is tried again by itself."""


class EngineMissing(SpeechError):
    """A library or program is not installed."""


class EngineFailed(SpeechError):
    """An engine's process died, hung, or gave nothing usable."""


class ModelMissing(SpeechError):
    """There is no usable recognition model for the language."""


class VoiceMissing(SpeechError):
    """The synthesiser has no voice of that name."""


class GrammarError(SpeechError):
    """The phrases cannot be listened for."""


class TextRefused(SpeechError):
    """The text is empty, too long, or holds characters that cannot be spoken."""


class AudioRefused(SpeechError):
    """An uploaded file is too big, silent, or no audio that can be read."""


class CacheError(SpeechError):
    """A finished prompt could not be stored."""


def by_name(name: str, message: str) -> SpeechError:
    """Make the error of that class name, as it came from another process."""
    for kind in SpeechError.__subclasses__():
        if kind.__name__ == name:
            return kind(message)
    return SpeechError(message)
