"""Listening through the whole speech process, with real engines and real utterances."""

import asyncio
import os
import signal
from contextlib import aclosing

import numpy as np
import pytest

from speech.api import EngineDown, Final, Grammar, Limits, NoInput, Partial, TooLong
from speech.client import SpeechClient
from tests.fakes.tap import TapWriter, carried, hear, sample, silence, spoken, wide_voice

pytestmark = pytest.mark.speech

DIGITS = {
    word: str(value)
    for value, word in enumerate(
        ["zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine"]
    )
}
ENGLISH = {
    "yesno": {"yes": "YES", "no": "NO"},
    "digit": DIGITS,
    "dept": {
        "sales": "sales",
        "billing": "billing",
        "technical support": "support",
        "operator": "operator",
        "reservations": "reservations",
    },
}
KOREAN = {
    "yesno": {"네": "YES", "아뇨": "NO"},
    "digit": {"이": "2", "삼": "3", "오": "5"},
    "dept": {"영업부": "sales", "예약": "book", "환불": "refund", "상담원": "agent"},
}
NOW = Limits(lookback_s=0)


@pytest.mark.parametrize(
    ("grammar", "phrase"),
    [
        ("yesno", "yes"),
        ("yesno", "no"),
        ("digit", "zero"),
        ("digit", "one"),
        ("digit", "two"),
        ("digit", "three"),
        ("digit", "four"),
        ("digit", "five"),
        ("digit", "eight"),
        ("dept", "sales"),
        ("dept", "billing"),
        ("dept", "technical support"),
        ("dept", "operator"),
    ],
)
async def test_english_is_heard(
    client: SpeechClient, tap: TapWriter, grammar: str, phrase: str
) -> None:
    phrases = ENGLISH[grammar]
    audio = spoken(f"en_{phrase.replace(' ', '_')}")
    *partials, final = await hear(client, tap, audio, phrases, "en")
    assert isinstance(final, Final)
    assert (final.phrase, final.value) == (phrase, phrases[phrase])
    assert final.engine == "pocketsphinx"
    assert all(isinstance(partial, Partial) for partial in partials)


@pytest.mark.parametrize(
    ("name", "grammar", "phrase"),
    [
        ("ko_ne_yes", "yesno", "네"),
        ("ko_anyo_no", "yesno", "아뇨"),
        ("ko_i_two", "digit", "이"),
        ("ko_sam_three", "digit", "삼"),
        ("ko_o_five", "digit", "오"),
        ("ko_yeongeopbu_sales", "dept", "영업부"),
        ("ko_yeyak_reservations", "dept", "예약"),
        ("ko_hwanbul_refund", "dept", "환불"),
        ("ko_sangdamwon_agent", "dept", "상담원"),
    ],
)
async def test_korean_is_heard(
    client: SpeechClient, tap: TapWriter, name: str, grammar: str, phrase: str
) -> None:
    phrases = KOREAN[grammar]
    *partials, final = await hear(client, tap, spoken(name), phrases, "ko")
    assert isinstance(final, Final)
    assert (final.phrase, final.value) == (phrase, phrases[phrase])
    assert final.engine == "vosk"
    assert 0 < final.score <= 1
    assert partials


@pytest.mark.parametrize("phrase", ["sales", "billing", "operator"])
async def test_wide_band_voices_are_heard(client: SpeechClient, phrase: str) -> None:
    tap = TapWriter(rate=16_000)
    *_, final = await hear(client, tap, wide_voice(phrase), ENGLISH["dept"], "en")
    assert isinstance(final, Final)
    assert final.phrase == phrase
    assert 0.5 < final.at < len(wide_voice(phrase)) / 16_000  # in seconds of its own rate
    tap.close()


@pytest.mark.parametrize(("name", "phrase"), [("ko_i_two", "이"), ("ko_sam_three", "삼")])
async def test_a_telephone_on_a_wide_band_leg_is_heard(
    client: SpeechClient, name: str, phrase: str
) -> None:
    tap = TapWriter(rate=16_000)
    *_, final = await hear(client, tap, carried(spoken(name)), KOREAN["digit"], "ko")
    assert isinstance(final, Final)
    assert final.phrase == phrase
    tap.close()


