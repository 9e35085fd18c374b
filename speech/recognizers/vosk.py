"""Vosk: streaming recognition in any language that has a model directory.

Runs in a worker process only: a malformed grammar is a segmentation fault in the library, so
every list is rebuilt here from words that the model has.
"""

import json
import os
from importlib.metadata import version
from pathlib import Path

import vosk

from speech.api import Hypothesis
from speech.errors import ModelMissing
from speech.grammar import CATCH_ALLS, usable
from speech.models import describe
from speech.recognizers.engine import ENGINE_RATE

CHUNK_BYTES = ENGINE_RATE // 5 * 2  # 200 ms: bigger chunks only make single calls longer


class VoskEngine:
    """One model, shared by a thread a core; the library gives up the interpreter lock."""

    streaming_is_final = True

    def __init__(self, model_path: Path) -> None:
        info = describe(model_path, "configured")
        if info.fault:
            raise ModelMissing(info.fault)
        vosk.SetLogLevel(-1)
        try:
            self._model = vosk.Model(str(model_path))
        except Exception as error:  # the library has no narrower class
            raise ModelMissing(f"{model_path}: Vosk cannot load this model: {error}") from error
        self.version = f"{version('vosk')} {model_path.name}"
        self.threads = max(1, os.cpu_count() or 1)
        self._catch_all = [token for token in CATCH_ALLS if self._knows(token)][:1]

    def check(self, phrases: list[str]) -> tuple[list[str], list[str]]:
        """Keep phrases whose words the model has; compounds are split into words it has."""
        candidates, problems = usable(phrases)
        heard = []
        for phrase in candidates:
            words: list[str] = []
            for word in phrase.split():
                parts = self._split(word)
                if not parts:
                    problems.append(f"phrase {phrase!r}: the model does not know {word!r}")
                    break
                words += parts
            else:
                heard.append(" ".join(words))
        return heard, problems

    def utterance(self, phrases: list[str]) -> "VoskUtterance":
        """Begin an utterance; making a grammar takes well under a millisecond."""
        # Vosk does not decode \uXXXX: with escapes every word is missing and the list empty.
        grammar = json.dumps([*phrases, *self._catch_all], ensure_ascii=False)
        return VoskUtterance(vosk.KaldiRecognizer(self._model, ENGINE_RATE, grammar))

    def decode(self, phrases: list[str], pcm: bytes) -> Hypothesis:
        """Decode a whole utterance at once."""
        utterance = self.utterance(phrases)
        for start in range(0, len(pcm), CHUNK_BYTES):
            utterance.feed(pcm[start : start + CHUNK_BYTES])
        return utterance.finish()

    def _knows(self, word: str) -> bool:
        return int(self._model.vosk_model_find_word(word)) >= 0

    def _split(self, word: str) -> list[str]:
        """``word`` as the fewest, longest words of the model; empty when it has none for it."""
        if self._knows(word):
            return [word]
        if word.isascii():
            return []  # splitting "salez" into "sal" and "ez" would hide a spelling mistake
        for cut in range(len(word) - 1, 0, -1):
            if self._knows(word[:cut]):
                rest = self._split(word[cut:])
                if rest:
                    return [word[:cut], *rest]
        return []


class VoskUtterance:
    """One recogniser of the library; used by one thread at a time."""

    def __init__(self, recognizer: vosk.KaldiRecognizer) -> None:
        recognizer.SetWords(True)  # confidences come with the words
        self._recognizer = recognizer
        self._words: list[tuple[str, float]] = []

    def feed(self, pcm: bytes) -> str:
        if self._recognizer.AcceptWaveform(pcm):
            # The model's own end of speech: take the part, our endpointer decides the end.
            self._take(self._recognizer.Result())
        partial = json.loads(self._recognizer.PartialResult()).get("partial", "")
        return " ".join([*(word for word, _ in self._words), *partial.split()])

    def finish(self) -> Hypothesis:
        self._take(self._recognizer.FinalResult())
        text = " ".join(word for word, _ in self._words)
        spoken = [score for word, score in self._words if word not in CATCH_ALLS]
        return Hypothesis(text, sum(spoken) / len(spoken) if spoken else 0.0)

    def close(self) -> None:
        self._words.clear()

    def _take(self, result: str) -> None:
        for word in json.loads(result).get("result", ()):
            self._words.append((str(word["word"]), float(word.get("conf", 0.0))))
