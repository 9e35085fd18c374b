"""The page of bans: who may see it, the empty state, releasing one, in both languages."""

from collections.abc import Awaitable, Callable

from daemon.service.messages import Actor, BanRow
from tests.fakes.console_rig import ConsoleRig
from tests.fakes.http_client import HttpClient

SignIn = Callable[[str], Awaitable[HttpClient]]


def ban(console: ConsoleRig, name: str, **more: object) -> None:
    now = console.hotline.clock()
    row = {"driver": "sip", "kind": "source", "reason": "scanner", "since": now, "until": now + 600}
    console.hotline.banned.append(BanRow(name=name, **(row | more)))


async def test_technician_sees_bans_and_releases_one(console: ConsoleRig, sign_in: SignIn) -> None:
    client = await sign_in("tech")
    assert "Nobody is banned" in (await client.get("/bans")).text
    ban(console, "203.0.113.9", times=3)
    ban(console, "2001", kind="account", reason="wrong passwords")
    text = (await client.get("/bans")).text
    for word in ("203.0.113.9", "scanning", "User name", "wrong passwords", "Listen again"):
        assert word in text
    assert (await client.post("/bans/release", {"name": "203.0.113.9"})).status == 302
    text = (await client.get("/bans")).text
    assert "203.0.113.9" not in text
    assert "2001" in text
    assert console.hotline.audit[-1] == ("tech", "ban.release", "203.0.113.9")


async def test_a_ban_that_is_over_is_said_so(console: ConsoleRig, sign_in: SignIn) -> None:
    client = await sign_in("boss")
    reply = await client.post("/bans/release", {"name": "198.51.100.1"})
    assert (reply.status, "198.51.100.1 is not banned." in reply.text) == (200, True)


async def test_others_may_not(console: ConsoleRig, sign_in: SignIn) -> None:
    ban(console, "203.0.113.9")
    for login in ("anna", "sam"):
        client = await sign_in(login)
        assert (await client.get("/bans")).status == 403
        assert (await client.post("/bans/release", {"name": "203.0.113.9"})).status == 403
    assert console.hotline.banned


async def test_page_speaks_chinese(console: ConsoleRig, sign_in: SignIn) -> None:
    await console.hotline.set_language(Actor(login="tech"), "zh")
    ban(console, "203.0.113.9")
    text = (await (await sign_in("tech")).get("/bans")).text
    assert "解除" in text
    assert "扫描" in text
