"""Between the network and the core: the guard, the sockets, and what both tell the core."""

import asyncio
from collections.abc import Callable, Iterable
from pathlib import Path
from random import Random
from typing import Final

import structlog

from drivers.api import BanEntry
from drivers.sip.core.endpoint import SipCore
from drivers.sip.core.happenings import Happening
from drivers.sip.core.timers import NEVER
from drivers.sip.options import SipOptions, TrunkOptions
from drivers.sip.streams.pool import StreamUser
from drivers.sip.transport.address import Address
from drivers.sip.transport.bans import Bans, nftables
from drivers.sip.transport.dns_lookup import DnsLookup
from drivers.sip.transport.guard import FloodGuard, Guard
from drivers.sip.transport.guesses import WINDOW, Guesses, office_test
from drivers.sip.transport.keep_alive import answer
from drivers.sip.transport.resolver import Lookup, Resolver
from drivers.sip.transport.targets import host_and_port, is_address
from drivers.sip.transport.transports import Transports
from drivers.sip.trunks.faults import TRUNK_TRANSPORTS

log = structlog.get_logger()

NAMES_KEPT: Final = 1024
CHANGED: Final = ".changed"  # behind the name of the bans file: what it holds is not loaded yet
TIMER_GRAIN: Final = 0.02  # s; deadlines closer together than this share one wake-up


def nothing() -> None:
    """For journals that have a record as soon as it is given to them."""


