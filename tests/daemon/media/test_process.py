"""The media process as control and drivers meet it: absences, limits, devices, options."""

import asyncio
import gc
import itertools
import os
import socket
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import ExitStack
from pathlib import Path

import pytest
import soundfile

from cython_ext import dsp
from daemon.link import messages as told
from daemon.link.client import MediaLink
from daemon.link.errors import MediaRefused
from daemon.media.app import MediaProcess
from daemon.media.holding import HOLD_TONE_AFTER
from daemon.media.options import MediaOptions, MediaSetup
from daemon.media.ports import HostServices
from drivers.api import PortId, RtpAddress, RtpFormat, RtpStream
from tests.fakes.rtp_phone import RtpPhone

Dial = Callable[..., Awaitable[tuple[PortId, RtpPhone]]]
TONE = dsp.ToneGenerator([1000.0], -10.0).generate(8000)


class Board:
    """A driver with one channel: what is written to ``far`` is heard, and the reverse."""

    name = "board"

    def __init__(self) -> None:
        self.near, self.far = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        self.far.setblocking(False)
        self.services: HostServices | None = None
        self.seen: list[tuple[PortId, str, int]] = []
        self.released = asyncio.Event()

    async def open(self, services: HostServices) -> None:
        self.services = services
        services.open_device(PortId(1 << 40), self.near.fileno(), "U")
        self.near.close()

    async def handle(self, payload: bytes) -> bytes:
        assert self.services is not None
        self.services.emit(b"asked " + payload)
        return payload.upper()

    def device_event(self, port: PortId, kind: str, value: int) -> None:
        self.seen.append((port, kind, value))

    async def control_gone(self) -> None:
        self.released.set()

    async def close(self) -> None:
        self.far.close()


@pytest.fixture
async def board(tmp_path: Path, media: MediaProcess) -> AsyncIterator[Board]:
    made = Board()
    await made.open(media.ports.add_host(made))
    yield made
    await made.close()


async def next_event(link: MediaLink, kind: type[told.MediaEvent]) -> told.MediaEvent:
    async with asyncio.timeout(10):
        async for event in link.events():
            if isinstance(event, kind):
                return event
    raise AssertionError("the link was closed")


async def another(tmp_path: Path) -> MediaLink:
    ids = itertools.count(5000)
    return await MediaLink.connect(tmp_path / "media.sock", lambda: next(ids))


async def test_a_bridge_goes_on_without_control_and_is_found_again(
    tmp_path: Path, link: MediaLink, dial: Dial
) -> None:
    a, alice = await dial()
    b, bob = await dial()
    await link.bridge(3, a, b)
    await link.record(8, a, "recordings/x.wav", stereo=True)
    before = await link.snapshot()
    await link.disconnect()
    alice.repeat([TONE[:320]] * 100)
    await bob.hear(15)
    assert dsp.goertzel(await bob.hear(10), 8000, 1000) > -12
    second = await another(tmp_path)
    try:
        found = await second.snapshot()
        assert [state.claimed for state in found.ports] == [False, False]
        assert found.bridges == before.bridges == (told.BridgeState(bridge=3, ports=(a, b)),)
        assert found.recordings == before.recordings
        await second.claim([a, b])
        assert all(state.claimed for state in (await second.snapshot()).ports)
        await second.stop_record(8)
        await next_event(second, told.RecordFinished)
    finally:
        await second.disconnect()


async def test_unclaimed_ports_are_closed_after_the_grace_time(
    tmp_path: Path, media: MediaProcess, link: MediaLink, dial: Dial, clock: Callable[[], float]
) -> None:
    a, _ = await dial()
    b, _ = await dial()
    await link.disconnect()
    second = await another(tmp_path)
    try:
        await second.arm_barge_in(a, True)
        media.ports.absent(clock() + 59)
        assert len((await second.snapshot()).ports) == 2
        media.ports.absent(clock() + 61)
        closed = await next_event(second, told.PortClosed)
        assert isinstance(closed, told.PortClosed)
        assert (closed.port, closed.reason) == (b, "unclaimed")
        assert [state.port for state in (await second.snapshot()).ports] == [a]
    finally:
        await second.disconnect()


async def test_a_waiting_caller_hears_that_the_line_is_alive(
    tmp_path: Path, media: MediaProcess, link: MediaLink, dial: Dial, clock: Callable[[], float]
) -> None:
    _, phone = await dial()
    await link.disconnect()
    while media.server.connected:
        await asyncio.sleep(0)
    media.ports.absent(clock() + HOLD_TONE_AFTER)
    heard = b""
    while dsp.goertzel(heard[-640:], 8000, 425) < -27 if heard else True:
        heard += await phone.hear(2)
    second = await another(tmp_path)
    try:
        assert (await second.snapshot()).players == ()
        await phone.hear(3)
        assert dsp.level(await phone.hear(3)) < -60
    finally:
        await second.disconnect()


