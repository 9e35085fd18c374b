"""Session descriptions taken apart in plain Python (RFC 8866): what the compiled one must agree with.

Lenient: LF alone, unknown lines, missing ``s=`` and ``t=``. What the fields mean is elsewhere.
"""

import re
from typing import Final

from cython_ext.sip_wire.structs import WireError

MAX_LINES: Final = 512
MAX_MEDIA: Final = 16
MAX_USUAL: Final = 1024  # bytes; longer ones are not worth remembering

_USUAL_ORIGIN: Final = re.compile(rb"o=([!-~]+) [0-9]{1,19} [0-9]{1,19}( [ -~]*)\Z")
_USUAL_LINE: Final = re.compile(
    rb"(?:[bcimst]=|a=(?:rtpmap:|fmtp:|ptime:|maxptime:|sendrecv|sendonly|recvonly|inactive|rtcp-mux))"
    rb"[ -~]*\Z"
)
_USUAL_AUDIO: Final = re.compile(rb"m=audio ([1-9][0-9]{0,4})( .*)\Z")

Attributes = tuple[tuple[str, str], ...]
"""Name and value of each ``a=`` line, in order; the value may be empty."""
Origin = tuple[str, int, int, str]
"""User name, number and version of the session, address."""
Media = tuple[str, int, str, tuple[str, ...], str, Attributes]
"""Kind, port, protocol, formats, address of its own or nothing, attributes."""
Description = tuple[Origin, str, str, Attributes, tuple[Media, ...]]
"""Origin, name, address of all media or nothing, attributes, media."""


def read_description(data: bytes) -> Description:
    """Take a description apart; WireError says why something is none."""
    try:
        text = data.decode("utf-8")
    except UnicodeDecodeError as error:
        raise WireError(f"not UTF-8 at byte {error.start}") from None
    lines = [line for line in text.replace("\r\n", "\n").split("\n") if line]
    if not lines or lines[0] != "v=0":
        raise WireError("does not begin with v=0")
    if len(lines) > MAX_LINES:
        raise WireError("too many lines")
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
                raise WireError("too many media")
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
            raise WireError(f"bad line {line[:40]!r}")
    if origin is None:
        raise WireError("no o= line")
    return origin, name, host, tuple(session), tuple(section.finish() for section in media)


def usual_description(data: bytes) -> tuple[bytes, int, int] | None:
    """What a description has in common with those of other calls of its sender.

    That is the description with 0 for number and version of the session and 1 for the port of
    its first audio stream; with it come that port and the stream's place among the media. None
    for one with other lines than a plain call needs: what is remembered must hold no keys.
    """
    lines = data.split(b"\r\n")
    if len(data) > MAX_USUAL or len(lines) < 3 or lines[0] != b"v=0" or lines.pop():
        return None
    origin = _USUAL_ORIGIN.match(lines[1])
    if origin is None or not all(_USUAL_LINE.match(line) for line in lines[2:]):
        return None
    lines[1] = b"o=%b 0 0%b" % origin.groups()
    sections = [at for at, line in enumerate(lines) if line.startswith(b"m=")]
    for place, at in enumerate(sections):
        if lines[at].startswith(b"m=audio "):
            audio = _USUAL_AUDIO.match(lines[at])
            if audio is None or int(audio[1]) > 65535:
                return None
            lines[at] = b"m=audio 1%b" % audio[2]
            return b"\r\n".join(lines) + b"\r\n", int(audio[1]), place
    return None


class _Section:
    """A media section while it is read."""

    __slots__ = ("attributes", "formats", "host", "kind", "port", "protocol")

    def __init__(self, value: str) -> None:
        fields = value.split()
        if len(fields) < 4:
            raise WireError(f"bad m= line {value[:40]!r}")
        # "49170/2" asks for several ports; only the first one is ever used.
        self.port = _number(fields[1].partition("/")[0], 65535)
        self.kind, self.protocol = fields[0], fields[2]
        self.formats = tuple(fields[3:])
        self.host = ""
        self.attributes: list[tuple[str, str]] = []

    def finish(self) -> Media:
        attributes = tuple(self.attributes)
        return self.kind, self.port, self.protocol, self.formats, self.host, attributes


def _attribute(value: str) -> tuple[str, str]:
    name, colon, rest = value.partition(":")
    if not name or not name.isprintable() or (colon and not rest):
        raise WireError(f"bad attribute {value[:40]!r}")
    return name, _plain(rest)


def _origin(value: str) -> Origin:
    fields = value.split()
    if len(fields) != 6:
        raise WireError(f"bad o= line {value[:60]!r}")
    # The address is only a name for the session (RFC 8866 5.2), so it may be anything.
    limit = 2**64 - 1
    return _plain(fields[0]), _number(fields[1], limit), _number(fields[2], limit), fields[5]


def _connection(value: str) -> str:
    fields = value.split()
    if len(fields) != 3 or fields[0] != "IN":
        raise WireError(f"bad c= line {value[:60]!r}")
    host = fields[2].partition("/")[0]
    if not host:
        raise WireError(f"bad address {value[:60]!r}")
    return host


def _number(text: str, limit: int) -> int:
    if not (text.isascii() and text.isdigit()) or len(text) > 20 or int(text) > limit:
        raise WireError(f"bad number {text[:24]!r}")
    return int(text)


def _plain(text: str) -> str:
    if "\r" in text or "\0" in text:
        raise WireError("control character")
    return text
