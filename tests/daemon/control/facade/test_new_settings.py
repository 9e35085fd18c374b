"""Calendars, telephones, the unattended switch: stored, told to the engine, taken back."""

import hashlib

import msgspec
import pytest

from acd_core.agent import Medium
from acd_core.events import (
    AcdEvent,
    AgentConfigured,
    CallbackTaken,
    QueueAttended,
    QueueConfigured,
    decode,
)
from acd_core.ids import to_text
from acd_core.queue_life.options import Announcements, CallbackRules, Overflow
from daemon.control.acd_runner import JOURNAL_KIND
from daemon.control.calls.call import Phase
from daemon.service.settings import (
    AnnouncementSettings,
    CalendarSettings,
    CallbackSettings,
    NumberSettings,
    OverflowSettings,
    QueueSettings,
    StationSettings,
)
from daemon.store.people import Station
from tests.fakes.facade_rig import ANN, ROOT, SUE, FacadeRig
from tests.fakes.refusals import refused

OFFICE = CalendarSettings(
    name="office",
    zone="Europe/Berlin",
    week={"mon": ("09:00-12:00", "13:00-17:00")},
    days={"2027-01-01": ()},
)


def told(hotline: FacadeRig) -> list[AcdEvent]:
    """Everything that the engine was told, as the journal has it."""
    hotline.rig.journal.sync()
    found = hotline.rig.journal.read()
    return [decode(record.payload) for record in found if record.kind == JOURNAL_KIND]


async def queue(hotline: FacadeRig, slug: str = "sales") -> QueueSettings:
    return next(q for q in await hotline.service.list_queues() if q.slug == slug)


async def test_queue_has_the_hours_of_its_calendar_and_follows_them(hotline: FacadeRig) -> None:
    await hotline.service.put_calendar(ROOT, OFFICE)
    sales = msgspec.structs.replace(await queue(hotline), calendar="office", closing="leave")
    await hotline.service.put_queue(ROOT, sales)
    last = told(hotline)[-1]
    assert isinstance(last, QueueConfigured)
    assert last.config.hours is not None
    assert last.config.hours.zone == "Europe/Berlin"
    (stored,) = await hotline.service.list_calendars()
    later = msgspec.structs.replace(stored, week={"tue": ("10:00-11:00",)})
    await hotline.service.put_calendar(ROOT, later)
    last = told(hotline)[-1]
    assert isinstance(last, QueueConfigured)
    assert last.config.hours is not None
    assert list(last.config.hours.week) == [1]


async def test_calendar_in_use_is_not_removed(hotline: FacadeRig) -> None:
    await hotline.service.put_calendar(ROOT, OFFICE)
    number = NumberSettings(number="700", queue="sales", calendar="office")
    await hotline.service.put_number(ROOT, number)
    assert (await refused(hotline.service.delete_calendar(ROOT, "office"))).code == "conflict"
    await hotline.service.delete_number(ROOT, "700")
    await hotline.service.delete_calendar(ROOT, "office")
    assert await hotline.service.list_calendars() == []
    await hotline.service.undo_change(ROOT, 4)
    assert [calendar.name for calendar in await hotline.service.list_calendars()] == ["office"]


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"name": ""}, "name"),
        ({"zone": "Mars"}, "zone"),
        ({"week": {"someday": ()}}, "week"),
        ({"week": {"mon": ("9-12",)}}, "week"),
        ({"week": {"mon": ("09:00-12:00", "11:00-13:00")}}, "week"),
        ({"days": {"2027-02-30": ()}}, "days"),
    ],
)
async def test_unusable_calendar_is_refused_with_its_field(
    hotline: FacadeRig, change: dict[str, object], field: str
) -> None:
    new = msgspec.structs.replace(OFFICE, **change)
    fault = await refused(hotline.service.put_calendar(ROOT, new))
    assert (fault.code, list(fault.fields)) == ("invalid", [field])


