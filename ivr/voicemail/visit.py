"""One visit to a mailbox: told of keys and of what was heard to its end, it says what is next.

No I/O and no clock: moments are seconds of any clock that does not stop. The tables below are
all that a key does; a key that is not in the table of a stage does nothing there.
"""

from collections.abc import Callable, Iterable
from datetime import date
from enum import Enum, auto
from typing import Final

import msgspec

from ivr.actions import Speech
from ivr.voicemail.words import Message, envelope, say, summary

JUMP_MS: Final = 5000.0
SPEEDS: Final = (0.5, 0.75, 1.0, 1.25, 1.5, 2.0)
"""As the engine plays without changing the pitch, 0.5 to 2."""
USUAL: Final = SPEEDS.index(1.0)
CHOOSE_S: Final = 6.0  # s to choose what becomes of a message
RESTORE_S: Final = 2.0  # s to take a deletion back before the next message begins
PAUSE_S: Final = 120.0  # s a message stays paused
TRIES: Final = 2  # times a menu is said before silence goes on


class Stage(Enum):
    """What the visitor hears or is asked."""

    TOLD = auto()
    """How many messages there are, or which one follows."""
    PLAYING = auto()
    PAUSED = auto()
    CHOOSING = auto()
    """What is to become of the message."""
    DELETED = auto()
    """It may be taken back at once."""
    HELPED = auto()
    MENU = auto()
    """Behind the last message, or above them."""
    OVER = auto()


class Say(msgspec.Struct, frozen=True):
    """Say this, in the place of what is heard now; a key ends it."""

    said: tuple[Speech, ...]


class Listen(msgspec.Struct, frozen=True, kw_only=True):
    """Play a message from a place, in the place of what is heard now."""

    recording: int
    start_ms: int
    speed: float


class Jump(msgspec.Struct, frozen=True):
    """Go back or forward in the message that plays."""

    ms: int


class Pace(msgspec.Struct, frozen=True):
    """Play the message at another speed from here on."""

    speed: float


class Mark(msgspec.Struct, frozen=True, kw_only=True):
    """A message is heard, deleted or restored from now on."""

    recording: int
    heard: bool
    deleted: bool


Step = Say | Listen | Jump | Pace | Mark
Steps = tuple[Step, ...]


