"""What arrives: transactions first, then the part of the core a message is for.

Malformed and unexpected messages get the status RFC 3261 8.2 gives them, or silence; each
kind has a counter.
"""

from collections.abc import Sequence
from typing import Final

from cython_ext.sip_wire import (
    Message,
    WireError,
    build_response,
    parse,
    parse_name_addr,
    parse_uri,
)
from drivers.events import Cause
from drivers.sip.auth import Challenger, Verdict
from drivers.sip.core.call import Call, CallInput, CallState, TimerUser
from drivers.sip.core.calls import Calls
from drivers.sip.core.causes import phrase
from drivers.sip.core.in_dialog import InDialog, dialog_of
from drivers.sip.core.inbound import InboundCalls
from drivers.sip.core.request import (
    KNOWN_URI,
    Received,
    as_utf8,
    cancelled_key,
    known_fault,
    merge_key,
    number_of,
    uri_fault,
)
from drivers.sip.core.services import ACCEPT, ALLOW, BRANCH, EXTENSIONS, Services
from drivers.sip.dialog import Dialog
from drivers.sip.finished.transactions import client_key
from drivers.sip.journal.records import Peer
from drivers.sip.machines import Input, State
from drivers.sip.options import StationAccount
from drivers.sip.stations.registrar import Registrar
from drivers.sip.stations.watching import Subscriptions
from drivers.sip.transaction import ServerTransaction
from drivers.sip.transport.address import Address
from drivers.sip.transport.guard import CallLimit
from drivers.sip.trunks.sources import Sources

HANDLED: Final = frozenset(
    {
        *("INVITE", "ACK", "BYE", "CANCEL", "OPTIONS", "REGISTER", "INFO"),
        *("PRACK", "UPDATE", "REFER", "NOTIFY", "SUBSCRIBE"),
    }
)
_COUNTED: Final = HANDLED | {"MESSAGE"}
_DESCRIBED: Final = frozenset({"INVITE", "UPDATE", "PRACK"})
_SDP_RANGES: Final = frozenset({"application/sdp", "application/*", "*/*"})
RETRY_AFTER_S: Final = (2, 11)
"""Range of Retry-After under overload; at random, so that callers do not return together."""


