"""Frames of the link: a header and a body, to bytes and back.

``kind u8, op u8, version u16, number u64`` little-endian, then the body's fields.
"""

import struct
from enum import IntEnum
from typing import Final

import msgspec

from daemon.link.commands import (
    ArmBargeIn,
    Bridge,
    Claim,
    ClosePort,
    CloseTap,
    ConnectDtls,
    ConnectRtp,
    CopyPackets,
    EndCopies,
    HearCaller,
    Hello,
    HostCommand,
    Join,
    Leave,
    OpenDtls,
    OpenRtp,
    OpenTap,
    PauseRecording,
    Play,
    PlayCaller,
    PlayTone,
    ReadCounters,
    SendDigits,
    SetGain,
    StartRecording,
    StopPlay,
    StopRecording,
    TakeSnapshot,
    Unbridge,
    WatchFax,
    Welcome,
)
from daemon.link.errors import MessageError
from daemon.link.layout import Fields, fields_of
from daemon.link.messages import (
    MAX_FRAME,
    VERSION,
    CallerHeard,
    Counters,
    DeviceEvent,
    DigitDetected,
    Done,
    DtlsChanged,
    DtlsOpened,
    EventsLost,
    FaxTone,
    HostAnswer,
    HostEvent,
    IceSelected,
    MediaEvent,
    MediaRestarted,
    Message,
    PlayFinished,
    PortClosed,
    RecordFinished,
    Refused,
    RtpOpened,
    RtpSilent,
    Snapshot,
    SpeechStarted,
    StreamEnded,
    TapOpened,
)


class Kind(IntEnum):
    """The first byte of a frame."""

    COMMAND = 1
    REPLY = 2
    EVENT = 3
    HELLO = 4
    WELCOME = 5


# The place in a tuple is the op code on the wire: append only.
BODIES: Final[dict[Kind, tuple[type[Message], ...]]] = {
    Kind.COMMAND: (
        OpenRtp,
        ConnectRtp,
        ClosePort,
        SendDigits,
        Play,
        PlayTone,
        StopPlay,
        Bridge,
        Join,
        Leave,
        SetGain,
        Unbridge,
        StartRecording,
        StopRecording,
        OpenTap,
        CloseTap,
        ArmBargeIn,
        Claim,
        TakeSnapshot,
        ReadCounters,
        HostCommand,
        PauseRecording,
        HearCaller,
        PlayCaller,
        WatchFax,
        OpenDtls,
        ConnectDtls,
        CopyPackets,
        EndCopies,
    ),
    Kind.REPLY: (Done, Refused, RtpOpened, TapOpened, Snapshot, Counters, HostAnswer, DtlsOpened),
    Kind.EVENT: (
        DigitDetected,
        PlayFinished,
        RecordFinished,
        SpeechStarted,
        RtpSilent,
        DeviceEvent,
        PortClosed,
        HostEvent,
        MediaRestarted,
        EventsLost,
        StreamEnded,
        CallerHeard,
        FaxTone,
        IceSelected,
        DtlsChanged,
    ),
    Kind.HELLO: (Hello,),
    Kind.WELCOME: (Welcome,),
}

_HEADER: Final = struct.Struct("<BBHQ")
_BY_CODE: Final[dict[tuple[int, int], Fields]] = {
    (kind, op): fields_of(body, skip=frozenset({"number"}))
    for kind, bodies in BODIES.items()
    for op, body in enumerate(bodies)
}
_BY_TYPE: Final[dict[type[Message], tuple[Kind, int, Fields]]] = {
    fields.kind: (Kind(kind), op, fields) for (kind, op), fields in _BY_CODE.items()
}


class Frame(msgspec.Struct, frozen=True):
    """One packet: what it is, its number, and its body."""

    number: int
    body: Message

    @property
    def kind(self) -> Kind:
        """Command, reply, event or greeting."""
        return _BY_TYPE[type(self.body)][0]


def build_frame(frame: Frame) -> bytes:
    """Write a frame; MessageError when a field does not fit."""
    kind, op, fields = _BY_TYPE[type(frame.body)]
    if not 0 <= frame.number < 1 << 64:
        raise MessageError(f"{frame.number} is no frame number")
    out = bytearray(_HEADER.pack(kind, op, VERSION, frame.number))
    fields.write(out, frame.body)
    if len(out) > MAX_FRAME:
        raise MessageError(f"a frame of {len(out)} bytes is over {MAX_FRAME}")
    return bytes(out)


def parse_frame(data: bytes) -> Frame:
    """Read a frame; MessageError for anything that is not exactly one."""
    if len(data) < _HEADER.size:
        raise MessageError("shorter than a header", data)
    kind, op, version, number = _HEADER.unpack_from(data)
    if version != VERSION:
        raise MessageError(f"protocol version {version}, this side speaks {VERSION}", data)
    fields = _BY_CODE.get((kind, op))
    if fields is None:
        raise MessageError(f"no message has kind {kind} and op {op}", data)
    body, end = fields.read(data, _HEADER.size)
    if end != len(data):
        raise MessageError("bytes are left behind the last field", data)
    if isinstance(body, MediaEvent):
        body = msgspec.structs.replace(body, number=number)
    return Frame(number, body)


def event_frame(event: MediaEvent) -> bytes:
    """Write an event under its own number."""
    return build_frame(Frame(event.number, event))
