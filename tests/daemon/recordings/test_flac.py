"""FLAC in the place of WAV: the same octets, the same proof, and nothing lost on the way."""

import os
import struct
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from daemon.recordings import flac
from daemon.recordings.archive import archive, old_recordings
from daemon.recordings.audio_file import ALAW, CHAIN, PCM, ULAW, NotARecording
from daemon.recordings.proof import Proof, State, prove
from tests.fakes.recorded_files import SECOND, write_recording


def write_wav(path: Path, kind: int, channels: int, audio: bytes) -> bytes:
    """As cython_ext/media/recorder.c does; returns the whole file."""
    width = 2 if kind == PCM else 1
    form = struct.pack(
        "<HHIIHH", kind, channels, 8000, 8000 * channels * width, channels * width, width * 8
    )
    if kind != PCM:
        form += struct.pack("<H4sII", 0, b"fact", 4, len(audio) // channels)
    size = 16 if kind == PCM else 18
    start = 44 if kind == PCM else 58
    head = struct.pack("<4sI8sI", b"RIFF", start - 8 + len(audio), b"WAVEfmt ", size) + form
    path.write_bytes(head + struct.pack("<4sI", b"data", len(audio)) + audio)
    return path.read_bytes()


@settings(max_examples=30)
@given(
    kind=st.sampled_from([PCM, ALAW, ULAW]),
    channels=st.sampled_from([1, 2]),
    pattern=st.binary(min_size=4, max_size=600),
    frames=st.integers(1, 17_000),
)
def test_any_audio_comes_back_octet_by_octet(
    tmp_path_factory: pytest.TempPathFactory, kind: int, channels: int, pattern: bytes, frames: int
) -> None:
    path = tmp_path_factory.mktemp("flac") / "a.wav"
    size = frames * channels * (2 if kind == PCM else 1)
    whole = write_wav(path, kind, channels, (pattern * (size // len(pattern) + 1))[:size])
    packed = flac.pack(path)
    assert not path.exists()
    assert packed.before == len(whole)
    assert packed.after == flac.where(path).stat().st_size
    flac.unpack(flac.where(path))
    assert path.read_bytes() == whole
    assert list(path.parent.iterdir()) == [path]


@pytest.mark.parametrize("kind", [ALAW, ULAW])
def test_every_octet_of_g711_has_a_value_of_its_own(tmp_path: Path, kind: int) -> None:
    path = tmp_path / "a.wav"
    write_wav(path, kind, 1, bytes(range(256)))
    flac.pack(path)
    assert b"".join(flac.seconds(flac.where(path))) == bytes(range(256))


@pytest.mark.parametrize("kind", [PCM, ALAW, ULAW])
def test_speech_takes_less_room(tmp_path: Path, kind: int) -> None:
    path = tmp_path / "a.wav"
    quiet = struct.pack("<8h", 0, 1, 2, 3, 2, 1, 0, -1) if kind == PCM else b"\xd5\xd4\xd7\xd4"
    write_wav(path, kind, 2, quiet * 16_000)
    packed = flac.pack(path)
    assert packed.after < 0.7 * packed.before


def test_what_is_packed_is_proved_by_the_same_link(tmp_path: Path) -> None:
    path = tmp_path / "a.wav"
    link = write_recording(path, 3.5)
    flac.pack(path)
    assert prove(path, link, 3500) == Proof(State.UNCHANGED)

    forged = tmp_path / "b.wav"
    write_recording(forged, 3.5, loud=9)
    flac.pack(forged)
    forged.with_suffix(".flac").replace(path.with_suffix(".flac"))
    assert prove(path, link, 3500) == Proof(State.CHANGED, 0)


def test_a_recording_that_was_changed_before_stays_changed(tmp_path: Path) -> None:
    path = tmp_path / "a.wav"
    link = write_recording(path, 3.0)
    audio = bytearray(path.read_bytes())
    audio[44 + SECOND + 8] ^= 1
    path.write_bytes(audio)
    flac.pack(path)
    assert prove(path, link, 3000) == Proof(State.CHANGED, 1)


@pytest.mark.parametrize(
    ("content", "why"),
    [(b"nothing", "no RIFF"), (None, "inside a sample")],
    ids=["no-audio", "half-a-sample"],
)
def test_what_cannot_be_packed_stays_as_it_is(
    tmp_path: Path, content: bytes | None, why: str
) -> None:
    path = tmp_path / "a.wav"
    before = content or write_wav(path, PCM, 2, bytes(32_003))
    path.write_bytes(before)
    with pytest.raises(NotARecording, match=why):
        flac.pack(path)
    assert path.read_bytes() == before
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.parametrize("at", [0, 20, 200])
def test_a_flac_file_that_is_damaged_is_none_of_ours(tmp_path: Path, at: int) -> None:
    path = tmp_path / "a.wav"
    link = write_recording(path, 3.0)
    flac.pack(path)
    packed = path.with_suffix(".flac")
    packed.write_bytes(packed.read_bytes()[:at])
    assert prove(path, link, 3000).state in (State.UNREADABLE, State.CHANGED, State.CUT)
    with pytest.raises(NotARecording):
        flac.unpack(packed)
    assert packed.exists()


def test_only_old_recordings_with_a_chain_are_taken(tmp_path: Path) -> None:
    for name, at in (("2026/old", 100.0), ("2026/young", 300.0), ("2025/oldest", 100.0)):
        write_recording(tmp_path / f"{name}.wav", 1.0)
        os.utime(tmp_path / f"{name}.wav", (at, at))
    write_recording(tmp_path / "2026/stranger.wav", 1.0)
    os.utime(tmp_path / "2026/stranger.wav", (100.0, 100.0))
    Path(f"{tmp_path}/2026/stranger.wav{CHAIN}").unlink()
    found = list(old_recordings(tmp_path, ".wav", 200.0))
    assert found == [tmp_path / "2025/oldest.wav", tmp_path / "2026/old.wav"]
    broken = tmp_path / "2025/oldest.wav"
    broken.write_bytes(b"RIFF")
    seen: list[int] = []
    result = archive(found, flac.pack, lambda number, _path: seen.append(number))
    assert (result.files, seen) == (1, [1, 2])
    assert result.faults == (f"{broken}: no RIFF/WAVE header",)
    assert list(old_recordings(tmp_path, ".flac", 200.0)) == [tmp_path / "2026/old.flac"]
