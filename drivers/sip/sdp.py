"""Session descriptions (RFC 8866): bytes to structs and back; what they mean is elsewhere.

Lenient in (LF alone, unknown lines, missing ``s=``/``t=``), strict out.
"""

from cython_ext.sip_wire import WireError, read_description
from drivers.errors import ProtocolError
from drivers.sip.negotiation.description import Media, Origin, Sdp


class SdpError(ProtocolError):
    """Bytes that are not a usable session description."""


def parse_sdp(data: bytes) -> Sdp:
    """Parse a description; SdpError for anything that is none."""
    try:
        origin, name, host, attributes, sections = read_description(data)
    except WireError as error:
        raise SdpError(error.reason) from None
    media = [
        Media(kind=kind, port=port, protocol=protocol, formats=formats, host=own, attributes=lines)
        for kind, port, protocol, formats, own, lines in sections
    ]
    username, session_id, version, place = origin
    return Sdp(
        origin=Origin(username, session_id, version, place),
        name=name,
        host=host,
        attributes=attributes,
        media=tuple(media),
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


def _written(item: tuple[str, str]) -> str:
    return f"a={item[0]}:{item[1]}" if item[1] else f"a={item[0]}"


def _family(host: str) -> str:
    return f"IN IP{6 if ':' in host else 4} {host}"
