"""A call of the SIP core: its state table, what it holds, and its journal record."""

from collections.abc import Sequence
from enum import Enum, IntEnum, auto
from typing import TYPE_CHECKING, Final, Protocol

from drivers.api import CallDetails, DtlsOffer
from drivers.events import Cause
from drivers.sip.core.request import PART, Received
from drivers.sip.core.timers import NONE
from drivers.sip.dialog import Dialog
from drivers.sip.journal.records import Peer, RecordState
from drivers.sip.negotiation.session import Session
from drivers.sip.transaction import ClientTransaction, ServerKey
from drivers.sip.transport.address import Address

if TYPE_CHECKING:
    from drivers.sip.in_call.parallel import Parallel
    from drivers.sip.in_call.requests import DialogRequest
    from drivers.sip.trunks.trunk import Seat


class CallState(Enum):
    """Where a call stands, in either direction."""

    __hash__ = object.__hash__  # each member is one object; the names need no hashing

    OFFERED = auto()
    """In: the INVITE waits for our final response."""
    ACCEPTED = auto()
    """In: our 200 waits for its ACK."""
    CLOSING = auto()
    """In: released before the ACK came; a BYE must wait for it (RFC 3261 15)."""
    CALLING = auto()
    """Out: nothing was heard yet, so a CANCEL must wait (9.1)."""
    PROCEEDING = auto()
    """Out: a 1xx came."""
    CANCELLING = auto()
    """Out: given up; the final response is awaited."""
    CONFIRMED = auto()
    ENDING = auto()
    """Our BYE waits for its response."""
    ENDED = auto()


class CallInput(Enum):
    """What moves a call on."""

    __hash__ = object.__hash__  # each member is one object; the names need no hashing

    ACCEPT = auto()
    RELEASE = auto()
    ACK = auto()
    NO_ACK = auto()
    PROVISIONAL = auto()
    ANSWER = auto()
    REFUSAL = auto()
    """A final failure of the INVITE, or no response at all."""
    CHALLENGE = auto()
    """The INVITE must come again with credentials."""
    PEER_CANCEL = auto()
    PEER_BYE = auto()
    LOST = auto()
    """The peer does not know the dialog any more."""
    DONE = auto()
    """Our BYE was answered, or never will be."""


_S, _I = CallState, CallInput

CALL_TABLE: Final[dict[tuple[CallState, CallInput], CallState]] = {
    (_S.OFFERED, _I.ACCEPT): _S.ACCEPTED,
    (_S.OFFERED, _I.RELEASE): _S.ENDED,
    (_S.OFFERED, _I.PEER_CANCEL): _S.ENDED,
    (_S.OFFERED, _I.PEER_BYE): _S.ENDED,
    (_S.ACCEPTED, _I.ACK): _S.CONFIRMED,
    (_S.ACCEPTED, _I.RELEASE): _S.CLOSING,
    (_S.ACCEPTED, _I.NO_ACK): _S.ENDING,
    (_S.ACCEPTED, _I.PEER_BYE): _S.ENDED,
    (_S.CLOSING, _I.ACK): _S.ENDING,
    (_S.CLOSING, _I.NO_ACK): _S.ENDING,
    (_S.CLOSING, _I.PEER_BYE): _S.ENDED,
    (_S.CALLING, _I.PROVISIONAL): _S.PROCEEDING,
    (_S.CALLING, _I.ANSWER): _S.CONFIRMED,
    (_S.CALLING, _I.REFUSAL): _S.ENDED,
    (_S.CALLING, _I.CHALLENGE): _S.CALLING,
    (_S.CALLING, _I.RELEASE): _S.CANCELLING,
    (_S.PROCEEDING, _I.PROVISIONAL): _S.PROCEEDING,
    (_S.PROCEEDING, _I.ANSWER): _S.CONFIRMED,
    (_S.PROCEEDING, _I.REFUSAL): _S.ENDED,
    (_S.PROCEEDING, _I.CHALLENGE): _S.CALLING,
    (_S.PROCEEDING, _I.RELEASE): _S.CANCELLING,
    (_S.CANCELLING, _I.PROVISIONAL): _S.CANCELLING,
    # The 200 crossed our CANCEL: acknowledge it, then hang up.
    (_S.CANCELLING, _I.ANSWER): _S.ENDING,
    (_S.CANCELLING, _I.REFUSAL): _S.ENDED,
    (_S.CONFIRMED, _I.RELEASE): _S.ENDING,
    (_S.CONFIRMED, _I.NO_ACK): _S.ENDING,
    (_S.CONFIRMED, _I.PEER_BYE): _S.ENDED,
    (_S.CONFIRMED, _I.LOST): _S.ENDED,
    # Two BYEs crossed: ours still needs its response.
    (_S.ENDING, _I.PEER_BYE): _S.ENDING,
    (_S.ENDING, _I.DONE): _S.ENDED,
}

