import wave
from pathlib import Path

import numpy as np
import pytest
import soundfile
from hypothesis import given
from hypothesis import strategies as st
from pydub import AudioSegment

from speech.api import Pcm
from speech.audio_files import from_speech, from_upload, level, to_telephone_rate
from speech.client import SpeechClient
from speech.errors import AudioRefused, EngineMissing
from tests.fakes.speech_process import SpeechProcess
from tests.fakes.tap import sample

RATE = 44_100


def dbfs(samples: np.ndarray) -> float:
    return float(10 * np.log10(np.mean(samples.astype(np.float64) ** 2) + 1e-12))


def tone(hertz: float, rate: int = RATE, seconds: float = 2.0, peak: float = 0.355) -> np.ndarray:
    return peak * np.sin(2 * np.pi * hertz * np.arange(int(rate * seconds)) / rate)


def heard(raw: bytes) -> np.ndarray:
    return np.frombuffer(raw, "<i2") / 32768


def share(samples: np.ndarray, hertz: float) -> float:
    """Part of the energy near a frequency."""
    spectrum = np.abs(np.fft.rfft(samples * np.hanning(len(samples)))) ** 2
    at = round(hertz * len(samples) / 8000)
    return float(spectrum[at - 8 : at + 9].sum() / spectrum.sum())


