"""The lines of one telephone: one for calls to it, further ones for more calls that it makes."""

from typing import Final

from drivers.api import LineId

MOST: Final = 4
"""Calls of one telephone at the same time: two held, one transferred, one to spare."""


def first_of(station: str) -> LineId:
    """The name of the line of our calls to a telephone."""
    return LineId(f"station:{station}")


def names(station: str) -> list[LineId]:
    """The names of a telephone's lines, that of its calls from us first."""
    first = first_of(station)
    return [first, *(LineId(f"{first}#{number}") for number in range(2, MOST + 1))]
