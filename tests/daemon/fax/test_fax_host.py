"""Faxes through the media process: workers, the engine and RTP are real."""

import asyncio
import os
import signal
import sys
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cython_ext.implementation import PURE_PYTHON
from daemon.fax import messages as fax
from daemon.fax.messages import FaxProgress, StartFax, StopFax
from daemon.media.fax.host import FaxHost
from drivers.api import RtpAddress, RtpFormat
from tests.fakes.fax_bench import FaxBench
from tests.fakes.fax_jitter import Jittery
from tests.fakes.fax_pages import dots, write_pages

pytestmark = pytest.mark.skipif(PURE_PYTHON, reason="there is no audio in pure mode")

PCMA = RtpFormat(payload_type=8, codec="PCMA", dtmf_payload_type=None, ptime_ms=20)


def workers() -> int:
    """Worker processes of this process that run now."""
    return sum(b"daemon.fax.worker" in words(f"/proc/{child}/cmdline") for child in children())


def children() -> list[str]:
    """Processes that the threads of this one started; a thread may end meanwhile."""
    found: list[str] = []
    for task in Path("/proc/self/task").iterdir():
        found += words(f"{task}/children").decode().split()
    return found


def words(path: str) -> bytes:
    """A file of /proc; empty when what it was about is gone."""
    try:
        return Path(path).read_bytes()
    except OSError:
        return b""


async def test_fax_goes_over_a_jittery_line_from_terminal_to_terminal(bench: FaxBench) -> None:
    """RTP whose packets come up to 30 ms too early or too late, and often in another order."""
    sent = write_pages(bench.site / "faxes" / "out.tif", ["one short page"])
    sender = await bench.start(71, "out", way="send", station="4930123", header="Ward")
    receiver = await bench.start(72, "2026/11/in", station="4930999")
    there, there_address = await bench.link.open_rtp()
    here, here_address = await bench.link.open_rtp()
    to_here, to_there = await Jittery.between(
        (here_address.host, here_address.port),
        (there_address.host, there_address.port),
        most_s=0.03,
    )
    # Each end knows one of them as its peer, and hears from that address.
    await bench.link.connect_rtp(there, RtpAddress(*to_there.address), PCMA)
    await bench.link.connect_rtp(here, RtpAddress(*to_here.address), PCMA)
    await bench.link.bridge(1, sender, there)
    await bench.link.bridge(2, here, receiver)
    got = await bench.ended(72, within=60)
    done = await bench.ended(71)
    to_here.close()
    to_there.close()
    assert (got.code, done.code) == (fax.OK, fax.OK)
    assert to_here.swapped > to_here.passed / 10
    # A buffer that follows the network slips at every third packet of such a line; a process
    # that waits for a processor may cost this one a slip.
    assert got.slips <= 2
    assert done.slips <= 2
    sent_pages = [e.pages for e in bench.told if isinstance(e, FaxProgress) and e.fax == 71]
    assert sent_pages[-1] == 1  # by which control knows that nothing is to be sent again
    assert (got.pages, got.station, got.ecm) == (1, "4930123", True)
    assert done.pages == 1
    assert got.rate >= 2400
    steps = [e for e in bench.told if isinstance(e, FaxProgress) and e.fax == 72]
    assert steps[-1].pages == 1
    arrived = bench.site / "faxes/2026/11/in.tif"
    # The header line is printed above the page, all else is as it was.
    assert len(dots(arrived)) == 1
    assert dots(arrived)[0][1].endswith(dots(sent)[0][1][-216 * 60 :])
    assert arrived.with_suffix(".pdf").read_bytes().startswith(b"%PDF")
    assert workers() == 0


async def test_repeated_request_is_harmless_and_stop_ends_it(bench: FaxBench) -> None:
    first = await bench.start(5, "a")
    assert await bench.start(5, "a") == first
    assert workers() == 1
    assert isinstance(await bench.ask(StopFax(fax=5)), fax.FaxStopped)
    ended = await bench.ended(5)
    assert (ended.code, ended.pages) == (fax.DROPPED, 0)
    assert workers() == 0
    bench.told.clear()
    again = await bench.ask(StartFax(fax=5, path="faxes/a.tif"))
    assert isinstance(again, fax.FaxStopped)
    assert await bench.ended(5) == ended
    assert isinstance(await bench.ask(StopFax(fax=99)), fax.FaxStopped)


async def test_worker_that_is_killed_is_an_end(bench: FaxBench) -> None:
    await bench.start(6, "a")
    await bench.start(7, "b")
    os.kill(bench.host._faxes[6].process.pid, signal.SIGKILL)
    ended = await bench.ended(6)
    assert (ended.code, ended.detail) == (fax.NO_TERMINAL, "worker ended with -9")
    assert workers() == 1
    full = await bench.start(8, "c")
    assert full
    await bench.host.control_gone()
    assert (await bench.ended(7)).code == (await bench.ended(8)).code == fax.DROPPED
    assert bench.media.engine.ports() == []


async def test_more_faxes_than_may_run_are_refused(bench: FaxBench) -> None:
    await bench.start(1, "a")
    await bench.start(2, "b")
    refused = await bench.ask(StartFax(fax=3, path="faxes/c.tif"))
    assert isinstance(refused, fax.FaxRefused)
    assert refused.code == fax.BUSY
    assert "fax_terminals" in refused.text


@pytest.mark.parametrize(
    "path", ["../x.tif", "recordings/x.tif", "faxes/x.wav", "faxes/../../x.tif", "/tmp/x.tif"]
)
async def test_files_elsewhere_are_refused(bench: FaxBench, path: str) -> None:
    refused = await bench.ask(StartFax(fax=3, path=path))
    assert isinstance(refused, fax.FaxRefused)
    assert refused.code == fax.BAD_FILE
    missing = await bench.ask(StartFax(fax=3, path="faxes/none.tif", way="send"))
    assert isinstance(missing, fax.FaxRefused)
    assert workers() == 0


@pytest.mark.parametrize(
    "program",
    ["import sys; sys.exit(3)", "print('nonsense', flush=True); import time; time.sleep(60)"],
)
async def test_worker_that_does_not_start_is_told(tmp_path: Path, program: str) -> None:
    host = FaxHost(tmp_path, at_once=1, worker=(sys.executable, "-c", program))
    reply = await host.handle(fax.encode(StartFax(fax=1, path="faxes/a.tif")))
    answer = fax.decode_reply(reply)
    assert isinstance(answer, fax.FaxRefused)
    assert answer.code == fax.NO_TERMINAL
    assert host.counts["not_started"] == 1
    await host.close()


@given(st.binary(max_size=80))
def test_any_bytes_are_refused_or_read(data: bytes) -> None:
    async def handled() -> fax.Reply:
        return fax.decode_reply(await FaxHost(Path("/nonexistent"), at_once=0).handle(data))

    assert isinstance(asyncio.run(handled()), fax.FaxRefused | fax.FaxStopped)
