"""Watches the media engine: its load, how late it is, what it dropped and whom it refused."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Final, Protocol

import structlog

from daemon.control.alarms.standing import AlarmKind, Alarms
from drivers.errors import DriverError

log = structlog.get_logger()

LOOK_S: Final = 5.0
QUIET_S: Final = 30.0  # s without a refusal before the alarm may end
CALM: Final = 0.6  # of the engine's time; it refuses new legs above 0.7 (daemon/media/ports.py)
REFUSED: Final = "ports_refused_overload"
SHOWN: Final = (
    ("load_percent", "load", 100.0),
    ("late_ticks", "late_ticks", 1.0),
    ("worst_late_ms", "worst_late_us", 0.001),
    ("skipped_ticks", "skipped_ticks", 1.0),
    ("events_lost", "events_lost", 1.0),
    ("ports", "ports", 1.0),
    ("refused", REFUSED, 1.0),
    ("gap_ms", "recordings_gap_ms", 1.0),
    ("prompts", "mapped_prompts", 1.0),
    ("prompts_mb", "mapped_bytes", 1e-6),
)
"""What a technician sees: its name, the engine's name of it, and the scale."""


class CountingMedia(Protocol):
    """Media, as far as its figures are read."""

    def counters(self) -> Awaitable[dict[str, float]]:
        """Counts and load of the engine."""


class EngineWatch:
    """Reads the engine's figures every few seconds."""

    def __init__(self, alarms: Alarms, media: CountingMedia, clock: Callable[[], float]) -> None:
        self._alarms = alarms
        self._media = media
        self._clock = clock
        self._refused: float | None = None
        """None before the first look: refusals of before are no news."""
        self._last_refusal = 0.0
        self._shown: dict[str, float] = {}

    def figures(self) -> dict[str, float]:
        """What was seen last; nothing while media is away."""
        return self._shown

    async def run(self) -> None:
        """Look until cancelled."""
        while True:
            try:
                self.seen(await self._media.counters())
            except DriverError as error:
                self._shown = {}
                log.info("no figures of media", why=str(error))
            await asyncio.sleep(LOOK_S)

    def seen(self, found: dict[str, float]) -> None:
        """Judge the engine's counters."""
        self._shown = {
            name: round(found[key] * scale, 2) for name, key, scale in SHOWN if key in found
        }
        refused, before = found.get(REFUSED, 0.0), self._refused
        self._refused = refused
        # Fewer than before: the media process is a new one.
        if before is not None and refused > (before if refused >= before else 0.0):
            self._last_refusal = self._clock()
            self._alarms.sound(AlarmKind.OVERLOAD, load=found.get("load"), refused=refused)
        elif found.get("load", 0.0) <= CALM and self._clock() - self._last_refusal >= QUIET_S:
            self._alarms.clear(AlarmKind.OVERLOAD)
