"""A port of a board whose server listens on a Unix socket, as the simulated board does.

One SEQPACKET connection a port carries the requests of the DAHDI ABI and tells that events
wait; a second socket, received with the answer to SPECIFY, carries chunks of 160 bytes of
G.711 both ways and behaves like the channel's descriptor.

    request   u32 request, u32 sequence, argument
    answer    u8 1, 3 bytes 0, u32 sequence, i32 result (0 or -errno), argument
    event     u8 2, 3 bytes 0: an event waits, ask with GETEVENT

All numbers are little-endian.
"""

import asyncio
import errno
import os
import socket
import struct
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Final

from drivers.errors import DeviceMissing, DevicePermission, LinkLost, ProtocolError
from drivers.voiceboard import dahdi
from drivers.voiceboard.dahdi import Event, Request
from drivers.voiceboard.device import device_error

ANSWER, EVENT_WAITS = 1, 2
PATIENCE_S: Final = 2.0
"""A board server answers at once; later means that it hangs."""

_REQUEST = struct.Struct("<II")
_ANSWER = struct.Struct("<B3xIi")
_LARGEST = 1024


class SocketDevice:
    """A port reached through a board server."""

    def __init__(self, path: Path, channel: int) -> None:
        self.channel = channel
        self._path = path
        self._control: socket.socket | None = None
        self._audio: socket.socket | None = None
        self._sequence = 0
        self._why = "not open"
        self._pending: dict[int, asyncio.Future[tuple[bytes, list[int]]]] = {}
        self._waiting = asyncio.Event()

    @property
    def audio_fd(self) -> int:
        """Descriptor of the audio socket; -1 while closed."""
        return -1 if self._audio is None else self._audio.fileno()

    async def open(self) -> None:
        """Connect and take the channel; the answer brings the audio socket."""
        control = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        control.setblocking(False)
        try:
            control.connect(str(self._path))
        except OSError as error:
            control.close()
            what = f"board server at {self._path}"
            if error.errno in (errno.ENOENT, errno.ECONNREFUSED):
                raise DeviceMissing(f"{what}: nobody listens") from error
            if error.errno == errno.EACCES:
                raise DevicePermission(f"{what}: not permitted") from error
            raise LinkLost(f"{what}: {error.strerror}") from error
        self._control, self._why = control, "closed"
        asyncio.get_running_loop().add_reader(control, self._readable)
        try:
            _, descriptors = await self._request(Request.SPECIFY, dahdi.pack_int(self.channel))
            if len(descriptors) != 1:
                raise ProtocolError(f"channel {self.channel}: the board gave no audio socket")
        except BaseException:
            self.close()
            raise
        self._audio = socket.socket(fileno=descriptors[0])
        self._audio.setblocking(False)
        self._waiting.set()

    def close(self) -> None:
        """Give the channel back; pending requests fail with LinkLost."""
        if self._control is not None:
            asyncio.get_running_loop().remove_reader(self._control)
            self._control.close()
            self._control = None
        if self._audio is not None:
            self._audio.close()
            self._audio = None
        for answer in self._pending.values():
            if not answer.done():
                answer.set_exception(LinkLost(f"channel {self.channel}: {self._why}"))
        self._pending.clear()
        self._waiting.set()

    async def command(self, request: Request, argument: bytes = b"") -> bytes:
        """Send the request and wait for its answer."""
        answer, descriptors = await self._request(request, argument)
        _close_all(descriptors)
        if len(answer) != request.argument_size:
            message = f"channel {self.channel}: {request.name} answered with {len(answer)} bytes"
            raise ProtocolError(message)
        return answer

    async def events(self) -> AsyncIterator[int]:
        """Ask for events until none is left whenever the server says that one waits."""
        while True:
            await self._waiting.wait()
            self._waiting.clear()
            while event := dahdi.unpack_int(await self.command(Request.GETEVENT)):
                yield event
                if event == Event.REMOVED:
                    raise LinkLost(f"channel {self.channel}: the board was removed")

    async def flush(self) -> None:
        """Read away what has piled up in the audio socket; what waits at the board goes, too."""
        if self._audio is None:
            return
        await self.command(Request.FLUSH, dahdi.pack_int(dahdi.FLUSH_WRITE))
        while self._audio is not None:
            try:
                if not self._audio.recv(dahdi.CHUNK):
                    return
            except BlockingIOError:
                return
            except OSError as error:
                raise LinkLost(f"channel {self.channel}: {error.strerror}") from error

    def wake(self) -> None:
        """Ask for events now."""
        self._waiting.set()

    async def _request(self, request: Request, argument: bytes) -> tuple[bytes, list[int]]:
        if self._control is None:
            raise LinkLost(f"channel {self.channel}: {self._why}")
        self._sequence = self._sequence + 1 & 0xFFFFFFFF
        sequence = self._sequence
        answer = asyncio.get_running_loop().create_future()
        self._pending[sequence] = answer
        argument = argument.ljust(request.argument_size, b"\0")
        try:
            self._control.send(_REQUEST.pack(request, sequence) + argument)
            async with asyncio.timeout(PATIENCE_S):
                found: tuple[bytes, list[int]] = await answer
                return found
        except TimeoutError as error:
            message = f"channel {self.channel}: the board does not answer {request.name}"
            raise LinkLost(message) from error
        except BlockingIOError as error:
            message = f"channel {self.channel}: the board does not take {request.name}"
            raise LinkLost(message) from error
        except OSError as error:
            raise device_error(error.errno or 0, f"channel {self.channel}") from error
        finally:
            self._pending.pop(sequence, None)

    def _readable(self) -> None:
        while self._control is not None:
            try:
                packet, descriptors, _, _ = socket.recv_fds(self._control, _LARGEST, 1)
            except BlockingIOError:
                return
            except OSError:
                packet, descriptors = b"", []
            if not packet:
                self._why = "the board server hung up"
                self.close()
                return
            if packet[0] == EVENT_WAITS:
                self._waiting.set()
            elif packet[0] == ANSWER and len(packet) >= _ANSWER.size:
                self._answered(packet, descriptors)
                continue
            _close_all(descriptors)

    def _answered(self, packet: bytes, descriptors: list[int]) -> None:
        _, sequence, result = _ANSWER.unpack_from(packet)
        answer = self._pending.get(sequence)
        if answer is None or answer.done():
            _close_all(descriptors)
        elif result < 0 and result != -errno.EINPROGRESS:
            _close_all(descriptors)
            answer.set_exception(device_error(-result, f"channel {self.channel}"))
        else:
            answer.set_result((packet[_ANSWER.size :], descriptors))


def _close_all(descriptors: list[int]) -> None:
    for descriptor in descriptors:
        os.close(descriptor)
