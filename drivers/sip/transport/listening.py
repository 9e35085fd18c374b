"""Where the driver listens: ``udp:0.0.0.0:5060``, ``tls:[::]:5061``, ``wss:192.0.2.1:443``."""

import ipaddress
from collections.abc import Sequence
from typing import Final, Protocol

import msgspec

from drivers.errors import OptionsError
from drivers.sip.transport.address import DEFAULT_PORTS, SECURE

KNOWN: Final = ", ".join(DEFAULT_PORTS)


class Listen(msgspec.Struct, frozen=True):
    """One listener; ``port`` 0 takes any free one."""

    transport: str
    host: str
    port: int

    @property
    def secure(self) -> bool:
        """Whether it needs a certificate."""
        return self.transport in SECURE

    @property
    def everywhere(self) -> bool:
        """Whether it listens on every address of the host."""
        return ipaddress.ip_address(self.host).is_unspecified

    @property
    def version(self) -> int:
        """4 or 6."""
        return ipaddress.ip_address(self.host).version


def parse_listen(text: str, *, key: str = "listen") -> Listen:
    """Read ``transport:address[:port]``; OptionsError says what to write instead."""
    transport, colon, place = text.partition(":")
    if not colon or transport not in DEFAULT_PORTS:
        raise OptionsError(
            key,
            f"{text!r} names no transport; write one of {KNOWN} before the address, "
            "such as udp:0.0.0.0:5060",
            f"{text!r} 没有写传输协议；请在地址前写 {KNOWN} 之一，例如 udp:0.0.0.0:5060",
        )
    host, port = _split(place)
    try:
        address = ipaddress.ip_address(host)
    except ValueError:
        raise OptionsError(
            key,
            f"{place!r} in {text!r} is not an IP address with a port; write "
            f"{transport}:192.0.2.1:{DEFAULT_PORTS[transport]} or "
            f"{transport}:[2001:db8::1]:{DEFAULT_PORTS[transport]}",
            f"{text!r} 中的 {place!r} 不是带端口的 IP 地址；请写 "
            f"{transport}:192.0.2.1:{DEFAULT_PORTS[transport]} 或 "
            f"{transport}:[2001:db8::1]:{DEFAULT_PORTS[transport]}",
        ) from None
    if port and not (port.isascii() and port.isdigit() and int(port) <= 65535):
        raise OptionsError(
            key,
            f"{port!r} in {text!r} is not a port; write 0 to 65535",
            f"{text!r} 中的 {port!r} 不是端口；请写 0 到 65535",
        )
    return Listen(transport, str(address), int(port) if port else DEFAULT_PORTS[transport])


def _split(place: str) -> tuple[str, str]:
    """Host and port as text; an IPv6 address with a port stands in brackets."""
    if place.startswith("["):
        host, _, rest = place[1:].partition("]")
        return host, rest.removeprefix(":")
    if place.count(":") > 1:
        return place, ""
    host, _, port = place.partition(":")
    return host, port


class ListenOptions(Protocol):
    """The options that say where to listen."""

    @property
    def listen(self) -> str | tuple[str, ...]: ...
    @property
    def advertise(self) -> str | tuple[str, ...]: ...
    @property
    def certificates(self) -> Sequence[object]: ...
    def listeners(self) -> tuple[Listen, ...]: ...
    def advertised(self, listen: Listen) -> str: ...


def listener_faults(options: ListenOptions) -> list[OptionsError]:
    """What is wrong with where to listen, each with its key."""
    found: list[OptionsError] = []
    advertise = options.advertise
    for text in (advertise,) if isinstance(advertise, str) else advertise:
        if text and address_of(text) is None:
            en = f"{text!r} is not an IP address; write this host's address"
            zh = f"{text!r} 不是 IP 地址；请写本机的地址"
            found.append(OptionsError("advertise", en, zh))
    if isinstance(options.listen, str) and ":" not in options.listen:
        if address_of(options.listen) is None:
            en = f"{options.listen!r} is not an IP address; write 127.0.0.1 or 0.0.0.0"
            zh = f"{options.listen!r} 不是 IP 地址；请写 127.0.0.1 或 0.0.0.0"
            return [*found, OptionsError("listen", en, zh)]
    elif not options.listen:
        en, zh = "names no listener; write udp:127.0.0.1:5060", "没有监听；请写 udp:127.0.0.1:5060"
        return [*found, OptionsError("listen", en, zh)]
    try:
        listeners = options.listeners()
    except OptionsError as error:
        return [*found, error]
    # The core writes the first UDP listener, else the first, into From and other places that
    # no connection makes true.
    named = [one for one in listeners if one.transport == "udp"] or listeners[:1]
    for listen in listeners:
        twice = listen.port and sum(_same_port(listen, other) for other in listeners) > 1
        if twice:
            en = f"port {listen.port} of {listen.host} is named twice; write another port"
            zh = f"{listen.host} 的端口 {listen.port} 写了两次；请换一个端口"
            return [*found, OptionsError("listen", en, zh)]
        if listen in named and not options.advertised(listen):
            en = (
                f"needed when listening on every address ({listen.host}); write this host's address"
            )
            zh = f"监听所有地址（{listen.host}）时需要此项；请写本机的地址"
            found.append(OptionsError("advertise", en, zh))
    if any(listen.secure for listen in listeners) and not options.certificates:
        en = "needed to listen with tls or wss; write a certificate and its private_key"
        zh = "监听 tls 或 wss 时需要此项；请写 certificate 和 private_key"
        found.append(OptionsError("certificates", en, zh))
    return found


def is_loopback(options: ListenOptions) -> bool:
    """Whether nobody but this host can reach any listener."""
    try:
        return all(ipaddress.ip_address(one.host).is_loopback for one in options.listeners())
    except OptionsError:
        return False


def address_of(text: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address | None:
    """The address a text is; None when it is none."""
    try:
        return ipaddress.ip_address(text)
    except ValueError:
        return None


def _same_port(one: Listen, other: Listen) -> bool:
    """Whether two listeners want the same port of the same kind of socket."""
    if (one.transport == "udp") != (other.transport == "udp"):
        return False
    return one.host == other.host and one.port == other.port
