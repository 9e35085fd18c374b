"""The audio of a call over a WebSocket: who gets it, in which form, and what a slow reader loses."""

import asyncio
import json

import pytest
from websockets.asyncio.client import connect
from websockets.exceptions import ConnectionClosed, InvalidStatus

from admin.api.audio import Backlog
from daemon.service.messages import AudioPiece
from tests.admin.conftest import SignIn
from tests.admin.test_api import token_of
from tests.fakes.console_rig import ConsoleRig

CALL = "06WM3RZ8Q0001"


def url(console: ConsoleRig, call: str) -> str:
    return f"ws://127.0.0.1:{console.port}/api/v1/calls/{call}/audio"


async def token(sign_in: SignIn, login: str) -> dict[str, str]:
    """A program's header, with a token of this person."""
    return await token_of(await sign_in(login))


async def test_both_sides_come_until_the_call_is_over(console: ConsoleRig, sign_in: SignIn) -> None:
    console.hotline.arrive(CALL, "+4930123", queue="sales")
    headers = await token(sign_in, "sam")
    async with connect(url(console, CALL), additional_headers=headers) as ws:
        async with asyncio.timeout(5):
            got = [frame async for frame in ws]
        assert (ws.close_code, ws.close_reason) == (1000, "over")
    assert json.loads(got[0]) == {"rate": 8000, "bits": 16, "sides": ["caller", "agent"]}
    audio = [frame for frame in got if isinstance(frame, bytes)]
    assert [frame[0] for frame in audio] == [0, 1, 0, 1, 0, 1]
    assert [frame[2:4] for frame in audio[::2]] == [b"\0\0", b"\1\0", b"\2\0"]
    assert all(len(frame) == 1602 for frame in audio)
    told = [json.loads(frame) for frame in got[1:] if isinstance(frame, str)]
    assert sum(each["lost"] for each in told if each["side"] == "caller") == 480
    assert (("sam", "call.audio", CALL)) in console.hotline.audit


async def refusal(address: str, headers: dict[str, str]) -> tuple[int, str]:
    async with connect(address, additional_headers=headers) as ws:
        with pytest.raises(ConnectionClosed) as closed:
            await asyncio.wait_for(ws.recv(), 5)
    assert closed.value.rcvd is not None
    return closed.value.rcvd.code, closed.value.rcvd.reason


async def test_nobody_else_gets_a_call(console: ConsoleRig, sign_in: SignIn) -> None:
    console.hotline.arrive(CALL, "+4930123", queue="sales")
    assert await refusal(url(console, CALL), {}) == (1008, "signed-out")
    with pytest.raises(InvalidStatus):
        await refusal(url(console, CALL), {"Authorization": "Bearer no"})
    anna = await token(sign_in, "anna")
    assert await refusal(url(console, CALL), anna) == (1008, "forbidden")
    assert not [each for each in console.hotline.audit if "audio" in each[1]]
    sam = await token(sign_in, "sam")
    assert await refusal(url(console, "06WM3RZ8Q0009"), sam) == (1008, "not-found")


async def test_a_slow_reader_loses_the_oldest_and_is_told() -> None:
    backlog = Backlog(rate=400)  # 3200 octets in two seconds of both sides
    for at in range(5):
        side = "caller" if at % 2 == 0 else "agent"
        backlog.put(AudioPiece(side=side, pcm=bytes([at]) * 1600, lost=7 if at == 4 else 0))
    backlog.end()
    frames = [frame async for frame in backlog.frames()]
    assert [json.loads(frame) for frame in frames if isinstance(frame, str)] == [
        {"side": "caller", "lost": 1607},
        {"side": "agent", "lost": 800},
    ]
    assert [frame[2] for frame in frames if isinstance(frame, bytes)] == [3, 4]


async def test_who_does_not_read_loses_his_own_and_hears_how_much(
    console: ConsoleRig, sign_in: SignIn
) -> None:
    console.hotline.arrive(CALL, "+4930123", queue="sales")
    console.hotline.loud_s = 2000  # far more than sockets hold
    headers = await token(sign_in, "sam")
    address = f"{url(console, CALL)}?rate=16000"
    async with connect(address, additional_headers=headers, max_queue=1) as ws:
        async with asyncio.timeout(20):
            await console.hotline.all_said.wait()  # nobody waited for this reader
            got = [frame async for frame in ws]
    assert json.loads(got[0])["rate"] == 16_000
    lost = sum(json.loads(frame)["lost"] for frame in got[1:] if isinstance(frame, str))
    samples = sum(len(frame) - 2 for frame in got if isinstance(frame, bytes)) // 2
    assert lost > 1_000_000
    assert samples + lost == 2000 * 8000 + 6 * 800 + 480  # nothing is gone unsaid
