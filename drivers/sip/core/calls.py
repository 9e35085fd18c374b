"""The calls that exist, their journal records, and the one report of each end."""

from collections import deque
from collections.abc import Iterable
from typing import Final

import msgspec

from drivers.events import Cause
from drivers.sip.core.call import (
    NO_EARLY,
    Call,
    CallInput,
    CallState,
    TimerUser,
)
from drivers.sip.core.happenings import Ended
from drivers.sip.core.request import PART, Received
from drivers.sip.core.services import Services
from drivers.sip.core.timers import NONE
from drivers.sip.dialog import Dialog
from drivers.sip.in_call.unanswered import given_up, invite_record
from drivers.sip.journal.records import (
    BindingRecord,
    CallMark,
    CallRecord,
    InviteRecord,
    MarkState,
    OfferRecord,
    QuestionRecord,
    RecordState,
)
from drivers.sip.journal.sealing import SealBroken
from drivers.sip.negotiation.session import Session
from drivers.sip.transport.address import Address

_pack = msgspec.msgpack.Encoder().encode

_read_call = msgspec.msgpack.Decoder(CallRecord).decode
_read_invite = msgspec.msgpack.Decoder(InviteRecord).decode
_read_offer = msgspec.msgpack.Decoder(OfferRecord).decode
_read_question = msgspec.msgpack.Decoder(QuestionRecord).decode
_read_mark = msgspec.msgpack.Decoder(CallMark).decode
_read_binding = msgspec.msgpack.Decoder(BindingRecord).decode

CALL_KIND: Final = "sip.call"
KEYED_KIND: Final = "sip.keyed"
"""A call with SRTP keys, sealed."""
INVITE_KIND: Final = "sip.invite"
OFFER_KIND: Final = "sip.offer"
KEYED_OFFER_KIND: Final = "sip.keyed_offer"
"""One whose description holds SRTP keys, sealed."""
QUESTION_KIND: Final = "sip.question"
MARK_KIND: Final = "sip.mark"
BINDING_KIND: Final = "sip.binding"

LEFT: Final = 1000
"""More than end between a message of the peer and the moment when its call is written as over."""

_STANDING: Final = ("accepted", "confirmed")
ENDED: Final = {cause: f"ended_{cause.name.lower()}" for cause in Cause}
"""Counters of ends by cause."""

_STATE_NAMES: Final[dict[CallState, RecordState]] = {
    CallState.ACCEPTED: "accepted",
    CallState.CONFIRMED: "confirmed",
    CallState.CLOSING: "closing",
    CallState.ENDING: "ending",
}


