"""Callers who rest in a slot, and calls that are taken at another telephone."""

from collections.abc import Awaitable, Callable

import pytest

from daemon.config import TelephoneOptions
from daemon.control.calls.call import Phase
from daemon.control.calls.moves.asking import ParkRequest
from daemon.control.calls.moves.dialled import Inside, Outside, PickUp, Slot, wish_of
from daemon.control.calls.moves.parking import free_slot
from daemon.control.calls.moves.tables import PARK_TABLE, IllegalMove, ParkState, ParkStep, moved
from daemon.control.facade.directory import AgentInfo
from drivers.events import Cause, Replaced, Transferred
from tests.fakes.control_rig import ControlRig, make_queue
from tests.fakes.line import FakeLine, State
from tests.fakes.sound_records import assert_sound

MakeRig = Callable[..., Awaitable[ControlRig]]
OPTIONS = TelephoneOptions()


async def park(rig: ControlRig, line: FakeLine, slot: str = "", by: str = "2001") -> None:
    rig.controller.request(rig.call_on(line).id, ParkRequest(slot=slot, by=by))
    await rig.settle()


@pytest.mark.parametrize("state", ParkState)
@pytest.mark.parametrize("step", ParkStep)
def test_table_is_followed_or_refuses(state: ParkState, step: ParkStep) -> None:
    if (state, step) in PARK_TABLE:
        assert moved(PARK_TABLE, state, step) is PARK_TABLE[state, step]
    else:
        with pytest.raises(IllegalMove):
            moved(PARK_TABLE, state, step)


@pytest.mark.parametrize(
    ("number", "wish"),
    [
        ("*8", PickUp()),
        ("*82002", PickUp("2002")),
        ("*82999", None),
        ("*5", Slot()),
        ("*51", Slot("*51")),
        ("*59", Slot("*59")),
        ("*50", None),
        ("2002", Inside("2002")),
        ("5559000", Outside("5559000")),
        ("+495559000", Outside("+495559000")),
        ("sip:x@y", None),
        ("", None),
    ],
)
def test_what_a_number_means(number: str, wish: object) -> None:
    assert wish_of(number, OPTIONS, {"2001", "2002"}.__contains__) == wish


def test_slot_that_is_free() -> None:
    slots = ("*51", "*52")
    assert free_slot("", slots, {"*51"}) == "*52"
    assert free_slot("*52", slots, {"*51"}) == "*52"
    assert free_slot("*51", slots, {"*51"}) == ""
    assert free_slot("*59", slots, set()) == ""
    assert free_slot("", slots, set(slots)) == ""


async def test_agent_parks_and_a_colleague_takes_the_caller(rig: ControlRig) -> None:
    line, agent = await rig.connect()
    await rig.later(3)
    rig.driver.emit(Transferred(line=agent.id, to="*5", transfer="t1"))
    await rig.settle()
    assert (rig.phase(line), agent.state) == (Phase.PARKED, State.IDLE)
    assert rig.media.hears(line.port) == ()  # a soft signal, for there is no music
    assert (rig.driver.transfers, rig.driver.busy) == ([("t1", None)], [("*51", True)])
    assert rig.state("ann") == "ready"
    await rig.later(5)
    phone = await rig.dial("2002", "*51")
    assert rig.phase(line) is Phase.OUTSIDE
    assert list(rig.media.bridges.values()) == [frozenset((line.port, phone.port))]
    assert rig.driver.busy[-1] == ("*51", False)
    await rig.later(4)
    await rig.hang_up(phone)
    await rig.hang_up(line)
    assert_sound(rig)
    kinds = {row.kind: row.detail for row in rig.segments(rig.calls()[0])}
    assert kinds["parked"] == {"by": "ann", "to": "*51"}
    assert kinds["outside"] == {"by": "2002", "to": "2002", "way": "park"}


