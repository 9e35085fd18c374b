"""Typed parts of header values in plain Python: Via, name-addr, URI, authentication.

Everything takes text (a header value, unfolded) and raises WireError only. RFC 3261 25.1.
"""

import re
import socket
from typing import Final

from cython_ext.sip_wire.structs import TOKEN, Auth, NameAddr, Uri, Via, WireError

WS: Final = " \t"
_SCHEME = re.compile(r"[A-Za-z][A-Za-z0-9+.\-]*:.", re.DOTALL)
_URI_REFUSED = re.compile(r"[\x00-\x20\x7f<>\"]")
_HOST = re.compile(r"[A-Za-z0-9._\-]+\Z")
_IPV6 = re.compile(r"[0-9A-Fa-f:.]+\Z")
# The grammar of RFC 3261 writes three colons before an embedded IPv4 address (RFC 5118 4.10).
_THIRD_COLON = re.compile(r":::(?=[^:]*\.[^:]*\Z)")
_VIA_HEAD = re.compile(
    r"SIP[ \t]*/[ \t]*2\.0[ \t]*/[ \t]*([^ \t/;,]+)[ \t]+([^;]*)(.*)\Z",
    re.IGNORECASE | re.DOTALL | re.ASCII,
)
_ESCAPE = re.compile(rb"%([0-9A-Fa-f]{2})")


def is_token(text: str) -> bool:
    """Say whether text is a token of RFC 3261: not empty, and token characters only."""
    return bool(text) and TOKEN.issuperset(text)


def split_list(text: str) -> list[str]:
    """Split at commas outside quotes and angle brackets; empty elements fall away."""
    parts: list[str] = []
    begin = at = 0
    in_brackets = False
    while at < len(text):
        letter = text[at]
        if letter == '"' and not in_brackets:
            at = _after_quoted(text, at, strict=False)
            continue
        if letter == "<":
            in_brackets = True
        elif letter == ">":
            in_brackets = False
        elif letter == "," and not in_brackets:
            parts.append(text[begin:at])
            begin = at + 1
        at += 1
    parts.append(text[begin:])
    return [stripped for part in parts if (stripped := part.strip(WS))]


def parse_via(text: str) -> Via:
    """Parse one Via element."""
    match = _VIA_HEAD.match(_one_line(text).strip(WS))
    if match is None or not is_token(match[1]):
        raise WireError("bad Via")
    try:
        host, port = _host_port(match[2].strip(WS), spaces=True)
        params = _params(match[3])
    except WireError:
        raise WireError("bad Via") from None
    return Via(match[1].upper(), host, port, params)


def parse_name_addr(text: str) -> NameAddr:
    """Parse one From, To, Contact, Route, ... value; ``*`` is a value of its own."""
    text = _one_line(text).strip(WS)
    if text == "*":
        return NameAddr("", "*", {})
    display = ""
    left, quote = text.find("<"), text.find('"')
    if quote == 0:
        after = _after_quoted(text, 0, strict=True)
        display = _unquote(text[:after])
        text = text[after:].lstrip(WS)
        if not text.startswith("<"):
            raise WireError("bad name-addr")
        left = 0
    elif left >= 0 and (quote < 0 or left < quote):
        display = text[:left].rstrip(WS)
        if any(letter not in TOKEN and letter not in WS and letter < "\x80" for letter in display):
            raise WireError("bad display name")
    else:
        left = -1
    if left >= 0:
        uri, found, rest = text[left + 1 :].partition(">")
        if not found:
            raise WireError("bad name-addr")
        uri = uri.strip(WS)
    else:
        uri, semicolon, rest = text.partition(";")
        uri, rest = uri.rstrip(WS), semicolon + rest
        # RFC 3261 20.10: with "," or "?" in it a URI needs angle brackets.
        if "," in uri or "?" in uri:
            raise WireError("URI needs angle brackets")
    if not _SCHEME.match(uri) or _URI_REFUSED.search(uri):
        raise WireError("bad URI")
    return NameAddr(display, uri, _params(rest))


def parse_uri(text: str) -> Uri:
    """Parse a sip, sips or tel URI; WireError with status 416 for another scheme."""
    if not _SCHEME.match(text) or _URI_REFUSED.search(text) or not text.isascii():
        raise WireError("bad URI")
    scheme, _, rest = text.partition(":")
    scheme = scheme.lower()
    if scheme == "tel":
        user, semicolon, tail = rest.partition(";")
        if not user:
            raise WireError("bad URI")
        return Uri(scheme, _unescape(user), params=_uri_params(semicolon + tail))
    if scheme not in {"sip", "sips"}:
        raise WireError("URI scheme not supported", 416)
    before, at, after = rest.partition("@")
    userinfo, tail = (before, after) if at else ("", rest)
    if (at and not userinfo) or "@" in tail:
        raise WireError("bad URI")
    user, colon, password = userinfo.partition(":")
    if at and not user:
        raise WireError("bad URI")
    place, question, query = tail.partition("?")
    place, semicolon, params = place.partition(";")
    host, port = _host_port(place, spaces=False)
    return Uri(
        scheme,
        _unescape(user),
        _unescape(password) if colon else None,
        host.lower(),
        port,
        _uri_params(semicolon + params),
        _uri_headers(query) if question else {},
    )


