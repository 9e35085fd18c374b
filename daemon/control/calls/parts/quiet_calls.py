"""Lets calls rest in which nothing happens: after a quiet second, for resting and waking cost time."""

import asyncio
from collections.abc import Mapping
from typing import Final, Protocol

QUIET_S: Final = 1.0


class Waiting(Protocol):
    """A call that may wait for what happens next."""

    def grow_tired(self) -> None:
        """Rest, unless something has happened since it began to wait."""

    async def leave(self) -> None:
        """Control ends: what goes on beside the call ends as well."""


class QuietCalls:
    """Calls that wait in a phase in which they may rest: they do after one to two seconds."""

    def __init__(self, calls: Mapping[int, Waiting]) -> None:
        self._calls = calls
        self._lately: list[int] = []
        self._before: list[int] = []

    def waits(self, call: int) -> None:
        """A call waits from now on."""
        self._lately.append(call)

    def look(self) -> None:
        """Tell those who waited already when this was called last and have not ended."""
        tired, self._before, self._lately = self._before, self._lately, []
        for call in tired:
            if (life := self._calls.get(call)) is not None:
                life.grow_tired()

    async def run(self) -> None:
        """Look every second, until cancelled; then no flow of a call is left behind."""
        try:
            while True:
                await asyncio.sleep(QUIET_S)
                self.look()
        finally:
            # Those who live end by themselves; for those who rest nobody would.
            for life in tuple(self._calls.values()):
                await life.leave()
