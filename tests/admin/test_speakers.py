"""Who speaks now: beside the call on the live page, and at the desk without drawing it anew."""

import asyncio
import json
from collections.abc import Awaitable, Callable

import msgspec
from websockets.asyncio.client import connect

from admin.pages.agent.desk import speaker_name
from daemon.service.live import CallChanged
from tests.fakes.console_rig import ConsoleRig
from tests.fakes.http_client import HttpClient

SignIn = Callable[[str], Awaitable[HttpClient]]
CALL = "06WM3RZ8Q0001"


async def talk(console: ConsoleRig, client: HttpClient) -> None:
    await client.post("/desk/log-in", {"station": "2001"})
    await client.post("/desk/ready")
    console.hotline.arrive(CALL, "+4930123", queue="sales")
    console.hotline.offer(CALL, "anna")
    await client.post("/desk/accept")


def speak(console: ConsoleRig, *who: str) -> None:
    call = msgspec.structs.replace(console.hotline.calls[CALL], speakers=who)
    console.hotline.calls[CALL] = call
    console.hotline.feed.publish(CallChanged(call), console.hotline.clock())


async def test_the_live_page_says_who_speaks(console: ConsoleRig, sign_in: SignIn) -> None:
    await talk(console, await sign_in("anna"))
    sam = await sign_in("sam")
    assert 'data-test="speaks"' not in (await sam.get("/live")).text
    speak(console, "caller", "2002")
    async with asyncio.timeout(5):
        while 'data-test="speaks"' not in (text := (await sam.get("/live")).text):
            await asyncio.sleep(0)
    assert "the caller speaks, 2002" in text


async def test_the_desk_is_told_without_being_drawn_anew(
    console: ConsoleRig, sign_in: SignIn
) -> None:
    anna = await sign_in("anna")
    await talk(console, anna)
    cookies = "; ".join(f"{name}={value}" for name, value in anna.cookies.items())
    headers = {"Cookie": cookies, "Origin": console.url}
    address = console.url.replace("http", "ws") + "/desk/ws"
    async with connect(address, additional_headers=headers) as socket:
        await asyncio.sleep(0)
        speak(console, "agent")
        async with asyncio.timeout(5):
            while "speaking" not in (told := json.loads(await socket.recv())):
                pass
        assert (told["speaking"], "html" in told) == ("you speak", False)
        speak(console)
        async with asyncio.timeout(5):
            while "speaking" not in (told := json.loads(await socket.recv())):
                pass
        assert told["speaking"] == ""


def test_speakers_have_names_in_both_languages() -> None:
    assert speaker_name("caller", "zh") == "来电者在讲话"
    assert speaker_name("agent", "en") == "you speak"
    assert speaker_name("2002", "zh") == "2002"
