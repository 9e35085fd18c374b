"""REFER (RFC 3515, 3892, 4488, 5589): transfers a peer asks of us, and those we ask of a peer.

What was asked is told to the driver; whoever connects the parties reports the outcome, which
goes back to the peer as NOTIFY. An implicit subscription outlives the call it was made in.
"""

from typing import Final
from urllib.parse import quote

from cython_ext.sip_wire import Message, WireError, format_host, parse_name_addr, parse_uri
from drivers.events import Cause
from drivers.sip.core.call import Call, CallState
from drivers.sip.core.calls import Calls
from drivers.sip.core.causes import cause_for, phrase, status_for
from drivers.sip.core.happenings import TransferAsked, TransferEnded
from drivers.sip.core.request import Received, printable
from drivers.sip.core.services import Headers, Services
from drivers.sip.dialog import Dialog
from drivers.sip.in_call.replaces import Replaces, parse_replaces
from drivers.sip.in_call.requests import Requests
from drivers.sip.options import SipOptions

SIPFRAG: Final = ("Content-Type", "message/sipfrag;version=2.0")
REPORT_LIMIT: Final = 60.0  # s; who asked hears of a failure when nobody reports until then
LONGEST_FRAGMENT: Final = 256  # bytes of a status line that are read

_LIMIT: Final = 1  # the only timer of a transfer


class Transfer:
    """A transfer that a peer asked for, until its outcome was reported."""

    __slots__ = ("call", "dialog", "id", "quiet", "timers", "transfers")

    def __init__(
        self, transfers: "Transfers", call: Call, dialog: Dialog, number: int, *, quiet: bool
    ) -> None:
        self.transfers = transfers
        self.call = call
        self.dialog = dialog
        self.id = f"{call.local_tag}.{number}"
        self.quiet = quiet
        """The peer wants no NOTIFY (Refer-Sub: false)."""
        self.timers: dict[int, float] = {}

    def timer_fired(self, timer: int) -> None:
        """Nobody reported in time."""
        self.transfers.report(self.id, Cause.TEMPORARY_FAILURE)


