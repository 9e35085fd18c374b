"""Calls through the simulated exchange, the media process and its link, with real audio."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from typing import TypeVar

import pytest

import cython_ext.media
from cython_ext import dsp
from daemon.control.remote_driver import RemoteDriver
from daemon.demo.exchange import FRAME_BYTES, BoardCaller, Exchange, TrunkChannel
from daemon.link.client import MediaLink
from daemon.link.messages import DigitDetected, HostEvent, MediaEvent, RecordFinished
from daemon.media.app import MediaProcess
from daemon.media.driver_host import DriverHost
from daemon.media.options import MediaOptions, MediaSetup
from drivers.api import LineId, PortId, RtpFormat
from drivers.ctilink.driver import CtiLinkDriver
from drivers.ctilink.options import CtiLinkOptions
from drivers.events import Answered, LineUp, Progress, Released, Ringing, Seized
from drivers.registry import available
from drivers.voiceboard.options import ChannelOptions, TimingOptions, VoiceBoardOptions
from tests.fakes.rtp_phone import RtpPhone

pytestmark = pytest.mark.skipif(
    not cython_ext.media.available(), reason="the media engine is compiled code"
)

E = TypeVar("E")


class Ears:
    """Speaks one tone and waits for another."""

    def __init__(self, own_hz: float, wanted_hz: float) -> None:
        self._tone = dsp.ToneGenerator([own_hz], -13.0)
        self._wanted = wanted_hz
        self._frames = 0
        self.heard = asyncio.Event()

    def speak(self) -> bytes:
        return self._tone.generate(FRAME_BYTES // 2)

    def hear(self, pcm: bytes) -> None:
        found = dsp.goertzel(pcm, 8000, self._wanted)
        self._frames = self._frames + 1 if found > -30.0 and found > dsp.level(pcm) - 3 else 0
        if self._frames >= 10:
            self.heard.set()


class Hotline:
    """The media process, its link, the board's lines and the serial link of the exchange."""

    def __init__(self, folder: Path) -> None:
        self.site = folder / "site"
        (self.site / "recordings").mkdir(parents=True)
        self.exchange = Exchange(
            device=folder / "exchange",
            socket=folder / "board.sock",
            channels=[TrunkChannel(channel=1), TrunkChannel(channel=2)],
            ring_s=(0.2, 0.4),
        )
        options = VoiceBoardOptions(
            channels=tuple(
                ChannelOptions(channel=n, number="5551000", terminal=f"1/{n}") for n in (1, 2)
            ),
            simulated=True,
            socket="board.sock",
            timing=TimingOptions(guard=0.05),
        )
        self.process = MediaProcess(
            MediaSetup(
                site=self.site,
                socket=folder / "media.sock",
                options=MediaOptions(realtime=False),
            ),
            [DriverHost.of("board", available()["voiceboard"], options, folder)],
        )
        self.media_socket = folder / "media.sock"
        self.serial = CtiLinkDriver(CtiLinkOptions(device=str(folder / "exchange")))
        self.told: asyncio.Queue[MediaEvent] = asyncio.Queue()
        self._next = 1 << 58

    def id(self) -> int:
        self._next += 1
        return self._next

    async def open(self) -> None:
        await self.exchange.start()
        await self.process.open()
        await self.serial.open()
        self.link = await MediaLink.connect(self.media_socket, self.id)
        self.board = RemoteDriver("board", self.link)
        self.reader = asyncio.create_task(self._read())
        await self.board.open()
        await self.exchange.ready()
        self.events = self.board.events()

    async def close(self) -> None:
        self.reader.cancel()
        await self.link.disconnect()
        await self.serial.close()
        await self.process.close()
        await self.exchange.stop()

    async def _read(self) -> None:
        async for event in self.link.events():
            if isinstance(event, HostEvent):
                self.board.happened(event.payload)
            else:
                self.told.put_nowait(event)

    async def happens(self, kind: type[E]) -> E:
        async with asyncio.timeout(10):
            while isinstance(event := await anext(self.events), LineUp):
                continue
        assert isinstance(event, kind), event
        return event

    async def media_tells(self, kind: type[E]) -> E:
        async with asyncio.timeout(10):
            while not isinstance(event := await self.told.get(), kind):
                continue
        return event

    async def take(self, caller: BoardCaller) -> PortId:
        """Answer a call that rings and return its audio port."""
        line = self.board.line(LineId(f"board/{caller.channel}"))
        await self.happens(Ringing)
        await line.answer()
        await self.happens(Answered)
        assert line.port is not None
        return line.port


@pytest.fixture
async def hotline(tmp_path: Path) -> AsyncIterator[Hotline]:
    hotline = Hotline(tmp_path)
    await hotline.open()
    yield hotline
    await hotline.close()


async def soon(event: asyncio.Event) -> None:
    async with asyncio.timeout(10):
        await event.wait()


async def test_forwarded_call_is_known_before_it_is_answered(hotline: Hotline) -> None:
    hotline.exchange.call(1, ani="5556789", forwarded_from="5551234", reason="cfna")
    ringing = await hotline.happens(Ringing)
    found = await hotline.board.call_detail(ringing.line, {"exchange": hotline.serial})
    assert found is not None
    assert (found.ani, found.forwarded_from, found.reason) == ("5556789", "5551234", "cfna")
    assert ringing.dnis == "5551000"


