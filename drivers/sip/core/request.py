"""A request that came in: what every response echoes (RFC 3261 8.2.6), and who calls whom."""

import re
from functools import lru_cache
from typing import Final

from cython_ext.sip_wire import (
    Message,
    Via,
    WireError,
    build_response,
    format_via,
    parse_name_addr,
    parse_uri,
)
from drivers.sip.core.causes import phrase
from drivers.sip.core.happenings import Identity
from drivers.sip.transaction import MergeKey, ServerKey, ServerTransaction
from drivers.sip.transport.address import DEFAULT_PORTS, Address

KNOWN_URI: Final = 128  # characters; longer ones are not worth remembering
PART: Final = "\n"  # between the parts of a key: no header has one
_RPORT: Final = re.compile(r";[ \t]*rport(?=[ \t]*(?:;|$))", re.IGNORECASE)

_FORWARDING: Final = {
    "unconditional": "cfu",
    "user-busy": "cfb",
    "no-answer": "cfna",
    "do-not-disturb": "cfb",
    "unavailable": "cfna",
    "time-of-day": "cfu",
}
"""Reasons of a Diversion header (RFC 5806) in the words of ``Ringing.reason``."""


class Received:
    """One request on its way through the core."""

    __slots__ = ("echo", "key", "message", "reply_to", "source", "to", "transaction")

    def __init__(self, message: Message, source: Address) -> None:
        self.message = message
        self.source = source
        self.key = server_key(message)
        vias = message.headers("Via")
        via = message.top_via
        vias[0] = _stamped(vias[0], via, source)
        # RFC 3581 4: with rport back to where it came from, else to the port in the Via. Over
        # a connection the port counts only when that one is gone by then (RFC 3261 18.2.2).
        if "rport" in via.params and not source.reliable:
            self.reply_to = source
        else:
            port = via.port or DEFAULT_PORTS[source.transport]
            same = port == source.port
            self.reply_to = (
                source if same else Address(source.host, port, source.transport, source.flow)
            )
        self.to = message.header("To") or ""
        self.echo = [("Via", value) for value in vias]
        self.echo.append(("From", message.header("From") or ""))
        self.transaction: ServerTransaction | None = None

    def response(
        self,
        status: int,
        *,
        tag: str = "",
        headers: list[tuple[str, str]] | None = None,
        body: bytes = b"",
    ) -> bytes:
        """Write a response; ``tag`` is added to To when the request had none."""
        message = self.message
        to = self.to if message.to_tag or not tag else f"{self.to};tag={tag}"
        lines = [
            *self.echo,
            ("To", to),
            ("Call-ID", message.call_id),
            ("CSeq", f"{message.cseq.number} {message.method}"),
        ]
        if headers is not None:
            lines += headers
        return build_response(status, phrase(status), lines, body)


def server_key(message: Message) -> ServerKey:
    """Which transaction a request belongs to (17.2.3); an ACK belongs to its INVITE."""
    via = message.top_via
    method = "INVITE" if message.method == "ACK" else message.method
    branch = via.branch
    if branch.startswith("z9hG4bK") and len(branch) > 7:
        return f"{branch}\n{via.host}\n{via.port}\n{method}"
    # RFC 2543 peers: the To tag is left out, since their ACK carries ours.
    return (
        f"{message.uri}\n{message.from_tag}\n{message.call_id}\n{message.cseq.number}\n"
        f"{via.host}:{via.port};{branch}\n{method}"
    )


def cancelled_key(key: ServerKey) -> ServerKey:
    """The key of the INVITE that a CANCEL with this key is about (9.2)."""
    return f"{key.rpartition(PART)[0]}{PART}INVITE"


def merge_key(message: Message) -> MergeKey:
    """What two copies of one request over different paths have in common (8.2.2.2)."""
    return message.from_tag, message.call_id, f"{message.cseq.number} {message.method}"


def _stamped(text: str, via: Via, source: Address) -> str:
    """The top Via with ``received`` and ``rport`` (RFC 3581 4)."""
    params = via.params
    if "received" in params or params.get("rport"):
        fresh = {k: v for k, v in params.items() if k != "received"}
        if "rport" in fresh:
            fresh["rport"] = str(source[1])
        fresh["received"] = source[0]
        return format_via(Via(via.transport, via.host, via.port, fresh))
    if "rport" in params:
        return _RPORT.sub(f";rport={source[1]}", text, count=1) + f";received={source[0]}"
    if via.host != source[0]:
        return f"{text};received={source[0]}"
    return text


def identify(message: Message, *, trusted: bool) -> Identity:
    """Read the parties; only a trunk is ``trusted`` to assert who calls (RFC 3325)."""
    ani, name = _party(message.header("From") or "")
    restricted = ani.lower() == "anonymous" or name.lower() == "anonymous"
    if trusted:
        asserted = message.headers("P-Asserted-Identity")
        for value in asserted:
            found, display = _party(value)
            if found:
                ani, name = found, display or name
                break
    privacy = message.header("Privacy")
    if privacy is not None:
        wishes = {part.strip().lower() for part in privacy.split(";")}
        restricted = restricted or not wishes.isdisjoint({"id", "user", "header"})
    if restricted:
        ani, name = "", ""
    redirecting, reason = _diversion(message) if trusted else ("", "")
    return Identity(
        ani=ani,
        name=name,
        dnis=_called(message.uri) if len(message.uri) <= KNOWN_URI else number_of(message.uri),
        redirecting=redirecting,
        reason=reason,
        restricted=restricted,
        hops=70 if message.max_forwards is None else max(0, message.max_forwards - 1),
    )


@lru_cache(maxsize=512)
def _called(uri: str) -> str:
    return number_of(uri)  # a hotline has few numbers


def number_of(uri: str) -> str:
    """User part of a URI, unescaped; empty when there is none."""
    try:
        return printable(parse_uri(uri).user)
    except WireError:
        return ""


def _party(value: str) -> tuple[str, str]:
    try:
        party = parse_name_addr(value)
    except WireError:
        return "", ""
    return number_of(party.uri), printable(party.display)


def _diversion(message: Message) -> tuple[str, str]:
    values = message.headers("Diversion")
    if not values:
        return "", ""
    try:
        top = parse_name_addr(values[0])  # the top one is the latest, RFC 5806 4
    except WireError:
        return "", ""
    reason = (top.params.get("reason") or "").lower()
    return number_of(top.uri), _FORWARDING.get(reason, "cf-unknown")


def printable(text: str) -> str:
    """The text without anything that could end a header or hide in a log."""
    if text.isprintable():
        return text
    return "".join(letter for letter in text if letter.isprintable())


def as_utf8(data: bytes) -> bytes:
    """The datagram with a head in UTF-8: old exchanges write names in Latin-1."""
    head, blank, body = data.partition(b"\r\n\r\n")
    try:
        head.decode()
    except UnicodeDecodeError:
        return head.decode("latin-1").encode() + blank + body
    return data


def uri_fault(uri: str) -> int:
    """The status that refuses a request URI; 0 for one we understand."""
    try:
        parse_uri(uri)
    except WireError as error:
        return error.status or 400
    return 0


known_fault: Final = lru_cache(maxsize=512)(uri_fault)
"""The same with a memory: a hotline has few numbers."""
