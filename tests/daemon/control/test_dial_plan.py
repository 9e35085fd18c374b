"""The dial plan: exact before prefix, longest prefix first, hours."""

from acd_core.opening_hours import parse_hours
from daemon.control.dial_plan import DialPlan, NumberEntry, Target

PLAN = DialPlan(
    [
        NumberEntry(number="100", flow="main"),
        NumberEntry(number="1*", queue="sales", language="zh"),
        NumberEntry(number="10*", flow="support", calendar="office", closed_flow="night"),
        NumberEntry(number="*", flow="fallback"),
    ],
    {"office": parse_hours("UTC", {"thu": ["00:00-24:00"]}, {})},
)
THURSDAY = 0.0  # 1970-01-01
FRIDAY = 86400.0


def test_exact_number_wins_over_any_prefix() -> None:
    assert PLAN.find("100", THURSDAY) == Target(flow="main")


def test_longest_prefix_wins() -> None:
    assert PLAN.find("101", THURSDAY) == Target(flow="support")
    assert PLAN.find("12", THURSDAY) == Target(queue="sales", language="zh")
    assert PLAN.find("", THURSDAY) == Target(flow="fallback")


def test_closed_number_leads_to_its_closed_flow() -> None:
    assert PLAN.find("101", FRIDAY) == Target(flow="night", closed=True)


def test_number_nobody_has_is_not_found() -> None:
    assert DialPlan([NumberEntry(number="100", flow="main")], {}).find("101", 0.0) is None
