"""A call goes on to the next place of its trunk when one fails (RFC 3263 4.3)."""

from collections.abc import Callable
from typing import Final

from drivers.sip.core.call import Call, CallInput, CallState, CallTimer
from drivers.sip.core.calls import Calls
from drivers.sip.core.services import Headers, Services

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
        if call.places:
            services = self.services
            limit = SILENCE * services.options.timers.t1
            services.timers.start(call, CallTimer.SILENCE, limit)

    def silent(self, call: Call) -> None:
        """Not even a 100 came from the place that was tried."""
        if call.state is CallState.CALLING and call.places:
            if call.transaction is not None:
                call.transaction.abandon()
            self.next_place(call)

    def next_place(self, call: Call) -> bool:
        """Try the next place as a new transaction; False when there is none, or no use."""
        session = call.session
        if not call.places or session is None or call.state is CallState.CANCELLING:
            return False
        call.address = call.places.pop(0)
        self.services.count("failed_over")
        session.withdraw()
        self.calls.step(call, CallInput.CHALLENGE)
        self._invite(call, session.offer(), [])
        return True
