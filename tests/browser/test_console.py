"""The console as people use it, in a real browser."""

import asyncio

import pytest
from playwright.async_api import Page, expect

from daemon.service.messages import Actor
from daemon.service.settings import PersonSettings
from tests.admin.test_ban_pages import ban
from tests.browser.conftest import Keep, OpenAs
from tests.fakes.console_rig import ConsoleRig, call_text

pytestmark = pytest.mark.browser

CALLERS = (
    ("06WM3RZ8Q0001", "+8613800138000", "sales", "陈静", 0),
    ("06WM3RZ8Q0002", "+493012345678", "support", "Kurt Weber", 5),
    ("06WM3RZ8Q0003", "+14155550123", "support", "", 0),
    ("06WM3RZ8Q0004", "+442079460018", "support", "Mary Quill", 0),
    ("06WM3RZ8Q0005", "+8675520003344", "billing", "", 0),
    ("06WM3RZ8Q0006", "+33142685300", "sales", "Jean Roux", 0),
)


def busy_floor(console: ConsoleRig) -> None:
    """People in every state, callers in every queue, a day of figures behind them."""
    hotline = console.hotline
    for login, name, station in (("dora", "Dora Novak", "2005"), ("emil", "Emil Fox", "2006")):
        hotline.add_person(PersonSettings(login=login, name=name, station=station), "x" * 12)
    for login, state, extra in (
        ("anna", "ready", {}),
        ("bo", "ready", {}),
        ("li", "paused", {"reason": "break"}),
        ("mira", "ready", {}),
        ("dora", "wrap_up", {"until": hotline.clock() + 17}),
    ):
        hotline._agent(login, state=state, station=hotline.people[login].station, **extra)
    for slug, offered, answered, abandoned, in_time in (
        ("sales", 124, 113, 11, 97),
        ("support", 86, 70, 16, 51),
        ("billing", 41, 40, 1, 38),
    ):
        hotline.set_counters(slug, offered, answered, abandoned, in_time)
    for call, ani, queue, name, priority in CALLERS:
        hotline.arrive(call, ani, queue=queue, name=name, priority=priority)
    hotline.age("06WM3RZ8Q0003", 47)
    hotline.age("06WM3RZ8Q0004", 131)
    hotline.age("06WM3RZ8Q0002", 18)
    hotline.offer("06WM3RZ8Q0001", "anna")
    hotline.connect("06WM3RZ8Q0001")
    hotline.offer("06WM3RZ8Q0006", "bo")
    hotline.age("06WM3RZ8Q0001", 205)
    hotline.age("06WM3RZ8Q0005", 11)
    hotline.age("06WM3RZ8Q0006", 4)
    for login, seconds in (("mira", 73), ("li", 512), ("dora", 3)):
        hotline.age_agent(login, seconds)


async def test_wrong_password_then_right_one(
    console: ConsoleRig, open_as: OpenAs, keep: Keep
) -> None:
    page = await open_as("")
    await page.fill("[name=login]", "sam")
    await page.fill("[name=password]", "wrong")
    await page.keyboard.press("Enter")
    await expect(page.get_by_role("alert")).to_contain_text("Wrong login or password.")
    await keep(page, "login")
    await page.fill("[name=password]", "correct horse")
    await page.keyboard.press("Enter")
    await expect(page).to_have_url(f"{console.url}/live")


