"""What ``hookflash check`` says of the machine: rights, room for recordings, and, while the
hotline runs, what it says of itself."""

import asyncio
import os
from collections.abc import Iterator

from daemon.config import FILE
from daemon.errors import Fault
from daemon.language import pick
from daemon.machine.interpreter import why_slow
from daemon.machine.libraries import LIBRARIES, missing_for
from daemon.machine.rights import RIGHTS, missing_here
from daemon.readiness import endpoints
from daemon.service.errors import ServiceError
from daemon.service.live import LiveAlarm
from daemon.service.socket_client import ServiceClient
from daemon.site_directory import SiteDirectory

PATIENCE_S = 3.0
MIB = 1 << 20


def condition(site: SiteDirectory) -> tuple[list[Fault], list[Fault]]:
    """Faults and notes of the machine for a site."""
    faults = [
        Fault(file="system", key=alarm.kind, what=pick(alarm.en, alarm.zh))
        for alarm in _standing(site)
    ]
    return faults, [*_lacks(site), *_room(site), *_interpreter()]


def _lacks(site: SiteDirectory) -> Iterator[Fault]:
    """As the media process was told, or, while none runs, as this user would be."""
    told = endpoints(site.run_dir, "media")
    known = told.get("missing")
    running = isinstance(known, list) and _runs(told.get("pid"))
    if not running or not isinstance(known, list):
        known = [*missing_here(), *missing_for(site.config)]
    for name in known:
        if name in LIBRARIES:
            what, _, todo = pick(*LIBRARIES[name]).partition(pick(". ", "。"))
            yield Fault(file="system", key=name, what=what, todo=todo)
        elif name in RIGHTS:
            what, _, todo = pick(*RIGHTS[name]).partition(pick(". ", "。"))
            here = pick(" (for this user)", "（当前用户）")
            yield Fault(file="system", key=name, what=what + ("" if running else here), todo=todo)


def _interpreter() -> Iterator[Fault]:
    why = why_slow()
    if why:
        yield Fault(
            file="system",
            key="python",
            what=pick(
                f"this Python was compiled without optimisation ({why}): everything is slow",
                f"此 Python 编译时未优化（{why}），运行缓慢",
            ),
            todo=pick("use the system's Python", "请使用系统自带的 Python"),
        )


def _runs(pid: object) -> bool:
    return isinstance(pid, int) and os.path.isdir(f"/proc/{pid}")


def _room(site: SiteDirectory) -> Iterator[Fault]:
    least = site.config.recordings.alarm_free_mb
    found = os.statvfs(site.recordings)
    free = found.f_bavail * found.f_frsize // MIB
    if free < least:
        yield Fault(
            file=FILE,
            section="recordings",
            key="alarm_free_mb",
            what=pick(
                f"{free} MiB are free for recordings, less than {least}",
                f"录音可用空间 {free} MiB，低于 {least} MiB",
            ),
            todo=pick(
                "make room, or let old recordings go (keep_days)",
                "请清理空间或设置保留天数 (keep_days)",
            ),
        )


def _standing(site: SiteDirectory) -> tuple[LiveAlarm, ...]:
    """Alarms of the running hotline; none when it does not run."""
    path = site.socket("control")
    if not path.exists():
        return ()

    async def ask() -> tuple[LiveAlarm, ...]:
        client = ServiceClient(path, connect_s=PATIENCE_S, request_s=PATIENCE_S)
        try:
            return (await client.service.live()).alarms
        except ServiceError:
            return ()  # it stops, or belongs to another user: then its pages say it
        finally:
            await client.close()

    return asyncio.run(ask())
