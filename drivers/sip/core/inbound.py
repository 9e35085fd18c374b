"""Calls that come in: INVITE to 200 and ACK, or to a refusal (RFC 3261 13.3, 9.2)."""

from collections.abc import Callable
from typing import Final

from cython_ext.sip_wire import Message, WireError, format_host, parse, parse_uri
from drivers.errors import ProtocolError
from drivers.events import Cause
from drivers.sip.core.call import Call, CallInput, CallState, CallTimer, TimerUser
from drivers.sip.core.calls import Calls
from drivers.sip.core.causes import reason_values, status_for
from drivers.sip.core.happenings import Connected, HoldChanged, MediaAgreed, Offered, Replaced
from drivers.sip.core.in_dialog import InDialog
from drivers.sip.core.request import Received, identify, merge_key
from drivers.sip.core.services import ALLOW, SDP_TYPE, Headers, Services
from drivers.sip.dialog import Dialog
from drivers.sip.in_call.reliable import may_answer, needs_offer
from drivers.sip.in_call.replaces import Refused, replaced_call
from drivers.sip.in_call.session_timer import supports
from drivers.sip.journal.records import OfferRecord, Peer
from drivers.sip.negotiation.session import Session
from drivers.sip.negotiation.terms import NotAcceptable
from drivers.sip.transaction import ServerKey
from drivers.sip.trunks.identity import known_of_trunk
from drivers.sip.trunks.trunk import user_part

RETRY_AFTER: Final = ("Retry-After", "5")
RINGS_S: Final = 120.0
"""Longer than callers let it ring: an INVITE of so long ago is of nobody any more."""
TRYING_AFTER: Final = 0.2  # s, RFC 3261 17.2.1
RING_REPEAT: Final = 60.0  # s, 13.3.1.1: proxies give up a call that is silent for longer


