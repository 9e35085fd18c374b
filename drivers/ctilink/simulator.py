"""A telephone exchange that speaks SMDI on a pseudo terminal.

It stands on the other side of the tty and shares no code with the driver. It sends call
records byte by byte as told, adds noise and parity bits, reads lamp commands, and refuses
those it is told to refuse.
"""

import asyncio
import functools
import itertools
import os
import random
import re
import tty
from collections.abc import Callable, Iterable
from pathlib import Path

from drivers.errors import DriverError

EM = b"\x19"
_COMMAND = re.compile(rb"(OP|RMV):MWI (\d+)!\x04")
NOISE = b"\x00\x7f\xffxQ~\r\n\r\n?? \r\n"


def record(
    desk: int,
    terminal: int,
    kind: str,
    forwarded_from: str = "",
    ani: str = "",
) -> bytes:
    """One call record as it goes over the wire."""
    text = f"MD{desk:03d}{terminal:04d}{kind}{forwarded_from} {ani} "
    return b"\r\n" + text.encode("ascii") + b"\r\n" + EM


def refusal(station: str, cause: str, *, deletes: bool = False) -> bytes:
    """The refusal of a lamp command; some central offices put two DEL before the end."""
    end = b"\x7f\x7f" if deletes else b""
    return b"\r\nMWI" + station.encode("ascii") + b" " + cause.encode("ascii") + b"\r\n" + end + EM


def with_parity(data: bytes, *, odd: bool = False) -> bytes:
    """The bytes as an 8-bit port sees them on a 7-bit line with parity."""
    return bytes(b | 0x80 if (b.bit_count() % 2 == 1) != odd else b for b in data)


class SimulatedSwitch:
    """The exchange's end of the link; ``device`` is what the driver opens.

    ``lamps`` holds the state of each lamp, ``commands`` everything that was asked.
    """

    def __init__(
        self,
        *,
        link: Path | None = None,
        invalid: Iterable[str] = (),
        blocked_probability: float = 0.0,
        chance: random.Random | None = None,
        reply_delay_s: float = 0.0,
        lamp_changed: Callable[[str, bool], None] | None = None,
    ) -> None:
        self.invalid = set(invalid)
        self.blocked_probability = blocked_probability
        self.reply_delay_s = reply_delay_s
        self.lamps: dict[str, bool] = {}
        self.commands: list[tuple[str, bool]] = []
        self.commands_at: list[float] = []
        self.device = ""
        self._link = link
        self._chance = chance or random.Random(0)  # noqa: S311 - not for secrets
        self._lamp_changed = lamp_changed
        self._master = -1
        self._slave = -1
        self._read = bytearray()
        self._unsent = bytearray()
        self._news = asyncio.Event()
        self._timers: set[asyncio.TimerHandle] = set()

    def start(self) -> None:
        """Open the pseudo terminal; with ``link``, a symbolic link names it.

        DriverError when something else is there under that name, or would be hidden by it.
        """
        if self._link is not None and (
            self._link.is_relative_to("/dev")
            or (self._link.exists() and not self._link.is_symlink())
        ):
            raise DriverError(
                f"{self._link}: a simulated exchange cannot take a real device's name"
            )
        self._master, self._slave = os.openpty()
        # Our own hold on the other side keeps bytes while the daemon restarts.
        tty.setraw(self._slave)
        os.set_blocking(self._master, False)
        self.device = os.ttyname(self._slave)
        if self._link is not None:
            self._link.unlink(missing_ok=True)
            self._link.symlink_to(self.device)
            self.device = str(self._link)
        asyncio.get_running_loop().add_reader(self._master, self._readable)

    def stop(self) -> None:
        """Hang up: the driver sees the end of the line. Safe to call twice."""
        if self._master < 0:
            return
        loop = asyncio.get_running_loop()
        loop.remove_reader(self._master)
        loop.remove_writer(self._master)
        for timer in self._timers:
            timer.cancel()
        self._timers.clear()
        os.close(self._slave)
        os.close(self._master)
        self._master = self._slave = -1
        self._unsent.clear()
        if self._link is not None:
            self._link.unlink(missing_ok=True)

    def send(self, data: bytes) -> None:
        """Put bytes on the line."""
        idle = not self._unsent
        self._unsent += data
        if idle:
            self._write()
            if self._unsent:
                asyncio.get_running_loop().add_writer(self._master, self._write)

    def send_in_pieces(self, data: bytes, cuts: Iterable[int], *, pause_s: float = 0.0) -> None:
        """Put bytes on the line in pieces cut at these places, with a pause between them."""
        edges = [0, *sorted(cuts), len(data)]
        for index, (start, end) in enumerate(itertools.pairwise(edges)):
            self._later(index * pause_s, functools.partial(self.send, data[start:end]))

    def call(
        self,
        desk: int,
        terminal: int,
        kind: str = "D",
        *,
        forwarded_from: str = "",
        ani: str = "",
        delay_s: float = 0.0,
    ) -> None:
        """Announce a call on a port, at once or after a delay in seconds."""
        data = record(desk, terminal, kind, forwarded_from, ani)
        self._later(delay_s, lambda: self.send(data))

    def noise(self) -> None:
        """Put noise on the line, as a bad cable does."""
        self.send(NOISE)

    async def command(self) -> tuple[str, bool]:
        """Wait for the next lamp command: station and whether on."""
        count = len(self.commands)
        while len(self.commands) == count:
            self._news.clear()
            await self._news.wait()
        return self.commands[count]

    async def commands_seen(self, count: int) -> list[tuple[str, bool]]:
        """Wait until this many lamp commands have come in all."""
        while len(self.commands) < count:
            self._news.clear()
            await self._news.wait()
        return self.commands

    def _later(self, delay_s: float, action: Callable[[], None]) -> None:
        if delay_s <= 0:
            action()
            return

        def run() -> None:
            self._timers.discard(timer)
            if self._master >= 0:
                action()

        timer = asyncio.get_running_loop().call_later(delay_s, run)
        self._timers.add(timer)

    def _readable(self) -> None:
        try:
            self._read += os.read(self._master, 4096)
        except BlockingIOError:
            return
        end = 0
        for match in _COMMAND.finditer(self._read):
            end = match.end()
            self._commanded(match[2].decode("ascii"), on=match[1] == b"OP")
        del self._read[:end]

    def _commanded(self, station: str, *, on: bool) -> None:
        self.commands.append((station, on))
        self.commands_at.append(asyncio.get_running_loop().time())
        self._news.set()
        if station in self.invalid:
            self._later(self.reply_delay_s, lambda: self.send(refusal(station, "INV")))
        elif self._chance.random() < self.blocked_probability:
            self._later(self.reply_delay_s, lambda: self.send(refusal(station, "BLK")))
        else:
            self.lamps[station] = on
            if self._lamp_changed is not None:
                self._lamp_changed(station, on)

    def _write(self) -> None:
        loop = asyncio.get_running_loop()
        try:
            sent = os.write(self._master, self._unsent)
        except BlockingIOError:
            return
        del self._unsent[:sent]
        if not self._unsent:
            loop.remove_writer(self._master)