class Transfers:
    """Both directions of REFER, and the NOTIFYs that follow."""

    def __init__(self, services: Services, calls: Calls, requests: Requests) -> None:
        self.services = services
        self.calls = calls
        self.requests = requests
        self._open: dict[str, Transfer] = {}

    def __len__(self) -> int:
        """Transfers whose outcome is not reported yet."""
        return len(self._open)

    # Asked of us

    def receive_refer(self, call: Call, dialog: Dialog, received: Received) -> None:
        """Take a REFER within a call: tell it on, or refuse it with the status that fits."""
        services, message = self.services, received.message
        status, number, replaces = self._judge(call, message)
        if status:
            services.count(f"refer_refused_{status}")
            services.respond(received, status)
            return
        other = None
        if replaces is not None:
            other = self.calls.find(replaces.call_id, replaces.to_tag)
            if other is not None and (other is call or other.peer.name != call.peer.name):
                # Somebody else's call: whoever transfers must be a party of both (5589 7).
                services.count("refer_refused_403")
                services.respond(received, 403)
                return
        quiet = (message.header("Refer-Sub") or "").partition(";")[0].strip().lower() == "false"
        transfer = Transfer(self, call, dialog, message.cseq.number, quiet=quiet)
        self._open[transfer.id] = transfer
        headers: Headers = [services.contact]
        headers.append(("Refer-Sub", "false") if quiet else ("Expires", f"{REPORT_LIMIT:.0f}"))
        services.respond(received, 202, headers=headers)
        self._notify(transfer, 100)
        services.timers.start(transfer, _LIMIT, REPORT_LIMIT)
        services.happened.append(
            TransferAsked(
                call,
                transfer.id,
                number,
                other,
                "" if replaces is None or other is not None else replaces.text,
                printable(message.header("Referred-By") or ""),
            )
        )

    def report_ringing(self, transfer: str) -> None:
        """Tell who asked that the target rings; nothing happens after the outcome."""
        found = self._open.get(transfer)
        if found is not None:
            self.services.timers.start(found, _LIMIT, REPORT_LIMIT)
            self._notify(found, 180)

    def report(self, transfer: str, cause: Cause | None) -> None:
        """Tell who asked how it went: None for connected, else why not; counts once."""
        found = self._open.pop(transfer, None)
        if found is not None:
            found.timers.clear()
            self._notify(found, 200 if cause is None else status_for(cause))

    def _judge(self, call: Call, message: Message) -> tuple[int, str, Replaces | None]:
        """The status that refuses a REFER, or 0 with its target."""
        services = self.services
        if call.state is not CallState.CONFIRMED:
            return 481, "", None
        if not may_refer(services.options, call):
            return 603, "", None
        if any(transfer.call is call for transfer in self._open.values()):
            return 491, "", None
        values = message.headers("Refer-To")
        if len(values) != 1:
            return 400, "", None
        try:
            target = parse_uri(parse_name_addr(values[0]).uri)
            held = {name.lower(): value for name, value in target.headers.items()}
            replaces = parse_replaces(held["replaces"]) if "replaces" in held else None
        except WireError as error:
            return error.status or 400, "", None
        if (target.params.get("method") or "INVITE").upper() != "INVITE":
            return 603, "", None  # we are nobody's remote control
        number = printable(target.user)
        return (0, number, replaces) if number or replaces else (404, "", None)

    def _notify(self, transfer: Transfer, status: int) -> None:
        if transfer.quiet:
            return
        over = status >= 200
        state = "terminated;reason=noresource" if over else f"active;expires={REPORT_LIMIT:.0f}"
        headers = [
            self.services.contact,
            ("Event", f"refer;id={transfer.id.rpartition('.')[2]}"),
            ("Subscription-State", state),
            SIPFRAG,
        ]
        body = f"SIP/2.0 {status} {phrase(status)}\r\n".encode()
        if transfer.call.state is CallState.CONFIRMED:
            self.calls.save_next(transfer.call)
        self.requests.send(
            transfer.call,
            "NOTIFY",
            headers,
            finished=self._notified,
            body=body,
            dialog=transfer.dialog,
        )

    def _notified(self, call: Call, number: int, message: Message | None) -> None:
        if message is None or message.status == 481:
            # Who asked has forgotten: the outcome is of no interest any more (RFC 6665 4.2.2).
            for transfer in [one for one in self._open.values() if one.call is call]:
                transfer.quiet = True

    # Asked of a peer

    def refer(self, call: Call, number: str, other: Call | None) -> bool:
        """Ask the peer to call a number, or to take over our other call; False when it cannot."""
        dialog = call.dialog
        if call.state is not CallState.CONFIRMED or dialog is None or call.refers:
            return False
        target = _target(call, number, other)
        if target is None:
            return False
        services = self.services
        headers = [
            services.contact,
            ("Refer-To", f"<{target}>"),
            ("Referred-By", f"<sip:{services.via_host}>"),
        ]
        call.refers = True
        self.calls.save_next(call)
        self.requests.send(call, "REFER", headers, finished=self._referred)
        return True

    def receive_notify(self, call: Call, received: Received) -> None:
        """Take the progress of a transfer that we asked for."""
        services, message = self.services, received.message
        package = (message.header("Event") or "").partition(";")[0].strip().lower()
        if package != "refer":
            services.respond(received, 489, headers=[("Allow-Events", "refer")])
            return
        if not call.refers:
            services.respond(received, 481)
            return
        services.respond(received, 200)
        status = fragment_status(message.body)
        state = (message.header("Subscription-State") or "").partition(";")[0].strip().lower()
        if status >= 200:
            self._told(call, None if status < 300 else cause_for(status))
        elif state == "terminated":
            self._told(call, Cause.TEMPORARY_FAILURE)

    def _referred(self, call: Call, number: int, message: Message | None) -> None:
        if message is None:
            self._told(call, Cause.TIMER_EXPIRED)
        elif message.status >= 300:
            self._told(call, cause_for(message.status))
        elif (message.header("Refer-Sub") or "").strip().lower() == "false":
            self._told(call, None)  # nothing will follow (RFC 4488)

    def _told(self, call: Call, cause: Cause | None) -> None:
        if call.refers:
            call.refers = False
            self.services.happened.append(TransferEnded(call, cause))


def may_refer(options: SipOptions, call: Call) -> bool:
    """Whether the peer of a call may transfer it: stations where allowed, trunks if trusted."""
    if call.peer.is_station:
        return options.station_transfers
    return any(trunk.transfers for trunk in options.trunks if trunk.name == call.peer.name)


def fragment_status(body: bytes) -> int:
    """Status of a message/sipfrag body (RFC 3420); 0 when it has none."""
    words = body[:LONGEST_FRAGMENT].split(None, 2)
    if len(words) < 2 or words[0] != b"SIP/2.0" or not words[1].isdigit() or len(words[1]) != 3:
        return 0
    return int(words[1])


def _target(call: Call, number: str, other: Call | None) -> str | None:
    """The Refer-To URI; None when the other call cannot be named."""
    if other is None or other.dialog is None:
        if other is not None or not number or call.dialog is None:
            return None
        try:
            place = parse_uri(call.dialog.target)
        except WireError:
            return None
        return with_user(place.host, place.port, number)
    dialog = other.dialog
    # The tags are those that the target of the transfer sees: its own one is ours' remote.
    replaces = Replaces.of(dialog.call_id, to_tag=dialog.remote_tag, from_tag=dialog.local_tag)
    if other.state is not CallState.CONFIRMED:
        return None
    return f"{dialog.target}?Replaces={replaces.escaped()}"


def with_user(host: str, port: int | None, number: str) -> str:
    """A SIP URI of a number at a place."""
    return f"sip:{quote(number, safe='-_.!~*()&=+$,;?/')}@{format_host(host, port)}"
