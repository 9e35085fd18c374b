"""Call-backs that a machine, a person or nobody answers, told apart by their sound."""

import asyncio
import os
from collections.abc import Awaitable, Callable
from pathlib import Path

import numpy as np
import pytest
import soundfile

from acd_core.queue_life.options import CallbackRules
from daemon.config import OutgoingOptions, parse_config
from daemon.control.calls.call import Phase
from daemon.errors import ConfigError
from daemon.link.errors import MediaRefused
from daemon.store.rows import CallRow
from tests.daemon.control.calls.test_call_backs import come, keep_place
from tests.fakes.control_rig import ControlRig, make_queue
from tests.fakes.line import FakeLine, State
from tests.fakes.link import FakeTap
from tests.fakes.sound_records import assert_sound
from tests.fakes.tap import Audio, TapWriter

MakeRig = Callable[..., Awaitable[ControlRig]]
RULES = CallbackRules(dial_ahead_s=30, ring_s=30, retry_s=300, grace_s=600)
SAMPLES = Path(__file__).parents[3] / "data/speech"
RATE = 8000


def speech(seconds: float) -> Audio:
    """Recorded speech without long pauses, at 8 kHz."""
    parts = []
    for path in sorted(SAMPLES.glob("*.flac")) or sorted(SAMPLES.glob("*.wav")):
        audio, rate = soundfile.read(path, dtype="int16")
        parts.append(audio[:: rate // RATE])
    voice = np.concatenate(parts)
    loud = voice[np.abs(voice.astype(np.int32)).reshape(-1) > 300] if len(voice) else voice
    return np.resize(loud, int(seconds * RATE)).astype(np.int16)


def silence(seconds: float) -> Audio:
    return np.random.default_rng(1).normal(0, 8, int(seconds * RATE)).astype(np.int16)


def beep(seconds: float = 0.5) -> Audio:
    moment = np.arange(int(seconds * RATE)) / RATE
    return (6000 * np.sin(2 * np.pi * 1000 * moment)).astype(np.int16)


def join(*parts: Audio) -> Audio:
    return np.concatenate(parts)


PERSON = join(silence(0.4), speech(0.7), silence(8))
MACHINE = join(silence(0.4), speech(6), silence(0.3), beep(), silence(8))


class FarEnd:
    """Whoever answers; his sound reaches the taps of the fake media in real steps of its time."""

    def __init__(self, rig: ControlRig, audio: Audio) -> None:
        self.writer = TapWriter(1 << 18)
        self._audio = audio
        self._rig = rig
        rig.media.tap = self._tap  # type: ignore[method-assign]

    async def _tap(self, port: object) -> FakeTap:
        self._task = asyncio.create_task(self._say())
        return FakeTap(os.dup(self.writer.memfd), os.dup(self.writer.eventfd))

    async def _say(self) -> None:
        for at in range(0, len(self._audio), 800):
            self.writer.write(self._audio[at : at + 800])
            await asyncio.sleep(0.1)


async def answered(rig: ControlRig, audio: Audio) -> tuple[FakeLine, FarEnd]:
    """A caller keeps his place, is dialled, and this answers."""
    await keep_place(rig)
    far = FarEnd(rig, audio)
    await come(rig, "ann")
    line = rig.driver.line(rig.driver.dialled[-1].line)
    await line.talk()
    return line, far


def rows(rig: ControlRig) -> CallRow:
    """The call that we made, as it is on record."""
    return next(row for row in reversed(rig.calls()) if row.direction == "out")


async def rig_with(make_rig: MakeRig, policy: str, message: str = "") -> ControlRig:
    rig = await make_rig(queues=[make_queue(callback=RULES)])
    options = OutgoingOptions(answering_machine=policy, machine_message=message)
    rig.controller.outgoing = options
    return rig


def places(rig: ControlRig) -> int:
    return sum(len(view.callbacks) for view in rig.controller.acd.floor().queues)


@pytest.mark.parametrize("policy", ["hang_up", "message", "agent"])
async def test_a_person_is_asked_as_ever(make_rig: MakeRig, policy: str) -> None:
    rig = await rig_with(make_rig, policy, "greeting")
    line, _ = await answered(rig, PERSON)
    await rig.later(3)
    assert rig.call_on(line).data["answered_by"] == "person"
    assert rig.speech.said[-1].startswith("This is the call you asked for.")
    await rig.press(line, "1")
    assert rig.phase(line) is Phase.OFFERED


async def test_a_machine_is_hung_up_and_tried_again(make_rig: MakeRig) -> None:
    rig = await rig_with(make_rig, "hang_up")
    line, _ = await answered(rig, MACHINE)
    await rig.later(6)
    assert line.state is State.IDLE
    row = rows(rig)
    assert (row.outcome, row.data["answered_by"]) == ("machine", "machine")
    assert places(rig) == 1
    await rig.later(301)
    assert len([call for call in rig.driver.dialled if call.number == "0305551"]) == 2


async def test_a_machine_goes_to_an_agent_without_a_key(make_rig: MakeRig) -> None:
    rig = await rig_with(make_rig, "agent")
    line, _ = await answered(rig, MACHINE)
    await rig.later(6)
    assert rig.phase(line) is Phase.OFFERED
    await rig.answer("2001")
    await rig.hang_up(line)
    assert rows(rig).outcome == "answered"
    assert_sound(rig)


async def test_a_machine_gets_the_message_behind_its_beep(make_rig: MakeRig) -> None:
    rig = await rig_with(make_rig, "message", "we_called")
    (rig.site / "prompts").mkdir(exist_ok=True)
    (rig.site / "prompts/we_called.wav").write_bytes(b"audio")
    line, _ = await answered(rig, MACHINE)
    await rig.later(6.5)
    assert rig.phase(line) is Phase.FLOW  # the greeting is not over
    played = len(rig.media.played)
    await rig.later(4)
    assert len(rig.media.played) == played + 1
    assert "we_called" in rig.media.played[-1].files[0]
    await rig.later(30)
    assert line.state is State.IDLE
    assert rows(rig).outcome == "machine"
    assert places(rig) == 0  # who hears it knows that he was called


async def test_silence_and_a_deaf_media_process_are_taken_for_a_person(make_rig: MakeRig) -> None:
    rig = await rig_with(make_rig, "hang_up")
    line, _ = await answered(rig, silence(12))
    await rig.later(10)
    assert rig.call_on(line).data["answered_by"] == "silent"
    assert rig.phase(line) is Phase.FLOW
    await rig.hang_up(line)
    rig.media.faults["tap"] = MediaRefused("unknown-port", "no such port")


async def test_nothing_is_listened_to_unless_it_is_wanted(make_rig: MakeRig) -> None:
    rig = await rig_with(make_rig, "ignore")
    line, _ = await answered(rig, MACHINE)
    await rig.settle()
    assert rig.speech.said[-1].startswith("This is the call you asked for.")
    assert "answered_by" not in rig.call_on(line).data


def test_a_message_needs_a_name() -> None:
    with pytest.raises(ConfigError, match="machine_message"):
        parse_config(b'[outgoing]\nanswering_machine = "message"\n')
    made = parse_config(b'[outgoing]\nanswering_machine = "message"\nmachine_message = "m"\n')
    assert made.outgoing.machine_message == "m"
