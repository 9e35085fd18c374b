"""Settings pages: every field of a form out and in again, rows, faults beside their fields."""

import msgspec
import pytest

from daemon.service.settings import (
    AnnouncementSettings,
    CalendarSettings,
    CallbackSettings,
    OverflowSettings,
    PersonSettings,
    QueueSettings,
    TierSettings,
    WideningSettings,
)
from tests.admin.conftest import SignIn
from tests.fakes.console_rig import ConsoleRig
from tests.fakes.html_form import form_of

EVERYTHING = QueueSettings(
    slug="sales",
    name="Sales",
    skills={"english": 3},
    skill_expression="billing or chinese>=4",
    widening=(
        WideningSettings(after_s=20.0, skill_expression="billing"),
        WideningSettings(after_s=60.0, when_nobody=True),
    ),
    strategy="percent_allocation",
    ring_s=12.0,
    wrap_up_s=30.0,
    priority=-2,
    call_rule="weighted",
    aging_s=45.0,
    call_share=3,
    weight=2.5,
    medium="chat",
    shares={"anna": 60, "bo": 40},
    seed=11,
    ring_step_s=4.0,
    reserve_below=0.7,
    reserve_over_s=90.0,
    max_wait_s=300.0,
    max_waiting=20,
    max_estimate_s=600.0,
    max_ratio=2.5,
    no_agents="leave",
    absent=("paused", "wrap_up"),
    calendar="office",
    closing="leave",
    unattended=True,
    overflow=(
        OverflowSettings(to=("support", "billing"), after_s=60.0, improve_s=15.0),
        OverflowSettings(to=("billing",), when_refused=True, when_nobody=True),
    ),
    max_overflows=2,
    announcements=AnnouncementSettings(every_s=45.0, position=False, on_progress=True),
    callback=CallbackSettings(dial_ahead_s=20.0, most_waiting=5),
    on_timeout="voicemail",
    on_full="main",
    last_agent_s=10.0,
    misses_to_pause=2,
    music="music",
    service_level_s=15.0,
    service_level_target=0.85,
    short_abandon_s=3.0,
    record=False,
    record_tone_s=15.0,
    enabled=False,
    version=1,
)


async def test_queue_with_every_setting_comes_back_from_its_form_unchanged(
    console: ConsoleRig, sign_in: SignIn
) -> None:
    client = await sign_in("boss")
    console.hotline.queues["sales"] = EVERYTHING
    form = form_of((await client.get("/queues/sales")).text)
    assert (await client.post("/queues/sales", form)).status == 302
    assert console.hotline.queues["sales"] == msgspec.structs.replace(EVERYTHING, version=2)


async def test_queue_at_the_limits_of_its_file_can_be_saved(
    console: ConsoleRig, sign_in: SignIn
) -> None:
    client = await sign_in("boss")
    most = {
        "ring_s": 600.0, "wrap_up_s": 86_400.0, "last_agent_s": 86_400.0, "misses_to_pause": 99,
        "max_waiting": 500_000, "service_level_s": 86_400.0, "short_abandon_s": 86_400.0,
        "max_wait_s": 86_400.0, "service_level_target": 0.0, "ring_step_s": 600.0, "weight": 1000.0,
    }  # fmt: skip
    for values in (most, {"ring_s": 1.0, "service_level_s": 1.0, "ring_step_s": 1.0}):
        version = console.hotline.queues["sales"].version
        console.hotline.queues["sales"] = msgspec.structs.replace(
            EVERYTHING, version=version, **values
        )
        form = form_of((await client.get("/queues/sales")).text)
        assert (await client.post("/queues/sales", form)).status == 302
        kept = console.hotline.queues["sales"]
        assert {name: getattr(kept, name) for name in values} == values


async def test_form_of_a_queue_asks_for_every_setting(console: ConsoleRig, sign_in: SignIn) -> None:
    console.hotline.queues["sales"] = EVERYTHING
    names = {name.partition(".")[0] for name in form_of(
        (await (await sign_in("boss")).get("/queues/sales")).text
    )}  # fmt: skip
    switched_off = {"enabled", "record"}
    assert names | switched_off == set(QueueSettings.__struct_fields__) - {"slug"}


async def test_every_setting_is_explained_in_both_languages(
    console: ConsoleRig, sign_in: SignIn
) -> None:
    console.hotline.queues["sales"] = EVERYTHING
    client = await sign_in("boss")
    english = (await client.get("/queues/sales")).text
    assert "low priorities may starve" in english
    assert "Beside the skills, as in: english&gt;=3" in english
    await client.post("/language", {"language": "zh"})
    chinese = (await client.get("/queues/sales")).text
    assert "低优先级可能一直等不到" in chinese
    assert "Widening" not in chinese


