"""The messages between control and media: bases, replies and numbered events.

How they travel: ``daemon/link/frames.py``.
"""

import sys
from typing import Annotated, Final

import msgspec

from drivers.api import PortId

VERSION: Final = 6
MAX_FRAME: Final = 65000  # bytes
MAX_PACKET: Final = 65536  # bytes; below the send buffer that Linux gives without rights
EVENTS_KEPT: Final = 4096
CUT_OFF: Final = "cut-off"
"""Why a recording ended: with its media process. Made by control's end of the link."""

NO_MORE: Final = msgspec.Meta(max_length=4096)
"""How long a list may be."""
_FINITE: Final = sys.float_info.max

Identifier = Annotated[int, msgspec.Meta(ge=0)]
Port = Annotated[PortId, msgspec.Meta(ge=0)]
Number16 = Annotated[int, msgspec.Meta(ge=0, le=0xFFFF)]
Number32 = Annotated[int, msgspec.Meta(ge=0, le=0xFFFF_FFFF)]
Signed = Annotated[int, msgspec.Meta(ge=-0x8000_0000, le=0x7FFF_FFFF)]
Decimal = Annotated[float, msgspec.Meta(ge=-_FINITE, le=_FINITE)]
String = Annotated[str, msgspec.Meta(max_length=0xFFFF)]
Raw = Annotated[bytes, msgspec.Meta(max_length=0xFFFF)]
Truth = bool


class Message(
    msgspec.Struct,
    frozen=True,
    kw_only=True,
    array_like=True,
    tag=True,
    forbid_unknown_fields=True,
    gc=False,
):
    """Base of every body; on the wire its class name, then its fields in order.

    Fields hold numbers, texts and tuples of them: no garbage collector needs to look at them.
    """


class Command(Message, frozen=True, kw_only=True):
    """Base of what control asks; each may be sent again under its id."""


class Reply(Message, frozen=True, kw_only=True):
    """Base of what media answers to a command."""


class MediaEvent(Message, frozen=True, kw_only=True):
    """Base of what media reports; numbers grow by one within a media process."""

    number: Identifier = 0


class Done(Reply, frozen=True, kw_only=True):
    """It was carried out."""

    also: Annotated[tuple[Identifier, ...], NO_MORE] = ()
    """Commands before this one that were carried out and have no reply of their own."""


class Refused(Reply, frozen=True, kw_only=True):
    """It was not carried out; ``code`` is stable, ``text`` is for people."""

    code: String
    text: String


class RtpOpened(Reply, frozen=True, kw_only=True):
    """Where the peer of an RTP port must send to."""

    host: String
    rtp_port: Number16


class PortsGranted(Reply, frozen=True, kw_only=True):
    """Ports that are kept for control until its connection ends; none when there is no room."""

    host: String
    """Where peers must send to."""
    ports: Annotated[tuple[Number16, ...], NO_MORE]
    """Of UDP."""


class DtlsOpened(Reply, frozen=True, kw_only=True):
    """What our description says of a port with DTLS."""

    fingerprint: String
    """Of our certificate, ``sha-256 AB:CD:...``."""
    ufrag: String
    """Empty without ICE."""
    password: String


class TapOpened(Reply, frozen=True, kw_only=True):
    """A tap's ring; the memfd and the eventfd travel with the packet."""

    capacity: Number32


class PortState(msgspec.Struct, frozen=True, kw_only=True, array_like=True):
    """A port as it is now."""

    port: Port
    kind: String
    """rtp or device."""
    host: String = ""
    """Our address of an RTP port."""
    rtp_port: Number16 = 0
    remote_host: String = ""
    remote_port: Number16 = 0
    claimed: Truth = True
    dtls: String = ""
    """new, connecting, connected, failed or closed; empty without DTLS."""


class BridgeState(msgspec.Struct, frozen=True, kw_only=True, array_like=True):
    """A bridge and its members."""

    bridge: Identifier
    ports: Annotated[tuple[Port, ...], NO_MORE]


class PlayerState(msgspec.Struct, frozen=True, kw_only=True, array_like=True):
    """A player that has not ended."""

    player: Identifier
    port: Port


class RecordingState(msgspec.Struct, frozen=True, kw_only=True, array_like=True):
    """A recording that has not ended."""

    recording: Identifier
    port: Port
    path: String


class Snapshot(Reply, frozen=True, kw_only=True):
    """What media holds; ``pages`` tells how many replies the whole picture needs."""

    last_event: Identifier
    pages: Number32 = 1
    ports: Annotated[tuple[PortState, ...], NO_MORE] = ()
    bridges: Annotated[tuple[BridgeState, ...], NO_MORE] = ()
    players: Annotated[tuple[PlayerState, ...], NO_MORE] = ()
    recordings: Annotated[tuple[RecordingState, ...], NO_MORE] = ()


class Counters(Reply, frozen=True, kw_only=True):
    """Named counts and measured values."""

    values: Annotated[tuple[tuple[str, Decimal], ...], NO_MORE]


class HostAnswer(Reply, frozen=True, kw_only=True):
    """What the driver answered."""

    payload: Raw


