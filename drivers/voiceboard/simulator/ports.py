"""A port of the simulated board, and the telephone that may be in it."""

import asyncio
import contextlib
import errno
import socket
import struct
from collections import deque
from collections.abc import Callable

from drivers.voiceboard.simulator.sound import CHUNK, SILENCE, TICK_S

GETEVENT, HOOK, DIAL, GET_PARAMS, CHANNO = (
    0x8004DA08,
    0x4004DA07,
    0x4104DA1F,
    0xC088DA05,
    0x8004DA22,
)
ACCEPTED = frozenset(
    # block size, flush, law, buffers, echo canceller and its training, tone detector
    (0x4004DA01, 0x4004DA03, 0x4004DA27, 0x4018DA1B, 0x4004DA21, 0x4004DA32, 0x4004DA5B)
)
FLUSH, ONHOOKTRANSFER, SETPOLARITY = 0x4004DA03, 0x4004DA33, 0x4004DA5C
FLUSH_WRITE = 2
VMWI = 0xC004DA5E
EV_ONHOOK, EV_RINGOFFHOOK, EV_WINKFLASH, EV_ALARM, EV_NOALARM = 1, 2, 3, 4, 5
EV_DIALCOMPLETE, EV_RINGERON, EV_RINGEROFF, EV_REMOVED = 9, 10, 11, 20
HOOK_ON, HOOK_OFF, HOOK_RING, HOOK_RINGOFF = 0, 1, 5, 6
DIGIT_TICKS = 10


