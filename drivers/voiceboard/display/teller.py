"""Tells the telephone at a station port who calls, while it is hung up.

The media engine makes the sound: the port is the engine's only as long as that takes, and given
anew to the conversation, so that nothing of it is heard there.
"""

import asyncio
from collections import Counter
from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Final, Protocol

import structlog

from drivers.api import LineId, PortId
from drivers.errors import DriverError
from drivers.voiceboard import dahdi
from drivers.voiceboard.dahdi import Request
from drivers.voiceboard.device import BoardDevice
from drivers.voiceboard.display.formats import DisplayFormat, When, format_of
from drivers.voiceboard.display.message import Caller, as_keys, as_message
from drivers.voiceboard.options import VoiceBoardOptions

log = structlog.get_logger()

SILENCE_S: Final = 0.5
"""Between the first burst of ringing and the message (GR-30-CORE)."""
LEAD_S: Final = 0.1
"""Between a line reversal, or the opening of the port, and the first sound (EN 300 659-1)."""
ALERT_HZ: Final = (2130.0, 2750.0)
ALERT_MS: Final = 100  # 88 to 110 ms, EN 300 659-1
ALERT_GAP_S: Final = 0.1  # 45 to 500 ms
ALERT_DBM0: Final = -14.0
TAIL_S: Final = 0.3
"""Longest time that sound waits in the engine and the board, and 200 ms before it rings."""
BAUD: Final = 1200
FRAMING_BITS: Final = 300 + 180 + 60
"""Seizure, mark and the mark behind a message."""
KEY_MS: Final = (70, 70)  # EN 300 659-1 annex B
KEY_DBM0: Final = -11.0
ENGINE_LETS_GO_S: Final = 0.04
"""A port that is closed may write for one more frame of 20 ms."""

_ROWS: Final = (697.0, 770.0, 852.0, 941.0)
_COLUMNS: Final = (1209.0, 1336.0, 1477.0, 1633.0)
_KEYPAD: Final = "123A456B789C*0#D"


class DevicePorts(Protocol):
    """How a device's audio becomes a port of the media engine, and what is played there."""

    def open_device(self, fd: int, law: str) -> PortId:
        """Make a descriptor with 20 ms chunks of G.711 a port (``alaw`` or ``ulaw``)."""

    def close(self, port: PortId) -> None:
        """Give a port back with all that it plays; closing twice is harmless."""

    def play_caller(self, port: PortId, message: bytes, standard: str) -> None:
        """Send a caller-identity message with its checksum by FSK, bell202 or v23."""

    def play_tones(
        self,
        port: PortId,
        pairs: Sequence[tuple[float, float]],
        step_ms: tuple[int, int],
        level_dbm0: float,
    ) -> None:
        """Play pairs of frequencies in turn, each for so long on and off; DriverError."""


class CallerTeller:
    """Tells one telephone who calls."""

    def __init__(
        self,
        line: LineId,
        device: BoardDevice,
        options: VoiceBoardOptions,
        told: Callable[[], None],
        counts: Counter[str],
        *,
        wall: Callable[[], datetime] = datetime.now,
    ) -> None:
        """``told`` is called when all was sent, or nothing more will be."""
        self.port: PortId | None = None
        """The port in which it is being told."""
        self._line = line
        self._device = device
        self._format = format_of(options.station_caller_id, options.country)
        self._law = options.law
        self._told = told
        self._counts = counts
        self._wall = wall
        self._task: asyncio.Task[None] | None = None

    def begin(self, ports: DevicePorts | None, caller: Caller) -> None:
        """Tell it now, or half a second after a burst of ringing, as the form says."""
        if self._format is not None and ports is not None and self._task is None:
            telling = self._run(ports, self._format, caller)
            self._task = asyncio.create_task(telling, name=f"{self._line} who calls")

    async def stop(self) -> None:
        """End it wherever it is; the line is quiet when this returns."""
        if await self.drop():
            self._counts["callers_half_told"] += 1
            await asyncio.sleep(ENGINE_LETS_GO_S)
            await self._device.flush()

    async def drop(self) -> bool:
        """Let go of the port without care for the line, as when the board is gone.

        Returns whether something may have sounded.
        """
        task, self._task = self._task, None
        if task is None or task.done():
            return False
        sounding = self.port is not None
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        return sounding

    async def _run(self, ports: DevicePorts, fmt: DisplayFormat, caller: Caller) -> None:
        try:
            if fmt.when is When.AFTER_RING:
                await asyncio.sleep(SILENCE_S - LEAD_S)
            await self._tell(ports, fmt, caller)
            self._counts["callers_told"] += 1
        except DriverError as error:
            # The telephone rings all the same, without a number.
            self._counts["callers_not_told"] += 1
            log.warning("station not told who calls", line=self._line, why=str(error))
        self._told()

    async def _tell(self, ports: DevicePorts, fmt: DisplayFormat, caller: Caller) -> None:
        keys, message = as_keys(caller), as_message(caller, self._wall(), etsi=fmt.etsi)
        if fmt.kind == "dtmf":
            lasts = len(keys) * sum(KEY_MS) / 1000
        else:
            lasts = (FRAMING_BITS + 10 * len(message)) / BAUD
        alert = ALERT_MS / 1000 + ALERT_GAP_S if fmt.alert else 0.0
        window = round(1000 * (LEAD_S + alert + lasts + TAIL_S))
        await self._prepare(Request.ONHOOKTRANSFER, window)
        if fmt.reversal:
            await self._prepare(Request.SETPOLARITY, 1)
        try:
            await self._device.flush()
            self.port = port = ports.open_device(self._device.audio_fd, self._law)
            await asyncio.sleep(LEAD_S)
            if fmt.alert:
                ports.play_tones(port, [ALERT_HZ], (ALERT_MS, 0), ALERT_DBM0)
                await asyncio.sleep(alert)
            if fmt.kind == "dtmf":
                ports.play_tones(port, [_pair(key) for key in keys], KEY_MS, KEY_DBM0)
            else:
                ports.play_caller(port, message, fmt.kind)
            await asyncio.sleep(lasts + TAIL_S)
        finally:
            if self.port is not None:
                ports.close(self.port)
            self.port = None
            if fmt.reversal:
                await self._prepare(Request.SETPOLARITY, 0)

    async def _prepare(self, request: Request, value: int) -> None:
        try:
            await self._device.command(request, dahdi.pack_int(value))
        except DriverError:
            # Boards carry sound for a while after a ring anyway, and most displays listen without
            # a reversal; a lost board is seen by the reader of events.
            self._counts["no_" + request.name.lower()] += 1


def _pair(key: str) -> tuple[float, float]:
    """The two tones of a key (ITU-T Q.23)."""
    row, column = divmod(_KEYPAD.index(key), len(_COLUMNS))
    return _ROWS[row], _COLUMNS[column]
