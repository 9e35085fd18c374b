"""Log-in, sessions, CSRF, headers, rate limits, and who may open what."""

import asyncio
from pathlib import Path

import pytest

from admin.security import TokenBuckets
from tests.admin.conftest import SignIn
from tests.fakes.console_rig import PASSWORD, ConsoleRig, make_hotline, running_console


async def test_right_password_opens_the_first_page_of_the_roles(console: ConsoleRig) -> None:
    for login, path in (("sam", "/live"), ("anna", "/desk"), ("tech", "/lines")):
        reply = await console.client().log_in(login, PASSWORD)
        assert (reply.status, reply.headers["location"]) == (302, path)


@pytest.mark.parametrize("login", ["anna", "nobody"])
async def test_wrong_password_says_the_same_for_everybody(console: ConsoleRig, login: str) -> None:
    reply = await console.client().log_in(login, "wrong")
    assert reply.status == 401
    assert "Wrong login or password." in reply.text


async def test_guessing_is_refused_after_five_times(console: ConsoleRig) -> None:
    client = console.client()
    replies = [(await client.log_in("anna", f"wrong{i}")).status for i in range(6)]
    assert replies == [401] * 5 + [429]


async def test_session_cookie_is_out_of_reach_of_scripts_and_other_sites(
    console: ConsoleRig,
) -> None:
    reply = await console.client().log_in("anna", PASSWORD)
    cookie = reply.headers["set-cookie"]
    assert "HttpOnly" in cookie
    assert "SameSite=Strict" in cookie


async def test_post_without_its_token_is_refused(console: ConsoleRig, sign_in: SignIn) -> None:
    client = await sign_in("anna")
    client.csrf = "0" * 64
    assert (await client.post("/desk/log-in", {"station": "2001"})).status == 400
    assert console.hotline.agents["anna"].state == "logged_out"


async def test_post_from_another_origin_is_refused(console: ConsoleRig, sign_in: SignIn) -> None:
    client = await sign_in("anna")
    reply = await client.post("/desk/log-in", {"station": "2001"}, Origin="http://evil.example")
    assert reply.status == 400


async def test_log_out_ends_the_session(console: ConsoleRig, sign_in: SignIn) -> None:
    client = await sign_in("anna")
    cookie = client.cookies["hf_session"]
    assert (await client.post("/logout")).headers["location"] == "/login"
    client.cookies["hf_session"] = cookie
    assert (await client.get("/desk")).headers["location"] == "/login?next=/desk"


async def test_next_leads_into_this_console_only(console: ConsoleRig) -> None:
    for wanted, got in (("/calls?queue=sales", "/calls?queue=sales"), ("//evil.example", "/live")):
        client = console.client()
        await client.get("/login")
        form = {"login": "sam", "password": PASSWORD, "next": wanted}
        assert (await client.post("/login", form)).headers["location"] == got


@pytest.mark.parametrize(
    ("login", "open_", "closed"),
    [
        ("anna", ["/desk", "/calls", "/account", "/api/docs"], ["/live", "/queues", "/lines"]),
        ("sam", ["/live", "/calls", "/agents", "/queues"], ["/desk", "/numbers", "/queues/new"]),
        ("tech", ["/lines", "/system"], ["/live", "/calls", "/changes", "/prompts"]),
        ("boss", ["/live", "/queues/new", "/numbers", "/changes", "/prompts"], ["/desk"]),
    ],
)
async def test_roles_open_their_pages_and_no_others(
    sign_in: SignIn, login: str, open_: list[str], closed: list[str]
) -> None:
    client = await sign_in(login)
    assert {path: (await client.get(path)).status for path in open_} == dict.fromkeys(open_, 200)
    assert {path: (await client.get(path)).status for path in closed} == dict.fromkeys(closed, 403)


async def test_every_answer_has_the_security_headers(console: ConsoleRig) -> None:
    for path in ("/login", "/static/console.css", "/nope", "/api/v1/live"):
        headers = (await console.client().get(path)).headers
        assert "script-src 'self'" in headers["content-security-policy"]
        assert "unsafe" not in headers["content-security-policy"]
        assert headers["x-content-type-options"] == "nosniff"


async def test_page_without_session_leads_to_the_log_in(console: ConsoleRig) -> None:
    reply = await console.client().get("/live")
    assert (reply.status, reply.headers["location"]) == (302, "/login?next=/live")


async def test_password_is_changed_only_with_the_old_one_and_a_fit_new_one(
    console: ConsoleRig, sign_in: SignIn
) -> None:
    client = await sign_in("anna")
    console.hotline.one_time.add("anna")
    form = {"old": "wrong", "new": "long enough word", "again": "long enough word"}
    assert "Wrong password." in (await client.post("/account/password", form)).text
    form = {"old": PASSWORD, "new": "short", "again": "short"}
    assert "At least 10 characters." in (await client.post("/account/password", form)).text
    form = {"old": PASSWORD, "new": "long enough word", "again": "long enough word"}
    assert (await client.post("/account/password", form)).status == 302
    assert "password is changed" in (await client.get("/account?done=password")).text
    assert (await console.client().log_in("anna", "long enough word")).status == 302


async def test_one_time_password_shows_a_banner(console: ConsoleRig, sign_in: SignIn) -> None:
    console.hotline.one_time.add("anna")
    assert "one-time password" in (await (await sign_in("anna")).get("/desk")).text


async def test_language_follows_the_browser_then_the_choice(console: ConsoleRig) -> None:
    client = console.client()
    assert "登录" in (await client.get("/login", Accept_Language="zh-CN,zh;q=0.9,en;q=0.8")).text
    assert "Log in" in (await client.get("/login")).text
    await client.post("/language", {"language": "zh", "back": "/login"})
    assert "登录" in (await client.get("/login")).text


async def test_choice_of_language_is_kept_with_the_person(
    console: ConsoleRig, sign_in: SignIn
) -> None:
    client = await sign_in("sam")
    await client.post("/language", {"language": "zh", "back": "//evil.example"})
    assert console.hotline.people["sam"].language == "zh"
    assert "正在等待" in (await client.get("/live")).text


def test_address_gets_its_rate_and_a_burst() -> None:
    buckets = TokenBuckets(rate=2.0)
    assert [buckets.take("a", 0.0) for _ in range(9)] == [True] * 8 + [False]
    assert buckets.take("b", 0.0)
    assert buckets.take("a", 1.0)


async def test_too_many_requests_at_once_are_refused(tmp_path: Path, site: Path) -> None:
    async with running_console(tmp_path, make_hotline(lambda: 1.8e9), site, rate=1.0) as rig:
        replies = await asyncio.gather(*(rig.client().get("/login") for _ in range(6)))
    assert sorted(reply.status for reply in replies) == [200] * 4 + [429] * 2