class Incoming:
    """Every datagram goes through here."""

    def __init__(
        self,
        services: Services,
        calls: Calls,
        *,
        owner: TimerUser,
        inbound: InboundCalls,
        in_dialog: InDialog,
        registrar: Registrar,
        challenger: Challenger,
        sources: Sources,
        watching: Subscriptions,
    ) -> None:
        self.services = services
        self.calls = calls
        self.owner = owner
        self.inbound = inbound
        self.in_dialog = in_dialog
        self.registrar = registrar
        self.challenger = challenger
        self.sources = sources
        self.watching = watching
        self.accounts: dict[str, StationAccount] = {}
        self._new_calls = CallLimit(services.options.new_calls_per_s)

    def receive(self, data: bytes, source: Address) -> None:
        """Take one datagram."""
        if not data.isascii():
            data = as_utf8(data)
        try:
            message = parse(data)
        except WireError as error:
            self._refuse_garbage(error, source)
            return
        if message.is_request:
            self._request(message, source)
        else:
            self._response(message, source)

    def set_accounts(self, accounts: Sequence[StationAccount]) -> None:
        """Replace the stations; what no station has a secret for is not asked for either."""
        self.accounts = {account.name: account for account in accounts}
        held = {"MD5": False, "SHA-256": False}
        for account in accounts:
            held["MD5"] |= bool(account.ha1_md5)
            held["SHA-256"] |= bool(account.ha1_sha256)
        offered = self.services.options.digest_algorithms
        self.challenger.algorithms = [name for name in offered if held[name]] or offered

    def trunk_at(self, host: str) -> Peer | None:
        """The trunk that calls from this address."""
        return self.sources.trunk_at(host)

    # Requests

    def _request(self, message: Message, source: Address) -> None:
        services, method = self.services, message.method
        services.count("received_" + (method.lower() if method in _COUNTED else "other"))
        received = Received(message, source)
        known = services.transactions.servers.get(received.key)
        if method == "ACK":
            # One for a failure belongs to the transaction, one for a 2xx to the dialog; some
            # peers give the latter the INVITE's branch all the same.
            if known is None or known.state is State.ACCEPTED:
                self._ack(message)
            elif isinstance(known, ServerTransaction):
                known.step(Input.ACK)
        elif isinstance(known, ServerTransaction):
            known.step(Input.REQUEST)
        elif known is not None:
            services.respond_again(received, known)
        elif method == "CANCEL":
            self._cancel(received)
        elif self._is_understood(received):
            self._dispatch(received)

    def _open(self, received: Received) -> bool:
        """Begin the request's transaction; until then refusals leave nothing behind (8.2.7).

        False after a 482, when the same request is here already over another path.
        """
        services, message = self.services, received.message
        merge = None if message.to_tag else merge_key(message)
        transactions = services.transactions
        if merge is not None and transactions.is_merged(received.key, merge):
            services.count("merged")
            services.respond(received, 482)
            return False
        received.transaction = transactions.open_server(
            received.key, received.reply_to, invite=message.method == "INVITE", merge=merge
        )
        return True

    def _ack(self, message: Message) -> None:
        call = self.calls.find(message.call_id, message.to_tag)
        if call is None or call.dialog is None or call.dialog.remote_tag != message.from_tag:
            self.services.count("ack_unexpected")
        else:
            self.inbound.ack(call, message)

    def _cancel(self, received: Received) -> None:
        services = self.services
        invite = cancelled_key(received.key)
        if invite not in services.transactions.servers:
            services.count("cancel_unmatched")
            services.respond(received, 481)
            return
        received.transaction = services.transactions.open_server(
            received.key, received.reply_to, invite=False, merge=None
        )
        self.inbound.cancel(received, invite)
        self.in_dialog.offers.t38.cancelled(invite)

    def _is_understood(self, received: Received) -> bool:
        """Refuse what RFC 3261 8.2 says a server must not process."""
        message, services = received.message, self.services
        if message.method not in HANDLED:
            services.count("method_not_allowed")
            services.respond(received, 405, headers=[ALLOW])
            return False
        uri = message.uri
        status = known_fault(uri) if len(uri) <= KNOWN_URI else uri_fault(uri)
        if status:
            services.count("uri_not_supported" if status == 416 else "uri_malformed")
            services.respond(received, status)
            return False
        required = [
            tag for tag in message.headers("Require") if tag.strip().lower() not in EXTENSIONS
        ]
        required += message.headers("Proxy-Require")
        if required:
            services.count("extension_required")
            unsupported = ("Unsupported", ", ".join(required))
            services.respond(received, 420, headers=[unsupported])
            return False
        if message.body and message.method in _DESCRIBED:
            kind = (message.header("Content-Type") or "").partition(";")[0].strip().lower()
            coding = (message.header("Content-Encoding") or "identity").strip().lower()
            if kind != "application/sdp" or coding != "identity":
                services.count("content_not_supported")
                services.respond(received, 415, headers=[ACCEPT])
                return False
        return True

    def _dispatch(self, received: Received) -> None:
        message, services = received.message, self.services
        if message.method == "REGISTER":
            self._register(received)
        elif message.method == "SUBSCRIBE":
            self._subscribe(received)
        elif message.to_tag:
            call = self.calls.find(message.call_id, message.to_tag)
            dialog = None if call is None else dialog_of(call, message)
            if call is None or dialog is None:
                services.count("dialog_unknown")
                services.respond(received, 481)
            elif self._open(received):
                self._in_dialog(call, dialog, received)
        elif message.method == "INVITE":
            self._invite(received)
        elif message.method == "REFER":
            services.count("refer_outside_dialog")
            services.respond(received, 403)  # nobody makes us call out of the blue
        elif message.method == "OPTIONS":
            services.respond(received, 200, headers=[ALLOW, ACCEPT])
        else:
            services.count("dialog_unknown")
            services.respond(received, 481)

    def _subscribe(self, received: Received) -> None:
        services, message = self.services, received.message
        if message.to_tag:
            if self._open(received) and not self.watching.refresh(received):
                services.count("dialog_unknown")
                services.respond(received, 481)
            return
        if not self.accounts:
            services.respond(received, 403)
            return
        station = self._authenticate(received, proxy=False)
        if station and self._open(received):
            self.watching.subscribe(received, station, frozenset(self.accounts))

    def _in_dialog(self, call: Call, dialog: Dialog, received: Received) -> None:
        source = received.source
        if source.reliable and source != dialog.source and not self.services.is_open(dialog.source):
            dialog.move(source)  # the peer came back on another connection
            self.services.count("flow_found_again")
        if call.state is CallState.OFFERED and received.message.method == "BYE":
            self.services.respond(received, 200)
            self.inbound.terminate(call, CallInput.PEER_BYE, Cause.NORMAL)
        elif call.dialog is None and received.message.method == "BYE":
            # The called side ends an early dialog by refusing the INVITE (15).
            self.services.respond(received, 481)
        else:
            message = received.message
            method, state = message.method, call.state
            again = method == "INVITE" or (method == "BYE" and state is CallState.ACCEPTED)
            later = again and message.cseq.number > call.cseq
            if later and call.ok and not call.delayed_offer:
                # The ACK is lost, as while we started anew: nobody without our 200 sends this.
                self.inbound.acknowledged(call)
            self.in_dialog.receive(call, dialog, received)

    def _invite(self, received: Received) -> None:
        services, message = self.services, received.message
        accepts = message.headers("Accept")
        if accepts and not any(a.partition(";")[0].strip() in _SDP_RANGES for a in accepts):
            services.count("answer_not_wanted")
            services.respond(received, 406)
            return
        if self._is_loop(message):
            services.count("loop_detected")
            services.respond(received, 482)
            return
        station = self.registrar.station_at(received.source)
        peer = None if station else self.trunk_at(received.source[0])
        if peer is None:
            if not self.accounts:
                services.count("invite_from_stranger")
                services.blame(received.source.host, "call without a right")
                services.respond(received, 403)
                return
            user = self._authenticate(received, proxy=True)
            if not user:
                return
            peer = Peer(user, True, services.options.station_codecs)
        elif self._is_exposed(peer, received.source):
            services.count("trunk_not_secure")
            services.respond(received, 403)
            return
        if not self._new_calls.takes(received.key, services.timers.now):
            services.count("calls_over_limit")
            wait = str(services.random.randrange(*RETRY_AFTER_S))
            services.respond(received, 503, headers=[("Retry-After", wait)])
        elif self._open(received):
            self.inbound.invite(received, peer, self.owner)

    def _is_exposed(self, peer: Peer, source: Address) -> bool:
        """Whether a call came in the clear although its trunk is one for TLS."""
        trunk = self.services.trunk(peer.name)
        return trunk is not None and trunk.transport == "tls" and source.transport != "tls"

    def _is_loop(self, message: Message) -> bool:
        """Whether this is an INVITE of our own that came back for the same number (16.3)."""
        call = self.calls.find(message.call_id, message.from_tag)
        return (
            call is not None and not call.inbound and number_of(call.uri) == number_of(message.uri)
        )

    def _register(self, received: Received) -> None:
        services, message = self.services, received.message
        if not self.accounts:
            services.count("register_without_stations")
            services.blame(received.source.host, "no stations here")
            services.respond(received, 403)
            return
        user = self._authenticate(received, proxy=False)
        if not user:
            return
        try:
            wanted = parse_uri(parse_name_addr(message.header("To") or "").uri).user
        except WireError:
            services.respond(received, 400)
            return
        if wanted != user:
            services.count("register_for_other")
            services.respond(received, 403)
            return
        if not self._open(received):
            return
        reply = self.registrar.register(user, message, received.source)
        services.respond(received, reply.status, headers=list(reply.headers))

    def _authenticate(self, received: Received, *, proxy: bool) -> str:
        """The authenticated station; empty after a challenge was sent instead."""
        services, message = self.services, received.message
        values = message.headers("Proxy-Authorization" if proxy else "Authorization")
        now, method, uri = services.timers.now, message.method, message.uri
        checked = self.challenger.check(values, method, uri, self.accounts, now, message.body)
        host = received.source.host
        if checked.verdict is Verdict.WRONG:
            services.wrong_password(checked.user, host)
        wait = services.account_wait(checked.user, host)
        if wait > 0.0:  # a right password gets the same answer: who guesses learns nothing
            services.count("account_refused")
            services.respond(received, 503, headers=[("Retry-After", str(int(wait) + 1))])
            return ""
        if checked.verdict is Verdict.GOOD:
            services.right_password(checked.user, host)
            return checked.user
        services.count(f"auth_{checked.verdict.name.lower()}")
        asked = self.challenger.challenges(
            services.timers.now,
            stale=checked.verdict is Verdict.STALE,
            user_agent=message.header("User-Agent"),
        )
        name = "Proxy-Authenticate" if proxy else "WWW-Authenticate"
        services.respond(received, 407 if proxy else 401, headers=[(name, v) for v in asked])
        return ""

    # Responses

    def _response(self, message: Message, source: Address) -> None:
        services = self.services
        services.count(f"received_{message.status}")
        vias = message.headers("Via")
        if len(vias) != 1:
            services.count("response_not_ours")  # 8.1.3.3
            return
        transactions, method, via = services.transactions, message.cseq.method, vias[0]
        # Most peers give our Via back as we wrote it; it is taken apart only for the others.
        at = via.find(";branch=") + 8
        if transactions.receive(client_key(via[at : at + BRANCH], method), message, source):
            return
        if transactions.receive(client_key(message.top_via.branch, method), message, source):
            return
        services.count("response_unmatched")
        success = message.cseq.method == "INVITE" and 200 <= message.status < 300
        # Only to those we may have called: nobody else makes us send anything.
        if success and (self.trunk_at(source.host) or self.registrar.is_at(source.host)):
            self.in_dialog.strays.answered(message, source)

    def _refuse_garbage(self, error: WireError, source: Address) -> None:
        services = self.services
        services.blame(source.host, "no SIP message")
        services.count("malformed_" + error.reason.replace(" ", "_").replace("-", "_").lower())
        vias = [value for name, value in error.echo if name == "Via"]
        if not error.status or not vias:
            return
        try:
            data = build_response(error.status, phrase(error.status), error.echo)
        except WireError:
            return
        services.count(f"sent_{error.status}")
        services.send(data, source)
