"""Alarms that stand now. No I/O: who watches something raises and clears them by their kind."""

from collections.abc import Callable
from enum import StrEnum
from typing import Final

import structlog

from daemon.service.live import LiveAlarm

log = structlog.get_logger()


class AlarmKind(StrEnum):
    """What is wrong; the value is its name for monitors."""

    DISK_FULL = "disk-full"
    DISK_FAILED = "disk-failed"
    DISK_SLOW = "disk-slow"
    OVERLOAD = "overload"


TEXTS: Final[dict[AlarmKind, tuple[str, str]]] = {
    AlarmKind.DISK_FULL: (
        "The disk of the recordings is full or nearly so: recordings end early or are not made. "
        "Calls go on. Make room, or let old recordings go (keep_days).",
        "录音磁盘已满或即将写满：录音提前结束或无法进行。通话不受影响。请清理空间或设置保留天数 (keep_days)。",
    ),
    AlarmKind.DISK_FAILED: (
        "The disk of the recordings refuses to be written: recordings end early or are not made. "
        "Calls go on. Look at the disk and at its rights.",
        "录音磁盘拒绝写入：录音提前结束或无法进行。通话不受影响。请检查磁盘及其权限。",
    ),
    AlarmKind.DISK_SLOW: (
        "The disk of the recordings is too slow: recordings have gaps. Calls go on. "
        "See what else writes to it.",
        "录音磁盘过慢：录音有缺失。通话不受影响。请查看是否有其他程序在大量写盘。",
    ),
    AlarmKind.OVERLOAD: (
        "The media engine has no time for more calls: new ones are refused. "
        "Calls in progress go on.",
        "媒体引擎已满负荷：拒绝新的来电。进行中的通话不受影响。",
    ),
}


class Alarms:
    """The alarms of this control process; each kind stands at most once."""

    def __init__(self, clock: Callable[[], float]) -> None:
        self.changed: Callable[[], None] = lambda: None
        """Called whenever the alarms that stand are others than before."""
        self._clock = clock
        self._standing: dict[AlarmKind, LiveAlarm] = {}

    def standing(self) -> tuple[LiveAlarm, ...]:
        """The alarms that stand, the oldest first."""
        return tuple(self._standing.values())

    def stands(self, kind: AlarmKind) -> bool:
        """Whether an alarm of a kind stands."""
        return kind in self._standing

    def sound(self, kind: AlarmKind, **why: object) -> None:
        """Raise an alarm; ``why`` goes into the log. One that stands already stays as it is."""
        if kind in self._standing:
            return
        en, zh = TEXTS[kind]
        self._standing[kind] = LiveAlarm(kind=kind, since=self._clock(), en=en, zh=zh)
        log.error("alarm", alarm=kind.value, **why)
        self.changed()

    def clear(self, kind: AlarmKind) -> None:
        """Take an alarm back; nothing happens when it does not stand."""
        alarm = self._standing.pop(kind, None)
        if alarm is not None:
            lasted_s = round(self._clock() - alarm.since, 1)
            log.warning("alarm is over", alarm=kind.value, lasted_s=lasted_s)
            self.changed()
