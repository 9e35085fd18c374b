"""How a stream sounded, from what was counted of it: the E-model, simplified.

ITU-T G.107 with every talker and room parameter at its default (R0 = 93.2), the delay
impairment in the form of Cole and Rosenbluth (2001), loss by G.107 7.3 with the figures of
G.113 Appendix I for G.711 with concealment, and G.107 Annex B from R to MOS.
"""

from collections.abc import Mapping
from typing import Final

from daemon.link.messages import StreamEnded
from drivers.api import PortId

R0: Final = 93.2
LOSS_ROBUSTNESS: Final = 25.1  # Bpl of G.711 with packet loss concealment, random loss
WORST_IMPAIRMENT: Final = 95.0
DELAY_FROM_MS: Final = 177.3  # from here on delay hurts conversation itself
PACKET_MS: Final = 20.0


def rating(*, loss: float, delay_ms: float) -> float:
    """R of a stream; loss as a share of 1, delay from mouth to ear."""
    percent = 100 * min(max(loss, 0.0), 1.0)
    impaired = WORST_IMPAIRMENT * percent / (percent + LOSS_ROBUSTNESS)
    delayed = 0.024 * delay_ms + 0.11 * max(delay_ms - DELAY_FROM_MS, 0.0)
    return R0 - impaired - delayed


def mean_opinion(r: float) -> float:
    """MOS of a rating, 1 to 4.5."""
    if r <= 0:
        return 1.0
    if r >= 100:
        return 4.5
    return max(1 + 0.035 * r + 7e-6 * r * (r - 60) * (100 - r), 1.0)


def stream_ended(port: PortId, counted: Mapping[str, float]) -> StreamEnded:
    """What control is told of a stream at its end."""
    expected = counted["expected"]
    gone = max(counted["lost_on_way"], 0.0)
    unheard = max(gone, counted["lost"])  # too late for the jitter buffer is lost as well
    round_trip = counted.get("round_trip_ms", 0.0)
    delay = round_trip / 2 + counted["delay_ms"] + PACKET_MS
    opinion = 0.0
    if expected:
        opinion = mean_opinion(rating(loss=unheard / expected, delay_ms=delay))
    return StreamEnded(
        port=port,
        packets_in=int(counted["packets_in"]),
        packets_out=int(counted["packets_out"]),
        lost=int(gone),
        late=int(counted["late"]),
        jitter_ms=counted["jitter_ms"],
        round_trip_ms=round_trip,
        delay_ms=counted["delay_ms"],
        far_lost=int(counted.get("far_lost", 0.0)),
        far_jitter_ms=counted.get("far_jitter_ms", 0.0),
        mos=opinion,
    )
