"""A serial line on the asyncio loop: raw, non-blocking, with a bounded send buffer.

pyserial opens and configures the device; reading and writing go through the loop's own
readiness callbacks, on a real tty or on a pseudo terminal alike. Opening again after a
loss is the driver's business.
"""

import asyncio
import errno
import fcntl
import os
import struct
import termios
from collections.abc import Callable
from typing import Literal

import msgspec
import serial

from drivers.errors import DeviceMissing, DevicePermission, DriverError, LinkLost

READ_SIZE = 4096
SEND_LIMIT = 65536
"""Bytes waiting to be sent before the line counts as stuck."""

_PARITY = {"none": serial.PARITY_NONE, "even": serial.PARITY_EVEN, "odd": serial.PARITY_ODD}
_MISSING = {errno.ENOENT, errno.ENXIO, errno.ENODEV, errno.ENOTDIR, errno.EIO}
_FORBIDDEN = {errno.EACCES, errno.EPERM}
_IN_USE = {errno.EBUSY, errno.EAGAIN}


class SerialSettings(msgspec.Struct, frozen=True, kw_only=True):
    """How the line is set up."""

    device: str
    speed: int = 9600
    data_bits: Literal[7, 8] = 8
    parity: Literal["even", "odd", "none"] = "none"
    stop_bits: Literal[1, 2] = 1


class SerialPort:
    """An open serial line; ``received`` and ``lost`` are called on the loop.

    ``lost`` is called once, with the LinkLost that ended the line, and not after ``close``.
    """

    def __init__(
        self,
        settings: SerialSettings,
        *,
        received: Callable[[bytes], None],
        lost: Callable[[LinkLost], None],
        send_limit: int = SEND_LIMIT,
    ) -> None:
        self.settings = settings
        self._received = received
        self._lost = lost
        self._send_limit = send_limit
        self._serial: serial.Serial | None = None
        self._fd = -1
        self._waiting = bytearray()
        self._loop: asyncio.AbstractEventLoop | None = None

    @property
    def is_open(self) -> bool:
        """Whether bytes can be sent."""
        return self._fd >= 0

    def open(self) -> None:
        """Open the device on the running loop; DeviceMissing, DevicePermission, DriverError."""
        if self.is_open:
            return
        self._loop = asyncio.get_running_loop()
        self._serial = _open(self.settings)
        self._fd = self._serial.fileno()
        try:
            _make_raw(self._fd)
        except termios.error as error:
            self.close()
            raise DriverError(f"{self.settings.device}: not a terminal: {error}") from error
        self._loop.add_reader(self._fd, self._read)

    def close(self) -> None:
        """Close the line; safe to call twice. Bytes not yet sent are dropped."""
        if self._serial is None:
            return
        if self._loop is not None:
            self._loop.remove_reader(self._fd)
            self._loop.remove_writer(self._fd)
        self._fd = -1
        self._waiting.clear()
        port, self._serial = self._serial, None
        # A line that is gone may refuse even this; it is closed for us all the same.
        try:
            port.close()
        except (OSError, termios.error, serial.SerialException):
            return

    def write(self, data: bytes) -> None:
        """Send bytes without waiting; LinkLost when closed or when the line does not drain."""
        if not self.is_open or self._loop is None:
            raise LinkLost(f"{self.settings.device}: not open")
        if len(self._waiting) + len(data) > self._send_limit:
            raise LinkLost(f"{self.settings.device}: {len(self._waiting)} bytes do not drain")
        idle = not self._waiting
        self._waiting += data
        if idle:
            self._write()
            if self._waiting and self.is_open:
                self._loop.add_writer(self._fd, self._write)

    def carrier(self) -> bool:
        """Whether the carrier-detect wire is on; true where there is no such wire."""
        if not self.is_open:
            return False
        try:
            lines = fcntl.ioctl(self._fd, termios.TIOCMGET, struct.pack("I", 0))
        except OSError as error:
            return error.errno in (errno.ENOTTY, errno.EINVAL)
        return bool(struct.unpack("I", lines)[0] & termios.TIOCM_CAR)

    def _read(self) -> None:
        try:
            data = os.read(self._fd, READ_SIZE)
        except (BlockingIOError, InterruptedError):
            return
        except OSError as error:
            self._lose(error.strerror or str(error))
            return
        if data:
            self._received(data)
        else:
            self._lose("end of file")

    def _write(self) -> None:
        if self._loop is None:
            return
        try:
            sent = os.write(self._fd, self._waiting)
        except (BlockingIOError, InterruptedError):
            return
        except OSError as error:
            self._lose(error.strerror or str(error))
            return
        del self._waiting[:sent]
        if not self._waiting:
            self._loop.remove_writer(self._fd)

    def _lose(self, why: str) -> None:
        self.close()
        self._lost(LinkLost(f"{self.settings.device}: {why}"))


def _open(settings: SerialSettings) -> serial.Serial:
    # A pseudo terminal has neither size nor parity, and the C library refuses them when
    # nothing else changes: the second time it is opened.
    pseudo = os.path.realpath(settings.device).startswith("/dev/pts/")
    try:
        port = serial.Serial(
            None,
            settings.speed,
            bytesize=8 if pseudo else settings.data_bits,
            parity=_PARITY["none" if pseudo else settings.parity],
            stopbits=settings.stop_bits,
            timeout=0,
            write_timeout=0,
            exclusive=True,
        )
        port.port = settings.device
        # Bytes that came while nobody read (a restart of ours) are not to be flushed.
        port._reset_input_buffer = lambda: None
        port.open()
        return port
    except serial.SerialException as error:
        # pyserial raises anew for its own lock and leaves the number in the cause.
        number = error.errno or getattr(error.__context__, "errno", None)
        if number in _MISSING:
            raise DeviceMissing(f"{settings.device}: no such serial device") from error
        if number in _FORBIDDEN:
            message = f"{settings.device}: not permitted; the user needs the group dialout"
            raise DevicePermission(message) from error
        if number in _IN_USE:
            raise DevicePermission(f"{settings.device}: another program uses it") from error
        raise DriverError(f"{settings.device}: {error}") from error
    except (termios.error, ValueError) as error:
        raise DriverError(f"{settings.device}: {error}") from error


def _make_raw(fd: int) -> None:
    """No echo, no translation, one byte wakes a read, and DTR stays up after close."""
    iflag, oflag, cflag, lflag, ispeed, ospeed, cc = termios.tcgetattr(fd)
    iflag &= ~(termios.BRKINT | termios.ICRNL | termios.INLCR | termios.IGNCR)
    iflag &= ~(termios.IXON | termios.IXOFF | termios.ISTRIP | termios.PARMRK | termios.INPCK)
    oflag &= ~termios.OPOST
    cflag &= ~termios.HUPCL
    cflag |= termios.CLOCAL | termios.CREAD
    lflag &= ~(termios.ECHO | termios.ECHONL | termios.ICANON | termios.ISIG | termios.IEXTEN)
    # With VMIN = 0 an empty line and a line that is gone would look the same to read().
    cc[termios.VMIN] = 1
    cc[termios.VTIME] = 0
    termios.tcsetattr(fd, termios.TCSANOW, [iflag, oflag, cflag, lflag, ispeed, ospeed, cc])
