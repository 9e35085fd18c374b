"""A recorded day told again to a fresh engine: unchanged rules must decide byte for byte.

The journal holds what the engine was told, and after each event that led to something a
digest of the commands. A process that recovered began from the newest checkpoint and not
from the whole history; so does the replay.
"""

from collections.abc import Callable, Iterable
from typing import Final

import msgspec

from acd_core.commands import AcdCommand
from acd_core.decisions import digest
from acd_core.engine import AcdEngine
from acd_core.errors import AcdError
from acd_core.events import AcdEvent


class Told(msgspec.Struct, frozen=True):
    """The engine was told something."""

    number: int
    """Place in the journal."""
    event: AcdEvent
    at: float


class Decided(msgspec.Struct, frozen=True):
    """What came of the event before, as a digest."""

    digest: bytes


class Checkpoint(msgspec.Struct, frozen=True):
    """The quiet floor, as events that lead to it."""

    events: tuple[Told, ...]


class Began(msgspec.Struct, frozen=True):
    """A new process goes on, from the newest checkpoint and what came after it."""


Entry = Told | Decided | Checkpoint | Began
Watch = Callable[[Told, tuple[AcdCommand, ...] | None], None]
"""Sees each event once with what came of it; None when the engine refused it."""

SHOWN: Final = 5


class Verdict(msgspec.Struct, kw_only=True):
    """What a replay found."""

    events: int = 0
    refused: int = 0
    commands: int = 0
    compared: int = 0
    """Events whose decisions the journal can vouch for."""
    unrecorded: int = 0
    """Events that led to something, with nothing to compare it to."""
    different: int = 0
    first_different: tuple[int, ...] = ()
    """Places in the journal of the first few of them."""

    @property
    def identical(self) -> bool:
        """Whether every recorded decision was made again, byte for byte."""
        return self.different == 0


class Replay:
    """Tells a recorded day to an engine and compares."""

    def __init__(self, watch: Watch | None = None, *, engine: Callable[[], AcdEngine] = AcdEngine):
        self.verdict = Verdict()
        self._make = engine
        self._watch = watch
        self._engine = engine()
        self._since: list[Told] = []
        """From the newest checkpoint on, for the next process."""
        self._open: tuple[int, bytes] | None = None
        """An event whose decisions are not yet compared."""
        self._vouched = False
        """The process that wrote this part of the journal told what it decided."""

    def run(self, entries: Iterable[Entry]) -> Verdict:
        """Take in everything and return what was found."""
        for entry in entries:
            match entry:
                case Told():
                    self._tell(entry)
                case Decided(digest=recorded):
                    self._compare(recorded)
                case Checkpoint(events=events):
                    self._checkpoint(events)
                case Began():
                    self._begin()
        self._give_up(killed=True)
        return self.verdict

    def _tell(self, told: Told) -> None:
        self._give_up()
        self._since.append(told)
        verdict = self.verdict
        verdict.events += 1
        try:
            commands = self._engine.handle(told.event, told.at)
        except AcdError:
            # Refused then as well: the journal holds what was asked, not what was done.
            verdict.refused += 1
            self._see(told, None)
            return
        if commands:
            verdict.commands += len(commands)
            self._open = (told.number, digest(commands))
        self._see(told, commands)

    def _compare(self, recorded: bytes) -> None:
        number, made = self._open or (self._since[-1].number if self._since else 0, b"")
        self._open = None
        self.verdict.compared += 1
        if made != recorded:
            self._differs(number)

    def _differs(self, number: int) -> None:
        self.verdict.different += 1
        if len(self.verdict.first_different) < SHOWN:
            self.verdict.first_different += (number,)

    def _give_up(self, *, killed: bool = False) -> None:
        """The journal names no decision where the replay made one.

        It says nothing when it is older than that, or when the process was killed just then.
        """
        if self._open is None:
            return
        if self._vouched and not killed:
            self.verdict.compared += 1
            self._differs(self._open[0])
        else:
            self.verdict.unrecorded += 1
        self._open = None

    def _checkpoint(self, events: tuple[Told, ...]) -> None:
        self._give_up()
        first = not self._since
        self._since = list(events)
        if first:
            # What came before is no longer in the journal.
            for told in events:
                self._see(told, self._restore(told))

    def _begin(self) -> None:
        self._give_up(killed=True)
        self._vouched = True
        self._engine = self._make()
        for told in self._since:
            self._restore(told)

    def _restore(self, told: Told) -> tuple[AcdCommand, ...] | None:
        try:
            return self._engine.handle(told.event, told.at)
        except AcdError:
            return None

    def _see(self, told: Told, commands: tuple[AcdCommand, ...] | None) -> None:
        if self._watch is not None:
            self._watch(told, commands)
