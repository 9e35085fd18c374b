"""baresip, a telephone that others wrote, with SRTP over TLS: heard, held, and over a restart."""

import asyncio
import contextlib
import itertools
import os
import shutil
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from cython_ext import dsp
from cython_ext.implementation import PURE_PYTHON
from daemon.link import messages as told
from daemon.link.lasting import LastingMediaLink
from daemon.media.app import MediaProcess
from daemon.media.options import MediaOptions, MediaSetup
from drivers.api import PortId
from drivers.events import Answered, Cause, Released, StationUp
from drivers.sip.options import SipOptions
from drivers.sip.streams.tls import Certificate
from tests.e2e.softphone import HEARD_DBM0, TONE_HZ, Softphone
from tests.fakes.browser_audio import latest

pytestmark = pytest.mark.skipif(PURE_PYTHON, reason="there is no audio in pure mode")


class Rig:
    """A driver on TLS that requires SRTP, a media process that can be replaced, and baresip."""

    def __init__(self, folder: Path, make_running, authority) -> None:
        self._setup = MediaSetup(
            site=folder / "site", socket=folder / "media.sock", options=MediaOptions()
        )
        certificate, key = authority.issue("pbx", "127.0.0.1")
        self.running = make_running(
            SipOptions(
                listen=("tls:127.0.0.1:0",),
                certificates=(Certificate(certificate=certificate, private_key=key),),
                station_srtp="required",
            ),
            folder=folder,
        )
        self.phone = Softphone(folder / "phone")
        self.trust = f"sip_cafile {authority.folder / authority.file}\n"
        self.link: LastingMediaLink
        self.restarts = 0
        self._media: MediaProcess
        self._reader: asyncio.Task[None]

    async def open(self) -> "Rig":
        self._setup.site.mkdir()
        await self.start_media()
        ids = itertools.count(1)
        self.link = await LastingMediaLink.connect(self._setup.socket, lambda: next(ids))
        self._reader = asyncio.create_task(self._read())
        self.running.ports = self.link
        await self.running.open()
        return self

    async def start_media(self) -> None:
        self._media = MediaProcess(self._setup, clock=lambda: 1000.0)
        await self._media.open()

    async def replace_media(self) -> None:
        """Another process takes the place of the one that is there."""
        before = self.restarts
        await self._media.close()
        await self.start_media()
        async with asyncio.timeout(10):
            while self.restarts == before:
                await asyncio.sleep(0.01)

    async def _read(self) -> None:
        async for event in self.link.events():
            self.restarts += isinstance(event, told.MediaRestarted)

    async def both_hear(self, port: PortId, hz: float) -> None:
        """The telephone hears our tone, and we hear its own."""
        await self.link.play_tone(port, round(hz), [(hz, 0.0)], [], level_dbm0=-10.0)
        tap = await self.link.tap(port)
        try:
            async with asyncio.timeout(15):
                while not self.phone.heard(hz):
                    await asyncio.sleep(0.05)
                while dsp.goertzel(latest(tap.memfd), 8000, TONE_HZ) < HEARD_DBM0:
                    await asyncio.sleep(0.05)
        finally:
            os.close(tap.memfd)
            os.close(tap.eventfd)
        counted = await self.link.counters(port)
        assert counted["forged"] == 0

    async def close(self) -> None:
        await asyncio.to_thread(self.phone.stop)
        await self.running.close()
        await self.link.disconnect()
        with contextlib.suppress(asyncio.CancelledError):
            await self._reader
        await self._media.close()


@pytest.fixture
async def rig(tmp_path: Path, make_running, authority) -> AsyncIterator[Rig]:
    if shutil.which("baresip") is None:
        (pytest.fail if os.environ.get("CI") else pytest.skip)("baresip is not installed")
    made = await Rig(tmp_path, make_running, authority).open()
    yield made
    await made.close()


@pytest.mark.parametrize("demands", ["srtp", "srtp-mand"])
async def test_telephone_with_srtp_is_heard_and_hears(rig: Rig, demands: str) -> None:
    running = rig.running
    rig.phone.start(
        "2001",
        "s3cret",
        f"127.0.0.1:{running.driver.port}",
        transport="tls",
        config=f"{rig.trust}module srtp.so\n",
        account=f";mediaenc={demands}",
    )
    await running.wait_for(StationUp)
    line = running.driver.station_line("2001")
    await line.dial("", ani="5550100")
    await running.wait_for(Answered)
    assert line.stream.fmt.srtp is not None
    assert line.port is not None
    await rig.both_hear(line.port, 1000.0)

    # Control knows the keys; the new process draws another SSRC, so its indices begin anew.
    await rig.replace_media()
    await line.audio_restarted()
    await rig.both_hear(line.port, 1500.0)
    await line.release()
    assert (await running.wait_for(Released)).cause is Cause.NORMAL


async def test_telephone_without_srtp_is_refused_where_that_is_required(rig: Rig) -> None:
    running = rig.running
    place = f"127.0.0.1:{running.driver.port}"
    rig.phone.start("2001", "s3cret", place, transport="tls", config=rig.trust)
    await running.wait_for(StationUp)
    await running.driver.station_line("2001").dial("", ani="5550100")
    released = await running.wait_for(Released)
    assert released.cause is Cause.INCOMPATIBLE