@pytest.mark.parametrize("there", [True, False], ids=["said", "gone-from-the-cache"])
async def test_a_waiting_caller_hears_what_is_said_in_controls_absence(
    tmp_path: Path,
    media: MediaProcess,
    link: MediaLink,
    dial: Dial,
    clock: Callable[[], float],
    *,
    there: bool,
) -> None:
    _, phone = await dial()
    (tmp_path / "site" / "hold.s16").write_bytes(dsp.ToneGenerator([900.0], -10.0).generate(2400))
    await link.say_while_away(("hold.s16" if there else "gone.s16",))
    await link.disconnect()
    while media.server.connected:
        await asyncio.sleep(0)
    media.ports.absent(clock() + HOLD_TONE_AFTER)
    said = beeped = False
    while not beeped:
        heard = await phone.hear(2)
        said = said or dsp.goertzel(heard, 8000, 900) > -13
        beeped = dsp.goertzel(heard, 8000, 425) > -27
    assert said is there


async def test_a_board_channel_is_bridged_with_a_telephone(
    link: MediaLink, dial: Dial, board: Board
) -> None:
    port, phone = await dial()
    await link.bridge(1, port, PortId(1 << 40))
    phone.repeat([TONE[:320]] * 200)
    key = dsp.dtmf_generate("7", 100, 100)
    said = iter([key[at : at + 320] for at in range(0, len(key) - 319, 320)])
    loop = asyncio.get_running_loop()
    heard = b""
    for _ in range(40):
        heard += dsp.ulaw_decode(await loop.sock_recv(board.far, 400))
        frame = next(said, bytes(320))
        await loop.sock_sendall(board.far, dsp.ulaw_encode(frame))
    assert dsp.goertzel(heard[-6400:], 8000, 1000) > -12
    digit = await next_event(link, told.DigitDetected)
    assert isinstance(digit, told.DigitDetected)
    assert (digit.port, digit.key, digit.source) == (1 << 40, "7", "inband")
    kinds = {state.port: state.kind for state in (await link.snapshot()).ports}
    assert kinds == {port: "rtp", PortId(1 << 40): "device"}


async def test_a_lost_device_is_told_to_its_driver_and_to_control(
    link: MediaLink, board: Board
) -> None:
    board.far.close()
    event = await next_event(link, told.DeviceEvent)
    assert isinstance(event, told.DeviceEvent)
    assert (event.port, event.kind) == (1 << 40, "lost")
    assert [seen[:2] for seen in board.seen] == [(1 << 40, "lost")]


async def test_a_driver_is_asked_and_reports(link: MediaLink, board: Board) -> None:
    assert await link.host("board", b"list") == b"LIST"
    event = await next_event(link, told.HostEvent)
    assert isinstance(event, told.HostEvent)
    assert (event.host, event.payload) == ("board", b"asked list")


async def test_a_driver_releases_its_calls_when_control_stays_away(
    media: MediaProcess, link: MediaLink, board: Board, clock: Callable[[], float]
) -> None:
    await link.disconnect()
    while media.server.connected:
        await asyncio.sleep(0)
    media.ports.absent(clock() + 61)
    async with asyncio.timeout(5):
        await board.released.wait()
    assert media.engine.has_port(1 << 40)


async def test_speech_is_told_once_while_armed(link: MediaLink, dial: Dial) -> None:
    path = Path(__file__).parents[2] / "data/speech/en_operator.wav"
    samples, rate = soundfile.read(path, dtype="int16")
    assert rate == 8000
    port, phone = await dial()
    await phone.hear(20)
    await link.arm_barge_in(port, True)
    phone.say(samples.tobytes())
    event = await next_event(link, told.SpeechStarted)
    assert isinstance(event, told.SpeechStarted)
    assert event.port == port


async def test_media_completes_recordings_when_it_is_stopped(
    tmp_path: Path, media: MediaProcess, link: MediaLink, dial: Dial
) -> None:
    port, phone = await dial()
    await link.record(1, port, "recordings/last.wav", stereo=True)
    await phone.hear(10)
    await media.close()
    event = await next_event(link, told.RecordFinished)
    assert isinstance(event, told.RecordFinished)
    assert event.reason == "closed"


async def test_hundreds_of_ports_come_and_go_without_a_trace(
    link: MediaLink, media: MediaProcess, tmp_path: Path
) -> None:
    gc.collect()  # what earlier tests left must not go away in between
    before = len(os.listdir("/proc/self/fd"))
    for _ in range(3):
        opened = [await link.open_rtp() for _ in range(250)]
        ports = [port for port, _ in opened]
        for one, two in itertools.pairwise(ports):
            await link.bridge(one, one, two)
        for port in ports[::5]:
            await link.play_tone(port, port, [(440.0, 480.0)], [])
            await link.record(port, port, f"recordings/{port}.wav", stereo=False)
            tap = await link.tap(port)
            os.close(tap.memfd)
            os.close(tap.eventfd)
        if _ == 0:
            assert len((await link.snapshot()).ports) == 250
        for port in ports:
            await link.close(port)
        for _number in range(len(ports[::5])):
            await next_event(link, told.RecordFinished)
    snapshot = await link.snapshot()
    assert (snapshot.ports, snapshot.bridges, snapshot.players) == ((), (), ())
    assert (await link.counters())["ports"] == 0
    resting = int((await link.counters())["resting_ports"])
    assert 0 < resting <= 128
    while len(os.listdir("/proc/self/fd")) > before + 2 * resting:
        await link.counters()
    assert (await link.counters())["events_lost"] == 0


