import pytest
from hypothesis import given
from hypothesis import strategies as st

from speech.grammar import LONGEST_PHRASE, MOST_PHRASES, match, usable, words_of

YES_NO = {"yes": "YES", "yeah": "YES", "no": "NO"}


@pytest.mark.parametrize(
    ("text", "phrase"),
    [
        ("yes", "yes"),
        ("Yes!", "yes"),
        ("yes yes", "yes"),
        ("yes yeah", "yes"),
        ("[unk] yes [unk]", "yes"),
        ("<UNK> yes", "yes"),
        ("yes no", ""),
        ("maybe", ""),
        ("", ""),
        ("<UNK>", ""),
        ("yes please", ""),
    ],
)
def test_match_gives_the_phrase_or_nothing(text: str, phrase: str) -> None:
    assert match(text, YES_NO) == (phrase, YES_NO.get(phrase, ""))


def test_match_ignores_how_compounds_are_split() -> None:
    phrases = {"技术支持": "tech", "销售": "sales", "영업부": "sales"}
    assert match("技术 支持", phrases) == ("技术支持", "tech")
    assert match("영업 부", phrases) == ("영업부", "sales")


def test_match_prefers_the_whole_phrase_to_its_parts() -> None:
    phrases = {"sales": "1", "support": "2", "sales support": "3"}
    assert match("sales support", phrases) == ("sales support", "3")


def test_match_keeps_the_phrase_as_the_flow_wrote_it() -> None:
    assert match("technical support", {"Technical  Support!": "t"}) == ("Technical  Support!", "t")


def test_usable_reports_phrases_without_a_word() -> None:
    good, problems = usable(["Sales", "sales", "  ", "?!", "x" * (LONGEST_PHRASE + 1)])
    assert good == ["sales"]
    assert len(problems) == 3


def test_usable_says_when_nothing_is_left() -> None:
    assert usable([]) == ([], ["no phrase to listen for"])


def test_usable_limits_the_number() -> None:
    good, problems = usable(f"word{number}" for number in range(MOST_PHRASES + 5))
    assert len(good) == MOST_PHRASES
    assert len(problems) == 1


@given(st.text())
def test_words_hold_nothing_an_engine_could_choke_on(text: str) -> None:
    for word in words_of(text):
        assert word
        assert not set(word) & set('"\\|;<>()[]{}*+/=&\n\r\t\0 ')


@given(st.text(max_size=60), st.lists(st.text(max_size=8), max_size=6))
def test_match_returns_only_phrases_it_was_given(text: str, phrases: list[str]) -> None:
    values = {phrase: str(number) for number, phrase in enumerate(phrases)}
    phrase, value = match(text, values)
    assert (phrase, value) == ("", "") or values[phrase] == value


@given(st.sampled_from(sorted(YES_NO)), st.integers(1, 5))
def test_match_collapses_any_number_of_repeats(phrase: str, times: int) -> None:
    assert match(" ".join([phrase] * times), YES_NO)[1] == YES_NO[phrase]
