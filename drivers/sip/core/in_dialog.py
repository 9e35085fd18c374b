"""Requests of the peer within a dialog: each goes to the part that answers it; INFO and keys."""

from typing import Final

from cython_ext.sip_wire import Message
from drivers.sip.core.call import Call, CallState
from drivers.sip.core.calls import Calls
from drivers.sip.core.happenings import KeyPressed
from drivers.sip.core.request import Received
from drivers.sip.core.services import ACCEPT, ALLOW, Services
from drivers.sip.dialog import Dialog
from drivers.sip.in_call.ending import Ending
from drivers.sip.in_call.offers import Offers
from drivers.sip.in_call.reliable import Reliable
from drivers.sip.in_call.requests import Requests
from drivers.sip.in_call.session_timer import SessionTimers
from drivers.sip.in_call.strays import Strays
from drivers.sip.in_call.transfers import Transfers

KEYS: Final = frozenset("0123456789*#ABCD")
_KEY_NUMBERS: Final = {"10": "*", "11": "#", "12": "A", "13": "B", "14": "C", "15": "D"}
_OVER: Final = frozenset({CallState.ENDING, CallState.ENDED})


class InDialog:
    """What happens to a call that has a dialog."""

    def __init__(self, services: Services, calls: Calls) -> None:
        self.services = services
        self.calls = calls
        self.requests = Requests(services)
        self.ending = Ending(services, calls, self.requests)
        self.timers = SessionTimers(services, calls, self.requests, self.ending)
        self.offers = Offers(services, calls, self.requests, self.ending, self.timers)
        self.reliable = Reliable(services, self.requests)
        self.transfers = Transfers(services, calls, self.requests)
        self.strays = Strays(services, calls, self.offers)

    def receive(self, call: Call, dialog: Dialog, received: Received) -> None:
        """Take a request of the peer in this dialog; the method is one we handle."""
        message = received.message
        if not dialog.is_next(message.cseq.number):
            self.services.count("cseq_out_of_order")
            self.services.respond(received, 500)
            return
        method = message.method
        if method == "BYE":
            self.ending.receive_bye(call, received)
        elif method == "INFO":
            self._info(call, received)
        elif method == "NOTIFY":
            self.transfers.receive_notify(call, received)
        elif call.state in _OVER:
            self.services.respond(received, 481)
        elif method == "INVITE":
            self.offers.receive_reinvite(call, received)
        elif method == "UPDATE":
            self.offers.receive_update(call, dialog, received)
        elif method == "PRACK":
            self.reliable.receive_prack(call, received)
        elif method == "REFER":
            self.transfers.receive_refer(call, dialog, received)
        else:
            self.services.respond(received, 200, headers=[ALLOW, ACCEPT])

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


def dialog_of(call: Call, message: Message) -> Dialog | None:
    """The dialog of the call that a request of the peer belongs to: the one that stands, or an
    early one; None when the peer's tag is in neither."""
    dialog = call.dialog
    if dialog is not None:
        return dialog if dialog.remote_tag == message.from_tag else None
    early = call.early.get(message.from_tag)
    return None if early is None else early.dialog
