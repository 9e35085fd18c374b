"""Message-waiting lamps over a link on which success is silent. No I/O, no clock.

Only the newest wish for a station counts. Commands keep a distance. A refusal INV is a
fault of configuration and ends the matter; a refusal BLK means "not now" at some exchanges
and "already so" at others, so it is tried again a few times and then believed.
"""

from collections import Counter, OrderedDict
from enum import Enum, auto
from typing import NamedTuple

import msgspec

from drivers.ctilink.smdi import LampRefused, lamp_command

BLOCKED_RETRIES_S = (60.0, 300.0, 900.0, 3600.0, 3600.0)
REFUSAL_WINDOW_S = 5.0
"""A command without a refusal for this long counts as carried out."""
LARGEST_QUEUE = 10_000
"""Stations known at most; the one untouched for longest is forgotten."""


class LampAlarm(msgspec.Struct, frozen=True):
    """A lamp cannot be set because of a wrong number or a wrong desk."""

    station: str
    whole_link: bool
    """No lamp of this link was ever accepted: number length or desk is configured wrong."""


class LampCommand(NamedTuple):
    """A command that may be sent now."""

    station: str
    data: bytes


class _Phase(Enum):
    QUEUED = auto()
    SENT = auto()
    REACHED = auto()
    BLOCKED = auto()
    """To be tried again."""
    REFUSED = auto()


class _Lamp(msgspec.Struct):
    on: bool
    phase: _Phase
    at: float = 0.0
    """SENT: when; BLOCKED: next attempt."""
    blocked: int = 0


class LampQueue:
    """The wanted state of every lamp of one link, and what must be sent when."""

    def __init__(self, *, pause_s: float = 0.1, strip_digits: int = 0) -> None:
        self.counts: Counter[str] = Counter()
        self._pause_s = pause_s
        self._strip = strip_digits
        self._lamps: OrderedDict[str, _Lamp] = OrderedDict()
        self._queue: OrderedDict[str, None] = OrderedDict()
        self._sent: OrderedDict[str, None] = OrderedDict()
        """Within the refusal window, oldest first."""
        self._blocked: dict[str, None] = {}
        self._next_send = 0.0
        self._link_alarm = False
        self._ever_reached = False

    def set(self, station: str, *, on: bool, now: float) -> None:
        """Wish a lamp on or off; replaces an older wish. StationError if it is no number."""
        lamp_command(station, on=on)
        self._settle(now)
        lamp = self._lamps.get(station)
        if lamp is not None and lamp.phase is _Phase.REFUSED:
            lamp.on = on
            self.counts["not_sent_refused_before"] += 1
            return
        if lamp is not None and lamp.phase is _Phase.QUEUED:
            self.counts["coalesced"] += 1
        if lamp is not None and lamp.phase is _Phase.BLOCKED and lamp.on == on:
            return
        self._lamps[station] = lamp = _Lamp(on, _Phase.QUEUED)
        self._lamps.move_to_end(station)
        self._enter(station, lamp, _Phase.QUEUED)
        if len(self._lamps) > LARGEST_QUEUE:
            forgotten, old = self._lamps.popitem(last=False)
            self._enter(forgotten, old, _Phase.REACHED)
            self.counts["forgotten"] += 1

    def audit(self) -> None:
        """Set every lamp again, refused ones too: the exchange may have been repaired."""
        for station, lamp in self._lamps.items():
            lamp.blocked = 0
            self._enter(station, lamp, _Phase.QUEUED)
        self._link_alarm = False
        self.counts["audits"] += 1

    def deadline(self) -> float | None:
        """When ``due`` has something to do next; None while nothing is wanted."""
        times = [self._lamps[station].at for station in self._blocked]
        if self._queue:
            times.append(self._next_send)
        return min(times, default=None)

    def due(self, now: float) -> LampCommand | None:
        """The one command that may be sent now; call again until None."""
        self._settle(now)
        for station in [name for name in self._blocked if self._lamps[name].at <= now]:
            self._enter(station, self._lamps[station], _Phase.QUEUED)
            self.counts["retried"] += 1
        if not self._queue or now < self._next_send:
            return None
        station = next(iter(self._queue))
        lamp = self._lamps[station]
        self._enter(station, lamp, _Phase.SENT)
        lamp.at = now
        self._next_send = now + self._pause_s
        self.counts["sent"] += 1
        return LampCommand(station, lamp_command(station, on=lamp.on, strip_digits=self._strip))

    def not_sent(self, command: LampCommand) -> None:
        """The link failed under a command that ``due`` gave: it is due again."""
        lamp = self._lamps.get(command.station)
        if lamp is not None and lamp.phase is _Phase.SENT:
            self._enter(command.station, lamp, _Phase.QUEUED)

    def refused(self, refusal: LampRefused, now: float) -> LampAlarm | None:
        """Take a refusal; the alarm to raise, if it is the first of its kind."""
        self._settle(now)
        station = self._known(refusal.station)
        lamp = self._lamps.get(station)
        if lamp is None or lamp.phase is not _Phase.SENT:
            # For nothing we commanded, or it came after the window: the newest wish stands.
            self.counts["refusals_ignored"] += 1
            return None
        if refusal.cause == "BLK":
            self._try_again(station, lamp, now)
            return None
        self._enter(station, lamp, _Phase.REFUSED)
        self.counts["refused"] += 1
        if self._ever_reached:
            return LampAlarm(station, whole_link=False)
        if self._link_alarm:
            return None
        self._link_alarm = True
        return LampAlarm(station, whole_link=True)

    def states(self) -> dict[str, str]:
        """Every known station with its phase in lower case, for pages and tests."""
        return {station: lamp.phase.name.lower() for station, lamp in self._lamps.items()}

    def _enter(self, station: str, lamp: _Lamp, phase: _Phase) -> None:
        for phased in (self._queue, self._sent, self._blocked):
            phased.pop(station, None)
        lamp.phase = phase
        if phase is _Phase.QUEUED:
            self._queue[station] = None
        elif phase is _Phase.SENT:
            self._sent[station] = None
        elif phase is _Phase.BLOCKED:
            self._blocked[station] = None

    def _try_again(self, station: str, lamp: _Lamp, now: float) -> None:
        self.counts["blocked"] += 1
        if lamp.blocked >= len(BLOCKED_RETRIES_S):
            self._enter(station, lamp, _Phase.REACHED)
            self.counts["blocked_believed"] += 1
            return
        self._enter(station, lamp, _Phase.BLOCKED)
        lamp.at = now + BLOCKED_RETRIES_S[lamp.blocked]
        lamp.blocked += 1

    def _known(self, station: str) -> str:
        """The station as it was wished: the exchange repeats what was sent."""
        if self._strip and station not in self._lamps:
            return station[self._strip :]
        return station

    def _settle(self, now: float) -> None:
        """Believe in commands whose refusal would have come by now."""
        while self._sent:
            station = next(iter(self._sent))
            lamp = self._lamps[station]
            if now - lamp.at < REFUSAL_WINDOW_S:
                return
            self._enter(station, lamp, _Phase.REACHED)
            self._ever_reached = True
