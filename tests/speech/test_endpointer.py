import numpy as np
import pytest

from speech.api import Limits
from speech.endpointer import FRAME_BYTES, TRANSITIONS, Endpointer, Signal, State
from tests.fakes.tap import SAMPLES, Audio, sample, silence, spoken

NAMES = sorted(path.stem for path in SAMPLES.glob("*.wav"))
TIME = np.arange(8000 * 7) / 8000


def signals(audio: Audio, limits: Limits | None = None) -> list[tuple[Signal, float]]:
    endpointer = Endpointer(limits or Limits())
    pcm = audio.astype("<i2").tobytes()
    found = []
    for start in range(0, len(pcm) - FRAME_BYTES + 1, FRAME_BYTES):
        signal = endpointer.feed(pcm[start : start + FRAME_BYTES])
        if signal is not None:
            found.append((signal, round(endpointer.clock, 2)))
    return found


def outcome(audio: Audio) -> tuple[Signal, float]:
    """How it ended, whatever false starts came before."""
    found = [pair for pair in signals(audio) if pair[0] is not Signal.FALSE_START]
    return found[-1]


def tones(*hertz: float, level: float = 3000) -> Audio:
    noise = np.random.default_rng(1).normal(0, 15, len(TIME))
    return (sum(level * np.sin(2 * np.pi * f * TIME) for f in hertz) + noise).astype(np.int16)


@pytest.mark.parametrize("name", NAMES)
def test_every_utterance_is_found_once(name: str) -> None:
    (started, began), (ended, end) = signals(spoken(name))
    assert (started, ended) == (Signal.SPEECH_STARTED, Signal.SPEECH_ENDED)
    assert 0.40 < began < 0.62
    assert end - began < 2.5


def test_silence_is_no_input_at_the_time_asked_for() -> None:
    assert signals(silence(7), Limits(no_input_s=3.5)) == [(Signal.NO_INPUT, 3.5)]


def test_end_of_speech_comes_after_the_silence_asked_for() -> None:
    quick = signals(spoken("en_yes"), Limits(end_silence_s=0.5))[1][1]
    slow = signals(spoken("en_yes"), Limits(end_silence_s=1.0))[1][1]
    assert slow - quick == pytest.approx(0.5)


def test_speech_without_an_end_is_too_long() -> None:
    talk = np.tile(sample("en_technical_support")[3600:14000], 5)
    found = signals(talk, Limits(longest_s=2.0))
    assert [signal for signal, _ in found] == [Signal.SPEECH_STARTED, Signal.TOO_LONG]
    assert found[1][1] - found[0][1] == pytest.approx(1.9)  # counted from the first sound


def test_speech_at_the_last_moment_is_no_longer_no_input() -> None:
    late = np.concatenate([silence(0.58), sample("en_yes"), silence(1)])
    found = signals(late, Limits(no_input_s=1.0))
    assert [signal for signal, _ in found] == [Signal.SPEECH_STARTED, Signal.SPEECH_ENDED]


@pytest.mark.parametrize("hertz", [(697, 1209), (941, 1633), (770, 1336), (350, 440), (425,)])
def test_steady_tones_are_not_speech(hertz: tuple[float, ...]) -> None:
    assert signals(tones(*hertz)) == [(Signal.NO_INPUT, 5.0)]


def test_short_keys_are_not_speech() -> None:
    on = (TIME * 1000 % 200) < 80
    keys = np.where(on, tones(852, 1477), tones(852, 1477, level=0)).astype(np.int16)
    assert signals(keys) == [(Signal.NO_INPUT, 5.0)]


@pytest.mark.parametrize("hertz", [50, 60])
def test_mains_hum_is_not_speech(hertz: int) -> None:
    hum = tones(hertz, 2 * hertz, 3 * hertz, 5 * hertz, level=250)
    assert outcome(hum) == (Signal.NO_INPUT, 5.0)


@pytest.mark.parametrize("level", [-50, -40, -35])
@pytest.mark.parametrize("quiet", [0.0, 0.1])
def test_line_noise_is_not_speech(level: int, quiet: float) -> None:
    noise = np.random.default_rng(2).normal(0, 32768 * 10 ** (level / 20), 8000 * 6)
    audio = np.concatenate([silence(quiet), noise.astype(np.int16)])
    assert outcome(audio) == (Signal.NO_INPUT, 5.0)


def test_noise_that_sets_in_later_is_not_held_for_ever() -> None:
    noise = np.random.default_rng(2).normal(0, 300, 8000 * 6).astype(np.int16)
    found, at = outcome(np.concatenate([silence(2), noise]))
    assert found in (Signal.SPEECH_ENDED, Signal.NO_INPUT)
    assert at <= 5.0


def test_speech_in_noise_is_found() -> None:
    noise = np.random.default_rng(2).normal(0, 200, 8000 * 3).astype(np.int16)
    audio = noise.copy()
    audio[8000 : 8000 + 13_000] += sample("en_sales")[:13_000]
    found, at = outcome(np.concatenate([audio, noise]))
    assert found is Signal.SPEECH_ENDED
    assert 2.0 < at < 3.5


def test_a_click_is_a_false_start_and_waiting_goes_on() -> None:
    click = sample("en_yes")[3200 + 1600 : 3200 + 1600 + 560]
    audio = np.concatenate([silence(1), click, silence(1.5), sample("en_yes"), silence(1)])
    found = [signal for signal, _ in signals(audio)]
    assert found[-2:] == [Signal.SPEECH_STARTED, Signal.SPEECH_ENDED]
    assert set(found[:-2]) <= {Signal.SPEECH_STARTED, Signal.FALSE_START}


def test_time_before_listening_does_not_count() -> None:
    endpointer = Endpointer(Limits(no_input_s=1.0), start=-0.3)
    frames = 0
    while endpointer.feed(bytes(FRAME_BYTES)) is None:
        frames += 1
    assert frames + 1 == 65


def test_nothing_comes_after_the_end() -> None:
    assert len(signals(np.concatenate([silence(6), spoken("en_yes")]))) == 1


def test_every_state_is_reached_and_left() -> None:
    reached = {State.WAITING} | set(TRANSITIONS.values())
    assert reached == set(State)
    assert {state for state, _ in TRANSITIONS} == set(State) - {State.OVER}