class InboundCalls:
    """The UAS side of INVITE."""

    def __init__(self, services: Services, calls: Calls, in_dialog: InDialog) -> None:
        self.services = services
        self.calls = calls
        self.in_dialog = in_dialog
        self._offers: dict[ServerKey, Call] = {}
        services.timers.often(TRYING_AFTER, RING_REPEAT)
        in_dialog.reliable.on_acknowledged = self._acknowledged
        in_dialog.reliable.on_given_up = self.refuse
        self.on_replaced: Callable[[Call], None] = _stays
        """Ends a call that another one replaced. Set by who can end calls of any state."""

    def invite(
        self, received: Received, peer: Peer, owner: TimerUser, *, known_as: str = ""
    ) -> None:
        """Take a new INVITE: an offer to the driver, or the refusal it deserves.

        ``known_as`` is our tag when its caller knows one already, from before a restart.
        """
        services, message = self.services, received.message
        brief = self.in_dialog.timers.too_brief(message)
        if brief is not None:
            services.count("session_too_brief")
            services.respond(received, 422, headers=brief)
            return
        try:
            replaced = replaced_call(self.calls, message, peer)
        except Refused as error:
            services.count(f"replaces_refused_{error.status}")
            services.respond(received, error.status)
            return
        trunk = None if peer.is_station else services.trunk(peer.name)
        tag = known_as or services.token()
        try:
            dialog = Dialog.answering(message, tag, received.source, fixed=peer.is_station)
        except ProtocolError:
            services.count("invite_bad_contact")
            services.respond(received, 400)
            return
        session = Session(
            host=services.audio_host,
            port=0,
            terms=services.terms(peer, received.source.transport),
            new_key=services.new_key,
            session_id=services.session_id(),
            # With a proxy on the way the audio comes from elsewhere than the messages.
            signalled_from=received.source[0] if peer.is_station and not dialog.routes else "",
            hold_style="sendonly" if trunk is None else trunk.hold,
        )
        try:
            if message.body:
                session.consider(message.body)
            else:
                session.check_offer()
        except ProtocolError as error:
            services.count("invite_not_acceptable")
            services.respond(received, 488, headers=[warning(services.host, error)])
            return
        call = Call(owner, inbound=True, ref=dialog.call_id, local_tag=tag, peer=peer)
        call.dialog = dialog
        call.session = session
        call.delayed_offer = not message.body
        eager = trunk is not None and trunk.reliable
        call.rings_reliably = self.in_dialog.reliable.wanted(call, message, eager=eager)
        call.cseq = message.cseq.number
        call.invite = received
        call.invite_key = received.key
        self.calls.add(call)
        self._offers[received.key] = call
        if replaced is not None:
            self._take_over(call, replaced)
            return
        self.calls.save_offer(call)
        services.timers.start(call, CallTimer.PROVISIONAL, TRYING_AFTER)
        identity = identify(message, trusted=trunk is not None and trunk.trust_identity)
        if trunk is not None:
            identity = known_of_trunk(identity, message, trunk)
        services.happened.append(Offered(call, identity))

    def again(self, offer: OfferRecord, owner: TimerUser) -> None:
        """Take an INVITE that rang when we were stopped: who sent it waits, and is silent."""
        services = self.services
        if services.timers.now - offer.at > RINGS_S:
            services.count("offer_too_old")
            return
        try:
            received = Received(parse(offer.message), offer.source)
        except WireError:
            services.count("journal_unreadable")
            return
        if received.key in services.transactions.servers:
            return  # it was sent once more, and came first
        services.count("offered_again")
        received.transaction = services.transactions.open_server(
            received.key, received.reply_to, invite=True, merge=merge_key(received.message)
        )
        self.invite(received, offer.peer, owner, known_as=offer.tag)

    def _take_over(self, call: Call, old: Call) -> None:
        """Answer an INVITE with Replaces in the place of the old call, which ends (RFC 3891 3)."""
        session, new = old.session, call.session
        if session is None or new is None:
            self.refuse(call, Cause.TEMPORARY_FAILURE)
            return
        if new.wants_dtls or session.own_dtls is not None:
            # The port is the old telephone's, and its keys came, or come, another way.
            self.refuse(call, Cause.INCOMPATIBLE)
            return
        group = old.group
        members = [old] if group is None else group.dissolve()
        call.line, call.port = old.line, old.port
        call.answered = old.answered  # who is told already need not be told again
        self.services.happened.append(Replaced(old if group is None else group.lead, call))
        self.accept(call, session.host, session.port)
        for member in members:
            member.reported = True
            self.on_replaced(member)

    def open_offers(self) -> int:
        """INVITEs that wait for our final response."""
        return len(self._offers)

    def provisional(self, call: Call) -> None:
        """Tell the caller that the INVITE is here, or that it still rings."""
        if call.tone:
            self.ring(call)
        elif call.invite is not None:
            self.services.respond(call.invite, 100)

    def ring(self, call: Call) -> None:
        """Send 180; harmless when the call is not waiting any more."""
        received = call.invite
        if call.state is not CallState.OFFERED or received is None:
            return
        call.tone = call.tone or "ringback"
        self.services.timers.start(call, CallTimer.PROVISIONAL, RING_REPEAT)
        headers = [*_routes(received), self.services.contact]
        if call.rings_reliably:
            self.in_dialog.reliable.send(call, 180, [*headers, ALLOW])
        else:
            self.services.respond(received, 180, tag=call.local_tag, headers=headers)

    def open_early(self, call: Call, host: str, port: int) -> bool:
        """Send 183 with our audio address, so that the caller hears us before the answer.

        False when that cannot be: the caller is gone, an earlier response still waits for its
        PRACK, or the offer is ours to make and this caller does not know 100rel.
        """
        received, session = call.invite, call.session
        if call.state is not CallState.OFFERED or received is None or session is None:
            return False
        reliably = call.rings_reliably or needs_offer(call)
        if call.tone == "early" or call.reliably is not None:
            return False
        if reliably and not supports(received.message, "100rel"):
            return False
        session.host, session.port = host, port
        offers = needs_offer(call)
        body = session.offer() if offers else session.answer()
        headers = [*_routes(received), self.services.contact, ALLOW, SDP_TYPE]
        call.tone = "early"
        self.services.timers.start(call, CallTimer.PROVISIONAL, RING_REPEAT)
        if reliably:
            call.rings_reliably = True
            self.in_dialog.reliable.send(call, 183, headers, body=body, offers=offers)
        else:
            self.services.respond(received, 183, tag=call.local_tag, headers=headers, body=body)
        self._report_media(call)
        return True

    def accept(self, call: Call, host: str, port: int) -> bool:
        """Send 200 with our audio address; False when the caller is gone already."""
        services, received, session = self.services, call.invite, call.session
        if call.state is not CallState.OFFERED or received is None or session is None:
            return False
        if not may_answer(call):
            call.accepting = host, port
            return True
        body = b""
        if call.tone != "early":
            session.host, session.port = host, port
            body = session.offer() if call.delayed_offer else session.answer()
        elif not call.rings_reliably:
            body = session.described()  # what an unreliable 183 said is said for good here
        headers = [*_routes(received), services.contact, ALLOW, services.supported]
        headers += self.in_dialog.timers.agree_as_server(call, received.message)
        headers += [SDP_TYPE, services.server] if body else [services.server]
        self.calls.step(call, CallInput.ACCEPT)
        call.stop(CallTimer.PROVISIONAL)
        self._offers.pop(call.invite_key, None)
        call.ok = received.response(200, tag=call.local_tag, headers=headers, body=body)
        call.ok_address = received.reply_to
        call.invite = None
        self.calls.save(call, "accepted")
        services.count("sent_200")
        if received.transaction is not None:
            received.transaction.respond(200, call.ok)
        self.in_dialog.ending.await_ack(call)
        if call.tone != "early":
            self._report_media(call)
        return True

    def _acknowledged(self, call: Call) -> None:
        """A reliable response arrived: what waited for that may go on."""
        if call.accepting is not None and call.state is CallState.OFFERED:
            self.accept(call, *call.accepting)

    def refuse(self, call: Call, cause: Cause) -> None:
        """Send the final failure that fits the cause."""
        received = call.invite
        if received is None or not self.calls.step(call, CallInput.RELEASE):
            return
        self._offers.pop(call.invite_key, None)
        call.timers.clear()
        status = status_for(cause)
        headers: Headers = [("Reason", reason_values(cause))]
        if status == 503:
            headers.append(RETRY_AFTER)
        self.services.respond(received, status, tag=call.local_tag, headers=headers)
        self.calls.report_end(call, cause)

    def redirect(self, call: Call, number: str) -> bool:
        """Send the caller to another number (302); False when it is too late for that."""
        received = call.invite
        if received is None or not self.calls.step(call, CallInput.RELEASE):
            return False
        self._offers.pop(call.invite_key, None)
        call.timers.clear()
        target = f"sip:{user_part(number)}@{self.services.via_host}"
        message = received.message
        try:  # at the caller's own place: a number here may mean nothing
            asked = parse_uri(message.uri)
            target = f"sip:{user_part(number)}@{format_host(asked.host, asked.port)}"
        except WireError:
            self.services.count("redirect_uri_malformed")
        headers: Headers = [("Contact", f"<{target}>")]
        self.services.respond(received, 302, tag=call.local_tag, headers=headers)
        self.calls.report_end(call, Cause.NORMAL, "redirected")
        return True

    def cancel(self, received: Received, key: ServerKey) -> None:
        """Answer a CANCEL of the INVITE with this key; end the call when it still waits (9.2)."""
        services = self.services
        call = self._offers.get(key)
        services.respond(received, 200, tag="" if call is None else call.local_tag)
        if call is not None:
            elsewhere = "cause=200" in (received.message.header("Reason") or "").replace(" ", "")
            cause = Cause.ANSWERED_ELSEWHERE if elsewhere else Cause.NORMAL
            self.terminate(call, CallInput.PEER_CANCEL, cause)

    def terminate(self, call: Call, happened: CallInput, cause: Cause) -> None:
        """The caller gave up before we answered: 487."""
        invite = call.invite
        if invite is not None and self.calls.step(call, happened):
            self._offers.pop(call.invite_key, None)
            self.services.respond(invite, 487, tag=call.local_tag)
            self.calls.report_end(call, cause)

    def ack(self, call: Call, message: Message) -> None:
        """Take the ACK of our 200, first or re-INVITE; others are ignored."""
        if not call.ok or message.cseq.number != call.cseq:
            self.services.count("ack_unexpected")
            return
        if call.delayed_offer and not self._take_answer(call, message):
            return
        self.acknowledged(call)

    def acknowledged(self, call: Call) -> None:
        """Go on after the ACK of our 200, or after what only a peer who has that 200 can send."""
        call.stop(CallTimer.OK_REPEAT, CallTimer.ACK_LIMIT)
        call.ok, call.ok_address, call.invite_key = b"", None, ""
        if call.state is CallState.CONFIRMED:
            # Told to the journal: a 200 that comes once more after a restart may meet the next
            # re-INVITE of a peer who takes any 200 for the answer to that.
            self.calls.mark(call, "confirmed")
            self.in_dialog.offers.settled(call)
            return
        if not self.calls.step(call, CallInput.ACK):
            return
        if call.state is CallState.ENDING:  # released in the meantime
            self.in_dialog.ending.send_bye(call, Cause.NORMAL)
            return
        self.calls.mark(call, "confirmed")
        if not call.answered:
            call.answered = True
            self.services.happened.append(Connected(call))

    def _take_answer(self, call: Call, message: Message) -> bool:
        call.stop(CallTimer.OK_REPEAT, CallTimer.ACK_LIMIT)
        call.ok = b""
        call.delayed_offer = False
        t38 = self.in_dialog.offers.t38
        try:
            if call.session is None or not message.body:
                raise ProtocolError("no answer in the ACK")
            if t38.acknowledged(call, message.body):
                return True
            call.session.accept(message.body)
        except ProtocolError as error:
            self.services.count("answer_not_acceptable")
            self.calls.report_end(call, Cause.INCOMPATIBLE, str(error))
            self.calls.step(call, CallInput.NO_ACK)
            self.in_dialog.ending.send_bye(call, Cause.INCOMPATIBLE)
            return False
        t38.is_back(call)
        self._report_media(call)
        if call.answered and call.session.peer_holds:
            self.services.happened.append(HoldChanged(call, held=True))
        self.calls.save(call, "confirmed")
        return True

    def _report_media(self, call: Call) -> None:
        session = call.session
        if session is not None and session.remote is not None and session.fmt is not None:
            self.services.happened.append(MediaAgreed(call, session.remote, session.fmt))


def _stays(call: Call) -> None:
    """Nobody ends replaced calls."""


def warning(host: str, error: ProtocolError) -> tuple[str, str]:
    """The Warning of a 488: why nothing in the offer can be taken (RFC 3261 20.43)."""
    code, text = error.warning if isinstance(error, NotAcceptable) else NotAcceptable.warning
    return "Warning", f'{code} {host} "{text}"'


def _routes(received: Received) -> Headers:
    return [("Record-Route", value) for value in received.message.headers("Record-Route")]