TALKING: Final = frozenset({CallState.ACCEPTED, CallState.CONFIRMED})


class CallTimer(IntEnum):
    """Deadlines of a call."""

    OK_REPEAT = 1
    """Send the 200 again (13.3.1.4)."""
    ACK_LIMIT = 2
    GLARE = 3
    """Try our re-INVITE again after a 491 (14.1)."""
    RING_LIMIT = 4
    CANCEL_LIMIT = 5
    """No final response although we cancelled (9.1)."""
    REINVITE_LIMIT = 6
    """Our re-INVITE got a 1xx and then nothing."""
    PROVISIONAL = 7
    """Send a 100 when nothing was sent yet (17.2.1), else the 180 again (13.3.1.1)."""
    SESSION_REFRESH = 8
    """Half of the session's interval is over (RFC 4028 7.4)."""
    SESSION_END = 9
    """Nobody refreshed the session (RFC 4028 10)."""
    RELIABLE = 10
    """Send a provisional response again whose PRACK is due (RFC 3262 3)."""
    SILENCE = 11
    """Nothing came from the place that was tried, and there are others."""
    T38_LIMIT = 12
    """The peer has not gone back from T.38 to audio."""


class Reliably:
    """A provisional response of ours that waits for its PRACK."""

    __slots__ = ("data", "interval", "offers", "rseq", "until")

    def __init__(
        self, data: bytes, rseq: int, *, interval: float, until: float, offers: bool
    ) -> None:
        self.data = data
        self.rseq = rseq
        self.interval = interval
        """Seconds until it is sent again."""
        self.until = until
        """When to give up."""
        self.offers = offers
        """It carries our offer, so the PRACK carries the answer."""


class EarlyDialog:
    """A dialog that a 1xx to our INVITE began; one for each phone that rings."""

    __slots__ = ("answer", "dialog", "rseq")

    def __init__(self, dialog: Dialog) -> None:
        self.dialog = dialog
        self.rseq = 0
        """Number of the last reliable response we acknowledged."""
        self.answer = b""
        """The answer it gave to our offer, which its 200 need not repeat."""


ANYWHERE: Final = Address("", 0)
NO_EARLY: Final[dict[str, EarlyDialog]] = {}
"""Early dialogs of a call that has none; never written to."""


class TimerUser(Protocol):
    """Who decides what a call's deadline means."""

    def call_timer(self, call: "Call", timer: CallTimer) -> None: ...


