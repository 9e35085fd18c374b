"""The DAHDI user ABI: request numbers, structures and values, as of x86-64 Linux.

Defined here so that nothing has to be installed to build; a test holds the numbers against
sizes and directions, and a driver that answers ENOTTY has another version and is refused.
"""

import struct
from enum import IntEnum
from typing import Final

import msgspec

ELAST: Final = 500
"""errno of read and write while an event waits: ask for events, then go on."""

CHUNK: Final = 160
"""Bytes of 20 ms of G.711 (8 kHz)."""

INT: Final = struct.Struct("=i")


class Request(IntEnum):
    """ioctl requests: direction, size and number in one word."""

    GET_BLOCKSIZE = 0x8004DA01
    SET_BLOCKSIZE = 0x4004DA01
    FLUSH = 0x4004DA03
    SYNC = 0x0000DA04
    GET_PARAMS = 0xC088DA05
    SET_PARAMS = 0x4088DA05
    HOOK = 0x4004DA07
    GETEVENT = 0x8004DA08
    IOMUX = 0xC004DA09
    SPANSTAT = 0xC13ADA0A
    GETGAINS = 0xC204DA10
    SETGAINS = 0x4204DA10
    SENDTONE = 0x4004DA15
    SETTONEZONE = 0x4004DA16
    GET_BUFINFO = 0x8018DA1B
    SET_BUFINFO = 0x4018DA1B
    GET_DIALPARAMS = 0x8018DA1D
    SET_DIALPARAMS = 0x4018DA1D
    DIAL = 0x4104DA1F
    AUDIOMODE = 0x4004DA20
    ECHOCANCEL = 0x4004DA21
    CHANNO = 0x8004DA22
    DIALING = 0x8004DA23
    SPECIFY = 0x4004DA26
    SETLAW = 0x4004DA27
    SETLINEAR = 0x4004DA28
    SETCADENCE = 0x4040DA2A
    ECHOTRAIN = 0x4004DA32
    ONHOOKTRANSFER = 0x4004DA33
    GETVERSION = 0x80A0DA39
    SET_HWGAIN = 0x4008DA56
    TONEDETECT = 0x4004DA5B
    SETPOLARITY = 0x4004DA5C
    VMWI = 0xC004DA5E
    BUFFER_EVENTS = 0x4004DA69

    @property
    def argument_size(self) -> int:
        """Bytes of the argument (bits 16 to 29 of a Linux request number)."""
        return (self >> 16) & 0x3FFF


class Hook(IntEnum):
    """Argument of HOOK."""

    ONHOOK = 0
    OFFHOOK = 1
    WINK = 2
    FLASH = 3
    START = 4
    RING = 5
    RINGOFF = 6


class Event(IntEnum):
    """What GETEVENT answers, when it is not a digit."""

    NONE = 0
    ONHOOK = 1
    RINGOFFHOOK = 2
    WINKFLASH = 3
    ALARM = 4
    NOALARM = 5
    DIALCOMPLETE = 9
    RINGERON = 10
    RINGEROFF = 11
    HOOKCOMPLETE = 12
    POLARITY = 17
    RINGBEGIN = 18
    EC_DISABLED = 19
    REMOVED = 20
    READ_OVERRUN = 29
    WRITE_UNDERRUN = 30


PULSE_DIGIT: Final = 1 << 16
DTMF_DOWN: Final = 1 << 17
DTMF_UP: Final = 1 << 18

FLUSH_READ, FLUSH_WRITE, FLUSH_BOTH, FLUSH_EVENT, FLUSH_ALL = 1, 2, 3, 4, 7
LAWS: Final = {"ulaw": 1, "alaw": 2}
DIAL_APPEND, DIAL_REPLACE, DIAL_CANCEL = 1, 2, 3
POLICY_IMMEDIATE: Final = 0
TONE_STOP: Final = -1

NO_SERVICE: Final = 4 | 8 | 16 | 256 | 512 | 1024
"""Alarms in which a channel carries no calls: yellow, red, blue, LOS, LFA, LMFA."""

SIGNALLING_FXO: Final = frozenset((0x2001, 0x2002, 0x2004))
"""An FXO port uses FXS signalling: loop start, ground start, kewl start."""
SIGNALLING_FXS: Final = frozenset((0x1008, 0x1010, 0x1020))

_DIAL = struct.Struct("=i256s")
_BUFFERS = struct.Struct("=6i")
_PARAMS = struct.Struct("=12i40s12i")
_VERSION = struct.Struct("=80s80s")
DIAL_DIGITS: Final = frozenset("0123456789*#ABCDabcdwW")


def pack_int(value: int) -> bytes:
    """One 32-bit argument."""
    return INT.pack(value)


def unpack_int(argument: bytes) -> int:
    """One 32-bit answer; struct.error when it is shorter."""
    return int(INT.unpack_from(argument)[0])


def pack_dial(digits: str, *, operation: int = DIAL_REPLACE) -> bytes:
    """Argument of DIAL: tones of these digits; ``W`` is a pause of half a second."""
    text = ("T" + digits).encode("ascii")
    if len(text) > 255:
        raise ValueError(f"{len(digits)} digits do not fit into one dial command")
    return _DIAL.pack(operation, text)


def unpack_dial(argument: bytes) -> tuple[int, str]:
    """Operation and dial string of a DIAL argument."""
    operation, text = _DIAL.unpack(argument)
    return operation, text.split(b"\0", 1)[0].decode("ascii")


def pack_buffers(*, count: int = 4, size: int = CHUNK) -> bytes:
    """Argument of SET_BUFINFO: blocks are handed over at once."""
    return _BUFFERS.pack(POLICY_IMMEDIATE, POLICY_IMMEDIATE, count, size, 0, 0)


class ChannelParameters(msgspec.Struct, frozen=True):
    """The part of GET_PARAMS that matters here."""

    channel: int
    span: int
    signalling: int
    law: int
    name: str
    alarms: int


def unpack_parameters(argument: bytes) -> ChannelParameters:
    """Read a GET_PARAMS answer; struct.error when its size is another version's."""
    fields = _PARAMS.unpack(argument)
    name = fields[12].split(b"\0", 1)[0].decode("ascii", "replace")
    return ChannelParameters(fields[0], fields[1], fields[3], fields[10], name, fields[24])


def unpack_version(argument: bytes) -> str:
    """The driver's version text."""
    text: bytes = _VERSION.unpack(argument)[0]
    return text.split(b"\0", 1)[0].decode("ascii", "replace")


def digit_of(event: int) -> tuple[str, bool] | None:
    """The digit of a digit event and whether the key is still down; None for others."""
    for flag, down in ((DTMF_DOWN, True), (DTMF_UP, False), (PULSE_DIGIT, False)):
        if event & flag:
            return chr(event & 0xFF), down
    return None
