"""The SIP parser in plain Python: what the compiled one must agree with, byte for byte.

A datagram in, a :class:`Message` out, or :class:`WireError`. Checked at once is what every
message needs (start line, Via, From, To, Call-ID, CSeq, lengths); other headers are parsed
when somebody asks, with the functions in ``oracle_parts``. RFC 3261 7 and 25, RFC 4475.
"""

import re
from collections.abc import Iterable

from cython_ext.sip_wire.names import canonical_name, is_list_header
from cython_ext.sip_wire.oracle_parts import (
    WS,
    is_token,
    parse_name_addr,
    parse_via,
    split_list,
)
from cython_ext.sip_wire.salvage import salvage
from cython_ext.sip_wire.structs import (
    MAX_CSEQ,
    MAX_HEADERS,
    MAX_MESSAGE,
    CSeq,
    Via,
    WireError,
)

_FOLD = re.compile(r"[ \t]*\r\n[ \t]+")
_VERSION = re.compile(r"SIP/([0-9]+\.[0-9]+)\Z", re.IGNORECASE | re.ASCII)
_STATUS_LINE = re.compile(r"SIP/2\.0 ([0-9]{3})(?: (.*))?\Z", re.IGNORECASE | re.DOTALL | re.ASCII)
_URI_REFUSED = re.compile(r"[^\x21-\x7e]|[<>\"]")
_DIGITS = re.compile(r"[0-9]+\Z")
_CSEQ = re.compile(r"([0-9]+)[ \t]+(.+)\Z", re.DOTALL)
_SINGLE = ("From", "To", "Call-ID", "CSeq", "Max-Forwards", "Content-Length", "Content-Type")
_REQUIRED = ("Via", "From", "To", "Call-ID", "CSeq")


class Message:
    """A parsed request or response; it never changes."""

    __slots__ = (
        "_headers",
        "body",
        "call_id",
        "cseq",
        "from_tag",
        "is_request",
        "max_forwards",
        "method",
        "raw",
        "reason",
        "status",
        "to_tag",
        "top_via",
        "uri",
    )

    is_request: bool
    method: str
    uri: str
    status: int
    reason: str
    body: bytes
    raw: bytes
    call_id: str
    from_tag: str
    to_tag: str
    cseq: CSeq
    top_via: Via
    max_forwards: int | None

    def __init__(self) -> None:
        """Messages come from ``parse``; an empty one has no use."""
        self._headers: list[tuple[str, str]] = []
        self.method = self.uri = self.reason = ""
        self.status = 0

    def header(self, name: str) -> str | None:
        """Return the first header of this name, unfolded; None when there is none."""
        wanted = canonical_name(name).lower()
        for found, value in self._headers:
            if found.lower() == wanted:
                return value
        return None

    def headers(self, name: str) -> list[str]:
        """Return every value of a header; a list header is split at its commas."""
        canonical = canonical_name(name)
        wanted = canonical.lower()
        values = [value for found, value in self._headers if found.lower() == wanted]
        if not is_list_header(canonical):
            return values
        return [part for value in values for part in split_list(value)]

    def all_headers(self) -> list[tuple[str, str]]:
        """Return every header in order, unfolded, compact names written out."""
        return list(self._headers)

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Message):
            return NotImplemented
        return self._key() == other._key()

    def __hash__(self) -> int:
        return hash((self.method, self.status, self.call_id, self.body))

    def __repr__(self) -> str:
        line = f"{self.method} {self.uri}" if self.is_request else f"{self.status} {self.reason}"
        return f"<Message {line!r} {self.call_id!r}>"

    def _key(self) -> tuple[object, ...]:
        return (self.method, self.uri, self.status, self.reason, self._headers, self.body)


def parse(data: bytes) -> Message:
    """Parse one whole message, as a datagram carries it.

    Raises WireError with the status to refuse it with, 0 for what is to be dropped.
    """
    message = Message()
    message.raw = data = bytes(data)
    start = 0
    while data.startswith(b"\r\n", start):  # RFC 3261 7.5
        start += 2
    if start == len(data):
        raise WireError("keep-alive", 0)
    message.is_request = data[start : start + 4].upper() != b"SIP/"
    try:
        _fill(message, data, start)
    except WireError as error:
        if not message.is_request or data.startswith(b"ACK ", start):
            raise WireError(error.reason, 0) from None
        raise WireError(error.reason, error.status, salvage(data)) from None
    return message


def _fill(message: Message, data: bytes, start: int) -> None:
    if len(data) > MAX_MESSAGE:
        raise WireError("message too large", 513)
    end = data.find(b"\r\n\r\n", start)
    if end < 0:
        raise WireError("head without end")
    head = data[start:end].decode("utf-8", "surrogateescape")
    first, _, rest = head.partition("\r\n")
    if "\r" in first or "\n" in first:
        raise WireError("bare CR or LF")
    if message.is_request:
        _request_line(message, first)
    else:
        _status_line(message, first)
    message._headers = _split_headers(rest)
    _check_counts(message._headers)
    message.cseq = _parse_cseq(message)
    message.call_id = message.header("Call-ID") or ""
    if not message.call_id or " " in message.call_id or "\t" in message.call_id:
        raise WireError("bad Call-ID")
    message.max_forwards = _max_forwards(message)
    message.from_tag = _tag(message, "From")
    message.to_tag = _tag(message, "To")
    vias = split_list(message.header("Via") or "")
    if not vias:
        raise WireError("bad Via")
    message.top_via = parse_via(vias[0])
    message.body = _body(message, data[end + 4 :])


