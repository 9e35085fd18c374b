"""An engine with a future: things to come in order of time, deadlines kept, stays watched."""

from collections.abc import Callable
from heapq import heappop, heappush
from typing import Final

from acd_core.commands import AcdCommand
from acd_core.engine import AcdEngine
from acd_core.errors import AcdError
from acd_core.events import AcdEvent, DeadlineReached
from acd_core.simulation.observer import Observer
from acd_core.simulation.stays import Moment

Happen = Callable[[], object]
React = Callable[[AcdCommand], None]

LATER: Final = 1 << 60
"""Place in the order for what was in no recording: after what was, at equal times."""
FIRST: Final = -1


class World:
    """Plays one engine forward; who reacts to its commands is passed in."""

    def __init__(self, react: React, *, engine: AcdEngine | None = None) -> None:
        self.engine = engine or AcdEngine()
        self.observer = Observer()
        self.now = 0.0
        self.refused = 0
        self.wake: Callable[[float], Moment] = lambda due: (due, FIRST)
        """When a deadline is noticed; at once unless a recording says otherwise."""
        self._react = react
        self._future: list[tuple[float, int, int, Happen]] = []
        self._planned = 0
        self._place = 0

    def plan(self, moment: Moment, happen: Happen) -> None:
        """Let something happen, not before now."""
        self._planned += 1
        heappush(self._future, (max(moment[0], self.now), moment[1], self._planned, happen))

    def tell(self, event: AcdEvent) -> bool:
        """Tell the engine now and react to what it asks; False when it refuses."""
        try:
            commands = self.engine.handle(event, self.now)
        except AcdError:
            self.refused += 1
            return False
        self._place += 1
        self.observer.take(event, (self.now, self._place), commands)
        for command in commands:
            self._react(command)
        return True

    def run(self, until: float = float("inf")) -> None:
        """Let everything happen up to and including a time."""
        while True:
            due = self.engine.next_deadline()
            deadline = self.wake(due) if due is not None else (float("inf"), LATER)
            planned = self._future[0][:2] if self._future else (float("inf"), LATER)
            moment = min(deadline, planned)
            if moment[0] > until or moment[0] == float("inf"):
                return
            self.now = max(moment[0], self.now)
            if deadline <= planned:
                self.tell(DeadlineReached())
            else:
                heappop(self._future)[3]()
