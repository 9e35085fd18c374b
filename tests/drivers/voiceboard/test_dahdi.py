import asyncio
import errno
import fcntl
import os
import struct
from collections.abc import Callable
from pathlib import Path

import pytest

from drivers.errors import DeviceMissing, DevicePermission, DriverError, LineBusy, LinkLost
from drivers.voiceboard import dahdi
from drivers.voiceboard.dahdi import Event, Hook, Request
from drivers.voiceboard.device import DahdiDevice

READ, WRITE = 2, 1
SIZES = {
    "GET_PARAMS": (READ | WRITE, 136),
    "SET_PARAMS": (WRITE, 136),
    "SPANSTAT": (READ | WRITE, 314),
    "GETGAINS": (READ | WRITE, 516),
    "SETGAINS": (WRITE, 516),
    "GET_BUFINFO": (READ, 24),
    "SET_BUFINFO": (WRITE, 24),
    "GET_DIALPARAMS": (READ, 24),
    "SET_DIALPARAMS": (WRITE, 24),
    "DIAL": (WRITE, 260),
    "SETCADENCE": (WRITE, 64),
    "GETVERSION": (READ, 160),
    "SET_HWGAIN": (WRITE, 8),
    "SYNC": (0, 0),
    "HOOK": (WRITE, 4),
    "GETEVENT": (READ, 4),
    "SPECIFY": (WRITE, 4),
    "VMWI": (READ | WRITE, 4),
}


@pytest.mark.parametrize("name", SIZES)
def test_request_number_is_made_of_direction_size_and_type(name: str) -> None:
    direction, size = SIZES[name]
    request = Request[name]
    assert request >> 30 == direction
    assert request.argument_size == size
    assert request >> 8 & 0xFF == 0xDA


def test_structures_have_the_sizes_of_the_kernel() -> None:
    assert len(dahdi.pack_dial("5551212")) == Request.DIAL.argument_size
    assert len(dahdi.pack_buffers()) == Request.SET_BUFINFO.argument_size
    assert len(dahdi.pack_int(1)) == Request.HOOK.argument_size


def test_dial_string_asks_for_tones() -> None:
    assert dahdi.pack_dial("5551212")[:12] == b"\x02\0\0\0T5551212"
    assert dahdi.unpack_dial(dahdi.pack_dial("12", operation=1)) == (1, "T12")
    with pytest.raises(ValueError, match="digits"):
        dahdi.pack_dial("1" * 256)


def test_parameters_are_read_at_their_offsets() -> None:
    raw = bytearray(136)
    struct.pack_into("=i", raw, 0, 7)
    struct.pack_into("=i", raw, 12, 0x2004)
    struct.pack_into("=i", raw, 40, 2)
    raw[48:53] = b"WCTDM"
    struct.pack_into("=i", raw, 132, 8)
    found = dahdi.unpack_parameters(bytes(raw))
    assert (found.channel, found.signalling, found.law, found.name, found.alarms) == (
        7,
        0x2004,
        2,
        "WCTDM",
        8,
    )


@pytest.mark.parametrize(
    ("event", "digit"),
    [(1 << 17 | 0x35, ("5", True)), (1 << 18 | 0x23, ("#", False)), (1 << 16 | 0x31, ("1", False))],
)
def test_digit_events(event: int, digit: tuple[str, bool]) -> None:
    assert dahdi.digit_of(event) == digit


def test_other_events_are_no_digits() -> None:
    assert all(dahdi.digit_of(event) is None for event in Event)


class Kernel:
    """Answers the requests of one channel; its node is the read end of a pipe."""

    def __init__(self, signalling: int = 0x2004) -> None:
        self.signalling = signalling
        self.alarms = 0
        self.events: list[int] = []
        self.asked: list[tuple[Request, bytes]] = []
        self.fails: dict[Request, int] = {}

    def ioctl(self, fd: int, number: int, argument: bytearray) -> int:
        request = Request(number)
        assert len(argument) == request.argument_size
        if request in self.fails:
            raise OSError(self.fails[request], os.strerror(self.fails[request]))
        if request is Request.GETEVENT:
            argument[:] = dahdi.pack_int(self.events.pop(0) if self.events else 0)
        elif request is Request.GET_PARAMS:
            struct.pack_into("=i", argument, 12, self.signalling)
            struct.pack_into("=i", argument, 132, self.alarms)
        elif request is Request.GETVERSION:
            argument[:6] = b"3.2.0\0"
        else:
            self.asked.append((request, bytes(argument)))
        return 0


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    os.mkfifo(tmp_path / "1")
    return tmp_path


