"""Questions for T.38 that come before somebody is there to be joined with.

A re-INVITE for T.38 of a caller who is in a flow, waits in a queue or hears it ring has no answer
yet. It waits some seconds for one: that the call is joined with another leg, or that its flow
receives faxes. Then it is put off (491, RFC 3261 14.1), and a peer asks again by itself.
"""

import asyncio
from collections.abc import Mapping
from typing import Final, Protocol

import msgspec
import structlog

from acd_core.ids import to_text
from daemon.control.calls.call import Call
from daemon.control.faxes.t38 import T38Changes, other_leg
from drivers.api import LineId
from drivers.t38 import T38Asked, T38Event

HOLD_S: Final = 8.0  # s that a question waits; gateways give up after some ten to thirty
MOST_LEGS: Final = 2  # of a call that T.38 can be in

log = structlog.get_logger()


class QuestionDue(T38Event, frozen=True, kw_only=True):
    """A question has waited long enough."""


class _Life(Protocol):
    """The life of a call, as far as its questions need it."""

    def tell(self, happened: T38Event) -> None: ...


class AskedControl(Protocol):
    """The control process, as far as questions need it."""

    @property
    def calls(self) -> Mapping[int, _Life]:
        """The calls that live, by number."""


class _Waiting(msgspec.Struct, frozen=True):
    """A question that waits."""

    call: Call
    asked: T38Asked
    due: asyncio.TimerHandle


class T38Questions:
    """The questions that wait, by line; a line has no more than one, as SIP has it."""

    def __init__(self, control: AskedControl, changes: T38Changes) -> None:
        self._control = control
        self._changes = changes
        self.waiting: dict[LineId, _Waiting] = {}

    def hold(self, call: Call, asked: T38Asked) -> bool:
        """Let a question wait; False in a conference, where T.38 never is: refuse it."""
        if len((call.caller, *call.partners)) > MOST_LEGS:
            return False
        self._forget(asked.line)
        loop = asyncio.get_running_loop()
        due = loop.call_later(HOLD_S, self._tell, call.id, QuestionDue(line=asked.line))
        self.waiting[asked.line] = _Waiting(call, asked, due)
        log.info("T.38 waits for another leg", call=to_text(call.id), line=asked.line)
        return True

    def of_caller(self, call: Call) -> bool:
        """Whether the caller of a call is one who waits."""
        found = self.waiting.get(call.caller.line)
        return found is not None and found.call is call

    def take(self, call: Call, line: LineId) -> T38Asked | None:
        """The question of a line, for who answers it; None without one."""
        found = self.waiting.get(line)
        if found is None or found.call is not call:
            return None
        self._forget(line)
        return found.asked

    def joined(self, call: Call) -> T38Asked | None:
        """A question whose leg talks with another one by now; whoever takes it answers it."""
        for line, each in self.waiting.items():
            if each.call is call and other_leg(call, line) is not None:
                return self.take(call, line)
        return None

    def withdrawn(self, line: LineId) -> None:
        """A far end asks no longer."""
        self._forget(line)

    async def due(self, call: Call, line: LineId) -> None:
        """Nobody came: the far end may ask again."""
        if self.take(call, line) is not None:
            await self._changes.refuse(line, later=True)

    async def over(self, call: Call) -> None:
        """The call ends: none of its questions stays without an answer."""
        for line in [line for line, each in self.waiting.items() if each.call is call]:
            await self.due(call, line)

    def _tell(self, call: int, event: QuestionDue) -> None:
        life = self._control.calls.get(call)
        if life is not None:
            life.tell(event)

    def _forget(self, line: LineId) -> None:
        found = self.waiting.pop(line, None)
        if found is not None:
            found.due.cancel()
