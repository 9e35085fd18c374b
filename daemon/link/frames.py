"""Frames of the link: a number and a message, packed by msgspec as MessagePack.

A packet is ``[version, [[number, [name, field, ...]], ...]]``: every message carries the name
of its class and its fields in order. The number is that of the command, also in its reply,
or the event's place in the stream.
"""

import functools
import operator
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Final

import msgspec

from daemon.link.commands import (
    ArmBargeIn,
    Attend,
    Bridge,
    Claim,
    ClosePort,
    CloseTap,
    ConnectDtls,
    ConnectRtp,
    CopyPackets,
    EndCopies,
    GrantPorts,
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
    SayWhileAway,
    SeekPlay,
    SendDigits,
    SetGain,
    SetRepeat,
    SetSpeed,
    StartRecording,
    StopPlay,
    StopRecording,
    TakeSnapshot,
    Unbridge,
    WatchFax,
    Welcome,
)
from daemon.link.errors import MessageError
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
    PortsGranted,
    PortsWithdrawn,
    RecordFinished,
    Refused,
    RtpOpened,
    RtpSilent,
    Snapshot,
    SpeakerChanged,
    SpeechStarted,
    StreamEnded,
    TapOpened,
)

COMMANDS: Final[tuple[type[Message], ...]] = (
    OpenRtp,
    ConnectRtp,
    ClosePort,
    SendDigits,
    Play,
    PlayTone,
    StopPlay,
    SeekPlay,
    SetSpeed,
    SetRepeat,
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
    SayWhileAway,
    Attend,
    GrantPorts,
)
REPLIES: Final[tuple[type[Message], ...]] = (
    Done,
    Refused,
    RtpOpened,
    TapOpened,
    Snapshot,
    Counters,
    HostAnswer,
    DtlsOpened,
    PortsGranted,
)
EVENTS: Final[tuple[type[Message], ...]] = (
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
    SpeakerChanged,
    PortsWithdrawn,
)
GREETINGS: Final[tuple[type[Message], ...]] = (Hello, Welcome)
BODIES: Final = COMMANDS + REPLIES + EVENTS + GREETINGS
"""Every message that travels. A field may be added at a message's end, with a default."""


_ANY: Final[Any] = functools.reduce(operator.or_, BODIES)
if TYPE_CHECKING:
    _Body = Message
else:
    _Body = _ANY


class Frame(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """A message with its number."""

    number: int
    body: _Body


class Unreadable(Message, frozen=True, kw_only=True):
    """Takes the place of a message whose fields are wrong; it never travels."""

    reason: str


class _Sealed(msgspec.Struct, frozen=True, array_like=True):
    """A frame whose message has not been looked at."""

    number: int
    body: msgspec.Raw


_ENCODER: Final = msgspec.msgpack.Encoder()
_FRAMES: Final = msgspec.msgpack.Decoder(tuple[int, list[Frame]])
_BODY: Final[msgspec.msgpack.Decoder[Message]] = msgspec.msgpack.Decoder(_ANY)
_PACKET: Final = msgspec.msgpack.Decoder(tuple[int, list[_Sealed]])
_HEAD: Final = b"\x92" + bytes([VERSION]) + b"\xdc"
"""MessagePack: an array of two, the version, and an array whose length follows in 16 bits."""


def build_frame(frame: Frame) -> bytes:
    """Write a frame; MessageError when that cannot be."""
    try:
        data = _ENCODER.encode(frame)
    except (OverflowError, UnicodeEncodeError, TypeError) as error:
        raise MessageError(f"{type(frame.body).__name__} cannot be written: {error}") from error
    if len(data) > MAX_FRAME:
        raise MessageError(f"a frame of {len(data)} bytes is over {MAX_FRAME}")
    return data


def build_packet(frames: Sequence[bytes]) -> bytes:
    """Put written frames into one packet."""
    return b"".join((_HEAD, len(frames).to_bytes(2, "big"), *frames))


def parse_packet(data: bytes) -> list[Frame]:
    """Read the frames of a packet; MessageError when it is none.

    A message that is not as it should be is ``Unreadable``: its number says whom to tell.
    """
    try:
        version, frames = _FRAMES.decode(data)
    except (msgspec.DecodeError, UnicodeDecodeError):
        return _parse_one_by_one(data)
    if version != VERSION:
        raise MessageError(f"protocol version {version}, this side speaks {VERSION}", data)
    return frames


def _parse_one_by_one(data: bytes) -> list[Frame]:
    """Read a packet in which something is wrong, perhaps with one of its messages only."""
    try:
        version, sealed = _PACKET.decode(data)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise MessageError(str(error), data) from error
    if version != VERSION:
        raise MessageError(f"protocol version {version}, this side speaks {VERSION}", data)
    return [Frame(frame.number, _open(frame.body)) for frame in sealed]


def _open(body: msgspec.Raw) -> Message:
    try:
        return _BODY.decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        return Unreadable(reason=str(error))


def event_frame(event: MediaEvent) -> bytes:
    """Write an event under its own number."""
    return build_frame(Frame(event.number, event))
