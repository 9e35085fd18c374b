"""A day on a floor whose queues ring together, close, move callers and call them back."""

from acd_core import events as told
from acd_core.call_queue import QueueConfig
from acd_core.commands import (
    AcdCommand,
    CallbackKept,
    DialCallback,
)
from acd_core.opening_hours import parse_hours
from acd_core.queue_life.options import Announcements, CallbackRules, Closing, Overflow
from tests.fakes.acd_day import HELP, SALES, Day

# The day begins at 14:13:20 UTC.
HOURS = parse_hours("UTC", {"mon": ["14:00-14:33", "14:35-15:00"]}, {})


class LivelyDay(Day):
    """Callers who are moved, called back and sent home."""

    def queues(self) -> list[QueueConfig]:
        """Sales rings together and closes for a while; help takes what sales cannot."""
        return [
            QueueConfig(
                queue=SALES,
                name="sales",
                required=((1, 1),),
                strategy="ring_all",
                offer_s=12.0,
                wrap_up_s=15.0,
                max_wait_s=90.0,
                misses_to_pause=2,
                hours=HOURS,
                closing=Closing.LEAVE,
                overflow=(
                    Overflow(to=(HELP,), when_refused=True),
                    Overflow(to=(HELP,), after_s=30.0),
                ),
                callback=CallbackRules(
                    dial_ahead_s=20.0, ring_s=15.0, retry_s=60.0, grace_s=120.0, longest_s=900.0
                ),
                announcements=Announcements(first_s=5.0, every_s=20.0, on_progress=True),
            ),
            QueueConfig(
                queue=HELP,
                name="help",
                required=((2, 1),),
                strategy="ring_progressively",
                ring_step_s=4.0,
                offer_s=10.0,
                max_waiting=3,
                callback=CallbackRules(ring_s=10.0, retry_s=30.0, grace_s=60.0, longest_s=600.0),
            ),
        ]

    def _call(self) -> None:
        call = self._next
        super()._call()
        if self._chance.uniform() < 0.3:
            event = told.CallbackTaken(call=call, number=f"0{call}")
            self._later(3.0 + self._chance.exponential(20.0), event)

    def _perform(self, command: AcdCommand, now: float) -> None:
        match command:
            case CallbackKept(call=call, queue=queue):
                self._open.discard(call)
                if self._chance.uniform() < 0.2:
                    self._loop.call_later(45.0, self._come_back, call, queue)
                elif self._chance.uniform() < 0.1:
                    self._later(80.0, told.CallbackCancelled(call=call))
            case DialCallback(call=call, queue=queue):
                mood = self._chance.uniform()
                if mood < 0.5:
                    self._loop.call_later(4.0, self._come_back, call, queue)
                elif mood < 0.8:
                    self._later(6.0, told.CallbackFailed(call=call))
            case _:
                super()._perform(command, now)
                return
        self.commands.append(command)

    def _come_back(self, place: int, queue: int) -> None:
        call = self._next
        self._next += 1
        if self.runner.submit(told.CallOffered(call=call, queue=queue, callback=place)):
            self._open.add(call)
            self._loop.call_later(self._chance.exponential(90.0), self._hang_up, call)
