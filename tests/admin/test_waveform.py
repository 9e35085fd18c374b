"""Peaks of WAV files as the engine writes them, and of files that are something else."""

import struct
import wave
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from admin.waveform import WaveformError, read_waveform
from daemon.recordings import flac
from tests.fakes.recorded_files import write_recording


def law_file(code: int, octets: bytes, *, size: int | None = None) -> bytes:
    form = struct.pack("<HHIIHH", code, 1, 8000, 8000, 1, 8)
    data = b"data" + struct.pack("<I", len(octets) if size is None else size) + octets
    body = b"WAVEfmt " + struct.pack("<I", 16) + form + data
    return b"RIFF" + struct.pack("<I", len(body)) + body


def test_stereo_lanes_are_kept_apart(tmp_path: Path) -> None:
    with wave.open(str(tmp_path / "a.wav"), "wb") as file:
        file.setnchannels(2)
        file.setsampwidth(2)
        file.setframerate(8000)
        file.writeframes(struct.pack("<hh", 16384, 0) * 4000 + struct.pack("<hh", 0, -8192) * 4000)
    found = read_waveform(tmp_path / "a.wav", bars=2)
    assert found.duration_s == 1.0
    assert found.channels == ((0.5, 0.0), (0.0, 0.25))


@pytest.mark.parametrize(
    ("code", "silence", "loudest", "peak"), [(6, 0xD5, 0xAA, 0.984), (7, 0xFF, 0x80, 0.98)]
)
def test_law_octets_have_their_g711_values(
    tmp_path: Path, code: int, silence: int, loudest: int, peak: float
) -> None:
    path = tmp_path / "a.wav"
    path.write_bytes(law_file(code, bytes([silence] * 100 + [loudest] * 100)))
    low, high = read_waveform(path, bars=2).channels[0]
    assert low < 0.001
    assert high == pytest.approx(peak, abs=0.001)


def test_a_packed_recording_has_the_peaks_it_had(tmp_path: Path) -> None:
    path = tmp_path / "a.wav"
    write_recording(path, 2.5)
    before = read_waveform(path)
    flac.pack(path)
    assert read_waveform(flac.where(path)) == before
    flac.where(path).write_bytes(b"fLaC")
    with pytest.raises(WaveformError):
        read_waveform(flac.where(path))


def test_file_still_being_written_is_read_as_far_as_it_goes(tmp_path: Path) -> None:
    path = tmp_path / "a.wav"
    path.write_bytes(law_file(7, b"\xff" * 800, size=0x7FFFFFFF))
    assert read_waveform(path).duration_s == 0.1


@given(data=st.binary(max_size=300))
def test_any_bytes_are_a_waveform_or_an_error(tmp_path: Path, data: bytes) -> None:
    path = tmp_path / "a.wav"
    path.write_bytes(data)
    with pytest.raises(WaveformError):
        read_waveform(path)


@given(cut=st.integers(0, 240))
def test_cut_file_is_a_waveform_or_an_error(tmp_path: Path, cut: int) -> None:
    path = tmp_path / "a.wav"
    path.write_bytes(law_file(6, b"\xd5" * 200)[:cut])
    try:
        assert read_waveform(path, bars=4).duration_s <= 0.025
    except WaveformError:
        assert cut < 45


def test_missing_file_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(WaveformError):
        read_waveform(tmp_path / "none.wav")
