"""Where the stations are: REGISTER into bindings that expire (RFC 3261 10.3).

Who the sender is has been checked before. Calls to a station go to the address its
registration came from (RFC 3581), since the Contact of a phone behind NAT is private.
"""

import random
from collections.abc import Callable, Iterable
from typing import Final, NamedTuple

import msgspec

from cython_ext.sip_wire import (
    Message,
    NameAddr,
    WireError,
    format_name_addr,
    parse_name_addr,
    parse_uri,
)
from drivers.sip.core.timers import Timers
from drivers.sip.dialog import next_hop
from drivers.sip.journal.records import BindingRecord
from drivers.sip.options import SipOptions
from drivers.sip.transport.address import Address

EXPIRES_DEFAULT: Final = 3600
MOST_PATH: Final = 8  # proxies on the way to a telephone
FLOW_TIMER: Final = "120"  # s between keep-alives of a telephone (RFC 5626 4.4.1)
_EXPIRY: Final = 1  # the only timer of a binding


class Reply(NamedTuple):
    """How a REGISTER is answered."""

    status: int
    headers: tuple[tuple[str, str], ...] = ()


class Binding:
    """One phone of a station while it is registered."""

    __slots__ = ("record", "registrar", "timers")

    def __init__(self, record: BindingRecord, registrar: "Registrar") -> None:
        self.record = record
        self.registrar = registrar
        self.timers: dict[int, float] = {}

    def timer_fired(self, timer: int) -> None:
        """The registration was not renewed."""
        self.registrar.expire(self.record)


class Registrar:
    """All bindings; tells when a station comes and goes."""

    def __init__(
        self,
        options: SipOptions,
        timers: Timers,
        *,
        journal: Callable[[BindingRecord], None],
        came: Callable[[BindingRecord], None],
        went: Callable[[str, str], None],
        rng: random.Random,
    ) -> None:
        self._random = rng
        self.options = options
        self.timers = timers
        self._journal = journal
        self._came = came
        self._went = went
        self._bindings: dict[str, dict[str, Binding]] = {}
        self._sources: dict[Address, str] = {}

    def register(self, station: str, message: Message, source: Address) -> Reply:
        """Apply a REGISTER of an authenticated station and say how to answer it."""
        values = message.headers("Contact")
        try:
            contacts = [_contact(value) for value in values]
            default = _seconds(message.header("Expires"), EXPIRES_DEFAULT)
        except (WireError, ValueError):
            return Reply(400)
        if any(contact.uri == "*" for contact in contacts):
            if len(contacts) != 1 or message.header("Expires") is None or default != 0:
                return Reply(400)
            return self._clear(station, message)
        wanted: list[tuple[NameAddr, int]] = []
        for contact in contacts:
            try:
                expires = _seconds(contact.params.get("expires"), default)
            except ValueError:
                expires = default  # RFC 3261 10.2.1.1: malformed counts as not given
            if 0 < expires < self.options.expires_min_s:
                return Reply(423, (("Min-Expires", str(self.options.expires_min_s)),))
            wanted.append((contact, self._spread(min(expires, self.options.expires_max_s))))
        held = self._bindings.get(station, {})
        for contact, _ in wanted:
            if not _is_newer(held.get(contact.uri), message):
                return Reply(500)
        path = tuple(message.headers("Path"))
        if len(path) > MOST_PATH or not all(map(_is_route, path)):
            return Reply(400)
        for contact, expires in wanted:
            self._bind(station, contact, expires, message, source)
        told = tuple(("Path", value) for value in path) + _outbound(message, contacts, source)
        return Reply(200, self._contacts(station) + told)

    def find(self, station: str) -> BindingRecord | None:
        """The phone of a station that registered last; None when there is none."""
        latest: BindingRecord | None = None
        for binding in self._bindings.get(station, {}).values():
            if latest is None or binding.record.expires >= latest.expires:
                latest = binding.record
        return latest

    def find_all(self, station: str) -> list[BindingRecord]:
        """Every phone of a station, the one that registered last first."""
        found = [binding.record for binding in self._bindings.get(station, {}).values()]
        if len(found) > 1:
            found.sort(key=lambda record: record.expires, reverse=True)
        return found

    def station_at(self, source: Address) -> str:
        """The station with a phone at exactly this address and port; empty when none."""
        return self._sources.get(source, "")

    def records(self) -> list[BindingRecord]:
        """Every binding, for the journal's snapshot."""
        return [b.record for bindings in self._bindings.values() for b in bindings.values()]

    def restore(self, records: Iterable[BindingRecord]) -> None:
        """Take bindings from the journal, later ones replacing earlier ones; tells nobody."""
        for record in records:
            bindings = self._bindings.setdefault(record.station, {})
            self._take(bindings.pop(record.contact, None))
            if record.expires:
                binding = bindings[record.contact] = Binding(record, self)
                self._keep_source(record)
                # One already over fires at the first look at the clock, which reports it.
                self.timers.start(binding, _EXPIRY, record.expires - self.timers.now)

    def is_at(self, host: str) -> bool:
        """Whether any telephone is registered from this address."""
        return any(record.source.host == host for record in self.records())

    def flow_lost(self, source: Address) -> None:
        """A connection is gone, and with it whoever registered on it (RFC 5626 6)."""
        if source not in self._sources:
            return
        for record in [one for one in self.records() if one.source == source and not one.path]:
            self._drop(record)
            self._gone(record.station, "connection lost")

    def remove(self, station: str, reason: str) -> None:
        """Forget a station whose account is gone."""
        for binding in list(self._bindings.get(station, {}).values()):
            self._drop(binding.record)
        self._gone(station, reason)

    def expire(self, record: BindingRecord) -> None:
        """Take out a binding whose time is over."""
        self._drop(record)
        self._gone(record.station, "expired")

    def _bind(
        self, station: str, wanted: NameAddr, expires: int, message: Message, source: Address
    ) -> None:
        contact, instance = wanted.uri, _instance(wanted)
        bindings = self._bindings.setdefault(station, {})
        record = BindingRecord(
            station=station,
            contact=contact,
            source=source,
            call_id=message.call_id,
            cseq=message.cseq.number,
            expires=self.timers.now + expires if expires else 0.0,
            path=tuple(message.headers("Path")),
            instance=instance,
        )
        if not expires:
            if contact in bindings:
                self._drop(record)
                self._gone(station, "unregistered")
            return
        for held in list(bindings.values()):
            # RFC 5626 6: the same flow of the same telephone, whatever its Contact is by now.
            if instance and held.record.instance == instance and held.record.contact != contact:
                self._drop(held.record)
        # A phone that came back on another port must not be locked out by its own past.
        while contact not in bindings and len(bindings) >= self.options.max_contacts:
            self._drop(min((b.record for b in bindings.values()), key=lambda r: r.expires))
        self._journal(record)
        self._take(bindings.get(contact))
        binding = bindings[contact] = Binding(record, self)
        self._keep_source(record)
        self.timers.start(binding, _EXPIRY, expires)
        self._came(record)

    def _spread(self, expires: int) -> int:
        """A somewhat shorter time, so that telephones that all started together after a power
        cut do not all come back together for ever."""
        most = expires * self.options.expires_spread_percent // 100
        shorter = expires - self._random.randrange(most + 1) if most else expires
        return expires if expires == 0 else max(shorter, self.options.expires_min_s)

    def _clear(self, station: str, message: Message) -> Reply:
        held = list(self._bindings.get(station, {}).values())
        if not all(_is_newer(binding, message) for binding in held):
            return Reply(500)
        for binding in held:
            self._drop(binding.record)
        if held:
            self._gone(station, "unregistered")
        return Reply(200)

    def _drop(self, record: BindingRecord) -> None:
        binding = self._bindings.get(record.station, {}).pop(record.contact, None)
        if binding is not None:
            self._take(binding)
            self._journal(msgspec.structs.replace(record, expires=0.0))

    def _take(self, binding: Binding | None) -> None:
        if binding is not None:
            binding.timers.clear()
            if not binding.record.path:
                self._sources.pop(binding.record.source, None)

    def _keep_source(self, record: BindingRecord) -> None:
        """Know the telephone by its address, unless that is a proxy's, which others share."""
        if not record.path:
            self._sources[record.source] = record.station

    def _gone(self, station: str, reason: str) -> None:
        if not self._bindings.get(station):
            self._bindings.pop(station, None)
            self._went(station, reason)

    def _contacts(self, station: str) -> tuple[tuple[str, str], ...]:
        now = self.timers.now
        return tuple(
            (
                "Contact",
                format_name_addr(NameAddr("", b.record.contact, {"expires": _left(b, now)})),
            )
            for b in self._bindings.get(station, {}).values()
        )