async def test_live_page_moves_by_itself(console: ConsoleRig, open_as: OpenAs, keep: Keep) -> None:
    page = await open_as("boss", "/live")
    await expect(page.locator("#freshness")).to_have_text("Live")
    busy_floor(console)
    await expect(page.locator("[data-test=waiting]")).to_have_text("5")
    await expect(page.locator("#queue-support .callers li")).to_have_count(3)
    await expect(page.locator("#agent-anna")).to_contain_text("Talking")
    await expect(page.locator("#agent-bo")).to_contain_text("Ringing")
    await expect(page.locator("#agent-li")).to_contain_text("Break")
    await expect(page.locator("#calls tr")).to_have_count(6)
    timer = page.locator("#agent-anna time")
    before = await timer.text_content() or ""
    await expect(timer).not_to_have_text(before)
    await keep(page, "live")
    console.hotline.end("06WM3RZ8Q0001")
    await expect(page.locator("#call-06WM3RZ8Q0001")).to_have_count(0)
    await expect(page.locator("#agent-anna")).to_contain_text("Wrap-up")


async def test_picture_is_frozen_and_catches_up(console: ConsoleRig, open_as: OpenAs) -> None:
    page = await open_as("sam", "/live")
    await expect(page.locator("#freshness")).to_have_text("Live")
    await page.keyboard.press("p")
    await expect(page.locator("#freshness")).to_have_text("Frozen")
    console.hotline.arrive("06WM3RZ8Q0001", "+4930123", queue="sales")
    await asyncio.sleep(0.6)
    await expect(page.locator("#call-06WM3RZ8Q0001")).to_have_count(0)
    await page.keyboard.press("p")
    await expect(page.locator("#call-06WM3RZ8Q0001")).to_have_count(1)


async def test_agent_goes_ready_gets_a_call_and_pauses(
    console: ConsoleRig, open_as: OpenAs, keep: Keep
) -> None:
    page = await open_as("anna", "/desk")
    await page.select_option("[name=station]", "2001")
    await page.click("text=Log in at this phone")
    await expect(page.locator("[data-test=state]")).to_contain_text("Paused")
    await page.keyboard.press("r")
    await expect(page.locator("[data-test=state]")).to_have_text("Ready")
    await keep(page, "desk-ready")
    console.hotline.arrive("06WM3RZ8Q0001", "+493012345678", queue="support", name="Kurt Weber")
    console.hotline.offer("06WM3RZ8Q0001", "anna")
    await expect(page.locator("[data-test=offer]")).to_be_visible()
    await expect(page.locator("[data-test=caller-number]")).to_have_text("+493012345678")
    await expect(page.locator("[data-test=history]")).to_have_text("Earlier calls: 3")
    await expect(page).to_have_title("☎ +493012345678")
    await keep(page, "desk-offer")
    await page.keyboard.press("a")
    await expect(page.locator("[data-test=state]")).to_have_text("Talking")
    await page.keyboard.press("h")
    await expect(page.locator("[data-test=state]")).to_have_text("On hold")
    await page.keyboard.press("h")
    await keep(page, "desk-call")
    console.hotline.end("06WM3RZ8Q0001")
    await expect(page.locator("[data-test=state]")).to_have_text("Wrap-up")
    await expect(page.locator("time[data-until]")).to_contain_text("0:1")
    await page.select_option("[name=reason]", "training")
    await page.click("form[hx-post='/desk/pause'] button")
    await expect(page.locator("[data-test=state]")).to_contain_text("Training")
    assert console.hotline.agents["anna"].reason == "training"


async def test_queue_is_edited_and_taken_back(
    console: ConsoleRig, open_as: OpenAs, keep: Keep
) -> None:
    busy_floor(console)
    page = await open_as("boss", "/queues")
    await expect(page.locator("table.rows tbody tr")).to_have_count(3)
    await keep(page, "queues")
    await page.click("text=Technical support")
    await expect(page.locator(".banner.info")).to_contain_text("Callers in this queue now: 3")
    await page.fill("[name=ring_s]", "0")
    await page.click("text=Save")
    await expect(page.locator(".field.faulty")).to_contain_text("Too small.")
    await page.fill("[name=ring_s]", "28")
    await keep(page, "queue")
    await page.click("text=Save")
    await expect(page.locator(".banner.good")).to_contain_text("in force")
    assert console.hotline.queues["support"].ring_s == 28
    await page.click("text=Take back")
    await expect(page).to_have_url(f"{console.url}/changes")
    await keep(page, "changes")
    assert console.hotline.queues["support"].ring_s == 15