async def test_named_slot_and_one_that_is_taken(rig: ControlRig) -> None:
    line, _ = await rig.connect()
    await park(rig, line, "*54")
    assert rig.call_on(line).parked is not None
    other = await rig.call_sales(ani="5550199")
    agent = await rig.answer("2001")
    await park(rig, other, "*54")
    assert rig.phase(other) is Phase.TALKING
    rig.driver.emit(Transferred(line=agent.id, to="*54", transfer="t1"))
    await rig.settle()
    assert rig.driver.transfers == [("t1", Cause.CONGESTION)]
    for each in (line, other):
        await rig.hang_up(each)
    assert_sound(rig)
    assert rig.driver.busy == [("*54", True), ("*54", False)]


async def test_empty_slot_is_not_answered(rig: ControlRig) -> None:
    phone = await rig.dial("2002", "*53")
    assert phone.released_with == [Cause.UNALLOCATED]
    assert_sound(rig)


async def test_parked_caller_returns_to_who_parked_him(rig: ControlRig) -> None:
    line, agent = await rig.connect()
    await park(rig, line)
    await rig.later(121)
    assert (agent.state, rig.phase(line)) == (State.DIALLING, Phase.PARKED)
    await rig.later(31)
    assert agent.state is State.IDLE  # nobody lifts it: he rests on
    await rig.later(121)
    assert agent.state is State.DIALLING
    await rig.answer("2001")
    assert rig.phase(line) is Phase.OUTSIDE
    assert list(rig.media.bridges.values()) == [frozenset((line.port, agent.port))]
    await rig.hang_up(line)
    assert_sound(rig)


async def test_parked_caller_is_taken_while_the_parkers_telephone_rings(rig: ControlRig) -> None:
    line, agent = await rig.connect()
    await park(rig, line)
    await rig.later(121)
    phone = await rig.dial("2002", "*51")
    assert (agent.state, rig.phase(line)) == (State.IDLE, Phase.OUTSIDE)
    assert list(rig.media.bridges.values()) == [frozenset((line.port, phone.port))]
    await rig.hang_up(line)
    assert_sound(rig)


async def test_parked_caller_hangs_up(rig: ControlRig) -> None:
    line, _ = await rig.connect()
    await park(rig, line)
    await rig.hang_up(line)
    assert rig.driver.busy == [("*51", True), ("*51", False)]
    await rig.later(300)
    assert_sound(rig)


async def test_parked_caller_survives_a_crash(rig: ControlRig) -> None:
    line, _ = await rig.connect()
    await park(rig, line)
    await rig.again()
    assert (rig.phase(line), rig.driver.busy[-1]) == (Phase.PARKED, ("*51", True))
    phone = await rig.dial("2002", "*51")
    assert list(rig.media.bridges.values()) == [frozenset((line.port, phone.port))]
    await rig.again()
    assert rig.phase(line) is Phase.OUTSIDE
    await rig.hang_up(phone)
    await rig.hang_up(line)
    assert_sound(rig)


async def test_station_parks_whom_it_called(rig: ControlRig) -> None:
    caller = await rig.dial("2001", "2002")
    called = await rig.answer("2002")
    rig.driver.emit(Transferred(line=caller.id, to="*5", transfer="t1"))
    await rig.settle()
    assert caller.state is State.IDLE
    assert rig.media.bridges == {}
    again = await rig.dial("2001", "*51")
    assert list(rig.media.bridges.values()) == [frozenset((called.port, again.port))]
    await rig.hang_up(again)
    assert called.state is State.IDLE
    assert_sound(rig)


async def test_waiting_call_is_picked_up_by_a_colleague(rig: ControlRig) -> None:
    await rig.seat("ann", "bob")
    line = await rig.call_sales()
    rung = rig.driver.dialled[-1].number
    other = "2002" if rung == "2001" else "2001"
    await rig.later(2)
    phone = await rig.dial(other, "*8")
    assert rig.driver.telephone(rung).released_with == [Cause.ANSWERED_ELSEWHERE]
    assert list(rig.media.bridges.values()) == [frozenset((line.port, phone.port))]
    states = {"2001": rig.state("ann"), "2002": rig.state("bob")}
    assert (states[rung], states[other]) == ("ready", "busy")
    await rig.later(5)
    await rig.hang_up(phone)
    await rig.hear_out(line)
    await rig.hang_up(line)
    assert {rig.state("ann"), rig.state("bob")} == {"ready"}
    assert_sound(rig)
    (visit,) = rig.visits()
    assert (visit.outcome, visit.detail) == ("transferred_out", "picked up")


