"""Session descriptions (RFC 8866): bytes to structs and back; what they mean is elsewhere.

Lenient in (LF alone, unknown lines, missing ``s=``/``t=``), strict out.
"""

from functools import lru_cache

from drivers.errors import ProtocolError
from drivers.sip.negotiation.description import Media, Origin, Sdp

MAX_LINES = 512
MAX_MEDIA = 16
KNOWN_LENGTH = 64
REPEATED = ("rtpmap:", "fmtp:", "ptime:", "maxptime:", "sendrecv", "rtcp-mux")
"""Beginnings of attributes that come with every call; those with keys must not be kept."""


class SdpError(ProtocolError):
    """Bytes that are not a usable session description."""


def parse_sdp(data: bytes) -> Sdp:
    """Parse a description; SdpError for anything that is none."""
    try:
        text = data.decode("utf-8")
    except UnicodeDecodeError as error:
        raise SdpError(f"not UTF-8 at byte {error.start}") from None
    lines = [line for line in text.replace("\r\n", "\n").split("\n") if line]
    if not lines or lines[0] != "v=0":
        raise SdpError("does not begin with v=0")
    if len(lines) > MAX_LINES:
        raise SdpError("too many lines")
    origin: Origin | None = None
    name, host = "-", ""
    session: list[tuple[str, str]] = []
    media: list[_Section] = []
    for line in lines[1:]:
        kind, value = line[:2], line[2:]
        if kind == "a=":
            (media[-1].attributes if media else session).append(_attribute(value))
        elif kind == "m=":
            if len(media) == MAX_MEDIA:
                raise SdpError("too many media")
            media.append(_Section(value))
        elif kind == "c=":
            if media:
                media[-1].host = _connection(value)
            else:
                host = _connection(value)
        elif kind == "o=":
            origin = _origin(value)
        elif kind == "s=":
            name = _plain(value) or "-"
        elif len(line) < 2 or line[1] != "=":
            raise SdpError(f"bad line {line[:40]!r}")
    if origin is None:
        raise SdpError("no o= line")
    return Sdp(
        origin=origin,
        name=name,
        host=host,
        attributes=tuple(session),
        media=tuple(section.finish() for section in media),
    )


def build_sdp(sdp: Sdp) -> bytes:
    """Write a description; parsing the result gives the same struct."""
    origin = sdp.origin
    lines = [
        "v=0",
        f"o={origin.username} {origin.session_id} {origin.version} {_family(origin.host)}",
        f"s={sdp.name}",
    ]
    if sdp.host:
        lines.append(f"c={_family(sdp.host)}")
    lines.append("t=0 0")
    lines += [_written(item) for item in sdp.attributes]
    for media in sdp.media:
        lines.append(f"m={media.kind} {media.port} {media.protocol} {' '.join(media.formats)}")
        if media.host:
            lines.append(f"c={_family(media.host)}")
        lines += [_written(item) for item in media.attributes]
    return ("\r\n".join(lines) + "\r\n").encode()


class _Section:
    """A media section while it is read."""

    __slots__ = ("attributes", "formats", "host", "kind", "port", "protocol")

    def __init__(self, value: str) -> None:
        fields = value.split()
        if len(fields) < 4:
            raise SdpError(f"bad m= line {value[:40]!r}")
        # "49170/2" asks for several ports; only the first one is ever used.
        self.port = _number(fields[1].partition("/")[0], 65535)
        self.kind, self.protocol = fields[0], fields[2]
        self.formats = tuple(fields[3:])
        self.host = ""
        self.attributes: list[tuple[str, str]] = []

    def finish(self) -> Media:
        return Media(
            kind=self.kind,
            port=self.port,
            protocol=self.protocol,
            formats=self.formats,
            host=self.host,
            attributes=tuple(self.attributes),
        )


def _attribute(value: str) -> tuple[str, str]:
    # Only short ones are worth the memory.
    known = len(value) <= KNOWN_LENGTH and value.startswith(REPEATED)
    return _split_known(value) if known else _split(value)


def _split(value: str) -> tuple[str, str]:
    name, colon, rest = value.partition(":")
    if not name or not name.isprintable() or (colon and not rest):
        raise SdpError(f"bad attribute {value[:40]!r}")
    return name, _plain(rest)


_split_known = lru_cache(maxsize=2048)(_split)


def _origin(value: str) -> Origin:
    fields = value.split()
    if len(fields) != 6:
        raise SdpError(f"bad o= line {value[:60]!r}")
    # The address is only a name for the session (RFC 8866 5.2), so it may be anything.
    limit = 2**64 - 1
    return Origin(
        _plain(fields[0]), _number(fields[1], limit), _number(fields[2], limit), fields[5]
    )


def _connection(value: str) -> str:
    fields = value.split()
    if len(fields) != 3 or fields[0] != "IN":
        raise SdpError(f"bad c= line {value[:60]!r}")
    return fields[2].partition("/")[0] or _refuse(value)


def _refuse(value: str) -> str:
    raise SdpError(f"bad address {value[:60]!r}")


def _number(text: str, limit: int) -> int:
    if not (text.isascii() and text.isdigit()) or len(text) > 20 or int(text) > limit:
        raise SdpError(f"bad number {text[:24]!r}")
    return int(text)


def _plain(text: str) -> str:
    if "\r" in text or "\0" in text:
        raise SdpError("control character")
    return text


def _written(item: tuple[str, str]) -> str:
    return f"a={item[0]}:{item[1]}" if item[1] else f"a={item[0]}"


def _family(host: str) -> str:
    return f"IN IP{6 if ':' in host else 4} {host}"
