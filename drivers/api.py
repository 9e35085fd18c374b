"""What every kind of line can do: the one interface of SIP, boards, modems and links.

What a line cannot do is said by a flag in ``can``, not found out by an exception. A
driver never calls back into the daemon; it yields events.
"""

from collections.abc import AsyncIterator, Awaitable, Sequence
from enum import Flag, auto
from typing import TYPE_CHECKING, NewType, Protocol, runtime_checkable

import msgspec

if TYPE_CHECKING:
    from drivers.events import Cause, LineEvent

LineId = NewType("LineId", str)
"""Name of a line, unique in a site: ``trunk/7``, ``board/3``, ``station:2001``."""

PortId = NewType("PortId", int)
"""A leg's audio port in the media engine; chosen by control, 63 bits."""


class Capability(Flag):
    """What a line can do."""

    AUDIO = auto()
    DIAL = auto()
    ANSWER = auto()
    HOLD = auto()
    TRANSFER = auto()
    SEND_DTMF = auto()
    ANI = auto()
    SUPERVISION = auto()
    FLASH = auto()
    DEFLECT = auto()


class RtpAddress(msgspec.Struct, frozen=True):
    """Where RTP is sent to or received at."""

    host: str
    port: int


class SrtpKeys(msgspec.Struct, frozen=True):
    """Keys of an SRTP stream: master key and salt together, as SDES carries them."""

    suite: str
    """AES_CM_128_HMAC_SHA1_80, AES_CM_128_HMAC_SHA1_32 or AEAD_AES_128_GCM."""
    inward: bytes
    """What the peer seals with."""
    outward: bytes
    """What we seal with."""

    def __repr__(self) -> str:
        return f"SrtpKeys({self.suite})"  # keys belong into no log


class DtlsOffer(msgspec.Struct, frozen=True):
    """What our description says of a port with DTLS-SRTP (RFC 5763) and perhaps ICE-lite."""

    fingerprint: str
    """Value of ``a=fingerprint``: ``sha-256 AB:CD:...``."""
    ufrag: str
    """Value of ``a=ice-ufrag``; empty without ICE."""
    password: str

    def __repr__(self) -> str:
        return f"DtlsOffer({self.fingerprint}, {self.ufrag})"  # passwords belong into no log


class DtlsPeer(msgspec.Struct, frozen=True, kw_only=True):
    """What the peer's description says of its DTLS-SRTP and ICE."""

    client: bool
    """Whether we begin the handshake: our ``a=setup`` is active, the peer's passive."""
    fingerprints: tuple[str, ...]
    """Values of its ``a=fingerprint`` lines, verbatim."""
    ufrag: str = ""
    """Value of its ``a=ice-ufrag``."""
    remote: RtpAddress | None = None
    """Where it is, when there is no ICE."""


class RtpFormat(msgspec.Struct, frozen=True, kw_only=True):
    """What a negotiated RTP stream carries."""

    payload_type: int = 8
    codec: str = "PCMA"
    """PCMA, PCMU, G722, L16 at 8000 Hz, or OPUS, which only passes between two such legs
    unless ``transcode`` says otherwise."""
    dtmf_payload_type: int | None = 101
    ptime_ms: int = 20
    send: bool = True
    receive: bool = True
    rtcp_mux: bool = False
    """RTCP shares the RTP port (RFC 5761)."""
    srtp: SrtpKeys | None = None
    dtls: DtlsPeer | None = None
    """Keys come by DTLS instead: ``connect_dtls`` tells the engine so."""
    transcode: bool = False
    """Decode and code Opus, so that its leg hears prompts and every other leg."""


class RtpStream(msgspec.Struct, frozen=True):
    """The audio that a call's two descriptions agreed on."""

    remote: RtpAddress
    fmt: RtpFormat


