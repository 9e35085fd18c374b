import pytest

from cython_ext import dsp
from daemon.demo.talking import SPOKEN, speech_sample
from daemon.demo.tones import AGENTS, CALLERS, LEVEL_DBM0, Ear, Sound

LAW = {
    "alaw": lambda pcm: dsp.alaw_decode(dsp.alaw_encode(pcm)),
    "ulaw": lambda pcm: dsp.ulaw_decode(dsp.ulaw_encode(pcm)),
}


def tone(voices, number, samples=4000):
    return dsp.ToneGenerator(voices.pair(number), LEVEL_DBM0).generate(samples)


def test_pairs_are_all_different():
    for voices in (CALLERS, AGENTS):
        assert len({voices.pair(n) for n in range(voices.count)}) == voices.count
        assert voices.pair(voices.count + 3) == voices.pair(3)


@pytest.mark.parametrize("law", sorted(LAW))
@pytest.mark.parametrize("voices", [CALLERS, AGENTS])
def test_every_pair_is_told_from_the_others(law, voices):
    for number in range(voices.count):
        ear = Ear(voices)
        ear.hear(LAW[law](tone(voices, number)))
        assert ear.pair == number


def test_pair_of_the_other_side_is_not_taken_for_ours():
    ear = Ear(AGENTS)
    ear.hear(tone(CALLERS, 7))
    assert ear.pair is None


def test_pair_needs_several_blocks():
    ear = Ear(CALLERS)
    ear.hear(tone(CALLERS, 4, 1600))
    assert ear.pair is None
    ear.hear(tone(CALLERS, 4, 800))
    assert ear.pair == 4


@pytest.mark.parametrize("name", sorted(SPOKEN.values()))
def test_speech_is_voice_and_no_pair(name):
    ear = Ear(AGENTS)
    ear.hear(speech_sample(name))
    assert ear.pair is None
    assert ear.voice_s > 0.3


def test_ringback_and_silence_are_not_voice():
    ear = Ear(AGENTS)
    ear.hear(dsp.ToneGenerator([440.0, 480.0], -19.0).generate(8000))
    assert ear.sound is Sound.RINGBACK
    ear.hear(bytes(16000))
    assert ear.sound is Sound.QUIET
    assert ear.voice_s == 0
    assert ear.quiet_s == pytest.approx(2.0)


def test_keys_are_not_among_the_tones():
    for voices in (CALLERS, AGENTS):
        for number in range(voices.count):
            assert dsp.DtmfDetector().feed(tone(voices, number)) == ""
