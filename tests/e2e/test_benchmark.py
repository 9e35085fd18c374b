"""``hookflash bench sip`` on a whole hotline, in small: every call is answered, counted and paid for."""

import pytest

from daemon.benchmark import costs, queue_calls
from daemon.benchmark.queue_calls import QueueLoad

pytestmark = pytest.mark.e2e


async def test_calls_through_a_queue_are_all_answered_and_their_cost_is_told(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(queue_calls, "WARM_S", 0.2)
    monkeypatch.setattr(costs, "IDLE_S", 0.2)
    load = QueueLoad(ready=4, unavailable=3, talk_s=0.1, rate=10.0, recording=True)
    row = await queue_calls.measure(1.0, load)
    assert (row["calls"], row["failed"], row["recording"]) == (10, 0, True)
    assert row["cpu_s_per_1000"] == pytest.approx(
        sum(row[name] for name in ("control", "media", "speech", "web", "others")), abs=0.01
    )
    assert row["control"] > 0
    assert row["media"] > 0
    assert 0 <= row["idle_cpu_per_s"]["together"] < 2
