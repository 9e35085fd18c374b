"""Re-INVITE and UPDATE, in both directions: hold, target refresh, glare (RFC 3264, 3311, 6337)."""

from typing import Final

from cython_ext.sip_wire import Message
from drivers.errors import ProtocolError
from drivers.events import Cause
from drivers.sip.core.call import Call, CallState, CallTimer
from drivers.sip.core.calls import Calls
from drivers.sip.core.causes import cause_for
from drivers.sip.core.happenings import HoldChanged, MediaAgreed, T38Over
from drivers.sip.core.request import Received
from drivers.sip.core.services import ALLOW, SDP_TYPE, Headers, Services
from drivers.sip.dialog import Dialog
from drivers.sip.fax.switching import T38Switching
from drivers.sip.in_call.ending import Ending
from drivers.sip.in_call.requests import DialogRequest, Requests
from drivers.sip.in_call.session_timer import SessionTimers
from drivers.sip.negotiation.session import OfferState

GLARE_SLOTS: Final = 201  # of 10 ms: 0 to 2 s, or 2.1 to 4 s for the owner of the Call-ID (14.1)
OWNER_SLOTS: Final = 191
OWNER_WAITS: Final = 2.1  # s
PROVISIONAL_LIMIT: Final = 180.0  # s; a re-INVITE that only ever rings is given up


