"""Calls that go out: INVITE to its answer, CANCEL, forks, credentials (RFC 3261 13.2, 9.1)."""

from typing import Final

from cython_ext.sip_wire import Message, build_request
from drivers.api import CallDetails
from drivers.errors import ProtocolError
from drivers.events import Cause
from drivers.sip.core.call import Call, CallInput, CallState, CallTimer
from drivers.sip.core.calls import ENDED, Calls
from drivers.sip.core.causes import cause_for, cause_from_reason
from drivers.sip.core.happenings import AnsweredBy, Connected, Ended, MediaAgreed, Progressed
from drivers.sip.core.in_dialog import InDialog
from drivers.sip.core.request import printable
from drivers.sip.core.services import ALLOW, SDP_TYPE, Headers, Services
from drivers.sip.dialog import MAX_FORWARDS, Dialog
from drivers.sip.finished.transactions import Finished
from drivers.sip.in_call.failover import Failover
from drivers.sip.in_call.parallel import GLOBAL, Parallel
from drivers.sip.in_call.reliable import early_dialog, is_reliable
from drivers.sip.in_call.retries import Retries
from drivers.sip.in_call.session_timer import note_methods
from drivers.sip.in_call.strays import NOBODY
from drivers.sip.negotiation.session import Session
from drivers.sip.transaction import ClientTransaction
from drivers.sip.trunks.identity import from_value, identity_headers

ELSEWHERE: Final = ("Reason", 'SIP;cause=200;text="Call completed elsewhere"')
NO_DETAILS: Final = CallDetails()
MOST_EARLY: Final = 16  # early dialogs of one INVITE; more forks than that are not followed