async def test_unattended_queue_is_switched_alone_and_audited(hotline: FacadeRig) -> None:
    version = (await queue(hotline)).version
    applied = await hotline.service.set_queue_unattended(SUE, "sales", unattended=True)
    last = told(hotline)[-1]
    assert isinstance(last, QueueAttended)
    assert last.unattended
    assert applied.version == version + 1
    assert (await queue(hotline)).unattended
    again = await hotline.service.set_queue_unattended(SUE, "sales", unattended=True)
    assert (again.version, again.change) == (applied.version, 0)
    await hotline.service.set_queue_unattended(SUE, "sales", unattended=False)
    acts = [act for act in await hotline.acts() if act[1].startswith("queue.")]
    assert acts == [
        ("sue", "queue.unattended", "sales"),
        ("sue", "queue.unattended", "sales"),
        ("sue", "queue.attended", "sales"),
    ]
    assert (await refused(
        hotline.service.set_queue_unattended(ANN, "sales", unattended=True)
    )).code == "forbidden"  # fmt: skip
    assert (await refused(
        hotline.service.set_queue_unattended(SUE, "nowhere", unattended=True)
    )).code == "not-found"  # fmt: skip


async def test_options_of_a_queue_reach_the_engine_for_callers_who_wait(
    hotline: FacadeRig,
) -> None:
    await hotline.service.put_queue(ROOT, QueueSettings(slug="night", name="Night"))
    line = await hotline.rig.call_sales()
    changed = msgspec.structs.replace(
        await queue(hotline),
        overflow=(OverflowSettings(to=("night",), after_s=30),),
        announcements=AnnouncementSettings(every_s=40),
        callback=CallbackSettings(most_waiting=2),
    )
    await hotline.service.put_queue(ROOT, changed)
    night = hotline.rig.controller.directory.queue_by_slug("night")
    last = told(hotline)[-1]
    assert isinstance(last, QueueConfigured)
    assert night is not None
    assert last.config.overflow == (Overflow(to=(night.key,), after_s=30.0),)  # type: ignore[arg-type]
    assert last.config.announcements == Announcements(every_s=40.0)
    assert last.config.callback == CallbackRules(most_waiting=2)
    assert (await refused(hotline.service.delete_queue(ROOT, "night"))).code == "conflict"
    await hotline.rig.hang_up(line)


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"overflow": (OverflowSettings(to=("sales",), after_s=5),)}, "overflow"),
        ({"overflow": (OverflowSettings(to=("nowhere",), after_s=5),)}, "overflow"),
        ({"overflow": (OverflowSettings(to=("new",)),)}, "overflow"),
        ({"overflow": (OverflowSettings(to=(), after_s=5),)}, "overflow"),
        ({"announcements": AnnouncementSettings(every_s=3)}, "announcements"),
        ({"announcements": AnnouncementSettings(position=False, estimate=False)}, "announcements"),
        ({"callback": CallbackSettings(ring_s=0)}, "callback"),
        ({"callback": CallbackSettings(longest_s=1e9)}, "callback"),
        ({"calendar": "nowhere"}, "calendar"),
        ({"closing": "shut"}, "closing"),
        ({"medium": "fax"}, "medium"),
        ({"weight": 0.0}, "weight"),
        ({"ring_step_s": 0.0}, "ring_step_s"),
        ({"reserve_below": 80.0}, "reserve_below"),
        ({"reserve_over_s": -1.0}, "reserve_over_s"),
        ({"max_overflows": 11}, "max_overflows"),
    ],
)
async def test_unusable_option_of_a_queue_is_refused_with_its_field(
    hotline: FacadeRig, change: dict[str, object], field: str
) -> None:
    new = msgspec.structs.replace(await queue(hotline), **change)
    fault = await refused(hotline.service.put_queue(ROOT, new))
    assert (fault.code, list(fault.fields)) == ("invalid", [field])


