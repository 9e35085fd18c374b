"""Media is another process: the link tells it what the one before held, and audio goes on."""

import asyncio
import itertools
from collections.abc import AsyncIterator, Callable
from contextlib import ExitStack
from pathlib import Path

import pytest

from cython_ext import dsp
from daemon.link import messages as told
from daemon.link.lasting import LastingMediaLink
from daemon.media.app import MediaProcess
from daemon.media.options import MediaOptions, MediaSetup
from drivers.api import PortId, RtpFormat, RtpStream
from drivers.errors import DriverError
from tests.fakes.rtp_phone import RtpPhone

TONE = dsp.ToneGenerator((1000.0,), -10.0).generate(16_000)
OTHER = dsp.ToneGenerator((500.0,), -10.0).generate(16_000)
HEARD_DBM0 = -16.0


def frames(sound: bytes) -> list[bytes]:
    return [sound[at : at + 320] for at in range(0, len(sound) - 319, 320)]


async def events_of(link: LastingMediaLink, seen: list[told.MediaEvent]) -> None:
    async for event in link.events():
        seen.append(event)


async def until(condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(10):
        while not condition():
            await asyncio.sleep(0.01)


class Rig:
    """A media process that can be replaced, and control's link to it."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.seen: list[told.MediaEvent] = []
        self.link: LastingMediaLink
        self._process: MediaProcess | None = None
        self._reader: asyncio.Task[None] | None = None

    async def open(self) -> "Rig":
        (self.folder / "site").mkdir()
        await self.start()
        ids = itertools.count(1)
        self.link = await LastingMediaLink.connect(
            self.folder / "media.sock", lambda: next(ids), patience_s=8.0
        )
        self._reader = asyncio.create_task(events_of(self.link, self.seen))
        return self

    async def start(self) -> None:
        setup = MediaSetup(
            site=self.folder / "site", socket=self.folder / "media.sock", options=MediaOptions()
        )
        self._process = MediaProcess(setup, clock=asyncio.get_running_loop().time)
        await self._process.open()

    async def end(self) -> None:
        assert self._process is not None
        await self._process.close()
        self._process = None

    async def restarted(self) -> told.MediaRestarted:
        def found() -> list[told.MediaRestarted]:
            return [one for one in self.seen if isinstance(one, told.MediaRestarted)]

        await until(lambda: bool(found()))
        return found()[-1]

    async def close(self) -> None:
        await self.link.disconnect()
        if self._reader is not None:
            await self._reader
        if self._process is not None:
            await self._process.close()


@pytest.fixture
async def rig(tmp_path: Path) -> AsyncIterator[Rig]:
    pytest.importorskip("cython_ext.media._media")
    made = await Rig(tmp_path).open()
    yield made
    await made.close()


async def leg(rig: Rig, phone: RtpPhone, *, at_once: bool = False) -> PortId:
    if at_once:
        stream = RtpStream(phone.address, RtpFormat())
        port, address = await rig.link.open_rtp(stream)
        phone.call(address)
        return port
    port, address = await rig.link.open_rtp()
    phone.call(address)
    await rig.link.connect_rtp(port, phone.address, RtpFormat())
    return port


async def hears(phone: RtpPhone, hz: float) -> None:
    async with asyncio.timeout(10):
        while dsp.goertzel(await phone.hear(10), 8000, hz) < HEARD_DBM0:
            pass


async def test_two_who_talk_hear_each_other_again_at_the_same_addresses(rig: Rig) -> None:
    with ExitStack() as stack:
        alice, bob = (stack.enter_context(RtpPhone()) for _ in range(2))
        a, b = await leg(rig, alice, at_once=True), await leg(rig, bob)
        await rig.link.bridge(7, a, b)
        before = await rig.link.snapshot()
        alice.repeat(frames(TONE) * 20)
        bob.repeat(frames(OTHER) * 20)
        await hears(bob, 1000)
        await hears(alice, 500)
        await rig.end()
        asked = asyncio.ensure_future(rig.link.open_rtp())  # waits until all is back
        await rig.start()
        assert (await rig.restarted()).lost == ()
        await hears(bob, 1000)
        await hears(alice, 500)
        after = await rig.link.snapshot()
        taken = {(state.port, state.rtp_port) for state in after.ports}
        assert {(state.port, state.rtp_port) for state in before.ports} < taken
        assert after.bridges == before.bridges
        port, address = await asked
        assert address.port not in {state.rtp_port for state in before.ports}
        assert port in {state.port for state in after.ports}


async def test_what_media_held_comes_back_although_nobody_reads_events_yet(rig: Rig) -> None:
    await rig.link.disconnect()
    link = await LastingMediaLink.connect(
        rig.folder / "media.sock", itertools.count(1000).__next__, patience_s=8.0
    )
    with RtpPhone() as phone:
        port, address = await link.open_rtp(RtpStream(phone.address, RtpFormat()))
        phone.call(address)
        await link.play_tone(port, 7, ((1000.0, 0.0),), ((1500, 0),))
        await hears(phone, 1000)
        await rig.end()
        asked = link.claim((port,))  # waits until all is back
        await rig.start()
        await asked
        await hears(phone, 1000)
        async for event in link.events():
            if isinstance(event, told.MediaRestarted):
                assert event.lost == ()
                break
    await link.disconnect()


async def test_what_was_played_is_played_again_and_ends_as_before(rig: Rig) -> None:
    with RtpPhone() as phone:
        port = await leg(rig, phone)
        await rig.link.play_tone(port, 5, ((1000.0, 0.0),), ((1500, 0),), 1)
        await hears(phone, 1000)
        await rig.end()
        await rig.start()
        await rig.restarted()
        await hears(phone, 1000)
        finished = told.PlayFinished
        await until(lambda: any(isinstance(one, finished) for one in rig.seen))
        assert [one.player for one in rig.seen if isinstance(one, finished)] == [5]


async def test_port_that_somebody_took_meanwhile_is_told_as_lost(rig: Rig) -> None:
    with ExitStack() as stack:
        alice, bob = (stack.enter_context(RtpPhone()) for _ in range(2))
        a, b = await leg(rig, alice), await leg(rig, bob)
        await rig.link.bridge(7, a, b)
        [address] = [one.rtp_port for one in (await rig.link.snapshot()).ports if one.port == a]
        await rig.end()
        loop = asyncio.get_running_loop()
        thief, _ = await loop.create_datagram_endpoint(
            asyncio.DatagramProtocol, local_addr=("127.0.0.1", address)
        )
        try:
            await rig.start()
            assert (await rig.restarted()).lost == (a,)
        finally:
            thief.close()
        assert [state.port for state in (await rig.link.snapshot()).ports] == [b]


async def test_granted_port_that_the_old_process_did_not_open_opens_in_the_new_one(
    rig: Rig,
) -> None:
    assert rig.link.open_granted(None, never) is None
    await until(lambda: len(rig.link._channel.stock) > 0)
    with RtpPhone() as phone:
        found = rig.link.open_granted(RtpStream(phone.address, RtpFormat()), never)
        assert found is not None
        rig.link.send_now()
        assert rig._process is not None
        rig._process.server._control.socket.close()  # before it has read what was sent
        await rig.end()
        assert rig.link.open_granted(None, never) is None  # nothing is promised any more
        await rig.start()
        await rig.restarted()
        port, address = found
        states = {state.port: state.rtp_port for state in (await rig.link.snapshot()).ports}
        assert states == {port: address.port}
        phone.call(address)
        await rig.link.play_tone(port, 1, [(1000.0, 0.0)], [])
        await hears(phone, 1000.0)


def never(error: DriverError) -> None:
    raise AssertionError("a granted port was refused") from error
