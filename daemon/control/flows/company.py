"""What a caller hears while he waits: music, what the flow says, and how he stands.

Announcements come from the distribution engine, which also settles when: here they are
spoken after what is being said, and the music goes on behind them.
"""

import asyncio
from collections.abc import Callable, Sequence
from typing import Final, Protocol

import structlog

from daemon.control.flows.hooks import CallHooks, CallMedia
from daemon.control.flows.prompts import Prompts
from daemon.link.errors import LinkError
from drivers.api import PortId
from ivr.actions import EnterQueue
from ivr.actions import Speech as PromptText

log = structlog.get_logger()

HOLD_TONE: Final = ((425.0, 0.0),)  # Hz; heard on hold when there is no music
HOLD_MS: Final = ((200, 600), (200, 9000))  # ms on, off
MOST_ANNOUNCEMENTS: Final = 2  # waiting to be spoken; what is older says nothing true any more


class SoundContext(Protocol):
    """What is needed to let somebody wait in company."""

    prompts: Prompts

    @property
    def media(self) -> CallMedia: ...


async def hold_sound(context: SoundContext, name: str, port: PortId, player: int) -> None:
    """Let somebody on hold hear this music, else a soft signal: silence would sound dead."""
    music = await context.prompts.music(name)
    if music:
        await context.media.play(port, player, (music,), in_step=True)
    else:
        await context.media.play_tone(port, player, HOLD_TONE, HOLD_MS)


class Company:
    """Keeps one waiting caller company until an agent talks with him."""

    __slots__ = (
        "_action",
        "_announcements",
        "_connected",
        "_hooks",
        "_ids",
        "_media",
        "_port",
        "_prompts",
        "_speaking",
        "_wake",
    )

    def __init__(
        self,
        port: PortId,
        *,
        media: CallMedia,
        prompts: Prompts,
        hooks: CallHooks,
        ids: Callable[[], int],
    ) -> None:
        self._port = port
        self._media = media
        self._prompts = prompts
        self._hooks = hooks
        self._ids = ids
        self._connected = False
        self._action: EnterQueue | None = None
        """What he waits for, when nothing has been said yet."""
        self._speaking: asyncio.Task[None] | None = None
        self._wake: asyncio.Event | None = None
        """Set by what the task that speaks has to look at; most calls need none."""
        self._announcements: tuple[tuple[PromptText, ...], ...] = ()

    def announce(self, said: tuple[PromptText, ...]) -> None:
        """Let the caller hear this now, or after what is being said."""
        self._announcements = (*self._announcements, said)[-MOST_ANNOUNCEMENTS:]
        self._look_up()
        if self._action is not None and not self._connected:
            self._speak(self._action)

    def agent_talks(self, *, on: bool) -> None:
        """Whether an agent talks with the caller: then nothing is played."""
        self._connected = on
        if on:
            self._announcements = ()
        self._look_up()

    async def begin(self, action: EnterQueue) -> None:
        """Play until ``end``, or until an agent talks with the caller.

        Most calls are answered before anything is said: music alone needs no task.
        """
        if action.waiting or self._announcements:
            self._speak(action)
            return
        self._action = action
        try:
            music = await self._prompts.music(self._hooks.music())
            if not self._connected:
                await self._play_music(music)
        except LinkError as error:
            log.warning("waiting caller hears nothing", port=self._port, why=str(error))

    async def end(self) -> None:
        """Say nothing more."""
        self._action = None
        speaking, self._speaking = self._speaking, None
        if speaking is not None:
            speaking.cancel()
            await asyncio.gather(speaking, return_exceptions=True)

    def _look_up(self) -> None:
        if self._wake is not None:
            self._wake.set()

    def _speak(self, action: EnterQueue) -> None:
        self._action = None
        wake = self._wake = asyncio.Event()
        speaking = self._keep(action, wake)
        self._speaking = asyncio.create_task(speaking, name="company while waiting")

    async def _keep(self, action: EnterQueue, wake: asyncio.Event) -> None:
        repeated = await paths(self._prompts, action.waiting)
        music = await self._prompts.music(self._hooks.music())
        repeat_now = bool(repeated)
        while not self._connected:
            wake.clear()
            if self._announcements:
                oldest, *later = self._announcements
                self._announcements = tuple(later)
                await self._say(await paths(self._prompts, oldest), wake)
            elif repeat_now:
                repeat_now = False
                await self._say(repeated, wake)
            else:
                await self._play_music(music)
                woken = await _woken(wake, action.repeat_s if repeated else None)
                repeat_now = not woken

    async def _say(self, said: list[str], wake: asyncio.Event) -> None:
        if not said:
            return
        player = self._ids()
        self._hooks.playing(player)
        await self._media.play(self._port, player, said)
        give_up = asyncio.get_running_loop().time() + await self._prompts.duration(said)
        while not self._connected and (left := give_up - asyncio.get_running_loop().time()) > 0:
            # What is announced meanwhile waits; an agent does not.
            wake.clear()
            await _woken(wake, left)

    async def _play_music(self, music: str) -> None:
        player = self._ids()
        self._hooks.playing(player)
        if music:
            await self._media.play(self._port, player, (music,), in_step=True)
        else:
            ringback = self._prompts.tones.ringback
            await self._media.play_tone(self._port, player, (ringback.pair,), ringback.steps_ms)


async def _woken(wake: asyncio.Event, patience: float | None) -> bool:
    """Whether something happened before ``patience`` seconds were over."""
    try:
        await asyncio.wait_for(wake.wait(), patience)
    except TimeoutError:
        return False
    return True


async def paths(prompts: Prompts, said: Sequence[PromptText]) -> list[str]:
    """Where the audio of these is; what cannot be had is left out."""
    found = [await prompts.path(prompt) for prompt in said]
    return [path for path in found if path]