class Offers:
    """Offers and answers after the first ones."""

    def __init__(
        self,
        services: Services,
        calls: Calls,
        requests: Requests,
        ending: Ending,
        timers: SessionTimers,
    ) -> None:
        self.services = services
        self.calls = calls
        self.requests = requests
        self.ending = ending
        self.timers = timers
        self.t38 = T38Switching(self)
        timers.refresh_by_invite = self.refresh

    # Ours

    def set_hold(self, call: Call, *, hold: bool) -> None:
        """Put the peer on hold or take it back by re-INVITE; later when one is open."""
        call.wants_hold = hold
        self.settled(call)

    def renew_keys(self, call: Call) -> None:
        """Offer what the media engine says now of DTLS by re-INVITE; later when one is open."""
        fmt = None if call.session is None else call.session.fmt
        if fmt is not None and fmt.dtls is not None:
            call.wants_keys = True
            self.settled(call)

    def settled(self, call: Call) -> None:
        """No offer is open any more: send our re-INVITE if hold or keys are not the wanted ones."""
        session = call.session
        if not self.is_free(call) or session is None or session.fmt is None:
            return
        if self.t38.settled(call):
            return
        before = session.on_hold
        if before == call.wants_hold and not call.wants_keys:
            return
        session.on_hold = call.wants_hold
        try:
            body = session.offer()
        except ProtocolError:
            session.on_hold = before
            return
        self._send(call, body, changes_hold=session.on_hold != before)

    def refresh(self, call: Call) -> bool:
        """Offer what stands once more, unchanged; False while another exchange is open."""
        session = call.session
        if not self.is_free(call) or session is None:
            return False
        if session.on_hold != call.wants_hold or call.wants_keys:
            self.settled(call)
            return call.reinvite is not None
        try:
            body = session.offer_again()
        except ProtocolError:
            return False
        self._send(call, body, changes_hold=False)
        return True

    def reinvite_lost(self, call: Call) -> None:
        """Nobody answered our re-INVITE: the call is dead (14.1)."""
        if call.state is CallState.CONFIRMED:
            if call.reinvite is not None:
                call.reinvite.abandon()
            call.reinvite = None
            self.ending.lost(call, Cause.TIMER_EXPIRED, gone=False)

    def acknowledge(self, call: Call, number: int) -> None:
        """Send the ACK of a 2xx."""
        if call.dialog is not None:
            via = self.services.via_start + self.services.branch()
            ack = call.dialog.request("ACK", via=via, number=number, headers=[])
            self.services.send(ack, call.dialog.address)

    def is_free(self, call: Call) -> bool:
        """Whether an offer of ours may leave: no other exchange, and no wait after a glare."""
        if self.t38.is_open(call):
            return False
        if call.state is not CallState.CONFIRMED or call.reinvite is not None:
            return False
        return not call.ok and CallTimer.GLARE not in call.timers

    def send_offer(self, call: Call, body: bytes) -> None:
        """Send an offer that is about neither hold nor keys."""
        self._send(call, body, changes_hold=False)

    def _send(self, call: Call, body: bytes, *, changes_hold: bool) -> None:
        services = self.services
        headers = [services.contact, ALLOW, services.supported, SDP_TYPE]
        headers += self.timers.request_headers(call)
        self.calls.save_next(call)
        finished = self._hold_answered if changes_hold else self._refresh_answered
        call.reinvite = self.requests.send(call, "INVITE", headers, finished=finished, body=body)
        services.timers.start(call, CallTimer.REINVITE_LIMIT, PROVISIONAL_LIMIT)

    def _hold_answered(self, call: Call, number: int, message: Message | None) -> None:
        self._answered(call, number, message, changes_hold=True)

    def _refresh_answered(self, call: Call, number: int, message: Message | None) -> None:
        self._answered(call, number, message, changes_hold=False)

    def _answered(
        self, call: Call, number: int, message: Message | None, *, changes_hold: bool
    ) -> None:
        """Take the final response to our re-INVITE (14.1)."""
        if message is None:
            self.reinvite_lost(call)
            return
        status, session, dialog = message.status, call.session, call.dialog
        if dialog is None or session is None:
            return
        if status < 300:
            # Every 2xx gets its ACK, also a repeated one and one that comes after our BYE.
            self.acknowledge(call, number)
        open_one: DialogRequest | None = call.reinvite
        if open_one is None or open_one.number != number or call.state is not CallState.CONFIRMED:
            return
        call.reinvite = None
        call.stop(CallTimer.REINVITE_LIMIT)
        if status < 300:
            dialog.refresh_target(message)
            self.timers.agree_as_client(call, message)
            call.wants_keys = False
            self._take_answer(call, message)
        elif status in (408, 481):
            session.withdraw()
            self.t38.refused(call)
            self.ending.lost(call, cause_for(status), gone=status == 481)
            return
        else:
            session.withdraw()
            self.t38.refused(call)
            if changes_hold:
                session.on_hold = not session.on_hold
            if self._refused(call, message, changes_hold=changes_hold):
                return
        self.settled(call)

    def _refused(self, call: Call, message: Message, *, changes_hold: bool) -> bool:
        """Do what a refused re-INVITE asks for; True when its time comes later."""
        services, status = self.services, message.status
        if status == 491:
            # The owner of the Call-ID waits longer, so that the two do not meet again.
            slots = services.random.randrange(0, GLARE_SLOTS if call.inbound else OWNER_SLOTS)
            delay = slots / 100 if call.inbound else OWNER_WAITS + slots / 100
            services.timers.start(call, CallTimer.GLARE, delay)
            if not changes_hold:
                services.timers.start(call, CallTimer.SESSION_REFRESH, delay)
            return True
        if status == 422 and self.timers.raise_interval(call, message):
            if not changes_hold:
                self.refresh(call)
            return call.reinvite is not None
        if changes_hold and call.session is not None:
            call.wants_hold = call.session.on_hold
        call.wants_keys = False
        services.count("reinvite_refused")
        return False

    # The peer's

    def receive_reinvite(self, call: Call, received: Received) -> None:
        """Answer a re-INVITE of the peer."""
        services, message, session = self.services, received.message, call.session
        if call.state is not CallState.CONFIRMED or session is None:
            services.respond(received, 491 if call.ok else 481)
            return
        if call.reinvite is not None or call.ok or self.t38.is_open(call):
            services.count("glare")
            services.respond(received, 491)
            return
        if self._too_brief(received) or self.t38.receive(call, received):
            return
        held, was_t38 = call.held, session.speaks_t38
        try:
            if message.body:
                session.consider(message.body)
                body = session.answer()
            elif was_t38 and not self.t38.leaves(call):
                body = session.offer_again()
            else:
                body = session.offer()
        except ProtocolError:
            services.count("invite_not_acceptable")
            services.respond(received, 488)
            return
        self.accept_offer(call, received, body)
        if message.body:
            self._report(call, held=held)
            if was_t38:
                self.t38.is_back(call)
                services.happened.append(T38Over(call))

    def accept_offer(self, call: Call, received: Received, body: bytes) -> None:
        """Send the 200 of a re-INVITE with our description."""
        services, message = self.services, received.message
        if call.dialog is not None:
            call.dialog.refresh_target(message)
        call.delayed_offer = not message.body
        call.cseq = message.cseq.number
        headers: Headers = [services.contact, ALLOW, services.supported, SDP_TYPE]
        headers += [*self.timers.agree_as_server(call, message), services.server]
        call.ok = received.response(200, headers=headers, body=body)
        call.ok_address = received.reply_to
        call.invite_key = received.key
        self.calls.save(call, "confirmed")
        services.count("sent_200")
        if received.transaction is not None:
            received.transaction.respond(200, call.ok)
        self.ending.await_ack(call)

    def receive_update(self, call: Call, dialog: Dialog, received: Received) -> None:
        """Answer an UPDATE of the peer, in an early or a standing dialog (RFC 3311 5.2)."""
        services, message, session = self.services, received.message, call.session
        if session is None:
            services.respond(received, 481)
            return
        if self._too_brief(received):
            return
        headers: Headers = [services.contact, ALLOW, services.supported]
        held, body, was_t38 = call.held, b"", session.speaks_t38
        if message.body:
            if session.state is OfferState.OFFERED or call.reinvite is not None:
                services.count("glare")
                services.respond(received, 491)
                return
            if session.state is OfferState.CONSIDERED or call.ok or self.t38.is_open(call):
                services.count("update_too_soon")
                wait = str(services.random.randrange(0, 11))
                services.respond(received, 500, headers=[("Retry-After", wait)])
                return
            try:
                body = self.t38.refreshed(call, message)
                if not body:
                    session.consider(message.body)
                    body = session.answer()
            except ProtocolError:
                services.count("update_not_acceptable")
                services.respond(received, 488)
                return
            headers.append(SDP_TYPE)
            call.updated = call.dialog is None
        dialog.refresh_target(message)
        if call.state is CallState.CONFIRMED:
            headers += self.timers.agree_as_server(call, message)
            self.calls.save(call, "confirmed")
        services.respond(received, 200, headers=headers, body=body)
        if body and not session.speaks_t38:
            self._report(call, held=held)
            if was_t38:
                self.t38.is_back(call)
                services.happened.append(T38Over(call))

    def _too_brief(self, received: Received) -> bool:
        """Refuse a session that would have to be refreshed too often."""
        headers = self.timers.too_brief(received.message)
        if headers is None:
            return False
        self.services.count("session_too_brief")
        self.services.respond(received, 422, headers=headers)
        return True

    def _take_answer(self, call: Call, message: Message) -> None:
        session = call.session
        if session is None or self.t38.answered(call, message):
            return
        held = call.held
        try:
            session.accept(message.body)
        except ProtocolError:
            self.services.count("answer_not_acceptable")
            self.t38.refused(call)
            return
        self.t38.is_back(call)
        self.calls.save(call, "confirmed")
        self._report(call, held=held)

    def _report(self, call: Call, *, held: bool) -> None:
        session = call.session
        if session is None or session.remote is None or session.fmt is None:
            return
        self.services.happened.append(MediaAgreed(call, session.remote, session.fmt))
        if call.held != held:
            self.services.happened.append(HoldChanged(call, held=call.held))
