"""Whom drivers do not listen to, and how to listen again."""

from collections.abc import Iterator, Sequence

from daemon.control.controller import Controller
from daemon.service.errors import ServiceError
from daemon.service.messages import BanRow
from drivers.api import BanList, Guarded


def bans(controller: Controller) -> Sequence[BanRow]:
    """All bans that stand now, the newest first."""
    found = [
        BanRow(
            driver=driver,
            kind=entry.kind,
            name=entry.name,
            since=entry.since,
            until=entry.until,
            times=entry.times,
            reason=entry.reason,
        )
        for driver, held in _lists(controller)
        for entry in held.banned()
    ]
    return sorted(found, key=lambda row: row.since, reverse=True)


def release_ban(controller: Controller, name: str) -> None:
    """End the bans of a source or account at every driver; not-found when there is none."""
    if not sum(held.release(name) for _, held in _lists(controller)):
        raise ServiceError("not-found", f"{name} is not banned.", f"{name} 未被封禁。")


def _lists(controller: Controller) -> Iterator[tuple[str, BanList]]:
    for item in controller.lines.drivers:
        if isinstance(item.driver, Guarded):
            yield item.driver.name, item.driver.border
