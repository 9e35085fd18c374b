"""What control, the media process and a fax worker say to each other about faxes.

Control asks by ``HostCommand`` to the host ``fax``; its events come as ``HostEvent``. The
worker tells its events as lines of JSON; the media process passes them on.
"""

from typing import Final, Literal

import msgspec

HOST: Final = "fax"
FOLDER: Final = "faxes"
"""Where pages lie, below the site."""
OK: Final = 0
"""Code of a fax that came through; others are T.30's ends as spandsp numbers them."""
DROPPED: Final = 49
"""The other side, or the caller, hung up in the middle."""
NO_TERMINAL: Final = 1000
"""The worker did not start, or has died."""
TOO_LONG: Final = 1001
"""The fax took longer than a fax may."""
BUSY: Final = 1002
"""As many faxes run as may at once."""
BAD_FILE: Final = 1003
"""The file to send or to write cannot be opened."""
NO_AUDIO: Final = 1004
"""The media process restarted or the engine gave the port up."""
INTERRUPTED: Final = 1005
"""We stopped while it was being sent: nobody knows whether its last pages arrived."""
LINE_BUSY: Final = 1010
"""The number was engaged; this and the following: a fax to be sent found nobody."""
NO_ANSWER: Final = 1011
CALL_REFUSED: Final = 1012
UNKNOWN_NUMBER: Final = 1013
NO_LINE: Final = 1015
"""No line is free for it yet, or it may not be called so often."""
NOT_REACHED: Final = 1014
"""The call did not come about for another cause, in the network or of ours."""


class T38Peer(msgspec.Struct, frozen=True, kw_only=True):
    """Where T.38 goes, and what the other side takes."""

    host: str
    """IP address."""
    port: int
    most: int = 1472
    """Octets of a datagram."""
    redundancy: int = 3
    """Packets of before in each datagram."""
    parity: bool = False
    """Their parity instead."""


class StartFax(msgspec.Struct, frozen=True, kw_only=True, tag=True):
    """Run a fax terminal; repeated with the same number it answers with the same port.

    With ``t38`` it speaks over the socket that ``OpenT38`` opened, and takes the place of one
    over audio that runs under that number.
    """

    fax: int
    """Number that control chose."""
    way: Literal["receive", "send", "gateway"] = "receive"
    """A gateway passes faxes between its audio port and T.38, and has no file."""
    path: str = ""
    """TIFF file relative to the site, below ``faxes/``."""
    t38: T38Peer | None = None
    station: str = ""
    """Our station identification, at most 20 characters."""
    header: str = ""
    """Printed at the top of pages sent."""
    ecm: bool = True
    """Error correction, where the other side knows it."""


class StopFax(msgspec.Struct, frozen=True, kw_only=True, tag=True):
    """End a fax; FaxEnded follows, with what came until then."""

    fax: int


class OpenT38(msgspec.Struct, frozen=True, kw_only=True, tag=True):
    """Open the UDP socket of a fax; repeated it answers with the same address.

    It is closed by the end of the fax, by StopFax, or when nothing was started on it in time.
    """

    fax: int
    port: int = 0
    """Its UDP port, where one stood before media was started anew; 0: any."""


class AskFax(msgspec.Struct, frozen=True, kw_only=True, tag=True):
    """Ask what became of a fax whose events may be lost: what it told last is told again.

    FaxStarted while it runs; FaxStopped otherwise, and FaxEnded follows if it ``ends``.
    """

    fax: int


class PassT38(msgspec.Struct, frozen=True, kw_only=True, tag=True):
    """Pass datagrams between two sockets that ``OpenT38`` opened, until StopFax of the first.

    Repeated with the same number it goes on as it is.
    """

    fax: int
    peer: T38Peer
    """Who is at that number's socket."""
    other: int
    """Number of the other socket."""
    other_peer: T38Peer
    gateway: int = 0
    """A gateway at whose place this comes: the first socket is the one that it has; its FaxEnded
    follows. 0: ``OpenT38`` opened that, too."""


Request = StartFax | StopFax | OpenT38 | PassT38 | AskFax