class Call:
    """One call in either direction; only data, the parts of the core act on it."""

    __slots__ = (
        "accepting",
        "address",
        "ani",
        "answered",
        "auth_tries",
        "cancel_reason",
        "cancel_sent",
        "cseq",
        "delayed_offer",
        "details",
        "dialog",
        "dtls",
        "early",
        "from_value",
        "group",
        "inbound",
        "interval",
        "invite",
        "invite_key",
        "line",
        "local_tag",
        "min_se",
        "ok",
        "ok_address",
        "ok_interval",
        "owner",
        "peer",
        "places",
        "port",
        "recorded",
        "ref",
        "refers",
        "refreshes",
        "reinvite",
        "reliably",
        "remote_tags",
        "reported",
        "rings_reliably",
        "routes",
        "rseq",
        "said",
        "seat",
        "session",
        "state",
        "takes_update",
        "timers",
        "tone",
        "transaction",
        "updated",
        "uri",
        "via",
        "wants_hold",
        "wants_keys",
    )

    def __init__(
        self, owner: TimerUser, *, inbound: bool, ref: str, local_tag: str, peer: Peer
    ) -> None:
        self.owner = owner
        self.inbound = inbound
        self.ref = ref
        """Call-ID."""
        self.local_tag = local_tag
        self.peer = peer
        self.state = CallState.OFFERED if inbound else CallState.CALLING
        self.timers = NONE
        self.line = ""
        self.port: int | None = None
        self.dialog: Dialog | None = None
        self.session: Session | None = None
        self.answered = False
        self.recorded = False
        """The journal knows it."""
        self.reported = False
        """The end was told to the driver."""
        self.delayed_offer = False
        """The ACK carries the answer to our offer."""
        self.reinvite: DialogRequest | None = None
        self.wants_hold = False
        self.dtls: DtlsOffer | None = None
        """Outbound: what the media engine says of our port, until there is a session."""
        self.wants_keys = False
        """Media was started anew and its keys are lost: others are to be agreed by DTLS."""
        self.takes_update = False
        """The peer allows UPDATE."""
        self.interval = 0
        """Seconds between session refreshes (RFC 4028); 0: the session does not expire."""
        self.refreshes = False
        """We refresh, not the peer."""
        self.min_se = 0
        self.refers = False
        """We asked the peer to take the call elsewhere, and wait for the outcome."""
        # Inbound: the INVITE until its final response, the 200 until its ACK.
        self.invite: Received | None = None
        self.invite_key: ServerKey = ""
        self.ok = b""
        self.ok_address: Address | None = None
        self.ok_interval = 0.0
        self.rings_reliably = False
        self.reliably: Reliably | None = None
        self.rseq = 0
        self.accepting: tuple[str, int] | None = None
        """Audio address of a 200 that waits for a PRACK."""
        # Outbound: what CANCEL and ACK repeat from the INVITE.
        self.transaction: ClientTransaction | None = None
        self.uri = ""
        self.routes: Sequence[tuple[str, str]] = ()
        """Route headers of the INVITE: the proxies to a telephone."""
        self.from_value = ""
        self.ani = ""
        self.details: CallDetails | None = None
        self.said: Sequence[tuple[str, str]] = ()
        """Headers about the parties, the same in each INVITE of the call."""
        self.seat: Seat | None = None
        """What the call takes up on its trunk."""
        self.address = ANYWHERE
        self.places: Sequence[Address] = ()
        """Where to try when ``address`` fails."""
        self.via = ""
        self.cseq = 0
        self.auth_tries = 0
        self.cancel_sent = False
        self.cancel_reason: Cause | None = None
        self.early = NO_EARLY
        """By To tag."""
        self.updated = False
        """The peer changed the audio by UPDATE before it answered."""
        self.group: Parallel | None = None
        """The other phones of the station that ring for the same call."""
        self.remote_tags: tuple[str, ...] = ()
        self.tone = ""

    def step(self, happened: CallInput) -> bool:
        """Move to the next state; False when the table has none."""
        found = CALL_TABLE.get((self.state, happened))
        if found is None:
            return False
        self.state = found
        return True

    def timer_fired(self, timer: int) -> None:
        """Pass a deadline on to the part that set it."""
        if not self.timers:
            self.timers = NONE
        self.owner.call_timer(self, CallTimer(timer))

    @property
    def held(self) -> bool:
        """Whether the peer holds us."""
        return self.session is not None and self.session.peer_holds

    @property
    def place(self) -> Address:
        """Where the INVITE went: by TCP when it was too large for UDP (RFC 3261 18.1.1)."""
        return self.address if self.transaction is None else self.transaction.address

    def settle(self) -> None:
        """Forget what only an INVITE that waits for its answer needs."""
        self.early, self.details = NO_EARLY, None
        self.places = self.said = self.routes = ()
        self.via = ""

    def stop(self, *timers: CallTimer) -> None:
        """Stop deadlines."""
        for timer in timers:
            self.timers.pop(timer, None)
        if not self.timers:
            self.timers = NONE  # a dict keeps its room, and a call talks for long

    def fields(self, state: RecordState) -> tuple[object, ...]:
        """What a ``CallRecord`` of the call holds, in its order; only for calls with a dialog.

        Packed it is the same, and made at a fraction of the record's price.
        """
        assert self.dialog is not None
        return (
            self.inbound,
            state,
            self.line,
            self.port,
            self.peer,
            self.dialog.fields(),
            None if self.session is None else self.session.fields(),
            self.cseq,
            self.ok,
            self.ok_address,
            tuple(self.invite_key.split(PART)) if self.ok else (),
            self.delayed_offer,
            self.interval,
            self.refreshes,
            self.takes_update,
        )
