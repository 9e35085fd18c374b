"""T.38 through the media process: workers, sockets, the engine and what a network does are real."""

import asyncio
import socket
import sys
from pathlib import Path

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from cython_ext.implementation import PURE_PYTHON
from daemon.fax import messages as fax
from daemon.fax.messages import (
    FaxProgress,
    OpenT38,
    PassT38,
    StartFax,
    StopFax,
    T38Opened,
    T38Peer,
)
from daemon.fax.t38.udptl import parse
from daemon.media.fax.host import RELAYS
from daemon.media.fax.relay import MOST_A_SECOND, _Side
from tests.fakes.fax_bench import FaxBench
from tests.fakes.fax_pages import dots, write_pages
from tests.fakes.fax_relay import Relay

pytestmark = pytest.mark.skipif(PURE_PYTHON, reason="there is no audio in pure mode")

AT_ONCE = 5
NOBODY = T38Peer(host="127.0.0.1", port=9)
FASTER = """\
import time
from daemon.fax.worker import main
main(clock=lambda: 5 * time.monotonic())
"""
FAST = (sys.executable, "-P", "-c", FASTER)
"""A worker whose clock runs five times as fast: what is not audio needs no seconds of ours."""


@pytest.fixture
def at_once() -> int:
    return AT_ONCE


async def opened(bench: FaxBench, number: int) -> tuple[str, int]:
    """The socket of a fax."""
    reply = await bench.ask(OpenT38(fax=number))
    assert isinstance(reply, T38Opened), reply
    return reply.host, reply.port


def peer(address: tuple[str, int]) -> T38Peer:
    return T38Peer(host=address[0], port=address[1])


async def test_fax_goes_by_t38_and_is_passed_on(bench: FaxBench) -> None:
    """Over a network that loses, to the sockets of a conversation, and on to the other machine."""
    bench.host._worker = FAST
    sent = write_pages(bench.site / "faxes" / "one.tif", ["one short page"])
    one, other = await opened(bench, 1), await opened(bench, 2)
    assert await opened(bench, 1) == one
    near, far = await opened(bench, 11), await opened(bench, 12)
    # Each end knows one relay as its peer, and hears from that address.
    to_near, to_one = await Relay.between(one, near)
    join = PassT38(fax=11, peer=peer(to_one.address), other=12, other_peer=peer(other))
    started = await bench.ask(join)
    assert isinstance(started, fax.FaxStarted)
    assert await bench.ask(join) == started
    # Both began by audio, as calls do.
    await bench.start(1, "one", way="send", station="111")
    await bench.start(2, "1", station="222")
    # The one makes up for losses by parity, the other by copies.
    by_parity = msgspec.structs.replace(peer(to_near.address), parity=True)
    assert await bench.start(1, "one", way="send", station="111", t38=by_parity) == 0
    assert await bench.start(2, "1", station="222", t38=peer(far)) == 0
    got, done = await bench.ended(2, within=60), await bench.ended(1, within=60)
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as stranger:
        stranger.sendto(bytes(8), far)
    passed = await ended_after_the_stranger(bench)
    to_one.close()
    to_near.close()
    assert (got.code, done.code, got.t38, done.t38) == (fax.OK, fax.OK, True, True)
    assert (got.pages, got.station, done.station) == (1, "111", "222")
    assert to_one.lost * to_one.swapped * to_one.doubled * to_near.lost > 0
    assert dots(bench.site / "faxes/1.tif") == dots(sent)
    assert (bench.site / "faxes/1.pdf").read_bytes().startswith(b"%PDF")
    assert any(isinstance(e, FaxProgress) and e.t38 and e.pages == 1 for e in bench.told)
    # What the network lost is made up for at the end only, and counted on the way.
    assert passed.packets["by_parity"] >= got.packets["by_parity"] > 0
    assert got.packets["recovered"] == got.packets["by_parity"]
    assert done.packets["recovered"] > 0
    assert "by_parity" not in done.packets
    assert passed.packets["received"] >= got.packets["received"]
    assert done.packets["received"] > 0
    assert passed.packets["other_received"] > done.packets["received"]
    assert passed.packets["other_strange"] == 1
    assert await bench.ask(StopFax(fax=11)) == fax.FaxStopped()
    assert bench.media.engine.ports() == []


