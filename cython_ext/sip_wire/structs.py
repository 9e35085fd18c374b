"""What the parts of a SIP message parse into, and the one error of parsing.

Both implementations return these; ``format_*`` write them back so that parsing the text
again gives the same value.
"""

from collections.abc import Mapping
from typing import Final
from urllib.parse import quote

import msgspec

MAX_MESSAGE: Final = 65_535  # bytes; a UDP datagram holds no more
MAX_HEADERS: Final = 256
MAX_CSEQ: Final = 2**31 - 1  # RFC 3261 8.1.1.5

# RFC 3261 25.1, "token" (and the characters of a method or a header name).
TOKEN: Final = frozenset("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-.!%*_+`'~")
# RFC 3261 25.1: unreserved, without "%", and what user, password, parameter and header add.
_UNRESERVED: Final = "-_.!~*'()"
_USER_SAFE: Final = _UNRESERVED + "&=+$,;?/"
_PASSWORD_SAFE: Final = _UNRESERVED + "&=+$,"
_PARAM_SAFE: Final = _UNRESERVED + "[]/:&+$"
_HEADER_SAFE: Final = _UNRESERVED + "[]/?:+$"


class WireError(Exception):
    """Bytes that are not a SIP message, or a part of one that breaks its grammar.

    ``status`` is the code to refuse the request with; 0 means drop in silence (responses,
    ACK, a keep-alive). ``echo`` holds the Via, From, To, Call-ID and CSeq headers that could
    be read, ready for ``build_response``.
    """

    def __init__(
        self, reason: str, status: int = 400, echo: tuple[tuple[str, str], ...] = ()
    ) -> None:
        super().__init__(reason)
        self.reason = reason
        self.status = status
        self.echo = echo


class CSeq(msgspec.Struct, frozen=True):
    """The CSeq header: number (below 2**31) and method."""

    number: int
    method: str


class Via(msgspec.Struct, frozen=True):
    """One Via element."""

    transport: str
    """Upper case: UDP, TCP, TLS, WS, ..."""
    host: str
    """Without brackets when it is an IPv6 address."""
    port: int | None = None
    params: dict[str, str | None] = {}
    """Names in lower case; None for a parameter without value."""

    @property
    def branch(self) -> str:
        """The branch parameter, empty when there is none."""
        return self.params.get("branch") or ""


class NameAddr(msgspec.Struct, frozen=True):
    """From, To, Contact, Route, Refer-To, ...: a URI with a name and header parameters."""

    display: str
    """Unquoted and unescaped."""
    uri: str
    """As written, without angle brackets; ``*`` for ``Contact: *``."""
    params: dict[str, str | None] = {}

    @property
    def tag(self) -> str:
        """The tag parameter, empty when there is none."""
        return self.params.get("tag") or ""


class Uri(msgspec.Struct, frozen=True):
    """A sip, sips or tel URI with every escape resolved."""

    scheme: str
    user: str = ""
    """The number, for a tel URI."""
    password: str | None = None
    host: str = ""
    """Lower case, without brackets when it is an IPv6 address; empty for tel."""
    port: int | None = None
    params: dict[str, str | None] = {}
    headers: dict[str, str] = {}


class Auth(msgspec.Struct, frozen=True):
    """A challenge or credentials: scheme as written, parameters unquoted, names lower case."""

    scheme: str
    params: dict[str, str]


def format_host(host: str, port: int | None) -> str:
    """Write host and port, with brackets around an IPv6 address."""
    text = f"[{host}]" if ":" in host else host
    return text if port is None else f"{text}:{port}"


def format_params(params: Mapping[str, str | None]) -> str:
    """Write header parameters, each with its semicolon, quoting values that need it."""
    return "".join(
        f";{name}" if value is None else f";{name}={_plain_or_quoted(value)}"
        for name, value in params.items()
    )


def format_via(via: Via) -> str:
    """Write a Via element."""
    sent_by = format_host(via.host, via.port)
    return f"SIP/2.0/{via.transport} {sent_by}{format_params(via.params)}"


def format_name_addr(value: NameAddr) -> str:
    """Write a name-addr, always with angle brackets (RFC 3261 20.10), but for ``*``."""
    if value.uri == "*":
        return "*"
    display = f"{quote_string(value.display)} " if value.display else ""
    return f"{display}<{value.uri}>{format_params(value.params)}"


def format_uri(uri: Uri) -> str:
    """Write a URI, escaping what must be escaped in each part."""
    params = "".join(
        f";{quote(name, _PARAM_SAFE)}"
        + ("" if value is None else f"={quote(value, _PARAM_SAFE, errors='surrogateescape')}")
        for name, value in uri.params.items()
    )
    user = quote(uri.user, _USER_SAFE, errors="surrogateescape")
    if uri.scheme == "tel":
        return f"tel:{user}{params}"
    if uri.password is not None:
        user += ":" + quote(uri.password, _PASSWORD_SAFE, errors="surrogateescape")
    headers = "&".join(
        f"{quote(name, _HEADER_SAFE, errors='surrogateescape')}"
        f"={quote(value, _HEADER_SAFE, errors='surrogateescape')}"
        for name, value in uri.headers.items()
    )
    return (
        f"{uri.scheme}:{user + '@' if user else ''}{format_host(uri.host, uri.port)}{params}"
        f"{'?' + headers if headers else ''}"
    )


def quote_string(text: str) -> str:
    """Write a quoted-string (RFC 3261 25.1)."""
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'


def _plain_or_quoted(value: str) -> str:
    if value and all(letter in TOKEN or letter in "[]:/" for letter in value):
        return value
    return quote_string(value)
