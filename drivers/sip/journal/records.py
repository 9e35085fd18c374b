"""The journal's records of calls and registrations; ``core/calls.py`` says when each is written.

Only what is read back by ``msgspec``, and nothing that acts: the modules that do may be compiled,
and a struct cannot.
"""

from typing import Literal

import msgspec

from drivers.api import RtpAddress, RtpFormat
from drivers.sip.negotiation.crypto import Crypto
from drivers.sip.negotiation.dtls import OwnDtls
from drivers.sip.negotiation.terms import Terms
from drivers.sip.transport.address import Address

RecordState = Literal["accepted", "confirmed", "closing", "ending"]
MarkState = Literal["confirmed", "closing", "ending", "ended", "elsewhere"]


class Peer(msgspec.Struct, frozen=True, array_like=True):
    """Who a call is with: a trunk or a station, by name."""

    name: str
    is_station: bool
    codecs: tuple[str, ...]


class DialogRecord(msgspec.Struct, frozen=True, kw_only=True, array_like=True):
    """A dialog as the journal keeps it."""

    call_id: str
    local: str
    """Our From or To value, with our tag."""
    local_tag: str
    remote: str
    remote_tag: str
    local_cseq: int
    remote_cseq: int
    """Highest number seen from the peer; -1 before its first request."""
    target: str
    routes: tuple[str, ...]
    source: Address
    fixed: bool


class SessionRecord(msgspec.Struct, frozen=True, kw_only=True, array_like=True):
    """What a session needs to go on after a restart."""

    host: str
    port: int
    session_id: int
    version: int
    codecs: tuple[str, ...]
    on_hold: bool
    peer_holds: bool
    described: bytes
    refused: tuple[tuple[str, str, str], ...]
    chosen: int
    remote: RtpAddress | None
    fmt: RtpFormat | None
    signalled_from: str = ""
    hold_style: str = "sendonly"
    terms: Terms | None = None
    """None: only the codecs are said, everything else is as usual."""
    profile: str = "RTP/AVP"
    offered: tuple[Crypto, ...] = ()
    """Our keys as they were described last."""
    offered_mux: bool = False
    own_dtls: OwnDtls | None = None
    noise: bool = False


class CallRecord(msgspec.Struct, frozen=True, kw_only=True, array_like=True):
    """A call as the journal keeps it; written before the message that makes it true leaves."""

    inbound: bool
    state: RecordState
    line: str
    port: int | None
    peer: Peer
    dialog: DialogRecord
    session: SessionRecord | None
    invite_cseq: int
    ok: bytes = b""
    """The 200 that is not acknowledged yet."""
    ok_address: Address | None = None
    invite_key: tuple[str, ...] = ()
    delayed_offer: bool = False
    interval: int = 0
    """Seconds between session refreshes; 0: the session does not expire."""
    refreshes: bool = False
    takes_update: bool = False


class InviteRecord(msgspec.Struct, frozen=True, kw_only=True, array_like=True):
    """An INVITE as the journal keeps it until its final response; what a CANCEL must repeat."""

    tag: str
    """Our From tag, by which later records name the call."""
    call_id: str
    cseq: int
    via: str
    local: str
    """The From value."""
    uri: str
    peer: str
    is_station: bool
    address: Address
    routes: tuple[str, ...] = ()
    hops: int = 70
    """Max-Forwards."""
    elsewhere: bool = False
    """It was being withdrawn because somebody else answered, and must say so."""


class OfferRecord(msgspec.Struct, frozen=True, kw_only=True, array_like=True):
    """An INVITE that we have not answered for good; its caller, once told, repeats it no longer."""

    tag: str
    """Our To tag, by which later records name the call."""
    at: float
    """When it came, seconds since the epoch."""
    message: bytes
    source: Address
    peer: Peer


class QuestionRecord(msgspec.Struct, frozen=True, kw_only=True, array_like=True):
    """A re-INVITE that has our 100 and waits for a decision; its peer repeats it no longer."""

    tag: str
    """Our tag, by which other records name the call."""
    key: tuple[str, ...] = ()
    """Of its transaction."""
    put_off: bytes = b""
    """What it is answered with after a restart; empty: it has its answer."""
    address: Address = Address("", 0)


class CallMark(msgspec.Struct, frozen=True, kw_only=True, array_like=True):
    """A change of a recorded call's state; ``ended`` takes it out.

    ``elsewhere``: its INVITE is withdrawn because somebody else answered.
    """

    tag: str
    state: MarkState


class BindingRecord(msgspec.Struct, frozen=True, kw_only=True, array_like=True):
    """One phone of a station, as the journal keeps it; ``expires`` 0 takes it out."""

    station: str
    contact: str
    """Contact URI, verbatim."""
    source: Address
    call_id: str
    cseq: int
    expires: float
    """Seconds since the epoch."""
    path: tuple[str, ...] = ()
    """Proxies on the way to it, first the nearest to us (RFC 3327)."""
    instance: str = ""
    """The telephone and which of its flows this is (RFC 5626 4.2); empty: it does not say."""
