"""How a call that was answered ends, and the 200 that waits for its ACK (RFC 3261 13.3.1.4, 15)."""

from cython_ext.sip_wire import Message
from drivers.events import Cause
from drivers.sip.core.call import Call, CallInput, CallState, CallTimer
from drivers.sip.core.calls import Calls
from drivers.sip.core.causes import cause_from_reason, reason_values
from drivers.sip.core.request import Received
from drivers.sip.core.services import Services
from drivers.sip.core.timers import NONE
from drivers.sip.in_call.requests import Requests


class Ending:
    """BYE in both directions, and calls whose peer does not answer any more."""

    def __init__(self, services: Services, calls: Calls, requests: Requests) -> None:
        self.services = services
        self.calls = calls
        self.requests = requests

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
        call.timers = NONE
        call.ok = b""
        if call.dialog is None:
            self.calls.step(call, CallInput.DONE)
            return
        self.calls.mark(call, "ending")
        headers = [("Reason", reason_values(cause))]
        self.requests.send(call, "BYE", headers, finished=self._bye_answered)

    def receive_bye(self, call: Call, received: Received) -> None:
        """The peer hung up."""
        self.services.respond(received, 200)
        cause = cause_from_reason(received.message.headers("Reason")) or Cause.NORMAL
        if self.calls.step(call, CallInput.PEER_BYE):
            call.timers = NONE
            self.calls.report_end(call, cause)

    def lost(self, call: Call, cause: Cause, *, gone: bool) -> None:
        """A request of ours was not answered, or the peer does not know the call (``gone``)."""
        if gone:
            self.calls.step(call, CallInput.LOST)
            self.calls.report_end(call, cause, "dialog lost")
        elif self.calls.step(call, CallInput.RELEASE):
            self.calls.report_end(call, cause, "no response")
            self.send_bye(call, cause)

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

    def _bye_answered(self, call: Call, number: int, message: Message | None) -> None:
        # Any final response ends the call, and so does none at all (15.1.1).
        self.calls.step(call, CallInput.DONE)
