"""What lines report, as frozen values, and the causes for which a call ends."""

from enum import IntEnum

import msgspec

from drivers.api import LineId


class Cause(IntEnum):
    """Why a call ended, as the network says it (ITU-T Q.850 values)."""

    UNALLOCATED = 1
    NO_ROUTE = 3
    NORMAL = 16
    BUSY = 17
    NO_USER_RESPONDING = 18
    NO_ANSWER = 19
    REJECTED = 21
    ANSWERED_ELSEWHERE = 26
    DESTINATION_OUT_OF_ORDER = 27
    INVALID_NUMBER = 28
    NORMAL_UNSPECIFIED = 31
    CONGESTION = 34
    TEMPORARY_FAILURE = 41
    RESOURCE_UNAVAILABLE = 47
    NOT_IMPLEMENTED = 79
    INCOMPATIBLE = 88
    TIMER_EXPIRED = 102
    PROTOCOL_ERROR = 111
    INTERWORKING = 127


class LineEvent(msgspec.Struct, frozen=True, kw_only=True):
    """Base of all events; names the line it happened on."""

    line: LineId


class Ringing(LineEvent, frozen=True, kw_only=True):
    """A call arrives on the line; it is not answered yet."""

    ani: str = ""
    """Calling number, verbatim; empty when unknown or withheld."""
    dnis: str = ""
    """Called number, verbatim."""
    name: str = ""
    """Calling name, when the network gives one."""
    redirecting: str = ""
    """Number originally called when the call was forwarded."""
    reason: str = ""
    """Why it was forwarded: direct, cfu, cfb, cfna, cf-unknown, or empty."""
    restricted: bool = False
    """The caller asked that the number is not shown."""
    ref: str = ""
    """The driver's own reference of the call (SIP Call-ID), for traces and recovery."""
    uui: str = ""
    """User-to-user information, verbatim (RFC 7433), from trunks that are trusted."""
    headers: dict[str, str] = {}
    """SIP headers that the trunk's options let through, by name."""
    hops: int = 70
    """How many more hops the call may take (Max-Forwards); for ``CallDetails.hops``."""


class Seized(LineEvent, frozen=True, kw_only=True):
    """An outgoing call has taken the line."""


class Progress(LineEvent, frozen=True, kw_only=True):
    """The far end of an outgoing call reports progress."""

    tone: str = "ringback"
    """ringback, busy, congestion, dial, sit, or early (media of the far end)."""


class Answered(LineEvent, frozen=True, kw_only=True):
    """The conversation stands: audio flows both ways."""


class Digit(LineEvent, frozen=True, kw_only=True):
    """One key was pressed at the far end."""

    key: str
    source: str = "rfc4733"
    """rfc4733, info, inband or device."""
    duration_ms: int = 0


class Held(LineEvent, frozen=True, kw_only=True):
    """The far end put us on hold."""


class Retrieved(LineEvent, frozen=True, kw_only=True):
    """The far end took the call back from hold."""


class Flashed(LineEvent, frozen=True, kw_only=True):
    """The far end flashed the hook (station ports)."""


class Transferred(LineEvent, frozen=True, kw_only=True):
    """The far end asks to be connected to another number, or to its own other call."""

    to: str
    transfer: str = ""
    """What a report of the outcome must name; empty where the far end expects none."""
    other: LineId | None = None
    """Line of the far end's other call: whoever is behind that one and whoever is behind this
    one are to be connected, and the far end leaves both."""
    replaces: str = ""
    """SIP only: the Replaces value that the call to ``to`` must carry."""
    referred_by: str = ""
    """Who asks, verbatim."""


class TransferEnded(LineEvent, frozen=True, kw_only=True):
    """How a transfer went that we asked of the far end's network; ``cause`` None: well."""

    cause: Cause | None = None


class Replaced(LineEvent, frozen=True, kw_only=True):
    """Another telephone took the line's call over (pick-up); the line goes on with it."""

    by: str
    """The station whose telephone it is, or the trunk."""


class Released(LineEvent, frozen=True, kw_only=True):
    """The call on the line has ended; the line is free again."""

    cause: Cause = Cause.NORMAL
    detail: str = ""


class LineDown(LineEvent, frozen=True, kw_only=True):
    """The line cannot be used any more."""

    reason: str


class LineUp(LineEvent, frozen=True, kw_only=True):
    """The line can be used."""


class StationUp(LineEvent, frozen=True, kw_only=True):
    """A station registered; ``line`` is the station's name."""

    station: str
    contact: str
    expires_s: float


class StationDown(LineEvent, frozen=True, kw_only=True):
    """A station's registration ended."""

    station: str
    reason: str = ""
