"""Wrong passwords: who is refused by them, an account at one source, an account, or a source.

One telephone with an old password must not silence the office whose address it shares. So a
failure counts for its account at its source first, and for the source as a whole only when
several accounts fail there, or one that does not exist. Where offices are, a name that does not
exist is more likely misspelt than guessed, and counts as an account. Nothing here reads a clock.
"""

import ipaddress
from collections.abc import Callable, Iterable
from typing import Any, Final, NamedTuple

from drivers.errors import OptionsError
from drivers.sip.transport.bans import KEPT, REMEMBERED_S, Ban, Bans

WINDOW: Final = 600.0  # s in which wrong passwords for one account add up
SEVERAL: Final = 3
"""Accounts that fail at one source within the window before the source itself is to blame."""
SEVERAL_IN_OFFICE: Final = 20
"""The same where offices are: telephones that were all set up wrongly are not a scanner."""
PRIVATE: Final = ("10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "fc00::/7", "fe80::/10")
"""RFC 1918, RFC 4193 and link-local addresses: whoever comes from there is one of ours."""


class Counted(NamedTuple):
    """What a wrong password led to."""

    blames_source: bool
    """Whether it is an offence of the source as a whole."""
    banned: str
    """What is refused from now on: an account, or ``account from source``; else empty."""


class Guesses:
    """Wrong passwords by account and source; what is refused gets no hint whether one was right."""

    def __init__(
        self,
        *,
        at_source: Bans,
        accounts: Bans,
        is_account: Callable[[str], bool],
        is_registered: Callable[[str, str], bool],
        is_office: Callable[[str], bool] = lambda host: False,
    ) -> None:
        self._at_source = at_source
        self._accounts = accounts
        self._is_account = is_account
        self._is_registered = is_registered
        self._is_office = is_office
        self._failing: dict[str, dict[str, float]] = {}
        """Accounts that failed at a source and when they last did; the source heard last is last."""
        self._proved: dict[str, float] = {}
        """When a source last brought a right password."""

    def wrong(self, account: str, host: str, now: float) -> Counted:
        """Count a wrong password; ``account`` is empty when none could be read."""
        office = self._is_office(host)
        several = self._note(account, host, now, SEVERAL_IN_OFFICE if office else SEVERAL)
        trusted = self._is_account(account) or self._has_proved(host, now) or (office and account)
        blames_source = several or not trusted
        if not account or self._is_registered(account, host):
            return Counted(blames_source, "")
        pair = name_at(account, host)
        if self._at_source.blame(pair, now, reason="wrong passwords"):
            return Counted(blames_source, pair)
        # Refused there already: more of it must not cost the account its other places.
        refused = self._at_source.is_banned(pair, now)
        if not refused and self._accounts.blame(account, now, reason="wrong passwords"):
            return Counted(blames_source, account)
        return Counted(blames_source, "")

    def right(self, account: str, host: str, now: float) -> None:
        """Take note of a right password: earlier failures of the account there are forgiven."""
        self._at_source.pardon(name_at(account, host))
        names = self._failing.get(host)
        if names is not None:
            names.pop(account, None)
        self._proved.pop(host, None)
        _make_room(self._proved)
        self._proved[host] = now

    def wait(self, account: str, host: str, now: float) -> float:
        """Seconds for which an account is refused at this source; 0 when it is heard.

        Its own telephones are heard all the same: nobody who guesses may silence them.
        """
        at_source = self._at_source.left(name_at(account, host), now)
        left = max(at_source, self._accounts.left(account, now))
        return 0.0 if left and self._is_registered(account, host) else left

    def active(self, now: float) -> list[Ban]:
        """Bans of accounts, everywhere and at one source, that stand now."""
        return [*self._accounts.active(now), *self._at_source.active(now)]

    def release(self, name: str) -> bool:
        """End a ban by the name that it is shown with; False when there was none."""
        found = self._accounts.release(name)
        return self._at_source.release(name) or found

    def left(self, name: str, now: float) -> float:
        """Seconds that the ban of this name still lasts."""
        return max(self._accounts.left(name, now), self._at_source.left(name, now))

    def _note(self, account: str, host: str, now: float, enough: int) -> bool:
        """Whether several accounts failed at this source lately, with this one."""
        names = self._failing.pop(host, {})
        names = {name: at for name, at in names.items() if now - at <= WINDOW and name != account}
        while len(names) >= enough:
            del names[next(iter(names))]
        names[account] = now
        _make_room(self._failing)
        self._failing[host] = names
        return len(names) >= enough

    def _has_proved(self, host: str, now: float) -> bool:
        proved = self._proved.get(host)
        return proved is not None and now - proved < REMEMBERED_S


def office_test(networks: Iterable[str]) -> Callable[[str], bool]:
    """Whether a source lies in one of these networks; ValueError when one cannot be read."""
    read = [ipaddress.ip_network(text, strict=False) for text in networks]

    def is_office(host: str) -> bool:
        if not read:
            return False
        address = ipaddress.ip_address(host.partition("%")[0])
        return any(address in network for network in read)

    return is_office


def office_faults(networks: Iterable[str]) -> list[OptionsError]:
    """What is wrong with the networks of the offices."""
    found = []
    for text in networks:
        try:
            whole = ipaddress.ip_network(text, strict=False).prefixlen == 0
        except ValueError:
            whole = True
        if whole:
            en = f"{text!r} is no network of yours; write 192.0.2.7 or 192.0.2.0/24"
            zh = f"{text!r} 不是贵单位的网段；请写如 192.0.2.7 或 192.0.2.0/24"
            found.append(OptionsError("offices", en, zh))
    return found


def name_at(account: str, host: str) -> str:
    """How an account at one source is called where bans are shown and released."""
    return f"{account} from {host}"


def _make_room(kept: dict[str, Any]) -> None:
    """Forget the source heard longest ago when there are too many."""
    if len(kept) >= KEPT:
        del kept[next(iter(kept))]
