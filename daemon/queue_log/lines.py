"""One line of a queue log: ``time|call|queue|agent|event|data...``.

https://docs.asterisk.org/Operation/Logging/Queue-Logs/
"""

import re
from enum import StrEnum
from typing import Final

import msgspec

from daemon.errors import DaemonError

NOBODY: Final = "NONE"
"""Stands for a call, queue or agent that a line has nothing to do with."""
_UNFIT: Final = re.compile(r"[|\x00-\x1f\x7f-\x9f\u2028\u2029]")


_TIME: Final = re.compile(r"0|[1-9][0-9]{0,11}")


class QueueLogError(DaemonError):
    """A line is not one of a queue log."""


class Event(StrEnum):
    """What a line tells, with its data in order."""

    ENTERQUEUE = "ENTERQUEUE"
    """URL (always empty), caller's number, position."""
    CONNECT = "CONNECT"
    """Seconds waited, leg of the agent, seconds that his telephone rang."""
    COMPLETECALLER = "COMPLETECALLER"
    """Seconds waited, seconds talked, position at entry."""
    COMPLETEAGENT = "COMPLETEAGENT"
    """As COMPLETECALLER."""
    ABANDON = "ABANDON"
    """Position, position at entry, seconds waited."""
    EXITWITHTIMEOUT = "EXITWITHTIMEOUT"
    """As ABANDON."""
    EXITEMPTY = "EXITEMPTY"
    """As ABANDON."""
    EXITWITHKEY = "EXITWITHKEY"
    """Key (always empty), position, position at entry, seconds waited."""
    RINGNOANSWER = "RINGNOANSWER"
    """Milliseconds that the agent's telephone rang."""
    RINGCANCELED = "RINGCANCELED"
    """As RINGNOANSWER; the caller or the system ended the ringing."""
    AGENTLOGIN = "AGENTLOGIN"
    """Station."""
    AGENTLOGOFF = "AGENTLOGOFF"
    """Station, seconds logged in."""
    PAUSEALL = "PAUSEALL"
    """Reason."""
    UNPAUSEALL = "UNPAUSEALL"
    """Reason of the pause that ends."""
    PAUSE = "PAUSE"
    """Reason; one line a queue of the agent."""
    UNPAUSE = "UNPAUSE"
    """As UNPAUSEALL; one line a queue of the agent."""


class LogLine(msgspec.Struct, frozen=True, kw_only=True):
    """One line; the text fields hold no bar and no control character."""

    at_s: int
    """Unix seconds."""
    call: str = NOBODY
    queue: str = NOBODY
    agent: str = NOBODY
    event: Event
    data: tuple[str, ...] = ()

    def text(self) -> str:
        """The line without its end."""
        return "|".join((str(self.at_s), self.call, self.queue, self.agent, self.event, *self.data))


def clean(text: str) -> str:
    """A text that fits into a field; unfit characters become spaces."""
    return _UNFIT.sub(" ", text)


def parse_line(text: str) -> LogLine:
    """Read a line that ``LogLine.text`` wrote; QueueLogError for anything else."""
    fields = text.removesuffix("\n").split("|")
    if len(fields) < 5 or _UNFIT.search("".join(fields)):
        raise QueueLogError(f"not a line of a queue log: {text[:80]!r}")
    at, call, queue, agent, event, *data = fields
    if not _TIME.fullmatch(at) or event not in Event.__members__:
        raise QueueLogError(f"not a line of a queue log: {text[:80]!r}")
    return LogLine(
        at_s=int(at), call=call, queue=queue, agent=agent, event=Event(event), data=tuple(data)
    )


def seconds(ms: int) -> int:
    """Milliseconds as the whole seconds that a queue log has, halves up."""
    return (max(ms, 0) + 500) // 1000
