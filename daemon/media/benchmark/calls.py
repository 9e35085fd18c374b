"""What calls cost in the media process beside their audio: setting up, and memory."""

import asyncio
import itertools
import multiprocessing
import multiprocessing.connection
import resource
import signal
import sys
import tempfile
import time
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import TYPE_CHECKING, Final

import uvloop

from daemon.link.client import MediaLink
from daemon.logs import set_up_logging
from daemon.media.options import MediaOptions, MediaSetup
from drivers.api import PortId, RtpAddress, RtpFormat, RtpStream
from drivers.errors import DriverError

if TYPE_CHECKING:
    import cython_ext.media as media

HOST: Final = "127.0.0.1"
UNCOUNTED: Final = 200  # channels before those that count: they take what the heap has left over
RING: Final = 4096  # commands that the engine's ring holds, cython_ext/media/engine.h
PATIENCE_S: Final = 20.0
STREAM: Final = RtpStream(RtpAddress(HOST, 9), RtpFormat())  # discard: nobody has to answer
Pair = Callable[[MediaLink, int], Awaitable[None]]


def setup_us(pairs: int, *, outgoing: bool = False) -> float:
    """CPU-microseconds of both processes to set up and clear one bridged pair.

    Both peers are known when the ports are opened, as those of incoming calls are; or, with
    ``outgoing``, only afterwards, as that of a leg is whose peer answers our offer.

    One pair after the other, and what control waits for in a call is waited for here. The
    addresses of the ports are known at once, because media has granted them; but media is told
    of the ports in a packet of its own, as it is before an answer or offer leaves in a call.
    Then the bridge is asked for, with the streams where those were not known, and waited for:
    a pair is one packet and one exchange. The end of a port is what nobody waits for: it leaves
    with the next packet, and all of them are answered before the clock is read. New grants are
    part of it. No packet of audio is sent or comes: that would be the cost of audio.
    """
    with tempfile.TemporaryDirectory(prefix="hookflash-bench-") as folder:
        context = multiprocessing.get_context("spawn")
        child = context.Process(target=_serve, args=(folder,), daemon=True)
        child.start()
        try:
            return uvloop.run(
                _pairs(Path(folder), child.pid or 0, pairs, _outgoing if outgoing else _pair)
            )
        finally:
            child.terminate()
            child.join()


def _serve(folder: str) -> None:
    """The media process of the benchmark; ends with SIGTERM."""
    set_up_logging("bench", level="warning")
    uvloop.run(_serve_until_stopped(Path(folder)))


async def _serve_until_stopped(folder: Path) -> None:
    from daemon.media.app import MediaProcess

    options = MediaOptions(rtp_address=HOST)
    process = MediaProcess(MediaSetup(site=folder, socket=folder / "media", options=options))
    stop = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, stop.set)
    await process.open()
    await stop.wait()
    await process.close()


async def _pairs(folder: Path, media: int, pairs: int, pair: Pair) -> float:
    ids = itertools.count(1)
    deadline = time.monotonic() + PATIENCE_S
    while not (folder / "media").exists():
        if time.monotonic() > deadline:
            raise RuntimeError("the media process of the benchmark does not start")
        await asyncio.sleep(0.02)
    link = await MediaLink.connect(folder / "media", lambda: next(ids))
    try:
        await _all(link, pairs // 10 + 1, pair)
        before = _spent(media)
        await _all(link, pairs, pair)
        return (_spent(media) - before) / pairs * 1e6
    finally:
        await link.disconnect()


async def _all(link: MediaLink, pairs: int, pair: Pair) -> None:
    """Set up and clear pairs; returns when the last of their ports is closed."""
    for number in range(pairs):
        await pair(link, number)
    await link.counters()  # answered behind all that was asked before


async def _pair(link: MediaLink, number: int) -> None:
    """Open both ports with their streams, bridge them, close them."""
    a, b = await _opened(link, STREAM), await _opened(link, STREAM)
    link.send_now()  # here our answers leave in a call
    await link.bridge(number + 1, a, b)
    link.close_unwaited(a, _refused)
    link.close_unwaited(b, _refused)


async def _outgoing(link: MediaLink, number: int) -> None:
    """Open both ports, connect and bridge them, close them."""
    a, b = await _opened(link), await _opened(link)
    link.send_now()  # the peers need longer to answer than we wait for a packet to share
    for port in (a, b):
        if not link.connect_unwaited(port, STREAM, _refused):
            await link.connect_rtp(port, STREAM.remote, STREAM.fmt)
    await link.bridge(number + 1, a, b)
    link.close_unwaited(a, _refused)
    link.close_unwaited(b, _refused)


async def _opened(link: MediaLink, to: RtpStream | None = None) -> PortId:
    """A port, as a line of the SIP driver opens it."""
    port, _ = link.open_granted(to, _refused) or await link.open_rtp(to)
    return port


def _refused(error: DriverError) -> None:
    raise RuntimeError("media refused what it had granted") from error


def _spent(media: int) -> float:
    """Processor seconds of this process and of the media process, all threads."""
    return time.process_time() + time.clock_gettime((~media << 3) | 2)


def bytes_per_channel(channels: int) -> float:
    """Resident memory that a bridged channel adds, measured in a process of its own."""
    context = multiprocessing.get_context("spawn")
    ours, theirs = context.Pipe(duplex=False)
    child = context.Process(target=_grow, args=(theirs, channels), daemon=True)
    child.start()
    theirs.close()
    try:
        found: float = ours.recv()
        return found
    finally:
        child.join()


def _grow(pipe: "multiprocessing.connection.Connection", channels: int) -> None:
    from cython_ext.media import Engine

    engine = Engine()
    engine.start()
    engine.open_rtp(1, HOST)
    for _ in range(RING // 64 + 1):  # the ring's own pages must not count as a channel's
        for _ in range(64):
            engine.arm_barge_in(1, on=False)
        time.sleep(0.006)
    _open_channels(engine, range(2, 2 + UNCOUNTED))
    before = _resident()
    _open_channels(engine, range(2 + UNCOUNTED, 2 + UNCOUNTED + channels))
    pipe.send((_resident() - before) / channels)
    engine.stop()


def _open_channels(engine: "media.Engine", ports: range) -> None:
    for port in ports:
        engine.open_rtp(port, HOST)
        engine.connect_rtp(port, HOST, 9, payload_type=8, law="A", dtmf_payload_type=101)
        engine.join(1 + port // 2, port)
        if port % 64 == 0:
            time.sleep(0.006)
    time.sleep(0.1)


def _resident() -> int:
    with open("/proc/self/statm") as file:
        return int(file.read().split()[1]) * resource.getpagesize()


def steal_s() -> tuple[float, float]:
    """Time that the host took from this machine, and all time, in processor seconds."""
    with open("/proc/stat") as file:
        ticks = [int(word) for word in file.readline().split()[1:9]]
    return ticks[7] / 100, sum(ticks) / 100


def raise_file_limit() -> int:
    """Allow as many descriptors as the system lets us; returns how many that is."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft < hard and hard != resource.RLIM_INFINITY:
        resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
        soft = hard
    return soft if soft != resource.RLIM_INFINITY else sys.maxsize
