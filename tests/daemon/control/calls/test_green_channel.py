"""Callers of a tier: lines are kept for them, and the engine is told which tier they have."""

from collections.abc import Awaitable, Callable

from acd_core.events import CallOffered, decode
from acd_core.ids import TierId
from daemon.control.acd_runner import JOURNAL_KIND
from daemon.control.calls.call import Phase
from daemon.control.facade.directory import TierInfo
from drivers.events import Cause
from tests.fakes.control_rig import ControlRig
from tests.fakes.sound_records import assert_sound

MakeRig = Callable[..., Awaitable[ControlRig]]
GOLD = TierInfo(key=TierId(1), slug="gold", keep_lines=2, numbers=("0301*",))


async def test_lines_are_kept_for_a_tier(make_rig: MakeRig) -> None:
    rig = await make_rig(tiers=(GOLD,))
    strangers = [await rig.call("200", ani=f"040{n}") for n in range(3)]
    assert [rig.driver.line(line).released_with for line in rig.driver.trunks[:3]] == [
        [],
        [],
        [Cause.CONGESTION],
    ]
    gold = [await rig.call("200", ani="03015550") for _ in range(2)]
    assert [rig.phase(line) for line in gold] == [Phase.WAITING, Phase.WAITING]
    for line in (*strangers[:2], *gold):
        await rig.hang_up(line)
    assert_sound(rig)


async def test_the_engine_is_told_the_tier(make_rig: MakeRig) -> None:
    rig = await make_rig(tiers=(GOLD,))
    await rig.call("200", ani="03015550")
    await rig.call("200", ani="0409")
    events = [decode(r.payload) for r in rig.journal.read() if r.kind == JOURNAL_KIND]
    assert [e.tier for e in events if isinstance(e, CallOffered)] == [TierId(1), None]
