"""Listening to one caller: tap -> endpointer -> recogniser -> events.

Only speech reaches the engine (silence costs as much as speech), with what lies just before it.
"""

import asyncio
from collections import deque
from collections.abc import Callable

from speech.api import (
    SAMPLE_RATE,
    AsrSession,
    EngineDown,
    Final,
    Grammar,
    Limits,
    NoInput,
    Partial,
    Recognizer,
    SpeechEvent,
    TooLong,
)
from speech.endpointer import FRAME_BYTES, Endpointer, Signal, State
from speech.errors import SpeechError
from speech.grammar import match
from speech.link.tap import Tap
from speech.recognizers.wide_band import Halver

PREROLL_FRAMES = 20  # 0.4 s before speech is certain: the detector's 0.1 and the word's soft start
BATCH_FRAMES = 5  # 100 ms is a good chunk for every engine
POLL = 0.25  # s; in case a wake-up went to another reader of the same tap
STALL = 2.0  # s of wall time added to the limits when no audio comes at all


class Listener:
    """One listening session; ``run`` ends with Final, NoInput, TooLong or EngineDown."""

    def __init__(
        self,
        tap: Tap,
        recognizer: Recognizer,
        grammar: Grammar,
        limits: Limits,
        emit: Callable[[SpeechEvent], None],
    ) -> None:
        self._tap = tap
        self._recognizer = recognizer
        self._grammar = grammar
        self._limits = limits
        self._emit = emit
        self._endpointer = Endpointer(limits, start=-tap.lookback / tap.rate)
        self._frame = FRAME_BYTES * tap.rate // SAMPLE_RATE  # octets
        self._halver = Halver() if tap.rate != SAMPLE_RATE else None
        self._wake = asyncio.Event()
        self._audio = bytearray()
        self._preroll: deque[bytes] = deque(maxlen=PREROLL_FRAMES)
        self._batch = bytearray()
        self._partial = ""

    async def run(self) -> None:
        """Listen until there is an outcome; the tap stays the caller's to close."""
        loop = asyncio.get_running_loop()
        loop.add_reader(self._tap.eventfd, self._woken)
        session: AsrSession | None = None
        try:
            session = await self._recognizer.open(self._grammar, self._tap.rate)
            outcome: SpeechEvent | None = None
            while outcome is None:
                outcome, session = await self._step(session)
            self._emit(outcome)
        except SpeechError as error:
            self._emit(EngineDown(str(error)))
        finally:
            loop.remove_reader(self._tap.eventfd)
            if session is not None:
                await session.close()

    async def _step(self, session: AsrSession) -> tuple[SpeechEvent | None, AsrSession]:
        """Take the audio there is; wait for more when there is none."""
        ended = self._tap.closed  # asked before reading, so that the last audio is not missed
        self._audio += self._tap.read()
        while len(self._audio) >= self._frame:
            frame = bytes(self._audio[: self._frame])
            del self._audio[: self._frame]
            signal = self._endpointer.feed(self._halver.feed(frame) if self._halver else frame)
            if signal is Signal.FALSE_START:
                # What the engine has taken in belongs to no word.
                await session.close()
                session = await self._recognizer.open(self._grammar, self._tap.rate)
            outcome = await self._take(frame, signal, session)
            if outcome is not None:
                return outcome, session
        if ended or not await self._more():
            return await self._hung_up(session), session
        return None, session

    async def _take(
        self, frame: bytes, signal: Signal | None, session: AsrSession
    ) -> SpeechEvent | None:
        at = round(self._endpointer.clock, 2)
        if signal is Signal.NO_INPUT:
            return NoInput(at)
        if signal is Signal.SPEECH_STARTED:
            self._batch[:] = b"".join(self._preroll) + frame
            self._preroll.clear()
        elif signal is Signal.FALSE_START:
            self._batch.clear()
        elif self._endpointer.state is State.WAITING:
            self._preroll.append(frame)
        else:
            self._batch += frame
        if signal in (Signal.SPEECH_ENDED, Signal.TOO_LONG):
            return await self._finish(session, too_long=signal is Signal.TOO_LONG)
        if len(self._batch) >= BATCH_FRAMES * self._frame:
            self._tell_partial(await self._feed(session), at)
        return None

    async def _finish(self, session: AsrSession, *, too_long: bool) -> SpeechEvent:
        await self._feed(session)
        heard = await session.finish()
        phrase, value = match(heard.text, self._grammar.phrases)
        at = round(self._endpointer.clock, 2)
        if too_long:
            return TooLong(heard.text, phrase, value, heard.score, at)
        return Final(heard.text, phrase, value, heard.score, at, self._recognizer.engine)

    async def _hung_up(self, session: AsrSession) -> SpeechEvent:
        """The audio ends in mid-utterance: what was said before still counts."""
        if self._endpointer.state is State.SPEAKING:
            return await self._finish(session, too_long=False)
        return NoInput(round(self._endpointer.clock, 2))

    async def _feed(self, session: AsrSession) -> str:
        pcm = bytes(self._batch)
        self._batch.clear()
        return await session.feed(pcm) if pcm else ""

    def _tell_partial(self, text: str, at: float) -> None:
        if text and text != self._partial:
            self._partial = text
            self._emit(Partial(text, at))

    async def _more(self) -> bool:
        """Wait until the tap has more; False when audio has stopped coming."""
        loop = asyncio.get_running_loop()
        waiting = self._endpointer.state is State.WAITING
        patience = self._limits.no_input_s if waiting else self._limits.end_silence_s
        until = loop.time() + patience + STALL
        while loop.time() < until:
            try:
                async with asyncio.timeout(POLL):
                    await self._wake.wait()
            except TimeoutError:
                if not (self._tap.waiting or self._tap.closed):
                    continue
            self._wake.clear()
            return True
        return False

    def _woken(self) -> None:
        self._tap.acknowledge()
        self._wake.set()
