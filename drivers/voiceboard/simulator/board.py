"""The server of the simulated board: drivers connect to its socket, one connection a port."""

import asyncio
import errno
import os
import socket
import struct
from collections.abc import Iterable
from pathlib import Path
from typing import Final

from drivers.voiceboard.simulator.ports import SimulatedPort
from drivers.voiceboard.simulator.sound import TICK_S

SPECIFY: Final = 0x4004DA26
LARGEST_LAG_S: Final = 0.2
"""A clock further behind than this goes on from the present."""


class SimulatedBoard:
    """The server: drivers connect to its socket, one connection a port."""

    def __init__(
        self, path: Path, ports: Iterable[SimulatedPort], *, tick_s: float = TICK_S
    ) -> None:
        """``tick_s`` shorter than 20 ms lets time run faster, for tests."""
        self.path = path
        self._tick_s = tick_s
        self.ports = {port.channel: port for port in ports}
        self.late_ticks = 0
        self._listener: socket.socket | None = None
        self._connections: dict[socket.socket, SimulatedPort | None] = {}
        self._clock: asyncio.Task[None] | None = None

    async def start(self, *, clock: bool = True) -> None:
        """Listen; without ``clock`` time passes only with ``tick``."""
        self.path.unlink(missing_ok=True)
        listener = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        listener.bind(str(self.path))
        os.chmod(self.path, 0o660)
        listener.listen(64)
        listener.setblocking(False)
        self._listener = listener
        asyncio.get_running_loop().add_reader(listener, self._accept)
        if clock:
            self._clock = asyncio.create_task(self._run_clock(), name="simulated board clock")

    async def stop(self) -> None:
        """Close the socket and every connection; safe to call twice."""
        clock, self._clock = self._clock, None
        if clock is not None:
            clock.cancel()
            await asyncio.gather(clock, return_exceptions=True)
        for connection in list(self._connections):
            self._drop(connection)
        if self._listener is not None:
            asyncio.get_running_loop().remove_reader(self._listener)
            self._listener.close()
            self._listener = None
            self.path.unlink(missing_ok=True)

    def tick(self) -> None:
        """Let 20 ms pass on every port."""
        for port in self.ports.values():
            port.tick()

    async def _run_clock(self) -> None:
        loop = asyncio.get_running_loop()
        due = loop.time() + self._tick_s
        while True:
            await asyncio.sleep(due - loop.time())
            self.tick()
            due += self._tick_s
            if loop.time() - due > LARGEST_LAG_S:
                self.late_ticks += round((loop.time() - due) / self._tick_s)
                due = loop.time() + self._tick_s

    def _accept(self) -> None:
        if self._listener is None:
            return
        try:
            connection, _ = self._listener.accept()
        except OSError:
            return
        connection.setblocking(False)
        self._connections[connection] = None
        asyncio.get_running_loop().add_reader(connection, self._readable, connection)

    def _readable(self, connection: socket.socket) -> None:
        while connection in self._connections:
            try:
                packet = connection.recv(1024)
            except BlockingIOError:
                return
            except OSError:
                packet = b""
            if len(packet) < 8:
                self._drop(connection)
                return
            number, sequence = struct.unpack_from("<II", packet)
            try:
                self._answer(connection, number, sequence, packet[8:])
            except struct.error:
                # An argument of another size than its request says: no driver of ours.
                self._drop(connection)

    def _answer(
        self, connection: socket.socket, number: int, sequence: int, argument: bytes
    ) -> None:
        port, gift = self._connections[connection], None
        if number == SPECIFY:
            wanted = self.ports.get(struct.unpack("<i", argument)[0])
            result = -errno.ENXIO if wanted is None else -errno.EBUSY if wanted.attached else 0
            if wanted is not None and result == 0:
                gift = wanted.attach(connection)
                self._connections[connection] = wanted
        elif port is None:
            result = -errno.EINVAL
        else:
            result, argument = port.request(number, argument)
        answer = struct.pack("<B3xIi", 1, sequence, result) + argument
        try:
            if gift is None:
                connection.send(answer)
            else:
                socket.send_fds(connection, [answer], [gift.fileno()])
                gift.close()
        except OSError:
            self._drop(connection)

    def _drop(self, connection: socket.socket) -> None:
        port = self._connections.pop(connection, None)
        asyncio.get_running_loop().remove_reader(connection)
        connection.close()
        if port is not None:
            port.detach()
