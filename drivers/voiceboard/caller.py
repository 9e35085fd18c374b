"""Caller identity that an exchange sends by DTMF before it rings. No I/O.

Which digit begins and ends what differs from country to country, and no message names its
form: any of them is read. Seconds are passed in. ETSI EN 300 659-3 has the European forms.
"""

from enum import Enum, auto
from typing import Final

import msgspec

GAP_S: Final = 0.4 + 0.08
"""A key later than this after the one before begins anew: a pause and one tone."""
LASTS_S: Final = 8.0
"""An identity without a ring for longer than this belonged to no call of ours."""
LEAST_BARE: Final = 3
"""Digits of a number that has no start digit; fewer are no number."""
MOST_DIGITS: Final = 20
"""A longer number is cut, and that is counted."""


class CallerIdentity(msgspec.Struct, frozen=True):
    """Who calls, as the exchange says it."""

    ani: str = ""
    """Calling number; empty when it is not told."""
    redirecting: str = ""
    """Number originally called, when the call was forwarded."""
    restricted: bool = False
    """The caller asked that the number is not shown."""


class CallerState(Enum):
    """Which field the next digits belong to."""

    NOTHING = auto()
    BARE = auto()
    """A number without a start digit."""
    NUMBER = auto()
    DIVERTED = auto()
    """After D: a redirecting number, a number (Taiwan), or why there is none."""
    REASON = auto()
    WHOLE = auto()
    SPOILT = auto()
    """A key that belongs into no message; a pause ends this."""


S = CallerState

_FIELD_OF: Final = {"A": S.NUMBER, "D": S.DIVERTED, "B": S.REASON}
_FIELDS: Final = (S.NUMBER, S.DIVERTED, S.REASON)

TABLE: Final[dict[tuple[CallerState, str], CallerState]] = {
    **{(S.NOTHING, start): state for start, state in _FIELD_OF.items()},
    (S.NOTHING, "digit"): S.BARE,
    (S.BARE, "digit"): S.BARE,
    (S.BARE, "#"): S.WHOLE,
    (S.NUMBER, "D"): S.DIVERTED,
    (S.NUMBER, "B"): S.REASON,
    (S.DIVERTED, "B"): S.REASON,
    **{(state, "digit"): state for state in _FIELDS},
    **{(state, end): S.WHOLE for state in _FIELDS for end in "C#"},
}
"""Any other key spoils the message. Behind ``WHOLE`` a new message may begin."""

RESTRICTED: Final = {("B", "10"), ("D#", "1")}
"""No number because the caller asked so. Of ``B00`` and ``B10`` some say the reverse; both
mean that there is no number."""
ABSENT: Final = RESTRICTED | {("B", "00"), ("D#", "2"), ("D#", "3")}
"""No number: not available, from abroad, or for a technical reason."""


class CallerDigits:
    """Keys that come before a ring, and the caller they tell of."""

    def __init__(self) -> None:
        self.cut = 0
        """Numbers that were longer than ``MOST_DIGITS``."""
        self.spoilt = 0
        """Messages that were given up."""
        self.clear()

    def clear(self) -> None:
        """Forget what was heard: a call stands, or has ended."""
        self._state = S.NOTHING
        self._fields: dict[CallerState, str] = {}
        self._end = ""
        self._last = 0.0

    def key(self, key: str, now: float) -> None:
        """Take one key that was heard while nobody talks on the line."""
        if self._state is S.WHOLE or now - self._last > GAP_S:
            self.clear()
        self._last = now
        if self._state is S.SPOILT:
            return
        kind = "digit" if key.isdecimal() else key
        target = TABLE.get((self._state, kind), S.SPOILT)
        if target is S.SPOILT:
            self.spoilt += 1
        elif target is S.WHOLE:
            self._end = key
        else:
            digits = self._fields.get(target, "")
            self._fields[target] = digits + key if kind == "digit" else ""
        self._state = target

    def take(self, now: float) -> CallerIdentity | None:
        """The caller, once the line rings; None when no whole message was heard.

        A message whose end digit is missing is whole after a pause; one in which the ring
        breaks in is not, for then digits are missing too.
        """
        state, fields, end, age = self._state, self._fields, self._end, now - self._last
        self.clear()
        ended = state is S.WHOLE or (state in _FIELDS and age > GAP_S)
        if not ended or age > LASTS_S:
            return None
        return self._identity(fields, end)

    def _identity(self, fields: dict[CallerState, str], end: str) -> CallerIdentity | None:
        reason = ("B", fields.get(S.REASON, ""))
        number, diverted = fields.get(S.NUMBER, ""), fields.get(S.DIVERTED, "")
        if S.BARE in fields:
            number = fields[S.BARE] if len(fields[S.BARE]) >= LEAST_BARE else ""
        elif fields.keys() == {S.DIVERTED} and end == "#":
            reason, diverted = ("D#", diverted), ""
        elif fields.keys() == {S.DIVERTED}:
            number, diverted = diverted, ""
        if reason in ABSENT:
            number = ""
        elif not number:
            return None
        return CallerIdentity(
            ani=self._cut(number),
            redirecting=self._cut(diverted),
            restricted=reason in RESTRICTED,
        )

    def _cut(self, number: str) -> str:
        self.cut += len(number) > MOST_DIGITS
        return number[:MOST_DIGITS]
