"""The desk in a browser: ask somebody, go to and fro, hand over, park, take back, call."""

from playwright.async_api import Page, Route, expect

from daemon.service.messages import Consultation
from tests.browser.conftest import Keep, OpenAs
from tests.fakes.console_rig import ConsoleRig

CALL = "06WM3RZ8Q0001"


async def test_agent_asks_hands_over_parks_and_calls(
    console: ConsoleRig, open_as: OpenAs, keep: Keep
) -> None:
    page = await open_as("anna", "/desk")
    await page.select_option("[name=station]", "2001")
    await page.click("text=Log in at this phone")
    state = page.locator("[data-test=state]")
    await expect(state).to_contain_text("Paused")
    await page.keyboard.press("r")
    await expect(state).to_have_text("Ready")
    await page.keyboard.press("d")
    await page.keyboard.type("2002")
    await page.keyboard.press("Enter")
    await expect(page.locator("[data-test=dialled]")).to_contain_text("Your call with 2002")
    await page.keyboard.press("e")
    await expect(page.locator("[name=to]")).to_have_value("")
    console.hotline.arrive(CALL, "+493012345678", queue="support", name="Kurt Weber")
    console.hotline.offer(CALL, "anna")
    await expect(page.locator("[data-test=offer]")).to_be_visible()
    await page.keyboard.press("a")
    await expect(state).to_have_text("Talking")
    await page.fill("form[hx-post='/desk/transfer'] [name=to]", "2002")
    await page.click("text=Ask first")
    asking = page.locator("[data-test=consultation]")
    await expect(asking).to_contain_text("You talk with 2002")
    await keep(page, "desk-consult")
    await page.keyboard.press("s")
    await expect(asking).to_contain_text("2002 hears music")
    await page.click("text=Back to the caller")
    await expect(asking).to_have_count(0)
    await page.click("text=Park")
    await expect(page.locator("[data-test=parked]")).to_contain_text("*51")
    await keep(page, "desk-parked")
    await page.click("[data-test=parked] >> text=Take back")
    await expect(page.locator("[data-test=parked]")).to_have_count(0)
    assert [act[1:] for act in console.hotline.audit if act[1] in ("dial", "park", "swap")] == [
        ("dial", "2002"),
        ("swap", "2002"),
        ("park", ""),
        ("dial", "*51"),
    ]


async def talking(console: ConsoleRig, open_as: OpenAs, **options: object) -> Page:
    """Anna at her desk, in a call."""
    page = await open_as("anna", "/desk", **options)
    await page.select_option("[name=station]", "2001")
    await page.click("text=Log in at this phone")
    await page.click("text=Go ready")
    await expect(page.locator("[data-test=state]")).to_have_text("Ready")
    console.hotline.arrive(CALL, "+493012345678", queue="support")
    console.hotline.offer(CALL, "anna")
    await page.click("text=Accept")
    await expect(page.locator("[data-test=state]")).to_have_text("Talking")
    return page


async def test_what_is_typed_outlives_news(console: ConsoleRig, open_as: OpenAs) -> None:
    page = await talking(console, open_as)
    number = page.locator("form[hx-post='/desk/transfer'] [name=to]")
    note = page.locator("[name=note]")
    await note.fill("invoice 4711")
    await page.select_option("[name=disposition]", "follow_up")
    await number.fill("nobody")
    await page.click("text=Ask first")
    await expect(page.get_by_role("alert")).to_contain_text("nobody cannot be reached now.")
    await expect(number).to_have_value("nobody")
    console.hotline.arrive("06WM3RZ8Q0003", "+4930124", queue="support")
    await expect(page.locator(".mini-queue", has_text="support")).to_contain_text("1")
    await expect(page.get_by_role("alert")).to_contain_text("nobody cannot be reached now.")
    await number.fill("2002")
    await page.click("text=Ask first")
    asking = page.locator("[data-test=consultation]")
    await expect(asking).to_contain_text("You talk with 2002")
    await expect(note).to_have_value("invoice 4711")
    await note.focus()
    await page.keyboard.press("End")
    console.hotline.consulted["anna"] = Consultation(to="2002", state="with_caller")
    console.hotline.arrive("06WM3RZ8Q0002", "+4930123", queue="support")
    await expect(asking).to_contain_text("2002 hears music")
    await expect(note).to_be_focused()
    await page.keyboard.type(", paid")
    console.hotline.end(CALL)
    await expect(page.locator("[data-test=state]")).to_have_text("Wrap-up")
    await expect(note).to_have_value("invoice 4711, paid")
    await expect(page.locator("[name=disposition]")).to_have_value("follow_up")
    await page.click("text=Save")
    await expect(note).to_have_value("")


async def test_an_answer_that_meets_news_is_seen(console: ConsoleRig, open_as: OpenAs) -> None:
    page = await talking(console, open_as)

    async def after_news(route: Route) -> None:
        answer = await route.fetch()
        console.hotline.arrive("06WM3RZ8Q0003", "+4930124", queue="support")
        for _ in range(3):  # time for the news to come
            await page.evaluate("fetch('/desk/parts').then((reply) => reply.text())")
        await route.fulfill(response=answer)

    await page.route("**/desk/consult", after_news)
    await page.locator("form[hx-post='/desk/transfer'] [name=to]").fill("nobody")
    await page.click("text=Ask first")
    await expect(page.get_by_role("alert")).to_contain_text("nobody cannot be reached now.")
    await expect(page.locator(".mini-queue", has_text="support")).to_contain_text("1")


async def test_asking_fits_a_small_window(console: ConsoleRig, open_as: OpenAs, keep: Keep) -> None:
    page = await talking(console, open_as, viewport={"width": 390, "height": 800})
    await page.fill("form[hx-post='/desk/transfer'] [name=to]", "2002")
    await page.click("text=Ask first")
    await expect(page.locator("[data-test=consultation]")).to_contain_text("You talk with 2002")
    await keep(page, "desk-consult-small")
    assert await page.evaluate("document.documentElement.scrollWidth") <= 390
