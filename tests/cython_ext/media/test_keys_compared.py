"""Keys in the audio as the engine hears them and as libspandsp does, an independent receiver."""

import ctypes
import random
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest

from cython_ext.implementation import PURE_PYTHON
from tests.fuzz.talkoff import RATE, speech
from tests.oracles.spandsp import DtmfReceiver, keys_as_audio

pytestmark = pytest.mark.skipif(PURE_PYTHON, reason="there is no audio in pure mode")

LOW, HIGH = (697, 770, 852, 941), (1209, 1336, 1477, 1633)
KEYS = "123A456B789C*0#D"
FULL = 22300  # amplitude of a sine of 0 dBm0
LAWS = {"alaw": 0, "ulaw": 1}


class _Key(ctypes.Structure):
    """``hf_key`` of keys.h."""

    _fields_ = (("key", ctypes.c_char), ("ended", ctypes.c_int), ("samples", ctypes.c_uint32))


def heard_by_engine(audio: bytes, law: str) -> str:
    """Keys that the engine's own detector hears in audio that went through a law."""
    from cython_ext.media import _media

    engine = ctypes.CDLL(_media.__file__)
    engine.hf_g711_init()
    engine.hf_dtmf_init()
    detector = ctypes.create_string_buffer(1024)
    engine.hf_dtmf_reset(detector)
    coded, linear = ctypes.create_string_buffer(160), ctypes.create_string_buffer(320)
    found, heard = (_Key * 4)(), ""
    for start in range(0, len(audio) - 319, 320):
        engine.hf_g711_encode(LAWS[law], audio[start : start + 320], 160, coded)
        engine.hf_g711_decode(LAWS[law], coded, 160, linear)
        count = engine.hf_dtmf_listen(detector, linear, 160, found, 4)
        heard += "".join(key.key.decode() for key in found[:count] if not key.ended)
    return heard


def heard_by_spandsp(audio: bytes) -> str:
    receiver = DtmfReceiver()
    heard = receiver.listen(audio)
    receiver.close()
    return heard


def sounding(
    keys: str,
    chance: random.Random,
    *,
    level: float = -10,
    twist: float = 0,
    offset: tuple[float, float] = (0, 0),
    on_ms: int = 60,
    off_ms: int = 60,
) -> bytes:
    """Keys as audio: twist above zero makes the low tone the stronger one, in dB."""
    parts: list[npt.NDArray[np.float64]] = [np.zeros(chance.randint(800, 960))]
    for key in keys:
        place = KEYS.index(key)
        turn = 2 * np.pi * np.arange(on_ms * 8) / RATE
        low = 10 ** ((level + twist / 2) / 20) * np.sin(turn * LOW[place // 4] * (1 + offset[0]))
        high = 10 ** ((level - twist / 2) / 20) * np.sin(turn * HIGH[place % 4] * (1 + offset[1]))
        parts += [FULL * (low + high), np.zeros(off_ms * 8 + chance.randint(0, 80))]
    parts.append(np.zeros(2400))
    return np.clip(np.concatenate(parts), -32768, 32767).astype("<i2").tobytes()


@pytest.mark.parametrize("law", LAWS)
def test_keys_within_the_limits_are_heard_the_same(law: str) -> None:
    chance = random.Random(23)
    for _ in range(60):
        keys = "".join(chance.choices(KEYS, k=16))
        audio = sounding(
            keys,
            chance,
            level=chance.uniform(-35, -8),
            twist=chance.uniform(-3, 4),
            offset=(chance.uniform(-0.011, 0.011), chance.uniform(-0.011, 0.011)),
            on_ms=chance.randint(45, 200),
            off_ms=chance.randint(50, 120),
        )
        assert (heard_by_engine(audio, law), heard_by_spandsp(audio)) == (keys, keys)


@pytest.mark.parametrize("law", LAWS)
def test_keys_made_by_the_other_are_heard(law: str) -> None:
    assert heard_by_engine(keys_as_audio(KEYS * 4) + bytes(1600), law) == KEYS * 4


@pytest.mark.parametrize(
    ("limits", "by_engine", "by_spandsp"),
    [
        # Q.24 has these heard
        ({"offset": (0.015, 0.015)}, "all", "some"),
        ({"offset": (-0.015, -0.015)}, "all", "some"),
        ({"offset": (0.015, -0.015)}, "all", "some"),
        ({"twist": 7}, "all", "some"),
        ({"twist": -4}, "all", "some"),
        # and these not
        ({"offset": (-0.035, 0)}, "none", "some"),
        ({"offset": (0.035, 0)}, "none", "some"),
        ({"offset": (0, -0.035)}, "none", "none"),
        ({"twist": 10}, "none", "none"),
        ({"on_ms": 20}, "none", "none"),
        # between the two limits
        ({"offset": (0.02, 0.02)}, "some", "some"),
        ({"on_ms": 26}, "some", "some"),
        ({"level": -44}, "none", "none"),
    ],
    ids=str,
)
def test_where_the_two_differ(limits: dict[str, Any], by_engine: str, by_spandsp: str) -> None:
    audio = sounding(KEYS * 4, random.Random(1), **limits)

    def share(heard: str) -> str:
        return "all" if heard == KEYS * 4 else "some" if heard else "none"

    heard = (share(heard_by_engine(audio, "alaw")), share(heard_by_spandsp(audio)))
    assert heard == (by_engine, by_spandsp)


def test_harmonics_of_a_high_voice_are_no_star() -> None:
    parts = []
    for pitch in range(300, 322, 2):
        turn = 2 * np.pi * pitch * np.arange(RATE // 2) / RATE
        parts += [6000 * np.sin(3 * turn) + 4000 * np.sin(4 * turn), np.zeros(RATE // 4)]
    audio = np.concatenate(parts).astype("<i2").tobytes()
    assert heard_by_engine(audio, "ulaw") == ""
    assert set(heard_by_spandsp(audio)) == {"*"}


@pytest.mark.parametrize("law", LAWS)
def test_speech_is_no_key(law: str) -> None:
    audio = b"".join(speech(2, random.Random(31)))
    assert (heard_by_engine(audio, law), heard_by_spandsp(audio)) == ("", "")
