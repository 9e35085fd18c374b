"""The console in Chromium on a whole hotline: an agent's first call, and what others see of it."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest
from console_visitor import NEW_PASSWORD
from parties import Party, Town
from playwright.async_api import Browser, Page, async_playwright, expect
from running_site import RunningSite, until

from drivers.sip.simulator.agent import UserAgent
from tests.browser.conftest import ARGUMENTS, chromium

pytestmark = [pytest.mark.e2e, pytest.mark.browser]

ANI = "+493012345678"


@asynccontextmanager
async def browsing() -> AsyncIterator[Browser]:
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=chromium(), args=ARGUMENTS)
        yield browser
        await browser.close()


async def window(site: RunningSite, browser: Browser, login: str, password: str) -> Page:
    """A person's own window, with the one-time password replaced."""
    context = await browser.new_context(viewport={"width": 1280, "height": 900}, locale="en-GB")
    context.set_default_timeout(10_000)
    page = await context.new_page()
    await page.goto(f"{site.endpoint('web')['url']}login")
    await page.fill("[name=login]", login)
    await page.fill("[name=password]", password)
    await page.keyboard.press("Enter")
    await page.click(".banner a[href='/account']")  # it asks for a password of one's own
    await page.fill("[name=old]", password)
    await page.fill("[name=new]", NEW_PASSWORD)
    await page.fill("[name=again]", NEW_PASSWORD)
    await page.keyboard.press("Enter")
    await expect(page.locator(".banner.good")).to_be_visible()
    return page


async def open_page(site: RunningSite, page: Page, path: str) -> None:
    await page.goto(f"{site.endpoint('web')['url']}{path}")


@pytest.mark.timeout(150)
async def test_first_call_of_an_agent_with_the_console(site: RunningSite) -> None:
    told = site.init()
    anna = told["agents"][0]
    site.set_queue(wrap_up_s=2.0)
    site.start()
    town = Town(("127.0.0.1", site.sip_port))
    try:
        async with browsing() as browser:
            phone = await town.phone(anna["station"], anna["secret"])
            desk = await window(site, browser, anna["login"], anna["password"])
            boss = await window(site, browser, told["login"], told["password"])
            caller, agent = await take_a_call(site, town, phone, desk, boss)
            await agent.hang_up()
            await caller.call.ended.wait()
            await expect(desk.locator("[data-test=state]")).to_have_text("Wrap-up")
            await desk.select_option("[name=reason]", "lunch")
            await desk.click("form[hx-post='/desk/pause'] button")
            await expect(desk.locator("[data-test=state]")).to_contain_text("Lunch")
            await expect(boss.locator("#agent-anna")).to_contain_text("Lunch")
            await change_a_queue(site, boss)
            await play_the_recording(site, boss)
    finally:
        await town.close()
    assert site.stop() == 0
    assert site.check_records()["faults"] == []


async def take_a_call(
    site: RunningSite, town: Town, phone: UserAgent, desk: Page, boss: Page
) -> tuple[Party, Party]:
    await open_page(site, desk, "desk")
    await desk.select_option("[name=station]", phone.user)
    await desk.click("text=Log in at this phone")
    await expect(desk.locator("[data-test=state]")).to_contain_text("Paused")
    await desk.keyboard.press("r")
    await expect(desk.locator("[data-test=state]")).to_have_text("Ready")
    await open_page(site, boss, "live")
    await expect(boss.locator("#freshness")).to_have_text("Live")
    caller = await town.call("5000", ANI)
    await expect(boss.locator("#calls tr")).to_have_count(1)
    await caller.press("1")
    ringing = await town.rings(phone)
    # Who is calling is on the desk while the telephone still rings.
    await expect(desk.locator("[data-test=caller-number]")).to_have_text(ANI)
    await expect(boss.locator("#agent-anna")).to_contain_text("Ringing")
    agent = await town.answer(ringing)
    await asyncio.gather(caller.hears(agent), agent.hears(caller))
    await expect(desk.locator("[data-test=state]")).to_have_text("Talking")
    await expect(boss.locator("#agent-anna")).to_contain_text("Talking")
    return caller, agent


async def change_a_queue(site: RunningSite, boss: Page) -> None:
    await open_page(site, boss, "queues/sales")
    await boss.fill("[name=ring_s]", "28")
    await boss.click("text=Save")
    await expect(boss.locator(".banner.good")).to_contain_text("in force")
    assert site.rows("SELECT ring_s FROM queue WHERE slug = 'sales'") == [(28.0,)]


async def play_the_recording(site: RunningSite, boss: Page) -> None:
    ended = "SELECT count(*) FROM recording WHERE ended_ms IS NOT NULL"
    await until(lambda: site.rows(ended) == [(1,)])
    await open_page(site, boss, "calls")
    await boss.locator("[data-test=call]").first.click()
    await expect(boss.locator("[data-position]")).to_contain_text("0:00 / 0:")
    await boss.keyboard.press("k")
    async with asyncio.timeout(10):
        while await boss.evaluate("document.querySelector('audio').currentTime") < 0.2:
            await asyncio.sleep(0.05)
