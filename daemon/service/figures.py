"""Figures for monitoring that neither the live picture nor the status tells."""

import msgspec


class Figures(msgspec.Struct, frozen=True, kw_only=True):
    """Counts since the start of a process; they never go down until it starts again."""

    at: float
    media: dict[str, float] = {}
    """Of the media engine; empty while media is away."""
    streams: dict[str, int] = {}
    """Sums over the RTP streams that ended: streams, packets_in, packets_out, lost, late."""
    records: dict[str, int] = {}
    """Of the writer of records; ``waiting`` are rows in memory now."""
    stations: int = 0
    """Stations that can be rung now."""
    places: int = 0
    """Kept for callers who are to be called."""