async def test_call_at_a_named_station_is_picked_up(rig: ControlRig) -> None:
    caller = await rig.dial("2001", "2002")
    rig.driver.line(caller.id)
    phone = await rig.dial("2001", "*82002", second=True)
    assert rig.driver.telephone("2002").released_with == [Cause.ANSWERED_ELSEWHERE]
    assert caller.state is State.TALKING
    assert list(rig.media.bridges.values()) == [frozenset((caller.port, phone.port))]
    await rig.hang_up(caller)
    assert_sound(rig)


async def test_nothing_rings_for_the_group(rig: ControlRig) -> None:
    await rig.seat("ann")
    line = await rig.call_sales()
    phone = await rig.dial("2002", "*8")  # nobody sits there, so it has no group
    assert phone.released_with == [Cause.UNALLOCATED]
    phone = await rig.dial("2002", "*82001")
    assert list(rig.media.bridges.values()) == [frozenset((line.port, phone.port))]
    await rig.hang_up(line)
    assert_sound(rig)


OTHERS = (
    AgentInfo(key=1, login="ann", name="Ann", station="2001"),
    AgentInfo(key=2, login="bob", name="Bob", station="2002", only_queues=True, queues=("claims",)),
    AgentInfo(key=3, login="eve", name="Eve", station="2003", only_queues=True, queues=("sales",)),
)


@pytest.mark.parametrize("rung", ["2001", "2002"])
async def test_call_between_telephones_is_picked_up_in_the_group_only(
    make_rig: MakeRig, rung: str
) -> None:
    queues = (make_queue(), make_queue(2, "claims"))
    rig = await make_rig(queues=queues, agents=OTHERS)
    await rig.seat("eve")
    phone = await rig.dial("2001" if rung == "2002" else "2002", rung)
    taker = await rig.dial("2003", "*8")
    if rung == "2001":  # ann, who is not there, serves all queues as well
        assert list(rig.media.bridges.values()) == [frozenset((phone.port, taker.port))]
        assert rig.driver.telephone(rung).released_with == [Cause.ANSWERED_ELSEWHERE]
    else:
        assert taker.released_with == [Cause.UNALLOCATED]
        assert rig.driver.telephone(rung).state is State.DIALLING
        taker = await rig.dial("2003", f"*8{rung}")  # by its name it can be taken
        assert list(rig.media.bridges.values()) == [frozenset((phone.port, taker.port))]
    await rig.hang_up(phone)
    assert_sound(rig)


async def test_flows_transfer_is_picked_up(rig: ControlRig) -> None:
    line, agent = await rig.connect()
    rig.driver.emit(Transferred(line=agent.id, to="2002", transfer="t1"))
    await rig.settle()
    await rig.hang_up(agent)
    phone = await rig.dial("2001", "*82002")
    assert list(rig.media.bridges.values()) == [frozenset((line.port, phone.port))]
    await rig.hang_up(line)
    assert_sound(rig)


async def test_telephone_takes_over_what_rings_at_another_one(rig: ControlRig) -> None:
    await rig.seat("ann")
    line = await rig.call_sales()
    rung = rig.driver.telephone("2001")
    rig.driver.emit(Replaced(line=rung.id, by="2002"))
    await rig.answer("2001")  # the line goes on with the other telephone
    assert rig.phase(line) is Phase.TALKING
    await rig.hang_up(line)
    assert_sound(rig)
    (ring,) = [row for row in rig.segments(rig.calls()[0]) if row.kind == "ring"]
    assert (ring.result, ring.detail["by"], ring.detail["way"]) == ("answered", "2002", "pick-up")


async def test_telephone_takes_over_a_transfer_that_rings(rig: ControlRig) -> None:
    caller = await rig.dial("2001", "2002")
    rig.driver.emit(Replaced(line=rig.driver.telephone("2002").id, by="2003"))
    await rig.answer("2002")
    await rig.hang_up(caller)
    assert_sound(rig)
    details = [row.detail for row in rig.segments(rig.calls()[0]) if row.kind == "outside"]
    assert details == [{"by": "2003", "to": "2002", "way": "pick-up"}]
