"""The live picture to browsers: numbers, parts, staleness, and the desk's socket."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed, InvalidStatus

from admin.live import LiveHub, gathered
from admin.pages.agent import desk
from daemon.service.errors import ServiceUnreachableError
from daemon.service.live import CallChanged, LiveCall, LiveUpdate
from daemon.service.live_feed import LiveFeed
from tests.admin.conftest import NOW, SignIn
from tests.fakes.console_rig import ConsoleRig
from tests.fakes.http_client import HttpClient
from tests.fakes.service import FakeService


@asynccontextmanager
async def opened(rig: ConsoleRig, client: HttpClient, path: str):
    cookies = "; ".join(f"{k}={v}" for k, v in client.cookies.items())
    url = f"ws://127.0.0.1:{rig.port}{path}"
    async with connect(url, additional_headers={"Cookie": cookies}) as ws:
        yield ws


async def until(ws: ClientConnection, wanted) -> dict:
    async with asyncio.timeout(10):
        while True:
            message = json.loads(await ws.recv())
            if wanted(message):
                return message


def part(message: dict, key: str) -> str:
    return next((p["html"] for p in message.get("parts", []) if p["id"] == key), "")


async def test_new_caller_reaches_the_browser_with_its_number(
    console: ConsoleRig, sign_in: SignIn
) -> None:
    client = await sign_in("sam")
    async with opened(console, client, "/live/ws?after=0") as ws:
        first = await until(ws, lambda m: m.get("whole"))
        assert first["fresh"]
        console.hotline.arrive("06WM3RZ8Q0001", "+4930123", queue="sales")
        second = await until(ws, lambda m: part(m, "queue-sales"))
        assert "+4930123" in part(second, "queue-sales")
        assert second["seq"] > first["seq"]
        console.hotline.end("06WM3RZ8Q0001")
        third = await until(ws, lambda m: m.get("gone"))
        assert third["gone"] == ["call-06WM3RZ8Q0001"]


async def test_browser_that_names_its_number_gets_only_the_rest(
    console: ConsoleRig, sign_in: SignIn
) -> None:
    client = await sign_in("sam")
    async with opened(console, client, "/live/ws?after=0") as ws:
        seq = (await until(ws, lambda m: m.get("whole")))["seq"]
    console.hotline.arrive("06WM3RZ8Q0001", "+4930123", queue="sales")
    async with opened(console, client, f"/live/ws?after={seq}") as ws:
        message = await until(ws, lambda m: part(m, "call-06WM3RZ8Q0001"))
        assert not message["whole"]
        assert part(message, "queue-billing") == ""


async def test_socket_is_closed_to_guests_and_wrong_roles(
    console: ConsoleRig, sign_in: SignIn
) -> None:
    for client in (console.client(), await sign_in("anna")):
        with pytest.raises((InvalidStatus, ConnectionClosed)):
            async with opened(console, client, "/live/ws") as ws:
                await asyncio.wait_for(ws.recv(), 5)


async def test_desk_hears_of_its_own_offer(console: ConsoleRig, sign_in: SignIn) -> None:
    client = await sign_in("anna")
    await client.post("/desk/log-in", {"station": "2001"})
    await client.post("/desk/ready")
    async with opened(console, client, "/desk/ws") as ws:
        console.hotline.arrive("06WM3RZ8Q0001", "+4930123", queue="sales", name="Kurt")
        console.hotline.offer("06WM3RZ8Q0001", "anna")
        message = await until(ws, lambda m: "Incoming call" in m.get("html", ""))
        assert "+4930123" in message["html"]


async def test_desks_are_not_drawn_anew_for_each_caller_who_comes(
    console: ConsoleRig, sign_in: SignIn, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(desk, "QUEUES_S", 3600.0)
    client, watcher = await sign_in("anna"), await sign_in("sam")
    await client.post("/desk/log-in", {"station": "2001"})
    await client.post("/desk/ready")
    async with (
        opened(console, client, "/desk/ws") as ws,
        opened(console, watcher, "/live/ws?after=0") as live,
    ):
        console.hotline.arrive("06WM3RZ8Q0001", "+4930123", queue="sales")
        await until(ws, lambda m: "html" in m)
        console.hotline.arrive("06WM3RZ8Q0002", "+4930124", queue="sales")
        await until(live, lambda m: "+4930124" in part(m, "queue-sales"))
        console.hotline.offer("06WM3RZ8Q0001", "anna")
        drawn = await until(ws, lambda m: "html" in m)
        assert "Incoming call" in drawn["html"]


async def test_polling_gives_all_parts(console: ConsoleRig, sign_in: SignIn) -> None:
    message = (await (await sign_in("sam")).get("/live/parts")).json()
    assert message["whole"]
    assert {"tiles", "queue-sales", "agent-anna"} <= {p["id"] for p in message["parts"]}


async def test_people_keep_their_pages_while_control_restarts(
    console: ConsoleRig, sign_in: SignIn, monkeypatch: pytest.MonkeyPatch
) -> None:
    client = await sign_in("boss")

    async def away(**_: object) -> None:
        raise ServiceUnreachableError

    for operation in ("session", "status", "ping"):
        monkeypatch.setattr(console.hotline, operation, away)
    console.later(10)
    page = await client.get("/system")
    assert page.status == 200
    assert "cannot be reached" in page.text
    assert (await client.get("/live")).status == 200
    console.later(1000)
    assert (await client.get("/live")).status == 503


async def test_picture_is_stale_while_control_is_away() -> None:
    class Away:
        async def ping(self) -> float:
            raise ServiceUnreachableError

    hub = LiveHub(Away(), lambda: NOW)  # type: ignore[arg-type]
    hub.start()
    await asyncio.sleep(0)
    assert not hub.fresh
    await hub.stop()


async def test_control_is_asked_for_the_picture_while_somebody_looks() -> None:
    class Watched(FakeService):
        subscribed = 0

        async def subscribe(self, after_seq: int) -> AsyncIterator[LiveUpdate]:
            self.subscribed += 1
            try:
                async for update in self.feed.subscribe(after_seq):
                    yield update
            finally:
                self.subscribed -= 1

    hotline = Watched(lambda: NOW)
    hub = LiveHub(hotline, lambda: NOW, linger_s=0.01)
    hub.start()
    while not hub.fresh:
        await asyncio.sleep(0)
    assert hotline.subscribed == 0
    updates = hub.subscribe(0)
    async with asyncio.timeout(5):
        await anext(updates)
        while not hotline.subscribed:
            await asyncio.sleep(0)
        await updates.aclose()
        while hotline.subscribed:
            await asyncio.sleep(0)
    await hub.stop()


async def test_changes_in_a_burst_travel_together_and_silence_is_a_beat() -> None:
    feed = LiveFeed(NOW)
    batches = gathered(feed.subscribe(feed.state().seq), beat_s=0.01)
    assert await anext(batches) == []
    for key in ("A", "B", "C"):
        call = LiveCall(call=key, ani="1", dnis="2", state="ivr", since=NOW, started=NOW)
        feed.publish(CallChanged(call), NOW)
    assert [update.change.call.call for update in await anext(batches)] == ["A", "B", "C"]
    await batches.aclose()  # type: ignore[attr-defined]
