"""How much processor time bridged telephone channels take, measured here and now.

Two engines on loopback: one plays the part of the telephones, the other bridges them in
pairs. Only the bridging thread is counted, by its own processor clock. On loopback the
sender also pays for delivery into the receiver's socket, so a network card costs less.
"""

import time
from typing import Final

import msgspec

from cython_ext import media

HOST: Final = "127.0.0.1"
SETTLE_S: Final = 1.0  # jitter buffers fill, caches warm


class BenchResult(msgspec.Struct, frozen=True, kw_only=True):
    """What was measured."""

    channels: int
    seconds: float
    cpu_s: float
    """Processor seconds of the bridging thread."""
    percent_per_100: float
    """Share of one core that 100 channels take, in percent."""
    packets_per_s: float
    lost: int
    """Packets that did not reach the bridge in time."""
    worst_late_us: float
    """Latest wake-up of the thread."""
    scheduling: str


def run(channels: int, seconds: float) -> BenchResult:
    """Bridge ``channels`` G.711 ports in pairs for ``seconds``; an odd one is left out."""
    # Here, so that this module can be imported where there is no engine.
    from cython_ext.media import Engine

    if not media.available():
        raise RuntimeError(media.reason())
    count = max(channels // 2 * 2, 2)
    bridge, phones = Engine(), Engine()
    bridge.start()
    phones.start()
    try:
        _connect(bridge, phones, count)
        time.sleep(SETTLE_S)
        before, began = _totals(bridge, count), time.monotonic()
        time.sleep(seconds)
        after, elapsed = _totals(bridge, count), time.monotonic() - began
        counters = bridge.counters()
        cpu_s = after[0] - before[0]
        return BenchResult(
            channels=count,
            seconds=elapsed,
            cpu_s=cpu_s,
            percent_per_100=cpu_s / elapsed * 100 * 100 / count,
            packets_per_s=(after[1] - before[1]) / elapsed,
            lost=int(after[2] - before[2]),
            worst_late_us=counters["worst_late_us"],
            scheduling=bridge.scheduling,
        )
    finally:
        bridge.stop()
        phones.stop()


def _connect(bridge: "media.Engine", phones: "media.Engine", count: int) -> None:
    for port in range(1, count + 1):
        here = bridge.open_rtp(port, HOST)
        there = phones.open_rtp(port, HOST)
        bridge.connect_rtp(port, HOST, there, payload_type=8, law="A", dtmf_payload_type=101)
        phones.connect_rtp(port, HOST, here, payload_type=8, law="A", dtmf_payload_type=101)
        bridge.join((port + 1) // 2, port)


def _totals(engine: "media.Engine", count: int) -> tuple[float, float, float]:
    """Processor seconds, packets in and out, packets lost or late."""
    packets = missed = 0.0
    for port in range(1, count + 1):
        found = engine.port_counters(port)
        packets += found["packets_in"] + found["packets_out"]
        missed += found["lost"] + found["late"]
    return engine.counters()["cpu_s"], packets, missed
