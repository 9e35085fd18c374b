"""What the core tells the driver, in the core's own terms: calls, not lines."""

from typing import TYPE_CHECKING, final

import msgspec

from drivers.api import RtpAddress, RtpFormat
from drivers.events import Cause
from drivers.t38 import T38Terms

if TYPE_CHECKING:
    from drivers.sip.core.call import Call


class Identity(msgspec.Struct, frozen=True, kw_only=True):
    """What an INVITE says about its parties; the fields are those of ``Ringing``."""

    ani: str = ""
    name: str = ""
    dnis: str = ""
    redirecting: str = ""
    reason: str = ""
    restricted: bool = False
    uui: str = ""
    headers: dict[str, str] = {}
    hops: int = 70


@final
class Offered(msgspec.Struct, frozen=True):
    """A call came in; the driver must ``ring`` or ``release`` it."""

    call: "Call"
    identity: Identity


@final
class Progressed(msgspec.Struct, frozen=True):
    """The far end of our call rings or sends early media."""

    call: "Call"
    tone: str


@final
class MediaAgreed(msgspec.Struct, frozen=True):
    """Where a call's audio goes and how, at first or changed."""

    call: "Call"
    remote: RtpAddress
    fmt: RtpFormat


@final
class Connected(msgspec.Struct, frozen=True):
    """The call stands."""

    call: "Call"


@final
class AnsweredBy(msgspec.Struct, frozen=True):
    """Of several phones of a station one answered: ``call`` goes on as ``by``."""

    call: "Call"
    by: "Call"


@final
class KeyPressed(msgspec.Struct, frozen=True):
    """A key came as INFO."""

    call: "Call"
    key: str
    duration_ms: int


@final
class HoldChanged(msgspec.Struct, frozen=True):
    """The peer put us on hold or took us back."""

    call: "Call"
    held: bool


@final
class Replaced(msgspec.Struct, frozen=True):
    """Another telephone took the call over (RFC 3891): ``call`` goes on as ``by``."""

    call: "Call"
    by: "Call"


@final
class TransferAsked(msgspec.Struct, frozen=True):
    """The peer asks to be connected to somebody else (REFER); the outcome is to be reported."""

    call: "Call"
    transfer: str
    """What the report must name."""
    number: str
    other: "Call | None"
    """The peer's other call with us, whose far end it is to be connected to."""
    replaces: str
    """Replaces value of a dialog elsewhere, which a call to ``number`` must carry."""
    referred_by: str


@final
class TransferEnded(msgspec.Struct, frozen=True):
    """How a transfer went that we asked of a peer; ``cause`` None: it was done."""

    call: "Call"
    cause: Cause | None


@final
class T38Wanted(msgspec.Struct, frozen=True):
    """The peer asks by re-INVITE for T.38; it waits for our decision."""

    call: "Call"
    terms: T38Terms


@final
class T38Answered(msgspec.Struct, frozen=True):
    """The peer has answered our wish for T.38; None: audio stands."""

    call: "Call"
    terms: T38Terms | None


@final
class T38Cancelled(msgspec.Struct, frozen=True):
    """The peer has taken its question for T.38 back."""

    call: "Call"


@final
class T38Over(msgspec.Struct, frozen=True):
    """The peer went back to audio."""

    call: "Call"


@final
class Ended(msgspec.Struct, frozen=True):
    """The call is over for its user; what is left of the signalling goes on by itself."""

    call: "Call"
    cause: Cause
    detail: str = ""


@final
class StationCame(msgspec.Struct, frozen=True):
    """A station registered or renewed."""

    station: str
    contact: str
    expires_s: float


@final
class StationWent(msgspec.Struct, frozen=True):
    """A station has no phone any more."""

    station: str
    reason: str


Happening = (
    Offered
    | Progressed
    | MediaAgreed
    | Connected
    | AnsweredBy
    | Replaced
    | TransferAsked
    | TransferEnded
    | KeyPressed
    | HoldChanged
    | T38Wanted
    | T38Answered
    | T38Cancelled
    | T38Over
    | Ended
    | StationCame
    | StationWent
)
