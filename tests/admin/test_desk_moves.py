"""Asking somebody, parking and dialling at the desk, and the same for programs."""

import sqlite3
from contextlib import closing

from acd_core.ids import to_text
from tests.admin.conftest import SignIn
from tests.fakes.console_rig import ConsoleRig
from tests.fakes.http_client import HttpClient

CALL = "06WM3RZ8Q0001"


async def talk(console: ConsoleRig, client: HttpClient) -> None:
    """Anna talks with a caller."""
    await client.post("/desk/log-in", {"station": "2001"})
    await client.post("/desk/ready")
    console.hotline.arrive(CALL, "+4930123", queue="sales", name="Kurt")
    console.hotline.offer(CALL, "anna")
    await client.post("/desk/accept")


async def test_agent_asks_somebody_and_hands_over(console: ConsoleRig, sign_in: SignIn) -> None:
    client = await sign_in("anna")
    await talk(console, client)
    assert "Ask first" in (await client.get("/desk")).text
    refused = await client.post("/desk/consult", {"to": "nobody"})
    assert "nobody cannot be reached now." in refused.text
    asked = (await client.post("/desk/consult", {"to": "2002"})).text
    for wanted in ("You talk with 2002", "/desk/consult-swap", "/desk/consult-join"):
        assert wanted in asked
    assert "/desk/hold" not in asked
    swapped = (await client.post("/desk/consult-swap")).text
    assert "2002 hears music" in swapped
    assert 'data-state="wrap_up"' in (await client.post("/desk/consult-complete")).text
    assert [act[1:] for act in console.hotline.audit][-3:] == [
        ("consult", "2002"),
        ("swap", "2002"),
        ("complete", "2002"),
    ]


async def test_agent_parks_and_takes_back(console: ConsoleRig, sign_in: SignIn) -> None:
    client = await sign_in("anna")
    await talk(console, client)
    parked = (await client.post("/desk/park")).text
    assert "Parked callers" in parked
    assert 'value="*51"' in parked
    taken = (await client.post("/desk/dial", {"to": "*51"})).text
    assert "Parked callers" not in taken
    refused = await client.post("/desk/dial", {"to": "nobody"})
    assert "nobody cannot be dialled." in refused.text


async def test_call_begun_at_the_desk_is_hung_up_there(sign_in: SignIn) -> None:
    client = await sign_in("anna")
    await client.post("/desk/log-in", {"station": "2001"})
    await client.post("/desk/ready")
    begun = (await client.post("/desk/dial", {"to": "2002"})).text
    assert "Your call with 2002" in begun
    assert "/desk/hang-up" in begun
    assert 'hx-post="/desk/dial"' not in begun
    assert "Your call with" not in (await client.post("/desk/hang-up")).text


async def test_programs_do_the_same(console: ConsoleRig, sign_in: SignIn) -> None:
    client = await sign_in("anna")
    await talk(console, client)
    at = "/api/v1/desk"
    desk = (await client.send_json("POST", f"{at}/consult", {"to": "2002"})).json()
    assert desk["consultation"] == {"to": "2002", "state": "with_target"}
    desk = (await client.send_json("POST", f"{at}/consult-step", {"step": "join"})).json()
    assert desk["consultation"] is None
    assert (await client.send_json("POST", f"{at}/consult-step", {"step": "join"})).status == 409
    desk = (await client.send_json("POST", f"{at}/park", {})).json()
    assert desk["parked"][0]["slot"] == "*51"
    assert (await client.send_json("POST", f"{at}/dial", {"to": "*51"})).json()["parked"] == []


async def test_page_of_a_call_says_by_name_who_handed_on(
    console: ConsoleRig, sign_in: SignIn
) -> None:
    moved = """UPDATE segment SET kind = 'outside', detail = '{"by": "anna", "to": "2002"}'"""
    with closing(sqlite3.connect(console.site / "hookflash.db")) as records, records:
        records.execute(f"{moved} WHERE id = (SELECT max(id) FROM segment)")
        (call,) = records.execute("SELECT max(call_id) FROM segment").fetchone()
    client = await sign_in("boss")
    text = (await client.get(f"/calls/{to_text(call)}")).text
    assert "Anna Berg → 2002" in text
    assert "With somebody else" in text


async def test_live_page_says_whom_an_agent_asks(console: ConsoleRig, sign_in: SignIn) -> None:
    await talk(console, await sign_in("anna"))
    console.hotline._agent("anna", caller="+4930123", with_others="2002")
    assert "+4930123 + 2002" in (await (await sign_in("sam")).get("/live")).text


async def test_desk_says_why_a_busy_telephone_gets_no_calls(
    console: ConsoleRig, sign_in: SignIn
) -> None:
    client = await sign_in("anna")
    await client.post("/desk/log-in", {"station": "2001"})
    console.hotline._agent("anna", state="busy")
    assert "Callers of queues come when it is free." in (await client.get("/desk")).text
