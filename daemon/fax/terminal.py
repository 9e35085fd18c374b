"""A fax terminal (ITU-T T.30 with V.17, V.29 and V.27ter) by libspandsp.

It is fed and asked 16-bit samples at 8 kHz, or IFP packets of T.38, and keeps no clock of its
own: T.30's timers run by the samples. Not safe between threads; one process runs one fax
(``daemon.fax.worker``).
"""

import ctypes
from abc import ABC, abstractmethod
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final, Self

import msgspec

from daemon.fax.messages import OK, TOO_LONG
from daemon.fax.spandsp import Over, Phase, TerminalMissing, load

RATE: Final = 8000  # samples a second
MOST_SAMPLES: Final = 8000
AGREE_S: Final = 90.0  # s; T.30's T1 is 35 s, but noise can look like a carrier for ever
LONGEST_S: Final = 3600.0
UNHEARD: Final = 3  # spandsp: timed out waiting for the first message
STATION_LENGTH: Final = 20  # characters, T.30 5.3.6.2.4
HEADER_LENGTH: Final = 50
ALL_PAGES: Final = -1
STATISTICS_ROOM: Final = 64  # ints; the library fills fewer, only the first four are read
T30_ERR_OK: Final = 0  # what a phase handler returns so that the fax goes on


class Figures(msgspec.Struct, frozen=True):
    """How far a fax is."""

    rate: int
    """Bits per second."""
    ecm: bool
    sent: int
    """Pages."""
    received: int
    """Whole pages in the file."""


class T30(ABC):
    """One fax, from the first signal to the last; what carries it is for the classes below."""

    _library: Any
    _t30: Any

    def _prepare(
        self,
        path: Path,
        *,
        send: bool,
        station: str,
        header: str,
        ecm: bool,
        progress: Callable[["T30"], None],
    ) -> None:
        """Say what is to be sent or where it is to go, before the first signal."""
        self.code: int | None = None
        """How the fax ended; None while it runs."""
        self._passed = 0
        self._agreed = False
        library, t30 = self._library, self._t30
        library.t30_set_tx_ident(t30, _ascii(station, STATION_LENGTH))
        library.t30_set_tx_page_header_info(t30, _ascii(header, HEADER_LENGTH))
        library.t30_set_ecm_capability(t30, int(ecm))
        # Kept, for the library keeps but a pointer to each.
        self._phase = Phase(lambda *_: self._went_on(progress))
        self._over = Over(lambda _state, _user, code: self._ended(code))
        library.t30_set_phase_b_handler(t30, self._phase, None)
        library.t30_set_phase_d_handler(t30, self._phase, None)
        library.t30_set_phase_e_handler(t30, self._over, None)
        name = str(path).encode()
        if send:
            library.t30_set_tx_file(t30, name, ALL_PAGES, ALL_PAGES)
        else:
            library.t30_set_rx_file(t30, name, ALL_PAGES)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_exception: object) -> None:
        self.close()

    def hang_up(self) -> None:
        """The line is gone: whole pages are kept, ``code`` is set."""
        if self.code is None:
            self._library.t30_terminate(self._t30)

    @abstractmethod
    def close(self) -> None:
        """Hang up, and give the terminal and its file back; safe to call twice."""

    def figures(self) -> Figures:
        """Tell how far the fax is."""
        room = (ctypes.c_int * STATISTICS_ROOM)()
        self._library.t30_get_transfer_statistics(self._t30, room)
        return Figures(rate=room[0], ecm=bool(room[1]), sent=room[2], received=room[3])

    def other_station(self) -> str:
        """Identification of the other side; what is not printable ASCII is a question mark."""
        told = self._library.t30_get_rx_ident(self._t30) or b""
        text = told.decode("ascii", "replace").strip()
        return "".join(letter if " " <= letter <= "~" else "?" for letter in text)

    def detail(self) -> str:
        """The library's English words for how it ended."""
        if self.code == TOO_LONG:
            return f"longer than {LONGEST_S:.0f} s"
        told = self._library.t30_completion_code_to_str(OK if self.code is None else self.code)
        return str(told.decode("ascii", "replace"))

    def _watch(self, count: int) -> None:
        """Give up what would never end by itself."""
        self._passed += count
        seconds = self._passed / RATE
        if self.code is None and seconds > (LONGEST_S if self._agreed else AGREE_S):
            self.code = TOO_LONG if self._agreed else UNHEARD
            self._library.t30_terminate(self._t30)

    def _went_on(self, progress: Callable[["T30"], None]) -> int:
        self._agreed = True
        progress(self)
        return T30_ERR_OK

    def _ended(self, code: int) -> None:
        if self.code is None:
            self.code = code


class Terminal(T30):
    """A fax over audio."""

    def __init__(
        self,
        path: Path,
        *,
        send: bool,
        station: str = "",
        header: str = "",
        ecm: bool = True,
        progress: Callable[[T30], None] = lambda _terminal: None,
    ) -> None:
        self._library = library = load()
        self._fax = library.fax_init(None, int(send))
        if not self._fax:
            raise TerminalMissing("libspandsp gives no fax terminal: out of memory")
        self._t30 = library.fax_get_t30_state(self._fax)
        # Both directions fill every chunk: the chunks are the clock.
        library.fax_set_transmit_on_idle(self._fax, 1)
        self._prepare(path, send=send, station=station, header=header, ecm=ecm, progress=progress)
        self._samples = (ctypes.c_int16 * MOST_SAMPLES)()

    def exchange(self, heard: bytes) -> bytes:
        """Hear samples and say as many, as 16-bit in the machine's order."""
        count = len(heard) // 2
        if not 0 < count <= MOST_SAMPLES:
            raise ValueError(f"1 to {MOST_SAMPLES} samples at once, not {count}")
        self._watch(count)
        ctypes.memmove(self._samples, heard, count * 2)
        self._library.fax_rx(self._fax, self._samples, count)
        said = self._library.fax_tx(self._fax, self._samples, count)
        return ctypes.string_at(self._samples, said * 2).ljust(count * 2, b"\0")

    def close(self) -> None:
        """Hang up, and give the terminal and its file back; safe to call twice."""
        if self._fax:
            self.hang_up()
            self._library.fax_release(self._fax)
            self._library.fax_free(self._fax)
            self._fax = None


def _ascii(text: str, length: int) -> bytes:
    return text.encode("ascii", "replace")[:length]
