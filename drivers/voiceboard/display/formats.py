"""How telephones are told who calls, by country: GR-30-CORE, EN 300 659-1 and -3. No I/O.

An operator may differ from its country, and a telephone may be from elsewhere: a board can be
set to another form.
"""

from enum import Enum, auto
from typing import Final

import msgspec


class When(Enum):
    """Where in the ringing a telephone is told."""

    BEFORE_RING = auto()
    AFTER_RING = auto()
    """In the silence behind the first burst."""


class DisplayFormat(msgspec.Struct, frozen=True, kw_only=True):
    """How a telephone is told who calls."""

    kind: str
    """bell202, v23 or dtmf."""
    when: When
    etsi: bool = False
    """The message has a call type and room for long names (EN 300 659-3)."""
    reversal: bool = False
    """A reversal of the line wakes the display first."""
    alert: bool = False
    """A dual tone wakes the display first (DT-AS)."""


BELL_202: Final = DisplayFormat(kind="bell202", when=When.AFTER_RING)
V23: Final = DisplayFormat(kind="v23", when=When.AFTER_RING, etsi=True)
V23_ALERTED: Final = DisplayFormat(
    kind="v23", when=When.BEFORE_RING, etsi=True, reversal=True, alert=True
)
DTMF: Final = DisplayFormat(kind="dtmf", when=When.BEFORE_RING, reversal=True)

_ANYWHERE: Final = {"bell202": BELL_202, "v23": V23, "dtmf": DTMF}
_OF_COUNTRY: Final[dict[str, DisplayFormat]] = {
    "br": DTMF,
    "cn": BELL_202,
    "de": V23,
    "es": V23,
    "fr": V23,
    "in": DTMF,
    "it": V23,
    "ru": V23,
    "uk": V23_ALERTED,
    "us": BELL_202,
}
"""Japan is missing: its telephones take the call to be told (JCLIP), which is not made here."""


def format_of(wanted: str, country: str) -> DisplayFormat | None:
    """The form that a board is set to, ``country`` for its country's; None: nothing is told."""
    usual = _OF_COUNTRY.get(country)
    if wanted == "country" or (usual is not None and usual.kind == wanted):
        return usual
    return _ANYWHERE.get(wanted)
