"""The console in headless Chromium: a running console, a page, and screenshots kept."""

import asyncio
import os
import shutil
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path

import pytest
from playwright.async_api import Browser, Page, async_playwright

from tests.fakes.console_rig import PASSWORD, ConsoleRig, make_hotline, make_site, running_console

ARGUMENTS = (
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)
PICTURES = Path(__file__).parent.parent.parent / "test-artefacts"

OpenAs = Callable[..., Awaitable[Page]]
Keep = Callable[[Page, str], Awaitable[None]]


def chromium() -> str:
    """The browser: CHROMIUM, else the system's."""
    for name in (os.environ.get("CHROMIUM", ""), "chromium", "chromium-browser"):
        if name and (found := shutil.which(name)):
            return found
    (pytest.fail if os.environ.get("CI") else pytest.skip)("no Chromium on this machine")


@pytest.fixture(scope="session")
def recorded_site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A site with a day's calls on record, made once; tests get copies."""
    site = tmp_path_factory.mktemp("recorded") / "site"
    asyncio.run(make_site(site, time.time(), 60))
    return site


@pytest.fixture
async def console(recorded_site: Path, tmp_path: Path) -> AsyncIterator[ConsoleRig]:
    site = Path(shutil.copytree(recorded_site, tmp_path / "site"))
    async with running_console(tmp_path, make_hotline(time.time), site) as rig:
        yield rig


@pytest.fixture
async def browser() -> AsyncIterator[Browser]:
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=chromium(), args=ARGUMENTS)
        yield browser
        await browser.close()


@pytest.fixture
async def open_as(console: ConsoleRig, browser: Browser) -> OpenAs:
    """Sign a person in, in a window of their own; a fault in a script fails the test."""

    async def sign_in(login: str, path: str = "/", **options: object) -> Page:
        viewport = options.pop("viewport", {"width": 1440, "height": 900})
        context = await browser.new_context(viewport=viewport, locale="en-GB", **options)
        context.set_default_timeout(10_000)
        page = await context.new_page()
        page.on("pageerror", _fail)
        page.on("response", lambda reply: reply.status in (404, 500) and _fail(reply.url))
        page.on("console", lambda message: message.type == "error" and _fail(message.text))
        await page.goto(f"{console.url}/login")
        if login:
            await page.fill("[name=login]", login)
            await page.fill("[name=password]", PASSWORD)
            await page.click("button.primary")
            await page.wait_for_selector("nav.side")
            if path != "/":
                await page.goto(console.url + path)
        return page

    return sign_in


def _fail(what: object) -> None:
    if "401" in str(what) or "422" in str(what):
        return  # Chromium reports a refused form as an error of the page
    raise AssertionError(f"fault in the page: {what}")


@pytest.fixture
def keep() -> Keep:
    """Keep a screenshot for people to look at."""

    async def picture(page: Page, name: str) -> None:
        await asyncio.to_thread(PICTURES.mkdir, exist_ok=True)
        await page.screenshot(path=PICTURES / f"{name}.png")

    return picture
