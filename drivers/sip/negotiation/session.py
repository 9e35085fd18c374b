"""Both descriptions of one call: answers an offer, makes one, takes an answer (RFC 3264).

What the media engine must do follows as ``(RtpAddress, RtpFormat)``.
"""

from collections.abc import Callable
from enum import Enum, auto
from functools import lru_cache
from sys import intern

from msgspec.structs import replace

from drivers.api import DtlsOffer, DtlsPeer, RtpAddress, RtpFormat, RtpStream, SrtpKeys
from drivers.sip.fax.described import OtherStreams, written
from drivers.sip.journal.records import SessionRecord
from drivers.sip.negotiation.crypto import Crypto, again, answering, every_suite, named
from drivers.sip.negotiation.dtls import BROWSERS, OwnDtls, TheirDtls, begins
from drivers.sip.negotiation.dtls import PROFILES as DTLS_PROFILES
from drivers.sip.negotiation.formats import OPUS, clock_of, plain_format
from drivers.sip.negotiation.offer import Offer, read_offer
from drivers.sip.negotiation.terms import NotAcceptable, NotEncrypted, Terms
from drivers.sip.negotiation.wording import Stream, offered_stream, worded


class OfferState(Enum):
    """Who owes whom an answer (RFC 3264 4: one open offer at a time)."""

    STABLE = auto()
    CONSIDERED = auto()
    """The peer's offer waits for our answer."""
    OFFERED = auto()
    """Our offer waits for the peer's answer."""