async def reaches(page: Page, seconds: float) -> None:
    """Wait until the player is there; the page's own policy forbids evaluating in it."""
    async with asyncio.timeout(10):
        while await page.evaluate("document.querySelector('audio').currentTime") < seconds:
            await asyncio.sleep(0.05)


async def test_call_is_found_and_its_recording_played(
    console: ConsoleRig, open_as: OpenAs, keep: Keep
) -> None:
    page = await open_as("sam", "/calls")
    await expect(page.locator("[data-test=total]")).to_have_text("60 in all")
    await keep(page, "calls")
    await page.select_option("[name=outcome]", "answered")
    await expect(page.locator("table.rows tbody tr")).to_have_count(15)
    await expect(page).to_have_url(
        f"{console.url}/calls?first=&last=&queue=&agent=&outcome=answered&number="
    )
    await page.locator("[data-test=call]").first.click()
    await expect(page).to_have_url(f"{console.url}/calls/{call_text(0)}")
    await expect(page.locator("[data-position]")).to_have_text("0:00 / 0:12")
    await page.click("[data-speed='2']")
    await page.keyboard.press("k")
    await reaches(page, 0.5)
    assert await page.evaluate("document.querySelector('audio').playbackRate") == 2
    await page.fill("[data-seek]", "750")
    await reaches(page, 8.9)
    await page.keyboard.press("4")
    assert await page.evaluate("document.querySelector('audio').playbackRate") == 1.5
    await page.keyboard.press("1")
    assert await page.evaluate("document.querySelector('audio').currentTime") < 8
    await page.keyboard.press("Escape")
    await keep(page, "call")
    assert console.hotline.played


async def test_language_and_theme_are_switched_and_stay(
    console: ConsoleRig, open_as: OpenAs, keep: Keep
) -> None:
    busy_floor(console)
    page = await open_as("boss", "/live")
    await page.click("text=中文")
    await expect(page.locator("h1")).to_have_text("实时")
    await expect(page.locator("#agent-anna")).to_contain_text("通话中")
    await page.click("#theme")
    await expect(page.locator("html")).to_have_attribute("data-theme", "dark")
    await page.reload()
    await expect(page.locator("html")).to_have_attribute("data-theme", "dark")
    await keep(page, "live-zh-dark")


async def test_page_says_when_the_hotline_is_gone(console: ConsoleRig, open_as: OpenAs) -> None:
    page = await open_as("sam", "/live")
    await expect(page.locator("#freshness")).to_have_text("Live")
    console.hotline.away = True
    await expect(page.locator("#freshness")).to_contain_text("Stale")
    console.hotline.away = False
    await expect(page.locator("#freshness")).to_have_text("Live")


async def test_keyboard_reaches_search_and_lists(console: ConsoleRig, open_as: OpenAs) -> None:
    page = await open_as("sam", "/live")
    await page.keyboard.press("/")
    await page.keyboard.type("20007919")
    await page.keyboard.press("Enter")
    await expect(page.locator("[data-test=total]")).to_have_text("1 in all")


async def contrast_faults(page: Page) -> list[str]:
    """Texts of which the contrast with their background is below 4.5:1 (WCAG 2.1, 1.4.3)."""
    return await page.evaluate(CONTRAST_SCRIPT)


