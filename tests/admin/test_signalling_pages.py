"""The ladder on its page and on a call's: who may see it, what it draws, when there is none."""

from collections.abc import Awaitable, Callable

import pytest

from admin.pages.technician.ladder import draw
from daemon.service.messages import Actor
from tests.fakes.console_rig import ConsoleRig, call_text
from tests.fakes.http_client import HttpClient
from tests.fakes.signalling import CARRIER, PHONE, sample_ladder

SignIn = Callable[[str], Awaitable[HttpClient]]


def test_parties_stand_in_the_order_of_the_call_and_arrows_between_them() -> None:
    ladder = draw(sample_ladder("c", 100.0))
    assert [name for name, _ in ladder.parties] == [CARRIER, "", PHONE]
    places = dict(ladder.parties)
    first, ringing, second = ladder.arrows[:3]
    assert (first.tail, first.head) == (places[CARRIER], places[""])
    assert (ringing.tail, ringing.head) == (places[""], places[CARRIER])
    assert (second.tail, second.head) == (places[""], places[PHONE])
    assert second.after_s == pytest.approx(3.196)
    assert [arrow.tone for arrow in ladder.arrows[-4:]] == ["plain", "good", "plain", "bad"]
    assert max(places.values()) < ladder.width


def test_a_call_that_we_made_begins_with_us() -> None:
    ladder = draw(sample_ladder("c", 100.0)[2:])
    assert [name for name, _ in ladder.parties] == ["", PHONE, CARRIER]
    assert draw([]).arrows == ()


async def test_technician_looks_for_a_call_and_reads_its_messages(sign_in: SignIn) -> None:
    client = await sign_in("tech")
    empty = (await client.get("/signalling")).text
    assert "Name a call, a Call-ID" in empty
    text = (await client.get("/signalling?call=4711")).text
    assert text.count("<details>") == 12
    assert "&lt;sip:4711@hotline&gt;" in text
    assert CARRIER in text
    none = (await client.get("/signalling?call=nobody")).text
    assert "No message of such a call is kept." in none
    assert "<details>" not in none.partition("<main")[2]


async def test_page_of_a_call_offers_the_ladder_to_those_who_may(sign_in: SignIn) -> None:
    where = f"/calls/{call_text(0)}"
    boss, sam = await sign_in("boss"), await sign_in("sam")
    assert f"{where}/signalling" in (await boss.get(where)).text
    assert (await boss.get(f"{where}/signalling")).text.count("<details>") == 12
    assert f"{where}/signalling" not in (await sam.get(where)).text
    assert (await sam.get(f"{where}/signalling")).status == 403
    assert (await sam.get("/signalling")).status == 403


async def test_ladder_speaks_chinese(console: ConsoleRig, sign_in: SignIn) -> None:
    await console.hotline.set_language(Actor(login="tech"), "zh")
    text = (await (await sign_in("tech")).get("/signalling?call=4711")).text
    assert "密码验证值和音频密钥以星号代替" in text
    assert "热线" in text