class Session(OtherStreams):
    """Both descriptions of one call and what they agreed on."""

    __slots__ = (
        "_considered",
        "_new_key",
        "_noise",
        "_offered",
        "_offered_mux",
        "_profile",
        "fmt",
        "hold_style",
        "host",
        "on_hold",
        "own_dtls",
        "peer_holds",
        "port",
        "remote",
        "signalled_from",
        "state",
        "terms",
    )

    def __init__(
        self,
        *,
        host: str,
        port: int,
        terms: Terms,
        session_id: int,
        new_key: Callable[[int], bytes],
        signalled_from: str = "",
        hold_style: str = "sendonly",
    ) -> None:
        self.host = host
        self.port = port
        self.terms = terms
        self.session_id = session_id
        self.version = session_id - 1  # the first description makes it session_id
        self.signalled_from = signalled_from
        """Host that a phone's messages come from: its audio is there too, whatever address it
        knows itself by (NAT, several interfaces). Empty: what it describes is right."""
        self.hold_style = hold_style
        """How we put the peer on hold, one of the options' ``HOLDS``."""
        self.on_hold = False
        """We put the peer on hold."""
        self.peer_holds = False
        self.state = OfferState.STABLE
        self.remote: RtpAddress | None = None
        self.fmt: RtpFormat | None = None
        self.own_dtls: OwnDtls | None = None
        """Ours, once the engine has said its part; whoever has a port sees to that."""
        self._new_key = new_key
        self._considered: Offer | None = None
        self.put_back(b"")
        self._described_port = 0
        # Place of our stream among the m-lines, and the refused others: their number and
        # order never change within a session (RFC 3264 8).
        self._chosen = 0
        self._refused: tuple[tuple[str, str, str], ...] = ()
        self._profile = _first_profile(terms)
        self._offered: tuple[Crypto, ...] = ()
        """Our keys as they were described last."""
        self._offered_mux = False
        self._noise = False

    @property
    def info_digits(self) -> bool:
        """Whether keys come as INFO because telephone-event was not agreed."""
        return self.fmt is not None and self.fmt.dtmf_payload_type is None

    @property
    def holds_keys(self) -> bool:
        """Whether its record must be kept from others."""
        agreed = self.fmt is not None and self.fmt.srtp is not None
        return agreed or bool(self._offered) or self.own_dtls is not None

    @property
    def wants_dtls(self) -> bool:
        """Whether our next description needs ``own_dtls``, and there is none."""
        if self.own_dtls is not None:
            return False
        if self._considered is not None:
            return self._considered.dtls is not None
        return self.fmt is None and self.terms.browser

    @property
    def wants_ice(self) -> bool:
        """Whether that is to be with ICE."""
        theirs = None if self._considered is None else self._considered.dtls
        return self.terms.browser if theirs is None else bool(theirs.ufrag)

    def prepare_dtls(self, engine: DtlsOffer) -> None:
        """Take what the media engine says of our port; again when it was started anew."""
        before, made = self.own_dtls, OwnDtls(engine.fingerprint, engine.ufrag, engine.password)
        self.own_dtls = (
            made if before is None else made._replace(mid=before.mid, bundled=before.bundled)
        )

    def offer(self) -> bytes:
        """Make an offer: everything we carry, or the codec and key in use while a call stands."""
        if self.state is not OfferState.STABLE:
            raise NotAcceptable("an offer is open already")
        self.check_offer()
        if self._profile in DTLS_PROFILES and self.own_dtls is None:
            raise NotAcceptable("the media engine has not said its part of DTLS")
        sends = not (self.on_hold and self.hold_style == "inactive")
        stream = offered_stream(
            self._profile, self.terms, self.fmt, (sends, not self.on_hold), noise=self._noise
        )
        if self.fmt is not None:
            self._offered = again(self.fmt.srtp)
        elif stream.profile in DTLS_PROFILES or self.terms.srtp == "off":
            self._offered = ()
        else:
            self._offered = self._offered or every_suite(self._new_key)
        self._offered_mux = stream.rtcp_mux
        self.state = OfferState.OFFERED
        dtls = self.own_dtls if self._profile in DTLS_PROFILES else None
        return self._describe(stream, self._offered, dtls, "actpass")

    def check_offer(self) -> None:
        """Raise NotEncrypted when no offer of ours can be made here."""
        if not self.terms.possible:
            raise NotEncrypted("audio must be encrypted, but its keys would be readable here")

    def begin_anew(self, terms: Terms) -> None:
        """Offer to another place, to which other terms may apply; nothing is agreed yet."""
        if terms != self.terms:
            self.terms, self._offered = terms, ()
            self._profile = _first_profile(terms)

    def offer_again(self) -> bytes:
        """Offer what stands, unchanged and under the same version (RFC 4028 7.4)."""
        if self.state is not OfferState.STABLE or not self.description:
            raise NotAcceptable("an offer is open already, or nothing was described yet")
        self.state = OfferState.OFFERED
        return self.described()

    def described(self) -> bytes:
        """Our description as it was last sent."""
        return self._numbered(self.description)

    def withdraw(self) -> None:
        """Forget an offer that was refused (491, 488); what stood before still stands."""
        self.state = OfferState.STABLE

    def consider(self, body: bytes) -> None:
        """Take an offer to ``answer``; SdpError or NotAcceptable leave all as it was."""
        if self.state is OfferState.OFFERED:
            raise NotAcceptable("an offer is open already")
        offer = self._read(body)
        if self.fmt is not None and (offer.dtls is not None) is not (self.fmt.dtls is not None):
            raise NotEncrypted("keys cannot come another way while the call stands")
        self._considered = offer
        self.state = OfferState.CONSIDERED

    def expected(self) -> RtpStream | None:
        """The stream that ``answer`` will agree on; None when our keys are still to be made."""
        offer = self._considered
        if offer is None or offer.crypto is not None or offer.dtls is not None:
            return None
        send, receive, mux = offer.receives, offer.sends and not self.on_hold, offer.rtcp_mux
        fmt = self._format(offer, None, None, send=send, receive=receive, rtcp_mux=mux)
        return RtpStream(offer.remote, fmt)

    def answer(self) -> bytes:
        """Answer the offer under consideration."""
        offer = self._considered
        if offer is None:
            raise NotAcceptable("no offer to answer")
        self._considered = None
        self.state = OfferState.STABLE
        send, receive = offer.receives, offer.sends and not self.on_hold
        self._chosen = offer.place
        self._refused = offer.others
        self._profile = intern(offer.profile)
        before = None if self.fmt is None else self.fmt.srtp
        own = None if offer.crypto is None else answering(offer.crypto, before, self._new_key)
        if offer.dtls is not None:
            self._answer_dtls(offer.dtls)
        self._agree(offer, own, send=send, receive=receive, rtcp_mux=offer.rtcp_mux)
        self.peer_holds = not offer.receives
        payload, codec, dtmf, noise = offer.chosen
        stream = Stream(
            offer.profile,
            ((payload, codec),),
            () if dtmf is None else ((dtmf, clock_of(codec)),),
            noise and self.terms.comfort_noise,
            offer.ptime_ms,
            offer.rtcp_mux,
            send,
            receive,
        )
        self._offered = () if own is None else (own,)
        self._offered_mux = offer.rtcp_mux
        if offer.dtls is None:
            return self._describe(stream, self._offered)
        agreed = None if self.fmt is None else self.fmt.dtls
        setup = "active" if agreed is not None and agreed.client else "passive"
        return self._describe(stream, self._offered, self.own_dtls, setup)

    def accept(self, body: bytes) -> None:
        """Take the answer to our offer; SdpError or NotAcceptable when it is none."""
        self.state = OfferState.STABLE
        answer = self._read(body)
        if answer.profile.removesuffix("F") != self._profile.removesuffix("F"):
            raise NotAcceptable(f"{self._profile} answered by {answer.profile[:32]}")
        own = named(self._offered, answer.crypto)
        if own is None and answer.crypto is not None:
            raise NotAcceptable("the answer takes a key that was not offered")
        self._agree(
            answer,
            own,
            send=answer.receives,
            receive=answer.sends and not self.on_hold,
            rtcp_mux=answer.rtcp_mux and self._offered_mux,
        )
        if not self.on_hold:
            self.peer_holds = not answer.receives

    def fields(self) -> tuple[object, ...]:
        """Everything needed to go on after a restart: a ``SessionRecord``, in its order."""
        return (
            self.host,
            self.port,
            self.session_id,
            self.version,
            self.terms.codecs,
            self.on_hold,
            self.peer_holds,
            self.description,
            self._refused,
            self._chosen,
            self.remote,
            self.fmt,
            self.signalled_from,
            self.hold_style,
            None if _is_usual(self.terms) else self.terms,
            self._profile,
            self._offered,
            self._offered_mux,
            self.own_dtls,
            self._noise,
        )

    @classmethod
    def restore(cls, record: SessionRecord, new_key: Callable[[int], bytes]) -> "Session":
        """Rebuild a session; an offer open at the time of the crash is forgotten."""
        session = cls(
            host=record.host,
            port=record.port,
            terms=record.terms or Terms(record.codecs),
            session_id=record.session_id,
            new_key=new_key,
            signalled_from=record.signalled_from,
            hold_style=record.hold_style,
        )
        session.version = record.version
        session.on_hold = record.on_hold
        session.peer_holds = record.peer_holds
        session.remote = record.remote
        session.fmt = record.fmt
        session.put_back(record.described)
        session._refused = record.refused
        session._chosen = record.chosen
        session._profile = record.profile
        session._offered = record.offered
        session._offered_mux = record.offered_mux
        session.own_dtls = record.own_dtls
        session._noise = record.noise
        return session

    # Parts of a description

    def _answer_dtls(self, theirs: TheirDtls) -> None:
        if self.own_dtls is None:
            raise NotAcceptable("the media engine has not said its part of DTLS")
        agreed = None if self.fmt is None else self.fmt.dtls
        self.own_dtls = self.own_dtls.answering(theirs, agreed, self._new_key)

    def _agree(
        self, offer: Offer, own: Crypto | None, *, send: bool, receive: bool, rtcp_mux: bool
    ) -> None:
        theirs = offer.crypto
        keys = None
        if own is not None and theirs is not None:
            keys = SrtpKeys(suite=own.suite, inward=theirs.key, outward=own.key)
        dtls = None
        if offer.dtls is not None:
            before = None if self.fmt is None else self.fmt.dtls
            client = begins(offer.dtls.setup, before=before)
            dtls = offer.dtls.peer(offer.remote, client=client)
        self.remote = offer.remote
        self._noise = offer.chosen[3] and self.terms.comfort_noise
        self.fmt = self._format(offer, keys, dtls, send=send, receive=receive, rtcp_mux=rtcp_mux)

    def _format(
        self,
        offer: Offer,
        keys: SrtpKeys | None,
        dtls: DtlsPeer | None,
        *,
        send: bool,
        receive: bool,
        rtcp_mux: bool,
    ) -> RtpFormat:
        transcode = self.terms.transcode and offer.chosen.codec == OPUS
        flags = send, receive, rtcp_mux, transcode
        fmt = plain_format(offer.chosen, offer.ptime_ms, flags)
        if keys is None and dtls is None:
            return fmt
        return replace(fmt, srtp=keys, dtls=dtls)

    def _read(self, body: bytes) -> Offer:
        return read_offer(body, self.terms, own_host=self.host, signalled_from=self.signalled_from)

    def _describe(
        self,
        stream: Stream,
        keys: tuple[Crypto, ...],
        dtls: OwnDtls | None = None,
        setup: str = "",
    ) -> bytes:
        # Version 0 stands in while comparing: it goes up by one exactly when something changed.
        zero = self.on_hold and self.hold_style == "address" and ":" not in self.host
        connection = "0.0.0.0" if zero else self.host  # noqa: S104 - hold as RFC 2543 had it
        whole = () if dtls is None else dtls.session_lines()
        text = worded(stream, self._refused, self._chosen, self.host, connection, whole)
        lines = "".join([f"a=crypto:{key.value()}\r\n" for key in keys])
        if dtls is None:
            return self.put_words(text, self.port, lines)
        # Its words are of this call alone, so there is nothing to share.
        lines += dtls.stream_lines(setup, RtpAddress(self.host, self.port))
        return self.put(written(text, self.session_id, self.port, lines))


@lru_cache(maxsize=64)
def _is_usual(terms: Terms) -> bool:
    """Whether only the codecs are to be said."""
    return terms == Terms(terms.codecs)


def _first_profile(terms: Terms) -> str:
    if terms.browser:
        return BROWSERS
    # Keys in a plain profile: a peer that knows none still answers (RFC 8643).
    return "RTP/SAVP" if terms.srtp == "required" else "RTP/AVP"