async def test_rows_are_added_and_dropped_without_losing_what_was_typed(
    console: ConsoleRig, sign_in: SignIn
) -> None:
    client = await sign_in("boss")
    console.hotline.queues["sales"] = EVERYTHING
    form = form_of((await client.get("/queues/sales")).text) | {"name": "Typed"}
    more = await client.post("/queues/sales", form | {"rows": "add:widening"})
    assert more.status == 200
    assert 'value="Typed"' in more.text
    assert 'name="widening.2.after_s" value="30"' in more.text
    less = await client.post("/queues/sales", form_of(more.text) | {"rows": "drop:widening.0"})
    sent = form_of(less.text)
    assert [sent[f"widening.{place}.after_s"] for place in (0, 1)] == ["60", "30"]
    assert console.hotline.queues["sales"] == EVERYTHING
    assert (await client.post("/queues/sales", sent)).status == 302
    kept = console.hotline.queues["sales"]
    assert [step.after_s for step in kept.widening] == [60.0, 30.0]
    assert kept.name == "Typed"
    for order in ("add:nowhere", "drop:widening.9", "drop:widening.x", "nonsense"):
        assert (await client.post("/queues/sales", sent | {"rows": order})).status == 200


@pytest.mark.parametrize(
    ("typed", "path", "words"),
    [
        ({"widening.0.skill_expression": "english and"}, "widening.0.skill_expression", "Write it"),
        ({"widening.1.after_s": "soon"}, "widening.1.after_s", "Not a number."),
        ({"skill_expression": "("}, "skill_expression", "Cannot be read."),
        ({"overflow.0.to": []}, "overflow.0.to", "Please fill this in."),
        ({"announcements.every_s": "-1"}, "announcements.every_s", "Too small."),
        ({"callback.ring_s": "1"}, "callback.ring_s", "Too small."),
        ({"shares.amount.anna": "0"}, "shares", "Too small."),
        ({"weight": "0"}, "weight", "Too small."),
        ({"reserve_below": "101"}, "reserve_below", "Too great."),
        ({"calendar": "nowhere"}, "calendar", "Please choose"),
    ],
)
async def test_fault_is_told_beside_its_field(
    console: ConsoleRig,
    sign_in: SignIn,
    typed: dict[str, str | list[str]],
    path: str,
    words: str,
) -> None:
    client = await sign_in("boss")
    console.hotline.queues["sales"] = EVERYTHING
    form = form_of((await client.get("/queues/sales")).text) | typed
    reply = await client.post("/queues/sales", form)
    assert reply.status == 422
    told = reply.text.partition(f'id="fault-{path}"')[2].partition("</p>")[0]
    assert words in told
    assert console.hotline.queues["sales"] == EVERYTHING


async def test_skill_of_a_site_file_may_have_any_name_a_new_one_may_not(
    console: ConsoleRig, sign_in: SignIn
) -> None:
    client = await sign_in("boss")
    odd = msgspec.structs.replace(EVERYTHING, skills={"Front-Desk": 2})
    console.hotline.queues["sales"] = odd
    form = form_of((await client.get("/queues/sales")).text)
    assert (await client.post("/queues/sales", form)).status == 302
    assert console.hotline.queues["sales"].skills == {"Front-Desk": 2}
    new = form | {"version": "2", "skills.new.9": "Two Words", "skills.new_level.9": "3"}
    reply = await client.post("/queues/sales", new)
    assert (reply.status, "Use small letters" in reply.text) == (422, True)


async def test_agent_with_every_setting_comes_back_from_its_form_unchanged(
    console: ConsoleRig, sign_in: SignIn
) -> None:
    client = await sign_in("boss")
    anna = PersonSettings(
        login="anna",
        name="Anna Berg",
        roles=("agent", "supervisor"),
        station="2001",
        skills={"english": 7, "billing": 3},
        reserve=("billing",),
        queues=("support", "sales"),
        only_queues=True,
        capacity={"call": 1, "chat": 3},
        interruptible=("chat", "mail"),
        version=1,
    )
    console.hotline.people["anna"] = anna
    form = form_of((await client.get("/agents/anna")).text)
    assert (await client.post("/agents/anna", form)).status == 302
    assert console.hotline.people["anna"] == msgspec.structs.replace(anna, version=2)