async def test_two_callers_are_bridged_and_hear_each_other(hotline: Hotline) -> None:
    one, two = Ears(1000.0, 1400.0), Ears(1400.0, 1000.0)
    first = await hotline.take(hotline.exchange.call(1, audio=one))
    second = await hotline.take(hotline.exchange.call(2, audio=two))
    await hotline.link.bridge(hotline.id(), first, second)
    await soon(one.heard)
    await soon(two.heard)


async def test_caller_hears_what_is_played_and_presses_keys(hotline: Hotline) -> None:
    ears = Ears(300.0, 800.0)
    caller = hotline.exchange.call(1, audio=ears)
    port = await hotline.take(caller)
    await hotline.link.play_tone(port, hotline.id(), [(800.0, 0.0)], [])
    await soon(ears.heard)
    await caller.press("19#")
    keys = [await hotline.media_tells(DigitDetected) for _ in range(3)]
    assert [(item.key, item.source, item.port) for item in keys] == [
        ("1", "inband", port),
        ("9", "inband", port),
        ("#", "inband", port),
    ]


async def test_recording_of_a_board_call_lights_the_lamp(hotline: Hotline) -> None:
    ears = Ears(1000.0, 800.0)
    caller = hotline.exchange.call(1, audio=ears)
    port = await hotline.take(caller)
    await hotline.link.record(hotline.id(), port, "recordings/one.wav", stereo=False, max_s=0.5)
    finished = await hotline.media_tells(RecordFinished)
    assert finished.reason == "max"
    pcm = (hotline.site / "recordings/one.wav").read_bytes()[44:]
    assert len(pcm) > 4000
    await hotline.serial.set_lamp("5551234", on=True)
    await hotline.exchange.switch.commands_seen(1)
    assert hotline.exchange.lamps == {"5551234": True}


async def test_either_side_ends_the_call(hotline: Hotline) -> None:
    caller = hotline.exchange.call(1)
    await hotline.take(caller)
    caller.hang_up()
    await hotline.happens(Released)
    await caller.wait_released()
    again = hotline.exchange.call(1)
    await hotline.take(again)
    await hotline.board.line(LineId("board/1")).release()
    await hotline.happens(Released)
    await again.wait_released()
    assert hotline.exchange.free_channels() == [1, 2]


async def test_transfer_flashes_the_hook_dials_and_hangs_up(hotline: Hotline) -> None:
    caller = hotline.exchange.call(1)
    await hotline.take(caller)
    line, trunk = hotline.board.line(LineId("board/1")), hotline.exchange.trunks[1]
    await line.transfer("301")
    async with asyncio.timeout(10):
        assert await trunk.dialled.get() == "301"
    assert trunk.flashes == 1
    assert (await hotline.happens(Released)).detail == "transferred"
    await caller.wait_released()


async def test_board_dials_out_and_is_bridged_with_a_telephone(hotline: Hotline) -> None:
    trunk = hotline.exchange.trunks[2]
    trunk.plan = lambda _number: "answer"
    far = Ears(1000.0, 1400.0)
    trunk.source = lambda: dsp.alaw_encode(far.speak())
    trunk.heard = lambda chunk: far.hear(dsp.alaw_decode(chunk))
    line = hotline.board.line(LineId("board/2"))
    await line.dial("5551234")
    await hotline.happens(Seized)
    async with asyncio.timeout(10):
        assert await trunk.dialled.get() == "5551234"
    assert (await hotline.happens(Progress)).tone == "ringback"
    await hotline.happens(Answered)
    assert line.port is not None
    port, address = await hotline.link.open_rtp()
    with RtpPhone() as phone:
        await hotline.link.connect_rtp(port, phone.address, RtpFormat())
        phone.call(address)
        tone = dsp.ToneGenerator([1400.0], -13.0)
        phone.repeat([tone.generate(FRAME_BYTES // 2) for _ in range(100)])
        await hotline.link.bridge(hotline.id(), line.port, port)
        await soon(far.heard)
    await line.release()
    await hotline.happens(Released)
    await trunk.board_hangs_up()


async def test_call_goes_on_while_control_is_away(hotline: Hotline) -> None:
    one, two = Ears(1000.0, 1400.0), Ears(1400.0, 1000.0)
    first = await hotline.take(hotline.exchange.call(1, audio=one))
    second = await hotline.take(hotline.exchange.call(2, audio=two))
    await hotline.link.bridge(hotline.id(), first, second)
    await soon(one.heard)
    await hotline.link.disconnect()
    hotline.reader.cancel()
    one.heard.clear()
    await soon(one.heard)
    link = await MediaLink.connect(hotline.media_socket, hotline.id)
    board = RemoteDriver("board", link)
    await board.open()
    calls = {call.line: call.port for call in board.restored_calls()}
    assert calls == {"board/1": first, "board/2": second}
    await board.line(LineId("board/1")).release()
    assert board.line(LineId("board/1")).port is None
    await link.disconnect()
