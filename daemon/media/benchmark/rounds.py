"""``hookflash bench media``: what audio costs on this machine, beside its physical floor.

Every load runs once in each of five rounds, one after the other, and the floor in each
round as well; a figure is the median of the rounds. Shares of a core come from the
processor clocks of the engine's threads.
"""

import tempfile
from collections import defaultdict
from functools import partial
from pathlib import Path
from statistics import median
from typing import Any, Final

from cython_ext import media
from daemon.media.benchmark.calls import (
    bytes_per_channel,
    raise_file_limit,
    setup_us,
    steal_s,
)
from daemon.media.benchmark.loads import (
    bare,
    bridge_all,
    loaded,
    play_all,
    record_all,
    sealed,
    transcoded,
)

ROUNDS: Final = 5
FULL: Final = 0.7  # share of a core at which new legs are refused
MOST: Final = 4000  # channels of one engine
LOAD_FACTOR: Final = 20  # the full load has at most this many times the channels asked for
MEASURED: Final = 500  # channels whose memory is measured
DESCRIPTORS_KEPT: Final = 200
NOT_JUDGED_MS: Final = 2.0  # a machine that wakes its own witness later says nothing of ours
INBAND: Final = -1
MOST_OPUS: Final = 40  # channels that are transcoded; the peers are, too

Figures = dict[str, list[float]]


def run(channels: int, seconds: float, *, rounds: int = ROUNDS) -> dict[str, Any]:
    """Measure with ``channels`` channels, each load for ``seconds`` in each round."""
    if not media.available():
        raise RuntimeError(media.reason())
    count = max(channels // 2 * 2, 2)
    most = min(MOST, count * LOAD_FACTOR, (raise_file_limit() - DESCRIPTORS_KEPT) // 2)
    found: Figures = defaultdict(list)
    runs, realtime, missed = [], True, 0
    for _ in range(rounds):
        told = _round(count, seconds, most)
        for name, value in told.items():
            found[name].append(value)
        realtime = realtime and told["realtime"] == 1.0
        missed += int(told["missed"])
        runs.append({name: round(told[name], 3) for name in ("steal_pct", "control_wakeup_ms")})
    middle = {name: median(values) for name, values in found.items()}
    return {
        "channels": count,
        "seconds": seconds,
        **{name: round(middle[name], 3) for name in _REPORTED if name in middle},
        "channels_per_core_70": int(middle["channels_per_core_70"]),
        "late_p999_ms": _judged(found),
        "setup_us": round(median(setup_us(10 * count) for _ in range(rounds)), 1),
        "setup_us_outgoing": round(
            median(setup_us(10 * count, outgoing=True) for _ in range(rounds)), 1
        ),
        "bytes_per_channel": round(bytes_per_channel(MEASURED)),
        "realtime": realtime,
        "steal_pct": round(max(found["steal_pct"]), 3),
        "control_wakeup_ms": round(max(found["control_wakeup_ms"]), 3),
        "missed": missed,
        "runs": runs,
    }


_REPORTED: Final = (
    "floor_pct_per_100",
    "pct_per_100_bridge",
    "bridge_x_floor",
    "pct_per_100_play",
    "play_x_floor",
    "added_dtmf_x_floor",
    "added_srtp_x_floor",
    "pct_added_record",
    "pct_per_channel_opus",
    "load_channels",
    "load_share",
)


def _round(count: int, seconds: float, most: int) -> dict[str, float]:
    """One round of every load."""
    from cython_ext.media_floor._floor import Witness

    witness = Witness()
    stolen, all_time = steal_s()
    with tempfile.TemporaryDirectory(prefix="hookflash-bench-") as name:
        folder, each = Path(name), 100 * 100 / count
        floor = bare(count, seconds) * each
        join = partial(bridge_all, channels=count)
        bridged = loaded(count, seconds, join)
        inband = loaded(count, seconds, join, dtmf_payload_type=INBAND)
        secret = sealed(count, seconds)
        played = loaded(
            count,
            seconds,
            partial(play_all, channels=count, folder=folder),
            dtmf_payload_type=INBAND,
        )
        recorded = loaded(count, seconds, partial(record_all, channels=count, folder=folder))
        few = min(count, MOST_OPUS)
        opus = transcoded(few, seconds, folder)
    full = min(most, int(FULL / max(bridged.share / count, 1e-6)) // 2 * 2)
    witness.start()
    laden = loaded(full, seconds, partial(bridge_all, channels=full))
    witness.stop()
    now_stolen, now_all = steal_s()
    cost = bridged.share * each
    return {
        "floor_pct_per_100": floor,
        "pct_per_100_bridge": cost,
        "bridge_x_floor": cost / floor,
        "pct_per_100_play": played.share * each,
        "play_x_floor": played.share * each / floor,
        "added_dtmf_x_floor": (inband.share * each - cost) / floor,
        "added_srtp_x_floor": (secret.share * each - cost) / floor,
        "pct_added_record": recorded.share * each - cost,
        **({} if opus is None else {"pct_per_channel_opus": 100 * opus.share / few}),
        "load_channels": full,
        "load_share": laden.share,
        "channels_per_core_70": full * FULL / laden.share,
        "late_p999_ms": laden.late_ms,
        "missed": bridged.missed + inband.missed + played.missed + recorded.missed,
        "realtime": float(bridged.scheduling.startswith("fifo")),
        "steal_pct": 100 * (now_stolen - stolen) / max(now_all - all_time, 0.01),
        "control_wakeup_ms": witness.worst_ms,
    }


def _judged(found: Figures) -> float | None:
    """Median lateness of the rounds in which the machine itself kept time; None: in none."""
    sound = [
        late
        for late, wakeup in zip(found["late_p999_ms"], found["control_wakeup_ms"], strict=True)
        if wakeup < NOT_JUDGED_MS
    ]
    return median(sound) if sound else None
