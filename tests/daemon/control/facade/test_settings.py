"""Settings: written, in force at once, versioned, taken back; and what is refused."""

import msgspec
import pytest

from acd_core.agent import AgentState
from daemon.control.calls.call import Phase
from daemon.service.messages import Actor, Text
from daemon.service.settings import (
    NumberSettings,
    PauseReason,
    PersonSettings,
    QueueSettings,
)
from tests.fakes.facade_rig import ANN, PASSWORD, ROOT, FacadeRig
from tests.fakes.refusals import refused

CLARA = PersonSettings(
    login="clara", name="Clara", roles=("agent",), station="2003", skills={"french": 7}
)


async def person(hotline: FacadeRig, login: str) -> PersonSettings:
    return next(p for p in await hotline.service.list_people() if p.login == login)


async def queue(hotline: FacadeRig, slug: str = "sales") -> QueueSettings:
    return next(q for q in await hotline.service.list_queues() if q.slug == slug)


async def test_new_agent_takes_calls_at_once(hotline: FacadeRig) -> None:
    applied = await hotline.service.put_person(ROOT, CLARA, "a good password")
    assert applied.version == 1
    clara = Actor(login="clara")
    grant = await hotline.service.log_in("clara", "a good password", "")
    assert grant.session.must_change_password
    hotline.driver.registered.add("2003")
    await hotline.service.agent_log_in(clara, "2003")
    await hotline.service.ready(clara)
    assert (await person(hotline, "clara")).skills == {"french": 7}
    assert "clara" in [agent.login for agent in hotline.rig.controller.directory.agents]


async def test_skill_of_a_queue_counts_for_the_next_caller(hotline: FacadeRig) -> None:
    await hotline.service.put_person(ROOT, CLARA, "")
    await hotline.seat(ANN)
    sales = await queue(hotline)
    changed = msgspec.structs.replace(sales, skills={"french": 5})
    assert (await hotline.service.put_queue(ROOT, changed)).version == sales.version + 1
    assert await hotline.service.list_skills() == ["french"]
    line = await hotline.rig.call_sales()
    assert hotline.rig.phase(line) is Phase.WAITING
    assert (await hotline.service.my_desk(ANN)).queues == ()
    ann = await person(hotline, "ann")
    await hotline.service.put_person(ROOT, msgspec.structs.replace(ann, skills={"french": 9}), "")
    await hotline.settle()
    assert hotline.rig.phase(line) is Phase.OFFERED
    await hotline.rig.hang_up(line)


async def test_two_editors_notice_each_other(hotline: FacadeRig) -> None:
    sales = await queue(hotline)
    await hotline.service.put_queue(ROOT, msgspec.structs.replace(sales, ring_s=25))
    late = await refused(
        hotline.service.put_queue(ROOT, msgspec.structs.replace(sales, wrap_up_s=5))
    )
    assert late.code == "conflict"
    assert (await queue(hotline)).ring_s == 25
    again = await refused(
        hotline.service.put_person(ROOT, PersonSettings(login="ann", name=""), "")
    )
    assert again.code == "conflict"


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"slug": "no slug"}, "slug"),
        ({"strategy": "dice"}, "strategy"),
        ({"ring_s": 0.0}, "ring_s"),
        ({"wrap_up_s": -1.0}, "wrap_up_s"),
        ({"service_level_s": 0.0}, "service_level_s"),
        ({"service_level_target": 1.5}, "service_level_target"),
        ({"max_waiting": -1}, "max_waiting"),
        ({"skills": {"french": 11}}, "skills"),
        ({"on_timeout": "nowhere"}, "on_timeout"),
        ({"on_full": "nowhere"}, "on_full"),
    ],
)
async def test_unusable_queue_is_refused_with_its_field(
    hotline: FacadeRig, change: dict[str, object], field: str
) -> None:
    new = msgspec.structs.replace(QueueSettings(slug="new", name="New"), **change)
    fault = await refused(hotline.service.put_queue(ROOT, new))
    assert (fault.code, list(fault.fields)) == ("invalid", [field])
    assert await hotline.service.list_changes(ROOT, 5) == []


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"number": ""}, "number"),
        ({"flow": "nowhere"}, "flow"),
        ({"flow": "", "queue": "nowhere"}, "queue"),
        ({"flow": ""}, "flow"),
        ({"calendar": "nowhere"}, "calendar"),
        ({"closed_flow": "nowhere"}, "closed_flow"),
    ],
)
async def test_unusable_number_is_refused_with_its_field(
    hotline: FacadeRig, change: dict[str, object], field: str
) -> None:
    new = msgspec.structs.replace(NumberSettings(number="200", flow="main"), **change)
    fault = await refused(hotline.service.put_number(ROOT, new))
    assert (fault.code, list(fault.fields)) == ("invalid", [field])


