"""T.38 that goes on where something ends: gateways, media processes, events, and IPv4."""

import asyncio
import socket
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from cython_ext.implementation import PURE_PYTHON
from daemon.fax import messages as fax
from daemon.fax.messages import AskFax, FaxStarted, OpenT38, PassT38, StartFax, StopFax
from daemon.fax.t38.recovery import UdptlReceiver, UdptlSender
from daemon.media.fax.relay import _Side
from daemon.media.fax.sockets import FaxSockets
from daemon.media.options import MediaOptions
from tests.daemon.fax.test_t38_host import FAST, NOBODY, opened, peer
from tests.fakes.fax_bench import FaxBench
from tests.fakes.fax_pages import dots, write_pages

pytestmark = pytest.mark.skipif(PURE_PYTHON, reason="there is no audio in pure mode")


@pytest.fixture
def at_once() -> int:
    return 4


@pytest.fixture
async def bench6(tmp_path: Path) -> AsyncIterator[FaxBench]:
    site = tmp_path / "site6"
    site.mkdir()
    made = FaxBench(site, tmp_path / "media6.sock", at_once=4, address="::1")
    await made.open()
    yield made
    await made.close()


def machine(host: str = "127.0.0.1") -> socket.socket:
    """The socket of a machine somewhere else."""
    made = socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET, socket.SOCK_DGRAM)
    made.bind((host, 0))
    made.settimeout(30)
    return made


def at(sock: socket.socket) -> fax.T38Peer:
    return peer(sock.getsockname()[:2])


async def heard(sock: socket.socket) -> bytes:
    return (await asyncio.to_thread(sock.recvfrom, 2048))[0]


async def test_page_goes_over_ipv6(bench6: FaxBench) -> None:
    """Two terminals and the conversation between them, every socket on ::1."""
    bench6.host._worker = FAST
    sent = write_pages(bench6.site / "faxes" / "one.tif", ["one short page"])
    one, other, near, far = [await opened(bench6, number) for number in (1, 2, 11, 12)]
    assert {each[0] for each in (one, other, near, far)} == {"::1"}
    join = PassT38(fax=11, peer=peer(one), other=12, other_peer=peer(other))
    assert isinstance(await bench6.ask(join), FaxStarted)
    assert await bench6.start(1, "one", way="send", station="111", t38=peer(near)) == 0
    assert await bench6.start(2, "2", station="222", t38=peer(far)) == 0
    got, done = await bench6.ended(2, within=60), await bench6.ended(1, within=60)
    assert (got.code, done.code, got.pages, got.t38) == (fax.OK, fax.OK, 1, True)
    assert (got.station, done.station) == ("111", "222")
    assert "strange" not in got.packets | done.packets
    assert dots(bench6.site / "faxes/2.tif") == dots(sent)
    assert await bench6.ask(StopFax(fax=11)) == fax.FaxStopped()
    passed = await bench6.ended(11)
    assert "strange" not in passed.packets
    assert passed.packets["received"] >= got.packets["received"] > 0


async def test_gateway_makes_way_where_the_other_side_takes_t38_afterwards(
    bench: FaxBench,
) -> None:
    """The machine that heard the gateway goes on with the other one, at the same socket."""
    sent = write_pages(bench.site / "faxes" / "one.tif", ["one short page"])
    one, other = await opened(bench, 1), await opened(bench, 2)
    near, far = await opened(bench, 11), await opened(bench, 12)
    gateway = await bench.ask(StartFax(fax=11, way="gateway", t38=peer(one)))
    assert isinstance(gateway, FaxStarted)
    assert gateway.port
    bench.host._worker = FAST
    # It sends, and hears the gateway's first datagrams, as a machine does at the beginning.
    assert await bench.start(1, "one", way="send", station="111", t38=peer(near)) == 0
    join = PassT38(fax=21, peer=peer(one), other=12, other_peer=peer(other), gateway=11)
    assert await bench.ask(join) == await bench.ask(join) == FaxStarted()
    assert (await bench.ended(11)).numbered > 0
    assert await bench.start(2, "2", station="222", t38=peer(far)) == 0
    got, done = await bench.ended(2, within=60), await bench.ended(1, within=60)
    assert (got.code, done.code, got.pages) == (fax.OK, fax.OK, 1)
    assert dots(bench.site / "faxes/2.tif") == dots(sent)
    assert "late" not in done.packets
    await bench.ask(StopFax(fax=21))
    passed = await bench.ended(21)
    assert passed.packets["received"] >= got.packets["received"] > 0
    assert bench.media.engine.ports() == []


