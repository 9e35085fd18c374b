"""The lines of one telephone: one for calls to it, further ones for more calls that it makes."""

from collections.abc import Callable, MutableMapping
from typing import TYPE_CHECKING, Final

from drivers.api import LineId

if TYPE_CHECKING:
    from drivers.sip.line import SipLine

MOST: Final = 4
"""Calls of one telephone at the same time: two held, one transferred, one to spare."""


def names(station: str) -> list[LineId]:
    """The names of a telephone's lines, that of its calls from us first."""
    first = f"station:{station}"
    return [LineId(first), *(LineId(f"{first}#{number}") for number in range(2, MOST + 1))]


def in_use(lines: MutableMapping[LineId, "SipLine"], station: str) -> bool:
    """Whether a telephone has any call; then it is not rung."""
    held = (lines.get(name) for name in names(station))
    return any(line is not None and line.call is not None for line in held)


def free_line(
    lines: MutableMapping[LineId, "SipLine"],
    station: str,
    make: Callable[[LineId], "SipLine"],
) -> "SipLine | None":
    """A line for one more call that a telephone makes; None for a stranger or too many."""
    first, *further = names(station)
    if first not in lines:
        return None
    for name in (first, *further):
        line = lines.get(name)
        if line is None:
            line = lines[name] = make(name)
        if line.call is None:
            return line
    return None
