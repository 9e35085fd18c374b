"""What a call is told: in one queue, so that it has one order of events and needs no locks."""

from enum import Enum
from typing import Final

from acd_core.commands import AcdCommand
from daemon.control.calls.call import Call, Phase
from daemon.control.calls.context import CallContext
from daemon.control.calls.moves.asking import CallRequest
from daemon.control.calls.offering import StationAwaited
from daemon.control.calls.onward import OnwardDue
from daemon.control.calls.parts.on_demand import CallParts
from daemon.control.flows.inbox import Inbox
from daemon.link.messages import MediaEvent
from drivers.api import LineId
from drivers.events import LineEvent, Released

RESTING: Final = frozenset({Phase.TALKING, Phase.OUTSIDE})
"""Where a call may stay for long with nothing to do."""
CallInput = LineEvent | MediaEvent | AcdCommand | CallRequest | StationAwaited | OnwardDue


UNREAD: Final[Inbox[CallInput]] = Inbox()
"""That of all calls that rest; nothing is ever put into it."""


class Waits(Enum):
    """Whether a call waits where it may rest."""

    NOT = 0
    QUIETLY = 1
    TIRED = 2
    """So long that it rests."""


class ToldCall(CallParts):
    """Keeps what a call is told until it is handled."""

    __slots__ = ("_inbox", "_rests", "_waits", "gone")

    def __init__(self, call: Call, context: CallContext) -> None:
        super().__init__(call, context)
        self.gone: tuple[LineId, ...] = ()
        """Lines whose release was told, handled or not: they may carry another call by now."""
        self._inbox: Inbox[CallInput] = Inbox()
        self._rests = False
        """Nobody lives through this now; whatever happens wakes it."""
        self._waits = Waits.NOT
        """For what may happen in a phase in which it may rest."""

    def tell(self, happened: CallInput) -> None:
        """Put something into the call's queue."""
        if isinstance(happened, Released) and happened.line not in self.gone:
            self.gone = (*self.gone, happened.line)
        if not self._rests:
            self._inbox.put_nowait(happened)
            return
        self._rests = False
        self._inbox = Inbox()
        self._inbox.put_nowait(happened)
        self._context.wake(self)

    async def until_told(self) -> bool:
        """Wait for what is told next; False when nothing is, and the call is to rest.

        Conversations last: without a task that waits for what is next they cost less.
        """
        while self._inbox.empty():
            if self.call.phase not in RESTING:
                self._waits = Waits.NOT
            elif self._waits is Waits.TIRED:
                return False
            elif self._waits is Waits.NOT:
                self._waits = Waits.QUIETLY
                self._context.quiet.waits(self.call.id)
            await self._inbox.filled()
        self._waits = Waits.NOT
        return True

    def grow_tired(self) -> None:
        """Rest soon, unless something has happened since the call began to wait."""
        if self._waits is Waits.QUIETLY:
            self._waits = Waits.TIRED
            self._inbox.stir()

    def rest(self) -> None:
        """Let nobody live through this until something happens, and keep little meanwhile."""
        self._rests = True
        self._waits = Waits.NOT
        self._inbox = UNREAD
        self.let_go()

    def carries(self, line: LineId) -> None:
        """A line carries this call from now on, whatever was told of it before."""
        if line in self.gone:
            self.gone = tuple(other for other in self.gone if other != line)

    def pass_on(self, line: LineId, to: "ToldCall") -> None:
        """Let another call hear what has happened on a line that is its own now."""
        waiting = [self._inbox.get_nowait() for _ in range(self._inbox.qsize())]
        for happened in waiting:
            theirs = isinstance(happened, LineEvent) and happened.line == line
            (to if theirs else self).tell(happened)
