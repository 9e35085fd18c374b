"""The ladder of a call in a real browser: opened by hand and by keyboard."""

import pytest
from playwright.async_api import expect

from tests.browser.conftest import Keep, OpenAs
from tests.fakes.console_rig import call_text

pytestmark = pytest.mark.browser


async def test_ladder_is_read_with_the_keyboard_alone(open_as: OpenAs, keep: Keep) -> None:
    page = await open_as("boss", f"/calls/{call_text(0)}")
    await page.keyboard.press("m")
    rungs = page.locator("#ladder summary")
    await expect(rungs).to_have_count(12)
    await expect(page.locator(".ladder-head text")).to_have_text(
        ["udp 192.0.2.9:5060", "hotline", "tls 192.0.2.40:5061"]
    )
    await rungs.first.focus()
    for key in ("ArrowDown", "ArrowDown", "Enter"):
        await page.keyboard.press(key)
    text = page.locator("#ladder pre")
    await expect(text.nth(2)).to_be_visible()
    await expect(text.nth(2)).to_contain_text("Authorization: Digest response=****")
    await expect(text.nth(1)).to_be_hidden()
    await page.keyboard.press("End")
    await expect(rungs.last).to_be_focused()
    await page.keyboard.press("ArrowDown")
    await expect(rungs.last).to_be_focused()
    await keep(page, "ladder")
    await page.keyboard.press("Home")
    await expect(rungs.first).to_be_focused()


async def test_technician_looks_for_a_number(open_as: OpenAs, keep: Keep) -> None:
    page = await open_as("tech", "/signalling")
    await expect(page.locator("#ladder")).to_contain_text("Name a call")
    await page.keyboard.press("/")
    await page.keyboard.type("nobody")
    await page.keyboard.press("Enter")
    await expect(page.locator("#ladder")).to_contain_text("No message of such a call is kept.")
    await page.fill("main [name=call]", "+4930123")
    await page.keyboard.press("Enter")
    await expect(page.locator("#ladder summary")).to_have_count(12)
    await keep(page, "signalling")


async def test_only_the_drawing_is_wider_than_a_small_window(open_as: OpenAs, keep: Keep) -> None:
    page = await open_as(
        "boss", "/signalling?call=%2B4930123", viewport={"width": 390, "height": 800}
    )
    await expect(page.locator("#ladder summary")).to_have_count(12)
    assert await page.evaluate("document.documentElement.scrollWidth") <= 390
    box = await page.locator("[name=media]").bounding_box()
    text = await page.locator("label.check span").bounding_box()
    assert box is not None
    assert text is not None
    assert abs(box["y"] + box["height"] / 2 - text["y"] - text["height"] / 2) < 4
    assert 0 < text["x"] - box["x"] - box["width"] < 12
    await keep(page, "signalling-small")
