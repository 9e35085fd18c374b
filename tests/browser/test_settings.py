"""Settings in a real browser: sections, rows, what one rule needs, faults, the live switch."""

import time

import pytest
from playwright.async_api import Page, expect

from daemon.service.live import KeptCaller
from tests.browser.conftest import Keep, OpenAs
from tests.browser.test_console import busy_floor
from tests.fakes.console_rig import ConsoleRig

pytestmark = pytest.mark.browser


async def test_steps_and_ways_are_added_typed_and_saved(
    console: ConsoleRig, open_as: OpenAs, keep: Keep
) -> None:
    page = await open_as("boss", "/queues/support")
    await page.fill("[name=name]", "Typed before")
    await page.click("#add-widening")
    await page.fill("[name='widening.0.skill_expression']", "english>=3")
    await page.click("#add-widening")
    await page.fill("[name='widening.1.after_s']", "90")
    await page.click("#add-overflow")
    await page.check("[name='overflow.0.to'][value=sales]")
    await page.fill("[name='overflow.0.after_s']", "60")
    await expect(page.locator("[name=name]")).to_have_value("Typed before")
    await keep(page, "queue-rows")
    await page.click("[value='drop:widening.0']")
    await expect(page.locator("[name='widening.0.after_s']")).to_have_value("90")
    await page.click("button.primary")
    await expect(page.locator(".banner.good")).to_contain_text("in force")
    queue = console.hotline.queues["support"]
    assert queue.name == "Typed before"
    assert [(step.after_s, step.skill_expression) for step in queue.widening] == [(90.0, "")]
    assert [(way.to, way.after_s) for way in queue.overflow] == [(("sales",), 60.0)]


async def test_settings_of_one_rule_appear_with_it(open_as: OpenAs) -> None:
    page = await open_as("boss", "/queues/sales")
    warning = page.locator("[data-field=call_rule] .banner.warn")
    await expect(warning).to_contain_text("may starve")
    await expect(page.locator("[name=aging_s]")).to_be_hidden()
    await page.select_option("[name=call_rule]", "aging")
    await expect(page.locator("[name=aging_s]")).to_be_visible()
    await expect(warning).to_be_hidden()
    await page.select_option("[name=call_rule]", "weighted")
    await expect(page.locator("[name=weight]")).to_be_visible()
    await expect(page.locator("[name=ring_step_s]")).to_be_hidden()
    await page.select_option("[name=strategy]", "ring_progressively")
    await expect(page.locator("[name=ring_step_s]")).to_be_visible()
    await page.select_option("[name=strategy]", "percent_allocation")
    await expect(page.locator("[name='shares.amount.anna']")).to_be_visible()


async def test_options_are_switched_on_and_off(console: ConsoleRig, open_as: OpenAs) -> None:
    page = await open_as("boss", "/queues/sales")
    wait = page.locator("[name='callback.retry_s']")
    await expect(wait).to_be_hidden()
    await page.locator("[data-field=callback] .switch").first.click()
    await expect(wait).to_have_value("300")
    await wait.fill("120")
    await page.keyboard.press("Enter")
    await expect(page.locator(".banner.good")).to_be_visible()
    kept = console.hotline.queues["sales"].callback
    assert kept is not None
    assert kept.retry_s == 120.0
    assert console.hotline.queues["sales"].announcements is None


async def test_fault_is_seen_in_its_section_and_beside_its_field(
    open_as: OpenAs, keep: Keep
) -> None:
    page = await open_as("boss", "/queues/sales")
    await page.fill("[name=skill_expression]", "english and")
    await page.click("button.primary")
    fault = page.locator("[data-field=skill_expression] .fault")
    await expect(fault).to_contain_text("Cannot be read.")
    section = page.locator(".jump .faulty a")
    await expect(section).to_contain_text("Who may take the calls")
    await keep(page, "queue-fault")


async def test_agent_gets_reserve_skills_and_an_order(
    console: ConsoleRig, open_as: OpenAs, keep: Keep
) -> None:
    page = await open_as("boss", "/agents/anna")
    await page.check("[name=reserve][value=english]")
    await page.select_option("[name='queues.0']", "support")
    await page.select_option("[name='queues.1']", "sales")
    await page.fill("[name='capacity.amount.chat']", "2")
    await keep(page, "agent")
    await page.click("button.primary")
    await expect(page.locator(".banner.good")).to_be_visible()
    anna = console.hotline.people["anna"]
    assert (anna.reserve, anna.queues, anna.capacity) == (
        ("english",),
        ("support", "sales"),
        {"chat": 2},
    )


async def test_calendar_is_made_with_a_holiday(
    console: ConsoleRig, open_as: OpenAs, keep: Keep
) -> None:
    page = await open_as("boss", "/calendars/new")
    await page.fill("[name=name]", "clinic")
    await page.select_option("[name=zone]", "Europe/Berlin")
    await page.fill("[name='week.mon']", "07:30-12:30, 13:30-18:00")
    await page.click("#add-days")
    await page.fill("[name='days.0.day']", "2027-01-01")
    await keep(page, "calendar")
    await page.click("button.primary")
    await expect(page.locator("table.rows")).to_contain_text("07:30-12:30, 13:30-18:00")
    clinic = console.hotline.calendars["clinic"]
    assert (clinic.zone, dict(clinic.days)) == ("Europe/Berlin", {"2027-01-01": ()})


async def accept_questions(page: Page) -> list[str]:
    """Answer every question of the page with yes, and keep what it asked."""
    asked: list[str] = []

    async def yes(dialog) -> None:
        asked.append(dialog.message)
        await dialog.accept()

    page.on("dialog", yes)
    return asked


async def test_supervisor_switches_a_queue_to_unattended_on_the_live_page(
    console: ConsoleRig, open_as: OpenAs, keep: Keep
) -> None:
    busy_floor(console)
    now = time.time()
    console.hotline.callbacks["support"] = (
        KeptCaller(
            call="06WM3RZ8Q0020",
            number="+4930998877",
            position=2,
            since=now - 600,
            attempts=1,
            due=now + 200,
        ),
    )
    console.hotline.reserves.add("support")
    console.hotline.refresh()
    page = await open_as("sam", "/live")
    asked = await accept_questions(page)
    card = page.locator("#queue-support")
    await expect(card).to_contain_text("reserves help")
    await expect(card.locator(".callbacks")).to_contain_text("tried 1")
    await card.locator(".queue-menu summary").click()
    await page.click("#unattend-support")
    await expect(card.locator("[data-test=queue-support-state]")).to_have_text("unattended")
    assert "Callers in this queue now: 3" in asked[0]
    assert console.hotline.queues["support"].unattended
    await keep(page, "live-unattended")
    await card.locator(".callbacks button").click()
    await expect(card.locator(".callbacks")).to_have_count(0)
    await card.locator(".queue-menu summary").click()
    await page.click("#attend-support")
    await expect(card.locator("[data-test=queue-support-state]")).to_have_count(0)
    assert not console.hotline.queues["support"].unattended


async def test_agent_asks_why_no_calls_come(
    console: ConsoleRig, open_as: OpenAs, keep: Keep
) -> None:
    console.hotline._agent("anna", state="ready", station="2001")
    page = await open_as("anna", "/desk")
    await page.click("#why-no-calls")
    await expect(page.locator("h1")).to_contain_text("Why am I not getting calls?")
    await expect(page.locator(".reasons li").first).to_have_text("ready for 0:10")
    await keep(page, "why")
