"""What the engine says of itself, and that it refuses new legs rather than serve all late."""

import pytest

from daemon.control.alarms.engine import REFUSED, EngineWatch
from daemon.control.alarms.standing import Alarms
from daemon.link.client import MediaLink
from daemon.link.errors import MediaRefused
from daemon.media.app import MediaProcess


async def test_without_time_a_new_leg_is_refused_and_those_that_are_there_go_on(
    link: MediaLink, media: MediaProcess, monkeypatch: pytest.MonkeyPatch
) -> None:
    alarms = Alarms(lambda: 50.0)
    watch = EngineWatch(alarms, link, lambda: 50.0)
    port, _ = await link.open_rtp()
    watch.seen(await link.counters())
    with monkeypatch.context() as context:
        context.setattr("daemon.media.rtp_ports.FULL_LOAD", -1.0)  # as if every core were busy
        with pytest.raises(MediaRefused, match="no time for another port") as refused:
            await link.open_rtp()
    assert refused.value.code == "overload"
    assert [state.port for state in (await link.snapshot()).ports] == [port]
    found = await link.counters()
    assert found[REFUSED] == 1
    watch.seen(found)
    assert [alarm.kind for alarm in alarms.standing()] == ["overload"]
    await link.open_rtp()


async def test_the_engine_measures_itself(link: MediaLink, media: MediaProcess) -> None:
    watch = EngineWatch(Alarms(lambda: 0.0), link, lambda: 0.0)
    port, _ = await link.open_rtp()
    watch.seen(await link.counters())
    shown = watch.figures()
    assert 0 <= shown["load_percent"] < 70
    assert shown["worst_late_ms"] >= 0
    assert (shown["refused"], shown["gap_ms"], shown["events_lost"]) == (0, 0, 0)
    assert {"late_ticks", "skipped_ticks", "ports"} <= shown.keys()
    assert (shown["prompts"], shown["prompts_mb"]) == (0, 0)
    await link.close(port)
