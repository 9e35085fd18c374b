"""The ``[speech]`` section of ``hookflash.toml``."""

from typing import Annotated, Final, Literal

import msgspec

POCKETSPHINX: Final = "pocketsphinx"
"""In place of a model's directory: English by PocketSphinx, whose model comes with it."""

Language = Annotated[str, msgspec.Meta(pattern=r"^[a-z]{2,3}(-[a-z0-9]{2,8})*$")]


def _languages() -> dict[Language, str]:
    return {"en": ""}


def _voices() -> dict[Language, str]:
    return {"en": "en-us", "zh": "cmn", "ko": "ko"}


class SpeechOptions(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Engines, models and voices; everything has a default that works in English."""

    languages: dict[Language, str] = msgspec.field(default_factory=_languages)
    """Language -> directory of its Vosk model; "" looks in the usual places, for ``en`` also
    uses PocketSphinx, ``"pocketsphinx"`` insists on it. These are loaded at start, others at
    their first use."""
    voices: dict[Language, str] = msgspec.field(default_factory=_voices)
    """Language -> voice of the synthesiser (``espeak-ng --voices``)."""
    synthesizer: Literal["pyttsx3", "espeak"] = "pyttsx3"
    """``espeak`` speaks through libespeak-ng directly; it also stands in when pyttsx3 fails."""
    rate: Annotated[int, msgspec.Meta(ge=80, le=450)] = 160
    """Words per minute."""
    streams: Annotated[int, msgspec.Meta(ge=0, le=1000)] = 0
    """Callers listened to at the same time; 0 means ``streams_per_core`` for each core."""
    streams_per_core: Annotated[int, msgspec.Meta(ge=1, le=100)] = 20
    """Measured room is about 30 small-grammar streams a core; this leaves a third free."""
    cache_mb: Annotated[int, msgspec.Meta(ge=10)] = 500
    """Size of the cache of synthesised prompts, in MiB; least recently used go first."""
    cache_days: Annotated[int, msgspec.Meta(ge=1)] = 90
    """Days an unused synthesised prompt is kept."""
    upload_mb: Annotated[int, msgspec.Meta(ge=1, le=500)] = 30
    """Largest uploaded prompt, in MiB."""

    def faults(self) -> list[str]:
        """What types cannot say, as ``key: what; what to do``.

        A missing model is none of it: the hotline runs without, on keys.
        """
        return [
            f"languages.{language}: PocketSphinx knows English only; name a Vosk model"
            for language, model in self.languages.items()
            if model == POCKETSPHINX and language.split("-")[0] != "en"
        ]