async def test_silence_is_no_input_at_our_time(client: SpeechClient, tap: TapWriter) -> None:
    limits = Limits(no_input_s=2.0, lookback_s=0)
    assert await hear(client, tap, silence(3), DIGITS, "en", limits) == [NoInput(2.0)]


async def test_hanging_up_in_mid_utterance_keeps_what_was_said(
    client: SpeechClient, tap: TapWriter
) -> None:
    words = sample("en_billing")[:8800]
    *_, final = await hear(client, tap, words, ENGLISH["dept"], "en", hang_up=True)
    assert isinstance(final, Final)
    assert final.at < 1.2


async def test_hanging_up_in_silence_ends_listening(client: SpeechClient, tap: TapWriter) -> None:
    assert await hear(client, tap, silence(0.5), DIGITS, "en", hang_up=True) == [NoInput(0.5)]


async def test_a_tap_without_audio_is_no_input(client: SpeechClient, tap: TapWriter) -> None:
    limits = Limits(no_input_s=0.5, lookback_s=0)
    assert await hear(client, tap, silence(0.2), DIGITS, "en", limits) == [NoInput(0.2)]


@pytest.mark.parametrize("gain", [0.2, 0.5, 1.4])
async def test_quiet_and_loud_callers_are_heard(
    client: SpeechClient, tap: TapWriter, gain: float
) -> None:
    audio = (spoken("ko_sangdamwon_agent") * gain).astype(np.int16)
    *_, final = await hear(client, tap, audio, KOREAN["dept"], "ko")
    assert isinstance(final, Final)
    assert final.value == "agent"


async def test_keys_while_listening_are_not_speech(client: SpeechClient, tap: TapWriter) -> None:
    time = np.arange(8000) / 8000
    key = (4000 * (np.sin(2 * np.pi * 770 * time) + np.sin(2 * np.pi * 1336 * time))).astype("<i2")
    audio = np.concatenate([silence(0.5), key, silence(2)])
    assert await hear(client, tap, audio, DIGITS, "en", Limits(no_input_s=2, lookback_s=0)) == [
        NoInput(2.0)
    ]


async def test_talking_without_end_is_too_long(client: SpeechClient, tap: TapWriter) -> None:
    talk = np.tile(sample("en_technical_support")[3600:14000], 3)
    *_, event = await hear(client, tap, talk, ENGLISH["dept"], "en", Limits(longest_s=2))
    assert isinstance(event, TooLong)


async def test_words_outside_the_grammar_are_no_match(client: SpeechClient, tap: TapWriter) -> None:
    *_, final = await hear(client, tap, spoken("en_billing"), ENGLISH["yesno"], "en")
    assert isinstance(final, Final)
    assert (final.phrase, final.value) == ("", "")


async def test_speech_before_listening_began_is_not_cut_off(
    client: SpeechClient, tap: TapWriter
) -> None:
    # A barge-in is noticed when the word is already half spoken.
    word = spoken("en_sales")
    tap.write(word[:6400])
    *_, final = await hear(client, tap, word[6400:], ENGLISH["dept"], "en", Limits(lookback_s=0.5))
    assert isinstance(final, Final)
    assert final.value == "sales"


async def test_many_callers_at_once_are_all_heard(client: SpeechClient) -> None:
    names = ["sales", "billing", "operator", "technical_support"] * 3
    taps = [TapWriter() for _ in names]
    early = Limits(lookback_s=4)  # one may speak before the process has mapped its tap
    try:
        heard = await asyncio.gather(
            *(
                hear(client, tap, spoken(f"en_{name}"), ENGLISH["dept"], "en", early)
                for tap, name in zip(taps, names, strict=True)
            )
        )
    finally:
        for tap in taps:
            tap.close()
    engine = (await client.status())["recognizers"]["en"]
    assert engine["real_time_factor"] < 0.3
    assert [events[-1].phrase for events in heard] == [name.replace("_", " ") for name in names]