async def test_numbers_go_on_from_those_of_the_gateway() -> None:
    with machine() as ours, machine() as theirs:
        side = _Side(ours, at(theirs), goes_on=65_534)
        gateway, far, ear = UdptlSender(), UdptlSender(), UdptlReceiver()
        gateway._next = 65_532
        far._next = 700
        for sender, ifp in (
            (gateway, b"a"),
            (gateway, b"b"),
            (far, b"c"),
            (far, b"d"),
            (far, b"e"),
        ):
            data = sender.send(ifp)
            if sender is far:
                side.send(data)
                data = await heard(theirs)
            assert [packet for _, packet in ear.receive(data)] == [ifp]
        assert +ear.counts == {"received": 5}
        assert far.next_number == 703


async def test_gateway_whose_worker_is_gone_is_not_taken_over(bench: FaxBench) -> None:
    with machine() as one, machine() as other:
        near = await opened(bench, 11)
        await opened(bench, 12)
        await bench.ask(StartFax(fax=11, way="gateway", t38=at(one)))
        join = PassT38(fax=21, peer=at(one), other=12, other_peer=at(other), gateway=11)
        bench.host._faxes[11].process.kill()
        refused = await bench.ask(join)
        assert isinstance(refused, fax.FaxRefused)
        assert (await bench.ended(11)).code in (fax.NO_TERMINAL, fax.DROPPED)
        with machine() as again:  # both sockets are given back
            again.close()
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as again:
            again.bind(near)


async def test_next_media_process_passes_on_at_the_same_ports(
    bench: FaxBench, tmp_path: Path
) -> None:
    with machine() as one, machine() as other:
        near, far = await opened(bench, 11), await opened(bench, 12)
        join = PassT38(fax=11, peer=at(one), other=12, other_peer=at(other))
        started = await bench.ask(join)
        assert started == FaxStarted(places=(near[1], far[1]))
        await bench.media.close()
        following = FaxBench(bench.site, tmp_path / "next.sock")
        await following.open()
        try:
            refused = await following.ask(join)
            assert isinstance(refused, fax.FaxRefused)
            for number, place in zip((11, 12), started.places, strict=True):
                reply = await following.ask(OpenT38(fax=number, port=place))
                assert isinstance(reply, fax.T38Opened)
                assert reply.port == place
            taken = await following.ask(OpenT38(fax=13, port=near[1]))
            assert isinstance(taken, fax.FaxRefused)
            assert await following.ask(join) == started
            datagram = UdptlSender().send(b"\x00")
            one.sendto(datagram, near)
            assert await heard(other) == datagram
            other.sendto(datagram, far)
            assert await heard(one) == datagram
        finally:
            await following.close()


async def test_a_socket_that_is_kept_takes_the_place_of_another() -> None:
    sockets = FaxSockets(MediaOptions(rtp_address="127.0.0.1"))
    sockets.open(11)
    before, kept = sockets._open[11][0], machine()
    sockets.put(11, kept)
    assert (before.fileno(), sockets.take(11), len(sockets)) == (-1, kept, 0)
    kept.close()


async def test_what_was_told_last_is_told_again(bench: FaxBench) -> None:
    assert await bench.ask(AskFax(fax=1)) == fax.FaxStopped(ends=False)
    await opened(bench, 1)
    await bench.start(1, "a", t38=NOBODY)
    assert await bench.ask(AskFax(fax=1)) == FaxStarted()
    await bench.ask(StopFax(fax=1))
    first = await bench.ended(1)
    bench.told.clear()
    assert await bench.ask(AskFax(fax=1)) == fax.FaxStopped()
    assert await bench.ended(1) == first
    await opened(bench, 11)
    await opened(bench, 12)
    await bench.ask(PassT38(fax=11, peer=NOBODY, other=12, other_peer=NOBODY))
    assert await bench.ask(AskFax(fax=11)) == FaxStarted()
