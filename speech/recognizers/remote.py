"""Recognisers as the server sees them: engines in worker processes."""

import itertools
from collections.abc import Sequence

from speech.api import BYTES_PER_SAMPLE, SAMPLE_RATE, Grammar, Hypothesis
from speech.errors import GrammarError
from speech.link.messages import (
    CheckPhrases,
    Close,
    Fed,
    Feed,
    Finish,
    Finished,
    Opened,
    OpenUtterance,
)
from speech.workers import Worker

# A caller may wait for an engine that is just being loaded, but not much longer than this.
OPEN_TIME = 4.0  # s


class WorkerRecognizer:
    """A recogniser whose engine is a worker; satisfies the Recognizer protocol."""

    def __init__(self, engine: str, language: str, arguments: Sequence[str]) -> None:
        self.engine = engine
        self.language = language
        self.worker = Worker(
            f"{engine} {language}",
            "speech.recognizers.worker_process",
            [engine, *arguments],
            keep_running=True,
        )
        self.audio_s = 0.0
        """Seconds of audio decoded."""
        self.cost_s = 0.0
        """Processor seconds that took."""
        self._ids = itertools.count(1)

    async def check_grammar(self, grammar: Grammar) -> list[str]:
        await self.worker.start()
        order = CheckPhrases(next(self._ids), list(grammar.phrases))
        return (await self.worker.ask(order, Opened)).problems

    async def open(self, grammar: Grammar, rate: int = SAMPLE_RATE) -> "WorkerSession":
        await self.worker.start(OPEN_TIME)
        order = OpenUtterance(next(self._ids), list(grammar.phrases), rate)
        opened = await self.worker.ask(order, Opened)
        if not opened.usable:
            raise GrammarError("; ".join(opened.problems) or "no phrase to listen for")
        return WorkerSession(self, order.id, rate)

    async def close(self) -> None:
        await self.worker.close()


class WorkerSession:
    """One utterance in a worker; satisfies the AsrSession protocol."""

    def __init__(self, recognizer: WorkerRecognizer, utterance: int, rate: int) -> None:
        self._recognizer = recognizer
        self._rate = rate
        self._id = utterance

    async def feed(self, pcm: bytes) -> str:
        fed = await self._recognizer.worker.ask(Feed(self._id, pcm), Fed)
        self._recognizer.audio_s += len(pcm) / (BYTES_PER_SAMPLE * self._rate)
        self._recognizer.cost_s += fed.cost
        return fed.text

    async def finish(self) -> Hypothesis:
        finished = await self._recognizer.worker.ask(Finish(self._id), Finished)
        self._recognizer.cost_s += finished.cost
        return Hypothesis(finished.text, finished.score)

    async def close(self) -> None:
        self._recognizer.worker.tell(Close(self._id))
