"""Text to prompt files: the cache by itself, and through the whole speech process."""

import asyncio
import json
import os
import wave
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from speech.api import Pcm
from speech.client import SpeechClient
from speech.errors import CacheError, EngineFailed, TextRefused, VoiceMissing
from speech.options import SpeechOptions
from speech.prompt_cache import PromptCache, cache_key, normal_text, split_text
from speech.synthesizers.remote import EspeakSynthesizer, Pyttsx3Synthesizer
from tests.fakes.speech_process import SpeechProcess

STORY = (
    "Thank you for calling. All our agents are busy right now, and your call will be answered in "
    "the order in which it arrived. You may stay on the line, or press one to be called back. "
)


class Tone:
    """A synthesiser that counts what it is asked and plays a tone of one second."""

    engine = "tone"
    version = "1"

    def __init__(self, *, fails: bool = False) -> None:
        self.asked: list[str] = []
        self.gate = asyncio.Event()
        self.gate.set()
        self._fails = fails

    async def synthesize(self, text: str, voice: str, rate: int) -> Pcm:
        self.asked.append(text)
        await self.gate.wait()
        if self._fails:
            raise EngineFailed("it does not speak today")
        tone = 8000 * np.sin(2 * np.pi * 500 * np.arange(22_050) / 22_050)
        return Pcm(22_050, tone.astype("<i2").tobytes())

    async def close(self) -> None:
        """Nothing to end."""


def seconds(site: Path, path: str) -> float:
    return (site / path).stat().st_size / 16_000


async def test_a_prompt_is_made_once(tmp_path: Path) -> None:
    tone = Tone()
    cache = PromptCache(tmp_path, SpeechOptions(), [tone])
    first = await cache.prompt("Hello  there", "en-us")
    assert await cache.prompt(" Hello there\n", "en-us") == first
    assert await cache.prompt("Hello there", "en-gb") != first
    assert tone.asked == ["Hello there", "Hello there"]
    assert first.startswith("cache/prompts/")
    assert first.endswith(".8k.s16")
    assert seconds(tmp_path, first) == pytest.approx(1.0, abs=0.01)
    about = json.loads((tmp_path / first.replace(".8k.s16", ".json")).read_text())
    assert about["text"] == "Hello there"


async def test_two_tasks_asking_for_the_same_new_prompt_make_it_once(tmp_path: Path) -> None:
    tone = Tone()
    tone.gate.clear()
    cache = PromptCache(tmp_path, SpeechOptions(), [tone])
    first = asyncio.create_task(cache.prompt("Hello", "en-us"))
    second = asyncio.create_task(cache.prompt("Hello", "en-us"))
    while not tone.asked:
        await asyncio.sleep(0)
    first.cancel()  # the caller who asked first hangs up
    tone.gate.set()
    assert (tmp_path / await second).is_file()
    assert tone.asked == ["Hello"]


async def test_the_other_engine_speaks_when_the_first_fails(tmp_path: Path) -> None:
    tone = Tone()
    cache = PromptCache(tmp_path, SpeechOptions(), [Tone(fails=True), tone])
    assert (tmp_path / await cache.prompt("Hello", "en-us")).is_file()
    assert tone.asked == ["Hello"]


async def test_a_failure_is_not_remembered(tmp_path: Path) -> None:
    cache = PromptCache(tmp_path, SpeechOptions(), [Tone(fails=True)])
    for _ in range(2):
        with pytest.raises(EngineFailed):
            await cache.prompt("Hello", "en-us")
    assert (
        not list((tmp_path / "cache").glob("**/*.s16")) if (tmp_path / "cache").exists() else True
    )


async def test_a_cache_that_cannot_be_written_says_so_and_serves_what_it_has(
    tmp_path: Path,
) -> None:
    tone = Tone()
    cache = PromptCache(tmp_path, SpeechOptions(), [tone])
    path = await cache.prompt("Hello", "en-us")
    writable = tmp_path / "cache/prompts"
    kept = tmp_path / "kept"
    writable.rename(kept)
    # A file in place of the folder: not even root can write below it.
    writable.write_text("")
    with pytest.raises(CacheError, match="cannot write"):
        await cache.prompt("Something new", "en-us")
    writable.unlink()
    kept.rename(writable)
    assert await cache.prompt("Hello", "en-us") == path
    assert not list(tmp_path.glob("**/*.tmp"))


