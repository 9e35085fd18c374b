"""What control and the driver host say to each other about lines of devices in media.

The payloads of ``HostCommand`` and ``HostEvent``: requests down, replies, line events up.
"""

import inspect

import msgspec

from drivers import errors as driver_errors
from drivers import events as line_events
from drivers.errors import DriverError
from drivers.events import Cause, LineEvent


class HostRequest(msgspec.Struct, frozen=True, kw_only=True, tag=True):
    """Base of what control asks; a request that repeats is harmless."""


class ListLines(HostRequest, frozen=True, kw_only=True):
    """Tell every line of the driver with its state."""


class DialLine(HostRequest, frozen=True, kw_only=True):
    """Place a call."""

    line: str
    number: str
    ani: str = ""
    name: str = ""
    restricted: bool = False
    """The caller withholds the number."""


class AnswerLine(HostRequest, frozen=True, kw_only=True):
    """Answer the ringing call."""

    line: str


class ReleaseLine(HostRequest, frozen=True, kw_only=True):
    """End the call in any state."""

    line: str
    cause: Cause = Cause.NORMAL


class HoldLine(HostRequest, frozen=True, kw_only=True):
    """Put the far end on hold, or take it back."""

    line: str
    on: bool


class FlashLine(HostRequest, frozen=True, kw_only=True):
    """Flash the hook."""

    line: str


class SendLineDigits(HostRequest, frozen=True, kw_only=True):
    """Send keys."""

    line: str
    digits: str


class TransferLine(HostRequest, frozen=True, kw_only=True):
    """Transfer the call to a number by what the line can do."""

    line: str
    number: str


class SetLineLamp(HostRequest, frozen=True, kw_only=True):
    """Light or darken the message lamp of the telephone at a station port."""

    line: str
    on: bool


class ReadCounters(HostRequest, frozen=True, kw_only=True):
    """Tell the driver's counters."""


Request = (
    ListLines
    | DialLine
    | AnswerLine
    | ReleaseLine
    | HoldLine
    | FlashLine
    | SendLineDigits
    | TransferLine
    | SetLineLamp
    | ReadCounters
)


class LineState(msgspec.Struct, frozen=True, kw_only=True):
    """A line as it is now."""

    line: str
    serial: int
    """Grows with every change, so that an older picture never replaces a newer one."""
    can: int
    """Value of its ``Capability`` flags."""
    up: bool = True
    phase: str = "idle"
    """idle, ringing (incoming), dialling (outgoing, not answered), talking."""
    port: int | None = None
    ani: str = ""
    dnis: str = ""
    ref: str = ""
    """The driver's own reference of the call."""
    station: str = ""
    """Extension of the telephone at a station port; empty at a trunk port."""
    link: str = ""
    """Name of the serial link that knows this port's calls."""
    terminal: str = ""
    """``DESK/TERMINAL`` of the port on that link."""


class HostReply(msgspec.Struct, frozen=True, kw_only=True, tag=True):
    """Base of what the host answers."""


class Done(HostReply, frozen=True, kw_only=True):
    """The request was carried out; ``state`` is the line after it."""

    state: LineState | None = None


class Failed(HostReply, frozen=True, kw_only=True):
    """The request failed; ``kind`` is the name of a class in ``drivers.errors``."""

    kind: str
    message: str


class Lines(HostReply, frozen=True, kw_only=True):
    """Every line of the driver."""

    lines: tuple[LineState, ...]


class Counters(HostReply, frozen=True, kw_only=True):
    """The driver's counters."""

    counters: dict[str, int]


Reply = Done | Failed | Lines | Counters


class LineHappened(msgspec.Struct, frozen=True, kw_only=True):
    """A line event, with the line's state after it so that both ends agree."""

    kind: str
    """Name of the event's class in ``drivers.events``."""
    event: msgspec.Raw
    state: LineState | None = None


_EVENTS: dict[str, type[LineEvent]] = {
    name: item
    for name, item in inspect.getmembers(line_events, inspect.isclass)
    if issubclass(item, LineEvent)
}
_ERRORS: dict[str, type[DriverError]] = {
    name: item
    for name, item in inspect.getmembers(driver_errors, inspect.isclass)
    if issubclass(item, DriverError) and item is not driver_errors.OptionsError
}
_encoder = msgspec.msgpack.Encoder()
_requests: msgspec.msgpack.Decoder[Request] = msgspec.msgpack.Decoder(Request)
_replies: msgspec.msgpack.Decoder[Reply] = msgspec.msgpack.Decoder(Reply)
_happened = msgspec.msgpack.Decoder(LineHappened)


def encode(message: HostRequest | HostReply) -> bytes:
    """Turn a request or reply into bytes."""
    return _encoder.encode(message)


def decode_request(payload: bytes) -> Request:
    """Read a request; msgspec.DecodeError for anything else."""
    return _requests.decode(payload)


def decode_reply(payload: bytes) -> Reply:
    """Read a reply; msgspec.DecodeError for anything else."""
    return _replies.decode(payload)


def encode_event(event: LineEvent, state: LineState | None = None) -> bytes:
    """Turn a line event into bytes."""
    raw = msgspec.Raw(_encoder.encode(event))
    return _encoder.encode(LineHappened(kind=type(event).__name__, event=raw, state=state))


def decode_event(payload: bytes) -> tuple[LineEvent, LineState | None]:
    """Read a line event; msgspec.DecodeError for anything else."""
    happened = _happened.decode(payload)
    kind = _EVENTS.get(happened.kind)
    if kind is None:
        raise msgspec.DecodeError(f"unknown line event {happened.kind!r}")
    return msgspec.msgpack.decode(happened.event, type=kind), happened.state


def failure(error: DriverError) -> Failed:
    """Describe an error for the other process."""
    name = type(error).__name__
    return Failed(kind=name if name in _ERRORS else "DriverError", message=str(error))


def error_of(failed: Failed) -> DriverError:
    """The error as it was raised in the other process."""
    return _ERRORS.get(failed.kind, DriverError)(failed.message)