Open = Callable[[Kernel], DahdiDevice]


@pytest.fixture
def device_on(folder: Path) -> Open:
    return lambda kernel: DahdiDevice(folder, 1, ioctl=kernel.ioctl)


async def test_channel_is_set_up_for_frames_of_20_ms(device_on: Open) -> None:
    kernel = Kernel()
    device = device_on(kernel)
    await device.open()
    assert kernel.asked == [
        (Request.SETLAW, dahdi.pack_int(2)),
        (Request.SET_BLOCKSIZE, dahdi.pack_int(160)),
        (Request.SET_BUFINFO, struct.pack("=6i", 0, 0, 4, 160, 0, 0)),
    ]
    assert device.audio_fd >= 0
    assert not os.get_blocking(device.audio_fd)
    device.close()
    device.close()
    assert device.audio_fd == -1


async def test_events_are_drained_and_removal_ends_them(device_on: Open) -> None:
    kernel = Kernel()
    device = device_on(kernel)
    await device.open()
    kernel.events += [Event.RINGOFFHOOK, Event.RINGOFFHOOK]
    events = device.events()
    assert [await anext(events), await anext(events)] == [2, 2]
    kernel.events.append(Event.REMOVED)
    waiting = asyncio.create_task(anext(events))
    await asyncio.sleep(0)
    device.wake()
    assert await waiting == Event.REMOVED
    with pytest.raises(LinkLost, match="removed"):
        await anext(events)
    device.close()


async def test_alarm_from_before_is_told_first(device_on: Open) -> None:
    kernel = Kernel()
    kernel.alarms = 8
    device = device_on(kernel)
    await device.open()
    assert await anext(device.events()) == Event.ALARM
    device.close()


async def test_hook_in_progress_is_success(device_on: Open) -> None:
    kernel = Kernel()
    device = device_on(kernel)
    await device.open()
    kernel.fails[Request.HOOK] = errno.EINPROGRESS
    await device.command(Request.HOOK, dahdi.pack_int(Hook.FLASH))
    device.close()


async def test_errno_500_asks_for_events(device_on: Open) -> None:
    kernel = Kernel()
    device = device_on(kernel)
    await device.open()
    events = device.events()
    kernel.events.append(Event.ONHOOK)
    assert await anext(events) == Event.ONHOOK
    waiting = asyncio.create_task(anext(events))
    await asyncio.sleep(0)
    kernel.fails[Request.HOOK] = dahdi.ELAST
    kernel.events.append(Event.ALARM)
    await device.command(Request.HOOK, dahdi.pack_int(Hook.ONHOOK))
    async with asyncio.timeout(2):
        assert await waiting == Event.ALARM
    device.close()


@pytest.mark.parametrize(
    ("number", "kind"),
    [
        (errno.EBUSY, LineBusy),
        (errno.ENODEV, DeviceMissing),
        (errno.EIO, LinkLost),
        (errno.EACCES, DevicePermission),
        (errno.EINVAL, DriverError),
    ],
)
async def test_errors_of_requests_have_names(
    device_on: Open, number: int, kind: type[DriverError]
) -> None:
    kernel = Kernel()
    device = device_on(kernel)
    await device.open()
    kernel.fails[Request.HOOK] = number
    with pytest.raises(kind):
        await device.command(Request.HOOK, dahdi.pack_int(Hook.OFFHOOK))
    device.close()


async def test_another_version_of_the_driver_is_named(device_on: Open) -> None:
    kernel = Kernel()
    kernel.fails[Request.GET_PARAMS] = errno.ENOTTY
    with pytest.raises(DriverError, match=r"3\.2\.0"):
        await device_on(kernel).open()


async def test_port_of_the_other_kind_is_refused(device_on: Open) -> None:
    with pytest.raises(DriverError, match="no fxo port"):
        await device_on(Kernel(signalling=0x1020)).open()


async def test_missing_node_is_named(tmp_path: Path) -> None:
    device = DahdiDevice(tmp_path, 1, ioctl=fcntl.ioctl)
    with pytest.raises(DeviceMissing, match="kernel driver"):
        await device.open()


async def test_closed_device_refuses_requests(device_on: Open) -> None:
    with pytest.raises(LinkLost):
        await device_on(Kernel()).command(Request.HOOK, dahdi.pack_int(0))
