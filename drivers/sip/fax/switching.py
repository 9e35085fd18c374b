"""The change of a call from audio to T.38 and back by re-INVITE, asked for by either side."""

from typing import TYPE_CHECKING, Final

import msgspec

from cython_ext.sip_wire import Message
from drivers.api import RtpAddress
from drivers.errors import ProtocolError
from drivers.events import Cause
from drivers.sip.core.call import CallState, CallTimer
from drivers.sip.core.happenings import T38Answered, T38Cancelled, T38Over, T38Wanted
from drivers.sip.core.request import PART
from drivers.sip.fax.description import describe, own_terms, read_terms, wants_t38
from drivers.sip.negotiation.session import OfferState
from drivers.sip.sdp import parse_sdp
from drivers.t38 import T38Terms

if TYPE_CHECKING:
    from drivers.sip.core.call import Call
    from drivers.sip.core.request import Received
    from drivers.sip.in_call.offers import Offers
    from drivers.sip.negotiation.description import Sdp
    from drivers.sip.negotiation.session import Session
    from drivers.sip.transaction import ServerKey

LEAVES_S: Final = 20.0  # s that a peer has to go back to audio; then there is nobody for it
LEAVES_AGAIN_S: Final = 4.0  # s after it has refused, until it is asked again


class T38Switching:
    """Calls that change, or are asked to; the offers go through ``Offers``."""

    def __init__(self, offers: "Offers") -> None:
        self._offers = offers
        self._asked: dict[Call, tuple[Received, Sdp, int]] = {}
        """Re-INVITEs for T.38 that wait for our decision."""
        self._offered: dict[Call, bytes] = {}
        """Our description of before, of calls whose peer is asked."""
        self._retold: set[Call] = set()
        """Calls on T.38 whose peer is told other terms of it."""
        self._leaving: set[Call] = set()
        """Calls to go back to audio once no other exchange is open."""
        self._goes_back: dict[Call, bytes] = {}
        """Our description of T.38, of calls whose peer is asked to go back to audio."""

    def is_open(self, call: "Call") -> bool:
        """Whether the peer waits for our decision."""
        return call in self._asked

    # Ours

    def offer(self, call: "Call", local: RtpAddress, like: T38Terms | None = None) -> bool:
        """Ask the peer; ``T38Answered`` follows. False when it cannot be asked now.

        ``like`` are the terms of who asked us, without them ours.
        """
        session, offers = call.session, self._offers
        if session is None or session.fmt is None or not offers.is_free(call):
            return False
        if session.state is not OfferState.STABLE or session.speaks_t38 or not _may(session):
            return False
        self._offered[call] = session.description
        place, others = session.streams
        body = self._described(session, _terms(local, like), place, others)
        session.state = OfferState.OFFERED
        offers.send_offer(call, body)
        return True

    def retell(self, call: "Call", like: T38Terms) -> None:
        """Describe T.38 that stands in others' terms, at the place where it is.

        Left undone while another exchange is open. Nothing follows but ``T38Over``, from a peer
        that says yes to something else.
        """
        session, offers = call.session, self._offers
        if session is None or not session.speaks_t38 or not offers.is_free(call):
            return
        ours = parse_sdp(session.description)
        place, others = session.streams
        image = ours.media[place]
        self._offered[call] = session.description
        self._retold.add(call)
        local = RtpAddress(image.host or ours.host, image.port)
        body = self._described(session, _terms(local, like), place, others)
        session.state = OfferState.OFFERED
        offers.send_offer(call, body)

    def answered(self, call: "Call", message: Message) -> bool:
        """Take a 2xx if it is about T.38; False when it answers an offer of audio."""
        session = call.session
        if session is None or not session.speaks_t38:
            return False
        session.state = OfferState.STABLE
        asked = self._offered.pop(call, None) is not None  # else it was a refresh
        terms = self._agreed(session, message.body)
        self._offers.calls.save(call, "confirmed")
        asked = asked and call not in self._retold
        self._retold.discard(call)
        if asked:
            self._offers.services.happened.append(T38Answered(call, terms))
        elif terms is None:
            self._offers.services.happened.append(T38Over(call))
        if terms is None:
            self.leave(call)  # it has said yes to something, and it is not what was asked
        return True

    def acknowledged(self, call: "Call", body: bytes) -> bool:
        """Take the answer in an ACK to T.38 that we offered as it stands; False: it is audio's."""
        session = call.session
        if session is None or not session.speaks_t38:
            return False
        session.state = OfferState.STABLE
        if self._agreed(session, body) is None:
            self._leaving.add(call)
            self._offers.services.happened.append(T38Over(call))
        return True

    def refused(self, call: "Call") -> None:
        """Our re-INVITE was refused: what was before stands, if it was about T.38."""
        back = self._goes_back.pop(call, None)
        if back is not None and call.session is not None:
            offers = self._offers
            call.session.put_back(back)
            self._leaving.add(call)
            offers.services.count("t38_leave_refused")
            if call.state is CallState.CONFIRMED:
                offers.calls.save(call, "confirmed")
                offers.services.timers.start(call, CallTimer.GLARE, LEAVES_AGAIN_S)
        before = self._offered.pop(call, None)
        if before is not None:
            if call.session is not None:
                call.session.put_back(before)
            self._offers.services.count("t38_refused")
            if call not in self._retold:
                self._offers.services.happened.append(T38Answered(call, None))
            self._retold.discard(call)

    def leave(self, call: "Call") -> None:
        """Offer audio again, if T.38 stands; later when another exchange is open.

        Who refuses is asked again, and hung up by ``stays`` if it never goes back.
        """
        session, offers = call.session, self._offers
        if session is None or not session.speaks_t38:
            return
        if not offers.is_free(call):
            self._leaving.add(call)
            return
        self._leaving.discard(call)
        before = session.description
        try:
            body = session.offer()
        except ProtocolError:
            return
        self._goes_back[call] = before
        if CallTimer.T38_LIMIT not in call.timers:
            offers.services.timers.start(call, CallTimer.T38_LIMIT, LEAVES_S)
        offers.send_offer(call, body)
        # Until it has taken audio it is on T.38, also for a process that comes after this one.
        pieces = session.pieces
        session.put_back(before)
        offers.calls.save(call, "confirmed")
        session.put_pieces(pieces)

    def leaves(self, call: "Call") -> bool:
        """Whether the peer is to go back to audio, and has not done so."""
        return call in self._leaving

    def is_back(self, call: "Call") -> None:
        """The peer is at audio, if we waited for that, or T.38 begins anew."""
        self._leaving.discard(call)
        self._goes_back.pop(call, None)
        call.stop(CallTimer.T38_LIMIT)

    def stays(self, call: "Call") -> None:
        """The peer has not gone back to audio in time: nobody is there for its T.38."""
        if call in self._leaving or call in self._goes_back:
            offers = self._offers
            offers.services.count("t38_not_left")
            offers.calls.report_end(call, Cause.INCOMPATIBLE, "does not leave T.38")
            offers.ending.release(call, Cause.INCOMPATIBLE)

    def settled(self, call: "Call") -> bool:
        """No offer is open any more: leave, if that is still to be done."""
        if call not in self._leaving:
            return False
        self._leaving.discard(call)
        self.leave(call)
        return True

    # The peer's

    def receive(self, call: "Call", received: "Received") -> bool:
        """Take a re-INVITE if it asks for T.38; False when it is about something else."""
        session = call.session
        if session is None or not received.message.body:
            return False
        try:
            sdp = parse_sdp(received.message.body)
        except ProtocolError:
            return False
        place = wants_t38(sdp)
        if place is None or not _may(session):
            return False
        if session.speaks_t38 and call not in self._leaving:  # a refresh
            self._offers.accept_offer(call, received, session.described())
            return True
        terms = self._terms(session, sdp, place)
        if terms is None:
            return False
        services = self._offers.services
        self._asked[call] = received, sdp, place
        put_off = received.response(491, headers=[services.server])
        self._offers.calls.save_question(call.local_tag, received, put_off)
        call.stop(CallTimer.T38_LIMIT)  # until it has its answer
        services.respond(received, 100)
        services.happened.append(T38Wanted(call, terms))
        return True

    def refreshed(self, call: "Call", message: Message) -> bytes:
        """The answer to an UPDATE that says T.38 again while it stands; empty for another one."""
        session = call.session
        if session is None or not session.speaks_t38 or call in self._leaving:
            return b""
        return b"" if wants_t38(parse_sdp(message.body)) is None else session.described()

    def accept(self, call: "Call", local: RtpAddress, like: T38Terms | None = None) -> bool:
        """Change to T.38 as the peer asked; False when it asks no longer.

        ``like`` are the terms of whom its datagrams are passed on to, without them ours.
        """
        asked, session = self._asked.pop(call, None), call.session
        if asked is None or session is None:
            return False
        received, sdp, place = asked
        others = tuple(
            (media.kind, media.protocol, media.formats[0])
            for other, media in enumerate(sdp.media)
            if other != place
        )
        asked_for = self._terms(session, sdp, place)
        correction = "redundancy" if asked_for is None else asked_for.correction
        terms = own_terms(local, correction) if like is None else _terms(local, like)
        body = self._described(session, terms, place, others)
        session.take_streams(place, others)
        self.is_back(call)
        self._offers.accept_offer(call, received, body)
        self._offers.calls.close_question(call.local_tag)
        return True

    def refuse(self, call: "Call", *, later: bool = False) -> None:
        """Stay with audio: 488, as for any description that has nothing for us.

        ``later``: 491, after which a peer asks again within some seconds (RFC 3261 14.1).
        """
        asked = self._asked.pop(call, None)
        if asked is not None:
            self._offers.services.count("t38_put_off" if later else "invite_not_acceptable")
            self._offers.services.respond(asked[0], 491 if later else 488)
            self._offers.calls.close_question(call.local_tag)
            self._offers.settled(call)  # hold or keys may have waited for this

    def cancelled(self, key: "ServerKey") -> None:
        """The peer takes its re-INVITE back before we decided: 487, and audio stands."""
        for call, (received, _sdp, _place) in self._asked.items():
            if received.key == key:
                del self._asked[call]
                self._offers.services.respond(received, 487)
                self._offers.calls.close_question(call.local_tag)
                self._offers.services.happened.append(T38Cancelled(call))
                self._offers.settled(call)
                return

    def forget(self, call: "Call") -> None:
        """The call is over: whoever waits for our decision is told so (RFC 3261 15.1.2)."""
        asked = self._asked.pop(call, None)
        if asked is not None:
            self._offers.services.respond(asked[0], 487)
            self._offers.calls.close_question(call.local_tag)
        self._goes_back.pop(call, None)
        self._offered.pop(call, None)
        self._retold.discard(call)
        self._leaving.discard(call)

    def resume(self) -> None:
        """Put off who asked before a restart: whoever waits for our final answer is silent."""
        calls, services = self._offers.calls, self._offers.services
        for tag, one in tuple(calls.questions.items()):
            key = PART.join(one.key)
            if key not in services.transactions.servers:  # else it was sent once more
                services.count("t38_put_off")
                server = services.transactions.open_server(
                    key, one.address, invite=True, merge=None
                )
                server.respond(491, one.put_off)
            calls.close_question(tag)

    def _described(
        self,
        session: "Session",
        terms: T38Terms,
        place: int,
        others: tuple[tuple[str, str, str], ...],
    ) -> bytes:
        return session.put(
            describe(session.session_id, session.host, place=place, others=others, terms=terms)
        )

    def _agreed(self, session: "Session", body: bytes) -> T38Terms | None:
        """The T.38 of an answer; None when it has none."""
        try:
            sdp = parse_sdp(body)
        except ProtocolError:
            self._offers.services.count("t38_answer_not_acceptable")
            return None
        place = wants_t38(sdp)
        return None if place is None else self._terms(session, sdp, place)

    def _terms(self, session: "Session", sdp: "Sdp", place: int) -> T38Terms | None:
        behind = session.signalled_from
        return read_terms(sdp, place, own_host=session.host, signalled_from=behind)


def _terms(local: RtpAddress, like: T38Terms | None) -> T38Terms:
    """Ours, or those of somebody else at our address."""
    return own_terms(local) if like is None else msgspec.structs.replace(like, remote=local)


def _may(session: "Session") -> bool:
    """Whether a call may change: T.38 is not encrypted, and a browser knows none."""
    fmt = session.fmt
    return session.terms.srtp != "required" and (fmt is None or fmt.dtls is None)
