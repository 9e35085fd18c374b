"""Synthesisers as the server sees them: engines in worker processes."""

import asyncio
import itertools
import tempfile
import wave
from collections import OrderedDict
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

import structlog

from speech.api import Pcm
from speech.errors import EngineFailed, VoiceMissing
from speech.link.messages import Speak, Spoken
from speech.workers import Worker

log = structlog.get_logger(__name__)

MODULE = "speech.synthesizers.worker_process"
SPEAK_TIME = 30.0  # s for one piece of text; 2000 characters take under two
MOST_VOICES = 6  # pyttsx3 processes kept, about 30 MiB each; the least used one ends first


class EspeakSynthesizer:
    """The library itself, one process for every voice; satisfies the Synthesizer protocol."""

    engine = "espeak-ng"
    version = ""
    """The library's version, known once it has been started."""

    def __init__(self) -> None:
        self._speaker = _Speaker(Worker("espeak-ng", MODULE, ["espeak"]))

    @property
    def pid(self) -> int:
        """Its process id, 0 while it does not run."""
        return self._speaker.worker.pid

    async def start(self) -> None:
        """Load the library; raises EngineMissing when it is not installed."""
        await self._speaker.worker.start()
        self.version = self._speaker.worker.version

    async def synthesize(self, text: str, voice: str, rate: int) -> Pcm:
        return await self._speaker.speak(text, voice, rate)

    async def close(self) -> None:
        await self._speaker.worker.close()


class Pyttsx3Synthesizer:
    """pyttsx3, one process a voice and speed; satisfies the Synthesizer protocol."""

    engine = "pyttsx3"

    def __init__(self) -> None:
        try:
            self.version = version("pyttsx3")
        except PackageNotFoundError:
            self.version = ""
        self._speakers: OrderedDict[tuple[str, int], _Speaker] = OrderedDict()

    @property
    def pids(self) -> dict[str, int]:
        """Process ids by voice and speed."""
        return {f"{v} {rate}": s.worker.pid for (v, rate), s in self._speakers.items()}

    async def synthesize(self, text: str, voice: str, rate: int) -> Pcm:
        speaker = await self._speaker(voice, rate)
        try:
            return await speaker.speak(text, voice, rate)
        except VoiceMissing:
            self._speakers.pop((voice, rate), None)
            raise
        except EngineFailed as error:
            log.info("speaking once more in a new process", voice=voice, reason=str(error))
            # A wrong file means its loop is out of step, which no later text mends.
            await speaker.worker.close()
            self._speakers.pop((voice, rate), None)
            return await (await self._speaker(voice, rate)).speak(text, voice, rate)

    async def close(self) -> None:
        for speaker in self._speakers.values():
            await speaker.worker.close()
        self._speakers.clear()

    async def _speaker(self, voice: str, rate: int) -> "_Speaker":
        key = (voice, rate)
        if key not in self._speakers:
            worker = Worker(f"pyttsx3 {voice} {rate}", MODULE, ["pyttsx3", voice, str(rate)])
            self._speakers[key] = _Speaker(worker)
        self._speakers.move_to_end(key)
        speaker = self._speakers[key]
        if len(self._speakers) > MOST_VOICES:
            _, oldest = self._speakers.popitem(last=False)
            await oldest.worker.close()
        return speaker


class _Speaker:
    """One worker, one text at a time."""

    def __init__(self, worker: Worker) -> None:
        self.worker = worker
        self._turn = asyncio.Lock()
        self._ids = itertools.count(1)

    async def speak(self, text: str, voice: str, rate: int) -> Pcm:
        with tempfile.TemporaryDirectory(prefix="hookflash-speech-") as folder:
            path = Path(folder) / "speech.wav"
            async with self._turn:
                await self.worker.start()
                order = Speak(next(self._ids), text, voice, rate, str(path))
                await self.worker.ask(order, Spoken, within=SPEAK_TIME)
            return await asyncio.to_thread(_read, path)


def _read(path: Path) -> Pcm:
    try:
        with wave.open(str(path), "rb") as file:
            return Pcm(file.getframerate(), file.readframes(file.getnframes()))
    except (OSError, EOFError, wave.Error) as error:
        raise EngineFailed(f"the synthesiser's file cannot be read: {error}") from error