class SimulatedPort:
    """What both kinds of port have: the connection of the driver, events, and audio."""

    signalling = 0
    buffers = 0
    """How many chunks of 20 ms the board holds before they are heard."""

    def __init__(self, channel: int, *, law: str = "alaw") -> None:
        self.channel = channel
        self.law = law
        self.board_off_hook = False
        self.source: Callable[[], bytes] | None = None
        """Gives the next 160 bytes that the outside says."""
        self.heard: Callable[[bytes], None] | None = None
        """Takes each 160 bytes that the board sends while it is off-hook."""
        self.dialled: asyncio.Queue[str] = asyncio.Queue()
        self.connected = asyncio.Event()
        self._news = asyncio.Event()
        self._control: socket.socket | None = None
        self._audio: socket.socket | None = None
        self._events: deque[int] = deque()
        self._buffered: deque[tuple[int, bytes]] = deque()
        """20 ms each, with the step of the clock at which it is heard."""
        self._later: list[tuple[int, Callable[[], None]]] = []
        self._ticks = 0

    def tick(self) -> None:
        """Let 20 ms pass."""
        self._ticks += 1
        due = [action for at, action in self._later if at <= self._ticks]
        self._later = [item for item in self._later if item[0] > self._ticks]
        for action in due:
            action()
        self.outside()
        self._move_audio()

    def outside(self) -> None:
        """Advance what is plugged into the port by 20 ms."""

    def after(self, ticks: int, action: Callable[[], None]) -> None:
        """Do something so many steps of the clock from now."""
        self._later.append((self._ticks + ticks, action))

    def event(self, number: int) -> None:
        """Queue an event for the driver and tell it that one waits."""
        self._events.append(number)
        if self._control is not None:
            with contextlib.suppress(OSError):
                self._control.send(struct.pack("<B3x", 2))

    def alarm(self, *, on: bool) -> None:
        """Pull the cable out, or put it back."""
        self.event(EV_ALARM if on else EV_NOALARM)

    def remove(self) -> None:
        """Take the board out of the machine."""
        self.event(EV_REMOVED)

    def changed(self) -> None:
        """Let those who wait for a state of the port look again."""
        self._news.set()

    async def until(self, condition: Callable[[], bool]) -> None:
        """Wait for a state of the port; it is looked at after every change."""
        while not condition():
            self._news.clear()
            await self._news.wait()

    async def board_answers(self) -> None:
        """Wait until the board is off-hook."""
        await self.until(lambda: self.board_off_hook)

    async def board_hangs_up(self) -> None:
        """Wait until the board is on-hook."""
        await self.until(lambda: not self.board_off_hook)

    def attach(self, control: socket.socket) -> socket.socket:
        """Give the port to a driver; returns the audio socket that is the driver's."""
        ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        for end in (ours, theirs):
            end.setblocking(False)
            # A few chunks only, as a board has: more would be delay that nobody removes.
            end.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 4096)
        self._control, self._audio = control, ours
        self._events.clear()
        self.connected.set()
        return theirs

    def detach(self) -> None:
        """The driver is gone: the port goes on-hook."""
        if self._audio is not None:
            self._audio.close()
        self._control = self._audio = None
        self._buffered.clear()
        self.connected.clear()
        self._set_off_hook(off=False)

    @property
    def attached(self) -> bool:
        """Whether a driver owns the port."""
        return self._control is not None

    def request(self, number: int, argument: bytes) -> tuple[int, bytes]:
        """Carry out one request: result and answer."""
        if number == GETEVENT:
            return 0, struct.pack("<i", self._events.popleft() if self._events else 0)
        if number == HOOK:
            return self.hook(struct.unpack("<i", argument)[0]), argument
        if number == DIAL:
            return self._dial(argument), argument
        if number == GET_PARAMS:
            fields = [self.channel, 1, self.channel, self.signalling] + [0] * 6 + [2, 0]
            return 0, struct.pack("<12i40s12i", *fields, b"simulated", *[0] * 12)
        if number == CHANNO:
            return 0, struct.pack("<i", self.channel)
        if number == FLUSH and struct.unpack("<i", argument)[0] & FLUSH_WRITE:
            self._take()
            self._buffered.clear()
        if number in ACCEPTED:
            return 0, argument
        return -errno.ENOTTY, argument

    def hook(self, state: int) -> int:
        """The board changes its hook; 0 or -errno."""
        if state in (HOOK_ON, HOOK_OFF):
            self._set_off_hook(off=state == HOOK_OFF)
            return 0
        return -errno.EINVAL

    def dialling(self) -> None:
        """The board begins to send digits."""

    def dialled_digits(self, digits: str) -> None:
        """The board has sent all digits of one command."""
        self.dialled.put_nowait(digits)

    def _dial(self, argument: bytes) -> int:
        text = argument[4:].split(b"\0", 1)[0].decode("ascii", "replace")
        if text[:1] not in ("T", "P"):
            return -errno.EINVAL
        self.dialling()

        def done() -> None:
            self.dialled_digits(text[1:])
            self.event(EV_DIALCOMPLETE)

        self.after(DIGIT_TICKS * max(len(text) - 1, 1), done)
        return 0

    def _set_off_hook(self, *, off: bool) -> None:
        if off != self.board_off_hook:
            self.board_off_hook = off
            self.hook_changed()
            self.changed()

    def hook_changed(self) -> None:
        """The board went on or off hook."""

    def on_hook_sound(self) -> bool:
        """Whether the line carries sound although it is on-hook."""
        return False

    def speech(self) -> bytes | None:
        """What the outside says now; None: nothing is heard, the line is silent."""
        return self.source() if self.source is not None else None

    def _move_audio(self) -> None:
        # A board's time goes on whether the line carries sound or not.
        self._take()
        carries = self._audio is not None and (self.board_off_hook or self.on_hook_sound())
        while self._buffered and self._buffered[0][0] <= self._ticks:
            chunk = self._buffered.popleft()[1]
            if carries:
                self.hear(chunk)
        if self._audio is None or not carries:
            return
        # A full buffer means that nobody reads: the board drops, as real ones do.
        with contextlib.suppress(OSError):
            self._audio.send(self.speech() or SILENCE[self.law])

    def hear(self, chunk: bytes) -> None:
        """The outside hears 20 ms of what the board sends."""
        if self.heard is not None:
            self.heard(chunk)

    def _take(self) -> None:
        """Take what the driver has written; it is heard when the buffers before it are."""
        while self._audio is not None:
            try:
                chunk = self._audio.recv(CHUNK)
            except OSError:
                break
            if not chunk:
                break
            self._buffered.append((self._ticks + self.buffers, chunk))


