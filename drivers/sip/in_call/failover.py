"""A call goes on to the next place of its trunk when one fails (RFC 3263 4.3).

First to the other places that the name of a gateway leads to, then to the next gateway.
"""

from collections.abc import Callable
from typing import Final

from cython_ext.sip_wire import Message
from drivers.errors import ProtocolError
from drivers.sip.core.call import NO_EARLY, Call, CallInput, CallState, CallTimer
from drivers.sip.core.calls import Calls
from drivers.sip.core.services import Headers, Services
from drivers.sip.trunks.gateways import FAILED

SILENCE: Final = 8  # times T1: 4 s, four transmissions; timer B would keep the caller for 32 s


class Failover:
    """Chooses the next place of an outgoing call; ``invite`` sends its INVITE there."""

    def __init__(
        self, services: Services, calls: Calls, invite: Callable[[Call, bytes, Headers], None]
    ) -> None:
        self.services = services
        self.calls = calls
        self._invite = invite

    def watch(self, call: Call) -> None:
        """An INVITE left; with further places its silence has a shorter limit."""
        if self._has_more(call):
            services = self.services
            limit = SILENCE * services.options.timers.t1
            services.timers.start(call, CallTimer.SILENCE, limit)
        else:
            call.stop(CallTimer.SILENCE)

    def silent(self, call: Call) -> None:
        """Not even a 100 came from the place that was tried."""
        if call.state is CallState.CALLING and self._has_more(call):
            if call.transaction is not None:
                call.transaction.abandon()
            self.next_place(call)

    def _has_more(self, call: Call) -> bool:
        return bool(call.places or (call.seat is not None and call.seat.routes))

    def next_place(self, call: Call, message: Message | None = None) -> bool:
        """Try the next place as a new transaction; False when there is none, or no use.

        ``message`` is the refusal of the place that was tried; None: it was silent.
        """
        session, seat = call.session, call.seat
        if session is None or call.state is CallState.CANCELLING:
            return False
        if message is not None and message.status not in FAILED:
            if seat is not None and seat.gateway is not None:
                seat.gateway.works()
            return False
        if call.tone:
            return False  # somebody rang already: what fails now is not the way there
        if call.places:
            call.address, *call.places = call.places
        else:
            retry_after = 0.0 if message is None else _seconds(message.header("Retry-After"))
            if seat is None or not seat.advance(self.services.timers.now, retry_after):
                return False
            call.address, *call.places = seat.places()
            call.uri, call.routes = seat.uri(), seat.headers()
            call.auth_tries = 0
        call.early = NO_EARLY
        self.services.count("failed_over")
        session.withdraw()
        self.calls.step(call, CallInput.CHALLENGE)
        session.begin_anew(self.services.terms(call.peer, call.address.transport))
        try:
            body = session.offer()
        except ProtocolError:  # its keys would be readable on the way there
            return self.next_place(call)
        self._invite(call, body, [])
        return True


def _seconds(text: str | None) -> float:
    words = (text or "").replace(";", " ").replace("(", " ").split()
    usable = bool(words) and words[0].isascii() and words[0].isdigit() and len(words[0]) < 9
    return float(words[0]) if usable else 0.0
