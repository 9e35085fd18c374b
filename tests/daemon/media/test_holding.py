"""Claims and deadlines of an absence; times are numbers."""

from daemon.media.holding import HOLD_TONE_AFTER, Holding
from drivers.api import PortId

ONE, TWO, THREE = PortId(1), PortId(2), PortId(3)


def held() -> Holding:
    holding = Holding(60.0)
    holding.control_came(0.0, same=False)
    return holding


def test_nothing_is_due_while_control_is_there() -> None:
    holding = held()
    assert not holding.tone_due(1e9)
    assert holding.due_for_closing(1e9) is None


def test_everything_is_closed_when_control_stays_away() -> None:
    holding = held()
    holding.control_went(100.0, [ONE, TWO])
    assert not holding.tone_due(100.0 + HOLD_TONE_AFTER - 0.1)
    assert holding.tone_due(100.0 + HOLD_TONE_AFTER)
    assert holding.due_for_closing(159.9) is None
    assert holding.due_for_closing(160.0) == [ONE, TWO]
    assert holding.due_for_closing(161.0) is None
    assert holding.away


def test_the_same_process_keeps_everything_when_it_reconnects() -> None:
    holding = held()
    holding.control_went(100.0, [ONE])
    holding.control_came(110.0, same=True)
    assert holding.is_claimed(ONE)
    assert not holding.tone_due(1e9)
    assert holding.due_for_closing(1e9) is None


def test_another_process_keeps_what_it_claims_in_time() -> None:
    holding = held()
    holding.control_went(100.0, [ONE, TWO, THREE])
    holding.control_came(150.0, same=False)
    assert not holding.is_claimed(ONE)
    holding.claim(ONE)
    holding.closed(THREE)
    assert holding.due_for_closing(209.9) is None
    assert holding.due_for_closing(210.0) == [TWO]
    assert holding.is_claimed(ONE)
    assert holding.is_claimed(PortId(4))  # opened since


def test_a_second_absence_counts_anew() -> None:
    holding = held()
    holding.control_went(100.0, [ONE])
    holding.control_came(130.0, same=True)
    holding.control_went(140.0, [ONE])
    assert holding.due_for_closing(199.0) is None
    assert holding.due_for_closing(200.0) == [ONE]
