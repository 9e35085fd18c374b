"""Ports that media grants in advance: opened without waiting, and never refused once told."""

import asyncio
import itertools
import socket
from pathlib import Path

import msgspec
import pytest

from cython_ext.media import Engine, EngineError
from daemon.link.asking.stock import LEAST, MOST
from daemon.link.client import MediaLink
from daemon.link.errors import MediaRefused
from daemon.media.app import MediaProcess
from daemon.media.options import MediaOptions
from drivers.api import PortId, RtpAddress, RtpFormat, RtpStream, SrtpKeys
from drivers.errors import DriverError
from tests.daemon.media.test_process import free_range

PEER = RtpAddress("127.0.0.1", 9)
STREAM = RtpStream(PEER, RtpFormat())


def never(error: DriverError) -> None:
    raise AssertionError("a granted port was refused") from error


async def until_granted(link: MediaLink) -> None:
    """Have the link ask for grants, and wait until they are there."""
    assert link.open_granted(None, never) is None
    async with asyncio.timeout(10):
        while len(link._channel.stock) < LEAST:
            await link.counters()


@pytest.fixture
async def granted(link: MediaLink) -> MediaLink:
    await until_granted(link)
    return link


def opened(link: MediaLink, to: RtpStream | None = STREAM) -> tuple[PortId, RtpAddress]:
    found = link.open_granted(to, never)
    assert found is not None
    return found


async def ports_of(link: MediaLink) -> dict[PortId, int]:
    return {state.port: state.rtp_port for state in (await link.snapshot()).ports}


async def test_a_granted_port_is_open_with_its_stream_when_the_next_command_comes(
    granted: MediaLink, media: MediaProcess
) -> None:
    first, at = opened(granted)
    second, there = opened(granted, None)
    assert granted.connect_unwaited(second, STREAM, never)
    await granted.bridge(1, first, second)
    states = {state.port: state for state in (await granted.snapshot()).ports}
    assert (states[first].rtp_port, states[second].rtp_port) == (at.port, there.port)
    assert {state.remote_port for state in states.values()} == {PEER.port}
    granted.close_unwaited(first, never)
    granted.close_unwaited(second, never)
    assert await ports_of(granted) == {}


async def test_grants_that_run_out_are_waited_for_and_come_again(
    granted: MediaLink, media: MediaProcess
) -> None:
    had = set[int]()
    while (found := granted.open_granted(STREAM, never)) is not None:
        had.add(found[1].port)
    assert len(had) == MOST
    _, address = await granted.open_rtp(STREAM)
    assert address.port not in had
    assert opened(granted)[1].port not in had  # others have come with that answer
    assert len(await ports_of(granted)) == MOST + 2


async def test_without_time_grants_are_withdrawn_and_new_legs_refused(
    granted: MediaLink, media: MediaProcess, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as context:
        context.setattr("daemon.media.rtp_ports.FULL_LOAD", -1.0)  # as if every core were busy
        media.ports.review_grants()
        crossing, address = opened(granted)  # control has not heard of it yet
        assert await ports_of(granted) == {crossing: address.port}
        assert granted.open_granted(STREAM, never) is None
        with pytest.raises(MediaRefused) as refused:
            await granted.open_rtp(STREAM)
        assert refused.value.code == "overload"
        await granted.counters()
        assert len(granted._channel.stock) == 0
    await until_granted(granted)
    opened(granted)


async def test_a_port_to_which_somebody_sends_is_granted_no_more(
    granted: MediaLink, media: MediaProcess
) -> None:
    port = media.engine.granted_rtp()[0][1]
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as stranger:
        stranger.sendto(b"\x80\x00", ("127.0.0.1", port))
    media.ports.review_grants()
    await granted.counters()
    assert len(granted._channel.stock) == MOST - 1
    assert opened(granted)[1].port != port


@pytest.mark.parametrize(
    "fmt",
    [
        RtpFormat(codec="speex"),
        RtpFormat(codec="OPUS", payload_type=96, transcode=True),
        RtpFormat(srtp=SrtpKeys("AES_CM_128_HMAC_SHA1_80", bytes(30), bytes(30))),
    ],
)
async def test_a_stream_that_might_be_refused_is_waited_for(
    granted: MediaLink, media: MediaProcess, fmt: RtpFormat
) -> None:
    for stream in (RtpStream(PEER, fmt), RtpStream(RtpAddress("no address", 9), RtpFormat())):
        assert granted.open_granted(stream, never) is None
        assert not granted.connect_unwaited(PortId(1), stream, never)
    mux = msgspec.structs.replace(RtpFormat(), rtcp_mux=True)
    assert granted.open_granted(RtpStream(PEER, mux), never) is None


async def test_grants_end_with_control(
    granted: MediaLink, media: MediaProcess, tmp_path: Path
) -> None:
    port, _ = opened(granted)
    await granted.counters()
    rest = {port for _, port in media.engine.granted_rtp()}
    ids = itertools.count(100)
    other = await MediaLink.connect(tmp_path / "media.sock", lambda: next(ids))
    assert media.engine.granted_rtp() == []
    assert set(await ports_of(other)) == {port}  # what was opened stays
    assert (await other.counters())["resting_ports"] == len(rest)
    assert other.open_granted(STREAM, never) is None
    await other.disconnect()


@pytest.mark.parametrize("options", [free_range()])
async def test_a_small_range_is_not_kept_back(link: MediaLink, options: MediaOptions) -> None:
    for _ in range(3):
        assert link.open_granted(None, never) is None
        await link.open_rtp()
    assert len(await ports_of(link)) == 3


async def test_full_ring_has_room_for_what_was_granted(
    granted: MediaLink, media: MediaProcess
) -> None:
    """Commands that find the engine stalled are refused while those of grants are not."""
    port, _ = await granted.open_rtp()
    engine = media.engine
    with pytest.raises(EngineError, match="too many commands"):
        flood(engine, port)
    host, bound = engine.granted_rtp()[0]
    found = engine.open_stream(
        1000,
        host,
        PEER.host,
        PEER.port,
        payload_type=8,
        law="A",
        dtmf_payload_type=101,
        ptime_ms=20,
        send=True,
        receive=True,
        rtcp_mux=False,
        granted=bound,
    )
    assert found == bound


def flood(engine: Engine, port: PortId) -> None:
    for _ in range(50_000):
        engine.arm_barge_in(port, on=True)