class CallDetails(msgspec.Struct, frozen=True, kw_only=True):
    """What an outgoing call says beside its numbers; a line passes on what its kind can."""

    restricted: bool = False
    """The caller withholds the number."""
    redirecting: str = ""
    """Number that was called first, when the call was forwarded."""
    reason: str = ""
    """Why it was forwarded: cfu, cfb, cfna, or empty."""
    uui: str = ""
    """User-to-user information, verbatim (RFC 7433)."""
    headers: dict[str, str] = {}
    """SIP headers; only those that the trunk's options name are sent."""
    replaces: str = ""
    """Replaces value of the dialog to be taken over, from ``Transferred``."""
    referred_by: str = ""
    hops: int = 70
    """How many more hops the call may take: that of the incoming call less one, against loops."""


class AudioPorts(Protocol):
    """How a driver gets audio ports; control implements it over the link to media.

    A request is made when its method is called; awaiting the result tells that it is done.
    """

    def open_rtp(self, to: "RtpStream | None" = None) -> Awaitable[tuple[PortId, RtpAddress]]:
        """Open an RTP port and return it with the address that peers must send to.

        With ``to`` its stream starts at once, as by ``connect_rtp``; both fail together.
        """

    def connect_rtp(self, port: PortId, remote: RtpAddress, fmt: RtpFormat) -> Awaitable[None]:
        """Start (or change) the stream of a port towards a remote address."""

    def close(self, port: PortId) -> Awaitable[None]:
        """Give a port back; its audio ends at once. Closing twice is harmless."""

    def send_digits(self, port: PortId, digits: str) -> Awaitable[None]:
        """Send keys as RFC 4733 events or tones, whichever the port negotiated."""


@runtime_checkable
class DtlsPorts(Protocol):
    """Audio ports whose keys come by DTLS-SRTP; control implements it over the link to media."""

    def open_dtls(
        self, port: PortId, *, ice: bool = True, ufrag: str = "", password: str = ""
    ) -> Awaitable[DtlsOffer]:
        """Prepare an open RTP port for DTLS, with ICE-lite or without; again: restart its ICE."""

    def connect_dtls(self, port: PortId, peer: DtlsPeer) -> Awaitable[None]:
        """Tell it who the peer is, so that the handshake may begin."""


class Line(Protocol):
    """One resource that carries at most one conversation."""

    @property
    def id(self) -> LineId: ...
    @property
    def can(self) -> Capability: ...
    @property
    def port(self) -> PortId | None:
        """The audio port of the present call; None between calls or without audio."""

    async def dial(self, number: str, *, ani: str = "", name: str = "") -> None:
        """Place a call; ``Seized``, ``Progress``, ``Answered`` or ``Released`` follow."""

    async def answer(self) -> None:
        """Answer the ringing call; ``Answered`` follows."""

    async def release(self, cause: "Cause | None" = None) -> None:
        """End the call in any state; ``Released`` follows exactly once."""

    async def hold(self) -> None: ...
    async def retrieve(self) -> None: ...
    async def send_digits(self, digits: str) -> None: ...
    async def flash(self) -> None: ...
    async def transfer(self, number: str) -> None: ...


@runtime_checkable
class RestartedAudio(Protocol):
    """A line that knows its stream, and agrees anew on what a media process held alone."""

    @property
    def stream(self) -> RtpStream | None:
        """What both sides agreed on; None before that."""

    async def audio_restarted(self) -> None:
        """Media was started anew; the line's port is open again, its keys and indices are lost."""


class Driver(Protocol):
    """Owns the hardware or the socket of one trunk."""

    name: str

    async def open(self, ports: AudioPorts) -> Sequence[Line]:
        """Open devices and sockets; return the lines that exist now."""

    async def close(self) -> None:
        """Release every call and close; safe to call twice."""

    def events(self) -> AsyncIterator["LineEvent"]:
        """Yield what happens, in order; the only way up."""

    def line(self, line: LineId) -> Line:
        """Find a line by its name; KeyError when there is none."""

    def counters(self) -> dict[str, int]:
        """Named counts since start, per method, status and cause of refusal."""


@runtime_checkable
class DetailedDialing(Protocol):
    """A line that can say more of an outgoing call than its numbers."""

    async def dial_with(
        self, number: str, details: CallDetails, *, ani: str = "", name: str = ""
    ) -> None:
        """Like ``Line.dial``; DriverError when the trunk's limits forbid the call."""


