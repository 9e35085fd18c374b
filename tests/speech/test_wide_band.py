"""Wide-band legs: their own 16 kHz where they have them, a telephone's voice as from a telephone."""

from itertools import pairwise

import numpy as np
import pytest
import soxr
from hypothesis import given
from hypothesis import strategies as st

from speech.recognizers.upsampler import Upsampler, gain_for
from speech.recognizers.wide_band import Carried, Halver, Louder, front_for, has_upper_band
from tests.fakes.tap import Audio, carried, sample, silence


def tone(hertz: float, rate: int = 16_000) -> Audio:
    return np.rint(8000 * np.sin(2 * np.pi * hertz * np.arange(rate) / rate)).astype(np.int16)


def halved(pcm: bytes) -> np.ndarray:
    return np.frombuffer(Halver().feed(pcm), "<i2").astype(float)


def level(sound: np.ndarray, hertz: float) -> float:
    """dB against a tone's own level."""
    part = sound[1000:7000]
    turns = np.exp(-2j * np.pi * hertz * np.arange(len(part)) / 8000)
    return float(20 * np.log10(2 * abs(np.mean(part * turns)) / 8000 + 1e-9))


@pytest.mark.parametrize("hertz", [300, 1000, 3400])
def test_the_endpointer_hears_the_telephone_band(hertz: int) -> None:
    assert abs(level(halved(tone(hertz).tobytes()), hertz)) < 0.1


@pytest.mark.parametrize("hertz", [4600, 5000, 7000])
def test_nothing_is_folded_into_it(hertz: int) -> None:
    assert level(halved(tone(hertz).tobytes()), 8000 - hertz) < -50


@given(st.lists(st.integers(0, 3000), max_size=8))
def test_chunks_make_no_difference(cuts: list[int]) -> None:
    pcm = carried(sample("en_yes"))[3000:6000].tobytes()
    halver = Halver()
    edges = [0, *sorted(2 * cut for cut in cuts), len(pcm)]
    assert b"".join(halver.feed(pcm[a:b]) for a, b in pairwise(edges)) == Halver().feed(pcm)


def test_a_voice_that_was_on_a_telephone_is_known() -> None:
    for name in ("en_yes", "en_technical_support", "ko_i_two", "ko_yeyak_reservations"):
        word = carried(sample(name))
        assert not has_upper_band(word.tobytes())
        front = front_for(word.tobytes(), 16_000)
        assert isinstance(front, Carried)
        usual = Upsampler(gain_for(sample(name).tobytes()))
        expected = usual.feed(sample(name).tobytes()) + usual.flush()
        got = front.feed(word.tobytes()) + front.flush()
        assert abs(len(got) - len(expected)) < 200
        assert power(got) == pytest.approx(power(expected), rel=0.05)


def power(pcm: bytes) -> float:
    return float(np.sum(np.frombuffer(pcm, "<i2").astype(float) ** 2))


def test_a_wide_voice_goes_as_it_is() -> None:
    hiss = np.random.default_rng(3).normal(0, 300, 8000)  # as of an s, up to 8 kHz
    word = soxr.resample(sample("en_yes")[:4000].astype(float), 8000, 16_000) + hiss
    front = front_for(word.astype("<i2").tobytes(), 16_000)
    assert isinstance(front, Louder)
    assert (
        front.feed(np.array([100, -100], "<i2").tobytes())
        == np.rint(np.array([100, -100]) * front.gain).astype("<i2").tobytes()
    )


def test_silence_is_no_wide_voice() -> None:
    assert isinstance(front_for(silence(1).tobytes(), 16_000), Carried)
    assert isinstance(front_for(b"", 16_000), Carried)
    assert isinstance(front_for(silence(1).tobytes(), 8000), Upsampler)
