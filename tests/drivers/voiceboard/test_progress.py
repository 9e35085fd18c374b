from collections.abc import Iterable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cython_ext import dsp
from drivers.tones import INTERNATIONAL, RECOGNISED, TONES, Tone
from drivers.voiceboard.port import PortInput
from drivers.voiceboard.progress import ProgressDetector

RINGBACK, BUSY, CONGESTION = PortInput.RINGBACK, PortInput.BUSY, PortInput.CONGESTION
DIAL_TONE, VOICE = PortInput.DIAL_TONE, PortInput.VOICE


def silence(ms: int) -> bytes:
    return bytes(16 * ms)


def sound(tone: Tone, seconds: float, *, level: float = -16.0) -> bytes:
    """Samples of a tone in its cadence."""
    generator = dsp.ToneGenerator(tone.hertz, level)
    if not tone.cadence_ms:
        return generator.generate(int(8000 * seconds))
    pcm = b""
    while len(pcm) < 16000 * seconds:
        for index, ms in enumerate(tone.cadence_ms):
            pcm += silence(ms) if index % 2 else generator.generate(8 * ms)
    return pcm


def speech(seconds: float) -> bytes:
    """Something like a voice: a sweep of three formants that no tone table holds."""
    pcm = b""
    for index in range(int(seconds * 50)):
        hertz = 180 + 37 * (index % 11)
        pcm += dsp.ToneGenerator([hertz, hertz * 2.6, hertz * 5.1], -18.0).generate(160)
    return pcm


def heard(parts: Iterable[bytes], country: str = "cn") -> list[PortInput]:
    detector = ProgressDetector(country)
    return detector.feed(dsp.alaw_encode(b"".join(parts)))


@pytest.mark.parametrize("country", sorted(RECOGNISED))
def test_dial_tone(country: str) -> None:
    assert heard([sound(TONES[country].dial, 2.5)], country) == [DIAL_TONE]


@pytest.mark.parametrize("country", sorted(RECOGNISED))
def test_busy(country: str) -> None:
    assert BUSY in heard([silence(200), sound(TONES[country].busy, 4)], country)


# Japan's are one tone, and Spain's congestion begins with three bursts of busy.
@pytest.mark.parametrize("country", sorted(RECOGNISED - {"es", "jp"}))
def test_congestion_is_not_busy(country: str) -> None:
    found = heard([silence(200), sound(TONES[country].congestion, 6)], country)
    assert CONGESTION in found
    assert BUSY not in found


@pytest.mark.parametrize("country", sorted(RECOGNISED))
def test_ringback(country: str) -> None:
    found = heard([silence(500), sound(TONES[country].ringback, 9)], country)
    assert set(found) == {RINGBACK}


def test_congestion_of_spain_ends_a_call_too() -> None:
    assert heard([silence(200), sound(TONES["es"].congestion, 6)], "es") == [BUSY, CONGESTION]


def test_what_is_played_is_in_pairs() -> None:
    assert INTERNATIONAL.ringback.pair == (425.0, 0.0)
    assert TONES["uk"].ringback.pair == (400.0, 450.0)
    assert TONES["uk"].ringback.steps_ms == ((400, 200), (400, 2000))
    assert TONES["us"].dial.steps_ms == ()


@pytest.mark.parametrize("level", [-36.0, -10.0])
def test_levels_of_real_lines(level: float) -> None:
    assert BUSY in heard([sound(TONES["cn"].busy, 4, level=level)])


def test_tone_below_the_limit_is_ignored() -> None:
    assert heard([sound(TONES["cn"].busy, 4, level=-50.0)]) == []


def test_answer_is_the_end_of_ringback() -> None:
    found = heard([sound(TONES["cn"].ringback, 9), silence(5000)])
    assert found[-1] is VOICE
    assert found.count(VOICE) == 1


def test_answer_is_a_voice() -> None:
    assert heard([sound(TONES["cn"].ringback, 4), speech(1.0)])[-1] is VOICE


def test_voice_alone_is_no_tone() -> None:
    assert heard([speech(3.0)]) == [VOICE]


def test_silence_says_nothing() -> None:
    assert heard([silence(10_000)]) == []


def test_tones_of_another_country_are_no_busy() -> None:
    assert BUSY not in heard([sound(TONES["us"].busy, 4)], "cn")


@given(st.lists(st.integers(1, 400), max_size=20))
def test_pieces_do_not_matter(sizes: list[int]) -> None:
    audio = dsp.alaw_encode(sound(TONES["cn"].busy, 3))
    detector, found, start = ProgressDetector("cn"), [], 0
    for size in [*sizes, len(audio)]:
        found += detector.feed(audio[start : start + size])
        start += size
    assert found == [BUSY]


@given(st.binary(max_size=2000))
def test_any_audio_is_survived(audio: bytes) -> None:
    ProgressDetector("us", "ulaw").feed(audio)