@runtime_checkable
class EarlyAudio(Protocol):
    """A line whose caller may hear us before the answer."""

    async def open_early(self) -> bool:
        """Open its audio; False when that cannot be."""


class LadderStep(msgspec.Struct, frozen=True, kw_only=True):
    """One message of a call's signalling."""

    at: float
    """Seconds since the epoch."""
    out: bool
    """Sent by us."""
    peer: str
    ref: str
    """The call's reference, as in ``Ringing.ref``."""
    title: str
    notes: str = ""
    text: str = ""
    """The whole message with stars for its secrets."""


class LineSpan(msgspec.Struct, frozen=True):
    """A line from one moment to another, seconds since the epoch."""

    line: LineId
    since: float
    until: float

    def covers(self, line: LineId, at: float) -> bool:
        """Whether it is about this line at that moment."""
        return line == self.line and self.since <= at <= self.until


class WireCopy(msgspec.Struct, frozen=True, kw_only=True):
    """One message as it passed, with stars for its secrets; what was sealed is open."""

    at: float
    out: bool
    transport: str
    host: str
    port: int
    """Of the peer."""
    our_host: str
    our_port: int
    data: bytes


class MessageReader(Protocol):
    """Follows the messages of a driver, for a capture."""

    gaps: int
    """How often messages were forgotten before they were read."""

    def skip(self) -> None:
        """Begin with the messages that come from now on."""

    def take(self, names: Sequence[str], lines: Sequence[LineId], host: str) -> list[WireCopy]:
        """Messages since the last time of these calls, of those on lines, and of a peer."""

    def lines_with(self, host: str) -> list[LineId]:
        """Lines with a call whose signalling goes to this address."""

    def audio(self, line: LineId) -> RtpAddress | None:
        """Our address for the audio of the call on a line."""


@runtime_checkable
class Captures(Protocol):
    """A driver whose messages can be captured."""

    def capture(self) -> MessageReader:
        """A reader that begins with all that is kept."""


@runtime_checkable
class Ladders(Protocol):
    """A driver that keeps the last messages it sent and received."""

    def ladder(
        self,
        names: Sequence[str],
        lines: Sequence[LineId],
        past: Sequence[LineSpan] = (),
    ) -> Sequence[LadderStep]:
        """The messages of the calls with these references or numbers, of those on lines now,
        and of those that were on lines then."""


class BanEntry(msgspec.Struct, frozen=True):
    """Somebody whom a driver does not listen to for a while."""

    kind: str
    """source or account."""
    name: str
    since: float
    until: float
    times: int
    """How often lately; each ban is longer than the one before."""
    reason: str


class BanList(Protocol):
    """Who is banned at a driver."""

    def banned(self) -> Sequence[BanEntry]:
        """All bans that stand now."""

    def release(self, name: str) -> bool:
        """End the ban of a source or account; False when there is none."""


@runtime_checkable
class Guarded(Protocol):
    """A driver that bans strangers."""

    @property
    def border(self) -> BanList: ...


@runtime_checkable
class Transfers(Protocol):
    """A driver whose far ends can ask for transfers (event ``Transferred``)."""

    async def transfer_rings(self, transfer: str) -> None:
        """Tell who asked that the target rings."""

    async def transfer_ended(self, transfer: str, cause: "Cause | None" = None) -> None:
        """Tell who asked how it went: None for connected. Only the first report counts."""


class MessageLamps(Protocol):
    """A driver that can light message-waiting lamps."""

    async def set_lamp(self, station: str, *, on: bool) -> None: ...


@runtime_checkable
class BusyLamps(Protocol):
    """A driver whose telephones can watch more than stations (dialog-info, RFC 4235)."""

    def show_busy(self, name: str, *, busy: bool) -> None:
        """Whether what a name stands for is in use now."""


class Stations(Protocol):
    """A driver at which stations register or are plugged in."""

    def station_line(self, station: str) -> Line:
        """A free line towards the station; DriverError when it cannot be reached."""

    def reachable(self, station: str) -> bool: ...
