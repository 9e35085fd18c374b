"""What the link knows of a call that is about to ring on a board port."""

from typing import NamedTuple, Protocol

import msgspec

from drivers.errors import OptionsError


class TerminalKey(NamedTuple):
    """The exchange's name of a board port: message desk and logical terminal.

    Terminals are numbered per desk and per link, so neither part names a port alone.
    """

    desk: str
    terminal: str

    def __str__(self) -> str:
        return f"{self.desk}/{self.terminal}"

    @classmethod
    def from_text(cls, text: str) -> "TerminalKey":
        """Read ``desk/terminal``, padding both (``1/7`` is ``001/0007``); OptionsError."""
        desk, slash, terminal = text.strip().partition("/")
        if not (slash and desk.isdecimal() and terminal.isdecimal() and text.isascii()):
            raise OptionsError(
                "terminal",
                f"{text!r} is not DESK/TERMINAL; write one like 001/0007",
                f"{text!r} 不是 DESK/TERMINAL；请写如 001/0007",
            )
        if len(desk) > 3 or len(terminal) > 4:
            raise OptionsError(
                "terminal",
                f"{text!r} is too long; a desk has 3 digits, a terminal 4",
                f"{text!r} 过长；DESK 为 3 位数字，TERMINAL 为 4 位",
            )
        return cls(desk.zfill(3), terminal.zfill(4))


class CallDetail(msgspec.Struct, frozen=True, kw_only=True):
    """Why a call comes, who was called and who calls."""

    desk: str
    terminal: str
    kind: str
    """The exchange's own letter: D, A, B, N, U or a private one."""
    reason: str
    """direct, cfu, cfb, cfna or cf-unknown; the words of ``Ringing.reason``."""
    ani: str = ""
    """Calling number; empty when unknown or withheld."""
    forwarded_from: str = ""
    """Number called originally; empty for a direct call."""
    restricted: bool = False
    """The exchange said that the number is withheld."""

    @property
    def key(self) -> TerminalKey:
        """The port the call rings on."""
        return TerminalKey(self.desk, self.terminal)


class CallDetails(Protocol):
    """A link that tells why and from whom a call rings on a board port."""

    async def wait_for(
        self, desk_terminal_key: str, wait_s: float | None = None
    ) -> CallDetail | None:
        """Take the oldest unexpired detail for ``desk/terminal``, waiting for it if need be.

        ``wait_s`` is in seconds, the link's own option (3 s) when None. The result is
        None when nothing came in time: an unknown direct call. A detail is given once.
        """
