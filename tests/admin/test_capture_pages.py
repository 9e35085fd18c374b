"""Captures from the console: the form's rights, the download, what is refused."""

from collections.abc import Awaitable, Callable

from tests.fakes.console_rig import ConsoleRig, call_text
from tests.fakes.http_client import HttpClient

SignIn = Callable[[str], Awaitable[HttpClient]]
WHERE = "/signalling/capture"


async def test_technician_captures_messages_of_a_peer(console: ConsoleRig, sign_in: SignIn) -> None:
    client = await sign_in("tech")
    text = (await client.get("/signalling")).text
    assert f'action="{WHERE}"' in text
    assert 'name="media"' not in text
    reply = await client.post(WHERE, {"peer": "192.0.2.9", "seconds": "5"})
    assert (reply.status, reply.body) == (200, b"headpacketstail")
    assert reply.headers["content-type"] == "application/x-pcapng"
    assert reply.headers["content-disposition"] == 'attachment; filename="192.0.2.9.pcapng"'
    assert console.hotline.audit[-1] == ("tech", "capture", "192.0.2.9 5")
    refused = await client.post(WHERE, {"peer": "192.0.2.9", "seconds": "5", "media": "yes"})
    assert refused.status == 403


async def test_administrator_captures_a_running_call_with_its_audio(
    console: ConsoleRig, sign_in: SignIn
) -> None:
    client = await sign_in("boss")
    where = f"/calls/{call_text(0)}"
    assert WHERE not in (await client.get(where)).text  # it is over
    console.hotline.arrive(call_text(0), "+4930123", queue="sales")
    text = (await client.get(where)).text
    assert WHERE in text
    assert "also where recording is off" in text
    form = {"call": call_text(0), "seconds": "60", "media": "yes"}
    reply = await client.post(WHERE, form)
    assert (reply.status, reply.body) == (200, b"headpacketstail")


async def test_what_cannot_be_captured_is_said(sign_in: SignIn) -> None:
    client = await sign_in("boss")
    over = await client.post(WHERE, {"call": "over", "seconds": "5"})
    assert (over.status, "already ended" in over.text) == (404, True)
    for seconds in ("", "0", "-1", "601", "ten", "99999999999"):
        assert (await client.post(WHERE, {"call": "x", "seconds": seconds})).status == 400
    for login in ("anna", "sam"):
        other = await sign_in(login)
        assert (await other.post(WHERE, {"peer": "192.0.2.9", "seconds": "5"})).status == 403


async def test_who_is_refused_finds_the_way_back(console: ConsoleRig, sign_in: SignIn) -> None:
    client = await sign_in("tech")
    begin = f"csrf={client.csrf}&call=over&seconds=5"
    for origin, known in (
        (f"{console.url}/signalling?call=x", True),
        ("http://elsewhere.example/signalling?call=x", False),
        (f"{console.url}//elsewhere.example/signalling?call=x", False),
        ("http://[", False),
    ):
        headers = {"Content-Type": "application/x-www-form-urlencoded", "Referer": origin}
        refused = await client.request("POST", WHERE, body=begin, headers=headers)
        assert refused.status == 404
        assert ('href="/signalling?call=x">Back</a>' in refused.text) is known
        assert "elsewhere" not in refused.text
