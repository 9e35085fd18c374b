"""T.38 through the media process: workers, sockets, the engine and what a network does are real."""

import asyncio
import socket
from pathlib import Path

import pytest

from cython_ext.implementation import PURE_PYTHON
from daemon.fax import messages as fax
from daemon.fax.messages import FaxProgress, OpenT38, StartFax, StopFax, T38Opened, T38Peer
from tests.fakes.fax_bench import FaxBench
from tests.fakes.fax_pages import dots, write_pages
from tests.fakes.fax_relay import Relay

pytestmark = pytest.mark.skipif(PURE_PYTHON, reason="there is no audio in pure mode")


@pytest.fixture
def at_once() -> int:
    return 5


async def opened(bench: FaxBench, number: int) -> tuple[str, int]:
    """The socket of a fax."""
    reply = await bench.ask(OpenT38(fax=number))
    assert isinstance(reply, T38Opened), reply
    return reply.host, reply.port


def peer(address: tuple[str, int]) -> T38Peer:
    return T38Peer(host=address[0], port=address[1])


async def test_faxes_go_by_t38_and_through_the_gateway(bench: FaxBench) -> None:
    """Two faxes at the same time, for they take their time."""
    await asyncio.gather(_from_t38_to_t38(bench), _from_audio_to_t38(bench))
    assert bench.media.engine.ports() == []


async def _from_t38_to_t38(bench: FaxBench) -> None:
    sent = write_pages(bench.site / "faxes" / "one.tif", ["one short page"])
    one, other = await opened(bench, 1), await opened(bench, 2)
    assert await opened(bench, 1) == one
    # Each end knows one relay as its peer, and hears from that address.
    to_other, to_one = await Relay.between(one, other)
    # Both began by audio, as calls do.
    await bench.start(1, "one", way="send", station="111")
    await bench.start(2, "1", station="222")
    assert await bench.start(1, "one", way="send", station="111", t38=peer(to_other.address)) == 0
    assert await bench.start(2, "1", station="222", t38=peer(to_one.address)) == 0
    got, done = await bench.ended(2, within=60), await bench.ended(1, within=60)
    to_one.close()
    to_other.close()
    assert (got.code, done.code, got.t38, done.t38) == (fax.OK, fax.OK, True, True)
    assert (got.pages, got.station, done.station) == (1, "111", "222")
    assert to_one.lost * to_one.swapped * to_one.doubled * to_other.lost > 0
    assert dots(bench.site / "faxes/1.tif") == dots(sent)
    assert (bench.site / "faxes/1.pdf").read_bytes().startswith(b"%PDF")
    assert any(isinstance(e, FaxProgress) and e.t38 and e.pages == 1 for e in bench.told)


async def _from_audio_to_t38(bench: FaxBench) -> None:
    sent = write_pages(bench.site / "faxes" / "two.tif", ["another page"])
    gate, receiver = await opened(bench, 3), await opened(bench, 4)
    analogue = await bench.start(5, "two", way="send", station="333")
    reply = await bench.ask(StartFax(fax=3, way="gateway", t38=peer(receiver)))
    assert isinstance(reply, fax.FaxStarted)
    await bench.start(4, "2", station="444", t38=peer(gate))
    await bench.link.bridge(9, analogue, reply.port)  # type: ignore[arg-type]
    got, done = await bench.ended(4, within=60), await bench.ended(5, within=60)
    assert (got.code, done.code) == (fax.OK, fax.OK)
    assert (got.t38, done.t38, got.station) == (True, False, "333")
    assert dots(bench.site / "faxes/2.tif") == dots(sent)
    await bench.ask(StopFax(fax=3))
    gateway = await bench.ended(3)
    assert (gateway.code, gateway.pages) == (fax.OK, 1)


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
    addresses = [await opened(bench, number) for number in range(5)]
    assert isinstance(await bench.ask(OpenT38(fax=99)), fax.FaxRefused)
    for number in range(5):
        await bench.ask(StopFax(fax=number))
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as again:
        again.bind(addresses[0])
    assert isinstance(await bench.ask(OpenT38(fax=99)), T38Opened)
