"""Who is not listened to for a while: sources and accounts, each time longer; nftables sets.

Nothing here reads a clock. The owner says who must never be banned.
"""

import ipaddress
import re
from collections.abc import Callable, Iterable
from typing import Final

import msgspec

KEPT: Final = 4096
"""Names with offences, and banned names, that are remembered at the same time."""
REMEMBERED_S: Final = 86_400.0  # s after its end for which a ban makes the next one longer
_ELEMENT: Final = re.compile(r"([0-9A-Fa-f.:]{2,45}) timeout ([0-9]{1,7})s")
DOUBLINGS: Final = 6  # how often a ban can double: from ten minutes to over ten hours


class Ban(msgspec.Struct, frozen=True):
    """One name that is not listened to, or was not lately."""

    name: str
    since: float
    until: float
    times: int
    """How often it was banned, each time within a day after the last ban's end."""
    reason: str


class Bans:
    """Names, such as addresses or accounts, that are not listened to for a while."""

    def __init__(
        self,
        *,
        after: int,
        seconds: float,
        may_ban: Callable[[str], bool],
        window: float = 60.0,
    ) -> None:
        self._after = after
        self._seconds = seconds
        self._may_ban = may_ban
        self._window = window
        self._offences: dict[str, tuple[int, float]] = {}
        self._bans: dict[str, Ban] = {}
        """Present ones, and past ones that still count; the oldest first."""

    def blame(self, name: str, now: float, *, offences: int = 1, reason: str = "") -> bool:
        """Count an offence; True when the name is banned by it."""
        if self._after <= 0 or self.left(name, now) > 0:
            return False
        before, since = self._offences.pop(name, (0, now))
        if now - since > self._window:
            before, since = 0, now
        if before + offences < self._after:
            if len(self._offences) >= KEPT:
                del self._offences[next(iter(self._offences))]
            self._offences[name] = before + offences, since
            return False
        if not self._may_ban(name):
            return False
        last = self._bans.pop(name, None)
        if len(self._bans) >= KEPT:
            del self._bans[next(iter(self._bans))]
        again = last is not None and now - last.until < REMEMBERED_S
        times = last.times + 1 if last is not None and again else 1
        length = self._seconds * 2 ** min(times - 1, DOUBLINGS)
        self._bans[name] = Ban(name, now, now + length, times, reason)
        return True

    def pardon(self, name: str) -> None:
        """Forget the offences of one that proved who it is."""
        self._offences.pop(name, None)

    def release(self, name: str) -> bool:
        """End a ban and forget all there was; False when there was none."""
        self._offences.pop(name, None)
        return self._bans.pop(name, None) is not None

    def left(self, name: str, now: float) -> float:
        """Seconds for which the name is not listened to; 0 when it is."""
        if not self._bans:
            return 0.0
        ban = self._bans.get(name)
        return 0.0 if ban is None else max(ban.until - now, 0.0)

    def is_banned(self, name: str, now: float) -> bool:
        """Whether the name is not listened to now."""
        return bool(self._bans) and self.left(name, now) > 0

    def active(self, now: float) -> list[Ban]:
        """Bans that stand now, the oldest first."""
        return [ban for ban in self._bans.values() if ban.until > now]


def nftables(banned: Iterable[tuple[str, float]]) -> str:
    """An nftables script that makes two sets hold exactly these sources, with their time left.

    ``nft -f`` reads it; rules such as ``ip saddr @sip_banned_v4 drop`` are the administrator's.
    """
    sources: dict[int, list[str]] = {4: [], 6: []}
    for host, left in banned:
        address = ipaddress.ip_address(host.partition("%")[0])
        sources[address.version].append(f"{address} timeout {max(1, round(left))}s")
    lines = ["add table inet hookflash"]
    for version, entries in sources.items():
        name = f"inet hookflash sip_banned_v{version}"
        lines.append(f"add set {name} {{ type ipv{version}_addr; flags timeout; }}")
        lines.append(f"flush set {name}")
        if entries:
            lines.append(f"add element {name} {{ {', '.join(entries)} }}")
    return "\n".join(lines) + "\n"


def banned_in(script: str) -> list[tuple[str, float]]:
    """Sources and seconds of a script that ``nftables`` wrote; nothing else of it is believed."""
    found = []
    for host, left in _ELEMENT.findall(script)[: 2 * KEPT]:
        try:
            found.append((str(ipaddress.ip_address(host)), float(left)))
        except ValueError:
            continue
    return found