class Calls:
    """All calls by Call-ID and our tag."""

    def __init__(self, services: Services) -> None:
        self.services = services
        self._calls: dict[str, Call] = {}
        """By our tag, which are 64 random bits of each call."""
        self._by_station: dict[str, tuple[Call, ...]] = {}
        self.left: deque[str] = deque(maxlen=LEFT)
        """Call-IDs of the last calls that the peer ended before a restart."""
        self.questions: dict[str, QuestionRecord] = {}
        """By our tag, re-INVITEs that wait for a decision; after a restart those of before it."""

    def __len__(self) -> int:
        return len(self._calls)

    def add(self, call: Call) -> None:
        """Take in a new call."""
        self._calls[call.local_tag] = call
        if call.peer.is_station:
            held = self._by_station.get(call.peer.name, ())
            self._by_station[call.peer.name] = (*held, call)

    def find(self, ref: str, local_tag: str) -> Call | None:
        """The call a message belongs to."""
        call = self._calls.get(local_tag)
        return call if call is not None and call.ref == ref else None

    def of_station(self, station: str) -> list[Call]:
        """Every call with a telephone of the station."""
        return list(self._by_station.get(station, ()))

    def all(self) -> list[Call]:
        """Every call, also those that only wait for the end of their signalling."""
        return list(self._calls.values())

    def step(self, call: Call, happened: CallInput) -> bool:
        """Move a call; counted when its table has no such step."""
        if call.step(happened):
            if call.state is CallState.ENDED:
                self._forget(call)
            return True
        self.services.count("call_unexpected")
        return False

    def save(self, call: Call, state: RecordState) -> None:
        """Write the whole call to the journal, before the message it describes leaves."""
        call.recorded = True
        self.services.journal(*self._record(call, state))

    def save_invite(self, call: Call, address: Address) -> None:
        """Write down who may ring for us, before the INVITE leaves.

        The record counts until the call is saved (it was answered), its next INVITE is saved,
        or it ends.
        """
        call.recorded = True
        self.services.journal(INVITE_KIND, _pack(invite_record(call, address)))

    def save_offer(self, call: Call) -> None:
        """Write down the INVITE of a call that is about to ring, before the first response leaves.

        The record counts until the call is saved (we answered) or ends. One that came over a
        connection is not kept: its caller cannot be reached after a restart.
        """
        received = call.invite
        if received is None or received.source.reliable:
            return
        call.recorded = True
        self.services.journal(*self._offer(call, received))

    def save_question(self, tag: str, received: Received, put_off: bytes) -> None:
        """Write down a re-INVITE that is to wait, before its 100 leaves.

        One that came over a connection is not kept: its peer cannot be reached after a restart.
        """
        if not received.source.reliable:
            key = tuple(received.key.split(PART))
            one = QuestionRecord(tag=tag, key=key, put_off=put_off, address=received.reply_to)
            self.questions[tag] = one
            self.services.journal(QUESTION_KIND, _pack(one))

    def close_question(self, tag: str) -> None:
        """A re-INVITE that waited has its answer; harmless when none did."""
        if self.questions.pop(tag, None) is not None:
            self.services.journal(QUESTION_KIND, _pack(QuestionRecord(tag=tag)))

    def save_next(self, call: Call) -> None:
        """Write a standing call with the number that its next request will have."""
        if call.dialog is not None and call.recorded:
            call.dialog.local_cseq += 1
            self.save(call, _STATE_NAMES[call.state])
            call.dialog.local_cseq -= 1

    def mark(self, call: Call, state: MarkState) -> None:
        """Write a call's new state to the journal."""
        if call.recorded:
            self.services.journal(MARK_KIND, _pack((call.local_tag, state)))  # a ``CallMark``

    def restore(
        self, records: Iterable[tuple[str, bytes]], owner: TimerUser
    ) -> tuple[list[Call], list[BindingRecord], list[OfferRecord]]:
        """Rebuild what the journal's records add up to; a record nobody can read is counted."""
        latest: dict[str, CallRecord | InviteRecord | OfferRecord] = {}
        bindings: list[BindingRecord] = []
        for kind, payload in records:
            try:
                if kind in (CALL_KIND, KEYED_KIND):
                    opened = self.services.sealer.open(payload) if kind == KEYED_KIND else payload
                    record = _read_call(opened)
                    latest[record.dialog.local_tag] = record
                elif kind == INVITE_KIND:
                    invite = _read_invite(payload)
                    latest[invite.tag] = invite
                elif kind in (OFFER_KIND, KEYED_OFFER_KIND):
                    keyed = kind == KEYED_OFFER_KIND
                    offer = _read_offer(self.services.sealer.open(payload) if keyed else payload)
                    latest[offer.tag] = offer
                elif kind == QUESTION_KIND:
                    question = _read_question(payload)
                    self.questions.pop(question.tag, None)
                    if question.put_off:
                        self.questions[question.tag] = question
                elif kind == MARK_KIND:
                    mark = _read_mark(payload)
                    if mark.state == "ended":
                        self.questions.pop(mark.tag, None)
                    self._note_end(latest.get(mark.tag), mark)
                    _apply(latest, mark)
                elif kind == BINDING_KIND:
                    bindings.append(_read_binding(payload))
            except (msgspec.DecodeError, SealBroken):
                self.services.count("journal_unreadable")
        offers = [record for record in latest.values() if isinstance(record, OfferRecord)]
        calls = [
            self._rebuild(record, owner)
            for record in latest.values()
            if not isinstance(record, OfferRecord)
        ]
        return calls, bindings, offers

    def _note_end(
        self, before: CallRecord | InviteRecord | OfferRecord | None, mark: CallMark
    ) -> None:
        # What we end ourselves is "closing" or "ending" first.
        if isinstance(before, CallRecord) and mark.state == "ended" and before.state in _STANDING:
            self.left.append(before.dialog.call_id)

    def snapshot(self) -> list[tuple[str, bytes]]:
        """Records that say the same as all written so far, for a shorter journal."""
        found = [self._latest(call) for call in self._calls.values() if call.recorded]
        return found + [(QUESTION_KIND, _pack(one)) for one in self.questions.values()]

    def _latest(self, call: Call) -> tuple[str, bytes]:
        if call.state in _STATE_NAMES:
            return self._record(call, _STATE_NAMES[call.state])
        if call.inbound and call.invite is not None:
            return self._offer(call, call.invite)
        return INVITE_KIND, _pack(invite_record(call, call.place))

    def _offer(self, call: Call, received: Received) -> tuple[str, bytes]:
        packed = _pack(
            OfferRecord(
                tag=call.local_tag,
                at=self.services.timers.now,
                message=received.message.raw,
                source=received.source,
                peer=call.peer,
            )
        )
        if b"a=crypto:" in received.message.body:
            return KEYED_OFFER_KIND, self.services.sealer.seal(packed)
        return OFFER_KIND, packed

    def _record(self, call: Call, state: RecordState) -> tuple[str, bytes]:
        packed = _pack(call.fields(state))
        if call.session is not None and call.session.holds_keys:
            return KEYED_KIND, self.services.sealer.seal(packed)
        return CALL_KIND, packed

    def _rebuild(self, record: CallRecord | InviteRecord, owner: TimerUser) -> Call:
        if isinstance(record, InviteRecord):
            call = given_up(record, owner)
            self.add(call)
            call.recorded = True
            return call
        dialog = Dialog.restore(record.dialog)
        call = Call(
            owner,
            inbound=record.inbound,
            ref=dialog.call_id,
            local_tag=dialog.local_tag,
            peer=record.peer,
        )
        call.state = next(state for state, name in _STATE_NAMES.items() if name == record.state)
        call.line, call.port = record.line, record.port
        call.dialog = dialog
        if record.session is not None:
            call.session = Session.restore(record.session, self.services.new_key)
        call.wants_hold = call.session is not None and call.session.on_hold
        call.cseq = record.invite_cseq
        call.answered = call.state is CallState.CONFIRMED
        call.ok, call.ok_address = record.ok, record.ok_address
        call.delayed_offer = record.delayed_offer
        call.interval, call.refreshes = record.interval, record.refreshes
        call.takes_update = record.takes_update
        if call.ok and call.ok_address is not None and record.invite_key:
            # A repeated INVITE must find its transaction, else it would be a new call.
            key = PART.join(record.invite_key)
            self.services.transactions.restore_accepted(key, call.ok_address)
        call.reported = call.state in (CallState.CLOSING, CallState.ENDING)
        if call.state is CallState.ENDING:
            # The BYE sent before the crash used the next number already.
            dialog.local_cseq += 1
        self.add(call)
        call.recorded = True
        return call

    def report_end(self, call: Call, cause: Cause, detail: str = "") -> None:
        """Tell the driver once that the call is over; of phones that ring together, the last."""
        if call.reported:
            return
        call.reported = True
        self.services.count(ENDED[cause])
        group = call.group
        if group is not None:
            verdict = group.leave(call, cause, detail)
            if verdict is None:
                return
            call, (cause, detail) = group.lead, verdict
        self.services.happened.append(Ended(call, cause, detail))

    def _forget(self, call: Call) -> None:
        self._calls.pop(call.local_tag, None)
        if call.peer.is_station:
            self._leave_station(call)
        call.timers = NONE
        if call.transaction is not None:
            call.transaction.abandon()
        if call.reinvite is not None:
            call.reinvite.abandon()
        call.transaction = call.reinvite = None
        call.early = NO_EARLY
        if call.seat is not None:
            call.seat.leave()
        # Old deadlines and transactions still know the call for up to a minute.
        call.ok = b""
        call.invite = call.session = None
        if call.inbound:
            call.dialog = None  # one that we called may still repeat its 200, and needs its ACK
        self.questions.pop(call.local_tag, None)
        self.mark(call, "ended")
        call.recorded = False

    def _leave_station(self, call: Call) -> None:
        held = self._by_station.get(call.peer.name, ())
        others = tuple(one for one in held if one is not call)
        if others:
            self._by_station[call.peer.name] = others
        else:
            self._by_station.pop(call.peer.name, None)


def _apply(latest: dict[str, CallRecord | InviteRecord | OfferRecord], mark: CallMark) -> None:
    record = latest.get(mark.tag)
    if record is None:
        return
    if mark.state == "ended":
        del latest[mark.tag]
    elif isinstance(record, InviteRecord):
        if mark.state == "elsewhere":
            latest[mark.tag] = msgspec.structs.replace(record, elsewhere=True)
    elif isinstance(record, OfferRecord):
        pass  # only its end counts
    elif mark.state == "confirmed":
        latest[mark.tag] = msgspec.structs.replace(record, state="confirmed", ok=b"")
    elif mark.state != "elsewhere":
        latest[mark.tag] = msgspec.structs.replace(record, state=mark.state)
