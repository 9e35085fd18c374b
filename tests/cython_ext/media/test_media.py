"""The engine from Python: what it refuses, what it frees, and how it says it is not there."""

import contextlib
import gc
import os
import select
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


def test_prompts_that_are_alike_share_one_mapping_that_is_counted(tmp_path: Path) -> None:
    cache = ClipCache(most=2)
    for name, sound in (("a", b"ab"), ("b", b"ab"), ("c", b"cd")):
        (tmp_path / name).write_bytes(sound * 5000)
    one, same = (cache.load(str(tmp_path / name)) for name in "ab")
    assert one.obj is same.obj
    assert cache.counters() == {
        "cached_bytes": 20_000,
        "cached_prompts": 2,
        "mapped_bytes": 10_000,
        "mapped_prompts": 1,
        "prompt_hits": 0,
        "prompt_misses": 2,
        "prompt_evictions": 0,
    }
    (tmp_path / "new").write_bytes(b"ef" * 5000)
    (tmp_path / "new").replace(tmp_path / "b")  # as the speech process writes its files
    assert cache.load(str(tmp_path / "b")) == b"ef" * 5000
    assert one == b"ab" * 5000
    cache.load(str(tmp_path / "c"))
    del same
    gc.collect()
    counted = cache.counters()
    assert (counted["mapped_prompts"], counted["cached_prompts"]) == (3, 2)  # a is still played
    del one
    gc.collect()
    counted = cache.counters()
    assert (counted["mapped_prompts"], counted["mapped_bytes"]) == (2, 20_000)
    assert (counted["prompt_misses"], counted["prompt_evictions"]) == (4, 1)


def test_nobody_can_shorten_or_change_what_is_played(tmp_path: Path) -> None:
    path = tmp_path / "a.s16"
    path.write_bytes(b"ab" * 10_000)
    before = set(prompt_descriptors())
    playing = ClipCache().load(str(path))
    (held,) = set(prompt_descriptors()) - before
    assert playing.readonly
    for size in (0, 40_000):
        with pytest.raises(PermissionError):
            os.ftruncate(held, size)
    with pytest.raises(PermissionError):
        os.pwrite(held, b"x", 0)
    assert bytes(playing) == b"ab" * 10_000


def prompt_descriptors() -> list[int]:
    found = []
    for link in Path("/proc/self/fd").iterdir():
        with contextlib.suppress(OSError):  # the one that lists them
            found += [int(link.name)] if "hookflash-prompt" in str(link.readlink()) else []
    return found


@needs_engine
def test_a_prompt_that_is_evicted_stays_until_its_last_player_has_ended(tmp_path: Path) -> None:
    gc.collect()
    (tmp_path / "a.s16").write_bytes(b"ab" * 80_000)
    engine = media.Engine(realtime=False)
    engine.start()
    for port in (1, 2):
        engine.open_rtp(port, "127.0.0.1")
        engine.play(port, port, [str(tmp_path / "a.s16")], repeat=0)
    cache = engine._clips
    while cache.count:
        cache._clips.popitem()
    for player in (1, 2):
        gc.collect()
        assert engine.counters()["mapped_prompts"] == 1
        engine.stop_play(player)
        while player in {number for number, *_ in engine.players()}:
            assert select.select([engine.fileno()], [], [], 5)[0]
            engine.poll()
    engine.stop()  # the commands that could name them are read
    gc.collect()
    assert engine.counters()["mapped_prompts"] == 0


@needs_engine
def test_all_who_play_a_prompt_read_the_same_pages(tmp_path: Path) -> None:
    size = 655_360  # 41 s; whole pages
    (tmp_path / "a.s16").write_bytes(os.urandom(size))
    engine = media.Engine(realtime=False)
    engine.start()
    before = prompt_kilobytes()
    for port in range(1, 51):
        engine.open_rtp(port, "127.0.0.1")
        engine.play(port, port, [str(tmp_path / "a.s16")])
    assert len(engine.players()) == 50
    assert prompt_kilobytes() - before == size // 1024  # of all 50, by the kernel's own count
    counted = engine.counters()
    assert (counted["mapped_bytes"], counted["mapped_prompts"]) == (size, 1)
    assert (counted["prompt_hits"], counted["prompt_misses"]) == (49, 1)
    engine.stop()
    del engine
    gc.collect()  # the prompt's descriptor must not go in the middle of another test


def prompt_kilobytes() -> int:
    """Memory of this process that prompts take."""
    found, ours = 0, False
    for line in Path("/proc/self/smaps").read_text().splitlines():
        words = line.split()
        if "-" in words[0] and not words[0].endswith(":"):
            ours = "hookflash-prompt" in line
        elif ours and words[0] == "Rss:":
            found += int(words[1])
    return found


def test_gains() -> None:
    assert factor(0.0) == 1.0
    assert factor(-90.0) == 0.0
    assert factor(20.0) == 10.0
    assert factor(1000.0) == 100.0