class Visit:
    """What one visitor hears; ``stage`` OVER is its end."""

    def __init__(self, messages: Iterable[Message], language: str, today: date) -> None:
        known = list(messages)
        new = [each for each in known if not each.heard]
        self.messages = new + [each for each in known if each.heard]
        """New ones first, each kind in the order given."""
        self.stage = Stage.TOLD
        self.heard = 0
        """Messages that became heard in this visit."""
        self._language = language
        self._today = today
        self._at = -1
        self._tries = 0
        self._speed = USUAL
        self._place_ms = 0.0
        self._since: float | None = None
        """Since when it plays from there; None while it does not."""

    @property
    def patience_s(self) -> float | None:
        """How long to wait for a key when nothing sounds; None when the visit waits for none."""
        waits = {Stage.CHOOSING: CHOOSE_S, Stage.MENU: CHOOSE_S}
        return (waits | {Stage.DELETED: RESTORE_S, Stage.PAUSED: PAUSE_S}).get(self.stage)

    def start(self) -> Steps:
        """Say how many messages there are."""
        self.stage = Stage.TOLD
        if self.messages:
            return (Say((summary(self.messages, self._language),)),)
        return self._menu(summary(self.messages, self._language))

    def key(self, key: str, now: float) -> Steps:
        """The visitor pressed a key."""
        # Before the first message there is none to keep or to delete.
        table = _KEYS if self._at >= 0 else _KEYS_WITHOUT
        does = table[self.stage].get(key)
        return () if does is None else does(self, now)

    def sounded(self, now: float) -> Steps:
        """What was to be heard came to its end."""
        match self.stage:
            case Stage.TOLD if self._at < 0:
                return self._tell(0)
            case Stage.TOLD:
                return self._play(0.0, now)
            case Stage.PLAYING:
                self._since = None
                self._place_ms = self._length_ms
                return (*self._mark(heard=True), *self._choose())
            case Stage.HELPED:
                return self._after_help(now)
            case _:
                return ()

    def silent(self, now: float) -> Steps:
        """No key came in ``patience_s``."""
        self._tries += 1
        match self.stage:
            case Stage.CHOOSING if self._tries < TRIES:
                return (Say((say("choose", self._language),)),)
            case Stage.CHOOSING:
                return self._keep(now)
            case Stage.DELETED:
                return self._next(now)
            case Stage.PAUSED:
                return self._choose()
            case Stage.MENU if self._tries < TRIES:
                return (Say(self._menu_said()),)
            case Stage.MENU:
                return self._leave(now)
            case _:
                return ()

    def gone(self, now: float) -> Steps:
        """The message that was to be played is not there any more."""
        if self._at >= 0:
            del self.messages[self._at]
            self._at -= 1
        self._since = None
        return self._next(now, say("gone", self._language))

    # -- what plays -----------------------------------------------------------------------

    @property
    def _message(self) -> Message:
        return self.messages[self._at]

    @property
    def _length_ms(self) -> float:
        return self._message.duration_s * 1000

    def _now_ms(self, now: float) -> float:
        """Where in the message the visitor is."""
        gone = 0.0 if self._since is None else (now - self._since) * 1000 * SPEEDS[self._speed]
        return min(self._place_ms + gone, self._length_ms)

    def _play(self, place_ms: float, now: float) -> Steps:
        self.stage, self._place_ms, self._since = Stage.PLAYING, place_ms, now
        which = self._message.recording
        return (Listen(recording=which, start_ms=round(place_ms), speed=SPEEDS[self._speed]),)

    def _jump(self, now: float, ms: float) -> Steps:
        place = min(max(self._now_ms(now) + ms, 0.0), self._length_ms)
        if self.stage is not Stage.PLAYING:
            return self._play(place, now)
        self._place_ms, self._since = place, now
        return (Jump(round(ms)),)

    def _back(self, now: float) -> Steps:
        return self._jump(now, -JUMP_MS)

    def _forward(self, now: float) -> Steps:
        return self._jump(now, JUMP_MS)

    def _pace(self, now: float, by: int) -> Steps:
        place = self._now_ms(now)
        self._speed = min(max(self._speed + by, 0), len(SPEEDS) - 1)
        if self.stage is not Stage.PLAYING:
            return self._play(place, now)
        self._place_ms, self._since = place, now
        return (Pace(SPEEDS[self._speed]),)

    def _slower(self, now: float) -> Steps:
        return self._pace(now, -1)

    def _faster(self, now: float) -> Steps:
        return self._pace(now, 1)

    def _stop(self, now: float) -> None:
        self._place_ms, self._since = self._now_ms(now), None

    def _pause(self, now: float) -> Steps:
        self._stop(now)
        self.stage, self._tries = Stage.PAUSED, 0
        return (Say((say("paused", self._language),)),)

    def _resume(self, now: float) -> Steps:
        return self._play(self._place_ms, now)

    # -- from message to message ----------------------------------------------------------

    def _tell(self, at: int, *first: Speech) -> Steps:
        self._at, self._tries, self.stage = at, 0, Stage.TOLD
        self._place_ms, self._since = 0.0, None
        told = envelope(self._message, at + 1, self._today, self._language)
        return (Say((*first, *told)),)

    def _first(self, now: float) -> Steps:
        return self._tell(0) if self.messages else self._menu()

    def _again(self, now: float) -> Steps:
        return self._tell(self._at)

    def _next(self, now: float, *first: Speech) -> Steps:
        if self._at >= 0:
            self._stop(now)
        if self._at + 1 < len(self.messages):
            return self._tell(self._at + 1, *first)
        return self._menu(*first, say("last", self._language))

    def _skip(self, now: float) -> Steps:
        return self._next(now)

    def _keep(self, now: float) -> Steps:
        restored = self._message.deleted
        marks = self._mark(heard=True, deleted=False)
        first = (say("restored", self._language),) if restored else ()
        return (*marks, *self._next(now, *first))

    def _delete(self, now: float) -> Steps:
        if self._message.deleted:
            return self._restore(now)
        self._stop(now)
        self.stage, self._tries = Stage.DELETED, 0
        marks = self._mark(heard=True, deleted=True)
        return (*marks, Say((say("deleted", self._language),)))

    def _restore(self, now: float) -> Steps:
        self._stop(now)
        marks = self._mark(heard=True, deleted=False)
        return (*marks, *self._choose(say("restored", self._language)))

    def _choose(self, *first: Speech) -> Steps:
        self.stage, self._tries = Stage.CHOOSING, 0
        return (Say((*first, say("choose", self._language))),)

    def _mark(self, *, heard: bool, deleted: bool | None = None) -> Steps:
        """Note what became of the message; nothing when it was so before."""
        before = self._message
        gone = before.deleted if deleted is None else deleted
        if (heard, gone) == (before.heard, before.deleted):
            return ()
        self.heard += not before.heard
        self.messages[self._at] = msgspec.structs.replace(before, heard=heard, deleted=gone)
        return (Mark(recording=before.recording, heard=heard, deleted=gone),)

    # -- help, the menu and the end -------------------------------------------------------

    def _help(self, now: float) -> Steps:
        if self._at >= 0:
            self._stop(now)
        self.stage = Stage.HELPED
        return (Say((say("help", self._language),)),)

    def _after_help(self, now: float) -> Steps:
        """Where help was asked for: in a message that goes on, before it, or behind it."""
        if self._at < 0:
            return self._menu()
        if self._message.deleted or self._place_ms >= self._length_ms:
            return self._choose()
        return self._play(self._place_ms, now)

    def _up(self, now: float) -> Steps:
        if self._at >= 0:
            self._stop(now)
        return self._menu()

    def _menu(self, *first: Speech) -> Steps:
        self.stage, self._tries, self._at = Stage.MENU, 0, -1
        return (Say((*first, *self._menu_said())),)

    def _menu_said(self) -> tuple[Speech, ...]:
        keys = ["menu" if self.messages else "leave"]
        if any(each.deleted for each in self.messages):
            keys.append("restore")
        return tuple(say(key, self._language) for key in keys)

    def _restore_all(self, now: float) -> Steps:
        marks: list[Step] = []
        for at, each in enumerate(self.messages):
            if each.deleted:
                self.messages[at] = msgspec.structs.replace(each, deleted=False)
                marks.append(Mark(recording=each.recording, heard=each.heard, deleted=False))
        first = (say("restored", self._language),) if marks else ()
        return (*marks, *self._menu(*first))

    def _leave(self, now: float) -> Steps:
        self.stage = Stage.OVER
        return (Say((say("bye", self._language),)),)


