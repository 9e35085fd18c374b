"""The REST interface: tokens, documents, and the same answers as the pages."""

from admin.api.openapi import ENDPOINTS, PREFIX, document
from admin.app import blueprints
from tests.admin.conftest import SignIn
from tests.fakes.console_rig import ConsoleRig, call_text, recording_text
from tests.fakes.http_client import HttpClient


async def token_of(client: HttpClient) -> dict[str, str]:
    text = (await client.post("/account/tokens", {"slug": "reports", "days": "30"})).text
    secret = text.partition('<code class="secret">')[2].partition("<")[0]
    return {"Authorization": f"Bearer {secret}"}


async def test_token_opens_what_its_owner_may_see(console: ConsoleRig, sign_in: SignIn) -> None:
    headers = await token_of(await sign_in("sam"))
    program = console.client()
    live = await program.get("/api/v1/live", **headers)
    assert [queue["slug"] for queue in live.json()["queues"]] == ["sales", "support", "billing"]
    assert (await program.get("/api/v1/status", **headers)).status == 403
    assert (await program.get("/api/v1/calls", Authorization="Bearer no")).status == 401


async def test_revoked_token_is_worthless(console: ConsoleRig, sign_in: SignIn) -> None:
    client = await sign_in("sam")
    headers = await token_of(client)
    await client.post("/account/tokens/revoke", {"slug": "reports"})
    assert (await console.client().get("/api/v1/live", **headers)).status == 401


async def test_calls_are_paged_with_their_total(sign_in: SignIn) -> None:
    client = await sign_in("sam")
    found = (await client.get("/api/v1/calls?limit=1&offset=1&outcome=")).json()
    assert (found["total"], len(found["calls"])) == (4, 1)
    assert found["calls"][0]["call"] == call_text(1)
    detail = (await client.get(f"/api/v1/calls/{call_text(0)}")).json()
    assert [segment["kind"] for segment in detail["segments"]] == ["ivr", "wait", "ring", "talk"]
    assert detail["recordings"][0]["recording"] == recording_text(0)
    audio = await client.get(f"/api/v1/recordings/{recording_text(0)}", Range="bytes=0-3")
    assert audio.body == b"RIFF"


async def test_errors_have_code_text_and_fields(console: ConsoleRig, sign_in: SignIn) -> None:
    reply = await console.client().get("/api/v1/live")
    assert (reply.status, reply.json()["error"]["code"]) == (401, "signed-out")
    client = await sign_in("anna")
    reply = await client.send_json("POST", "/api/v1/desk/log-in", {"station": "9"})
    assert reply.status == 404
    assert reply.json()["error"]["fields"] == {"station": "unknown"}
    assert (await client.send_json("POST", "/api/v1/desk/pause", {"reason": 5})).status == 400


async def test_agent_works_through_the_interface(console: ConsoleRig, sign_in: SignIn) -> None:
    client = await sign_in("anna")
    desk = await client.send_json("POST", "/api/v1/desk/log-in", {"station": "2001"})
    assert desk.json()["state"] == "paused"
    assert (await client.send_json("POST", "/api/v1/desk/ready", {})).json()["state"] == "ready"
    assert (await client.get("/api/v1/desk")).json()["station"] == "2001"


async def test_queue_is_put_with_its_version(console: ConsoleRig, sign_in: SignIn) -> None:
    client = await sign_in("boss")
    queue = (await client.get("/api/v1/queues/sales")).json()
    reply = await client.send_json("PUT", "/api/v1/queues/sales", queue | {"ring_s": 30})
    assert reply.json() == {"version": 2, "change": 1}
    assert console.hotline.queues["sales"].ring_s == 30
    again = await client.send_json("PUT", "/api/v1/queues/sales", queue)
    assert (again.status, again.json()["error"]["code"]) == (409, "conflict")


async def test_document_is_served_to_people_who_are_signed_in(
    console: ConsoleRig, sign_in: SignIn
) -> None:
    assert (await console.client().get("/api/v1/openapi.json")).status == 401
    found = (await (await sign_in("sam")).get("/api/v1/openapi.json")).json()
    assert found["openapi"] == "3.1.0"
    assert "/api/v1/calls/{call}" in found["paths"]
    assert "CallDetail" in found["components"]["schemas"]


def test_every_route_of_the_interface_is_in_the_document() -> None:
    routes = set()
    for blueprint in blueprints():
        for route in blueprint._future_routes:
            if route.uri.startswith(PREFIX):
                routes |= {
                    (method, route.uri.removeprefix(PREFIX)) for method in route.methods or ("GET",)
                }
    described = {(entry.method, entry.path) for entry in ENDPOINTS}
    assert routes - described == {("GET", "/health"), ("GET", "/openapi.json")}
    references = str(document("x"))
    assert "#/components/schemas/Desk" in references


async def test_health_says_whether_control_answers(console: ConsoleRig) -> None:
    reply = await console.client().get("/api/v1/health")
    assert reply.json() == {"ok": reply.status == 200}
