"""What is wrong with the hotline: a banner on every page of those who can do something about it."""

import re
from collections.abc import Awaitable, Callable

import msgspec
import pytest

from daemon.service.live import AlarmsChanged, LiveAlarm
from daemon.service.messages import Text
from tests.fakes.console_rig import ConsoleRig
from tests.fakes.floor import sample_status
from tests.fakes.http_client import HttpClient
from tests.fakes.service import FakeService

SignIn = Callable[[str], Awaitable[HttpClient]]
FULL = LiveAlarm(kind="disk-full", since=1_795_300_000.0, en="The disk is full.", zh="磁盘已满。")


async def show(console: ConsoleRig, client: HttpClient, *alarms: LiveAlarm) -> str:
    """Raise and clear alarms; what the pages that stay open are told when they have heard."""
    console.hotline.feed.publish(AlarmsChanged(alarms), console.hotline.clock())
    while True:
        text = (await client.get("/alarms")).text
        if text.count("data-alarm") == len(alarms):
            return text


@pytest.mark.parametrize(
    ("login", "pages"),
    [("sam", ("/live", "/calls")), ("tech", ("/system", "/lines")), ("boss", ("/queues",))],
)
async def test_an_alarm_is_a_banner_on_every_page_and_goes_by_itself(
    console: ConsoleRig, sign_in: SignIn, login: str, pages: tuple[str, ...]
) -> None:
    client = await sign_in(login)
    text = await show(console, client, FULL)
    assert 'data-alarm="disk-full"' in text
    assert "The disk is full." in text
    for path in pages:
        assert (await client.get(path)).text.count('data-alarm="disk-full"') == 1
    await show(console, client)
    for path in pages:
        assert "data-alarm" not in (await client.get(path)).text


async def test_pages_that_stay_open_ask_again(sign_in: SignIn) -> None:
    client = await sign_in("boss")
    for path in ("/live", "/system", "/lines", "/alarms"):
        assert 'hx-get="/alarms?shown=' in (await client.get(path)).text
    assert 'hx-get="/alarms' not in (await client.get("/queues")).text


async def test_a_banner_that_is_shown_already_is_not_sent_again(
    console: ConsoleRig, sign_in: SignIn
) -> None:
    client = await sign_in("boss")
    [again] = re.findall(r'hx-get="(/alarms\?shown=\w+)"', await show(console, client, FULL))
    assert ((await client.get(again)).status, (await client.get(again)).text) == (204, "")
    worse = msgspec.structs.replace(FULL, en="The disk is full and slow.")
    await show(console, client)
    await show(console, client, worse)
    assert "full and slow" in (await client.get(again)).text


async def test_an_agent_is_not_bothered(console: ConsoleRig, sign_in: SignIn) -> None:
    await show(console, await sign_in("boss"), FULL)
    client = await sign_in("anna")
    assert "data-alarm" not in (await client.get("/desk")).text
    assert (await client.get("/alarms")).status == 403


async def test_monitors_see_each_kind_as_one_or_nothing(
    console: ConsoleRig, sign_in: SignIn
) -> None:
    boss = await sign_in("boss")
    await show(console, boss, FULL)
    text = (await boss.get("/metrics")).text
    assert 'hookflash_alarm{alarm="disk-full"} 1\n' in text
    assert 'hookflash_alarm{alarm="overload"} 0\n' in text


async def test_the_system_page_tells_load_lateness_and_what_is_not_granted(
    console: ConsoleRig, sign_in: SignIn, monkeypatch: pytest.MonkeyPatch
) -> None:
    status = sample_status(console.hotline.clock())
    media = msgspec.structs.replace(
        status.processes[0],
        name="media",
        detail="nice -11: fifo refused",
        figures={"load_percent": 25.6, "worst_late_ms": 0.51, "skipped_ticks": 2.0},
    )
    lacks = Text("No real-time priority.", "没有实时优先级。")
    told = msgspec.structs.replace(status, processes=(media,), warnings=(lacks,))

    async def answer(_: FakeService) -> object:
        return told

    monkeypatch.setattr(FakeService, "status", answer)
    text = (await (await sign_in("tech")).get("/system")).text
    for part in ("No real-time priority.", "nice -11", "load % 25.6", "latest by ms 0.51"):
        assert part in text
    assert "skipped frames 2" in text
