"""Parts of a conversation as one file: in order, with the silence of the time between."""

import wave
from pathlib import Path

import pytest

from daemon.recordings import flac
from daemon.recordings.audio_file import ALAW, NotARecording
from daemon.recordings.parts import LONGEST_GAP_S, Part, join
from tests.daemon.recordings.test_flac import write_wav
from tests.fakes.recorded_files import HEAD, write_recording


def read(path: Path) -> bytes:
    with wave.open(str(path), "rb") as file:
        assert (file.getnchannels(), file.getframerate(), file.getsampwidth()) == (2, 8000, 2)
        return file.readframes(file.getnframes())


@pytest.mark.parametrize("packed", [False, True])
def test_parts_follow_each_other_with_the_time_between_them(tmp_path: Path, packed: bool) -> None:
    first, second = tmp_path / "1.wav", tmp_path / "2.wav"
    write_recording(first, 2.25, loud=5)
    write_recording(second, 1.5, loud=9)
    one, two = (path.read_bytes()[HEAD:] for path in (first, second))
    if packed:
        flac.pack(first)
    joined = join([Part(first, 100.0), Part(second, 100.0 + 2.25 + 0.5)])
    whole = b"".join(joined.blocks())
    assert len(whole) == joined.size
    (tmp_path / "whole.wav").write_bytes(whole)
    assert read(tmp_path / "whole.wav") == one + bytes(16_000) + two


def test_a_long_pause_is_shortened_and_one_that_overlaps_is_none(tmp_path: Path) -> None:
    for name in "ab":
        write_recording(tmp_path / f"{name}.wav", 1.0)
    parts = [Part(tmp_path / "a.wav", 0.0), Part(tmp_path / "b.wav", 4000.0)]
    second = 32_000
    assert join(parts).size == HEAD + 2 * second + LONGEST_GAP_S * second
    assert join([parts[0], Part(tmp_path / "b.wav", 0.5)]).size == HEAD + 2 * second


def test_parts_that_are_unlike_or_missing_are_refused(tmp_path: Path) -> None:
    write_recording(tmp_path / "a.wav", 1.0)
    write_wav(tmp_path / "b.wav", ALAW, 2, bytes(800))
    first = Part(tmp_path / "a.wav", 0.0)
    with pytest.raises(NotARecording, match="coded unlike"):
        join([first, Part(tmp_path / "b.wav", 1.0)])
    with pytest.raises(FileNotFoundError):
        join([first, Part(tmp_path / "c.wav", 1.0)])
    with pytest.raises(NotARecording, match="no part"):
        join([])


def test_alaw_silence_is_silent(tmp_path: Path) -> None:
    for name in "ab":
        write_wav(tmp_path / f"{name}.wav", ALAW, 1, bytes([0x2A]) * 8000)
    joined = join([Part(tmp_path / "a.wav", 0.0), Part(tmp_path / "b.wav", 1.25)])
    whole = b"".join(joined.blocks())
    assert whole[len(joined.header) :] == b"\x2a" * 8000 + b"\xd5" * 2000 + b"\x2a" * 8000
