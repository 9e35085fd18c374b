import re
from enum import Enum
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from drivers.api import LineId
from drivers.events import Answered, LineEvent, Released, Ringing, Seized
from drivers.voiceboard.display.formats import When
from drivers.voiceboard.fxo import FxoPort, FxoState
from drivers.voiceboard.fxs import FxsPort, FxsState
from drivers.voiceboard.options import TimingOptions
from drivers.voiceboard.port import (
    CloseAudio,
    Effect,
    EndTelling,
    IllegalTransition,
    ListenForTones,
    OpenAudio,
    PortInput,
    PortMachine,
    Report,
    SendTones,
    SetHook,
    TellCaller,
)

LINE = LineId("board/1")
FOLDER = Path(__file__).parent.parent.parent / "transcripts" / "voiceboard"
NAMES = sorted(path.stem for path in FOLDER.glob("*.txt"))


def fxo(**options: object) -> FxoPort:
    return FxoPort(LINE, TimingOptions(), dnis="5551000", **options)  # type: ignore[arg-type]


def fxs(tells: str = "") -> FxsPort:
    when = When[tells] if tells else None
    return FxsPort(LINE, TimingOptions(), extension="301", tells=when)


def say(effect: Effect) -> str:
    """One word or two for an effect, as transcripts write it."""
    match effect:
        case SetHook(hook):
            return f"hook {hook.name}"
        case SendTones(digits):
            return f"tones {digits}"
        case OpenAudio():
            return "audio open"
        case CloseAudio():
            return "audio closed"
        case ListenForTones(on):
            return f"listen {'on' if on else 'off'}"
        case TellCaller():
            return "tell caller"
        case EndTelling():
            return "end telling"
        case Report(event):
            return describe(event)
    raise AssertionError(effect)


def describe(event: LineEvent) -> str:
    text = type(event).__name__
    if isinstance(event, Released):
        text += f" {event.cause.name}" + (f" ({event.detail})" if event.detail else "")
    return text


@pytest.mark.parametrize("name", NAMES)
def test_transcript(name: str) -> None:
    machine: PortMachine = fxo()
    said: list[str] = []
    now = 0.0
    for line in (FOLDER / f"{name}.txt").read_text().splitlines():
        if not line or line.startswith("#"):
            continue
        word, _, rest = line.partition(" ")
        if word == "port":
            kind, *options = rest.split()
            settings = dict(option.split("=") for option in options)
            machine = fxs(**settings) if kind == "fxs" else fxo(**settings)
        elif word == "@":
            now = float(rest)
            said += [say(effect) for effect in machine.expire(now)]
        elif word == "<":
            cause, _, number = rest.partition(" ")
            said += [say(item) for item in machine.handle(PortInput[cause], now, number=number)]
        elif word == "!":
            cause, _, number = rest.partition(" ")
            with pytest.raises(IllegalTransition):
                machine.handle(PortInput[cause], now, number=number)
        elif word == "phase":
            assert machine.phase == rest
        else:
            assert word == ">", line
            expected = re.split(r", ", rest) if rest != "nothing" else []
            assert said == expected, f"{name} at {now} s"
            said = []
    assert said == []


@pytest.mark.parametrize(
    ("states", "table"), [(FxoState, FxoPort.table), (FxsState, FxsPort.table)]
)
def test_every_state_is_reached_and_left(
    states: type[Enum], table: dict[tuple[Enum, PortInput], Enum]
) -> None:
    sources = {state for (state, _), target in table.items() if target is not state}
    assert sources == set(states)
    assert {state for state, _ in table} <= set(states)


@pytest.mark.parametrize("make", [fxo, fxs])
def test_every_state_takes_alarm_and_release(make: type[PortMachine]) -> None:
    machine = make()
    states = {state for state, _ in machine.table}
    assert all((state, PortInput.ALARM) in machine.table for state in states)
    assert all((state, PortInput.RELEASE) in machine.table for state in states)


inputs = st.lists(
    st.tuples(st.sampled_from(PortInput), st.floats(0, 20), st.sampled_from(("", "301"))),
    max_size=40,
)


@pytest.mark.parametrize("make", [fxo, fxs])
@given(steps=inputs)
def test_each_call_is_released_once_and_audio_is_closed(
    make: type[PortMachine], steps: list[tuple[PortInput, float, str]]
) -> None:
    machine = make()
    now, calls, audio = 0.0, 0, 0
    effects: list[Effect] = []
    for cause, pause, number in [*steps, (PortInput.RELEASE, 0.0, "")]:
        now += pause
        effects += machine.expire(now)
        if cause is PortInput.DIAL and not number:
            continue
        try:
            effects += machine.handle(cause, now, number=number)
        except IllegalTransition:
            continue
    # Calls that only wait for the end of the port's rest are seized later, or released.
    for effect in effects:
        match effect:
            case Report(Ringing() | Seized()):
                calls += 1
                assert calls == 1
            case Report(Answered()):
                assert calls == 1
            case Report(Released()):
                calls = 0
            case OpenAudio():
                audio += 1
                assert audio == 1
            case CloseAudio():
                audio = 0
    assert calls == 0
    assert audio == 0
