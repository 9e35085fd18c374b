"""Dialogs (RFC 3261 12): identity, numbering, route set and where requests go."""

import ipaddress
import re
from functools import lru_cache
from typing import Final

from cython_ext.sip_wire import Message, Uri, WireError, build_request, parse_name_addr, parse_uri
from drivers.errors import ProtocolError
from drivers.sip.journal.records import DialogRecord
from drivers.sip.transport.address import DEFAULT_PORTS, SECURE, WEBSOCKETS, Address

_IPV4: Final = re.compile(r"[0-9]{1,3}(?:\.[0-9]{1,3}){3}\Z")
KNOWN: Final = 128  # characters of a Contact; longer ones are not worth remembering
MAX_FORWARDS: Final = ("Max-Forwards", "70")


class Dialog:
    """One dialog, as either side of it."""

    __slots__ = (
        "_address",
        "_tag",
        "_tag_length",
        "call_id",
        "fixed",
        "local",
        "local_cseq",
        "local_tag",
        "remote",
        "remote_cseq",
        "routes",
        "source",
        "target",
    )

    def __init__(
        self,
        call_id: str,
        local: str,
        local_tag: str,
        remote: str,
        remote_tag: str,
        local_cseq: int,
        remote_cseq: int,
        target: str,
        routes: tuple[str, ...],
        source: Address,
        fixed: bool,  # noqa: FBT001 - the fields of the record, in its order
    ) -> None:
        self.call_id = call_id
        self.local = local
        self.local_tag = local_tag
        self.remote = remote
        # Nearly always the last characters of the header, so kept there.
        ends = remote.endswith(remote_tag)
        self._tag_length = len(remote_tag) if ends else 0
        self._tag = "" if ends else remote_tag
        self.local_cseq = local_cseq
        self.remote_cseq = remote_cseq
        self.target = target
        self.routes = routes
        self.source = source
        self.fixed = fixed
        """Requests go to ``source`` whatever Contact says: a phone behind NAT."""
        self._address: Address | None = None

    @property
    def remote_tag(self) -> str:
        """The peer's tag; empty where it gave none."""
        length = self._tag_length
        return self.remote[-length:] if length else self._tag

    @property
    def address(self) -> Address:
        """Where requests go; found out with the first one, for many dialogs never send any."""
        if self._address is None:
            self._address = self._next_hop()
        return self._address

    @classmethod
    def answering(
        cls, message: Message, local_tag: str, source: Address, *, fixed: bool
    ) -> "Dialog":
        """The dialog of an INVITE we received; ProtocolError without a usable Contact.

        Without any, as RFC 2543 allowed, the caller is who From says.
        """
        return cls(
            message.call_id,
            f"{message.header('To') or ''};tag={local_tag}",
            local_tag,
            message.header("From") or "",
            message.from_tag,
            0,
            message.cseq.number,
            _contact(message, "Contact" if message.headers("Contact") else "From"),
            tuple(message.headers("Record-Route")),
            source,
            fixed,
        )

    @classmethod
    def calling(
        cls,
        response: Message,
        *,
        local: str,
        local_tag: str,
        cseq: int,
        source: Address,
        fixed: bool,
        fallback: str,
    ) -> "Dialog":
        """The dialog of a 2xx to our INVITE; ``fallback`` is its target without a Contact."""
        try:
            target = _contact(response)
        except ProtocolError:
            target = fallback  # it is against 12.1.1, but must be acknowledged and hung up
        return cls(
            response.call_id,
            local,
            local_tag,
            response.header("To") or "",
            response.to_tag,
            cseq,
            -1,
            target,
            # 12.1.2: the route set of the caller is the Record-Route set reversed.
            tuple(reversed(response.headers("Record-Route"))),
            source,
            fixed,
        )

    @classmethod
    def restore(cls, record: DialogRecord) -> "Dialog":
        """The dialog of a record."""
        return cls(
            record.call_id,
            record.local,
            record.local_tag,
            record.remote,
            record.remote_tag,
            record.local_cseq,
            record.remote_cseq,
            record.target,
            record.routes,
            record.source,
            record.fixed,
        )

    def fields(self) -> tuple[object, ...]:
        """What a ``DialogRecord`` of the dialog holds, in its order: the same when packed."""
        return (
            self.call_id,
            self.local,
            self.local_tag,
            self.remote,
            self.remote_tag,
            self.local_cseq,
            self.remote_cseq,
            self.target,
            self.routes,
            self.source,
            self.fixed,
        )

    def record(self) -> DialogRecord:
        """The dialog for the journal."""
        return DialogRecord(
            call_id=self.call_id,
            local=self.local,
            local_tag=self.local_tag,
            remote=self.remote,
            remote_tag=self.remote_tag,
            local_cseq=self.local_cseq,
            remote_cseq=self.remote_cseq,
            target=self.target,
            routes=self.routes,
            source=self.source,
            fixed=self.fixed,
        )

    def is_next(self, number: int) -> bool:
        """Take the CSeq of a new request of the peer; False when it is out of order (12.2.2)."""
        if number <= self.remote_cseq:
            return False
        self.remote_cseq = number
        return True

    def refresh_target(self, message: Message) -> None:
        """Take the Contact of a re-INVITE or its 2xx (12.2); without a usable one nothing changes."""
        try:
            target = _contact(message)
        except ProtocolError:
            return
        if target != self.target:
            self.target = target
            self._address = None

    def move(self, source: Address) -> None:
        """The peer is on another connection now."""
        self.source = source
        self._address = None

    def request(
        self,
        method: str,
        *,
        via: str,
        number: int,
        headers: list[tuple[str, str]],
        body: bytes = b"",
    ) -> bytes:
        """Write a request within the dialog (12.2.1.1); the caller counts ``local_cseq``."""
        uri, routes = self.target, list(self.routes)
        if routes and not _is_loose(routes[0]):
            # A strict router wants to find itself in the request line.
            uri = parse_name_addr(routes.pop(0)).uri
            routes.append(f"<{self.target}>")
        lines = [
            ("Via", via),
            MAX_FORWARDS,
            ("From", self.local),
            ("To", self.remote),
            ("Call-ID", self.call_id),
            ("CSeq", f"{number} {method}"),
        ]
        lines += [("Route", route) for route in routes]
        return build_request(method, uri, lines + headers, body)

    def _next_hop(self) -> Address:
        """Where requests go: first route or Contact when that is a usable address."""
        if self.fixed and not self.routes:
            return self.source
        try:
            uri = parse_name_addr(self.routes[0]).uri if self.routes else self.target
        except WireError:
            return self.source
        return next_hop(uri, self.source)


