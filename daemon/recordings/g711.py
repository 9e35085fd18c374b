"""Octets of ITU-T G.711 and their values, for files of recordings; no I/O.

``VALUES`` has a value of its own for each octet, so that a file can be turned into values and
back: the negative zero of mu-law is kept as -1, which no other octet has. ``LINEAR`` is what the
Recommendation says, where both zeros of mu-law are 0.
"""

from typing import Final

import numpy as np
import numpy.typing as npt

from daemon.recordings.audio_file import ALAW, ULAW

NEGATIVE_ZERO: Final = 0x7F
"""The mu-law octet whose value is a second zero."""

Samples = npt.NDArray[np.int16]


def octets_of(values: Samples, kind: int) -> npt.NDArray[np.int16]:
    """Turn ``VALUES`` back into octets; -1 for a value that G.711 does not have."""
    return _INVERSES[kind][values.view(np.uint16)]


def _alaw() -> Samples:
    """ITU-T G.711 table 1, even bits inverted."""
    octet = np.arange(256) ^ 0x55
    exponent, mantissa = octet >> 4 & 7, (octet & 15) << 4
    value = np.where(exponent == 0, mantissa + 8, mantissa + 0x108 << np.maximum(exponent - 1, 0))
    return np.where(octet & 0x80, value, -value).astype(np.int16)


def _ulaw() -> Samples:
    """ITU-T G.711 table 2."""
    octet = ~np.arange(256) & 0xFF
    exponent, mantissa = octet >> 4 & 7, octet & 15
    value = ((mantissa << 3) + 0x84 << exponent) - 0x84
    return np.where(octet & 0x80, -value, value).astype(np.int16)


def _marked(table: Samples) -> Samples:
    marked = table.copy()
    marked[NEGATIVE_ZERO] = -1
    return marked


def _inverse(table: Samples) -> npt.NDArray[np.int16]:
    inverse = np.full(65536, -1, np.int16)
    inverse[table.view(np.uint16)] = np.arange(256)
    return inverse


LINEAR: Final = {ALAW: _alaw(), ULAW: _ulaw()}
"""By format tag, the value of each octet on a scale of 16 bits."""
VALUES: Final = {ALAW: LINEAR[ALAW], ULAW: _marked(LINEAR[ULAW])}
"""The same, but each octet with a value of its own."""
_INVERSES: Final = {kind: _inverse(table) for kind, table in VALUES.items()}