def way_to(record: BindingRecord) -> Address:
    """Where calls to a telephone are sent: to where its registration came from. A proxy in front
    of it (RFC 3327 5.3) is also found by its Path, for its connection may be a new one by then."""
    if not record.path:
        return record.source
    way = next_hop(parse_name_addr(record.path[0]).uri, record.source)
    return way if way.host == record.source.host else record.source


def _contact(value: str) -> NameAddr:
    contact = parse_name_addr(value)
    if contact.uri != "*":
        parse_uri(contact.uri)  # it will be the request line of calls to the phone
    return contact


def _instance(contact: NameAddr) -> str:
    """Which telephone and flow a Contact is, when it names both (RFC 5626 4.2)."""
    instance, flow = contact.params.get("+sip.instance"), contact.params.get("reg-id")
    return f"{instance};{flow}" if instance and flow else ""


def _outbound(
    message: Message, contacts: list[NameAddr], source: Address
) -> tuple[tuple[str, str], ...]:
    """What a telephone is told that keeps its flow alive (RFC 5626 6, 8.2)."""
    options = {
        option.strip().lower()
        for value in message.headers("Supported")
        for option in value.split(",")
    }
    if "outbound" not in options or not any(map(_instance, contacts)):
        return ()
    required = ("Require", "outbound")
    return (required, ("Flow-Timer", FLOW_TIMER)) if source.reliable else (required,)


def _is_route(value: str) -> bool:
    try:
        return parse_uri(parse_name_addr(value).uri).scheme in {"sip", "sips"}
    except WireError:
        return False


def _left(binding: Binding, now: float) -> str:
    return str(max(0, round(binding.record.expires - now)))


def _is_newer(held: Binding | None, message: Message) -> bool:
    """RFC 3261 10.3 step 7: within one Call-ID only a higher CSeq changes a binding."""
    if held is None or held.record.call_id != message.call_id:
        return True
    return message.cseq.number > held.record.cseq


def _seconds(text: str | None, default: int) -> int:
    if text is None:
        return default
    text = text.strip()
    if not (text.isascii() and text.isdigit()):
        raise ValueError("not a number of seconds")
    return min(int(text[:12]), 2**32 - 1)
