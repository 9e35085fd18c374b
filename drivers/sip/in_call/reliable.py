"""Provisional responses that are acknowledged (100rel and PRACK, RFC 3262), both directions."""

from collections.abc import Callable
from typing import Final

from cython_ext.sip_wire import Message
from drivers.errors import ProtocolError
from drivers.events import Cause
from drivers.sip.core.call import Call, CallState, CallTimer, EarlyDialog, Reliably
from drivers.sip.core.happenings import MediaAgreed
from drivers.sip.core.request import Received
from drivers.sip.core.services import SDP_TYPE, Headers, Services
from drivers.sip.dialog import Dialog
from drivers.sip.in_call.requests import Requests
from drivers.sip.in_call.session_timer import supports
from drivers.sip.negotiation.session import OfferState

LAST_RSEQ: Final = 2**31 - 1
REQUIRE: Final = ("Require", "100rel")


class Reliable:
    """The sending and the acknowledging of reliable provisional responses."""

    def __init__(self, services: Services, requests: Requests) -> None:
        self.services = services
        self.requests = requests
        self.on_acknowledged: Callable[[Call], None] = _nothing
        """Told that the last response of a call arrived. Set by the server side."""
        self.on_given_up: Callable[[Call, Cause], None] = _no_refusal
        """Told that it never did, or that its answer is of no use."""

    # Ours, to an INVITE we received

    def wanted(self, call: Call, message: Message, *, eager: bool) -> bool:
        """Whether responses to this INVITE are sent reliably: when required, or both like it."""
        if any(value.strip().lower() == "100rel" for value in message.headers("Require")):
            return True
        return eager and supports(message, "100rel")

    def send(
        self, call: Call, status: int, headers: Headers, *, body: bytes = b"", offers: bool = False
    ) -> bool:
        """Send a 1xx until its PRACK comes; False while an earlier one still waits for that."""
        services, received = self.services, call.invite
        if received is None or call.reliably is not None:
            return False
        call.rseq = call.rseq + 1 if call.rseq else services.random.randrange(1, LAST_RSEQ // 2)
        lines = [*headers, REQUIRE, ("RSeq", str(call.rseq))]
        data = services.respond(received, status, tag=call.local_tag, headers=lines, body=body)
        t1 = services.options.timers.t1
        until = services.timers.now + 64 * t1
        call.reliably = Reliably(data, call.rseq, interval=t1, until=until, offers=offers)
        services.timers.start(call, CallTimer.RELIABLE, t1)
        return True

    def repeat(self, call: Call) -> None:
        """No PRACK yet: send the response again; give the INVITE up after 64 T1 (3)."""
        services, waiting, received = self.services, call.reliably, call.invite
        if waiting is None or received is None:
            return
        if services.timers.now >= waiting.until:
            services.count("prack_missing")
            call.reliably = None
            self.on_given_up(call, Cause.TIMER_EXPIRED)
            return
        services.count("response_repeated")
        services.send(waiting.data, received.reply_to)
        waiting.interval *= 2  # not capped at T2 (3)
        left = max(waiting.until - services.timers.now, 0.0)
        services.timers.start(call, CallTimer.RELIABLE, min(waiting.interval, left))

    def receive_prack(self, call: Call, received: Received) -> None:
        """Take the PRACK of a response of ours; its body answers an offer in that, or offers."""
        services, message, waiting = self.services, received.message, call.reliably
        if waiting is None or not _matches(call, waiting.rseq, message):
            services.count("prack_unmatched")
            services.respond(received, 481)
            return
        call.reliably = None
        call.stop(CallTimer.RELIABLE)
        session, body = call.session, b""
        try:
            if session is not None and waiting.offers:
                session.accept(message.body)
                call.delayed_offer = False
                self._report(call)
            elif session is not None and message.body:
                session.consider(message.body)
                body = session.answer()
                self._report(call)
        except ProtocolError:
            services.count("answer_not_acceptable")
            services.respond(received, 488)
            if waiting.offers:
                self.on_given_up(call, Cause.INCOMPATIBLE)
            return
        services.respond(received, 200, headers=[SDP_TYPE] if body else None, body=body)
        self.on_acknowledged(call)

    # The peer's, to an INVITE of ours

    def acknowledge(self, call: Call, message: Message, early: EarlyDialog) -> bool:
        """Send the PRACK of a reliable 1xx; False for one that came before or out of order (4)."""
        number = _rseq(message)
        if number == 0 or (early.rseq and number != early.rseq + 1):
            self.services.count("rseq_out_of_order")
            return False
        early.rseq = number
        rack = ("RAck", f"{number} {message.cseq.number} {message.cseq.method}")
        self.requests.send(call, "PRACK", [rack], finished=_done, dialog=early.dialog)
        return True

    def _report(self, call: Call) -> None:
        session = call.session
        if session is not None and session.remote is not None and session.fmt is not None:
            self.services.happened.append(MediaAgreed(call, session.remote, session.fmt))


def is_reliable(message: Message) -> bool:
    """Whether a 1xx wants a PRACK; a 100 never does (4)."""
    if message.status == 100:
        return False
    return any(value.strip().lower() == "100rel" for value in message.headers("Require"))


def may_answer(call: Call) -> bool:
    """Whether a 2xx may leave: not before the PRACK of what went before it (3)."""
    return call.state is CallState.OFFERED and call.reliably is None


def needs_offer(call: Call) -> bool:
    """Whether the INVITE of the call brought none and we have made none yet."""
    session = call.session
    return call.delayed_offer and session is not None and session.state is OfferState.STABLE


def early_dialog(call: Call, message: Message, dialog: Callable[[], Dialog]) -> EarlyDialog:
    """The early dialog of a 1xx, begun with the first one of its tag (12.1)."""
    found = call.early.get(message.to_tag)
    if found is None:
        found = EarlyDialog(dialog())
        call.early = {**call.early, message.to_tag: found}
    return found


def _matches(call: Call, rseq: int, message: Message) -> bool:
    fields = (message.header("RAck") or "").split()
    return fields == [str(rseq), str(call.cseq), "INVITE"]


def _rseq(message: Message) -> int:
    text = (message.header("RSeq") or "").strip()
    if not (text.isascii() and text.isdigit()) or len(text) > 10:
        return 0
    return int(text) if int(text) <= LAST_RSEQ else 0


def _nothing(call: Call) -> None:
    """Nobody wants to know."""


def _no_refusal(call: Call, cause: Cause) -> None:
    """Nobody wants to know."""


def _done(call: Call, number: int, message: Message | None) -> None:
    """The INVITE's own outcome says it all: a PRACK that failed fails that too."""
