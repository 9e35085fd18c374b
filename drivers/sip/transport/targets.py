"""Where calls of a trunk go, as an administrator writes it: an address with a port, or a name."""

import ipaddress
import re
from functools import lru_cache
from typing import Final

from drivers.sip.transport.listening import address_of

_NAME: Final = re.compile(
    r"(?=.*[a-zA-Z])(?:[a-zA-Z0-9_](?:[a-zA-Z0-9_-]*[a-zA-Z0-9])?\.)+[a-zA-Z0-9-]+\.?\Z"
)


@lru_cache(maxsize=256)  # asked before each call that goes out
def host_and_port(text: str) -> tuple[str, int | None]:
    """Split ``host:port``, ``[v6]:port`` or ``name``; ValueError when it is none of them."""
    host, colon, port = text.rpartition(":")
    if not colon or (host.count(":") > 1 and not host.endswith("]")):
        host, port = text, ""
    number = int(port) if port else None
    if number is not None and not 0 < number <= 65535:
        raise ValueError(f"{number} is not a port")
    host = host.strip("[]")
    if is_address(host):
        return str(ipaddress.ip_address(host)), number
    if not _NAME.match(host):
        raise ValueError(f"{host} is neither an address nor a name")
    return host.lower().rstrip("."), number


@lru_cache(maxsize=256)
def is_address(host: str) -> bool:
    """Whether it is an IP address, not a name."""
    return address_of(host) is not None
