"""What of the driver's journal records still counts, in few records.

``Calls.restore`` and its neighbours add records up when the driver begins again: the newest form
of what is alive. A day's records of which most have ended need not be kept for that. Restored
from what this leaves, the driver is as restored from everything that it took.
"""

from collections.abc import Callable, Container
from typing import Any, Final

import msgspec

from drivers.sip.core.calls import (
    BINDING_KIND,
    CALL_KIND,
    INVITE_KIND,
    KEYED_KIND,
    KEYED_OFFER_KIND,
    LEFT,
    MARK_KIND,
    OFFER_KIND,
    QUESTION_KIND,
)
from drivers.sip.journal.lamps import LAMP_KIND, SUBSCRIPTION_KIND
from drivers.sip.journal.sealing import SealBroken

Packed = tuple[str, bytes]
"""Kind and payload of a record."""
_STANDING: Final = ("accepted", "confirmed")


# The first fields of each record, which name what it is about. Reading no more is quicker.


class _Dialog(msgspec.Struct, array_like=True):
    call_id: str
    local: msgspec.Raw
    local_tag: str


class _Call(msgspec.Struct, array_like=True):
    inbound: bool
    state: str
    line: msgspec.Raw
    port: msgspec.Raw
    peer: msgspec.Raw
    dialog: _Dialog


class _Tagged(msgspec.Struct, array_like=True):
    """Of an INVITE or an offer."""

    tag: str


class _Question(msgspec.Struct, array_like=True):
    tag: str
    key: msgspec.Raw
    put_off: bytes


class _Mark(msgspec.Struct, array_like=True):
    tag: str
    state: str


class _Binding(msgspec.Struct, array_like=True):
    station: str
    contact: str
    source: msgspec.Raw
    call_id: msgspec.Raw
    cseq: msgspec.Raw
    expires: float


class _Subscription(msgspec.Struct, array_like=True):
    dialog: _Dialog
    package: msgspec.Raw
    event: msgspec.Raw
    watched: msgspec.Raw
    until: float


class _Lamp(msgspec.Struct, array_like=True):
    station: str


class _Alive:
    """A call that has not ended, with the records that say how it stands."""

    __slots__ = ("call_id", "records", "state")

    def __init__(self, record: Packed, call_id: str = "", state: str = "") -> None:
        self.records = [record]
        self.call_id = call_id
        self.state = state
        """Empty before there is a dialog."""


def _reader(kind: type[Any]) -> Callable[[bytes], Any]:
    return msgspec.msgpack.Decoder(kind).decode


_read_call: Final = _reader(_Call)
_read_tagged: Final = _reader(_Tagged)
_read_question: Final = _reader(_Question)
_read_mark: Final = _reader(_Mark)
_read_binding: Final = _reader(_Binding)
_read_subscription: Final = _reader(_Subscription)
_read_lamp: Final = _reader(_Lamp)


class Compaction:
    """Takes the records of one driver in order, and says which are left of them.

    ``open_sealed`` gives what is in a sealed record, SealBroken else; such records are kept.
    """

    def __init__(self, open_sealed: Callable[[bytes], bytes]) -> None:
        self._open = open_sealed
        self._calls: dict[str, _Alive] = {}
        self._left: dict[str, list[Packed]] = {}
        """Records of calls that their peer ended, by Call-ID, the newest last."""
        self._bindings: dict[tuple[str, str], Packed] = {}
        self._questions: dict[str, Packed] = {}
        self._lamps: dict[str, Packed] = {}
        self._subscriptions: dict[str, Packed] = {}
        self._strange: list[Packed] = []
        """What nobody here can read; the driver counts it."""
        self._take: dict[str, Callable[[Packed], None]] = {
            CALL_KIND: self._call,
            KEYED_KIND: self._call,
            INVITE_KIND: self._tagged,
            OFFER_KIND: self._tagged,
            KEYED_OFFER_KIND: self._tagged,
            QUESTION_KIND: self._question,
            MARK_KIND: self._mark,
            BINDING_KIND: self._binding,
            LAMP_KIND: self._lamp,
            SUBSCRIPTION_KIND: self._subscription,
        }

    def take(self, record: Packed) -> None:
        """Take the next record."""
        try:
            self._take.get(record[0], self._strange.append)(record)
        except (msgspec.DecodeError, SealBroken):
            self._strange.append(record)

    def records(self, wanted: Container[str]) -> list[Packed]:
        """Records that say the same as all taken.

        Of calls that their peers ended only those are told that ``wanted`` names by Call-ID.
        """
        found = [one for ref, pair in self._left.items() if ref in wanted for one in pair]
        found += [one for call in self._calls.values() for one in call.records]
        for latest in (self._questions, self._bindings, self._lamps, self._subscriptions):
            found += latest.values()
        return found + self._strange

    def _opened(self, record: Packed) -> bytes:
        kind, payload = record
        return self._open(payload) if kind in (KEYED_KIND, KEYED_OFFER_KIND) else payload

    def _call(self, record: Packed) -> None:
        call = _read_call(self._opened(record))
        dialog = call.dialog
        self._calls[dialog.local_tag] = _Alive(record, dialog.call_id, call.state)

    def _tagged(self, record: Packed) -> None:
        self._calls[_read_tagged(self._opened(record)).tag] = _Alive(record)

    def _question(self, record: Packed) -> None:
        question = _read_question(record[1])
        self._questions.pop(question.tag, None)
        if question.put_off:
            self._questions[question.tag] = record

    def _mark(self, record: Packed) -> None:
        mark = _read_mark(record[1])
        if mark.state == "ended":
            self._questions.pop(mark.tag, None)
        call = self._calls.get(mark.tag)
        if call is None:
            return
        call.records.append(record)
        if mark.state != "ended":
            if call.state and mark.state != "elsewhere":
                call.state = mark.state
            return
        del self._calls[mark.tag]
        if call.state in _STANDING:  # what we end ourselves is closing or ending first
            self._left.pop(call.call_id, None)
            self._left[call.call_id] = call.records
            if len(self._left) > LEFT:
                del self._left[next(iter(self._left))]

    def _binding(self, record: Packed) -> None:
        binding = _read_binding(record[1])
        key = (binding.station, binding.contact)
        self._bindings.pop(key, None)
        if binding.expires:
            self._bindings[key] = record

    def _lamp(self, record: Packed) -> None:
        self._lamps[_read_lamp(record[1]).station] = record

    def _subscription(self, record: Packed) -> None:
        one = _read_subscription(record[1])
        tag = one.dialog.local_tag
        if one.until > 0:
            self._subscriptions[tag] = record
        else:
            self._subscriptions.pop(tag, None)
