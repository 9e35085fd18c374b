"""The tables of recordings against the kernel that the media engine's audio is compared with."""

import numpy as np
import pytest

from cython_ext import dsp
from daemon.recordings import g711
from daemon.recordings.audio_file import ALAW, ULAW

OCTETS = bytes(range(256))


@pytest.mark.parametrize(("kind", "decode"), [(ALAW, dsp.alaw_decode), (ULAW, dsp.ulaw_decode)])
def test_the_values_are_those_of_the_kernel(kind: int, decode) -> None:
    assert g711.LINEAR[kind].tolist() == np.frombuffer(decode(OCTETS), "<i2").tolist()


@pytest.mark.parametrize("kind", [ALAW, ULAW])
def test_each_octet_has_one_value_and_comes_back(kind: int) -> None:
    values = g711.VALUES[kind]
    assert len(set(values.tolist())) == 256
    assert g711.octets_of(values, kind).tolist() == list(OCTETS)


def test_only_the_second_zero_of_mu_law_is_not_what_the_recommendation_says() -> None:
    differs = np.flatnonzero(g711.VALUES[ULAW] != g711.LINEAR[ULAW])
    assert differs.tolist() == [g711.NEGATIVE_ZERO]
    assert g711.LINEAR[ULAW][g711.NEGATIVE_ZERO] == 0
    assert np.array_equal(g711.VALUES[ALAW], g711.LINEAR[ALAW])


def test_a_value_that_g711_does_not_have_is_told() -> None:
    assert g711.octets_of(np.array([1, 3], np.int16), ALAW).tolist() == [-1, -1]
