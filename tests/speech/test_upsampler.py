from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from speech.recognizers.upsampler import MOST_GAIN, TARGET_PEAK, Upsampler, gain_for
from tests.fakes.tap import sample


def upsampled(pcm: bytes, gain: float = 1.0) -> np.ndarray:
    upsampler = Upsampler(gain)
    return np.frombuffer(upsampler.feed(pcm) + upsampler.flush(), "<i2")


def test_twice_as_many_samples_come_out() -> None:
    word = sample("en_yes")
    assert len(upsampled(word.tobytes())) == 2 * len(word)


@given(st.lists(st.integers(0, 3000), max_size=8))
def test_chunks_make_no_difference(cuts: list[int]) -> None:
    pcm = sample("en_yes")[3000:6000].tobytes()
    upsampler = Upsampler(1.0)
    edges = [0, *sorted(2 * cut for cut in cuts), len(pcm)]
    parts = [upsampler.feed(pcm[a:b]) for a, b in pairwise(edges)]
    assert b"".join([*parts, upsampler.flush()]) == upsampled(pcm).tobytes()


@pytest.mark.parametrize("hertz", [300, 1000, 3000])
def test_tones_keep_level_and_place(hertz: int) -> None:
    tone = 8000 * np.sin(2 * np.pi * hertz * np.arange(8000) / 8000)
    wide = upsampled(tone.astype("<i2").tobytes())
    expected = 8000 * np.sin(2 * np.pi * hertz * np.arange(16_000) / 16_000)
    middle = slice(1000, 15_000)
    assert np.abs(wide[middle] - expected[middle]).max() < 300


def test_gain_brings_the_peak_to_the_target() -> None:
    assert gain_for(np.array([100, -8000], "<i2").tobytes()) == pytest.approx(TARGET_PEAK / 8000)
    assert gain_for(np.array([-32768], "<i2").tobytes()) == pytest.approx(0.7)


def test_silence_is_not_blown_up() -> None:
    assert gain_for(bytes(320)) == MOST_GAIN
    assert gain_for(b"") == MOST_GAIN