async def test_work_of_an_agent_reaches_the_engine(hotline: FacadeRig) -> None:
    ann = next(p for p in await hotline.service.list_people() if p.login == "ann")
    changed = msgspec.structs.replace(
        ann,
        skills={"french": 8},
        reserve=("french",),
        queues=("sales",),
        only_queues=True,
        capacity={"call": 1, "chat": 2},
        interruptible=("chat",),
    )
    await hotline.service.put_person(ROOT, changed, "")
    last = told(hotline)[-1]
    assert isinstance(last, AgentConfigured)
    assert (len(last.config.reserve), last.config.only_queues) == (1, True)
    assert list(last.config.queues.values()) == [0]
    assert last.config.capacity == {Medium.CALL: 1, Medium.CHAT: 2}
    assert last.config.interruptible == (Medium.CHAT,)


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"reserve": ("french",)}, "reserve"),
        ({"queues": ("nowhere",)}, "queues"),
        ({"only_queues": True}, "only_queues"),
        ({"capacity": {"call": 2}}, "capacity"),
        ({"capacity": {"fax": 1}}, "capacity"),
        ({"interruptible": ("call",)}, "interruptible"),
        ({"station": "9999"}, "station"),
    ],
)
async def test_unusable_work_of_an_agent_is_refused_with_its_field(
    hotline: FacadeRig, change: dict[str, object], field: str
) -> None:
    ann = next(p for p in await hotline.service.list_people() if p.login == "ann")
    new = msgspec.structs.replace(ann, **change)
    fault = await refused(hotline.service.put_person(ROOT, new, ""))
    assert (fault.code, list(fault.fields)) == ("invalid", [field])


async def test_new_telephone_may_register_with_its_password_only(hotline: FacadeRig) -> None:
    new = StationSettings(name="2009")
    assert (await refused(hotline.service.put_station(ROOT, new, ""))).fields == {
        "secret": "required"
    }
    assert (await refused(hotline.service.put_station(ROOT, new, "short"))).fields == {
        "secret": "too-short"
    }
    await hotline.service.put_station(ROOT, new, "a good secret")
    account = next(one for one in hotline.stations.accounts if one.name == "2009")
    digest = hashlib.md5(b"2009:hookflash:a good secret", usedforsecurity=False).hexdigest()
    assert (account.ha1_md5, account.realm) == (digest, "hookflash")
    assert "2009" in hotline.rig.controller.stations
    stored = next(s for s in await hotline.service.list_station_settings() if s.name == "2009")
    assert (stored.has_secret, stored.version) == (True, 1)
    moved = msgspec.structs.replace(stored, realm="elsewhere")
    assert (await refused(hotline.service.put_station(ROOT, moved, ""))).fields == {
        "secret": "required"
    }
    assert "a good secret" not in str(await hotline.service.list_changes(ROOT, 5))


@pytest.mark.parametrize(
    ("pin", "fault"),
    [("123", "not-a-pin"), ("12a4", "not-a-pin"), ("1" * 17, "not-a-pin"), ("7777", "easy-pin"),
     ("4567", "easy-pin"), ("8765", "easy-pin"), ("²³¹⁴", "not-a-pin")],
)  # fmt: skip
async def test_pins_that_can_be_guessed_are_refused(
    hotline: FacadeRig, pin: str, fault: str
) -> None:
    told = await refused(hotline.service.set_mailbox_pin(ROOT, "2001", pin))
    assert (told.code, told.fields) == ("invalid", {"pin": fault})


async def test_the_pin_of_a_mailbox_is_kept_as_argon2_and_audited(hotline: FacadeRig) -> None:
    await hotline.service.set_mailbox_pin(ROOT, "2001", "4711")
    row = await Station.get(name="2001")
    assert row.pin_hash.startswith("$argon2id$")
    assert "4711" not in row.pin_hash
    settings = {each.name: each for each in await hotline.service.list_station_settings()}
    assert [settings[name].has_pin for name in ("2001", "2002")] == [True, False]
    # What else is changed leaves it as it is.
    await hotline.service.put_station(ROOT, settings["2001"], "a good secret")
    assert (await Station.get(name="2001")).pin_hash == row.pin_hash
    await hotline.service.set_mailbox_pin(ROOT, "2001", "")
    assert (await Station.get(name="2001")).pin_hash == ""
    assert ("root", "station.pin", "2001") in await hotline.acts()
    assert (await refused(hotline.service.set_mailbox_pin(ANN, "2001", "4711"))).code == "forbidden"
    missing = await refused(hotline.service.set_mailbox_pin(ROOT, "2999", "4711"))
    assert missing.code == "not-found"