@pytest.fixture
def speech_wav(tmp_path: Path) -> Path:
    """Two seconds of speech-like tones at 44.1 kHz, stereo."""
    path = tmp_path / "upload.wav"
    one = tone(440) * np.repeat([1, 0, 1, 0], RATE // 2)
    soundfile.write(path, np.column_stack([one, one]), RATE, subtype="PCM_16")
    return path


@pytest.mark.parametrize("suffix", ["mp3", "ogg", "flac", "wav"])
def test_uploads_are_converted(speech_wav: Path, tmp_path: Path, suffix: str) -> None:
    path = tmp_path / f"prompt.{suffix}"
    AudioSegment.from_file(speech_wav).export(path, format=suffix)
    samples = heard(from_upload(path, most_mb=10))
    assert len(samples) / 8000 == pytest.approx(2.0, abs=0.1)
    assert share(samples, 440) > 0.9
    assert dbfs(samples[400:3600]) == pytest.approx(-20, abs=1.5)


@pytest.mark.parametrize("subtype", ["ULAW", "ALAW", "PCM_24", "FLOAT", "PCM_U8"])
def test_kinds_of_wav_are_converted(tmp_path: Path, subtype: str) -> None:
    path = tmp_path / "prompt.wav"
    soundfile.write(path, tone(440, 8000), 8000, subtype=subtype)
    samples = heard(from_upload(path, most_mb=10))
    assert len(samples) == 16_000
    assert share(samples, 440) > 0.9


def test_a_six_kilohertz_tone_does_not_fold_into_speech() -> None:
    for rate in (16_000, 22_050, 44_100, 48_000):
        samples = to_telephone_rate(tone(6000, rate), rate)
        assert dbfs(samples) < -40


def test_a_six_kilohertz_tone_beside_speech_is_gone(tmp_path: Path) -> None:
    path = tmp_path / "hiss.wav"
    soundfile.write(path, tone(440, peak=0.1) + tone(6000), RATE)
    samples = heard(from_upload(path, most_mb=10))
    assert share(samples, 440) > 0.999


@pytest.mark.parametrize("peak", [0.03, 0.1, 0.5, 1.0])
def test_prompts_have_one_loudness(peak: float) -> None:
    word = sample("en_sales") / 32768
    quiet = level(word / np.abs(word).max() * peak)
    loud = quiet[np.abs(quiet) > 0]
    assert np.abs(loud).max() <= 10 ** (-3 / 20) + 1e-6
    spoken = quiet[3200:8000]
    assert -24 < dbfs(spoken) < -16


def test_pauses_do_not_count_for_loudness() -> None:
    word = sample("en_sales") / 32768
    padded = np.concatenate([np.zeros(40_000), word, np.zeros(40_000)])
    assert np.allclose(level(padded)[40_000 : 40_000 + len(word)], level(word), atol=1e-3)


@pytest.mark.parametrize("content", [np.zeros(16_000), np.zeros(10), 1e-4 * tone(440, 8000)])
def test_silence_is_refused(tmp_path: Path, content: np.ndarray) -> None:
    path = tmp_path / "silent.wav"
    soundfile.write(path, content, 8000)
    with pytest.raises(AudioRefused, match="nothing to hear"):
        from_upload(path, most_mb=10)


def test_a_file_that_is_too_big_is_refused_before_it_is_read(tmp_path: Path) -> None:
    path = tmp_path / "big.wav"
    path.touch()
    with path.open("r+b") as file:
        file.truncate(11 * 2**20)
    with pytest.raises(AudioRefused, match="11 MiB, the limit is 10"):
        from_upload(path, most_mb=10)


def test_a_file_that_is_too_long_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "long.wav"
    with wave.open(str(path), "wb") as file:
        file.setparams((1, 1, 8000, 0, "NONE", ""))
        file.writeframes(bytes(8000 * 960))
    with pytest.raises(AudioRefused, match="longer than 15 minutes"):
        from_upload(path, most_mb=10)


def test_a_missing_file_is_refused(tmp_path: Path) -> None:
    with pytest.raises(AudioRefused, match="cannot be read"):
        from_upload(tmp_path / "none.mp3", most_mb=10)


@pytest.mark.parametrize("name", ["text.mp3", "text.wav", "text.ogg"])
def test_what_is_no_audio_is_refused(tmp_path: Path, name: str) -> None:
    path = tmp_path / name
    path.write_bytes(b"this is a letter to the editor " * 50)
    with pytest.raises(AudioRefused, match="not audio"):
        from_upload(path, most_mb=10)


@given(content=st.binary(max_size=200))
def test_any_bytes_called_wav_give_audio_or_a_refusal(
    content: bytes, tmp_path_factory: pytest.TempPathFactory
) -> None:
    path = tmp_path_factory.getbasetemp() / "any.wav"
    path.write_bytes(b"RIFF\xff\x00\x00\x00WAVEfmt \x10\x00\x00\x00\x07\x00" + content)
    with pytest.raises(AudioRefused):
        from_upload(path, most_mb=10)


@pytest.mark.filterwarnings("ignore:Couldn't find ffprobe:RuntimeWarning")
def test_a_compressed_file_without_ffmpeg_names_the_package(
    speech_wav: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "prompt.mp3"
    AudioSegment.from_file(speech_wav).export(path, format="mp3")
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(EngineMissing, match="apt-get install ffmpeg"):
        from_upload(path, most_mb=10)
    assert from_upload(speech_wav, most_mb=10)


def test_speech_keeps_its_length() -> None:
    samples = (tone(300, 22_050, 1.5) * 32767).astype("<i2")
    assert len(from_speech(Pcm(22_050, samples.tobytes()))) == pytest.approx(24_000, abs=4)


@pytest.mark.speech
async def test_an_upload_goes_through_the_speech_process(
    client: SpeechClient, speech_process: SpeechProcess, speech_wav: Path
) -> None:
    site = speech_process.site
    (site / "incoming").mkdir(exist_ok=True)
    AudioSegment.from_file(speech_wav).export(site / "incoming/ours.ogg", format="ogg")
    path = await client.convert("incoming/ours.ogg", "Our greeting!")
    assert path.startswith("cache/uploads/our-greeting-")
    assert (site / path).stat().st_size == pytest.approx(32_000, rel=0.05)
    assert await client.convert("incoming/ours.ogg", "Our greeting!") == path
    with pytest.raises(AudioRefused):
        await client.convert("incoming/none.ogg", "none")
