"""Figures of visits by their formulas, one list at a time; nothing shared with the product."""

from collections.abc import Sequence
from typing import Any


def figures(visits: Sequence[Any], threshold: float, short: float) -> dict[str, float | None]:
    """Every figure of the reference; None where nothing can be divided."""
    a = [v for v in visits if v.outcome == "answered"]
    b = [v for v in visits if v.outcome == "abandoned"]
    a_t = [v for v in a if not v.wait_s > threshold]
    b_t = [v for v in b if not v.wait_s > threshold]
    b_s = [v for v in b if not v.wait_s > short]
    n = len(visits)
    queued = [v for v in visits if v.outcome not in (None, "refused")]

    def over(part: float, whole: float) -> float | None:
        return None if whole == 0 else part / whole

    return {
        "sl_1": over(len(a_t) + len(b_t), len(a) + len(b)),
        "sl_2": over(len(a_t), len(a)),
        "sl_3": over(len(a_t), len(a) + len(b)),
        "sl_4": over(len(a_t), len(a) + len(b) - len(b_t)),
        "sl_5": over(len(a_t), n),
        "sl_6": over(len(a_t), n - len(b_s)),
        "asa": over(sum(v.wait_s for v in a), len(a)),
        "time_to_abandon": over(sum(v.wait_s for v in b), len(b)),
        "queue_time": over(sum(v.wait_s for v in queued), len(queued)),
        "aht": over(sum(v.talk_s + v.hold_s + v.wrap_up_s for v in a), len(a)),
        "abandon_rate": over(len(b), n),
        "abandon_rate_without_short": over(len(b) - len(b_s), n - len(b_s)),
        "connect_rate": over(len(a), n),
        "loss_rate": over(n - len(a), n),
        "over_limit_rate": over(len(a) - len(a_t), len(a)),
        "over_limit_rate_of_offered": over(len(a) - len(a_t), n),
    }