def parse_auth(text: str) -> Auth:
    """Parse an Authorization or WWW-Authenticate value (and their Proxy- twins)."""
    scheme, _, rest = _one_line(text).strip(WS).partition(" ")
    if not is_token(scheme):
        raise WireError("bad authentication")
    params: dict[str, str] = {}
    for part in split_list(rest):
        name, equals, value = part.partition("=")
        name, value = name.rstrip(WS), value.lstrip(WS)
        if not equals or not is_token(name) or not value:
            raise WireError("bad authentication")
        if value.startswith('"'):
            if _after_quoted(value, 0, strict=True) != len(value):
                raise WireError("bad authentication")
            value = _unquote(value)
        elif any(letter in ' \t"' for letter in value):
            raise WireError("bad authentication")
        params.setdefault(name.lower(), value)
    return Auth(scheme, params)


def _one_line(text: str) -> str:
    if "\r" in text or "\n" in text:
        raise WireError("line break in a value")
    if any("\ud800" <= letter <= "\udfff" for letter in text):
        try:
            text.encode("utf-8", "surrogateescape")
        except UnicodeEncodeError:
            raise WireError("bad text") from None
    return text


def _after_quoted(text: str, at: int, *, strict: bool) -> int:
    """Return the place behind the quoted string that begins at ``at``."""
    at += 1
    while at < len(text):
        if text[at] == "\\":
            at += 2
            continue
        if text[at] == '"':
            return at + 1
        at += 1
    if strict:
        raise WireError("quote without end")
    return len(text)


def _unquote(quoted: str) -> str:
    inner = quoted[1:-1]
    if "\\" not in inner:
        return inner
    plain = re.sub(r"\\(.)", r"\1", inner, flags=re.DOTALL)
    # Bytes that were no UTF-8 may become UTF-8 when the backslash between them goes.
    return plain.encode("utf-8", "surrogateescape").decode("utf-8", "surrogateescape")


def _params(text: str) -> dict[str, str | None]:
    """Parse ``;name=value;name``, with blanks where RFC 3261 allows them; the first wins."""
    params: dict[str, str | None] = {}
    text = text.strip(WS)
    while text:
        if text[0] != ";":
            raise WireError("bad parameter")
        text = text[1:].lstrip(WS)
        length = next((n for n, letter in enumerate(text) if letter not in TOKEN), len(text))
        name, text = text[:length].lower(), text[length:].lstrip(WS)
        if not name:
            raise WireError("bad parameter")
        value: str | None = None
        if text.startswith("="):
            value, text = _param_value(text[1:].lstrip(WS))
        params.setdefault(name, value)
    return params


def _param_value(text: str) -> tuple[str, str]:
    if text.startswith('"'):
        after = _after_quoted(text, 0, strict=True)
        return _unquote(text[:after]), text[after:].lstrip(WS)
    length = next(
        (n for n, letter in enumerate(text) if letter <= " " or letter in ';,"<>\x7f'), len(text)
    )
    if not length:
        raise WireError("bad parameter")
    return text[:length], text[length:].lstrip(WS)


def _host_port(text: str, *, spaces: bool) -> tuple[str, int | None]:
    if text.startswith("["):
        host, found, rest = text[1:].partition("]")
        if not found:
            raise WireError("bad host")
        host = _THIRD_COLON.sub("::", host)
        if not _IPV6.match(host) or not _is_ipv6(host):
            raise WireError("bad host")
    else:
        length = next((n for n, letter in enumerate(text) if letter in ": \t"), len(text))
        host, rest = text[:length], text[length:]
        if not _HOST.match(host):
            raise WireError("bad host")
    if spaces:
        rest = rest.strip(WS)
    if not rest:
        return host, None
    digits = rest[1:].lstrip(WS) if spaces else rest[1:]
    if rest[0] != ":" or not re.fullmatch(r"[0-9]{1,5}", digits) or int(digits) > 65_535:
        raise WireError("bad port")
    return host, int(digits)


def _is_ipv6(text: str) -> bool:
    try:
        socket.inet_pton(socket.AF_INET6, text)
    except OSError:
        return False
    return True


def _uri_params(text: str) -> dict[str, str | None]:
    params: dict[str, str | None] = {}
    for part in text.split(";")[1:]:
        name, equals, value = part.partition("=")
        if not name or (equals and not value):
            raise WireError("bad URI parameter")
        params.setdefault(_unescape(name).lower(), _unescape(value) if equals else None)
    return params


def _uri_headers(text: str) -> dict[str, str]:
    headers: dict[str, str] = {}
    for part in text.split("&"):
        name, equals, value = part.partition("=")
        if not name or not equals:
            raise WireError("bad URI header")
        headers.setdefault(_unescape(name), _unescape(value))
    return headers


def _unescape(text: str) -> str:
    if "%" not in text:
        return text
    raw = text.encode("ascii")
    if raw.count(b"%") != len(_ESCAPE.findall(raw)):
        raise WireError("bad escape")
    plain = _ESCAPE.sub(lambda match: bytes([int(match[1], 16)]), raw)
    return plain.decode("utf-8", "surrogateescape")