class OutboundCalls:
    """The UAC side of INVITE."""

    def __init__(self, services: Services, calls: Calls, in_dialog: InDialog) -> None:
        self.services = services
        self.calls = calls
        self.in_dialog = in_dialog
        self.failover = Failover(services, calls, self._invite)
        self.retries = Retries(services, in_dialog.timers)
        services.transactions.answered_again = self._answered_again
        services.timers.often(services.options.ring_timeout_s)

    def dial(self, call: Call, *, name: str, host: str, port: int) -> None:
        """Send the INVITE of a new call whose ``uri``, ``address`` and ``ani`` are set."""
        services = self.services
        trunk = None if call.peer.is_station else services.trunk(call.peer.name)
        call.session = Session(
            host=host,
            port=port,
            terms=services.terms(call.peer, call.address.transport),
            new_key=services.new_key,
            session_id=services.session_id(),
            signalled_from=call.address[0] if call.peer.is_station else "",
            hold_style="sendonly" if trunk is None else trunk.hold,
        )
        if call.dtls is not None:
            call.session.prepare_dtls(call.dtls)
        details = call.details or NO_DETAILS
        host = services.via_host
        restricted = details.restricted or (trunk is not None and not call.ani)
        call.from_value = from_value(name, call.ani, host, call.local_tag, restricted=restricted)
        if trunk is not None and (call.details is not None or trunk.assert_identity):
            call.said = identity_headers(
                details, trunk, number=call.ani, called=call.uri, host=host
            )
        self.calls.add(call)
        self._invite(call, call.session.offer(), [])
        services.timers.start(call, CallTimer.RING_LIMIT, services.options.ring_timeout_s)

    def release(self, call: Call, cause: Cause) -> None:
        """Give up a call that is not answered: CANCEL, at once or after the first 1xx."""
        if call.cseq == 0:  # prepared, never sent
            self.calls.step(call, CallInput.REFUSAL)
            self.calls.report_end(call, cause)
            return
        proceeding = call.state is CallState.PROCEEDING
        if not self.calls.step(call, CallInput.RELEASE):
            return
        call.cancel_reason = cause
        if cause is Cause.ANSWERED_ELSEWHERE:
            self.calls.mark(call, "elsewhere")
        call.stop(CallTimer.RING_LIMIT, CallTimer.SILENCE)
        self.calls.report_end(call, cause)
        if proceeding:
            self._cancel(call)

    def release_all(self, group: Parallel, cause: Cause) -> None:
        """Give up a call to several phones."""
        for member in group.dissolve():
            member.reported = True
            if member.state is not CallState.ENDED:
                self.release(member, cause)
        group.lead.reported = True
        self.services.count(ENDED[cause])
        self.services.happened.append(Ended(group.lead, cause))

    def take_up(self, call: Call) -> None:
        """Hear the responses to an INVITE of before a restart."""
        branch, invite = call.via.rpartition("=")[2], self._request(call, "INVITE", [])
        call.transaction = self.services.transactions.restore_invite(
            (branch, "INVITE"), invite, call.address, user=_Invite(self, call)
        )

    def withdraw(self, call: Call) -> None:
        """Cancel an INVITE of before a restart, again where its telephone came back.

        Whether a 1xx came is not known any more. Without one a CANCEL should wait (9.1), but
        who has the INVITE rings already, and who has not answers 481.
        """
        call.cancel_sent = False
        self._cancel(call)

    def response(self, call: Call, message: Message) -> None:
        """Take a response to the INVITE."""
        status = message.status
        if call.session is not None and message.headers("Record-Route"):
            # A proxy is on the way: the audio comes from elsewhere than the messages.
            call.session.signalled_from = ""
        if status < 200:
            self._provisional(call, message)
        elif status < 300:
            self._answer(call, message)
        else:
            self._refusal(call, message)

    def timed_out(self, call: Call) -> None:
        """Nobody answered the INVITE."""
        if self.failover.next_place(call):
            return
        if self.calls.step(call, CallInput.REFUSAL):
            call.timers.clear()
            self.calls.report_end(call, Cause.NO_USER_RESPONDING, "no response")

    def ring_limit(self, call: Call) -> None:
        """It rang long enough."""
        self.release(call, Cause.NO_ANSWER)

    def cancel_limit(self, call: Call) -> None:
        """A cancelled INVITE got no final response: forget it (9.1)."""
        self.calls.step(call, CallInput.REFUSAL)

    def _invite(self, call: Call, body: bytes, extra: Headers) -> None:
        services = self.services
        call.cseq += 1
        call.via = services.via_start + services.branch()
        headers = [
            services.contact,
            ALLOW,
            services.supported,
            *self.in_dialog.timers.request_headers(call),
            *call.said,
            *extra,
            services.user_agent,
            SDP_TYPE,
        ]
        data = self._request(call, "INVITE", headers, body)
        services.count("sent_invite")
        call.transaction = services.transactions.open_client(
            (call.via.rpartition("=")[2], "INVITE"),
            data,
            call.address,
            user=_Invite(self, call),
            invite=True,
        )
        self.calls.save_invite(call, call.place)  # what was sent above leaves after us
        self.failover.watch(call)

    def _request(self, call: Call, method: str, headers: Headers, body: bytes = b"") -> bytes:
        """A request that belongs to the INVITE: same Via, From, To, Call-ID and number."""
        lines = [
            ("Via", call.via),
            MAX_FORWARDS if call.details is None else ("Max-Forwards", str(call.details.hops)),
            ("From", call.from_value),
            ("To", f"<{call.uri}>"),
            ("Call-ID", call.ref),
            ("CSeq", f"{call.cseq} {method}"),
            *call.routes,
            *headers,
        ]
        return build_request(method, call.uri, lines, body)

    def _cancel(self, call: Call) -> None:
        if call.cancel_sent:
            return
        call.cancel_sent = True
        services = self.services
        elsewhere = call.cancel_reason is Cause.ANSWERED_ELSEWHERE
        data = self._request(call, "CANCEL", [ELSEWHERE] if elsewhere else [])
        services.count("sent_cancel")
        branch = call.via.rpartition("=")[2]
        services.transactions.open_client((branch, "CANCEL"), data, call.place, user=NOBODY)
        limit = 64 * services.options.timers.t1
        services.timers.start(call, CallTimer.CANCEL_LIMIT, limit)

    def _provisional(self, call: Call, message: Message) -> None:
        if not self.calls.step(call, CallInput.PROVISIONAL):
            return
        call.stop(CallTimer.SILENCE)
        if call.state is CallState.CANCELLING:
            self._cancel(call)
            return
        if message.status == 100:
            return
        if message.to_tag and not self._early(call, message):
            return
        if call.group is not None:
            if not call.group.rings:
                call.group.rings = True
                self.services.happened.append(Progressed(call.group.lead, "ringback"))
            return  # several phones cannot be heard at once, so their early audio is not
        tone = "ringback" if call.tone != "early" else "early"
        session = call.session
        if message.body and session is not None and call.tone != "early":
            try:
                session.accept(message.body)
            except ProtocolError:
                self.services.count("answer_not_acceptable")
            else:
                tone = "early"
                self._report_media(call)
        if tone != call.tone:
            call.tone = tone
            self.services.happened.append(Progressed(call, tone))

    def _early(self, call: Call, message: Message) -> bool:
        """Keep the early dialog of a 1xx and acknowledge a reliable one; False for an old one."""
        reliable = is_reliable(message)
        if not reliable and not message.body and message.to_tag not in call.early:
            return True  # nothing that a 200 would not tell again
        if len(call.early) >= MOST_EARLY and message.to_tag not in call.early:
            self.services.count("early_dialogs_too_many")
            return True
        early = early_dialog(call, message, lambda: self._dialog(call, message))
        note_methods(call, message)
        if message.body and not early.answer:
            early.answer = message.body
        return not reliable or self.in_dialog.reliable.acknowledge(call, message, early)

    def _answer(self, call: Call, message: Message) -> None:
        early = call.early.get(message.to_tag)
        dialog = self._dialog(call, message)
        if early is not None:
            # Its numbers went on with each PRACK and UPDATE (12.2.1.1).
            dialog.local_cseq = early.dialog.local_cseq
            dialog.remote_cseq = early.dialog.remote_cseq
        cancelled = call.state is CallState.CANCELLING
        if not self.calls.step(call, CallInput.ANSWER):
            return
        call.dialog = dialog
        call.stop(CallTimer.RING_LIMIT, CallTimer.CANCEL_LIMIT, CallTimer.SILENCE)
        if call.seat is not None and call.seat.gateway is not None:
            call.seat.gateway.works()
        ack = self._ack(dialog, call.cseq)
        if call.transaction is not None:
            call.address = call.place
            call.transaction.settle(ack, dialog.address, message.to_tag)
            call.transaction = None
        if cancelled:
            self.calls.save(call, "ending")
            self.services.send(ack, dialog.address)
            self.in_dialog.ending.send_bye(call, Cause.NORMAL)
            return
        fault = self._take_answer(call, message, b"" if early is None else early.answer)
        call.settle()
        if not fault:
            self.in_dialog.timers.agree_as_client(call, message)
        self.calls.save(call, "confirmed")
        self.services.send(ack, dialog.address)
        if fault:
            self.services.count("answer_not_acceptable")
            self.calls.report_end(call, Cause.INCOMPATIBLE, fault)
            self.calls.step(call, CallInput.RELEASE)
            self.in_dialog.ending.send_bye(call, Cause.INCOMPATIBLE)
            return
        call.answered = True
        if call.group is not None:
            self._win(call, call.group)
        self._report_media(call)
        self.services.happened.append(Connected(call))

    def _win(self, call: Call, group: Parallel) -> None:
        """The first phone answered: the others are told that somebody did (RFC 3326)."""
        for member in group.dissolve():
            if member is not call:
                member.reported = True
                self.release(member, Cause.ANSWERED_ELSEWHERE)
        if call is not group.lead:
            self.services.happened.append(AnsweredBy(group.lead, call))

    def _take_answer(self, call: Call, message: Message, early: bytes) -> str:
        session = call.session
        if session is None:
            return "no session"
        if call.updated and early:
            return ""  # an UPDATE has changed what the first answer said
        try:
            # A 2xx need not repeat what the same phone answered early (RFC 3264, 6337 2).
            session.accept(message.body or early)
        except ProtocolError as error:
            return str(error)
        return ""

    def _answered_again(self, known: Finished, message: Message) -> None:
        """Another 2xx to an INVITE that had one, while the call stands or when it is over."""
        if message.to_tag == known.tag:
            self.services.send(known.data, known.address)
            return
        call = self.calls.find(message.call_id, message.from_tag)
        if call is None:
            self.in_dialog.strays.answered(message, known.address)
        else:
            self._hang_up_fork(call, message)

    def _hang_up_fork(self, call: Call, message: Message) -> None:
        """Another phone answered too: acknowledge it and hang up (13.2.2.4)."""
        dialog = self._dialog(call, message)
        services = self.services
        services.count("fork_hung_up")
        services.send(self._ack(dialog, call.cseq), dialog.address)
        if message.to_tag in call.remote_tags:
            return
        call.remote_tags += (message.to_tag,)
        branch = services.branch()
        bye = dialog.request(
            "BYE",
            via=services.via_start + branch,
            number=call.cseq + 1,
            headers=[services.user_agent],
        )
        services.transactions.open_client((branch, "BYE"), bye, dialog.address, user=NOBODY)

    def _dialog(self, call: Call, message: Message) -> Dialog:
        dialog = Dialog.calling(
            message,
            local=call.from_value,
            local_tag=call.local_tag,
            cseq=call.cseq,
            source=call.place,
            fixed=call.peer.is_station,
            fallback=call.uri,
        )
        dialog.call_id = call.ref  # the same text, kept once
        return dialog

    def _ack(self, dialog: Dialog, number: int) -> bytes:
        via = self.services.via_start + self.services.branch()
        return dialog.request("ACK", via=via, number=number, headers=[])

    def _refusal(self, call: Call, message: Message) -> None:
        status = message.status
        extra = self.retries.answer(call, message)
        if extra is not None:
            self._again(call, extra)
            return
        if self.failover.next_place(call, message):
            return
        if not self.calls.step(call, CallInput.REFUSAL):
            return
        call.timers.clear()
        cause = cause_from_reason(message.headers("Reason")) or cause_for(status)
        if call.group is not None and status in GLOBAL:
            self.release_all(call.group, cause)
        self.calls.report_end(call, cause, f"{status} {printable(message.reason)}")

    def _again(self, call: Call, extra: Headers) -> None:
        """Send the INVITE once more, as a new transaction."""
        if call.session is not None:
            call.session.withdraw()
            self.calls.step(call, CallInput.CHALLENGE)
            self._invite(call, call.session.offer(), extra)

    def _report_media(self, call: Call) -> None:
        session = call.session
        if session is not None and session.remote is not None and session.fmt is not None:
            self.services.happened.append(MediaAgreed(call, session.remote, session.fmt))


class _Invite:
    """Carries responses of one INVITE to its call."""

    __slots__ = ("call", "outbound")

    def __init__(self, outbound: OutboundCalls, call: Call) -> None:
        self.outbound = outbound
        self.call = call

    def response(self, transaction: ClientTransaction, message: Message) -> None:
        """Hand a response on."""
        self.outbound.response(self.call, message)

    def timed_out(self, transaction: ClientTransaction) -> None:
        """Tell that nobody answered."""
        self.outbound.timed_out(self.call)
