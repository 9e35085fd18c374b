"""``callers.toml``: tiers of callers who come before others (green channel)."""

import re
from typing import Annotated, Final

import msgspec

from daemon.language import pick
from daemon.site_files.people import Slug
from daemon.site_files.queue_options import Seconds
from daemon.site_files.toml_table import TomlFile

FILE: Final = "callers.toml"
CALLING_NUMBER: Final = re.compile(r"(?=.)\+?[0-9A-Za-z._-]*\*?")


class TierEntry(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """``[[tiers]]``: callers who come before others, and to agents of their own first."""

    slug: Slug
    name: str = ""
    priority: Annotated[int, msgspec.Meta(ge=-10, le=10)] = 0
    """Added to the priority of their calls."""
    agents: tuple[Slug, ...] = ()
    """Logins of who is asked first; they must meet the queue's demands."""
    limit_s: Seconds = 0.0
    """How long a call waits for these agents alone; the wait counts afterwards."""
    keep_lines: Annotated[int, msgspec.Meta(ge=0, le=10_000)] = 0
    """Lines that callers without a tier may not take, so that these get through."""
    numbers: tuple[str, ...] = ()
    """Calling numbers as the network sends them; ``*`` at the end stands for any rest."""
    enabled: bool = True


class CallersFile(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """All of ``callers.toml``."""

    tiers: tuple[TierEntry, ...] = ()


def read_callers(toml: TomlFile) -> CallersFile | None:
    """Check and convert; faults stay in ``toml``, None when there are any."""
    found = toml.table((), CallersFile)
    if found is None:
        return None
    before = len(toml.faults)
    toml.repeated("tiers", "slug")
    owners: dict[str, str] = {}
    for index, tier in enumerate(found.tiers):
        path = ("tiers", index, "numbers")
        for number in tier.numbers:
            if not CALLING_NUMBER.fullmatch(number):
                toml.fault(
                    path,
                    pick(f"{number!r} is not a number", f"{number!r} 不是号码"),
                    pick("write digits, with * at the end for any rest", "请写数字，末尾可用 *"),
                )
            owner = owners.setdefault(number, tier.slug)
            if owner != tier.slug:
                toml.fault(
                    path,
                    pick(
                        f"{number!r} belongs to tier {owner!r} too", f"{number!r} 也属于 {owner!r}"
                    ),
                    pick("a number has one tier", "一个号码只能属于一个等级"),
                )
        if tier.limit_s and not tier.agents:
            toml.fault(
                ("tiers", index, "limit_s"),
                pick("there is nobody to wait for", "没有可等待的座席"),
                pick('add agents = ["login"]', '请添加 agents = ["login"]'),
            )
    return found if len(toml.faults) == before else None