async def test_number_counts_from_the_next_call_and_can_be_removed(hotline: FacadeRig) -> None:
    number = NumberSettings(number="700", queue="sales", language="zh")
    await hotline.service.put_number(ROOT, number)
    line = await hotline.rig.call("700")
    assert hotline.rig.phase(line) is Phase.WAITING
    assert hotline.rig.call_on(line).language == "zh"
    await hotline.service.delete_number(ROOT, "700")
    assert (await hotline.rig.call("700")).released_with
    assert hotline.rig.phase(line) is Phase.WAITING
    await hotline.rig.hang_up(line)
    assert (await refused(hotline.service.delete_number(ROOT, "700"))).code == "not-found"


async def test_queue_in_use_is_not_removed(hotline: FacadeRig) -> None:
    await hotline.service.put_number(ROOT, NumberSettings(number="700", queue="sales"))
    assert (await refused(hotline.service.delete_queue(ROOT, "sales"))).code == "conflict"
    await hotline.service.delete_number(ROOT, "700")
    line = await hotline.rig.call_sales()
    assert (await refused(hotline.service.delete_queue(ROOT, "sales"))).code == "conflict"
    await hotline.rig.hang_up(line)
    await hotline.service.delete_queue(ROOT, "sales")
    assert await hotline.service.list_queues() == []
    again = await hotline.rig.call_sales()
    assert hotline.rig.phase(again) is Phase.FLOW
    await hotline.rig.hang_up(again)


async def test_callers_leave_a_queue_that_is_switched_off(hotline: FacadeRig) -> None:
    line = await hotline.rig.call_sales()
    sales = await queue(hotline)
    await hotline.service.put_queue(ROOT, msgspec.structs.replace(sales, enabled=False))
    await hotline.settle()
    assert hotline.rig.phase(line) is Phase.FLOW
    assert hotline.rig.visits()[0].detail == "queue_removed"
    await hotline.rig.hang_up(line)


async def test_person_at_a_seat_is_not_removed(hotline: FacadeRig) -> None:
    await hotline.seat(ANN)
    assert (await refused(hotline.service.delete_person(ROOT, "ann"))).code == "conflict"
    await hotline.service.agent_log_out(ANN)
    await hotline.service.delete_person(ROOT, "ann")
    assert (await refused(hotline.service.log_in("ann", PASSWORD, ""))).code == "wrong-login"
    assert (await refused(hotline.service.my_desk(ANN))).code == "forbidden"


async def test_person_who_is_switched_off_leaves_the_seat(hotline: FacadeRig) -> None:
    await hotline.seat(ANN)
    ann = await person(hotline, "ann")
    await hotline.service.put_person(ROOT, msgspec.structs.replace(ann, enabled=False), "")
    await hotline.settle()
    line = await hotline.rig.call_sales()
    assert hotline.rig.phase(line) is Phase.WAITING
    assert hotline.rig.controller.seats == {}
    views = hotline.rig.engine.snapshot(hotline.clock()).agents
    assert [view.name for view in views] == ["bob"]
    await hotline.rig.hang_up(line)


async def test_person_who_is_switched_off_in_a_call_may_finish_it(hotline: FacadeRig) -> None:
    line, _ = await hotline.talk(ANN)
    ann = await person(hotline, "ann")
    await hotline.service.put_person(ROOT, msgspec.structs.replace(ann, enabled=False), "")
    assert hotline.rig.phase(line) is Phase.TALKING
    await hotline.rig.hang_up(line)
    hotline.clock.now += 20
    await hotline.in_force.reload()
    again = await hotline.rig.call_sales()
    assert hotline.rig.phase(again) is Phase.WAITING
    states = {v.name: v.state for v in hotline.rig.engine.snapshot(hotline.clock()).agents}
    assert states.get("ann", AgentState.LOGGED_OUT) in (
        AgentState.LOGGED_OUT,
        AgentState.WRAP_UP,
    )
    await hotline.rig.hang_up(again)


async def test_somebody_remains_administrator(hotline: FacadeRig) -> None:
    root = await person(hotline, "root")
    for change in ({"roles": ("agent",)}, {"enabled": False}):
        weaker = msgspec.structs.replace(root, **change)
        assert (await refused(hotline.service.put_person(ROOT, weaker, ""))).code == "conflict"
    assert (await refused(hotline.service.delete_person(ROOT, "root"))).code == "conflict"


async def test_undo_does_not_take_the_last_administrator_either(hotline: FacadeRig) -> None:
    second = PersonSettings(login="second", name="Second", roles=("administrator",))
    applied = await hotline.service.put_person(ROOT, second, "")
    root = await person(hotline, "root")
    await hotline.service.put_person(ROOT, msgspec.structs.replace(root, roles=("agent",)), "")
    who = Actor(login="second")
    assert (await refused(hotline.service.undo_change(who, applied.change))).code == "conflict"
    assert (await person(hotline, "second")).roles == ("administrator",)


