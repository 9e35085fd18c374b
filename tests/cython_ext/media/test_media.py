"""The engine from Python: what it refuses, what it frees, and how it says it is not there."""

import gc
import os
import struct
import subprocess
import sys
from pathlib import Path

import pytest

from cython_ext import media
from cython_ext.implementation import PURE_PYTHON
from cython_ext.media.clips import ClipCache, EngineError, factor

ROOT = Path(__file__).parents[3]
needs_engine = pytest.mark.skipif(PURE_PYTHON, reason="there is no audio in pure mode")


def test_pure_mode_says_that_there_is_no_audio() -> None:
    code = "import cython_ext.media as m; print(m.available(), m.reason())"
    done = subprocess.run(
        [sys.executable, "-c", code],
        cwd=ROOT,
        env={**os.environ, "HOOKFLASH_PURE_PYTHON": "1"},
        check=True,
        capture_output=True,
        text=True,
    )
    assert done.stdout.startswith("False There is no audio")


@needs_engine
def test_compiled_mode_has_audio() -> None:
    assert media.available()
    assert media.reason() == ""


@needs_engine
def test_an_engine_that_does_not_run_refuses_ports(tmp_path: Path) -> None:
    engine = media.Engine()
    with pytest.raises(EngineError) as refused:
        engine.open_rtp(1, "127.0.0.1")
    assert refused.value.code == "stopped"
    engine.start()
    engine.start()
    engine.open_rtp(1, "127.0.0.1")
    engine.stop()
    assert engine.stop() == []
    assert engine.ports() == []
    with pytest.raises(EngineError):
        engine.open_rtp(2, "127.0.0.1")


@needs_engine
def test_stopping_ends_players_and_recordings_and_frees_descriptors(tmp_path: Path) -> None:
    gc.collect()  # what earlier tests left must not go away in between
    before = len(os.listdir("/proc/self/fd"))
    engine = media.Engine(realtime=False)
    assert engine.scheduling == "not started"
    engine.start()
    assert engine.scheduling.startswith("normal")
    for port in range(1, 21):
        engine.open_rtp(port, "127.0.0.1")
        engine.play_tone(port, port, [(440.0, 0.0)], [])
        engine.record(port, port, str(tmp_path / f"{port}.wav"), stereo=True)
        engine.tap(port)
        engine.join(1 + port % 3, port)
    events = engine.stop()
    assert sorted(str(event[0]) for event in events) == ["play"] * 20 + ["record"] * 20
    assert {event[-1] for event in events} == {"closed"}
    del engine
    assert len(os.listdir("/proc/self/fd")) == before


@needs_engine
def test_a_socket_that_is_taken_is_named() -> None:
    engine = media.Engine(realtime=False)
    engine.start()
    bound = engine.open_rtp(1, "127.0.0.1")
    with pytest.raises(OSError, match=f"port {bound}"):
        engine.open_rtp(2, "127.0.0.1", bound)
    with pytest.raises(EngineError) as refused:
        engine.open_rtp(1, "127.0.0.1")
    assert refused.value.code == "port-exists"
    engine.stop()


@needs_engine
def test_a_room_grows_to_64_and_ends_with_its_last_port() -> None:
    engine = media.Engine(realtime=False)
    engine.start()
    for port in range(65):
        engine.open_rtp(port, "127.0.0.1")
    for port in range(64):
        engine.join(5, port)
    with pytest.raises(EngineError) as refused:
        engine.join(5, 64)
    assert refused.value.code == "bridge-full"
    engine.join(6, 0)
    engine.join(5, 64)
    assert engine.bridges() == [(5, [*range(1, 65)]), (6, [0])]
    with pytest.raises(EngineError):
        engine.set_gain(5, 0, 1, 0.0)
    for part, agent in (("shouts", None), ("whispers", None), ("listens", 2)):
        with pytest.raises(EngineError) as wrong:
            engine.join(5, 1, part=part, agent=agent)
        assert wrong.value.code == "bad-argument"
    engine.close(0)
    engine.unbridge(5)
    assert engine.bridges() == []
    engine.stop()


def wav(rate: int, more: bytes, sound: bytes, size: int) -> bytes:
    fmt = struct.pack("<4sIHHIIHH", b"fmt ", 16, 1, 1, rate, 2 * rate, 2, 16)
    data = struct.pack("<4sI", b"data", size) + sound
    return b"RIFF" + bytes(4) + b"WAVE" + fmt + more + data


@pytest.mark.parametrize("more", [b"", b"LIST\x03\x00\x00\x00abc\x00"])
@pytest.mark.parametrize(("size", "heard"), [(6, 6), (0xFFFFFFFF, 8), (5, 4)])
def test_a_message_is_heard_without_its_header(
    tmp_path: Path, more: bytes, size: int, heard: int
) -> None:
    (tmp_path / "a.wav").write_bytes(wav(8000, more, b"12345678", size))
    assert ClipCache().load(str(tmp_path / "a.wav")).tobytes() == b"12345678"[:heard]


@pytest.mark.parametrize(
    "bad", [wav(16_000, b"", b"1234", 4), wav(8000, b"", b"", 0)[:36], b"RIFF\0\0\0\0WAVEdata"]
)
def test_a_wav_file_of_another_kind_is_refused(tmp_path: Path, bad: bytes) -> None:
    (tmp_path / "a.wav").write_bytes(bad)
    with pytest.raises(EngineError) as refused:
        ClipCache().load(str(tmp_path / "a.wav"))
    assert refused.value.code == "missing-file"


def test_clips_are_read_once_and_again_when_they_change(tmp_path: Path) -> None:
    cache = ClipCache(limit=1000)
    path = tmp_path / "a.s16"
    path.write_bytes(b"ab" * 100)
    first = cache.load(str(path))
    assert cache.load(str(path)) is first
    os.utime(path)
    assert cache.load(str(path)) is first  # used by somebody, and the same
    path.write_bytes(b"cd" * 200)
    assert cache.load(str(path)) == b"cd" * 200
    assert cache.size == 400
    other = tmp_path / "b.s16"
    other.write_bytes(bytes(900))
    cache.load(str(other))
    assert cache.size == 900
    with pytest.raises(EngineError) as missing:
        cache.load(str(tmp_path / "none"))
    assert missing.value.code == "missing-file"


def test_a_prompt_that_is_cut_short_is_played_to_its_end(tmp_path: Path) -> None:
    gc.collect()  # what earlier tests left must not go away in between
    cache = ClipCache()
    path = tmp_path / "a.s16"
    path.write_bytes(b"ab" * 10_000)
    playing = cache.load(str(path))
    path.write_bytes(b"")
    assert bytes(playing) == b"ab" * 10_000  # where the file itself is mapped, SIGBUS
    assert (len(cache.load(str(path))), cache.count, cache.size) == (0, 1, 0)
    maps = Path("/proc/self/maps").read_text()
    before = maps.count("hookflash-prompt")
    del playing
    gc.collect()
    assert Path("/proc/self/maps").read_text().count("hookflash-prompt") == before - 1


def test_gains() -> None:
    assert factor(0.0) == 1.0
    assert factor(-90.0) == 0.0
    assert factor(20.0) == 10.0
    assert factor(1000.0) == 100.0
