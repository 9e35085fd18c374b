"""Recognition while a flow waits for a choice."""

import asyncio
import os
from collections.abc import Callable
from contextlib import aclosing
from typing import Final

from daemon.control.flows.hooks import Listener, Signal, TapFds
from ivr.actions import Collect
from speech.api import EngineDown, Grammar, Limits
from speech.errors import SpeechError

BARGED_IN_S: Final = 0.6  # s; speech is noticed about 100 ms late and told a little later
SPEECH_SPARE_S: Final = 2.0  # s beyond the listening limits before we stop waiting for an end


class Ears:
    """Recognition during one Collect: closed at first, open once, then closed for good."""

    def __init__(
        self, listener: Listener, action: Collect, signal: Callable[[Signal], None]
    ) -> None:
        self._listener = listener
        self._action = action
        self._signal = signal
        self._tap: TapFds | None = None
        self._task: asyncio.Task[None] | None = None
        self.usable = False
        self.listening = False
        self._lookback_s = 0.0

    def attach(self, tap: TapFds) -> None:
        """Take a tap of the caller's audio; its descriptors are ours from now on."""
        self._tap = tap
        self.usable = True

    def open(self, *, barged_in: bool = False) -> None:
        """Begin to listen; does nothing without a tap or the second time.

        ``barged_in``: the caller speaks already, so what he said just before counts.
        """
        self._lookback_s = BARGED_IN_S if barged_in else Limits().lookback_s
        if self.usable and self._task is None:
            self.listening = True
            self._task = asyncio.create_task(self._listen(), name="listening")

    def close(self) -> None:
        """Stop listening: the caller uses the keys."""
        self.usable = self.listening = False
        if self._task is not None:
            self._task.cancel()

    def fail(self) -> None:
        """Recognition is not possible; only keys count."""
        self.usable = self.listening = False

    async def end(self) -> None:
        """Stop and give the tap back."""
        self.close()
        if self._task is not None:
            await asyncio.gather(self._task, return_exceptions=True)
        if self._tap is not None:
            os.close(self._tap.memfd)
            os.close(self._tap.eventfd)
            self._tap = None

    async def _listen(self) -> None:
        if self._tap is None:
            return
        action = self._action
        grammar = Grammar(dict(action.phrases))
        limits = Limits(no_input_s=action.first_timeout_s, lookback_s=self._lookback_s)
        said = self._listener.listen(
            self._tap.memfd, self._tap.eventfd, grammar, action.language, limits
        )
        try:
            async with aclosing(said):
                async for event in said:
                    self._signal(event)
        except SpeechError as error:
            self._signal(EngineDown(str(error)))


def patience(action: Collect, digits: str, *, playing: bool, listening: bool) -> float | None:
    """Seconds until the choice is given up; None while prompts play."""
    if digits:
        return action.between_timeout_s
    if playing:
        return None
    if listening:
        # The endpointer counts in audio time and ends by itself; this only guards it.
        return action.first_timeout_s + Limits().longest_s + SPEECH_SPARE_S
    return action.first_timeout_s
