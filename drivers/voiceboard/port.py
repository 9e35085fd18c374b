"""What the state machines of board ports are told and what they ask for. No I/O.

A machine is a table (state, input) -> state and a method for what happens on the way.
Seconds are passed in; ``deadline`` says when ``expire`` wants to be called.
"""

from abc import ABC, abstractmethod
from collections.abc import Mapping
from enum import Enum, auto
from typing import ClassVar

import msgspec

from drivers.api import Capability, LineId
from drivers.errors import DriverError
from drivers.events import LineEvent
from drivers.voiceboard.dahdi import Event, Hook


class PortInput(Enum):
    """Everything that can happen to a port."""

    # from the board
    RING = auto()
    """A ring burst began or ended (trunk port)."""
    LIFTED = auto()
    """The telephone was lifted (station port)."""
    ON_HOOK = auto()
    """The battery dropped (trunk port), or the telephone was hung up (station port)."""
    HOOK_DONE = auto()
    DIGITS_DONE = auto()
    REVERSED = auto()
    """The polarity of the line changed."""
    FLASHED = auto()
    RINGER = auto()
    """The telephone's ringer was switched on."""
    RINGER_OFF = auto()
    TOLD = auto()
    """The telephone was told who calls, or never will be."""
    ALARM = auto()
    NO_ALARM = auto()
    # from what is heard while dialling
    DIAL_TONE = auto()
    RINGBACK = auto()
    BUSY = auto()
    CONGESTION = auto()
    VOICE = auto()
    """Ringback has ended, or somebody speaks."""
    # from control
    DIAL = auto()
    ANSWER = auto()
    RELEASE = auto()
    FLASH = auto()
    TRANSFER = auto()
    # from the clock
    TIME = auto()


TRUNK_PORT = (
    Capability.AUDIO
    | Capability.DIAL
    | Capability.ANSWER
    | Capability.TRANSFER
    | Capability.SEND_DTMF
    | Capability.FLASH
)
STATION_PORT = (
    Capability.AUDIO
    | Capability.DIAL
    | Capability.ANSWER
    | Capability.SEND_DTMF
    | Capability.SUPERVISION
)

INPUT_OF_EVENT: dict[int, PortInput] = {
    Event.RINGBEGIN: PortInput.RING,
    Event.ONHOOK: PortInput.ON_HOOK,
    Event.HOOKCOMPLETE: PortInput.HOOK_DONE,
    Event.DIALCOMPLETE: PortInput.DIGITS_DONE,
    Event.POLARITY: PortInput.REVERSED,
    Event.WINKFLASH: PortInput.FLASHED,
    Event.RINGERON: PortInput.RINGER,
    Event.RINGEROFF: PortInput.RINGER_OFF,
    Event.ALARM: PortInput.ALARM,
    Event.NOALARM: PortInput.NO_ALARM,
}
"""RINGOFFHOOK is missing: it is RING at a trunk port and LIFTED at a station port."""


class SetHook(msgspec.Struct, frozen=True):
    """Put the port on or off hook, flash or ring."""

    hook: Hook


class SendTones(msgspec.Struct, frozen=True):
    """Dial these digits; DIGITS_DONE follows."""

    digits: str


class OpenAudio(msgspec.Struct, frozen=True):
    """Give the channel's audio to the media engine."""

    needed: bool = True
    """False: the call goes on without it, as one whose caller nobody hears."""


class CloseAudio(msgspec.Struct, frozen=True):
    """Take the channel's audio back."""


class ListenForTones(msgspec.Struct, frozen=True):
    """Begin (anew) or end to listen for call-progress tones."""

    on: bool


class TellCaller(msgspec.Struct, frozen=True):
    """Tell the telephone who calls; TOLD follows."""


class EndTelling(msgspec.Struct, frozen=True):
    """End that where it is."""


class Report(msgspec.Struct, frozen=True):
    """Tell control."""

    event: LineEvent


Effect = (
    SetHook | SendTones | OpenAudio | CloseAudio | ListenForTones | TellCaller | EndTelling | Report
)


class IllegalTransition(DriverError):
    """Something happened to a port that its table does not know in this state."""

    def __init__(self, state: Enum, cause: PortInput) -> None:
        super().__init__(f"{cause.name} while {state.name}")
        self.state = state
        self.cause = cause


class PortMachine(ABC):
    """Base of the two kinds of port: the state, its deadline, and stepping the table."""

    table: ClassVar[Mapping[tuple[Enum, PortInput], Enum]]
    phases: ClassVar[Mapping[Enum, str]]
    """State to the word control knows: idle, ringing, dialling or talking."""

    def __init__(self, line: LineId, state: Enum) -> None:
        self.line = line
        self.state = state
        self.deadline: float | None = None
        self.ref = ""
        """Reference of the present call, as in ``Ringing.ref``."""
        self._calls = 0
        self._first = state

    @property
    def phase(self) -> str:
        """What the line does in control's words."""
        return self.phases.get(self.state, "idle")

    def handle(self, cause: PortInput, now: float, *, number: str = "") -> list[Effect]:
        """Take one input; IllegalTransition when the table has no place for it."""
        target = self.table.get((self.state, cause))
        if target is None:
            raise IllegalTransition(self.state, cause)
        if cause is PortInput.TIME:
            self.deadline = None
        return self.step(cause, target, now, number)

    def expire(self, now: float) -> list[Effect]:
        """Take the deadline, if it has come."""
        if self.deadline is None or now < self.deadline:
            return []
        return self.handle(PortInput.TIME, now)

    @abstractmethod
    def step(self, cause: PortInput, target: Enum, now: float, number: str) -> list[Effect]:
        """Go to ``target`` and say what that asks for."""

    def reset(self) -> None:
        """The device is gone: begin again, without a call."""
        self.state, self.deadline = self._first, None

    def new_call(self) -> None:
        """Give the call that begins its reference."""
        self._calls += 1
        self.ref = f"{self.line}#{self._calls}"
