"""What a refusal must echo, read from a message that does not parse."""

import re
from typing import Final

from cython_ext.sip_wire.names import spelled
from cython_ext.sip_wire.structs import MAX_HEADERS, MAX_MESSAGE

_ECHOED: Final = ("Via", "From", "To", "Call-ID", "CSeq")
_FOLD: Final = re.compile(r"[ \t]*\r\n[ \t]+")


def salvage(data: bytes) -> tuple[tuple[str, str], ...]:
    """Return the headers that a response copies, as far as they can be read; never raises."""
    head = data[:MAX_MESSAGE].lstrip(b"\r\n").partition(b"\r\n\r\n")[0]
    text = head.decode("utf-8", "surrogateescape")
    found: list[tuple[str, str]] = []
    for line in _FOLD.sub(" ", text).split("\r\n")[1:]:
        name, colon, value = line.partition(":")
        canonical = spelled(name.strip(" \t"))
        if not colon or canonical not in _ECHOED or "\r" in value or "\n" in value:
            continue
        if canonical == "Via" or canonical not in {known for known, _ in found}:
            found.append((canonical, value.strip(" \t")))
    return tuple(found[:MAX_HEADERS])
