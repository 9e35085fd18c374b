"""An exchange for the demo: a simulated board for the voice, a serial link for the rest.

It stands outside the hotline. A call is announced on the serial link, then rings a board
port; its caller hears and speaks 20 ms at a time and presses keys as tones.
"""

from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Protocol

import msgspec

from cython_ext import dsp
from drivers.ctilink.simulator import SimulatedSwitch
from drivers.errors import LineBusy
from drivers.voiceboard.simulator import SimulatedBoard, SimulatedTrunk

FRAME_BYTES = 320
"""20 ms of 16-bit samples at 8 kHz."""
KINDS = {"direct": "D", "cfu": "A", "cfb": "B", "cfna": "N", "cf-unknown": "U"}


class TrunkChannel(msgspec.Struct, frozen=True, kw_only=True):
    """One line of the exchange and where it ends on the board."""

    channel: int
    desk: int = 1
    terminal: int = 0
    """Terminal announced on the serial link; 0: the channel's number."""


class CallerAudio(Protocol):
    """The ears and mouth of a caller; 16-bit little-endian samples at 8 kHz."""

    def speak(self) -> bytes:
        """The next 320 bytes; empty: silence."""

    def hear(self, pcm: bytes) -> None:
        """320 bytes that the hotline sent."""


class Silence:
    """A caller that says nothing and does not listen."""

    def speak(self) -> bytes:
        """Nothing."""
        return b""

    def hear(self, pcm: bytes) -> None:
        """Nothing is kept."""


class BoardCaller:
    """One call through the board, from the caller's side."""

    def __init__(self, trunk: SimulatedTrunk, audio: CallerAudio, *, ani: str) -> None:
        self.ani = ani
        self.channel = trunk.channel
        self.audio = audio
        self._trunk = trunk
        self._keys = b""
        self._over = False

    def ring(self) -> None:
        """Begin to ring; LineBusy when the port is in use."""
        self._trunk.ring()
        self._trunk.source = self._speak
        self._trunk.heard = self._hear

    @property
    def answered(self) -> bool:
        """Whether the hotline is off-hook with this call."""
        return self._trunk.board_off_hook and not self._over

    async def wait_answered(self) -> None:
        """Wait until the hotline answers."""
        await self._trunk.board_answers()

    async def wait_released(self) -> None:
        """Wait until the hotline hangs up."""
        await self._trunk.board_hangs_up()
        self._over = True
        if self._holds_line:
            self._trunk.source = self._trunk.heard = None

    async def press(self, keys: str, *, on_ms: int = 80, off_ms: int = 80) -> None:
        """Press keys as tones on the line; returns when they have been sent."""
        self._keys += _law(dsp.dtmf_generate(keys, on_ms, off_ms), self._trunk.law)
        await self._trunk.until(lambda: not (self._keys and self.answered))

    def hang_up(self) -> None:
        """Leave, in whatever state the call is."""
        if not self._over and self._holds_line:
            self._trunk.hang_up()
        self._over = True

    @property
    def _holds_line(self) -> bool:
        """Whether the line still carries this call and not the next one."""
        return self._trunk.source == self._speak

    def _speak(self) -> bytes:
        if self._keys:
            chunk, self._keys = self._keys[:160], self._keys[160:]
            if not self._keys:
                self._trunk.changed()
            return chunk.ljust(160, _law(b"\0\0", self._trunk.law))
        pcm = self.audio.speak()
        return _law(pcm[:FRAME_BYTES].ljust(FRAME_BYTES, b"\0"), self._trunk.law) if pcm else b""

    def _hear(self, chunk: bytes) -> None:
        self.audio.hear(
            dsp.alaw_decode(chunk) if self._trunk.law == "alaw" else dsp.ulaw_decode(chunk)
        )


class Exchange:
    """The serial link and the board's lines of one exchange.

    ``device`` and ``socket`` are what the site's configuration names: the tty of the serial
    link and the socket of the simulated board.
    """

    def __init__(
        self,
        *,
        device: Path,
        socket: Path,
        channels: Iterable[TrunkChannel],
        law: str = "alaw",
        ring_s: tuple[float, float] = (1.0, 4.0),
        record_delay_s: float = 0.0,
        lamp_changed: Callable[[str, bool], None] | None = None,
    ) -> None:
        self.device = device
        self.socket = socket
        self.channels = {item.channel: item for item in channels}
        self._record_delay_s = record_delay_s
        self.switch = SimulatedSwitch(link=device, lamp_changed=lamp_changed)
        self.trunks = {
            number: SimulatedTrunk(number, law=law, ring_s=ring_s) for number in self.channels
        }
        self.board = SimulatedBoard(socket, self.trunks.values())
        self._started = False

    async def start(self) -> None:
        """Open the pseudo terminal and the board's socket; before or after the hotline."""
        self.switch.start()
        await self.board.start()
        self._started = True

    async def stop(self) -> None:
        """Hang everything up and close; safe to call twice."""
        if self._started:
            self._started = False
            await self.board.stop()
            self.switch.stop()

    @property
    def lamps(self) -> dict[str, bool]:
        """Message-waiting lamps by station."""
        return self.switch.lamps

    async def ready(self) -> None:
        """Wait until the hotline has opened every port."""
        for trunk in self.trunks.values():
            await trunk.connected.wait()

    def free_channels(self) -> list[int]:
        """Channels that can ring now."""
        return [
            number
            for number, trunk in self.trunks.items()
            if trunk.attached and not trunk.ringing and not trunk.board_off_hook
        ]

    def call(
        self,
        channel: int,
        *,
        ani: str = "",
        forwarded_from: str = "",
        reason: str = "direct",
        audio: CallerAudio | None = None,
        announce: bool = True,
    ) -> BoardCaller:
        """Announce a call on the serial link and ring a port; LineBusy when it is in use.

        ``reason`` is direct, cfu, cfb, cfna or cf-unknown. ``announce`` false leaves the
        call without details, as when the link is down.
        """
        trunk = self.trunks[channel]
        if channel not in self.free_channels():
            raise LineBusy(f"channel {channel} cannot ring now")
        caller = BoardCaller(trunk, audio or Silence(), ani=ani)
        place = self.channels[channel]
        if announce:
            self.switch.call(
                place.desk,
                place.terminal or channel,
                KINDS[reason],
                forwarded_from=forwarded_from,
                ani=ani,
                delay_s=self._record_delay_s,
            )
        caller.ring()
        return caller


def _law(pcm: bytes, law: str) -> bytes:
    return dsp.alaw_encode(pcm) if law == "alaw" else dsp.ulaw_encode(pcm)
