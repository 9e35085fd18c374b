"""What a called number leads to: a flow or a queue, by number and opening hours."""

from collections.abc import Iterable, Mapping

import msgspec

from acd_core.opening_hours import OpeningHours


class NumberEntry(msgspec.Struct, frozen=True, kw_only=True):
    """One called number as configured."""

    number: str
    """Verbatim; ``*`` at the end stands for any rest, alone for every number."""
    flow: str = ""
    queue: str = ""
    calendar: str = ""
    closed_flow: str = ""
    language: str = "en"


class Target(msgspec.Struct, frozen=True, kw_only=True):
    """Where a call goes; without flow and queue it is refused politely."""

    flow: str = ""
    queue: str = ""
    language: str = "en"
    closed: bool = False


class DialPlan:
    """Finds the target of a called number; replaced whole when numbers change."""

    def __init__(
        self, numbers: Iterable[NumberEntry], calendars: Mapping[str, OpeningHours]
    ) -> None:
        self._exact: dict[str, NumberEntry] = {}
        self._prefixes: list[tuple[str, NumberEntry]] = []
        self._calendars = dict(calendars)
        for entry in numbers:
            if entry.number.endswith("*"):
                self._prefixes.append((entry.number[:-1], entry))
            else:
                self._exact[entry.number] = entry
        # The longest prefix wins, then the order of the text: never the order of a hash.
        self._prefixes.sort(key=lambda item: (-len(item[0]), item[0]))

    def names(self, dnis: str) -> bool:
        """Whether a number is listed itself, not only by its beginning."""
        return dnis in self._exact

    def find(self, dnis: str, now: float) -> Target | None:
        """The target of a called number at a moment; None when nobody has that number."""
        entry = self._exact.get(dnis)
        if entry is None:
            entry = next((e for prefix, e in self._prefixes if dnis.startswith(prefix)), None)
        if entry is None:
            return None
        hours = self._calendars.get(entry.calendar) if entry.calendar else None
        if hours is not None and not hours.open_at(now):
            return Target(flow=entry.closed_flow, language=entry.language, closed=True)
        return Target(flow=entry.flow, queue=entry.queue, language=entry.language)
