import asyncio
import os
import termios
import tty
from collections.abc import Iterator
from pathlib import Path

import pytest

from drivers.errors import DeviceMissing, DevicePermission, DriverError, LinkLost
from drivers.serial_port import SerialPort, SerialSettings


class Pty:
    def __init__(self) -> None:
        self.master, self.slave = os.openpty()
        tty.setraw(self.slave)
        self.device = os.ttyname(self.slave)

    def hang_up(self) -> None:
        os.close(self.master)
        self.master = -1

    def close(self) -> None:
        for fd in (self.master, self.slave):
            if fd >= 0:
                os.close(fd)


@pytest.fixture
def pty() -> Iterator[Pty]:
    pair = Pty()
    yield pair
    pair.close()


class Ends:
    """Keeps what a port received and how it was lost."""

    def __init__(self, device: str, **settings: object) -> None:
        self.data = bytearray()
        self.losses: list[LinkLost] = []
        self.news = asyncio.Event()
        self.port = SerialPort(
            SerialSettings(device=device, **settings),  # type: ignore[arg-type]
            received=self.received,
            lost=self.lost,
            send_limit=1 << 20,
        )

    def received(self, data: bytes) -> None:
        self.data += data
        self.news.set()

    def lost(self, error: LinkLost) -> None:
        self.losses.append(error)
        self.news.set()

    async def until(self, count: int) -> None:
        async with asyncio.timeout(5):
            while len(self.data) < count and not self.losses:
                self.news.clear()
                await self.news.wait()


async def test_bytes_arrive_as_they_were_sent(pty: Pty) -> None:
    ends = Ends(pty.device)
    ends.port.open()
    every = bytes(range(256))
    os.write(pty.master, every)
    await ends.until(256)
    ends.port.close()
    assert bytes(ends.data) == every


async def test_bytes_are_sent_without_translation_or_echo(pty: Pty) -> None:
    ends = Ends(pty.device)
    ends.port.open()
    every = bytes(range(256))
    ends.port.write(every)
    got = b""
    while len(got) < 256:
        got += os.read(pty.master, 1024)
    ends.port.close()
    assert got == every
    assert not ends.data


async def test_more_than_the_line_takes_is_sent_as_it_drains(pty: Pty) -> None:
    ends = Ends(pty.device)
    ends.port.open()
    data = os.urandom(100_000)
    ends.port.write(data)
    got = bytearray()
    os.set_blocking(pty.master, False)
    async with asyncio.timeout(10):
        while len(got) < len(data):
            await asyncio.sleep(0)
            try:
                got += os.read(pty.master, 65536)
            except BlockingIOError:
                continue
    ends.port.close()
    assert bytes(got) == data


async def test_a_line_that_does_not_drain_is_lost(pty: Pty) -> None:
    ends = Ends(pty.device)
    ends.port.open()
    ends.port.write(bytes(600_000))
    with pytest.raises(LinkLost, match="do not drain"):
        ends.port.write(bytes(600_000))
    ends.port.close()


async def test_the_end_of_the_line_is_told_once(pty: Pty) -> None:
    ends = Ends(pty.device)
    ends.port.open()
    pty.hang_up()
    await ends.until(1)
    assert len(ends.losses) == 1
    assert not ends.port.is_open
    with pytest.raises(LinkLost):
        ends.port.write(b"x")


async def test_line_is_raw_and_keeps_dtr_after_close(pty: Pty) -> None:
    ends = Ends(pty.device, speed=1200, stop_bits=2)
    ends.port.open()
    _, oflag, cflag, lflag, speed, _, cc = termios.tcgetattr(pty.slave)
    ends.port.close()
    assert not cflag & termios.HUPCL
    assert not oflag & termios.OPOST
    assert not lflag & (termios.ECHO | termios.ICANON)
    assert speed == termios.B1200
    assert cflag & termios.CSTOPB
    assert cc[termios.VMIN] in (1, b"\x01")


async def test_line_is_opened_again_with_the_same_settings(pty: Pty) -> None:
    for _ in range(2):
        ends = Ends(pty.device, speed=9600, data_bits=7, parity="even")
        ends.port.open()
        ends.port.close()


async def test_bytes_from_before_the_opening_are_kept(pty: Pty) -> None:
    os.write(pty.master, b"early")
    ends = Ends(pty.device)
    ends.port.open()
    await ends.until(5)
    ends.port.close()
    assert bytes(ends.data) == b"early"


async def test_carrier_is_there_where_there_is_no_wire(pty: Pty) -> None:
    ends = Ends(pty.device)
    assert not ends.port.carrier()
    ends.port.open()
    assert ends.port.carrier()
    ends.port.close()


async def test_missing_device_is_named(tmp_path: Path) -> None:
    with pytest.raises(DeviceMissing, match="ttyNONE"):
        Ends(str(tmp_path / "ttyNONE")).port.open()


async def test_second_owner_is_refused(pty: Pty) -> None:
    first, second = Ends(pty.device), Ends(pty.device)
    first.port.open()
    with pytest.raises(DevicePermission, match="another program"):
        second.port.open()
    first.port.close()


async def test_a_file_is_no_serial_device(tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.write_bytes(b"")
    with pytest.raises(DriverError):
        Ends(str(path)).port.open()
