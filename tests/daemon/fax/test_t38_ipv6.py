"""A fax by T.38 from end to end over IPv6: two SIP drivers call each other on ::1.

Lines, re-INVITEs, media, its sockets and both terminals are real; nothing here has an IPv4 address.
"""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from cython_ext.implementation import PURE_PYTHON
from daemon.control.faxes.t38 import peer_of
from daemon.fax import messages as fax
from drivers.api import LineId, RtpAddress
from drivers.events import Answered, Released, Ringing
from drivers.sip.options import SipOptions, TrunkOptions
from drivers.t38 import T38Asked, T38Line
from tests.daemon.fax.test_t38_host import FAST, opened
from tests.drivers.sip.conftest import Running
from tests.fakes.fax_bench import FaxBench
from tests.fakes.fax_pages import dots, write_pages

pytestmark = pytest.mark.skipif(PURE_PYTHON, reason="there is no audio in pure mode")


@pytest.fixture
async def bench(tmp_path: Path) -> AsyncIterator[FaxBench]:
    site = tmp_path / "site"
    site.mkdir()
    made = FaxBench(site, tmp_path / "media.sock", address="::1")
    await made.open()
    made.host._worker = FAST
    yield made
    await made.close()


def end(bench: FaxBench, target: str = "") -> Running:
    """A SIP driver on ::1 whose audio ports are those of media."""
    trunk = TrunkOptions(name="six", addresses=("::1",), target=target)
    made = Running(SipOptions(listen="::1", port=0, trunks=(trunk,)))
    made.ports = bench.link  # type: ignore[assignment]
    return made


async def test_page_goes_by_t38_over_ipv6(bench: FaxBench) -> None:
    sent = write_pages(bench.site / "faxes" / "one.tif", ["one short page"])
    there = await end(bench).open()
    here = await end(bench, f"[::1]:{there.driver.port}").open()
    try:
        line = here.driver.line(LineId("six/1"))
        await line.dial("5557000")
        ringing = await there.wait_for(Ringing)
        other = there.driver.line(ringing.line)
        assert isinstance(other, T38Line)
        await other.answer()
        await here.wait_for(Answered)
        await there.wait_for(Answered)
        await bench.start(1, "one", way="send", station="111")
        # Who is called asks, as a fax machine does; who calls takes it.
        asking = RtpAddress(*await opened(bench, 2))
        assert asking.host == "::1"

        async def take(event: object) -> None:
            if isinstance(event, T38Asked):
                assert event.terms.remote == asking
                local = RtpAddress(*await opened(bench, 1))
                assert await line.accept_t38(local)
                peer = peer_of(event.terms)
                await bench.start(1, "one", way="send", station="111", t38=peer)

        here.react = take
        terms = await other.offer_t38(asking)
        assert terms is not None
        assert terms.remote.host == "::1"
        await bench.start(2, "2", station="222", t38=peer_of(terms))
        got, done = await bench.ended(2, within=60), await bench.ended(1, within=60)
        assert (got.code, done.code, got.pages) == (fax.OK, fax.OK, 1)
        assert (got.t38, done.t38, got.station, done.station) == (True, True, "111", "222")
        assert dots(bench.site / "faxes/2.tif") == dots(sent)
        assert "strange" not in got.packets | done.packets
        await line.release()
        await there.wait_for(Released)
    finally:
        await here.close()
        await there.close()