async def test_weak_password_leaves_no_half_made_person(hotline: FacadeRig) -> None:
    fault = await refused(hotline.service.put_person(ROOT, CLARA, "short"))
    assert fault.fields == {"password": "password-too-short"}
    assert [p.login for p in await hotline.service.list_people() if p.login == "clara"] == []
    await hotline.service.put_person(ROOT, CLARA, "a good password")


@pytest.mark.parametrize(
    ("change", "field"),
    [({"login": "no login"}, "login"), ({"roles": ()}, "roles"), ({"skills": {"x": 0}}, "skills")],
)
async def test_unusable_person_is_refused_with_the_field(
    hotline: FacadeRig, change: dict[str, object], field: str
) -> None:
    new = msgspec.structs.replace(CLARA, **change)
    fault = await refused(hotline.service.put_person(ROOT, new, ""))
    assert (fault.code, list(fault.fields)) == ("invalid", [field])


async def test_role_that_does_not_exist_is_refused(hotline: FacadeRig) -> None:
    new = msgspec.structs.replace(CLARA, roles=("agent", "emperor"))
    fault = await refused(hotline.service.put_person(ROOT, new, ""))
    assert (fault.code, list(fault.fields)) == ("invalid", ["roles"])
    assert (await hotline.service.log_in("root", PASSWORD, "")).session.login == "root"


async def test_pause_reasons_come_and_go(hotline: FacadeRig) -> None:
    await hotline.seat(ANN)
    tea = PauseReason(slug="tea", text=Text("Tea", "喝茶"))
    applied = await hotline.service.put_pause_reason(ROOT, tea)
    await hotline.service.pause(ANN, "tea")
    off = msgspec.structs.replace(tea, enabled=False, version=applied.version)
    await hotline.service.put_pause_reason(ROOT, off)
    assert (await refused(hotline.service.pause(ANN, "tea"))).code == "invalid"
    await hotline.service.delete_pause_reason(ROOT, "tea")
    assert [r.slug for r in await hotline.service.list_pause_reasons()] == ["lunch"]
    empty = await refused(
        hotline.service.put_pause_reason(ROOT, PauseReason(slug="", text=Text("")))
    )
    assert empty.code == "invalid"


async def test_changes_are_in_the_ledger_and_can_be_taken_back(hotline: FacadeRig) -> None:
    sales = await queue(hotline)
    changed = msgspec.structs.replace(sales, ring_s=33.0)
    first = await hotline.service.put_queue(ROOT, changed)
    new = await hotline.service.put_number(ROOT, NumberSettings(number="700", flow="main"))
    gone = await hotline.service.delete_pause_reason(ROOT, "lunch")
    entries = await hotline.service.list_changes(ROOT, 10)
    assert [(e.actor, e.kind, e.key, bool(e.before), bool(e.after)) for e in entries] == [
        ("root", "pause_reason", "lunch", True, False),
        ("root", "number", "700", False, True),
        ("root", "queue", "sales", True, True),
    ]
    for change in (gone.change, new.change, first.change):
        await hotline.service.undo_change(ROOT, change)
    assert (await queue(hotline)).ring_s == sales.ring_s
    assert [n.number for n in await hotline.service.list_numbers()] == ["100"]
    assert [r.slug for r in await hotline.service.list_pause_reasons()] == ["lunch"]
    assert (await refused(hotline.service.undo_change(ROOT, first.change))).code == "conflict"
    assert (await refused(hotline.service.undo_change(ROOT, 999))).code == "not-found"


async def test_changed_person_is_as_before_by_undo(hotline: FacadeRig) -> None:
    ann = await person(hotline, "ann")
    changed = msgspec.structs.replace(ann, name="Annabel", skills={"french": 3})
    applied = await hotline.service.put_person(ROOT, changed, "")
    await hotline.service.undo_change(ROOT, applied.change)
    back = await person(hotline, "ann")
    assert (back.name, back.skills) == (ann.name, ann.skills)


async def test_removed_person_comes_back_by_undo(hotline: FacadeRig) -> None:
    await hotline.service.put_person(ROOT, CLARA, "")
    gone = await hotline.service.delete_person(ROOT, "clara")
    await hotline.service.undo_change(ROOT, gone.change)
    back = await person(hotline, "clara")
    assert (back.name, back.station, back.skills, back.roles) == (
        "Clara", "2003", {"french": 7}, ("agent",),
    )  # fmt: skip


async def test_changes_are_audited(hotline: FacadeRig) -> None:
    await hotline.service.put_number(ROOT, NumberSettings(number="700", flow="main"))
    assert await hotline.acts() == [("root", "number.put", "700")]


async def test_stations_are_told_to_the_drivers(hotline: FacadeRig) -> None:
    assert [account.name for account in hotline.stations.accounts] == ["2001", "2002", "2003"]
    assert hotline.rig.controller.stations == ("2001", "2002", "2003")