class SimulatedTelephone(SimulatedPort):
    """A station port and the telephone in it; ``board_off_hook`` is the board's talk state."""

    signalling = 0x1020
    buffers = 4

    def __init__(
        self, channel: int, *, law: str = "alaw", ring_s: tuple[float, float] = (1.0, 4.0)
    ) -> None:
        super().__init__(channel, law=law)
        self.ringing = False
        self.lifted = False
        self.lamp = False
        self.shown: Callable[[bytes], None] | None = None
        """Takes each 160 bytes that reach the telephone while it is hung up, as its display."""
        self.reversals = 0
        """How often the polarity of the line changed."""
        self._reversed = 0
        self._on_hook_until = 0
        self._ring_ticks = (round(ring_s[0] / TICK_S), round(ring_s[1] / TICK_S))
        self._ring_since = 0

    def lift(self) -> None:
        """Lift the handset: answers when it rings, else calls."""
        self.lifted, self.ringing = True, False
        self.event(EV_RINGOFFHOOK)

    def hang_up(self) -> None:
        """Put the handset down."""
        self.lifted = False
        self.event(EV_ONHOOK)

    def flash(self) -> None:
        """Press the recall key."""
        self.event(EV_WINKFLASH)

    def press(self, key: str) -> None:
        """Press a key that the board's detector hears."""
        self.event(1 << 17 | ord(key))
        self.event(1 << 18 | ord(key))

    async def rings(self) -> None:
        """Wait until the telephone rings."""
        await self.until(lambda: self.ringing)

    def request(self, number: int, argument: bytes) -> tuple[int, bytes]:
        """Message lamp, on-hook sound and polarity, else what every port knows."""
        if number not in (VMWI, ONHOOKTRANSFER, SETPOLARITY):
            return super().request(number, argument)
        value = struct.unpack("<i", argument)[0]
        if number == VMWI:
            self.lamp = value > 0
        elif number == ONHOOKTRANSFER:
            self._on_hook_until = self._ticks + round(value / 1000 / TICK_S)
        else:
            self.reversals += value != self._reversed
            self._reversed = value
            self.changed()
        return 0, argument

    def on_hook_sound(self) -> bool:
        """A display hears the line for as long as the board was told, but not while it rings."""
        return not self.lifted and self._ticks < self._on_hook_until and not self._rings_now()

    def hear(self, chunk: bytes) -> None:
        """The display hears a telephone that is hung up, the handset one that is lifted."""
        if self.board_off_hook:
            super().hear(chunk)
        elif self.shown is not None:
            self.shown(chunk)

    def _rings_now(self) -> bool:
        return self.ringing and self._place() < self._ring_ticks[0]

    def _place(self) -> int:
        """Steps of the clock since the present burst of ringing began."""
        return (self._ticks - self._ring_since - 1) % sum(self._ring_ticks)

    def hook(self, state: int) -> int:
        """Ring the telephone, stop ringing, or give it the line."""
        if state == HOOK_RING:
            if self.lifted:
                return -errno.EBUSY
            self.ringing, self._ring_since = True, self._ticks
            self.changed()
            return -errno.EINPROGRESS
        self.ringing = False
        return 0 if state == HOOK_RINGOFF else super().hook(state)

    def outside(self) -> None:
        """Ring in the board's cadence."""
        if not self.ringing:
            return
        place = self._place()
        if place == 0:
            self.event(EV_RINGERON)
        elif place == self._ring_ticks[0]:
            self.event(EV_RINGEROFF)