@pytest.mark.parametrize(
    ("language", "name"), [("en", "en_sales"), ("ko", "ko_yeyak_reservations")]
)
async def test_a_killed_engine_is_reported_and_works_again(
    client: SpeechClient, language: str, name: str
) -> None:
    phrases = ENGLISH["dept"] if language == "en" else KOREAN["dept"]
    await client.check_grammar(Grammar(phrases), language)
    engine = (await client.status())["recognizers"][language]
    first, second = TapWriter(), TapWriter()
    events = client.listen(first.memfd, first.eventfd, Grammar(phrases), language, NOW)
    async with aclosing(events):
        heard = asyncio.ensure_future(anext(events))
        while (await client.status())["streams"]["in_use"] == 0:
            await asyncio.sleep(0)
        first.write(sample(name)[:8000])
        while (await client.status())["recognizers"][language]["audio_s"] <= engine["audio_s"]:
            await asyncio.sleep(0)
        os.kill(engine["pid"], signal.SIGKILL)
        first.write(spoken(name)[8000:])
        event = await heard
        while isinstance(event, Partial):
            event = await anext(events)
    assert isinstance(event, EngineDown)
    *_, final = await hear(client, second, spoken(name), phrases, language)
    assert isinstance(final, Final)
    assert final.phrase
    after = (await client.status())["recognizers"][language]
    assert after["restarts"] == engine["restarts"] + 1
    assert after["pid"] != engine["pid"]
    first.close()
    second.close()


async def test_leaving_early_stops_listening(client: SpeechClient, tap: TapWriter) -> None:
    events = client.listen(tap.memfd, tap.eventfd, Grammar(DIGITS), "en", NOW)
    task = asyncio.ensure_future(anext(events))
    while (await client.status())["streams"]["in_use"] == 0:
        await asyncio.sleep(0)
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
    await events.aclose()
    while (await client.status())["streams"]["in_use"] != 0:
        await asyncio.sleep(0)


async def test_a_language_without_a_model_says_what_installs_one(
    client: SpeechClient, tap: TapWriter
) -> None:
    [event] = await hear(client, tap, spoken("en_yes"), {"是": "YES"}, "zh")
    assert isinstance(event, EngineDown)
    assert "hookflash models fetch zh" in event.reason
    assert await client.check_grammar(Grammar({"是": "YES"}), "zh") == [event.reason]


async def test_a_tap_that_is_none_is_refused(client: SpeechClient) -> None:
    memfd, eventfd = os.memfd_create("none"), os.eventfd(0)
    try:
        events = client.listen(memfd, eventfd, Grammar(DIGITS), "en", NOW)
        [event] = [event async for event in events]
    finally:
        os.close(memfd)
        os.close(eventfd)
    assert isinstance(event, EngineDown)
    assert "no audio" in event.reason


@pytest.mark.parametrize(
    ("phrases", "language", "problems"),
    [
        ({"yes": "Y", "no": "N"}, "en", []),
        ({"zxqv": "1", "yes": "Y"}, "en", ["'zxqv'"]),
        ({}, "en", ["no phrase"]),
        ({"네": "Y", "아뇨": "N"}, "ko", []),
        ({"": "1", "네": "Y"}, "ko", ["no word"]),
        ({"zxqv": "1"}, "ko", ["'zxqv'"]),
        ({'"]': "1", '{"a": 1}': "2"}, "ko", ["no word", "does not know"]),
        ({"\ud55c\uad6d\uc5b4\x00": "1", "\\u0041": "2"}, "ko", ["does not know"]),
    ],
)
async def test_grammars_are_checked_before_an_engine_sees_them(
    client: SpeechClient, phrases: dict[str, str], language: str, problems: list[str]
) -> None:
    found = await client.check_grammar(Grammar(phrases), language)
    text = "\n".join(found)
    assert all(problem in text for problem in problems)
    assert bool(found) == bool(problems)


@pytest.mark.parametrize("phrases", [{}, {"": ""}, {"zxqv": "1"}, {"[]": "1"}])
async def test_a_grammar_without_a_usable_phrase_goes_on_with_keys(
    client: SpeechClient, tap: TapWriter, phrases: dict[str, str]
) -> None:
    before = (await client.status())["recognizers"].get("ko", {}).get("restarts", 0)
    [event] = await hear(client, tap, spoken("ko_ne_yes"), phrases, "ko")
    assert isinstance(event, EngineDown)
    assert (await client.status())["recognizers"]["ko"]["restarts"] == before
