"""A 200 to an INVITE that no transaction of ours waits for any more."""

import re
from typing import Final

from cython_ext.sip_wire import Message
from drivers.events import Cause
from drivers.sip.core.calls import Calls
from drivers.sip.core.causes import reason_values
from drivers.sip.core.services import Services
from drivers.sip.dialog import Dialog
from drivers.sip.in_call.offers import Offers
from drivers.sip.transaction import ClientTransaction
from drivers.sip.transport.address import Address

OUR_TAG: Final = re.compile(r"[0-9a-f]{16}\Z")
"""What tags and the beginnings of our Call-IDs look like."""


class Strays:
    """Acknowledges them; hangs up those of a call that went elsewhere or was forgotten."""

    def __init__(self, services: Services, calls: Calls, offers: Offers) -> None:
        self.services = services
        self.calls = calls
        self.offers = offers

    def answered(self, message: Message, source: Address) -> None:
        """Take a 200 from a trunk or station."""
        call = self.calls.find(message.call_id, message.from_tag)
        dialog = None if call is None else call.dialog
        if call is not None and dialog is not None and dialog.remote_tag == message.to_tag:
            # Its ACK was lost while we were restarted: acknowledge it again.
            self.offers.acknowledge(call, message.cseq.number)
            return
        services = self.services
        if not OUR_TAG.match(message.from_tag) or not OUR_TAG.match(message.call_id[:16]):
            return  # an answer to somebody else
        services.count("stray_hung_up")
        number = message.cseq.number
        local = message.header("From") or ""
        stray = Dialog.calling(
            message,
            local=local,
            local_tag=message.from_tag,
            cseq=number,
            source=source,
            fixed=True,
            fallback=f"sip:{services.via_host}",
        )
        ack = stray.request(
            "ACK", via=services.via_start + services.branch(), number=number, headers=[]
        )
        services.send(ack, stray.address)
        branch = services.branch()
        bye = stray.request(
            "BYE",
            via=services.via_start + branch,
            number=number + 1,
            headers=[("Reason", reason_values(Cause.NORMAL)), services.user_agent],
        )
        services.transactions.open_client((branch, "BYE"), bye, stray.address, user=NOBODY)


class _Nobody:
    """Sender of a request whose outcome changes nothing."""

    def response(self, transaction: ClientTransaction, message: Message) -> None:
        """Nothing depends on it."""

    def timed_out(self, transaction: ClientTransaction) -> None:
        """Nothing depends on it."""


NOBODY: Final = _Nobody()