def next_hop(uri: str, source: Address) -> Address:
    """Where the URI of a Route, Path or Contact leads; to ``source``, where messages came from,
    when that is no address we can reach."""
    try:
        place = parse_uri(uri)
    except WireError:
        return source
    transport = _transport(place, source)
    flow = source.flow if transport == source.transport else 0
    port = place.port or DEFAULT_PORTS[transport]
    if place.host != source.host and not _is_reachable(place.host, source.host):
        return source
    # A connection is used as long as it stands; then it is opened again to this place.
    found = Address(place.host, port, transport, flow)
    return source if found == source else found  # one for all calls of a peer


def _contact(message: Message, name: str = "Contact") -> str:
    values = message.headers(name)
    if not values:
        raise ProtocolError("no Contact")
    value = values[0]
    return _known_target(value) if len(value) <= KNOWN else _target(value)


def _target(value: str) -> str:
    try:
        uri = parse_name_addr(value).uri
        if parse_uri(uri).scheme not in {"sip", "sips"}:
            raise ProtocolError("Contact is no SIP URI")
    except WireError as error:
        raise ProtocolError(f"Contact: {error.reason}") from None
    if not uri.isascii():
        raise ProtocolError("Contact is not ASCII")
    return uri.partition("?")[0]


_known_target: Final = lru_cache(maxsize=1024)(_target)
"""The same with a memory: telephones and carriers say the same in each call."""


def _transport(place: Uri, source: Address) -> str:
    """How to reach a Contact or Route; without a word about it as the peer reached us."""
    if place.scheme == "sips":
        return source.transport if source.transport in SECURE else "tls"
    named = (place.params.get("transport") or "").lower()
    if source.transport in WEBSOCKETS or named not in ("udp", "tcp", "tls"):
        return source.transport
    # Over TLS many write ``transport=tcp`` for the layer below it (RFC 3261 26.2.2).
    return "tls" if named == "tcp" and source.transport == "tls" else named


def _is_loose(route: str) -> bool:
    try:
        return "lr" in parse_uri(parse_name_addr(route).uri).params
    except WireError:
        return True


def _is_reachable(host: str, source: str) -> bool:
    """Whether a Contact host can be used: an address, and not a private one behind NAT."""
    if not _IPV4.match(host) and ":" not in host:
        return False  # a name: the peer is where its messages come from
    try:
        address, came_from = ipaddress.ip_address(host), ipaddress.ip_address(source)
    except ValueError:
        return False
    if address.is_unspecified or address.version != came_from.version:
        return False
    return not (address.is_private and came_from.is_global)
