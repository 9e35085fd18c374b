"""The stream socket between a fax and the engine: 16-bit samples in chunks of 20 ms."""

import socket
from typing import Final

CHUNK: Final = 320  # octets: 20 ms of 16-bit samples


class AudioLine:
    """The fax's end; the engine is the clock."""

    def __init__(self, audio: socket.socket) -> None:
        self._audio = audio
        self._reader = audio.makefile("rb", buffering=CHUNK)

    def hear(self) -> bytes:
        """Wait for the next chunk; empty when the other end is gone."""
        try:
            chunk = self._reader.read(CHUNK)
        except ConnectionResetError:
            return b""  # it went while samples of ours were waiting to be read
        return chunk if len(chunk) == CHUNK else b""

    def say(self, samples: bytes) -> bool:
        """Send samples; False when the other end is gone."""
        try:
            self._audio.sendall(samples)
        except (BrokenPipeError, ConnectionResetError):
            return False
        return True
