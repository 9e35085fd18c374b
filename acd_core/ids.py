"""Identifiers: unique integers for calls and their parts, small keys for agents and queues.

A unique identifier has 63 bits: 41 bits of milliseconds since 2024-01-01 UTC, 10 bits node,
12 bits sequence. It sorts by time, fits a BIGINT, and is written as 13 characters of
Crockford base32 wherever text is needed (JavaScript loses integers above 2**53).
"""

from collections.abc import Callable
from typing import Final, NewType

from acd_core.errors import IdFault

CallId = NewType("CallId", int)
LegId = NewType("LegId", int)
SegmentId = NewType("SegmentId", int)
RecordingId = NewType("RecordingId", int)
EventId = NewType("EventId", int)
AgentId = NewType("AgentId", int)
QueueId = NewType("QueueId", int)
SkillId = NewType("SkillId", int)
TierId = NewType("TierId", int)

EPOCH_MS: Final = 1_704_067_200_000  # 2024-01-01T00:00:00Z in Unix milliseconds
NODE_BITS: Final = 10
SEQUENCE_BITS: Final = 12
TEXT_LENGTH: Final = 13
LARGEST: Final = (1 << 63) - 1

ALPHABET: Final = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
_PAIRS: Final = tuple(first + second for first in ALPHABET for second in ALPHABET)
# Crockford: letters that look like digits are read as those digits.
_VALUES: Final = {letter: value for value, letter in enumerate(ALPHABET)} | {
    "O": 0,
    "I": 1,
    "L": 1,
}


class IdSource:
    """Gives identifiers that rise for ever, even when the clock stands or steps back."""

    def __init__(self, clock: Callable[[], float], node: int = 0) -> None:
        """Take the clock (Unix seconds) and this node's number, 0 to 1023."""
        if not 0 <= node < 1 << NODE_BITS:
            raise IdFault(f"node {node} is outside 0..{(1 << NODE_BITS) - 1}")
        self._clock = clock
        self._node = node
        self._ms = 0
        self._sequence = 0

    def __call__(self) -> int:
        """Return the next identifier."""
        ms = int(self._clock() * 1000) - EPOCH_MS
        if ms > self._ms:
            self._ms, self._sequence = ms, 0
        else:
            self._sequence += 1
            if self._sequence >> SEQUENCE_BITS:
                # More than 4096 in a millisecond: borrow from the next one.
                self._ms, self._sequence = self._ms + 1, 0
        high = self._ms << NODE_BITS | self._node
        return high << SEQUENCE_BITS | self._sequence


def to_text(identifier: int) -> str:
    """Write a unique identifier as 13 characters of Crockford base32."""
    if not 0 <= identifier <= LARGEST:
        raise IdFault(f"{identifier} is not a 63-bit identifier")
    # Two letters at a time: the live picture and the log write one for each call they name.
    return (
        ALPHABET[identifier >> 60]
        + _PAIRS[identifier >> 50 & 1023]
        + _PAIRS[identifier >> 40 & 1023]
        + _PAIRS[identifier >> 30 & 1023]
        + _PAIRS[identifier >> 20 & 1023]
        + _PAIRS[identifier >> 10 & 1023]
        + _PAIRS[identifier & 1023]
    )


def from_text(text: str) -> int:
    """Read what ``to_text`` wrote; small letters and look-alikes are accepted."""
    if len(text) != TEXT_LENGTH:
        raise IdFault(f"an identifier has {TEXT_LENGTH} characters, not {len(text)}")
    identifier = 0
    for letter in text.upper():
        value = _VALUES.get(letter)
        if value is None:
            raise IdFault(f"{letter!r} is not a base32 character")
        identifier = identifier << 5 | value
    if identifier > LARGEST:
        raise IdFault(f"{text} is above 63 bits")
    return identifier


def created_ms(identifier: int) -> int:
    """Return when an identifier was made, in Unix milliseconds."""
    return (identifier >> (NODE_BITS + SEQUENCE_BITS)) + EPOCH_MS
