"""Within a dialog, in both directions: BYE, INFO, OPTIONS, re-INVITE with hold and glare."""

from typing import Final

from cython_ext.sip_wire import Message
from drivers.errors import ProtocolError
from drivers.events import Cause
from drivers.sip.core.call import Call, CallInput, CallState, CallTimer
from drivers.sip.core.calls import Calls
from drivers.sip.core.causes import cause_for, cause_from_reason, reason_values
from drivers.sip.core.happenings import HoldChanged, KeyPressed, MediaAgreed
from drivers.sip.core.request import Received
from drivers.sip.core.services import ACCEPT, ALLOW, SDP_TYPE, Headers, Services
from drivers.sip.transaction import ClientTransaction

KEYS: Final = frozenset("0123456789*#ABCD")
_KEY_NUMBERS: Final = {"10": "*", "11": "#", "12": "A", "13": "B", "14": "C", "15": "D"}


class InDialog:
    """What happens to a call that has a dialog."""

    def __init__(self, services: Services, calls: Calls) -> None:
        self.services = services
        self.calls = calls

    def receive(self, call: Call, received: Received) -> None:
        """Take a request of the peer in this dialog; the method is one we handle."""
        message, dialog = received.message, call.dialog
        if dialog is None:
            return
        if not dialog.is_next(message.cseq.number):
            self.services.count("cseq_out_of_order")
            self.services.respond(received, 500)
            return
        if message.method == "BYE":
            self._bye(call, received)
        elif message.method == "INFO":
            self._info(call, received)
        elif message.method == "INVITE":
            self._reinvite(call, received)
        else:
            self.services.respond(received, 200, headers=[ALLOW, ACCEPT])

    # Our own requests

    def release(self, call: Call, cause: Cause) -> None:
        """End a call that was answered: BYE now, or after the ACK that is still due."""
        if not self.calls.step(call, CallInput.RELEASE):
            return
        self.calls.report_end(call, cause)
        if call.state is CallState.ENDING:
            self.send_bye(call, cause)
        else:
            self.calls.mark(call, "closing")

    def send_bye(self, call: Call, cause: Cause) -> None:
        """Send the BYE of a call in ENDING; without a dialog there is nothing to send."""
        call.stop(*CallTimer)
        call.ok = b""
        if call.dialog is None:
            self.calls.step(call, CallInput.DONE)
            return
        self.calls.mark(call, "ending")
        self.send(call, "BYE", [("Reason", reason_values(cause))], user=_Bye(self, call))

    def send(
        self,
        call: Call,
        method: str,
        headers: Headers,
        *,
        user: "_Bye | _Reinvite",
        body: bytes = b"",
    ) -> ClientTransaction | None:
        """Send a request in the dialog as a new transaction."""
        services, dialog = self.services, call.dialog
        if dialog is None:
            return None
        dialog.local_cseq += 1
        number, branch = dialog.local_cseq, services.branch()
        via = services.via_start + branch
        lines = [*headers, services.user_agent]
        data = dialog.request(method, via=via, number=number, headers=lines, body=body)
        ack: tuple[bytes, bytes] | None = None
        if method == "INVITE":
            # A failure's ACK repeats the branch; the To of a dialog is known already.
            whole = dialog.request("ACK", via=via, number=number, headers=[])
            start, _, rest = whole.partition(b"\r\nTo: ")
            ack = start + b"\r\nTo: ", b"\r\n" + rest.partition(b"\r\n")[2]
        services.count(f"sent_{method.lower()}")
        return services.transactions.open_client(
            (branch, method), data, dialog.address, user=user, ack=ack
        )

    def acknowledge(self, call: Call, number: int) -> None:
        """Send the ACK of a 2xx."""
        if call.dialog is not None:
            via = self.services.via_start + self.services.branch()
            ack = call.dialog.request("ACK", via=via, number=number, headers=[])
            self.services.send(ack, call.dialog.address)

    def set_hold(self, call: Call, *, hold: bool) -> None:
        """Put the peer on hold or take it back by re-INVITE; later when one is open."""
        call.wants_hold = hold
        self.settled(call)

    def settled(self, call: Call) -> None:
        """No offer is open any more: send our re-INVITE if the hold state is not the wanted one."""
        session = call.session
        if call.state is not CallState.CONFIRMED or session is None or session.fmt is None:
            return
        if call.reinvite is not None or call.ok or CallTimer.GLARE in call.timers:
            return
        if session.on_hold == call.wants_hold:
            return
        session.on_hold = call.wants_hold
        try:
            body = session.offer()
        except ProtocolError:
            session.on_hold = not call.wants_hold
            return
        if call.dialog is not None:
            call.dialog.local_cseq += 1  # as the record must have it; send() counts again
            self.calls.save(call, "confirmed")
            call.dialog.local_cseq -= 1
        headers = [self.services.contact, ALLOW, SDP_TYPE]
        call.reinvite = self.send(call, "INVITE", headers, user=_Reinvite(self, call), body=body)

    def reinvite_answered(self, call: Call, number: int, message: Message) -> None:
        """Take the final response to our re-INVITE (14.1)."""
        status, session, dialog = message.status, call.session, call.dialog
        if dialog is None or session is None:
            return
        if status < 300:
            # Every 2xx gets its ACK, also a repeated one and one that comes after our BYE.
            self.acknowledge(call, number)
        if call.reinvite is None or call.state is not CallState.CONFIRMED:
            return
        call.reinvite = None
        call.stop(CallTimer.REINVITE_LIMIT)
        if status < 300:
            dialog.refresh_target(message)
            self._take_answer(call, message)
        elif status in (408, 481):
            session.withdraw()
            self._lost(call, cause_for(status), gone=status == 481)
            return
        else:
            session.withdraw()
            session.on_hold = not session.on_hold
            if status == 491:
                # The owner of the Call-ID waits longer, so that the two do not meet again.
                slots = self.services.random.randrange(0, 191)
                delay = slots / 100 if call.inbound else 2.1 + slots / 100
                self.services.timers.start(call, CallTimer.GLARE, delay)
                return
            call.wants_hold = session.on_hold
            self.services.count("reinvite_refused")
        self.settled(call)

    def reinvite_lost(self, call: Call) -> None:
        """Nobody answered our re-INVITE: the call is dead (14.1)."""
        if call.state is CallState.CONFIRMED:
            if call.reinvite is not None:
                call.reinvite.abandon()
            call.reinvite = None
            self._lost(call, Cause.TIMER_EXPIRED, gone=False)

    def await_ack(self, call: Call) -> None:
        """Repeat the 200 until its ACK comes (13.3.1.4)."""
        timers, timing = self.services.timers, self.services.options.timers
        call.ok_interval = timing.t1
        timers.start(call, CallTimer.OK_REPEAT, timing.t1)
        timers.start(call, CallTimer.ACK_LIMIT, 64 * timing.t1)

    def repeat_ok(self, call: Call) -> None:
        """The ACK is late: send the 200 again, more and more slowly."""
        services = self.services
        if call.ok and call.ok_address is not None:
            services.count("response_repeated")
            services.send(call.ok, call.ok_address)
            call.ok_interval = min(call.ok_interval * 2, services.options.timers.t2)
            services.timers.start(call, CallTimer.OK_REPEAT, call.ok_interval)

    def no_ack(self, call: Call) -> None:
        """The ACK never came: hang up (13.3.1.4)."""
        self.services.count("ack_missing")
        if self.calls.step(call, CallInput.NO_ACK):
            self.calls.report_end(call, Cause.TIMER_EXPIRED, "no ACK")
            self.send_bye(call, Cause.TIMER_EXPIRED)

    # The peer's requests

    def _bye(self, call: Call, received: Received) -> None:
        self.services.respond(received, 200)
        cause = cause_from_reason(received.message.headers("Reason")) or Cause.NORMAL
        if self.calls.step(call, CallInput.PEER_BYE):
            call.stop(*CallTimer)
            self.calls.report_end(call, cause)

    def _info(self, call: Call, received: Received) -> None:
        message, services = received.message, self.services
        kind = (message.header("Content-Type") or "").partition(";")[0].strip().lower()
        if message.header("Info-Package") is not None:
            services.respond(received, 469, headers=[("Recv-Info", "")])
            return
        if message.body and kind not in {"application/dtmf-relay", "application/dtmf"}:
            services.respond(received, 415, headers=[("Accept", "application/dtmf-relay")])
            return
        services.respond(received, 200)
        key, duration = parse_info_digit(kind, message.body)
        if not key:
            return
        if call.session is not None and call.session.info_digits:
            services.happened.append(KeyPressed(call, key, duration))
        else:
            # Each leg has one digit source; the other one says the same key twice.
            services.count("digit_other_source")

    def _reinvite(self, call: Call, received: Received) -> None:
        services, message, session = self.services, received.message, call.session
        if call.state is not CallState.CONFIRMED or session is None:
            services.respond(received, 491 if call.ok else 481)
            return
        if call.reinvite is not None or call.ok:
            services.count("glare")
            services.respond(received, 491)
            return
        held = call.held
        try:
            if message.body:
                session.consider(message.body)
                body = session.answer()
            else:
                body = session.offer()
        except ProtocolError:
            services.count("invite_not_acceptable")
            services.respond(received, 488)
            return
        if call.dialog is not None:
            call.dialog.refresh_target(message)
        call.delayed_offer = not message.body
        call.cseq = message.cseq.number
        headers: Headers = [services.contact, ALLOW, SDP_TYPE, services.server]
        call.ok = received.response(200, headers=headers, body=body)
        call.ok_address = received.reply_to
        call.invite_key = received.key
        self.calls.save(call, "confirmed")
        services.count("sent_200")
        if received.transaction is not None:
            received.transaction.respond(200, call.ok)
        self.await_ack(call)
        if message.body:
            self._report(call, held=held)

    def _take_answer(self, call: Call, message: Message) -> None:
        session = call.session
        if session is None:
            return
        held = call.held
        try:
            session.accept(message.body)
        except ProtocolError:
            self.services.count("answer_not_acceptable")
            return
        self.calls.save(call, "confirmed")
        self._report(call, held=held)

    def _report(self, call: Call, *, held: bool) -> None:
        session = call.session
        if session is None or session.remote is None or session.fmt is None:
            return
        self.services.happened.append(MediaAgreed(call, session.remote, session.fmt))
        if call.held != held:
            self.services.happened.append(HoldChanged(call, held=call.held))

    def _lost(self, call: Call, cause: Cause, *, gone: bool) -> None:
        if gone:
            self.calls.step(call, CallInput.LOST)
            self.calls.report_end(call, cause, "dialog lost")
        elif self.calls.step(call, CallInput.RELEASE):
            self.calls.report_end(call, cause, "no response")
            self.send_bye(call, cause)


