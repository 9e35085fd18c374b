"""What people are told of a fax: each state has its words, and both languages say the same."""

import pytest

from daemon.service.fax.faxes import Fax, FaxState
from daemon.service.fax.words import STATES, page_words, record_words, state_words, way_words


def fax(**how: object) -> Fax:
    given = {"fax": "0FAX", "direction": "out", "number": "1", "created": 0.0, **how}
    return Fax(**given)  # type: ignore[arg-type]


def test_each_state_has_words_of_its_own() -> None:
    assert STATES.keys() == set(FaxState)
    for language in ("en", "zh"):
        assert len({state_words(state, language) for state in FaxState}) == len(FaxState)


@pytest.mark.parametrize(
    ("how", "en", "zh"),
    [
        ({"state": FaxState.SENDING, "of": 3}, "", ""),
        ({"state": FaxState.SENDING, "of": 3, "rate": 9600}, "page 1 of 3", "第 1/3 页"),
        (
            {"state": FaxState.SENDING, "of": 3, "pages": 3, "rate": 9600},
            "page 3 of 3",
            "第 3/3 页",
        ),
        ({"state": FaxState.RECEIVING, "pages": 1, "rate": 9600}, "page 2", "第 2 页"),
        ({"state": FaxState.SENT, "of": 3, "pages": 3}, "3 of 3 pages", "3/3 页"),
        ({"state": FaxState.FAILED, "of": 3, "pages": 1}, "1 of 3 pages", "1/3 页"),
        ({"state": FaxState.RECEIVED, "pages": 1}, "1 page", "1 页"),
        ({"state": FaxState.WAITING, "of": 3}, "", ""),
    ],
)
def test_page_that_goes_over_is_told(how: dict[str, object], en: str, zh: str) -> None:
    assert (page_words(fax(**how), "en"), page_words(fax(**how), "zh")) == (en, zh)


def test_way_is_told_while_it_goes_and_damage_always() -> None:
    begun = fax(state=FaxState.SENDING)
    assert way_words(begun, "en") == ["the machines agree on a speed"]
    failed = fax(state=FaxState.FAILED, rate=9600, ecm=True, slips=1, gaps=3)
    assert way_words(failed, "en") == ["1 slip of the audio", "3 gaps in the audio"]
    came = fax(state=FaxState.RECEIVED, rate=9600, ecm=True, t38=True)
    assert way_words(came, "zh") == ["9600 bit/s", "纠错", "T.38"]


def test_record_of_what_was_passed_on_says_both_ways() -> None:
    detail = {
        "way": "passed_on",
        "packets_received": "300",
        "packets_recovered": "2",
        "packets_other_received": "90",
        "packets_other_lost": "1",
        "interrupted": "1",
    }
    assert record_words(detail, "en") == [
        "300 packets, 2 recovered, 0 lost",
        "back: 90 packets, 0 recovered, 1 lost",
        "interrupted for a moment",
    ]
    assert record_words(detail, "zh")[1:] == ["反向：90 个数据包，恢复 0，丢失 1", "曾短暂中断"]
    sent = {"pages": "2", "rate": "9600", "ecm": "1", "cut": "49", "slips": "0", "gaps": ""}
    assert record_words(sent, "en") == [
        "2 pages",
        "9600 bit/s",
        "error correction",
        "the line was cut before the good-bye",
    ]
    assert record_words({}, "en") == []
