"""Signal processing: G.711 and Q.24 limits, and the compiled module against the oracle."""

import math
import random
import struct

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from cython_ext.dsp import oracle
from cython_ext.dsp.figures import DTMF_KEYS
from cython_ext.implementation import PURE_PYTHON

IMPLEMENTATIONS = {"oracle": oracle}
if not PURE_PYTHON:
    from cython_ext.dsp import _dsp

    IMPLEMENTATIONS["compiled"] = _dsp

SHARED = settings(
    max_examples=60,
    deadline=None,
    derandomize=True,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
pcm_bytes = st.lists(st.integers(-32768, 32767), max_size=400).map(
    lambda values: struct.pack(f"<{len(values)}h", *values)
)
EVERY_SAMPLE = struct.pack("<65536h", *range(-32768, 32768))


@pytest.fixture(params=sorted(IMPLEMENTATIONS))
def dsp(request):
    return IMPLEMENTATIONS[request.param]


@pytest.fixture
def compiled():
    if PURE_PYTHON:
        pytest.skip("plain Python only")
    return IMPLEMENTATIONS["compiled"]


def quick():
    """The compiled one where the limit is what counts, not who computes."""
    return IMPLEMENTATIONS.get("compiled", oracle)


def unpack(pcm):
    return struct.unpack(f"<{len(pcm) // 2}h", pcm)


# -- G.711 ----------------------------------------------------------------------------------


def test_alaw_known_codes(dsp):
    assert dsp.alaw_encode(struct.pack("<4h", 0, -1, 32767, -32768)) == bytes.fromhex("d555aa2a")
    assert unpack(dsp.alaw_decode(bytes.fromhex("d555aa2a"))) == (8, -8, 32256, -32256)


def test_ulaw_known_codes(dsp):
    assert dsp.ulaw_encode(struct.pack("<4h", 0, -4, 32767, -32768)) == bytes.fromhex("ff7e8000")
    assert unpack(dsp.ulaw_decode(bytes.fromhex("ff7f8000"))) == (0, 0, 32124, -32124)


@pytest.mark.parametrize("law", ["alaw", "ulaw"])
def test_codes_survive_expansion_and_compression(dsp, law):
    encode, decode = getattr(dsp, f"{law}_encode"), getattr(dsp, f"{law}_decode")
    codes = bytes(range(256))
    again = encode(decode(codes))
    # mu-law has two zeros, and compression gives the positive one.
    assert [a for a, b in zip(codes, again, strict=True) if a != b] in ([], [0x7F])


@pytest.mark.parametrize("law", ["alaw", "ulaw"])
def test_compression_error_is_that_of_g711(law):
    dsp = quick()
    heard = unpack(getattr(dsp, f"{law}_decode")(getattr(dsp, f"{law}_encode")(EVERY_SAMPLE)))
    for sample, found in zip(range(-32768, 32768), heard, strict=True):
        assert abs(sample - found) <= max(16, abs(sample) / 16, abs(sample) - 32100)


@pytest.mark.parametrize("law", ["alaw", "ulaw"])
def test_both_compress_every_sample_alike(compiled, law):
    name = f"{law}_encode"
    assert getattr(compiled, name)(EVERY_SAMPLE) == getattr(oracle, name)(EVERY_SAMPLE)
    codes = bytes(range(256))
    name = f"{law}_decode"
    assert getattr(compiled, name)(codes) == getattr(oracle, name)(codes)


# -- tones and levels -----------------------------------------------------------------------


def test_full_scale_sine_is_3_14_dbm0(dsp):
    sine = dsp.ToneGenerator([1000.0], 3.14).generate(800)
    assert dsp.level(sine) == pytest.approx(3.14, abs=0.01)
    assert dsp.goertzel(sine, 8000, 1000.0) == pytest.approx(3.14, abs=0.01)
    assert dsp.rms(sine) == pytest.approx(32767 / math.sqrt(2), rel=0.001)


def test_goertzel_finds_the_tone_and_not_its_neighbour(dsp):
    tone = dsp.ToneGenerator([440.0, 1850.0], -15.0).generate(1600)
    assert dsp.goertzel(tone, 8000, 440.0) == pytest.approx(-15, abs=0.2)
    assert dsp.goertzel(tone, 8000, 1850.0) == pytest.approx(-15, abs=0.2)
    assert dsp.goertzel(tone, 8000, 1000.0) < -45


def test_silence_has_a_level(dsp):
    assert dsp.level(bytes(320)) == dsp.goertzel(bytes(320), 8000, 440.0) == -99.0
    assert dsp.level(b"") == dsp.goertzel(b"", 8000, 440.0) == -99.0
    assert dsp.rms(b"") == 0.0


def test_tone_is_continuous_over_pieces(dsp):
    whole = dsp.ToneGenerator([425.0, 1000.0], -12.0).generate(480)
    pieces = dsp.ToneGenerator([425.0, 1000.0], -12.0)
    assert b"".join(pieces.generate(n) for n in (1, 159, 0, 160, 160)) == whole


def test_loud_sum_is_clipped(dsp):
    loud = unpack(dsp.ToneGenerator([500.0] * 4, 3.0).generate(160))
    assert max(loud) == 32767
    assert min(loud) == -32768


def test_wrong_arguments_are_value_errors(dsp):
    for wrong in (
        lambda: dsp.rms(b"x"),
        lambda: dsp.alaw_encode(b"xyz"),
        lambda: dsp.mix(b"ab", b"abcd"),
        lambda: dsp.dtmf_generate("x"),
        lambda: dsp.ToneGenerator([1.0] * 9),
        lambda: dsp.ToneGenerator([440.0]).generate(-1),
        lambda: dsp.DtmfDetector().feed(b"x"),
        lambda: dsp.EnergyVad().feed(b"x"),
    ):
        with pytest.raises(ValueError):  # noqa: PT011
            wrong()


@SHARED
@given(pcm_bytes, st.floats(50, 3900))
def test_both_measure_alike(compiled, pcm, hz):
    assert compiled.rms(pcm) == pytest.approx(oracle.rms(pcm))
    assert compiled.level(pcm) == pytest.approx(oracle.level(pcm))
    found, wanted = compiled.goertzel(pcm, 8000, hz), oracle.goertzel(pcm, 8000, hz)
    assert found == pytest.approx(wanted, abs=0.01) or max(found, wanted) < -60


@SHARED
@given(st.lists(st.floats(50, 3900), max_size=4), st.floats(-40, 3), st.integers(0, 300))
def test_both_make_the_same_tones(compiled, frequencies, level, count):
    made = unpack(compiled.ToneGenerator(frequencies, level).generate(count))
    wanted = unpack(oracle.ToneGenerator(frequencies, level).generate(count))
    assert all(abs(a - b) <= 1 for a, b in zip(made, wanted, strict=True))


@SHARED
@given(pcm_bytes)
def test_both_mix_alike(compiled, pcm):
    assert compiled.mix(pcm, pcm) == oracle.mix(pcm, pcm)


# -- DTMF -----------------------------------------------------------------------------------


def detect(dsp, pcm, piece=320):
    detector = dsp.DtmfDetector()
    return "".join(detector.feed(pcm[at : at + piece]) for at in range(0, len(pcm), piece))


def lead(samples):
    """Silence of some samples before: windows fall differently on the key."""
    return bytes(2 * samples)


def test_every_key_is_found_once(dsp):
    assert detect(dsp, dsp.dtmf_generate(DTMF_KEYS)) == DTMF_KEYS


def test_pieces_do_not_matter(dsp):
    pcm = dsp.dtmf_generate("159D", 50, 50)
    assert {detect(dsp, pcm, piece) for piece in (2, 14, 160, 320, 10_000)} == {"159D"}


def test_same_key_twice_is_two_keys(dsp):
    assert detect(dsp, dsp.dtmf_generate("5500", 50, 50)) == "5500"


def test_dropout_inside_a_key_is_ignored(dsp):
    key = dsp.dtmf_generate("8", 100, 50)
    broken = key[:800] + bytes(2 * 40) + key[880:]
    assert detect(dsp, broken) == "8"


ALIGNMENTS = range(0, 51, 10)


@pytest.mark.parametrize("start", ALIGNMENTS)
@pytest.mark.parametrize(
    "limits",
    [
        {"on_ms": 40, "off_ms": 50},
        {"on_ms": 40, "off_ms": 50, "shift": 1.012},
        {"on_ms": 40, "off_ms": 50, "shift": 0.988},
        {"on_ms": 40, "off_ms": 50, "low_dbm0": -10.0, "high_dbm0": -17.0},
        {"on_ms": 40, "off_ms": 50, "low_dbm0": -14.0, "high_dbm0": -10.0},
        {"on_ms": 40, "off_ms": 50, "low_dbm0": -36.0, "high_dbm0": -36.0},
        {"on_ms": 50, "off_ms": 50, "low_dbm0": -4.0, "high_dbm0": -4.0},
        {"on_ms": 500, "off_ms": 50},
    ],
)
def test_keys_within_the_limits_are_accepted(limits, start):
    dsp = quick()
    pcm = lead(start) + dsp.dtmf_generate(DTMF_KEYS, **limits)
    assert detect(dsp, pcm) == DTMF_KEYS


@pytest.mark.parametrize("start", ALIGNMENTS)
@pytest.mark.parametrize(
    "limits",
    [
        {"on_ms": 20},
        {"on_ms": 100, "shift": 1.035},
        {"on_ms": 100, "shift": 0.965},
        {"on_ms": 100, "low_dbm0": -10.0, "high_dbm0": -20.0},
        {"on_ms": 100, "low_dbm0": -16.0, "high_dbm0": -10.0},
        {"on_ms": 100, "low_dbm0": -46.0, "high_dbm0": -46.0},
    ],
)
def test_keys_beyond_the_limits_are_refused(limits, start):
    dsp = quick()
    pcm = lead(start) + dsp.dtmf_generate(DTMF_KEYS, **limits)
    assert detect(dsp, pcm) == ""


@pytest.mark.parametrize("law", ["alaw", "ulaw"])
def test_keys_survive_compression_and_noise(law):
    dsp = quick()
    random_ = random.Random(1)
    pcm = dsp.dtmf_generate(DTMF_KEYS, 50, 50)
    # 15 dB below the weaker tone, as Q.24 asks
    peak = 32767 * 10 ** ((-11.0 - 15.0 - 3.14) / 20) / math.sqrt(2)
    noise = struct.pack(
        f"<{len(pcm) // 2}h", *(round(random_.gauss(0, peak)) for _ in range(len(pcm) // 2))
    )
    line = getattr(dsp, f"{law}_decode")(getattr(dsp, f"{law}_encode")(dsp.mix(pcm, noise)))
    assert detect(dsp, line) == DTMF_KEYS


def test_single_tones_dial_tone_and_noise_are_no_keys():
    dsp = quick()
    random_ = random.Random(2)
    noise = struct.pack("<16000h", *(round(random_.gauss(0, 3000)) for _ in range(16000)))
    assert detect(dsp, noise) == ""
    for frequencies in ([697.0], [1209.0], [350.0, 440.0], [440.0, 480.0], [697.0, 770.0]):
        assert detect(dsp, dsp.ToneGenerator(frequencies, -10.0).generate(8000)) == ""


@settings(SHARED, max_examples=25)
@given(
    st.text(st.sampled_from(DTMF_KEYS), max_size=3),
    st.integers(15, 70),
    st.integers(10, 70),
    st.floats(-40, -5),
    st.floats(-40, -5),
    st.floats(0.97, 1.03),
)
def test_both_find_the_same_keys(compiled, keys, on_ms, off_ms, low, high, shift):
    pcm = compiled.dtmf_generate(keys, on_ms, off_ms, low, high, shift)
    assert detect(compiled, pcm, 500) == detect(oracle, pcm, 500)


# -- voice activity -------------------------------------------------------------------------


def test_vad_follows_sound_and_hangs_over(dsp):
    vad = dsp.EnergyVad()
    assert not vad.feed(bytes(3200))
    assert vad.feed(dsp.ToneGenerator([300.0, 700.0], -20.0).generate(800))
    assert vad.feed(bytes(1600))
    assert not vad.feed(bytes(3200))
    assert not vad.speaking


def test_vad_ignores_steady_noise(dsp):
    vad = dsp.EnergyVad()
    hum = dsp.ToneGenerator([100.0], -35.0)
    vad.feed(hum.generate(8000 * 4))
    assert not vad.feed(hum.generate(1600))


@SHARED
@given(st.lists(pcm_bytes, max_size=4))
def test_both_hear_speech_alike(compiled, pieces):
    one, other = compiled.EnergyVad(), oracle.EnergyVad()
    assert [one.feed(piece) for piece in pieces] == [other.feed(piece) for piece in pieces]
