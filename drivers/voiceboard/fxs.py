"""A station port: a telephone is plugged in, and we are the exchange. No I/O.

We ring the telephone and hear that it is lifted, hung up or flashed.
"""

from enum import Enum, auto
from typing import ClassVar

from drivers.api import LineId
from drivers.events import (
    Answered,
    Cause,
    Flashed,
    LineDown,
    LineUp,
    Progress,
    Released,
    Ringing,
    Seized,
)
from drivers.voiceboard.dahdi import Hook
from drivers.voiceboard.options import TimingOptions
from drivers.voiceboard.port import (
    CloseAudio,
    Effect,
    OpenAudio,
    PortInput,
    PortMachine,
    Report,
    SetHook,
)


class FxsState(Enum):
    """Where a station port is."""

    IDLE = auto()
    RINGING_PHONE = auto()
    LIFTED = auto()
    """The telephone was lifted and calls us."""
    TALKING = auto()
    OFF_HOOK = auto()
    """The call is over and the telephone not yet hung up."""
    OUT = auto()
    SETTLING = auto()


S, I = FxsState, PortInput  # noqa: E741 - a table is read by its columns

_IGNORED = {
    S.IDLE: (I.ON_HOOK, I.RINGER, I.HOOK_DONE, I.RELEASE, I.FLASHED, I.NO_ALARM, I.DIGITS_DONE),
    S.RINGING_PHONE: (I.ON_HOOK, I.HOOK_DONE, I.FLASHED, I.NO_ALARM),
    S.LIFTED: (I.LIFTED, I.RINGER, I.HOOK_DONE, I.FLASHED, I.NO_ALARM),
    S.TALKING: (I.LIFTED, I.RINGER, I.HOOK_DONE, I.DIGITS_DONE, I.NO_ALARM, I.ANSWER),
    S.OFF_HOOK: (I.LIFTED, I.RINGER, I.HOOK_DONE, I.FLASHED, I.RELEASE, I.DIGITS_DONE),
    S.OUT: (I.ON_HOOK, I.LIFTED, I.RINGER, I.HOOK_DONE, I.RELEASE, I.ALARM, I.FLASHED),
    S.SETTLING: (I.ON_HOOK, I.LIFTED, I.RINGER, I.HOOK_DONE, I.RELEASE, I.NO_ALARM),
}


class FxsPort(PortMachine):
    """The state of one station port."""

    table: ClassVar[dict[tuple[Enum, PortInput], Enum]] = {
        **{(state, cause): state for state, causes in _IGNORED.items() for cause in causes},
        **{(state, I.ALARM): S.OUT for state in S if state is not S.OUT},
        (S.IDLE, I.DIAL): S.RINGING_PHONE,
        (S.IDLE, I.LIFTED): S.LIFTED,
        (S.RINGING_PHONE, I.RINGER): S.RINGING_PHONE,
        (S.RINGING_PHONE, I.LIFTED): S.TALKING,
        (S.RINGING_PHONE, I.TIME): S.IDLE,
        (S.RINGING_PHONE, I.RELEASE): S.IDLE,
        (S.LIFTED, I.ANSWER): S.TALKING,
        (S.LIFTED, I.ON_HOOK): S.IDLE,
        (S.LIFTED, I.RELEASE): S.OFF_HOOK,
        (S.TALKING, I.FLASHED): S.TALKING,
        (S.TALKING, I.ON_HOOK): S.IDLE,
        (S.TALKING, I.RELEASE): S.OFF_HOOK,
        (S.OFF_HOOK, I.ON_HOOK): S.IDLE,
        (S.OUT, I.NO_ALARM): S.SETTLING,
        (S.SETTLING, I.TIME): S.IDLE,
    }
    phases: ClassVar[dict[Enum, str]] = {
        S.RINGING_PHONE: "dialling",
        S.LIFTED: "ringing",
        S.TALKING: "talking",
    }

    def __init__(self, line: LineId, timing: TimingOptions, *, extension: str = "") -> None:
        super().__init__(line, S.IDLE)
        self._timing = timing
        self._extension = extension
        self._told_ringback = False

    @property
    def hung_up(self) -> bool:
        """Whether the telephone can be rung."""
        return self.state is S.IDLE

    def step(self, cause: PortInput, target: Enum, now: float, number: str) -> list[Effect]:
        """See ``PortMachine.step``; the number dialled does not matter: one phone is there."""
        before, self.state = self.state, target
        if cause is I.ALARM:
            return self._went_out(before)
        if target is S.RINGING_PHONE:
            return self._ring(cause, now)
        if target is S.TALKING and before is not S.TALKING:
            return self._answered()
        if target is S.TALKING:
            return [Report(Flashed(line=self.line))] if cause is I.FLASHED else []
        if target is S.LIFTED and before is S.IDLE:
            self.new_call()
            return [Report(Ringing(line=self.line, ani=self._extension, ref=self.ref))]
        if target is S.OFF_HOOK and before is not S.OFF_HOOK:
            return [CloseAudio(), Report(Released(line=self.line))]
        if target is S.SETTLING:
            if before is S.OUT:
                self.deadline = now + self._timing.settle
            return []
        if target is S.IDLE and before is not S.IDLE:
            return self._ended(before, cause)
        return []

    def _ring(self, cause: PortInput, now: float) -> list[Effect]:
        if cause is I.DIAL:
            self.new_call()
            self._told_ringback = False
            self.deadline = now + self._timing.answer
            return [SetHook(Hook.RING), Report(Seized(line=self.line))]
        if cause is I.RINGER and not self._told_ringback:
            self._told_ringback = True
            return [Report(Progress(line=self.line))]
        return []

    def _answered(self) -> list[Effect]:
        self.deadline = None
        # Off-hook also ends the ringing of the board.
        return [SetHook(Hook.OFFHOOK), OpenAudio(), Report(Answered(line=self.line))]

    def _ended(self, before: Enum, cause: PortInput) -> list[Effect]:
        self.deadline = None
        if before is S.SETTLING:
            return [Report(LineUp(line=self.line))]
        if before is S.OFF_HOOK:
            return [SetHook(Hook.ONHOOK)]
        why = Cause.NO_ANSWER if cause is I.TIME else Cause.NORMAL
        return [
            CloseAudio(),
            SetHook(Hook.ONHOOK),
            Report(Released(line=self.line, cause=why)),
        ]

    def _went_out(self, before: Enum) -> list[Effect]:
        self.deadline = None
        effects: list[Effect] = []
        if before in (S.RINGING_PHONE, S.LIFTED, S.TALKING):
            gone = Released(line=self.line, cause=Cause.DESTINATION_OUT_OF_ORDER, detail="no line")
            effects = [CloseAudio(), SetHook(Hook.ONHOOK), Report(gone)]
        return [*effects, Report(LineDown(line=self.line, reason="the port raised an alarm"))]