async def test_telephone_of_a_board_needs_no_password(hotline: FacadeRig) -> None:
    await hotline.service.put_station(ROOT, StationSettings(name="desk", line="board/7"), "")
    assert "desk" in hotline.rig.controller.stations
    assert "desk" not in [one.name for one in hotline.stations.accounts]


async def test_telephone_in_use_is_not_removed(hotline: FacadeRig) -> None:
    assert (await refused(hotline.service.delete_station(ROOT, "2001"))).code == "conflict"
    await hotline.seat(ANN, "2003")
    assert (await refused(hotline.service.delete_station(ROOT, "2003"))).code == "conflict"
    await hotline.service.agent_log_out(ANN)
    await hotline.service.delete_station(ROOT, "2003")
    assert "2003" not in hotline.rig.controller.stations


async def test_place_that_nobody_keeps_cannot_be_given_up(hotline: FacadeRig) -> None:
    fault = await refused(hotline.service.cancel_callback(SUE, "0000000000001"))
    assert fault.code == "not-found"
    assert (await refused(hotline.service.cancel_callback(ANN, "0000000000001"))).code == (
        "forbidden"
    )


async def test_unattended_queue_is_empty_until_it_is_switched_back(hotline: FacadeRig) -> None:
    waits = await hotline.rig.call_sales()
    await hotline.service.set_queue_unattended(SUE, "sales", unattended=True)
    await hotline.settle()
    shown = (await hotline.service.live()).queues[0]
    assert (shown.open, shown.unattended, shown.waiting) == (False, True, ())
    assert hotline.rig.phase(waits) is not Phase.WAITING
    late = await hotline.rig.call_sales()
    assert hotline.rig.phase(late) is not Phase.WAITING
    await hotline.service.set_queue_unattended(SUE, "sales", unattended=False)
    assert (await hotline.service.live()).queues[0].open
    again = await hotline.rig.call_sales()
    assert hotline.rig.phase(again) is Phase.WAITING
    for line in (waits, late, again):
        await hotline.rig.hang_up(line)


async def test_kept_place_is_shown_and_given_up(hotline: FacadeRig) -> None:
    taken = msgspec.structs.replace(await queue(hotline), callback=CallbackSettings())
    await hotline.service.put_queue(ROOT, taken)
    line = await hotline.rig.call_sales(ani="4711")
    call = hotline.rig.call_on(line)
    assert hotline.rig.controller.acd.submit(CallbackTaken(call=call.id, number="4711"))
    await hotline.settle()
    (kept,) = (await hotline.service.live()).queues[0].callbacks
    assert (kept.call, kept.number, kept.position, kept.attempts) == (
        to_text(call.id),
        "4711",
        1,
        0,
    )
    await hotline.service.cancel_callback(SUE, kept.call)
    assert (await hotline.service.live()).queues[0].callbacks == ()
    assert (await refused(hotline.service.cancel_callback(SUE, kept.call))).code == "not-found"
    assert ("sue", "callback.cancel", kept.call) in await hotline.acts()


async def test_agent_of_other_queues_is_not_counted_in_this_one(hotline: FacadeRig) -> None:
    await hotline.service.put_queue(ROOT, QueueSettings(slug="night", name="Night"))
    ann = next(p for p in await hotline.service.list_people() if p.login == "ann")
    alone = msgspec.structs.replace(ann, queues=("night",), only_queues=True)
    await hotline.service.put_person(ROOT, alone, "")
    await hotline.seat(ANN)
    shown = {
        queue.slug: (queue.agents, queue.ready) for queue in (await hotline.service.live()).queues
    }
    assert shown == {"night": (1, 1), "sales": (0, 0)}
    assert (await hotline.service.my_desk(ANN)).queues == ("night",)