async def test_trimming_removes_what_is_old_or_too_much(tmp_path: Path) -> None:
    cache = PromptCache(tmp_path, SpeechOptions(cache_days=10, cache_mb=10), [Tone()])
    now = 2_000_000_000.0
    paths = [tmp_path / await cache.prompt(f"Number {n}", "en-us") for n in range(4)]
    for path, days in zip(paths, (11, 3, 2, 1), strict=True):
        os.utime(path, (now - days * 86_400,) * 2)
    os.truncate(paths[1], 9 * 2**20)
    os.utime(paths[1], (now - 3 * 86_400,) * 2)
    os.truncate(paths[2], 8 * 2**20)
    os.utime(paths[2], (now - 2 * 86_400,) * 2)
    assert await cache.trim(now) == 2
    assert [path.exists() for path in paths] == [False, False, True, True]
    assert len(list((tmp_path / "cache/prompts").glob("*/*.json"))) == 2


async def test_trimming_spares_what_was_just_asked_for(tmp_path: Path) -> None:
    cache = PromptCache(tmp_path, SpeechOptions(cache_mb=10), [Tone()])
    path = tmp_path / await cache.prompt("Hello", "en-us")
    os.truncate(path, 11 * 2**20)
    now = 2_000_000_000.0
    os.utime(path, (now - 60,) * 2)
    assert await cache.trim(now) == 0


@pytest.mark.parametrize("text", ["", "  \n", "...", "\x00", "\ud83d", "x" * 24_001])
def test_texts_that_cannot_be_spoken_are_refused(text: str) -> None:
    with pytest.raises(TextRefused):
        normal_text(text)


def test_the_key_holds_everything_that_changes_the_sound() -> None:
    tone = Tone()
    keys = {
        cache_key(tone, "en-us", 160, "Hello"),
        cache_key(tone, "en-gb", 160, "Hello"),
        cache_key(tone, "en-us", 161, "Hello"),
        cache_key(tone, "en-us", 160, "hello"),
        cache_key(EspeakSynthesizer(), "en-us", 160, "Hello"),
    }
    assert len(keys) == 5


@given(st.text(max_size=3000), st.integers(1, 300))
def test_cutting_loses_no_letter_and_keeps_the_limit(text: str, longest: int) -> None:
    pieces = split_text(text, longest)
    assert all(len(piece) <= longest for piece in pieces)
    spoken = [c for c in text if c.isalnum()]
    assert [c for piece in pieces for c in piece if c.isalnum()] == spoken


def test_text_is_cut_at_sentences() -> None:
    text = "One is short. " + "Two is longer, much. " * 3 + "三是中文。四也是。"
    pieces = split_text(text, 40)
    assert all(piece[-1] in ".。" for piece in pieces)


@given(st.text())
def test_any_text_is_made_speakable_or_refused(text: str) -> None:
    try:
        normal = normal_text(text)
    except TextRefused:
        return
    assert normal == normal_text(normal)
    assert normal.isprintable() or not normal.isascii()


@pytest.mark.speech
async def test_a_prompt_comes_from_pyttsx3_and_then_from_the_cache(
    client: SpeechClient, speech_process: SpeechProcess
) -> None:
    before = (await client.status())["prompts"]
    path = await client.prompt("Welcome to the hotline.", "en")
    assert await client.prompt("Welcome to the hotline.", "en") == path
    after = (await client.status())["prompts"]
    assert after["made"] == before["made"] + 1
    assert after["from_cache"] == before["from_cache"] + 1
    site = speech_process.site
    about = json.loads((site / path.replace(".8k.s16", ".json")).read_text())
    assert about["engine"].startswith("pyttsx3 ")
    assert 1.0 < seconds(site, path) < 3.0