class FaxStarted(msgspec.Struct, frozen=True, kw_only=True, tag=True):
    """The terminal runs; its port is to be bridged with the other side's."""

    port: int = 0
    """0 for T.38 without audio: nothing is to be bridged."""
    places: tuple[int, ...] = ()
    """UDP ports of what is passed on, where it can be opened again at the same ones."""


class T38Opened(msgspec.Struct, frozen=True, kw_only=True, tag=True):
    """The address to be told to the other side."""

    host: str
    port: int


class FaxRefused(msgspec.Struct, frozen=True, kw_only=True, tag=True):
    """The request cannot be carried out."""

    code: int
    text: str


class FaxStopped(msgspec.Struct, frozen=True, kw_only=True, tag=True):
    """What ran under that number ends, or has ended: FaxEnded follows, or follows again."""

    ends: bool = True
    """False: nothing ran under that number, and nothing follows."""


Reply = FaxStarted | FaxRefused | FaxStopped | T38Opened


class FaxProgress(msgspec.Struct, frozen=True, kw_only=True, tag=True):
    """The two terminals agreed on a way of sending, or a page went over."""

    fax: int
    pages: int
    """Whole pages so far."""
    rate: int
    """Bits per second."""
    ecm: bool = False
    station: str = ""
    """Identification of the other side, as it says."""
    t38: bool = False
    """Whether it goes by T.38 instead of audio."""
    slips: int = 0
    """Times that the audio heard went on sooner or later than it was sent, until now."""
    gaps: int = 0
    """Packets of audio that were not there in time."""


class FaxEnded(msgspec.Struct, frozen=True, kw_only=True, tag=True):
    """The fax is over and its file complete."""

    fax: int
    code: int
    """0, or why it failed (``daemon.fax.texts``)."""
    detail: str = ""
    """English, for the log."""
    pages: int = 0
    rate: int = 0
    ecm: bool = False
    station: str = ""
    t38: bool = False
    slips: int = 0
    """Times that the audio heard went on sooner or later than it was sent."""
    gaps: int = 0
    """Packets of audio that were not there in time."""
    packets: dict[str, int] = {}
    """How the datagrams of T.38 came; of those passed on, the other side's begin with other_."""
    numbered: int = 0
    """Number of the next datagram, of a gateway: who takes its socket over goes on from there."""


FaxEvent = FaxProgress | FaxEnded


class WorkerReady(msgspec.Struct, frozen=True, kw_only=True, tag=True):
    """A worker has its terminal and reads audio."""


WorkerEvent = WorkerReady | FaxProgress | FaxEnded

_pack = msgspec.msgpack.Encoder()
_line = msgspec.json.Encoder()
_requests: msgspec.msgpack.Decoder[Request] = msgspec.msgpack.Decoder(Request)
_replies: msgspec.msgpack.Decoder[Reply] = msgspec.msgpack.Decoder(Reply)
_events: msgspec.msgpack.Decoder[FaxEvent] = msgspec.msgpack.Decoder(FaxEvent)
_lines: msgspec.json.Decoder[WorkerEvent] = msgspec.json.Decoder(WorkerEvent)


def encode(message: Request | Reply | FaxEvent) -> bytes:
    """Make the payload of a host command, its answer or an event."""
    return _pack.encode(message)


def decode_request(payload: bytes) -> Request:
    """Read what control asks; ``msgspec.DecodeError`` for anything else."""
    return _requests.decode(payload)


def decode_reply(payload: bytes) -> Reply:
    """Read what the host answers; ``msgspec.DecodeError`` for anything else."""
    return _replies.decode(payload)


def decode_event(payload: bytes) -> FaxEvent:
    """Read what the host tells; ``msgspec.DecodeError`` for anything else."""
    return _events.decode(payload)


def encode_line(event: WorkerEvent) -> bytes:
    """Make the line that a worker writes."""
    return _line.encode(event) + b"\n"


def decode_line(line: bytes) -> WorkerEvent:
    """Read a line of a worker; ``msgspec.DecodeError`` for anything else."""
    return _lines.decode(line)
