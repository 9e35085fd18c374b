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
from drivers.voiceboard.display.formats import When
from drivers.voiceboard.options import TimingOptions
from drivers.voiceboard.port import (
    CloseAudio,
    Effect,
    EndTelling,
    OpenAudio,
    PortInput,
    PortMachine,
    Report,
    SetHook,
    TellCaller,
)


class FxsState(Enum):
    """Where a station port is."""

    IDLE = auto()
    TELLING_PHONE = auto()
    """The telephone is told who calls and rings after that."""
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
    S.TELLING_PHONE: (I.ON_HOOK, I.RINGER, I.HOOK_DONE, I.FLASHED, I.NO_ALARM, I.DIGITS_DONE),
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
        **{(state, cause): state for state in S for cause in (I.RINGER_OFF, I.TOLD)},
        **{(state, I.ALARM): S.OUT for state in S if state is not S.OUT},
        (S.IDLE, I.DIAL): S.TELLING_PHONE,
        (S.IDLE, I.LIFTED): S.LIFTED,
        (S.TELLING_PHONE, I.TOLD): S.RINGING_PHONE,
        (S.TELLING_PHONE, I.LIFTED): S.TALKING,
        (S.TELLING_PHONE, I.TIME): S.IDLE,
        (S.TELLING_PHONE, I.RELEASE): S.IDLE,
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
        S.TELLING_PHONE: "dialling",
        S.RINGING_PHONE: "dialling",
        S.LIFTED: "ringing",
        S.TALKING: "talking",
    }

    def __init__(
        self,
        line: LineId,
        timing: TimingOptions,
        *,
        extension: str = "",
        tells: When | None = None,
    ) -> None:
        """``tells``: when the telephone is told who calls; None: never."""
        super().__init__(line, S.IDLE)
        self._timing = timing
        self._extension = extension
        self._tells = tells
        self._told_ringback = False
        self._bursts = 0

    @property
    def hung_up(self) -> bool:
        """Whether the telephone can be rung."""
        return self.state is S.IDLE

    def step(self, cause: PortInput, target: Enum, now: float, number: str) -> list[Effect]:
        """See ``PortMachine.step``; the number dialled does not matter: one phone is there."""
        before, self.state = self.state, target
        if cause is I.ALARM:
            return self._went_out(before)
        if cause is I.DIAL:
            return self._call(now)
        if target is S.RINGING_PHONE:
            return self._ring(before, cause)
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

    def _call(self, now: float) -> list[Effect]:
        self.new_call()
        self._told_ringback, self._bursts = False, 0
        self.deadline = now + self._timing.answer
        if self._tells is When.BEFORE_RING:
            return [TellCaller(), Report(Seized(line=self.line))]
        self.state = S.RINGING_PHONE
        return [SetHook(Hook.RING), Report(Seized(line=self.line))]

    def _ring(self, before: Enum, cause: PortInput) -> list[Effect]:
        if before is S.TELLING_PHONE:
            return [SetHook(Hook.RING)]
        if cause is I.RINGER_OFF:
            self._bursts += 1
            first = self._tells is When.AFTER_RING and self._bursts == 1
            return [TellCaller()] if first else []
        if cause is not I.RINGER:
            return []
        effects: list[Effect] = [EndTelling()] if self._bursts else []
        if not self._told_ringback:
            self._told_ringback = True
            effects.append(Report(Progress(line=self.line)))
        return effects

    def _answered(self) -> list[Effect]:
        self.deadline = None
        # Off-hook also ends the ringing of the board.
        answered = Report(Answered(line=self.line))
        return [EndTelling(), SetHook(Hook.OFFHOOK), OpenAudio(), answered]

    def _ended(self, before: Enum, cause: PortInput) -> list[Effect]:
        self.deadline = None
        if before is S.SETTLING:
            return [Report(LineUp(line=self.line))]
        if before is S.OFF_HOOK:
            return [SetHook(Hook.ONHOOK)]
        why = Cause.NO_ANSWER if cause is I.TIME else Cause.NORMAL
        return [
            EndTelling(),
            CloseAudio(),
            SetHook(Hook.ONHOOK),
            Report(Released(line=self.line, cause=why)),
        ]

    def _went_out(self, before: Enum) -> list[Effect]:
        self.deadline = None
        effects: list[Effect] = []
        if before in (S.TELLING_PHONE, S.RINGING_PHONE, S.LIFTED, S.TALKING):
            gone = Released(line=self.line, cause=Cause.DESTINATION_OUT_OF_ORDER, detail="no line")
            effects = [EndTelling(), CloseAudio(), SetHook(Hook.ONHOOK), Report(gone)]
        return [*effects, Report(LineDown(line=self.line, reason="the port raised an alarm"))]
