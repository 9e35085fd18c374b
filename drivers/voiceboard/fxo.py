"""A trunk port: an exchange's line is plugged in, and we are the telephone. No I/O.

The exchange rings us, we answer by going off-hook; we dial by going off-hook and sending
tones. An incoming call cannot be refused on such a line, only not answered.
"""

from enum import Enum, auto
from typing import ClassVar, Final

from drivers.api import LineId
from drivers.events import Answered, Cause, LineDown, LineUp, Progress, Released, Ringing, Seized
from drivers.voiceboard.caller import CallerDigits, CallerIdentity
from drivers.voiceboard.dahdi import Hook
from drivers.voiceboard.options import TimingOptions
from drivers.voiceboard.port import (
    CloseAudio,
    Effect,
    ListenForTones,
    OpenAudio,
    PortInput,
    PortMachine,
    Report,
    SendTones,
    SetHook,
)

DIGIT_S: Final = 0.25
"""Longest time the board needs for one digit, pauses included."""


class FxoState(Enum):
    """Where a trunk port is."""

    IDLE = auto()
    RINGING = auto()
    UNWANTED = auto()
    """Still ringing, but control gave the call up."""
    SEIZING = auto()
    """Off-hook, before dial tone."""
    DIALLING = auto()
    WAITING = auto()
    """Dialled, not answered."""
    TALKING = auto()
    FLASHING = auto()
    RECALL = auto()
    """Flashed for a transfer, before its digits."""
    TRANSFERRING = auto()
    HANDING = auto()
    """Digits of a transfer sent; a busy tone would bring the caller back."""
    RESTING = auto()
    """On-hook, until the exchange has noticed."""
    OUT = auto()
    """No battery: the cable is out."""
    SETTLING = auto()


S, I = FxoState, PortInput  # noqa: E741 - a table is read by its columns

_IGNORED = {
    S.IDLE: (I.ON_HOOK, I.HOOK_DONE, I.DIGITS_DONE, I.REVERSED, I.RELEASE, I.NO_ALARM),
    S.RINGING: (I.ON_HOOK, I.HOOK_DONE, I.REVERSED, I.NO_ALARM),
    S.UNWANTED: (I.ON_HOOK, I.HOOK_DONE, I.REVERSED, I.RELEASE, I.NO_ALARM),
    S.SEIZING: (I.RING, I.HOOK_DONE, I.REVERSED, I.RINGBACK, I.NO_ALARM, I.VOICE),
    S.DIALLING: (I.RING, I.HOOK_DONE, I.REVERSED, I.DIAL_TONE, I.NO_ALARM, I.VOICE, I.RINGBACK),
    S.TALKING: (I.RING, I.HOOK_DONE, I.DIGITS_DONE, I.NO_ALARM, I.RINGBACK, I.VOICE, I.ANSWER),
    S.FLASHING: (I.RING, I.ON_HOOK, I.REVERSED, I.DIGITS_DONE, I.NO_ALARM),
    S.RECALL: (I.RING, I.ON_HOOK, I.HOOK_DONE, I.REVERSED, I.NO_ALARM),
    S.TRANSFERRING: (I.RING, I.HOOK_DONE, I.REVERSED, I.NO_ALARM),
    S.HANDING: (I.RING, I.HOOK_DONE, I.REVERSED, I.NO_ALARM, I.DIGITS_DONE),
    S.RESTING: (I.RING, I.ON_HOOK, I.HOOK_DONE, I.DIGITS_DONE, I.REVERSED, I.RELEASE, I.NO_ALARM),
    S.OUT: (I.RING, I.ON_HOOK, I.HOOK_DONE, I.REVERSED, I.RELEASE, I.ALARM, I.DIGITS_DONE),
    S.SETTLING: (I.RING, I.ON_HOOK, I.HOOK_DONE, I.REVERSED, I.RELEASE, I.NO_ALARM),
}

_DIALLING = (S.SEIZING, S.DIALLING, S.WAITING)
_CONNECTED = (S.TALKING, S.FLASHING, S.RECALL, S.TRANSFERRING, S.HANDING)
_OFF_HOOK = _DIALLING + _CONNECTED