class DigitDetected(MediaEvent, frozen=True, kw_only=True):
    """A key was pressed at the far end of a port."""

    port: Port
    key: String
    duration_ms: Number32
    source: String
    """rfc4733, inband or device."""


class PlayFinished(MediaEvent, frozen=True, kw_only=True):
    """A player has ended."""

    player: Identifier
    port: Port
    reason: String
    """finished, stopped, digit, replaced or closed; unknown when control's end of the link found
    out by a snapshot, because the event itself was lost."""


class RecordFinished(MediaEvent, frozen=True, kw_only=True):
    """A recording has ended and its file is complete."""

    recording: Identifier
    port: Port
    path: String
    duration_ms: Number32
    reason: String
    """stopped, closed, max, silence, error, disk-full, ``CUT_OFF``, or unknown where the event
    itself was lost."""
    chain: String = ""
    """Last link of the chain, hexadecimal: it vouches for every second of the file."""
    paused_ms: Number32 = 0
    gap_ms: Number32 = 0
    """Silence in place of what a slow disk left no room for."""


class SpeechStarted(MediaEvent, frozen=True, kw_only=True):
    """Somebody began to speak on an armed port."""

    port: Port


class SpeakerChanged(MediaEvent, frozen=True, kw_only=True):
    """An attended port began to speak, or stopped 400 ms ago; at most one in 200 ms a port."""

    port: Port
    bridge: Identifier
    """0 when the port is in none."""
    speaks: Truth


class RtpSilent(MediaEvent, frozen=True, kw_only=True):
    """No RTP has come for this long although the peer should send."""

    port: Port
    seconds: Number32


class DeviceEvent(MediaEvent, frozen=True, kw_only=True):
    """The device behind a port reported something."""

    port: Port
    kind: String
    """event (the board wants to be asked) or lost (the descriptor is dead)."""
    value: Signed


class PortClosed(MediaEvent, frozen=True, kw_only=True):
    """Media closed a port by itself."""

    port: Port
    reason: String
    """unclaimed."""


class StreamEnded(MediaEvent, frozen=True, kw_only=True):
    """An RTP port was closed: what its stream was like."""

    port: Port
    packets_in: Identifier
    packets_out: Identifier
    lost: Identifier
    """Packets that never came."""
    late: Identifier
    """Packets that came too late to be heard."""
    jitter_ms: Decimal
    """Of arrival, RFC 3550 A.8."""
    round_trip_ms: Decimal
    """0 when the far end sent no reports."""
    delay_ms: Decimal
    """Of the jitter buffer at the end."""
    far_lost: Identifier = 0
    """Packets of ours that the far end missed, by its reports."""
    far_jitter_ms: Decimal = 0.0
    mos: Decimal = 0.0
    """1 to 4.5 by the simplified E-model (daemon/media/quality.py); 0: nothing came."""


def is_news(event: MediaEvent) -> bool:
    """Whether somebody waits for the event; not for what only confirms what control asked for."""
    if type(event) is PlayFinished:
        return event.reason not in ("stopped", "replaced", "closed")
    return type(event) is not StreamEnded


class FaxTone(MediaEvent, frozen=True, kw_only=True):
    """A fax machine made itself known on a watched port."""

    port: Port
    tone: String
    """cng (a machine calls) or ced (a machine answers), ITU-T T.30."""


class CallerHeard(MediaEvent, frozen=True, kw_only=True):
    """A caller-identity message came by FSK, its checksum right."""

    port: Port
    message: Raw
    """Type, length, parameters and checksum (GR-30, EN 300 659-3)."""


class IceSelected(MediaEvent, frozen=True, kw_only=True):
    """The peer's address was proved and nominated, or is another one now."""

    port: Port
    host: String
    rtp_port: Number16


class DtlsChanged(MediaEvent, frozen=True, kw_only=True):
    """The handshake of a port has ended, or its association."""

    port: Port
    state: String
    """connected (audio flows), failed or closed (by the peer; no audio any more)."""
    detail: String = ""
    """The SRTP suite, or why it failed: timeout, certificate (not the fingerprint's), profile (no
    SRTP suite in common), alert (the peer refused) or protocol."""


class PortsWithdrawn(MediaEvent, frozen=True, kw_only=True):
    """Ports that were granted are not to be used any more; who uses one meanwhile has it."""

    ports: Annotated[tuple[Number16, ...], NO_MORE]
    """Of UDP."""


class HostEvent(MediaEvent, frozen=True, kw_only=True):
    """A driver that runs in media reports something."""

    host: String
    payload: Raw


class MediaRestarted(MediaEvent, frozen=True, kw_only=True):
    """The media process is a new one: every port is gone. Made by the client."""

    lost: Annotated[tuple[Port, ...], NO_MORE] = ()
    """Ports that could not be opened again, by a link that tells the new process what the old
    one held."""


class EventsLost(MediaEvent, frozen=True, kw_only=True):
    """Events between are not to be had any more. Made by control's end of the link.

    Media kept them no longer, or control read them too slowly. A lasting link tells first, by a
    snapshot, which players and ports have ended meanwhile.
    """

    missed: Identifier