async def test_tier_is_made_changed_and_removed(console: ConsoleRig, sign_in: SignIn) -> None:
    client = await sign_in("boss")
    assert "Nobody comes first yet" in (await client.get("/tiers")).text
    form = form_of((await client.get("/tiers/new")).text) | {
        "slug": "gold", "name": "Gold", "numbers": "+4930* \n5551,5551", "priority": "3",
        "agents.0": "bo", "agents.1": "anna", "agents.2": "bo", "limit_s": "8", "keep_lines": "2",
    }  # fmt: skip
    assert (await client.post("/tiers/new", form)).status == 302
    gold = console.hotline.tiers["gold"]
    assert gold == TierSettings(
        slug="gold", name="Gold", priority=3, agents=("bo", "anna"), limit_s=8, keep_lines=2,
        numbers=("+4930*", "5551"), version=1,
    )  # fmt: skip
    assert "+4930*" in (await client.get("/tiers")).text
    again = form_of((await client.get("/tiers/gold")).text)
    assert (await client.post("/tiers/gold", again)).status == 302
    assert console.hotline.tiers["gold"] == msgspec.structs.replace(gold, version=2)
    bad = await client.post("/tiers/gold", again | {"version": "2", "numbers": "12 a/b"})
    assert (bad.status, "a/b" in bad.text) == (422, True)
    assert (await client.post("/tiers/gold/delete")).status == 302
    assert console.hotline.tiers == {}


async def test_calendar_has_intervals_holidays_and_a_zone(
    console: ConsoleRig, sign_in: SignIn
) -> None:
    client = await sign_in("boss")
    form = form_of((await client.get("/calendars/new")).text) | {
        "name": "clinic", "zone": "Europe/Berlin", "week.mon": "09:00-12:00, 13:00-17:00",
        "week.sat": "22:00-06:00",
    }  # fmt: skip
    more = await client.post("/calendars/new", form | {"rows": "add:days"})
    form = form_of(more.text) | {"days.0.day": "2027-01-01", "days.0.intervals": ""}
    assert (await client.post("/calendars/new", form)).status == 302
    clinic = console.hotline.calendars["clinic"]
    assert clinic == CalendarSettings(
        name="clinic", zone="Europe/Berlin", version=1, days={"2027-01-01": ()},
        week={"mon": ("09:00-12:00", "13:00-17:00"), "sat": ("22:00-06:00",)},
    )  # fmt: skip
    again = form_of((await client.get("/calendars/clinic")).text)
    assert (await client.post("/calendars/clinic", again)).status == 302
    assert console.hotline.calendars["clinic"] == msgspec.structs.replace(clinic, version=2)
    listed = (await client.get("/calendars")).text
    assert "09:00-12:00, 13:00-17:00" in listed
    twice = again | {"version": "2", "days.1.day": "2027-01-01", "days.1.intervals": ""}
    assert "The same day is there twice." in (await client.post("/calendars/clinic", twice)).text
    bad = await client.post("/calendars/clinic", again | {"week.tue": "9 to 5"})
    assert "Write intervals like" in bad.text


async def test_telephone_is_added_with_a_password_that_no_page_shows(
    console: ConsoleRig, sign_in: SignIn
) -> None:
    client = await sign_in("boss")
    form = form_of((await client.get("/stations/new")).text)
    form |= {"name": "2009", "secret": "a good secret"}
    assert (await client.post("/stations/new", form)).status == 302
    assert console.hotline.telephones["2009"].has_secret
    for path in ("/stations", "/stations/2009", "/changes"):
        text = (await client.get(path)).text
        assert "2009" in text
        assert "a good secret" not in text
    technician = await sign_in("tech")
    assert (await technician.get("/stations")).status == 200
    assert (await technician.post("/stations/2009/delete")).status == 403


async def test_pin_of_a_mailbox_is_set_kept_and_forgotten(
    console: ConsoleRig, sign_in: SignIn
) -> None:
    client, telephones = await sign_in("boss"), console.hotline.telephones
    blank = form_of((await client.get("/stations/new")).text) | {"name": "2009", "secret": "abc123"}
    easy = await client.post("/stations/new", blank | {"pin": "4321"})
    assert (easy.status, "Too easy to guess" in easy.text) == (422, True)
    missing = await client.post("/stations/new", blank | {"has_pin": "on"})
    assert (missing.status, "with a PIN only" in missing.text) == (422, True)
    assert "2009" not in telephones  # nothing was stored before that
    assert (await client.post("/stations/new", blank | {"pin": "471108"})).status == 302
    assert telephones["2009"].has_pin
    page = (await client.get("/stations/2009")).text
    assert "471108" not in page
    form = form_of(page)
    assert form["has_pin"]
    assert (await client.post("/stations/2009", form)).status == 302
    assert telephones["2009"].has_pin
    form = form_of((await client.get("/stations/2009")).text)
    del form["has_pin"]
    assert (await client.post("/stations/2009", form)).status == 302
    assert not telephones["2009"].has_pin