Does = Callable[[Visit, float], Steps]

_ALWAYS: Final[dict[str, Does]] = {
    "1": Visit._again,
    "2": Visit._keep,
    "3": Visit._delete,
    "#": Visit._skip,
    "*": Visit._up,
    "0": Visit._help,
}
_IN_A_MESSAGE: Final[dict[str, Does]] = {
    **_ALWAYS,
    "4": Visit._back,
    "6": Visit._forward,
    "7": Visit._slower,
    "9": Visit._faster,
}
_MENU: Final[dict[str, Does]] = {
    "1": Visit._first,
    "3": Visit._restore_all,
    "*": Visit._leave,
    "0": Visit._help,
}
_GREETED: Final[dict[str, Does]] = {
    "1": Visit._first,
    "2": Visit._first,
    "#": Visit._first,
    "*": Visit._up,
    "0": Visit._help,
}
_KEYS: Final[dict[Stage, dict[str, Does]]] = {
    Stage.TOLD: _ALWAYS,
    Stage.PLAYING: {**_IN_A_MESSAGE, "5": Visit._pause},
    Stage.PAUSED: {**_IN_A_MESSAGE, "5": Visit._resume},
    Stage.CHOOSING: {**_ALWAYS, "4": Visit._back},
    Stage.DELETED: {**_ALWAYS, "3": Visit._restore},
    Stage.HELPED: {**_IN_A_MESSAGE, "5": Visit._resume},
}
_KEYS_WITHOUT: Final[dict[Stage, dict[str, Does]]] = {
    Stage.TOLD: _GREETED,
    Stage.HELPED: _MENU,
    Stage.MENU: _MENU,
    Stage.OVER: {},
}
