"""A trunk port of the simulated board and the exchange's line behind it."""

import errno
from collections.abc import Callable
from typing import Literal

from drivers.errors import LineBusy
from drivers.voiceboard.simulator.ports import EV_ONHOOK, EV_RINGOFFHOOK, SimulatedPort
from drivers.voiceboard.simulator.sound import CHINA, CHUNK, TICK_S, Tones, tone

EV_HOOKCOMPLETE, EV_POLARITY, EV_RINGBEGIN = 12, 17, 18
HOOK_FLASH = 3
FLASH_TICKS = 38
"""The kernel's flash of 750 ms."""
IDENTITY_TICKS = 25
"""GR-30: FSK begins half a second behind the first burst."""

Outcome = Literal["answer", "busy", "congestion", "no answer"]


class SimulatedTrunk(SimulatedPort):
    """A trunk port and the exchange's line behind it."""

    signalling = 0x2004

    def __init__(
        self,
        channel: int,
        *,
        law: str = "alaw",
        tones: Tones = CHINA,
        ring_s: tuple[float, float] = (1.0, 4.0),
        plan: Callable[[str], Outcome] = lambda _number: "no answer",
        reverses: bool = False,
    ) -> None:
        super().__init__(channel, law=law)
        self.ringing = False
        self.flashes = 0
        self.plan = plan
        self._reverses = reverses
        self._ring_ticks = (round(ring_s[0] / TICK_S), round(ring_s[1] / TICK_S))
        self._ring_since = 0
        self._tones = tones
        self._chunks = {name: tone(item[0], law) for name, item in tones.items()}
        self._tone = ""
        self._tone_since = 0
        self._identity: list[bytes] = []
        """Chunks that are still to come, the next one last."""
        self._engaged = False
        """A conversation stands, or stood and its line is still held."""

    def ring(self, identity: bytes = b"") -> None:
        """Begin to ring the board; it goes on until it answers or ``hang_up``.

        ``identity`` is G.711 that is sent half a second behind the first burst.
        """
        if self.board_off_hook or self.ringing:
            raise LineBusy(f"channel {self.channel} is in use")
        if identity:
            wait = self._ring_ticks[0] + IDENTITY_TICKS
            self.after(wait, lambda: self._send_identity(identity))
        self.ringing, self._ring_since = True, self._ticks

    def hang_up(self) -> None:
        """The far end leaves: ringing ends, or the battery drops."""
        self.source = self.heard = None
        if self.ringing:
            self.ringing = False
        else:
            self.event(EV_ONHOOK)
        self._tone = ""
        self.changed()

    def play(self, name: str) -> None:
        """Send a tone to the board: dial, ringback, busy, congestion; empty: none."""
        self._tone, self._tone_since = name, self._ticks

    def far_end_answers(self) -> None:
        """Somebody answers the call that the board has dialled."""
        self.play("")
        self._engaged = True
        if self._reverses:
            self.event(EV_POLARITY)
        self.changed()

    def outside(self) -> None:
        """Ring in the exchange's cadence."""
        if not self.ringing:
            return
        on, off = self._ring_ticks
        place = (self._ticks - self._ring_since - 1) % (on + off)
        if place == 0:
            self.event(EV_RINGBEGIN)
        elif place == on:
            self.event(EV_RINGOFFHOOK)

    def tell_caller(self, audio: bytes) -> None:
        """Send a caller's identity, as G.711, while nobody is off-hook; then ring."""
        self._identity = [audio[at : at + CHUNK] for at in range(0, len(audio), CHUNK)][::-1]

    def _send_identity(self, audio: bytes) -> None:
        if self.ringing:  # nobody has answered, and the caller has not given up
            self.tell_caller(audio)

    def on_hook_sound(self) -> bool:
        """Caller identity comes before the ring, or between the first two."""
        return bool(self._identity)

    def hook(self, state: int) -> int:
        """On, off and flash."""
        if state != HOOK_FLASH:
            return super().hook(state)
        if not self.board_off_hook:
            return -errno.EBUSY
        self.flashes += 1
        self.after(FLASH_TICKS, lambda: self.event(EV_HOOKCOMPLETE))
        self.changed()
        return -errno.EINPROGRESS

    def hook_changed(self) -> None:
        """Off-hook answers a ringing line, and gets dial tone on an idle one."""
        if not self.board_off_hook:
            self._tone, self._engaged = "", False
        elif self.ringing:
            self.ringing, self._engaged = False, True
        else:
            self.play("dial")

    def dialling(self) -> None:
        """The first digit ends dial tone."""
        if self._tone == "dial":
            self.play("")

    def dialled_digits(self, digits: str) -> None:
        """Put the call through as the plan says."""
        super().dialled_digits(digits)
        if self._engaged:
            return
        outcome = self.plan(digits)
        if outcome in ("busy", "congestion"):
            self.play(outcome)
            return
        self.play("ringback")
        if outcome == "answer":
            burst = self._tones["ringback"][1][:1] or (1.0,)
            self.after(round(burst[0] / TICK_S) + 10, self.far_end_answers)

    def speech(self) -> bytes | None:
        """Caller identity, a tone, or what the far end says."""
        if self._identity:
            chunk = self._identity.pop()
            if not self._identity and not self.ringing:
                self.ring()
            return chunk
        if not self._tone:
            return super().speech()
        cadence = self._tones[self._tone][1]
        if cadence:
            place = (self._ticks - self._tone_since) * TICK_S % sum(cadence)
            sounding = True
            for length in cadence:
                if place < length - TICK_S / 2:
                    break
                place, sounding = place - length, not sounding
            if not sounding:
                return None
        return self._chunks[self._tone][self._ticks % 50]
