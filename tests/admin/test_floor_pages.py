"""The live page's queues: closed, unattended, reserves, call-backs; and why nobody calls me."""

from daemon.service.live import KeptCaller
from tests.admin.conftest import NOW, SignIn
from tests.admin.test_pages import settled
from tests.fakes.console_rig import ConsoleRig

KEPT = KeptCaller(
    call="06WM3RZ8Q0020", number="+4930998877", position=2, since=NOW - 600, attempts=1,
    due=NOW + 200,
)  # fmt: skip


async def test_supervisor_switches_a_queue_to_unattended_and_back(
    console: ConsoleRig, sign_in: SignIn
) -> None:
    client = await sign_in("sam")
    assert "Switch to unattended" in (await client.get("/live")).text
    assert (await client.post("/queues/sales/unattended")).status == 302
    assert console.hotline.queues["sales"].unattended
    await settled(console)
    shown = (await client.get("/live")).text
    assert 'data-test="queue-sales-state"' in shown
    assert "Let callers in again" in shown
    assert (await client.post("/queues/sales/attended")).status == 302
    assert not console.hotline.queues["sales"].unattended
    assert ("sam", "unattended", "sales") in console.hotline.audit
    assert (await client.post("/queues/sales/dancing")).status == 404


async def test_agent_may_not_switch_a_queue(console: ConsoleRig, sign_in: SignIn) -> None:
    client = await sign_in("anna")
    assert (await client.post("/queues/sales/unattended")).status == 403
    assert (await client.post("/callbacks/06WM3RZ8Q0020/cancel")).status == 403
    assert not console.hotline.queues["sales"].unattended


async def test_kept_places_are_shown_with_age_and_attempts_and_given_up(
    console: ConsoleRig, sign_in: SignIn
) -> None:
    console.hotline.callbacks["sales"] = (KEPT,)
    console.hotline.reserves.add("sales")
    console.hotline.refresh()
    client = await sign_in("sam")
    await settled(console)
    text = (await client.get("/live")).text
    for wanted in ("To be called: 1", "+4930998877", "tried 1", "10:00", "reserves help"):
        assert wanted in text
    assert (await client.post(f"/callbacks/{KEPT.call}/cancel")).status == 302
    assert console.hotline.callbacks["sales"] == ()
    assert (await client.post(f"/callbacks/{KEPT.call}/cancel")).status == 404


async def test_every_telephone_that_rings_is_named(console: ConsoleRig, sign_in: SignIn) -> None:
    console.hotline.arrive("06WM3RZ8Q0001", "+4930123", queue="sales")
    console.hotline.offer("06WM3RZ8Q0001", "anna")
    client = await sign_in("sam")
    await settled(console)
    assert 'title="Ringing: anna"' in (await client.get("/live")).text


async def test_agent_reads_why_no_calls_come(console: ConsoleRig, sign_in: SignIn) -> None:
    client = await sign_in("anna")
    await client.post("/desk/log-in", {"station": "2001"})
    assert "/agents/anna/why" in (await client.get("/desk")).text
    text = (await client.get("/agents/anna/why")).text
    assert "Why am I not getting calls?" in text
    assert text.index("ready for 0:10") < text.index("nobody waits")
    assert (await client.get("/agents/bo/why")).status == 403
    assert (await client.get("/api/v1/agents/anna/why")).json()[0]["en"] == "ready for 0:10"
    supervisor = await sign_in("sam")
    assert "Why does Bo Chen get no calls?" in (await supervisor.get("/agents/bo/why")).text
    assert (await supervisor.get("/agents/nobody/why")).status == 404


async def test_supervisor_listens_from_the_live_page(console: ConsoleRig, sign_in: SignIn) -> None:
    call = "06WM3RZ8Q0001"
    console.hotline.arrive(call, "+4930123", queue="sales")
    client = await sign_in("sam")
    await settled(console)
    assert f"/calls/{call}/supervise" not in (await client.get("/live")).text
    console.hotline.offer(call, "anna")
    console.hotline.connect(call)
    await settled(console)
    text = (await client.get("/live")).text
    assert text.count(f'hx-post="/calls/{call}/supervise"') == 3
    assert 'id="my-station"' in text
    assert f"/calls/{call}/stop-supervising" not in text
    wish = {"station": "2003", "part": "whisper"}
    assert (await client.post(f"/calls/{call}/supervise", wish)).status == 302
    await settled(console)
    text = (await client.get("/live")).text
    pressed = 'aria-pressed="true" title="Whisper: only the agent hears you"'
    assert pressed in text
    assert text.count('hx-include="#my-station" hx-vals') == text.count("/supervise") == 3
    assert ("sam", "supervise", f"{call} whisper 2003") in console.hotline.audit
    assert (await client.post(f"/calls/{call}/stop-supervising")).status == 302
    await settled(console)
    assert pressed not in (await client.get("/live")).text


async def test_agent_may_not_supervise(console: ConsoleRig, sign_in: SignIn) -> None:
    client = await sign_in("anna")
    wish = {"station": "2003", "part": "listen"}
    for path in ("/calls/06WM3RZ8Q0001/supervise", "/calls/06WM3RZ8Q0001/stop-supervising"):
        assert (await client.post(path, wish)).status == 403


async def test_program_supervises(console: ConsoleRig, sign_in: SignIn) -> None:
    call = "06WM3RZ8Q0001"
    console.hotline.arrive(call, "+4930123", queue="sales")
    console.hotline.offer(call, "anna")
    console.hotline.connect(call)
    client, path = await sign_in("sam"), f"/api/v1/calls/{call}"
    wish = {"station": "2003", "part": "listen"}
    assert (await client.send_json("POST", f"{path}/supervise", wish)).status == 204
    assert console.hotline.calls[call].part == "listen"
    assert (await client.send_json("POST", f"{path}/supervise", {"part": 5})).status == 400
    assert (await client.send_json("POST", f"{path}/stop-supervising", {})).status == 204
    assert (await client.send_json("POST", f"{path}/stop-supervising", {})).status == 404