def _request_line(message: Message, line: str) -> None:
    method, _, rest = line.partition(" ")
    uri, found, version = rest.rpartition(" ")
    if not found or not is_token(method):
        raise WireError("bad request line")
    match = _VERSION.match(version)
    if match is None:
        raise WireError("bad request line")
    if match[1] != "2.0":
        raise WireError("SIP version not supported", 505)
    if not uri or _URI_REFUSED.search(uri):
        raise WireError("bad request URI")
    message.method, message.uri = method, uri


def _status_line(message: Message, line: str) -> None:
    match = _STATUS_LINE.match(line)
    if match is None or not 100 <= int(match[1]) <= 699:
        raise WireError("bad status line")
    message.status, message.reason = int(match[1]), match[2] or ""


def _split_headers(text: str) -> list[tuple[str, str]]:
    if text[:1] in {" ", "\t"}:
        raise WireError("folded line without a header")
    if not text:
        return []
    headers: list[tuple[str, str]] = []
    unfolded = _FOLD.sub(" ", text)
    for line in unfolded.split("\r\n"):
        if "\r" in line or "\n" in line:
            raise WireError("bare CR or LF")
        name, colon, value = line.partition(":")
        name = name.rstrip(WS)
        if not colon or not is_token(name):
            raise WireError("bad header name")
        if len(headers) == MAX_HEADERS:
            raise WireError("too many headers", 513)
        headers.append((canonical_name(name), value.strip(WS)))
    return headers


def _check_counts(headers: list[tuple[str, str]]) -> None:
    names = [name.lower() for name, _ in headers]
    for name in _REQUIRED:
        if name.lower() not in names:
            raise WireError(f"missing {name}")
    for name in _SINGLE:
        if names.count(name.lower()) > 1:
            raise WireError(f"repeated {name}")


def _parse_cseq(message: Message) -> CSeq:
    match = _CSEQ.match(message.header("CSeq") or "")
    if match is None or not is_token(match[2]):
        raise WireError("bad CSeq")
    digits = match[1].lstrip("0")
    if len(digits) > 10 or int(digits or "0") > MAX_CSEQ:
        raise WireError("bad CSeq")
    if message.is_request and match[2] != message.method:
        raise WireError("CSeq method differs")
    return CSeq(int(digits or "0"), match[2])


def _max_forwards(message: Message) -> int | None:
    text = message.header("Max-Forwards")
    if text is None:
        return None
    digits = text.lstrip("0") or "0"
    if not text or not _DIGITS.match(text) or len(digits) > 3 or int(digits) > 255:
        raise WireError("bad Max-Forwards")
    return int(digits)


def _tag(message: Message, name: str) -> str:
    try:
        value = parse_name_addr(message.header(name) or "")
    except WireError:
        raise WireError(f"bad {name}") from None
    if value.uri == "*":
        raise WireError(f"bad {name}")
    return value.tag


def _body(message: Message, rest: bytes) -> bytes:
    text = message.header("Content-Length")
    if text is None:
        return rest
    digits = text.lstrip("0") or "0"
    if not text or not _DIGITS.match(text):
        raise WireError("bad Content-Length")
    if len(digits) > 6 or int(digits) > len(rest):
        raise WireError("body shorter than Content-Length")
    return rest[: int(digits)]  # what follows in a datagram is not ours: RFC 4475 3.1.1.8


def build_request(
    method: str, uri: str, headers: Iterable[tuple[str, str]], body: bytes = b""
) -> bytes:
    """Write a request; Content-Length is always ours. WireError for what cannot be written."""
    if not is_token(method) or not uri or _URI_REFUSED.search(uri):
        raise WireError("bad request line", 500)
    return _build(f"{method} {uri} SIP/2.0", headers, body)


def build_response(
    status: int, reason: str, headers: Iterable[tuple[str, str]], body: bytes = b""
) -> bytes:
    """Write a response; Content-Length is always ours. WireError for what cannot be written."""
    if not 100 <= status <= 699 or "\r" in reason or "\n" in reason:
        raise WireError("bad status line", 500)
    return _build(f"SIP/2.0 {status} {reason}", headers, body)


def _build(line: str, headers: Iterable[tuple[str, str]], body: bytes) -> bytes:
    lines = [line]
    for name, value in headers:
        if not is_token(name) or "\r" in value or "\n" in value:
            raise WireError("bad header to build", 500)
        if canonical_name(name) != "Content-Length":
            lines.append(f"{name}: {value}")
    lines.append(f"Content-Length: {len(body)}\r\n\r\n")
    try:
        return "\r\n".join(lines).encode("utf-8", "surrogateescape") + body
    except UnicodeEncodeError:
        raise WireError("bad text to build", 500) from None
