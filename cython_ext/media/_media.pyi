"""The media engine: RTP and device ports, bridges, players, recorders, taps, digits."""

from typing import Final

MEMBERS: Final[int]
"""Ports in one bridge at most."""

class EngineError(Exception):
    """The engine cannot do this; ``code`` is stable, the text is for people."""

    code: str

class Engine:
    """One engine thread; every method returns at once and belongs to one Python thread."""

    def __init__(self, *, realtime: bool = True, rtp_silence_s: int = 20) -> None: ...
    @property
    def scheduling(self) -> str:
        """What the thread got: fifo, nice or normal, with the reason."""
    def start(self) -> None: ...
    def stop(self) -> None:
        """End the thread and every port; recordings are completed. Harmless twice."""
    def fileno(self) -> int:
        """An eventfd that is readable when ``poll`` has something."""
    def poll(self) -> list[tuple[str | int, ...]]:
        """Events since the last call, oldest first.

        ("digit", port, key, duration_ms, source), ("play", player, port, reason),
        ("record", recording, port, path, duration_ms, reason), ("speech", port),
        ("silent", port, seconds), ("device", port, kind, value)
        """
    def open_rtp(self, port: int, host: str, rtp_port: int = 0) -> int:
        """Bind a socket and return its port; OSError when that cannot be."""
    def connect_rtp(
        self,
        port: int,
        host: str,
        rtp_port: int,
        *,
        payload_type: int,
        law: str,
        dtmf_payload_type: int = -1,
        ptime_ms: int = 20,
        send: bool = True,
        receive: bool = True,
    ) -> None: ...
    def open_device(self, port: int, fd: int, law: str, *, digits: str = "inband") -> None:
        """Move 20 ms chunks through a descriptor (it is duplicated); law A, U or s16.

        ``digits`` is inband, or device when the hardware reports keys.
        """
    def close(self, port: int) -> None: ...
    def has_port(self, port: int) -> bool: ...
    def send_digits(self, port: int, digits: str) -> None: ...
    def play(
        self,
        port: int,
        player: int,
        files: list[str],
        *,
        repeat: int = 1,
        gain_db: float = 0.0,
        stop_on_digit: bool = False,
    ) -> None: ...
    def play_tone(
        self,
        port: int,
        player: int,
        frequencies: list[tuple[float, float]],
        cadence_ms: list[tuple[int, int]],
        *,
        repeat: int = 0,
        level_dbm0: float = -13.0,
        stop_on_digit: bool = False,
    ) -> None: ...
    def stop_play(self, player: int) -> None: ...
    def join(self, bridge: int, port: int) -> None: ...
    def leave(self, port: int) -> None: ...
    def set_gain(self, bridge: int, heard: int, by: int, gain_db: float) -> None: ...
    def unbridge(self, bridge: int) -> None: ...
    def record(
        self,
        recording: int,
        port: int,
        path: str,
        *,
        stereo: bool,
        max_s: float = 0.0,
        silence_s: float = 0.0,
    ) -> None:
        """Record into a new file; FileExistsError and other OSError."""
    def stop_record(self, recording: int) -> None: ...
    def tap(self, port: int) -> tuple[int, int, int]:
        """memfd, eventfd and capacity; the descriptors stay the engine's."""
    def untap(self, port: int) -> None: ...
    def arm_barge_in(self, port: int, on: bool) -> None: ...
    def ports(self) -> list[tuple[int, str, str, int, str, int]]:
        """port, kind, our host, our RTP port, remote host, remote RTP port"""
    def bridges(self) -> list[tuple[int, list[int]]]: ...
    def players(self) -> list[tuple[int, int]]: ...
    def recordings(self) -> list[tuple[int, int, str]]: ...
    def port_counters(self, port: int) -> dict[str, float]: ...
    def counters(self) -> dict[str, float]:
        """Counts, late ticks, and microseconds per phase."""
