"""A request that came in: what every response echoes (RFC 3261 8.2.6), and who calls whom."""

import re
from functools import lru_cache
from typing import Final, NamedTuple

from cython_ext.sip_wire import (
    Message,
    Via,
    WireError,
    build_response,
    format_via,
    parse_name_addr,
    parse_uri,
    parse_via,
)
from drivers.sip.core.causes import phrase
from drivers.sip.core.happenings import Identity
from drivers.sip.transaction import MergeKey, ServerKey, ServerTransaction
from drivers.sip.transport.address import DEFAULT_PORTS, Address

KNOWN_URI: Final = 128  # characters; longer ones are not worth remembering
PART: Final = "\n"  # between the parts of a key: no header has one
COOKIE: Final = "z9hG4bK"  # RFC 3261 8.1.1.7
_BRANCH: Final = f";branch={COOKIE}"
_PLAIN: Final = re.compile(r"[0-9A-Za-z.+_-]{8,}\Z", re.ASCII)
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
        vias = message.headers("Via")
        known = _known_sender(vias[0], source)
        if known is None:
            via = message.top_via
            self.key = server_key(message)
            self.reply_to = _reply_to(via, source)
            vias[0] = _stamped(vias[0], via, source)
        else:
            branch, sender = known
            method = "INVITE" if message.method == "ACK" else message.method
            self.key = f"{branch}{sender.key}{method}"
            self.reply_to = sender.reply_to
            vias[0] = f"{sender.before}{branch}{sender.after}"
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


class Sender(NamedTuple):
    """What is the same in each request of a peer's transport."""

    key: str
    """What a ``server_key`` has between branch and method."""
    reply_to: Address
    before: str
    """The Via as responses have it, up to the branch."""
    after: str


def _known_sender(text: str, source: Address) -> tuple[str, Sender] | None:
    """The branch of a Via, and its sender, if nothing is unusual about the text."""
    at = text.find(_BRANCH)
    if at < 0 or len(text) > KNOWN_URI:
        return None
    at += 8
    end = text.find(";", at)
    after = "" if end < 0 else text[end:]
    branch = text[at:] if end < 0 else text[at:end]
    bare = branch.replace("-", "")  # most are letters, digits and these: no need of a pattern
    if len(branch) < 8 or not ((bare.isascii() and bare.isalnum()) or _PLAIN.match(branch)):
        return None
    sender = _sender(text[:at], after, source)
    return None if sender is None else (branch, sender)


@lru_cache(maxsize=1024)
def _sender(before: str, after: str, source: Address) -> Sender | None:
    # Few peers, many calls: what only the branch changes is worth remembering.
    mark = f"{COOKIE}0"
    text = f"{before}{mark}{after}"
    via = parse_via(text)
    if '"' in text or via.branch != mark:
        return None  # another branch, or a quoted text that looks like one
    start, found, rest = _stamped(text, via, source).partition(f";branch={mark}")
    if not found:
        return None
    key = f"{PART}{via.host}{PART}{via.port}{PART}"
    return Sender(key, _reply_to(via, source), f"{start};branch=", rest)


def _reply_to(via: Via, source: Address) -> Address:
    """Where responses go: with rport back to where it came from, else to the port in the Via
    (RFC 3581 4). Over a connection that counts when it is gone by then (RFC 3261 18.2.2)."""
    if "rport" in via.params and not source.reliable:
        return source
    port = via.port or DEFAULT_PORTS[source.transport]
    if port == source.port:
        return source
    return Address(source.host, port, source.transport, source.flow)


def server_key(message: Message) -> ServerKey:
    """Which transaction a request belongs to (17.2.3); an ACK belongs to its INVITE."""
    via = message.top_via
    method = "INVITE" if message.method == "ACK" else message.method
    branch = via.branch
    if branch.startswith(COOKIE) and len(branch) > len(COOKIE):
        return f"{branch}{PART}{via.host}{PART}{via.port}{PART}{method}"
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