class _Bye:
    """Waits for the response to our BYE, whatever it is."""

    __slots__ = ("call", "in_dialog")

    def __init__(self, in_dialog: InDialog, call: Call) -> None:
        self.in_dialog = in_dialog
        self.call = call

    def response(self, transaction: ClientTransaction, message: Message) -> None:
        """Any final response ends the call."""
        if message.status >= 200:
            self.in_dialog.calls.step(self.call, CallInput.DONE)

    def timed_out(self, transaction: ClientTransaction) -> None:
        """Nobody answers; the call is over all the same (15.1.1)."""
        self.in_dialog.calls.step(self.call, CallInput.DONE)


class _Reinvite:
    """Waits for the response to our re-INVITE."""

    __slots__ = ("call", "in_dialog", "number")

    def __init__(self, in_dialog: InDialog, call: Call) -> None:
        self.in_dialog = in_dialog
        self.call = call
        self.number = call.dialog.local_cseq + 1 if call.dialog is not None else 0

    def response(self, transaction: ClientTransaction, message: Message) -> None:
        """Hand a final response on."""
        if message.status >= 200:
            self.in_dialog.reinvite_answered(self.call, self.number, message)

    def timed_out(self, transaction: ClientTransaction) -> None:
        """Tell that nobody answered."""
        self.in_dialog.reinvite_lost(self.call)


def parse_info_digit(kind: str, body: bytes) -> tuple[str, int]:
    """Key and duration in ms of an INFO body; an empty key when there is none."""
    text = body.decode("ascii", "replace")
    key, duration = "", 0
    if kind == "application/dtmf":
        key = text.strip()
    else:
        for line in text.splitlines():
            name, _, value = line.partition("=")
            value = value.strip()
            if name.strip().lower() == "signal":
                key = value
            elif name.strip().lower() == "duration" and value.isascii() and value.isdigit():
                duration = min(int(value[:6]), 60_000)
    key = _KEY_NUMBERS.get(key, key.upper())
    return (key, duration) if key in KEYS and len(key) == 1 else ("", 0)