class Border:
    """Every message crosses here, in and out; ``tell`` hears what happened in the core.

    ``settle`` is called before messages leave, and brings the records of what they say to where
    a kill leaves them. It must not raise.
    """

    def __init__(
        self,
        options: SipOptions,
        core: SipCore,
        *,
        clock: Callable[[], float],
        tell: Callable[[Happening], None],
        rng: Random,
        folder: Path,
        settle: Callable[[], None] = nothing,
    ) -> None:
        self._options = options
        self._core = core
        self._clock = clock
        self._tell = tell
        self._loop: asyncio.AbstractEventLoop | None = None
        self._settle = settle
        self._timer: asyncio.TimerHandle | None = None
        self._timer_at = NEVER
        self._busy = False
        self._gathers = False  # more is on its way in, and what is to leave leaves together
        self._stopped = False
        count = core.services.count
        self._bans_path = folder / options.bans_file if options.bans_file else None
        self._writing: asyncio.Task[None] | None = None
        self._bans_changed = False
        self._names: dict[str, str] = {}
        self._fixed = fixed_gateways(options.trunks)
        self._led = dict(self._fixed)
        self._gateways = {trunk.name: named_gateways(trunk) for trunk in options.trunks}
        self._rng = rng
        self._looks_up: Resolver | None = None
        self.guard = Guard(
            FloodGuard(self._rate_of, burst=options.source_burst),
            Bans(after=options.ban_after, seconds=options.ban_s, may_ban=self._may_ban),
            is_trunk=lambda host: self._trunk_at(host) is not None,
            count=count,
            banned=self._banned,
            awaits=lambda request: request in core.services.transactions.clients,
        )
        self.guesses = Guesses(
            at_source=_bans_of_names(options.ban_after, options.ban_s),
            accounts=_bans_of_names(options.account_ban_after, options.account_ban_s),
            is_account=lambda account: account in core.incoming.accounts,
            is_registered=self._is_registered,
            is_office=office_test(options.offices),
        )
        self.transports = Transports(
            options,
            datagrams=self._datagrams,
            streams=StreamUser(
                received=self._message,
                unreachable=self._unreachable,
                lost=self._lost,
                admits=lambda host: self.guard.admits(host, clock()),
                blame=self._blame,
                certificate_for=self._certificate_for,
                count=count,
                clock=clock,
            ),
            rng=rng,
            folder=folder,
        )
        core.services.blame = self._blame
        core.services.right_password = self._right_password
        core.services.wrong_password = self._wrong_password
        core.services.account_wait = self._account_wait

    async def open(self) -> None:
        """Open every listener and tell the core where they are."""
        await self.transports.open()
        services = self._core.services
        services.set_address(*self.transports.core_place())
        services.is_open = self.transports.is_open
        by_tcp = any(transport == "tcp" for transport, _, _ in self.transports.places)
        services.transactions.large_by_tcp = self._options.large_by_tcp and by_tcp

    async def close(self) -> None:
        """Close every socket."""
        await self.transports.close()
        if self._writing is not None:
            await self._writing

    async def places(self, trunk_name: str) -> list[Address]:
        """Where the name in a trunk's target leads; nothing for an address, or when unknown.

        Names of its other gateways are looked up too, and their places kept with them.
        """
        trunk = self._core.services.trunk(trunk_name)
        if trunk is None:
            return []
        named = self._gateways[trunk_name]
        if named:
            work = (self._places(trunk, target) for _, target in named)
            for (index, _), places in zip(named, await asyncio.gather(*work), strict=True):
                if self._core.trunks[trunk_name].lead(index, places):
                    self._core.incoming.sources.forget()
        return await self._places(trunk, trunk.target) if trunk.target else []

    async def _places(self, trunk: TrunkOptions, target: str) -> list[Address]:
        host, port = host_and_port(target)
        if is_address(host):
            return []
        found = await self._resolver().resolve(host, port=port, transport=trunk.transport)
        if not found:
            self._core.services.count("name_unknown")
            log.warning("trunk leads nowhere", trunk=trunk.name, name=host)
        for place in found:
            if len(self._names) >= NAMES_KEPT:
                self._names.clear()
                self._led = dict(self._fixed)
            self._led.setdefault(place.host, trunk.name)
            # The certificate is compared with the name we were told, not with what DNS says.
            self._names[place.host] = host
        return found

    def look_up(self, lookup: Lookup) -> Resolver:
        """Use these questions to find places, instead of the host's name servers."""
        transports = {place[0] for place in self.transports.places}
        usable = [name for name in TRUNK_TRANSPORTS if name in transports]
        self._looks_up = Resolver(lookup, self._rng, transports=usable)
        return self._looks_up

    def _resolver(self) -> Resolver:
        if self._looks_up is not None:
            return self._looks_up
        versions = sorted({6 if ":" in place[1] else 4 for place in self.transports.places})
        dns = DnsLookup(servers=self._options.name_servers, versions=versions)
        return self.look_up(dns.lookup())

    def counters(self) -> dict[str, int]:
        """What was dropped before the parser, and what is held at this moment."""
        core, streams = self._core, self.transports.streams
        transactions = core.services.transactions
        return {
            "transactions_open": len(transactions.servers) + len(transactions.clients),
            "registrations_now": len(core.registrar.records()),
            "subscriptions_open": len(core.watching),
            "connections_open": 0 if streams is None else len(streams.flows),
            "flood_dropped": self.guard.flood.dropped,
            "socket_errors": self.transports.errors,
            "sources_banned_now": len(self.guard.bans.active(self._clock())),
            "accounts_banned_now": len(self.guesses.active(self._clock())),
        }

    def banned(self) -> list[BanEntry]:
        """Sources and accounts that are not listened to now."""
        now = self._clock()
        return [
            BanEntry(kind, ban.name, ban.since, ban.until, ban.times, ban.reason)
            for kind, bans in (("source", self.guard.bans), ("account", self.guesses))
            for ban in bans.active(now)
        ]

    def release(self, name: str) -> bool:
        """Listen to a source or account again; False when it was not banned."""
        if found := self.guard.bans.release(name):
            self._export()
        return self.guesses.release(name) or found

    def flush(self) -> None:
        """Send what the core has to send, tell what it has to tell, set the timer."""
        if self._busy:
            return
        self._busy = True
        core, transports = self._core, self.transports
        try:
            while True:
                if not self._gathers and (leaving := core.take_out()):
                    self._settle()
                    for data, address in leaving:
                        transports.send(data, address)
                happened = core.take_happenings()
                if not happened:
                    break
                for one in happened:
                    self._tell(one)
        finally:
            self._busy = False
        self._set_timer()

    def stop(self) -> None:
        """Wait for no deadline any more."""
        self._stopped = True
        if self._timer is not None:
            self._timer.cancel()

    def _set_timer(self) -> None:
        # Most deadlines are stopped long before they come: an early look now and then is
        # cheaper than to know after each message which one is the first.
        deadline = self._core.services.timers.not_before
        if deadline >= self._timer_at or self._stopped:
            return
        if self._timer is not None:
            self._timer.cancel()
        self._timer_at = deadline
        delay = max(deadline - self._clock(), TIMER_GRAIN)
        if self._loop is None:
            self._loop = asyncio.get_running_loop()
        self._timer = self._loop.call_later(delay, self._wake)

    def _wake(self) -> None:
        self._timer, self._timer_at = None, NEVER
        try:
            self._core.advance(self._clock())
        finally:  # a fault of one deadline is not that of others
            self.flush()

    # What arrives

    def _datagrams(self, found: list[tuple[bytes, Address]]) -> None:
        self._gathers = True  # records of all are written together, before anything leaves
        rest = iter(found)
        try:
            for data, source in rest:
                self._datagram(data, source)
        finally:
            self._gathers = False
            if left := list(rest):  # a fault that one of them shows is not the others'
                asyncio.get_running_loop().call_soon(self._datagrams, left)
            self.flush()

    def _datagram(self, data: bytes, source: Address) -> None:
        now = self._clock()
        if not self.guard.passes(data, source.host, now):
            return
        # No SIP message begins so.
        if data < b"A" and (reply := answer(data, source.host, source.port)) is not None:
            self._core.services.count("keep_alives")
            if reply:
                self.transports.send_as_it_is(reply, source)
            return
        self._core.receive(data, source, now)
        self.flush()

    def _message(self, data: bytes, source: Address) -> bool:
        now = self._clock()
        if not self.guard.passes(data, source.host, now):
            return False
        self._core.receive(data, source, now)
        self.flush()
        return True

    def _unreachable(self, address: Address) -> None:
        self._core.services.timers.now = self._clock()
        self._core.services.transactions.unreachable(address)
        self.flush()

    def _lost(self, address: Address) -> None:
        self._core.services.timers.now = self._clock()
        self._core.flow_lost(address)
        self.flush()

    # What the guard asks

    def _trunk_at(self, host: str) -> TrunkOptions | None:
        """The trunk that calls from there, or whose calls go there.

        The latter alone gives no right to call, but it is no stranger either.
        """
        peer = self._core.incoming.trunk_at(host)
        name = self._led.get(host) if peer is None else peer.name
        return None if name is None else self._core.services.trunk(name)

    def _rate_of(self, host: str) -> float:
        trunk = self._trunk_at(host)
        return self._options.source_limit_per_s if trunk is None else trunk.limit_per_s

    def _certificate_for(self, host: str, accepted: bool) -> str:  # noqa: FBT001
        trunk = self._trunk_at(host)
        if trunk is not None and trunk.tls_name:
            return trunk.tls_name
        return "" if accepted else self._names.get(host, host)

    def _may_ban(self, host: str) -> bool:
        return not self._core.registrar.is_at(host)

    def _blame(self, host: str, reason: str) -> None:
        self.guard.blame(host, self._clock(), reason)

    def _is_registered(self, account: str, host: str) -> bool:
        """Whether a telephone of this account is registered from there now."""
        return any(b.source.host == host for b in self._core.registrar.find_all(account))

    def _account_wait(self, account: str, host: str) -> float:
        return self.guesses.wait(account, host, self._clock())

    def _wrong_password(self, account: str, host: str) -> None:
        now = self._clock()
        counted = self.guesses.wrong(account, host, now)
        if counted.blames_source:
            self.guard.blame(host, now, "wrong password")
        if counted.banned:
            self._core.services.count("accounts_banned")
            left = self.guesses.left(counted.banned, now)
            log.warning("sip account banned", account=counted.banned, source=host, seconds=left)

    def _right_password(self, account: str, host: str) -> None:
        self.guard.bans.pardon(host)
        self.guesses.right(account, host, self._clock())

    def _banned(self, host: str, reason: str) -> None:
        left = self.guard.bans.left(host, self._clock())
        log.warning("sip source banned", source=host, reason=reason, seconds=round(left))
        self._export()

    def _export(self) -> None:
        """Write the bans file, when one is wanted."""
        self._bans_changed = True
        if self._bans_path is not None and (self._writing is None or self._writing.done()):
            work = self._write_bans(self._bans_path)
            self._writing = asyncio.create_task(work, name="sip bans file")

    async def _write_bans(self, path: Path) -> None:
        while self._bans_changed:  # also by a ban that came while the file was written
            self._bans_changed = False
            now = self._clock()
            text = nftables((ban.name, ban.until - now) for ban in self.guard.bans.active(now))
            try:
                await asyncio.to_thread(_replace, path, text)
            except OSError as error:
                log.warning("sip bans not written", file=str(path), reason=error.strerror)


