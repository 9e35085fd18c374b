"""Person or machine: by pauses and lengths, by the beep, and on generated answers."""

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cython_ext import dsp
from cython_ext.dsp.answering import Answerer, AnsweringDetector
from tests.fuzz.answering import PERSONS, answer, run

HEARD = answer(PERSONS, random.Random(3), beep=False)[: 2 * 8000 * 4]


def test_nobody_speaks() -> None:
    assert AnsweringDetector().feed(bytes(2 * 8000 * 6)) is Answerer.SILENT


@pytest.mark.parametrize("hz", [400, 437, 613, 1000, 1400, 2000])
def test_a_beep_alone_is_a_machine(hz: int) -> None:
    beep = dsp.ToneGenerator([float(hz)], -15.0).generate(4000)
    assert AnsweringDetector().feed(bytes(8000) + beep) is Answerer.MACHINE


def test_a_short_tone_says_nothing() -> None:
    tick = dsp.ToneGenerator([1000.0], -15.0).generate(640)
    assert AnsweringDetector().feed(tick + bytes(8000)) is None


@given(st.lists(st.integers(1, 9000), min_size=1, max_size=8))
def test_pieces_do_not_matter(sizes: list[int]) -> None:
    audio = HEARD
    detector, at, place = AnsweringDetector(), 0, 0
    while at < len(audio):
        size = max(sizes[place % len(sizes)], 100)
        detector.feed(audio[at : at + size])
        at, place = at + size, place + 1
    assert detector.verdict is AnsweringDetector().feed(audio)


def test_few_generated_answers_are_taken_for_the_other() -> None:
    found = run(25)
    assert found["person"]["machine"] <= 4
    assert found["machine"]["person"] <= 2
