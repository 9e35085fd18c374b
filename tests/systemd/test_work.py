"""What the rights of the units must not hinder: calls, recordings, faxes, speech."""

import asyncio
import os
import subprocess
from collections import deque
from pathlib import Path
from typing import Final

import pytest

from daemon.demo.phone import Telephones
from daemon.fax.documents import tiff_to_pdf
from daemon.fax.terminal import Terminal
from daemon.service.socket_client import ServiceClient
from drivers.sip.simulator.agent import UserAgent
from drivers.sip.simulator.packets import Media
from tests.fakes.fax_pages import write_pages
from tests.systemd.hotline import ADMIN, HOTLINE, both_hear, conversation, unit, until
from tests.systemd.installation import FAX_NUMBER, OUTSIDE, SITE
from tests.systemd.machine import CHECKOUT, Machine

pytestmark = [pytest.mark.systemd, pytest.mark.timeout(180)]

SCENARIOS: Final = CHECKOUT / "tests/e2e/scenarios"
FRAME: Final = 320  # bytes of 20 ms
AHEAD: Final = 5  # frames: what this process may sleep without a slip


class FaxMachine:
    """A caller who speaks and hears T.30; each frame that it hears, it hears once."""

    def __init__(self, page: Path) -> None:
        self.terminal = Terminal(page, send=True, station="5556789")
        self._says: deque[bytes] = deque([bytes(FRAME)] * AHEAD)

    def hear(self, pcm: bytes) -> None:
        self._says.append(self.terminal.exchange(pcm))

    def speak(self) -> bytes:
        return self._says.popleft() if self._says else bytes(FRAME)


def test_call_by_sipp_is_answered(machine: Machine, tmp_path: Path) -> None:
    scenario = ("127.0.0.1:5060", "-sf", str(SCENARIOS / "uac.xml"), "-i", "127.0.0.1")
    calls = ("-s", "5000", "-m", "3", "-r", "3", "-d", "500", "-nostdin", "-timeout", "30s")
    done = subprocess.run(
        ["sipp", *scenario, *calls],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout[-3000:]


async def test_conversation_is_recorded_and_then_archived(machine: Machine) -> None:
    async with conversation(machine) as (caller, agent):
        await both_hear(caller, agent)
    recordings = machine.root / SITE.lstrip("/") / "recordings"
    until(lambda: not list((recordings / ".open").glob("*")), "the recording does not end")
    [newest] = sorted(recordings.rglob("*.wav"), key=lambda path: path.stat().st_mtime)[-1:]
    two_days_ago = newest.stat().st_mtime - 2 * 86_400
    os.utime(newest, (two_days_ago, two_days_ago))
    machine.run("systemctl", "start", unit("archive"))
    assert machine.show(unit("archive"), "Result") == "success"
    assert newest.with_suffix(".flac").is_file()
    assert not newest.exists()


async def test_prompt_in_mp3_is_converted(machine: Machine, tmp_path: Path) -> None:
    mp3 = machine.root / SITE.lstrip("/") / "incoming" / "welcome-0001.mp3"
    made = tmp_path / "tone.mp3"
    tone = ("-f", "lavfi", "-i", "sine=frequency=440:duration=1", str(made))
    subprocess.run(["ffmpeg", "-loglevel", "error", *tone], check=True)
    mp3.write_bytes(made.read_bytes())
    client = ServiceClient(machine.root / "run/hookflash/main/control.sock")
    try:
        prompt = await client.service.convert_prompt(ADMIN, f"incoming/{mp3.name}", "welcome")
    finally:
        await client.close()
    assert prompt.name == "welcome"


async def test_fax_is_written_as_it_comes_in(machine: Machine, tmp_path: Path) -> None:
    folder = machine.root / SITE.lstrip("/") / "faxes"
    before = set(folder.rglob("*.tif"))
    page = write_pages(tmp_path / "page.tif", ["one short page"])
    fax, telephones = FaxMachine(page), Telephones("127.0.0.1")
    carrier = await UserAgent("carrier").open("127.0.0.1")
    try:
        session = await telephones.open(fax)
        call = carrier.call(FAX_NUMBER, HOTLINE, Media(*session.address), ani="5556789")
        call.media_changed = lambda media: session.connect(
            media.host, media.port, media.payload_type, media.dtmf_payload_type
        )
        await call.answered()
        # The file is begun with the first page, after both machines have found each other.
        async with asyncio.timeout(30):
            while set(folder.rglob("*.tif")) == before:
                await asyncio.sleep(0.1)
        assert fax.terminal.other_station() == "5557000"
        await call.hang_up()
    finally:
        fax.terminal.close()
        await carrier.close()
        await telephones.close()


async def test_document_becomes_a_fax_to_be_sent(machine: Machine, tmp_path: Path) -> None:
    pdf = machine.root / SITE.lstrip("/") / "incoming" / "letter-0001.pdf"
    tiff_to_pdf(write_pages(tmp_path / "page.tif", ["a", "b"]), tmp_path / "letter.pdf")
    pdf.write_bytes((tmp_path / "letter.pdf").read_bytes())
    client = ServiceClient(machine.root / "run/hookflash/main/control.sock")
    try:
        sent = await client.service.send_fax(ADMIN, f"incoming/{pdf.name}", "letter.pdf", OUTSIDE)
        async with asyncio.timeout(20):
            while sent.state == "preparing":
                await asyncio.sleep(0.1)
                sent = await client.service.fax(ADMIN, sent.fax)
        # Whether somebody answers there is another matter.
        assert (sent.of, sent.readable) == (2, True), sent.why_en
        await client.service.cancel_fax(ADMIN, sent.fax)
    finally:
        await client.close()
