"""Message lamps: NOTIFY of the message-summary package (RFC 3842) to a station's phone.

Sent without a subscription, as phones expect whose lamp follows their registration.
"""

from collections.abc import Iterable
from typing import Final

import msgspec

from cython_ext.sip_wire import Message, build_request, format_host
from drivers.sip.core.services import Services
from drivers.sip.dialog import MAX_FORWARDS
from drivers.sip.journal.lamps import LAMP_KIND, LampRecord
from drivers.sip.journal.records import BindingRecord
from drivers.sip.stations.registrar import Registrar, way_to
from drivers.sip.transaction import ClientTransaction

SUMMARY_TYPE: Final = ("Content-Type", "application/simple-message-summary")


_pack: Final = msgspec.msgpack.Encoder().encode
_read: Final = msgspec.msgpack.Decoder(LampRecord).decode


class Lamps:
    """Which stations have a message waiting, and telling their phones."""

    def __init__(self, services: Services, registrar: Registrar) -> None:
        self.services = services
        self.registrar = registrar
        self._lit: set[str] = set()
        self._told: set[str] = set()

    def set_lamp(self, station: str, *, on: bool) -> None:
        """Light or put out the lamp of a station, now or when its phone registers."""
        if on:
            self._lit.add(station)
        else:
            self._lit.discard(station)
        self._told.add(station)
        self.services.journal(LAMP_KIND, _pack(LampRecord(station, on)))
        self.tell(station)

    def restore(self, records: Iterable[tuple[str, bytes]]) -> None:
        """Take the journal's records of an earlier run; others are passed over."""
        for kind, payload in records:
            if kind != LAMP_KIND:
                continue
            try:
                record = _read(payload)
            except msgspec.DecodeError:
                self.services.count("journal_unreadable")
                continue
            self._told.add(record.station)
            (self._lit.add if record.lit else self._lit.discard)(record.station)

    def snapshot(self) -> list[tuple[str, bytes]]:
        """Records that say the same as all written so far."""
        return [
            (LAMP_KIND, _pack(LampRecord(station, station in self._lit)))
            for station in sorted(self._told)
        ]

    def summary(self, station: str) -> bytes:
        """What the lamp of a station shows, for who subscribed to it."""
        services = self.services
        account = f"sip:{station}@{format_host(services.host, services.port)}"
        return summary(account, waiting=station in self._lit)

    def tell(self, station: str) -> None:
        """Send the state of the lamp to every telephone of a station."""
        for binding in self.registrar.find_all(station):
            self.tell_one(binding)

    def tell_one(self, binding: BindingRecord) -> None:
        """Send it to one telephone, when it was ever set."""
        station = binding.station
        if station not in self._told:
            return
        services = self.services
        account = f"sip:{station}@{format_host(services.host, services.port)}"
        branch, tag = services.branch(), services.token()
        headers = [
            ("Via", services.via_start + branch),
            MAX_FORWARDS,
            ("From", f"<{account}>;tag={tag}"),
            ("To", f"<{binding.contact}>"),
            ("Call-ID", services.token()),
            ("CSeq", "1 NOTIFY"),
            *(("Route", value) for value in binding.path),
            services.contact,
            ("Event", "message-summary"),
            ("Subscription-State", "active"),
            SUMMARY_TYPE,
        ]
        body = summary(account, waiting=station in self._lit)
        data = build_request("NOTIFY", binding.contact, headers, body)
        services.count("sent_notify")
        key = branch, "NOTIFY"
        services.transactions.open_client(key, data, way_to(binding), user=_LampTold(services))


class _LampTold:
    """Counts phones that refuse the lamp."""

    __slots__ = ("services",)

    def __init__(self, services: Services) -> None:
        self.services = services

    def response(self, transaction: ClientTransaction, message: Message) -> None:
        """Take the response."""
        if message.status >= 300:
            self.services.count("lamp_refused")

    def timed_out(self, transaction: ClientTransaction) -> None:
        """The phone did not answer."""
        self.services.count("lamp_refused")


def summary(account: str, *, waiting: bool) -> bytes:
    """The body of the NOTIFY (RFC 3842 5.2)."""
    state, count = ("yes", 1) if waiting else ("no", 0)
    lines = [
        f"Messages-Waiting: {state}",
        f"Message-Account: {account}",
        f"Voice-Message: {count}/0 (0/0)",
    ]
    return ("\r\n".join(lines) + "\r\n").encode()
