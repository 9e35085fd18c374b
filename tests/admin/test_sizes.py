"""How much a request may hold: little, but for files of people who are signed in."""

import asyncio
from collections.abc import Awaitable, Callable

import pytest

from admin.security import MOST_FORM, MOST_UPLOAD
from tests.fakes.console_rig import ConsoleRig
from tests.fakes.http_client import HttpClient

SignIn = Callable[[str], Awaitable[HttpClient]]


async def announce(console: ConsoleRig, path: str, size: int, client: HttpClient) -> str:
    """Say how much will be sent, send none of it, and return what is answered to that."""
    cookies = "; ".join(f"{name}={value}" for name, value in client.cookies.items())
    reader, writer = await asyncio.open_connection("127.0.0.1", console.port)
    head = f"POST {path} HTTP/1.1\r\nHost: console\r\nContent-Length: {size}\r\n"
    writer.write(f"{head}Cookie: {cookies}\r\n\r\n".encode())
    async with asyncio.timeout(10):
        answered = await reader.readline()
    writer.close()
    return answered.decode()


@pytest.mark.parametrize("path", ["/login", "/faxes", "/prompts", "/api/v1/faxes"])
async def test_guest_cannot_fill_the_memory(console: ConsoleRig, path: str) -> None:
    assert " 413 " in await announce(console, path, MOST_FORM + 1, console.client())


async def test_files_may_be_large_and_forms_may_not(console: ConsoleRig, sign_in: SignIn) -> None:
    client = await sign_in("boss")
    assert " 413 " in await announce(console, "/desk/pause", MOST_FORM + 1, client)
    assert " 413 " in await announce(console, "/faxes", MOST_UPLOAD + 1, client)


async def test_large_file_arrives_whole(console: ConsoleRig, sign_in: SignIn) -> None:
    client = await sign_in("boss")
    body = "%PDF-1.4" + "x" * (MOST_FORM + 1)
    headers = {"Content-Type": "application/pdf", "X-CSRF-Token": client.csrf}
    path = "/api/v1/faxes?number=030&name=a.pdf"
    assert (await client.request("POST", path, body=body, headers=headers)).status == 200
    [kept] = console.hotline.fax_files
    assert (console.site / kept).stat().st_size == len(body)
