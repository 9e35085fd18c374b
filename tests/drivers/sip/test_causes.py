"""Statuses of SIP and causes of Q.850, one into the other (RFC 3398)."""

import pytest

from drivers.events import Cause
from drivers.sip.core.causes import (
    PHRASES,
    cause_for,
    cause_from_reason,
    cause_of_q850,
    phrase,
    reason_values,
    status_for,
)

# RFC 3398 8.2.6.1, as far as our causes have a name for it, and ours where we differ.
RFC_3398 = {
    401: 21, 402: 21, 403: 21, 404: 1, 406: 79, 407: 21, 413: 127, 414: 127, 416: 127, 420: 127,
    421: 127, 423: 127, 481: 41, 484: 28, 485: 1, 486: 17, 500: 41, 501: 79, 504: 102, 505: 127,
    513: 127, 600: 17, 603: 21, 604: 1,
}  # fmt: skip
NEAREST = {405: 79, 410: 1, 482: 3, 483: 3, 502: 41}  # for 63, 22, 25, 25 and 38
OURS = {400: 127, 408: 18, 415: 88, 480: 19, 487: 16, 488: 88, 503: 34, 606: 88}
# RFC 3398 7.2.4.1: the status of a cause.
STATUSES = {
    1: 404, 2: 404, 3: 404, 17: 486, 18: 408, 19: 480, 20: 408, 21: 603, 22: 404, 25: 404, 26: 486,
    27: 480, 28: 484, 29: 501, 31: 480, 34: 503, 38: 480, 41: 480, 42: 503, 44: 503, 47: 503,
    55: 603, 57: 603, 58: 503, 65: 488, 70: 488, 79: 501, 87: 603, 88: 488, 102: 408, 111: 500,
    127: 500,
}  # fmt: skip


@pytest.mark.parametrize(("status", "cause"), sorted((RFC_3398 | NEAREST | OURS).items()))
def test_cause_of_a_refusal(status: int, cause: int) -> None:
    assert cause_for(status) == cause


@pytest.mark.parametrize(
    ("status", "cause"), [(302, 3), (433, 21), (607, 21), (608, 21), (499, 127), (599, 41)]
)
def test_cause_of_a_refusal_that_is_younger_or_unknown(status: int, cause: int) -> None:
    assert cause_for(status) == cause


@pytest.mark.parametrize("cause", list(Cause))
def test_every_cause_has_a_status_that_can_be_sent(cause: Cause) -> None:
    status = status_for(cause)
    assert 400 <= status < 700
    assert PHRASES[status] == phrase(status)


@pytest.mark.parametrize(("number", "status"), sorted(STATUSES.items()))
def test_status_of_a_number_of_q850(number: int, status: int) -> None:
    assert status_for(cause_of_q850(number)) == status


def test_every_number_of_q850_means_something() -> None:
    for number in range(10_000):
        cause = cause_of_q850(number)
        assert cause == number or number not in {int(one) for one in Cause}
    classes = [cause_of_q850(number) for number in (14, 24, 46, 62, 78, 94, 100, 126, 128)]
    assert [int(cause) for cause in classes] == [31, 31, 47, 79, 79, 111, 111, 127, 31]


@pytest.mark.parametrize("cause", list(Cause))
def test_reason_comes_back_as_it_was_sent(cause: Cause) -> None:
    assert cause_from_reason([reason_values(cause)]) is cause


@pytest.mark.parametrize(
    ("value", "cause"),
    [
        ('Q.850;cause=16;text="Terminated"', Cause.NORMAL),
        ("q.850 ; cause = 17", Cause.BUSY),
        ("Q.850;cause=22", Cause.UNALLOCATED),
        ("Q.850;cause=99999999", Cause.NORMAL_UNSPECIFIED),
        ('SIP;cause=200;text="Call completed elsewhere"', None),
        ("Q.850;cause=x", None),
        ("Q.850", None),
        ("", None),
    ],
)
def test_reason_of_a_peer(value: str, cause: Cause | None) -> None:
    assert cause_from_reason([value]) is cause


def test_first_reason_that_says_something_counts() -> None:
    assert cause_from_reason(["SIP;cause=486", "Q.850;cause=17", "Q.850;cause=16"]) is Cause.BUSY
