"""A caller as a person: listens, thinks, chooses, talks. The line it uses does not matter."""

import asyncio
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Final, Protocol

from cython_ext import dsp
from daemon.demo.phone import FRAME, SILENCE
from daemon.demo.script import CallPlan, CallResult, ChosenBy, Wish, agent_hangs_up
from daemon.demo.tones import AGENTS, CALLERS, LEVEL_DBM0, Ear, Sound
from daemon.language import pick

GREETING_S: Final = 20.0  # longest wait for the greeting
AGENT_S: Final = 90.0  # longest wait for an agent
FAREWELL_S: Final = 15.0  # longest wait for the other side to hang up
ASKED_AGAIN_S: Final = 1.5  # that much voice after the choice: the menu asks again
TRIES: Final = 3
PAUSE_S: Final = 0.6  # quiet that ends a prompt
MESSAGE_S: Final = 3.0
SAMPLES: Final = Path(__file__).parent / "samples"
SPOKEN: Final = {
    "sales": "en_sales.wav",
    "billing": "en_billing.wav",
    "support": "en_technical_support.wav",
}


class HungUp(Exception):
    """The other side ended the call."""


class Line(Protocol):
    """What a caller needs of a line."""

    @property
    def over(self) -> bool:
        """Whether the call has ended."""

    async def press(self, keys: str) -> None:
        """Press keys and return when they have been sent."""

    async def hang_up(self) -> None:
        """End the call; harmless when it has ended."""


