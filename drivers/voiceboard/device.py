"""One port of a board as a device: requests down, events up, a descriptor with audio.

Two implementations, so that a hardware board and a simulated one take the same path: here
the DAHDI character device; ``socket_device`` reaches a board server on a Unix socket.
"""

import asyncio
import errno
import fcntl
import os
import select
import struct
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Protocol

from drivers.errors import DeviceMissing, DevicePermission, DriverError, LineBusy, LinkLost
from drivers.voiceboard import dahdi
from drivers.voiceboard.dahdi import Event, Request

Ioctl = Callable[[int, int, bytearray], int]

_GONE = frozenset((errno.ENXIO, errno.ENODEV, errno.EIO, errno.ESHUTDOWN, errno.EPIPE))
_MISSING = frozenset((errno.ENOENT, errno.ENXIO, errno.ENODEV))


class BoardDevice(Protocol):
    """One open port of a board."""

    channel: int

    async def open(self) -> None:
        """Take the port; DeviceMissing, DevicePermission, LineBusy, LinkLost."""

    def close(self) -> None:
        """Give the port back; safe to call twice."""

    @property
    def audio_fd(self) -> int:
        """Non-blocking descriptor with chunks of 160 bytes of G.711; ours to keep open."""

    async def command(self, request: Request, argument: bytes = b"") -> bytes:
        """Carry out one request; its answer, or LineBusy, LinkLost, DriverError."""

    def events(self) -> AsyncIterator[int]:
        """Yield events as GETEVENT numbers them, until LinkLost is raised."""

    async def flush(self) -> None:
        """Drop audio that nobody has read, so that a call starts with the present."""

    def wake(self) -> None:
        """An event may wait: ask the board."""


def device_error(number: int, what: str) -> DriverError:
    """The error for an errno of a board device."""
    if number in _MISSING:
        return DeviceMissing(f"{what}: no such channel, or its kernel driver is not loaded")
    if number in (errno.EACCES, errno.EPERM):
        return DevicePermission(f"{what}: not permitted; the user needs the device's group")
    if number == errno.EBUSY:
        return LineBusy(f"{what}: in use")
    if number in _GONE:
        return LinkLost(f"{what}: {os.strerror(number)}")
    return DriverError(f"{what}: {os.strerror(number)}")


async def cancel_echo(device: BoardDevice, taps: int) -> bool:
    """Switch a port's echo canceller on; False when the board has none."""
    try:
        await device.command(Request.ECHOCANCEL, dahdi.pack_int(taps))
    except LinkLost:
        raise
    except DriverError:
        return False
    return True


class DahdiDevice:
    """A port behind ``/dev/dahdi``."""

    def __init__(
        self,
        folder: Path,
        channel: int,
        *,
        kind: str = "fxo",
        law: str = "alaw",
        ioctl: Ioctl = fcntl.ioctl,
    ) -> None:
        self.channel = channel
        self._folder = folder
        self._kind = kind
        self._law = law
        self._ioctl = ioctl
        self._fd = -1
        self._watch: select.epoll | None = None
        self._alarm = False
        self._waiting = asyncio.Event()

    @property
    def audio_fd(self) -> int:
        """The channel's own descriptor carries its audio."""
        return self._fd

    async def open(self) -> None:
        """Open the channel's node and set law, blocks and buffers for 20 ms frames."""
        node = self._folder / str(self.channel)
        try:
            self._fd = os.open(node, os.O_RDWR | os.O_NONBLOCK | os.O_CLOEXEC)
        except OSError as error:
            raise device_error(error.errno or 0, str(node)) from error
        try:
            await self._set_up()
        except DriverError:
            self.close()
            raise
        # Only POLLPRI says "event": a nested epoll makes it visible to the loop.
        self._watch = select.epoll()
        self._watch.register(self._fd, select.EPOLLPRI | select.EPOLLERR | select.EPOLLET)
        asyncio.get_running_loop().add_reader(self._watch.fileno(), self._event_waits)
        self._waiting.set()

    def close(self) -> None:
        """Put the port on-hook by closing it."""
        if self._watch is not None:
            asyncio.get_running_loop().remove_reader(self._watch.fileno())
            self._watch.close()
            self._watch = None
        if self._fd >= 0:
            os.close(self._fd)
            self._fd = -1
        self._waiting.set()

    async def command(self, request: Request, argument: bytes = b"") -> bytes:
        """Issue the ioctl; "in progress" and "event waits" are no failures."""
        if self._fd < 0:
            raise LinkLost(f"channel {self.channel}: not open")
        buffer = bytearray(argument.ljust(request.argument_size, b"\0"))
        try:
            self._ioctl(self._fd, request, buffer)
        except OSError as error:
            # HOOK FLASH and RING end later, with HOOKCOMPLETE.
            if error.errno == errno.EINPROGRESS and request is Request.HOOK:
                return bytes(buffer)
            if error.errno == dahdi.ELAST:
                self._waiting.set()
                return bytes(buffer)
            what = f"channel {self.channel}, {request.name}"
            raise device_error(error.errno or 0, what) from error
        return bytes(buffer)

    async def events(self) -> AsyncIterator[int]:
        """Ask for events until none is left whenever the kernel says that one waits.

        An alarm that was there before we came is told first: the kernel does not repeat it.
        """
        if self._alarm:
            self._alarm = False
            yield Event.ALARM
        while True:
            await self._waiting.wait()
            self._waiting.clear()
            while event := dahdi.unpack_int(await self.command(Request.GETEVENT)):
                yield event
                if event == Event.REMOVED:
                    raise LinkLost(f"channel {self.channel}: the board was removed")

    async def flush(self) -> None:
        """Empty the kernel's buffers of both directions."""
        await self.command(Request.FLUSH, dahdi.pack_int(dahdi.FLUSH_BOTH))

    def wake(self) -> None:
        """Ask for events now (the media engine met errno 500)."""
        self._waiting.set()

    def _event_waits(self) -> None:
        if self._watch is not None:
            self._watch.poll(0)
        self._waiting.set()

    async def _set_up(self) -> None:
        try:
            answer = await self.command(Request.GET_PARAMS, dahdi.pack_int(self.channel))
            parameters = dahdi.unpack_parameters(answer)
        except (DriverError, struct.error) as error:
            raise DriverError(
                f"channel {self.channel}: GET_PARAMS failed ({error}); the DAHDI version is "
                f"{await self._version()}"
            ) from error
        self._alarm = bool(parameters.alarms & dahdi.NO_SERVICE)
        wanted = dahdi.SIGNALLING_FXO if self._kind == "fxo" else dahdi.SIGNALLING_FXS
        if parameters.signalling not in wanted:
            raise DriverError(
                f"channel {self.channel} is no {self._kind} port: its signalling is "
                f"{parameters.signalling:#x} in the board's system configuration"
            )
        await self.command(Request.SETLAW, dahdi.pack_int(dahdi.LAWS[self._law]))
        await self.command(Request.SET_BLOCKSIZE, dahdi.pack_int(dahdi.CHUNK))
        await self.command(Request.SET_BUFINFO, dahdi.pack_buffers())

    async def _version(self) -> str:
        try:
            return dahdi.unpack_version(await self.command(Request.GETVERSION))
        except DriverError:
            return "unknown"
