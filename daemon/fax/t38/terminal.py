"""A fax terminal and a gateway that speak T.38 (IFP packets), by libspandsp.

Packets come and go without UDPTL around them (``daemon.fax.t38.udptl``). Time passes by samples of
8 kHz, as for ``daemon.fax.terminal``.
"""

import ctypes
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final, Self

from daemon.fax.spandsp import TRANSFERRED_TCF, UDPTL, SendPacket, TerminalMissing, load
from daemon.fax.terminal import MOST_SAMPLES, STATISTICS_ROOM, T30

VERSION: Final = 0  # T38FaxVersion; every implementation knows it

Transmit = Callable[[bytes, int], None]
"""Takes an IFP packet and how many times it is to be sent."""


def _handler(transmit: Transmit) -> Any:
    """The library's way out for packets."""

    def send(_core: int, _user: int, octets: int, length: int, count: int) -> int:
        transmit(ctypes.string_at(octets, length), max(count, 1))
        return 0

    return SendPacket(send)


def _set_up(library: Any, core: Any) -> None:
    library.t38_set_t38_version(core, VERSION)
    library.t38_set_data_transport_protocol(core, UDPTL)
    library.t38_set_data_rate_management_method(core, TRANSFERRED_TCF)


class T38Terminal(T30):
    """A fax over T.38."""

    def __init__(
        self,
        path: Path,
        *,
        send: bool,
        transmit: Transmit,
        station: str = "",
        header: str = "",
        ecm: bool = True,
        progress: Callable[[T30], None] = lambda _terminal: None,
    ) -> None:
        self._library = library = load()
        self._send = _handler(transmit)
        self._terminal = library.t38_terminal_init(None, int(send), self._send, None)
        if not self._terminal:
            raise TerminalMissing("libspandsp gives no T.38 terminal: out of memory")
        self._core = library.t38_terminal_get_t38_core_state(self._terminal)
        self._t30 = library.t38_terminal_get_t30_state(self._terminal)
        _set_up(library, self._core)
        self._prepare(path, send=send, station=station, header=header, ecm=ecm, progress=progress)

    def hear(self, sequence: int, ifp: bytes) -> None:
        """Take a packet of the other side."""
        self._library.t38_core_rx_ifp_packet(self._core, ifp, len(ifp), sequence)

    def passed(self, samples: int) -> None:
        """Let time pass: packets that are due are sent."""
        self._watch(samples)
        self._library.t38_terminal_send_timeout(self._terminal, samples)

    def close(self) -> None:
        """Hang up, and give the terminal and its file back; safe to call twice."""
        if self._terminal:
            self.hang_up()
            self._library.t38_terminal_release(self._terminal)
            self._library.t38_terminal_free(self._terminal)
            self._terminal = None


class Gateway:
    """Between two machines: one heard as audio, the other by T.38."""

    def __init__(self, *, transmit: Transmit, ecm: bool = True) -> None:
        self._library = library = load()
        self._send = _handler(transmit)
        self._gateway = library.t38_gateway_init(None, self._send, None)
        if not self._gateway:
            raise TerminalMissing("libspandsp gives no T.38 gateway: out of memory")
        self._core = library.t38_gateway_get_t38_core_state(self._gateway)
        _set_up(library, self._core)
        library.t38_gateway_set_ecm_capability(self._gateway, int(ecm))
        library.t38_gateway_set_transmit_on_idle(self._gateway, 1)
        self._samples = (ctypes.c_int16 * MOST_SAMPLES)()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_exception: object) -> None:
        self.close()

    def hear(self, sequence: int, ifp: bytes) -> None:
        """Take a packet of the side that speaks T.38."""
        self._library.t38_core_rx_ifp_packet(self._core, ifp, len(ifp), sequence)

    def exchange(self, heard: bytes) -> bytes:
        """Hear samples of the side that speaks audio, and say as many to it."""
        count = len(heard) // 2
        if not 0 < count <= MOST_SAMPLES:
            raise ValueError(f"1 to {MOST_SAMPLES} samples at once, not {count}")
        ctypes.memmove(self._samples, heard, count * 2)
        self._library.t38_gateway_rx(self._gateway, self._samples, count)
        said = self._library.t38_gateway_tx(self._gateway, self._samples, count)
        return ctypes.string_at(self._samples, said * 2).ljust(count * 2, b"\0")

    def pages(self) -> int:
        """Pages that went over."""
        room = (ctypes.c_int * STATISTICS_ROOM)()
        self._library.t38_gateway_get_transfer_statistics(self._gateway, room)
        return int(room[2])

    def rate(self) -> int:
        """Bits per second."""
        room = (ctypes.c_int * STATISTICS_ROOM)()
        self._library.t38_gateway_get_transfer_statistics(self._gateway, room)
        return int(room[0])

    def close(self) -> None:
        """Give the gateway back; safe to call twice."""
        if self._gateway:
            self._library.t38_gateway_release(self._gateway)
            self._library.t38_gateway_free(self._gateway)
            self._gateway = None