async def ended_after_the_stranger(bench: FaxBench) -> fax.FaxEnded:
    """End what is passed on; what came before is read before, for the loop reads first."""
    await asyncio.sleep(0)
    assert await bench.ask(StopFax(fax=11)) == fax.FaxStopped()
    return await bench.ended(11)


async def test_what_is_passed_on_is_bounded_and_ends_with_control(bench: FaxBench) -> None:
    refused = await bench.ask(
        PassT38(fax=1, peer=T38Peer(host="127.0.0.1", port=9), other=2, other_peer=NOBODY)
    )
    assert isinstance(refused, fax.FaxRefused)
    assert refused.code == fax.NO_AUDIO
    for number in range(0, 2 * RELAYS * AT_ONCE, 2):
        await opened(bench, number)
        await opened(bench, number + 1)
        join = PassT38(fax=number, peer=NOBODY, other=number + 1, other_peer=NOBODY)
        assert isinstance(await bench.ask(join), fax.FaxStarted)
    await opened(bench, 998)
    await opened(bench, 999)
    full = await bench.ask(PassT38(fax=998, peer=NOBODY, other=999, other_peer=NOBODY))
    assert isinstance(full, fax.FaxRefused)
    assert full.code == fax.BUSY
    await bench.host.control_gone()
    for number in range(0, 2 * RELAYS * AT_ONCE, 2):
        assert (await bench.ended(number)).code == fax.OK


@given(st.lists(st.binary(max_size=40), max_size=20))
def test_any_datagrams_are_counted_and_nothing_else_is_passed_on(flight: list[bytes]) -> None:
    side = _Side(None, NOBODY)  # type: ignore[arg-type]
    passed = [data for data in flight if side.takes(data, ("127.0.0.1", 9), 0.0)]
    for data in passed:
        parse(data)
    counts = side.counts()
    assert counts.get("received", 0) == len(passed)
    assert counts.get("malformed", 0) + counts.get("strange", 0) == len(flight) - len(passed)


def test_flood_is_not_passed_on() -> None:
    side = _Side(None, NOBODY)  # type: ignore[arg-type]
    datagram = bytes.fromhex("0001010000 00")
    taken = [side.takes(datagram, ("127.0.0.1", 9), 5.0) for _ in range(MOST_A_SECOND + 7)]
    assert taken.count(True) == MOST_A_SECOND
    assert side.counts()["flood"] == 7
    assert side.takes(datagram, ("127.0.0.1", 9), 6.0)


async def test_call_that_ends_ends_its_t38(bench: FaxBench) -> None:
    await opened(bench, 1)
    await bench.start(1, "a", t38=T38Peer(host="127.0.0.1", port=9))
    assert isinstance(await bench.ask(StopFax(fax=1)), fax.FaxStopped)
    assert (await bench.ended(1)).code == fax.DROPPED


async def test_t38_without_a_socket_is_refused(bench: FaxBench, tmp_path: Path) -> None:
    start = StartFax(fax=1, path="faxes/a.tif", t38=T38Peer(host="127.0.0.1", port=9))
    refused = await bench.ask(start)
    assert isinstance(refused, fax.FaxRefused)
    assert refused.code == fax.NO_AUDIO


async def test_sockets_are_bounded_and_given_back(bench: FaxBench) -> None:
    most = 2 * RELAYS * AT_ONCE  # as many as come back when media was started anew
    addresses = [await opened(bench, number) for number in range(most)]
    assert isinstance(await bench.ask(OpenT38(fax=most)), fax.FaxRefused)
    assert await opened(bench, 0) == addresses[0]
    for number in range(most):
        await bench.ask(StopFax(fax=number))
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as again:
        again.bind(addresses[0])
    assert isinstance(await bench.ask(OpenT38(fax=most)), T38Opened)
