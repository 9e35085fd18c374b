"""The facade over a Unix socket: same answers, same refusals, and bad peers."""

import asyncio
import contextlib
from pathlib import Path

import msgspec
import pytest

from daemon.service.errors import ServiceError, ServiceUnreachableError
from daemon.service.live import Reset
from daemon.service.messages import Actor
from daemon.service.settings import QueueSettings
from daemon.service.socket_client import ServiceClient
from daemon.service.socket_server import ServiceServer
from daemon.service.wire import MOST_REQUEST, Reply, Request, frame
from tests.fakes.service import FakeService

ANNA = Actor(login="anna")
BOSS = Actor(login="boss")


async def test_reply_is_the_struct_the_service_returned(
    client: ServiceClient, hotline: FakeService
) -> None:
    assert await client.service.live() == hotline.feed.state()
    assert list(await client.service.list_queues()) == list(hotline.queues.values())


async def test_refusal_arrives_with_code_texts_and_fields(client: ServiceClient) -> None:
    with pytest.raises(ServiceError) as refused:
        await client.service.agent_log_in(ANNA, "9999")
    assert refused.value.code == "not-found"
    assert refused.value.fields == {"station": "unknown"}
    assert refused.value.text("zh") == "没有话机 9999。"


async def test_keyword_only_arguments_travel(client: ServiceClient, hotline: FakeService) -> None:
    hotline.arrive("C1", "1001", queue="sales")
    hotline.offer("C1", "anna")
    hotline.connect("C1")
    assert (await client.service.hold(ANNA, on=True)).state == "on_hold"


async def test_change_is_seen_by_a_subscriber(client: ServiceClient, hotline: FakeService) -> None:
    async with contextlib.aclosing(client.service.subscribe(0)) as updates:  # type: ignore[type-var]
        first = await anext(updates)
        assert isinstance(first.change, Reset)
        await client.service.put_queue(BOSS, QueueSettings(slug="support", name="Support"))
        second = await anext(updates)
    assert second.seq == first.seq + 1


async def test_stream_that_is_closed_frees_its_place(
    client: ServiceClient, hotline: FakeService
) -> None:
    for _ in range(100):
        async with contextlib.aclosing(client.service.subscribe(0)) as updates:  # type: ignore[type-var]
            await anext(updates)
    assert await client.service.live() == hotline.feed.state()


async def test_hundred_requests_at_once_each_get_their_own_reply(client: ServiceClient) -> None:
    for _ in range(3):
        desks = await asyncio.gather(*(client.service.my_desk(ANNA) for _ in range(50)))
        assert {desk.login for desk in desks} == {"anna"}


async def test_client_is_told_when_nobody_listens(tmp_path: Path) -> None:
    with pytest.raises(ServiceUnreachableError) as refused:
        await ServiceClient(tmp_path / "nobody").service.live()
    assert refused.value.code == "unavailable"


async def test_client_reconnects_after_the_service_came_back(
    client: ServiceClient, server: ServiceServer, hotline: FakeService, tmp_path: Path
) -> None:
    before = await client.service.live()
    await server.close()
    with pytest.raises(ServiceUnreachableError):
        await client.service.live()
    again = ServiceServer(hotline, tmp_path / "s")
    await again.start()
    try:
        assert await client.service.live() == before
    finally:
        await again.close()


async def test_waiting_stream_ends_when_the_service_goes(
    client: ServiceClient, server: ServiceServer
) -> None:
    updates = client.service.subscribe(0)
    await anext(updates)
    waiting = asyncio.ensure_future(anext(updates))
    await asyncio.sleep(0)
    await server.close()
    with pytest.raises(ServiceUnreachableError):
        await waiting


async def ask_raw(path: Path, *frames: bytes) -> Reply:
    reader, writer = await asyncio.open_unix_connection(path)
    writer.write(b"".join(frames))
    head = await reader.readexactly(4)
    reply = msgspec.msgpack.decode(
        await reader.readexactly(int.from_bytes(head, "big")), type=Reply
    )
    writer.close()
    return reply


@pytest.mark.parametrize(
    ("sent", "counter"),
    [
        (b"\x00\x00\x00\x01\xc1", "frame_malformed"),
        (b"\x00\x00\x00\x01\x05", "frame_malformed"),
        ((MOST_REQUEST + 1).to_bytes(4, "big"), "frame_too_long"),
        (frame(Request(1, "no_such")), "operation_unknown"),
        (frame(Request(1, "__init__")), "operation_unknown"),
        (frame(Request(1, "ready")), "arguments_malformed"),
        (frame(Request(1, "log_out", msgspec.Raw(b"\x81\xa6secret\x05"))), "arguments_malformed"),
    ],
)
async def test_malformed_request_is_refused_and_counted(
    server: ServiceServer, tmp_path: Path, sent: bytes, counter: str
) -> None:
    reply = await ask_raw(tmp_path / "s", sent)
    assert reply.kind.name == "ERROR"
    assert server.counters[counter] == 1


async def test_peer_of_another_user_is_turned_away(hotline: FakeService, tmp_path: Path) -> None:
    server = ServiceServer(hotline, tmp_path / "s", allowed_uids=[4_000_000])
    await server.start()
    client = ServiceClient(tmp_path / "s")
    try:
        with pytest.raises(ServiceUnreachableError):
            await client.service.live()
        assert server.counters["refused_uid"] == 1
    finally:
        await client.close()
        await server.close()


async def test_fault_of_ours_is_one_refusal_and_the_connection_goes_on(
    client: ServiceClient, hotline: FakeService, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def broken() -> None:
        raise RuntimeError("broken")

    monkeypatch.setattr(hotline, "status", broken)
    with pytest.raises(ServiceError) as refused:
        await client.service.status()
    assert refused.value.code == "failed"
    assert await client.service.live() == hotline.feed.state()
