import pytest

from drivers.backoff import Backoff


def test_pauses_double_up_to_the_longest() -> None:
    backoff = Backoff(first_s=1, longest_s=5, quarantine_after=0)
    assert [backoff.failed(0.0) for _ in range(5)] == [1, 2, 4, 5, 5]


def test_device_that_keeps_failing_is_quarantined() -> None:
    backoff = Backoff(quarantine_after=3, quarantine_s=300)
    assert [backoff.failed(0.0) for _ in range(4)] == [1, 2, 300, 300]
    assert backoff.quarantined


@pytest.mark.parametrize(("worked_s", "pause"), [(59.0, 4.0), (60.0, 1.0)])
def test_failures_are_forgotten_after_working_for_long(worked_s: float, pause: float) -> None:
    backoff = Backoff(healthy_s=60)
    backoff.failed(0.0)
    backoff.failed(0.0)
    backoff.worked(10.0)
    assert backoff.failed(10.0 + worked_s) == pause


def test_device_that_is_not_there_is_never_quarantined() -> None:
    backoff = Backoff(first_s=1, longest_s=30, quarantine_after=2)
    assert [backoff.absent() for _ in range(7)] == [1, 2, 4, 8, 16, 30, 30]
    assert not backoff.quarantined
    backoff.worked(0.0)
    assert backoff.absent() == 1