class FxoPort(PortMachine):
    """The state of one trunk port."""

    table: ClassVar[dict[tuple[Enum, PortInput], Enum]] = {
        **{(state, cause): state for state, causes in _IGNORED.items() for cause in causes},
        **{(state, I.RELEASE): S.RESTING for state in _OFF_HOOK},
        **{(state, I.ALARM): S.OUT for state in S if state is not S.OUT},
        (S.IDLE, I.RING): S.RINGING,
        (S.IDLE, I.DIAL): S.SEIZING,
        (S.RINGING, I.RING): S.RINGING,
        (S.RINGING, I.ANSWER): S.TALKING,
        (S.RINGING, I.TIME): S.IDLE,
        (S.RINGING, I.RELEASE): S.UNWANTED,
        (S.UNWANTED, I.RING): S.UNWANTED,
        (S.UNWANTED, I.TIME): S.IDLE,
        (S.SEIZING, I.DIAL_TONE): S.DIALLING,
        (S.SEIZING, I.TIME): S.DIALLING,
        (S.SEIZING, I.BUSY): S.RESTING,
        (S.SEIZING, I.CONGESTION): S.RESTING,
        (S.SEIZING, I.ON_HOOK): S.RESTING,
        (S.DIALLING, I.DIGITS_DONE): S.WAITING,
        (S.DIALLING, I.BUSY): S.RESTING,
        (S.DIALLING, I.CONGESTION): S.RESTING,
        (S.DIALLING, I.ON_HOOK): S.RESTING,
        (S.DIALLING, I.TIME): S.RESTING,
        (S.WAITING, I.RINGBACK): S.WAITING,
        (S.WAITING, I.RING): S.WAITING,
        (S.WAITING, I.HOOK_DONE): S.WAITING,
        (S.WAITING, I.DIGITS_DONE): S.WAITING,
        (S.WAITING, I.DIAL_TONE): S.WAITING,
        (S.WAITING, I.NO_ALARM): S.WAITING,
        (S.WAITING, I.REVERSED): S.TALKING,
        (S.WAITING, I.VOICE): S.TALKING,
        (S.WAITING, I.BUSY): S.RESTING,
        (S.WAITING, I.CONGESTION): S.RESTING,
        (S.WAITING, I.ON_HOOK): S.RESTING,
        (S.WAITING, I.TIME): S.RESTING,
        (S.TALKING, I.ON_HOOK): S.RESTING,
        (S.TALKING, I.BUSY): S.RESTING,
        (S.TALKING, I.CONGESTION): S.RESTING,
        (S.TALKING, I.REVERSED): S.TALKING,
        (S.TALKING, I.FLASH): S.FLASHING,
        (S.TALKING, I.TRANSFER): S.FLASHING,
        (S.FLASHING, I.HOOK_DONE): S.TALKING,
        (S.FLASHING, I.TIME): S.TALKING,
        (S.RECALL, I.TIME): S.TRANSFERRING,
        (S.RECALL, I.DIAL_TONE): S.TRANSFERRING,
        (S.TRANSFERRING, I.DIGITS_DONE): S.HANDING,
        (S.TRANSFERRING, I.TIME): S.HANDING,
        (S.TRANSFERRING, I.ON_HOOK): S.RESTING,
        (S.HANDING, I.BUSY): S.FLASHING,
        (S.HANDING, I.CONGESTION): S.FLASHING,
        (S.HANDING, I.TIME): S.RESTING,
        (S.HANDING, I.ON_HOOK): S.RESTING,
        (S.RESTING, I.DIAL): S.RESTING,
        (S.RESTING, I.TIME): S.IDLE,
        (S.OUT, I.NO_ALARM): S.SETTLING,
        (S.SETTLING, I.TIME): S.IDLE,
    }
    phases: ClassVar[dict[Enum, str]] = {
        S.RINGING: "ringing",
        **dict.fromkeys(_DIALLING, "dialling"),
        **dict.fromkeys(_CONNECTED, "talking"),
    }

    def __init__(
        self,
        line: LineId,
        timing: TimingOptions,
        *,
        dnis: str = "",
        answered_by: str = "tone",
        wait_dial_tone: bool = True,
        hears_caller: bool = False,
    ) -> None:
        """``hears_caller``: the channel's audio is the engine's from the first ring on."""
        super().__init__(line, S.IDLE)
        self.caller = CallerDigits()
        """Takes the keys that are heard before a ring."""
        self._timing = timing
        self._dnis = dnis
        self._answered_by = answered_by
        self._wait_dial_tone = wait_dial_tone
        self._ends_hearing: list[Effect] = [CloseAudio()] if hears_caller else []
        self._number = ""
        self._answered_at = 0.0
        self._last_ring = 0.0
        self._told_ringback = False

    def step(self, cause: PortInput, target: Enum, now: float, number: str) -> list[Effect]:
        """See ``PortMachine.step``."""
        state = self.state
        if cause is I.ALARM:
            return self._went_out()
        if cause is I.RELEASE and target is not state:
            return self._release(target, Cause.NORMAL, now)
        if state in (S.IDLE, S.RINGING, S.UNWANTED):
            return self._step_on_hook(cause, target, now, number)
        if state in _DIALLING:
            return self._step_dialling(cause, now)
        if state is S.TALKING:
            return self._step_talking(cause, now, number)
        if state in _CONNECTED:
            return self._step_transfer(cause, now)
        return self._step_resting(cause, now, number)

    def _step_on_hook(
        self, cause: PortInput, target: Enum, now: float, number: str
    ) -> list[Effect]:
        if cause is I.RING:
            self.deadline = now + self._timing.ring_gap
            self._last_ring, self.state, before = now, target, self.state
            if before is not S.IDLE:
                return []
            self.new_call()
            caller = self.caller.take(now) or CallerIdentity()
            ringing = Ringing(
                line=self.line,
                ani=caller.ani,
                dnis=self._dnis,
                redirecting=caller.redirecting,
                restricted=caller.restricted,
                ref=self.ref,
            )
            hear = [OpenAudio(needed=False)] if self._ends_hearing else []
            return [*hear, Report(ringing)]
        if cause is I.ANSWER:
            self.state, self.deadline, self._answered_at = S.TALKING, None, now
            answered = Answered(line=self.line)
            return [SetHook(Hook.OFFHOOK), OpenAudio(), Report(answered)]
        if cause is I.TIME:
            before, self.state = self.state, S.IDLE
            if before is S.UNWANTED:
                return []
            gone = Report(Released(line=self.line, detail="the caller gave up"))
            return [*self._ends_hearing, gone]
        if cause is I.DIAL:
            self.new_call()
            return self._seize(number, now)
        return []

    def _seize(self, number: str, now: float) -> list[Effect]:
        self.state, self._number, self._told_ringback = S.SEIZING, number, False
        timing = self._timing
        self.deadline = now + (timing.dial_tone if self._wait_dial_tone else timing.blind_dial)
        return [SetHook(Hook.OFFHOOK), ListenForTones(on=True), Report(Seized(line=self.line))]

    def _step_dialling(self, cause: PortInput, now: float) -> list[Effect]:
        if cause in (I.BUSY, I.CONGESTION):
            return self._refused(cause, now)
        if cause is I.ON_HOOK:
            return self._release(S.RESTING, Cause.NORMAL, now, "the exchange dropped the line")
        if self.state is S.SEIZING:
            return self._step_seizing(cause, now)
        if self.state is S.DIALLING:
            return self._step_sending(cause, now)
        if cause is I.RINGBACK and not self._told_ringback:
            self._told_ringback = True
            return [Report(Progress(line=self.line))]
        if cause is I.REVERSED and self._answered_by == "polarity":
            return self._far_end_answered(now)
        if cause is I.VOICE and self._answered_by == "tone":
            return self._far_end_answered(now)
        if cause is I.TIME:
            if self._answered_by == "time":
                return self._far_end_answered(now)
            return self._release(S.RESTING, Cause.NO_ANSWER, now)
        return []

    def _step_seizing(self, cause: PortInput, now: float) -> list[Effect]:
        if cause is I.DIAL_TONE or (cause is I.TIME and not self._wait_dial_tone):
            self.state = S.DIALLING
            self.deadline = now + 2.0 + DIGIT_S * len(self._number)
            return [SendTones(self._number)]
        if cause is I.TIME:
            why = "no dial tone"
            return self._release(S.RESTING, Cause.DESTINATION_OUT_OF_ORDER, now, why)
        return []

    def _step_sending(self, cause: PortInput, now: float) -> list[Effect]:
        if cause is I.DIGITS_DONE:
            timing = self._timing
            by_time = self._answered_by == "time"
            self.state = S.WAITING
            self.deadline = now + (timing.assumed_answer if by_time else timing.answer)
            return [ListenForTones(on=True)]
        if cause is I.TIME:
            why = "the board did not finish dialling"
            return self._release(S.RESTING, Cause.TEMPORARY_FAILURE, now, why)
        return []

    def _step_talking(self, cause: PortInput, now: float, number: str) -> list[Effect]:
        if cause is I.ON_HOOK and now - self._answered_at < self._timing.glitch:
            return []
        if cause in (I.ON_HOOK, I.BUSY, I.CONGESTION):
            return self._release(S.RESTING, Cause.NORMAL, now)
        if cause is I.REVERSED and self._answered_by == "polarity":
            return self._release(S.RESTING, Cause.NORMAL, now)
        if cause in (I.FLASH, I.TRANSFER):
            return self._flash(number if cause is I.TRANSFER else "", now)
        return []

    def _flash(self, number: str, now: float) -> list[Effect]:
        self.state, self._number = S.FLASHING, number
        self.deadline = now + self._timing.flash
        return [SetHook(Hook.FLASH)]

    def _step_transfer(self, cause: PortInput, now: float) -> list[Effect]:
        if cause is I.ON_HOOK and self.state in (S.TRANSFERRING, S.HANDING):
            return self._release(S.RESTING, Cause.NORMAL, now)
        if self.state is S.HANDING:
            if cause in (I.BUSY, I.CONGESTION):
                return self._flash("", now)
            if cause is I.TIME:
                return self._release(S.RESTING, Cause.NORMAL, now, "transferred")
        elif self.state is S.FLASHING and cause in (I.HOOK_DONE, I.TIME):
            transfer = bool(self._number)
            self.state = S.RECALL if transfer else S.TALKING
            self.deadline = now + self._timing.recall if transfer else None
        elif self.state is S.RECALL and cause in (I.TIME, I.DIAL_TONE):
            self.state = S.TRANSFERRING
            self.deadline = now + 2.0 + DIGIT_S * len(self._number)
            return [SendTones(self._number)]
        elif self.state is S.TRANSFERRING and cause in (I.DIGITS_DONE, I.TIME):
            self.state, self.deadline = S.HANDING, now + self._timing.handing
        return []

    def _step_resting(self, cause: PortInput, now: float, number: str) -> list[Effect]:
        if cause is I.DIAL:
            self.new_call()
            self._number = number
        elif self.state is S.RESTING and cause is I.RELEASE and self._number:
            self._number = ""
            return [Report(Released(line=self.line))]
        elif self.state is S.RESTING and cause is I.TIME:
            self.state = S.IDLE
            if self._number:
                return self._seize(self._number, now)
        elif cause is I.NO_ALARM and self.state is S.OUT:
            self.state, self.deadline = S.SETTLING, now + self._timing.settle
        elif self.state is S.SETTLING and cause is I.TIME:
            self.state = S.IDLE
            return [Report(LineUp(line=self.line))]
        return []

    def _far_end_answered(self, now: float) -> list[Effect]:
        self.state, self.deadline, self._answered_at = S.TALKING, None, now
        return [ListenForTones(on=False), OpenAudio(), Report(Answered(line=self.line))]

    def _refused(self, cause: PortInput, now: float) -> list[Effect]:
        busy = cause is I.BUSY
        progress = Progress(line=self.line, tone="busy" if busy else "congestion")
        why = Cause.BUSY if busy else Cause.CONGESTION
        return [Report(progress), *self._release(S.RESTING, why, now)]

    def _release(self, target: Enum, cause: Cause, now: float, detail: str = "") -> list[Effect]:
        """End the call; a ringing line cannot be put on-hook, it is left to ring out."""
        before, self.state, self._number = self.state, target, ""
        released = Report(Released(line=self.line, cause=cause, detail=detail))
        if before is S.RINGING:
            self.deadline = self._last_ring + self._timing.ring_gap
            return [*self._ends_hearing, released]
        self.deadline = now + self._timing.guard
        return [ListenForTones(on=False), CloseAudio(), SetHook(Hook.ONHOOK), released]

    def _went_out(self) -> list[Effect]:
        before, self.state, self.deadline = self.state, S.OUT, None
        effects: list[Effect] = []
        if before in _OFF_HOOK:
            effects = [ListenForTones(on=False), CloseAudio(), SetHook(Hook.ONHOOK)]
        elif before is S.RINGING:
            effects = [*self._ends_hearing]
        if before in _OFF_HOOK or before is S.RINGING or (before is S.RESTING and self._number):
            gone = Released(line=self.line, cause=Cause.DESTINATION_OUT_OF_ORDER, detail="no line")
            effects.append(Report(gone))
        self._number = ""
        return [*effects, Report(LineDown(line=self.line, reason="no battery: cable out"))]