def free_range() -> MediaOptions:
    """Three even ports that nobody uses, below those that the kernel gives away."""
    for first in range(20_000 + os.getpid() % 1000 * 8, 30_000, 6):
        with ExitStack() as stack:
            try:
                for port in range(first, first + 6, 2):
                    sock = stack.enter_context(socket.socket(socket.AF_INET, socket.SOCK_DGRAM))
                    sock.bind(("127.0.0.1", port))
            except OSError:
                continue
            return MediaOptions(rtp_port_min=first, rtp_port_max=first + 4)
    raise AssertionError("no free ports")


@pytest.mark.parametrize("options", [free_range()])
async def test_ports_of_a_range_are_even_and_run_out(
    link: MediaLink, options: MediaOptions
) -> None:
    opened = [await link.open_rtp() for _ in range(3)]
    first = options.rtp_port_min
    assert sorted(address.port for _, address in opened) == [first, first + 2, first + 4]
    with pytest.raises(MediaRefused) as refused:
        await link.open_rtp()
    assert refused.value.code == "no-port"
    await link.close(opened[1][0])
    while True:
        try:
            _, address = await link.open_rtp()
        except MediaRefused:  # the socket is closed with the next tick
            continue
        break
    assert address.port == first + 2


@pytest.mark.parametrize("options", [MediaOptions(rtp_address="192.0.2.1")])
async def test_an_address_that_is_not_ours_is_named(link: MediaLink) -> None:
    with pytest.raises(MediaRefused, match=r"192\.0\.2\.1"):
        await link.open_rtp()


@pytest.mark.parametrize("options", [MediaOptions(rtp_silence_s=1)])
async def test_a_silent_peer_is_reported(link: MediaLink, dial: Dial) -> None:
    port, phone = await dial()
    phone.repeat(itertools.repeat(b""))
    event = await next_event(link, told.RtpSilent)
    assert isinstance(event, told.RtpSilent)
    assert (event.port, event.seconds) == (port, 1)


def test_options_name_what_is_wrong() -> None:
    assert MediaOptions().faults() == []
    assert MediaOptions(rtp_port_min=16_384, rtp_port_max=32_766).faults() == []
    for wrong in (
        MediaOptions(rtp_port_min=10_001, rtp_port_max=10_100),
        MediaOptions(rtp_port_min=10_000),
        MediaOptions(rtp_port_min=10_000, rtp_port_max=9000),
        MediaOptions(rtp_port_min=70_000, rtp_port_max=70_100),
        MediaOptions(rtp_address="0.0.0.0"),
        MediaOptions(rtp_advertise="hotline.example"),
        MediaOptions(grace_s=-1),
        MediaOptions(rtp_silence_s=0),
    ):
        assert len(wrong.faults()) == 1
    assert MediaOptions(rtp_address="0.0.0.0", rtp_advertise="192.0.2.7").faults() == []
    assert MediaSetup(site=Path("/s"), socket=Path("/r")).options == MediaOptions()


@pytest.mark.parametrize(
    ("stream", "code"),
    [
        (RtpStream(RtpAddress("127.0.0.1", 9), RtpFormat(codec="speex")), "codec"),
        (RtpStream(RtpAddress("no address", 9), RtpFormat()), None),
    ],
)
async def test_a_port_whose_stream_cannot_begin_is_not_opened(
    link: MediaLink, stream: RtpStream, code: str | None
) -> None:
    with pytest.raises(MediaRefused) as refused:
        await link.open_rtp(stream)
    assert code in (None, refused.value.code)
    assert (await link.snapshot()).ports == ()


async def test_a_lost_leg_gets_its_address_back(link: MediaLink) -> None:
    port, address = await link.open_rtp()
    with pytest.raises(MediaRefused) as refused:
        await link.reopen_rtp(PortId(port + 1), address)
    assert refused.value.code == "no-port"
    await link.close(port)
    while True:
        try:
            await link.reopen_rtp(port, address)
        except MediaRefused:  # the socket is closed with the next tick
            continue
        break
    assert (await link.snapshot()).ports[0].rtp_port == address.port


@pytest.mark.parametrize("options", [MediaOptions(rtp_advertise="192.0.2.7")])
async def test_peers_are_told_the_address_that_they_reach(link: MediaLink) -> None:
    _, address = await link.open_rtp()
    assert address.host == "192.0.2.7"