class Caller:
    """Mouth and ears of one caller, and what goes on in between."""

    def __init__(self, plan: CallPlan) -> None:
        self.plan = plan
        self.ear = Ear(AGENTS)
        self._own = dsp.ToneGenerator(CALLERS.pair(plan.number), LEVEL_DBM0)
        self._saying = b""
        self._tone = False
        self._changed = asyncio.Event()

    def speak(self) -> bytes:
        """The next 20 ms: what is being said, else the own tone, else nothing."""
        if self._saying:
            frame, self._saying = self._saying[: 2 * FRAME], self._saying[2 * FRAME :]
            return frame.ljust(2 * FRAME, b"\0")
        return self._own.generate(FRAME) if self._tone else b""

    def hear(self, pcm: bytes) -> None:
        """Audio from the hotline."""
        if self.ear.hear(pcm):
            self._changed.set()

    def ended(self) -> None:
        """Tell the caller that the line is dead."""
        self._changed.set()

    async def live(self, line: Line) -> CallResult:
        """Do what the plan says from the moment the hotline answered."""
        try:
            return await self._live(line)
        except TimeoutError as error:
            return CallResult(plan=self.plan, error=str(error))
        except HungUp:
            return CallResult(plan=self.plan, error=pick("the hotline hung up", "热线提前挂断"))
        finally:
            await line.hang_up()

    async def _live(self, line: Line) -> CallResult:
        await self._until(
            line, lambda: self.ear.voice_s >= 0.2, GREETING_S, pick("no greeting", "没有欢迎语")
        )
        by = await self._choose(line)
        begun = self.ear.heard_s
        if self.plan.wish is Wish.MESSAGE:
            await self._leave_message(line)
            return CallResult(plan=self.plan, outcome="voicemail", chosen_by=by)
        if self.plan.wish is Wish.ABANDON:
            await asyncio.sleep(self.plan.think_s)
            if line.over:
                raise HungUp
            return CallResult(plan=self.plan, outcome="abandoned", chosen_by=by)
        by = await self._wait_for_agent(line, by)
        wait_s = self.ear.heard_s - begun
        await self._talk(line)
        return CallResult(
            plan=self.plan,
            outcome="answered",
            chosen_by=by,
            heard=self.ear.pair,
            wait_s=round(wait_s, 2),
        )

    async def _choose(self, line: Line) -> ChosenBy:
        if not self.plan.by_speech:
            await asyncio.sleep(self.plan.think_s)
            await self._press(line)
            return "key"
        await self._until(
            line, lambda: self.ear.quiet_s >= PAUSE_S, GREETING_S, pick("no pause", "没有停顿")
        )
        await self._say(line, speech_sample(SPOKEN[self.plan.department]))
        return "speech"

    async def _press(self, line: Line) -> None:
        if line.over:
            raise HungUp
        await line.press(self.plan.key)
        self.ear.forget()

    async def _say(self, line: Line, pcm: bytes) -> None:
        self._saying = pcm
        await self._until(
            line, lambda: not self._saying, GREETING_S, pick("cannot speak", "无法说话")
        )
        self.ear.forget()

    async def _wait_for_agent(self, line: Line, by: ChosenBy) -> ChosenBy:
        """Wait for an agent's tone; press the key when the menu asks again."""
        for attempt in range(TRIES):
            patience = float("inf") if attempt == TRIES - 1 else ASKED_AGAIN_S
            moved_on = partial(self._moved_on, patience)
            await self._until(line, moved_on, AGENT_S, pick("no agent answered", "没有坐席接听"))
            if self.ear.pair is not None:
                break
            await asyncio.sleep(0.5)
            await self._press(line)
            by = "key"
        return by

    def _moved_on(self, patience: float) -> bool:
        return self.ear.pair is not None or self.ear.voice_s >= patience

    async def _talk(self, line: Line) -> None:
        self._tone = True
        if agent_hangs_up(self.plan.ani):
            await self._until_over(line, self.plan.talk_s + FAREWELL_S)
            return
        await asyncio.sleep(self.plan.talk_s)
        if line.over:
            raise HungUp

    async def _leave_message(self, line: Line) -> None:
        await asyncio.sleep(0.5)  # what was playing when the key came has stopped
        self.ear.forget()
        await self._until(
            line, lambda: self.ear.voice_s >= 0.8, GREETING_S, pick("no announcement", "没有提示音")
        )
        await self._until(
            line, lambda: self.ear.quiet_s >= PAUSE_S, GREETING_S, pick("no pause", "没有停顿")
        )
        message = speech_sample(SPOKEN["support"])
        rest = max(0, int(MESSAGE_S * 16_000) - len(message)) // len(SILENCE)
        await self._say(line, message + self._own.generate(FRAME * rest))
        await line.press("#")
        await self._until_over(line, FAREWELL_S)

    async def _until(
        self, line: Line, ready: Callable[[], bool], within_s: float, otherwise: str
    ) -> None:
        """Wait until ``ready``; HungUp when the call ends, TimeoutError with the reason."""
        try:
            async with asyncio.timeout(within_s):
                while not ready():
                    if line.over:
                        raise HungUp
                    self._changed.clear()
                    await self._changed.wait()
        except TimeoutError:
            raise TimeoutError(
                pick(f"{otherwise} within {within_s:.0f} s", f"{within_s:.0f} 秒内{otherwise}")
            ) from None

    async def _until_over(self, line: Line, within_s: float) -> None:
        try:
            await self._until(
                line, _never, within_s, pick("the hotline did not hang up", "热线没有挂断")
            )
        except HungUp:
            return


class Agent:
    """Mouth and ears of an agent in one call."""

    def __init__(self, number: int) -> None:
        self.ear = Ear(CALLERS)
        self._own = dsp.ToneGenerator(AGENTS.pair(number), LEVEL_DBM0)

    def speak(self) -> bytes:
        """The agent's tone, from the first moment."""
        return self._own.generate(FRAME)

    def hear(self, pcm: bytes) -> None:
        """Audio from the caller."""
        self.ear.hear(pcm)

    @property
    def hears_caller(self) -> bool:
        """Whether a caller's tone is certain and still there."""
        return self.ear.pair is not None and self.ear.sound is Sound.PAIR


def _never() -> bool:
    return False


def speech_sample(name: str) -> bytes:
    """A spoken word: the data of a mu-law WAV as 16-bit samples."""
    found = _samples.get(name)
    if found is None:
        raw = (SAMPLES / name).read_bytes()
        at = raw.index(b"data") + 8
        size = int.from_bytes(raw[at - 4 : at], "little")
        found = _samples[name] = dsp.ulaw_decode(raw[at : at + size])
    return found


_samples: dict[str, bytes] = {}
