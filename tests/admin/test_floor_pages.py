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