@pytest.mark.speech
@pytest.mark.parametrize(("language", "text"), [("zh", "欢迎致电，请按一。"), ("ko", "환영합니다")])
async def test_chinese_and_korean_are_spoken(
    client: SpeechClient, speech_process: SpeechProcess, language: str, text: str
) -> None:
    site = speech_process.site
    assert seconds(site, await client.prompt(text, language)) > 0.7


@pytest.mark.speech
async def test_an_unknown_voice_is_refused_with_what_to_do(client: SpeechClient) -> None:
    with pytest.raises(VoiceMissing, match="espeak-ng --voices"):
        await client.prompt("Hello", "en", "nonesuch")
    with pytest.raises(VoiceMissing, match="espeak-ng --voices"):
        await client.prompt("Hello", "en", "../../etc/passwd")
    with pytest.raises(VoiceMissing, match=r"\[speech.voices\]"):
        await client.prompt("Hello", "tlh")


@pytest.mark.speech
async def test_a_very_long_text_is_spoken_whole(
    client: SpeechClient, speech_process: SpeechProcess
) -> None:
    site = speech_process.site
    sentence = await client.prompt(STORY.strip(), "en")
    text = (STORY * 120)[:20_000]
    long = await client.prompt(text, "en")
    expected = seconds(site, sentence) * 20_000 / len(STORY)
    assert seconds(site, long) == pytest.approx(expected, rel=0.1)


@pytest.mark.speech
async def test_text_that_is_broken_is_refused(client: SpeechClient) -> None:
    with pytest.raises(TextRefused):
        await client.prompt("half \ud83d", "en")
    with pytest.raises(TextRefused):
        await client.prompt("?", "en")


@pytest.mark.speech
async def test_pyttsx3_writes_the_whole_of_a_long_first_text() -> None:
    # In a new process its run loop returns long before the file is complete.
    direct, wrapped = EspeakSynthesizer(), Pyttsx3Synthesizer()
    try:
        for text in (STORY, "Short.", STORY):
            expected = await direct.synthesize(text, "en-us", 160)
            got = await wrapped.synthesize(text, "en-us", 160)
            # pyttsx3 asks for the pause after the last sentence as well.
            assert expected.seconds - 0.05 < got.seconds < expected.seconds + 0.6
    finally:
        await direct.close()
        await wrapped.close()


@pytest.mark.speech
async def test_each_voice_and_rate_takes_effect() -> None:
    wrapped = Pyttsx3Synthesizer()
    try:
        normal = await wrapped.synthesize(STORY, "en-us", 160)
        quick = await wrapped.synthesize(STORY, "en-us", 320)
        again = await wrapped.synthesize(STORY, "en-us", 160)
    finally:
        await wrapped.close()
    assert quick.seconds < 0.65 * normal.seconds
    assert again.seconds == pytest.approx(normal.seconds, abs=0.1)


@pytest.mark.speech
async def test_a_killed_synthesiser_is_started_again() -> None:
    wrapped = Pyttsx3Synthesizer()
    try:
        await wrapped.synthesize("One.", "en-us", 160)
        os.kill(wrapped.pids["en-us 160"], 9)
        assert (await wrapped.synthesize("Two.", "en-us", 160)).seconds > 0.2
    finally:
        await wrapped.close()


async def test_one_upload_is_converted_for_many_callers_at_once(tmp_path: Path) -> None:
    with wave.open(str(tmp_path / "greeting.wav"), "wb") as sound:
        sound.setnchannels(1)
        sound.setsampwidth(2)
        sound.setframerate(22_050)
        sound.writeframes((await Tone().synthesize("", "", 0)).samples)
    cache = PromptCache(tmp_path, SpeechOptions(), [Tone()])
    paths = await asyncio.gather(*(cache.convert("greeting.wav", "greeting") for _ in range(40)))
    assert len(set(paths)) == 1
    assert (tmp_path / paths[0]).stat().st_size > 8000
    assert list(tmp_path.rglob("*.tmp")) == []