CONTRAST_SCRIPT = """() => {
  const parse = (text) => (text.match(/[\\d.]+/g) ?? []).map(Number);
  const light = ([r, g, b]) => [r, g, b].map((v) => v / 255)
    .map((v) => (v <= 0.04045 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4))
    .reduce((sum, v, i) => sum + v * [0.2126, 0.7152, 0.0722][i], 0);
  const back = (element) => {
    for (let at = element; at; at = at.parentElement) {
      const colour = parse(getComputedStyle(at).backgroundColor);
      if (colour.length === 3 || colour[3] === 1) return colour;
    }
    return [255, 255, 255];
  };
  const faults = [];
  for (const element of document.querySelectorAll("body *")) {
    const own = [...element.childNodes].some((n) => n.nodeType === 3 && n.textContent.trim());
    if (!own || element.offsetParent === null || element.closest("[aria-hidden], .sr, :disabled")) continue;
    const [a, b] = [light(parse(getComputedStyle(element).color)), light(back(element))];
    const ratio = (Math.max(a, b) + 0.05) / (Math.min(a, b) + 0.05);
    if (ratio < 4.5) faults.push(`${element.tagName}.${element.className} ${ratio.toFixed(2)} ${element.textContent.trim().slice(0, 30)}`);
  }
  return faults;
}"""


@pytest.mark.parametrize("scheme", ["light", "dark"])
async def test_text_can_be_read(
    console: ConsoleRig, open_as: OpenAs, keep: Keep, scheme: str
) -> None:
    busy_floor(console)
    page = await open_as("boss", "/live", color_scheme=scheme)
    await expect(page.locator("[data-test=waiting]")).to_have_text("5")
    paths = ("/live", "/calls", f"/calls/{call_text(0)}", "/agents", "/agents/anna", "/queues/sales",
             "/tiers/new", "/calendars", "/calendars/office", "/stations", "/agents/anna/why",
             "/lines", "/system", "/api/docs", "/account")  # fmt: skip
    for path in paths:
        await page.goto(console.url + path)
        assert await contrast_faults(page) == [], path
        name = path.strip("/").split("/")[0]
        await keep(page, f"{scheme}-{name}{'-one' if path.count('/') > 1 else ''}")


WIDE_SCRIPT = """() => [...document.querySelectorAll("main *")]
  .filter((element) => element.getBoundingClientRect().right > innerWidth + 1)
  .filter((element) => element.closest(".card.flush") === null)
  .map((element) => `${element.tagName}.${element.className}`)"""


SIDEWAYS_SCRIPT = """() => [...document.querySelectorAll(".card")]
  .filter((element) => element.scrollWidth > element.clientWidth + 1)
  .map((element) => element.innerText.slice(0, 80))"""


async def test_desk_with_a_call_fits_a_small_window(
    console: ConsoleRig, open_as: OpenAs, keep: Keep
) -> None:
    busy_floor(console)
    page = await open_as("anna", "/desk", viewport={"width": 390, "height": 800})
    await expect(page.locator("[data-test=state]")).to_have_text("Talking")
    await keep(page, "desk-small")
    wide = await page.evaluate(WIDE_SCRIPT)
    assert wide == []


async def test_nothing_is_wider_than_a_small_window(
    console: ConsoleRig, open_as: OpenAs, keep: Keep
) -> None:
    busy_floor(console)
    ban(console, "a.very.long.name.of.an.account@of.a.telephone", kind="account")
    boss = Actor(login="boss", address="", via="session")
    await console.hotline.send_fax(boss, "incoming/a.pdf", "name_without_gap" * 6 + ".pdf", "030")
    page = await open_as("boss", "/live", viewport={"width": 390, "height": 800})
    for path in (
        "/live",
        "/queues/sales",
        "/agents/anna",
        "/calendars",
        "/calendars/office",
        "/system",
        "/calls",
        f"/calls/{call_text(0)}",
        "/faxes",
        "/bans",
    ):
        await page.goto(console.url + path)
        wide = await page.evaluate("document.documentElement.scrollWidth")
        assert wide <= 390, path
        assert await page.evaluate(SIDEWAYS_SCRIPT) == [], path
    await page.goto(f"{console.url}/live")
    await expect(page.locator(".side [aria-current]")).to_be_in_viewport()
    await keep(page, "live-small")
