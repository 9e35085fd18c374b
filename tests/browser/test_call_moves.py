"""The desk in a browser: ask somebody, go to and fro, hand over, park, take back, call."""

from playwright.async_api import expect

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