def _bans_of_names(after: int, seconds: float) -> Bans:
    """Bans after wrong passwords; nobody is beyond them."""
    return Bans(after=after, seconds=seconds, may_ban=lambda name: True, window=WINDOW)


def named_gateways(trunk: TrunkOptions) -> list[tuple[int, str]]:
    """Gateways besides the target that are names, each with its place in the options."""
    found = [(index, gateway.target) for index, gateway in enumerate(trunk.gateways)]
    return [(index, target) for index, target in found if not is_address(host_and_port(target)[0])]


def fixed_gateways(trunks: Iterable[TrunkOptions]) -> dict[str, str]:
    """Addresses that calls go to, with the name of the first trunk that has each."""
    found: dict[str, str] = {}
    for trunk in trunks:
        for target in (trunk.target, *(gateway.target for gateway in trunk.gateways)):
            host = host_and_port(target)[0] if target else ""
            if is_address(host):
                found.setdefault(host, trunk.name)
    return found


def _replace(path: Path, text: str) -> None:
    """Write the whole file or none of it, and leave a mark for who loads it.

    The mark stays until it is taken away: a change while the last one is loaded is not missed.
    """
    fresh = path.with_name(path.name + ".new")
    fresh.write_text(text)
    fresh.replace(path)
    path.with_name(path.name + CHANGED).touch()
