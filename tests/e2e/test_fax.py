"""A fax machine calls the whole daemon over SIP: its page is a PDF in the console.

The machine speaks T.30 over RTP and knows no T.38: the hotline asks for it, is refused, and
goes on with audio.
"""

import asyncio
from collections import deque
from pathlib import Path

import pytest
from console_visitor import visitor
from running_site import RunningSite, until

from daemon.demo.phone import Telephones
from daemon.fax.terminal import Terminal
from drivers.sip.simulator.agent import UserAgent
from drivers.sip.simulator.packets import Media
from tests.fakes.fax_pages import dots, write_pages

pytestmark = pytest.mark.e2e

FRAME = 320
NUMBER = "5557000"
AHEAD = 5  # frames: what this process may sleep without a slip
FLOW = """\
version: 1
title: Fax
languages: [en]
start: fax
nodes:
  fax: {kind: fax, mailbox: "2001", station: "5557000", received: end}
  end: {kind: hang_up}
"""


class FaxMachine:
    """A caller who speaks and hears T.30; each frame that it hears, it hears once."""

    def __init__(self, page: Path) -> None:
        self.terminal = Terminal(page, send=True, station="5556789")
        self._says: deque[bytes] = deque([bytes(FRAME)] * AHEAD)

    def hear(self, pcm: bytes) -> None:
        self._says.append(self.terminal.exchange(pcm))

    def speak(self) -> bytes:
        return self._says.popleft() if self._says else bytes(FRAME)


@pytest.mark.timeout(120)
async def test_page_of_a_fax_machine_is_a_pdf_in_the_console(
    site: RunningSite, tmp_path: Path
) -> None:
    told = site.init("--demo")
    (site.path / "flows" / "main.yaml").write_text(FLOW)
    page = write_pages(tmp_path / "page.tif", ["one short page"])
    site.start()
    machine = FaxMachine(page)
    telephones, carrier = Telephones("127.0.0.1"), await UserAgent("carrier").open("127.0.0.1")
    try:
        session = await telephones.open(machine)
        call = carrier.call(
            NUMBER, ("127.0.0.1", site.sip_port), Media(*session.address), ani="5556789"
        )
        call.media_changed = lambda media: session.connect(
            media.host, media.port, media.payload_type, media.dtmf_payload_type
        )
        admin = await visitor(site, told["login"], told["password"])
        async with asyncio.timeout(60):
            await call.ended.wait()
        # Its last signal may be under way when we hang up: no more audio, no more clock.
        assert machine.terminal.figures().sent == 1
        assert machine.terminal.other_station() == "5557000"
        [path] = await received(site)
        assert dots(site.path / path) == dots(page)
        listed = (await admin.get("/faxes")).text
        assert "received" in listed
        link = listed.partition('href="/recordings/')[2].partition('"')[0]
        pdf = await admin.get(f"/recordings/{link}")
        assert (pdf.status, pdf.headers["content-type"]) == (200, "application/pdf")
        assert pdf.body == (site.path / path).with_suffix(".pdf").read_bytes()
        assert pdf.body.startswith(b"%PDF")
    finally:
        machine.terminal.close()
        await carrier.close()
        await telephones.close()
    assert site.stop() == 0


async def received(site: RunningSite) -> list[str]:
    """Files of faxes whose end is on record."""
    done = (
        "SELECT recording.path FROM recording JOIN segment ON segment.id = recording.id"
        " WHERE segment.result = 'received' AND recording.duration_ms > 0"
    )
    await until(lambda: site.rows(done))
    return [path for (path,) in site.rows(done)]
