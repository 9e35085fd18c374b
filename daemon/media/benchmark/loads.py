"""Loads of the media benchmark: an engine with channels, and bare peers that keep it busy.

Only the engine's own threads are counted, by their processor clocks. On loopback a sender
also pays for delivery into the receiver's socket, so a network card costs less; the bare
floor (``cython_ext/media_floor``) pays the same, so the ratio to it holds.
"""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Final

import msgspec

from cython_ext.media import EngineError

if TYPE_CHECKING:
    from cython_ext.media import Engine

HOST: Final = "127.0.0.1"
LATE_STEP_MS: Final = 0.25  # of the engine's histogram
SUITE: Final = "AES_CM_128_HMAC_SHA1_80"
TICK_S: Final = 0.005
PROMPT_S: Final = 10
PERCENTILE: Final = 0.999


class Load(msgspec.Struct, frozen=True, kw_only=True):
    """What one load cost in one run."""

    share: float
    """Of one core."""
    late_ms: float
    """Lateness of a tick that 99.9 % of all ticks stayed below."""
    missed: int
    """Packets that did not come in time."""
    scheduling: str


def settle_s(seconds: float) -> float:
    """How long jitter buffers fill and caches warm before a run counts."""
    return min(0.5, max(0.1, seconds))


def bare(channels: int, seconds: float) -> float:
    """Share of a core that receiving and sending alone takes, with a socket per channel."""
    from cython_ext.media_floor._floor import Floor

    here, there = Floor(channels), Floor(channels)
    for at, (ours, theirs) in enumerate(zip(here.ports, there.ports, strict=True)):
        here.aim(at, theirs)
        there.aim(at, ours)
    here.start()
    there.start()
    try:
        time.sleep(settle_s(seconds))
        before, began = here.cpu_s, time.monotonic()
        time.sleep(seconds)
        return (here.cpu_s - before) / (time.monotonic() - began)
    finally:
        here.stop()
        there.stop()


def loaded(
    channels: int,
    seconds: float,
    prepare: "Callable[[Engine], None]",
    *,
    dtmf_payload_type: int = 101,
) -> Load:
    """Measure an engine whose ``channels`` ports ``prepare`` has put to work."""
    with _busy(channels, dtmf_payload_type) as engine:
        prepare(engine)
        return _watch(engine, channels, seconds)


@contextmanager
def _busy(channels: int, dtmf_payload_type: int) -> "Iterator[Engine]":
    from cython_ext.media import Engine
    from cython_ext.media_floor._floor import Floor

    engine, peers = Engine(), Floor(channels)
    engine.start()
    try:
        for at, there in enumerate(peers.ports):
            peers.aim(at, engine.open_rtp(at + 1, HOST))
            connect = partial(engine.connect_rtp, at + 1, HOST, there, payload_type=8, law="A")
            insist(partial(connect, dtmf_payload_type=dtmf_payload_type))
        peers.start()
        yield engine
    finally:
        peers.stop()
        engine.stop()


def sealed(channels: int, seconds: float) -> Load:
    """Bridge the ports in pairs with SRTP on all; the peers are another engine."""
    from cython_ext.media import Engine, Srtp

    engine, peers = Engine(), Engine()
    engine.start()
    peers.start()
    inward, outward = bytes(range(30)), bytes(range(30, 60))
    try:
        for port in range(1, channels + 1):
            here, there = engine.open_rtp(port, HOST), peers.open_rtp(port, HOST)
            ours, theirs = Srtp(SUITE, inward, outward), Srtp(SUITE, outward, inward)
            for side, to, keys in ((engine, there, ours), (peers, here, theirs)):
                connect = partial(side.connect_rtp, port, HOST, to, payload_type=8, law="A")
                insist(partial(connect, dtmf_payload_type=101, srtp=keys))
        bridge_all(engine, channels)
        return _watch(engine, channels, seconds)
    finally:
        peers.stop()
        engine.stop()


def transcoded(channels: int, seconds: float, folder: Path) -> Load | None:
    """Play to the ports and hear them for keys, in Opus both ways; None without libopus.

    The peers are another engine, because what is decoded must be sound.
    """
    from cython_ext.media import Engine

    engine, peers = Engine(), Engine()
    engine.start()
    peers.start()
    try:
        for port in range(1, channels + 1):
            here, there = engine.open_rtp(port, HOST), peers.open_rtp(port, HOST)
            for side, to in ((engine, there), (peers, here)):
                connect = partial(side.connect_rtp, port, HOST, to, payload_type=96, law="OPUS")
                insist(partial(connect, dtmf_payload_type=-1, transcode=True))
        play_all(engine, channels, folder)
        play_all(peers, channels, folder)
        return _watch(engine, channels, seconds)
    except EngineError as error:
        if error.code == "no-codec":
            return None
        raise
    finally:
        peers.stop()
        engine.stop()


def _watch(engine: "Engine", channels: int, seconds: float) -> Load:
    time.sleep(settle_s(seconds))
    cpu, late, missed = _cpu(engine), engine.lateness(), _missed(engine, channels)
    began = time.monotonic()
    time.sleep(seconds)
    elapsed = time.monotonic() - began
    spent = _cpu(engine) - cpu
    ticks = [now - then for now, then in zip(engine.lateness(), late, strict=True)]
    return Load(
        share=spent / elapsed,
        late_ms=percentile_ms(ticks),
        missed=_missed(engine, channels) - missed,
        scheduling=engine.scheduling,
    )


def percentile_ms(ticks: list[int]) -> float:
    """Upper edge of the step of the histogram that holds the 99.9th percentile."""
    wanted, seen = PERCENTILE * sum(ticks), 0
    for step, count in enumerate(ticks):
        seen += count
        if seen >= wanted:
            return (step + 1) * LATE_STEP_MS
    return len(ticks) * LATE_STEP_MS


def _cpu(engine: "Engine") -> float:
    counters = engine.counters()
    return counters["cpu_s"] + counters["files_cpu_s"]


def _missed(engine: "Engine", channels: int) -> int:
    found = (engine.port_counters(port) for port in range(1, channels + 1))
    return sum(int(counted["lost"] + counted["late"]) for counted in found)


def insist(push: Callable[[], None]) -> None:
    """Repeat a command until the ring to the engine has room for it."""
    while True:
        try:
            return push()
        except EngineError as error:
            if error.code != "busy":
                raise
        time.sleep(TICK_S)


def bridge_all(engine: "Engine", channels: int) -> None:
    """Join the ports in pairs."""
    for port in range(1, channels + 1):
        insist(partial(engine.join, (port + 1) // 2, port))


def record_all(engine: "Engine", channels: int, folder: Path) -> None:
    """Join the ports in pairs and record every pair in stereo."""
    bridge_all(engine, channels)
    for number in range(1, channels // 2 + 1):
        engine.record(number, number * 2, str(folder / f"{number}.wav"), stereo=True)


def play_all(engine: "Engine", channels: int, folder: Path) -> None:
    """Play one prompt to every port, over and over."""
    prompt = folder / "prompt.8k.s16"
    prompt.write_bytes(bytes(range(256)) * (PROMPT_S * 16000 // 256))
    for port in range(1, channels + 1):
        engine.play(port, port, [str(prompt)], repeat=0, gain_db=-12.0)
