"""Of the many records of one call a start reads the newest, and an older one where it must."""

import msgspec
import pytest

from daemon.control.calls.call import Call, Leg, Phase, encode_call
from daemon.control.checkpoint.reading import MOST_FORMS, Reading, read_back
from daemon.control.checkpoint.unsealing import sealed_stays
from daemon.control.journaled.files import Record
from daemon.control.journaled.kinds import CALL_KIND, PAIR_KIND
from drivers.api import LineId

NOON = 1_790_000_000.0


def form(call: int, phase: Phase = Phase.FLOW, **more: object) -> bytes:
    leg = Leg(id=call + 1, line=LineId("fake/1"))
    return encode_call(Call(id=call, started=NOON, caller=leg, phase=phase, **more))  # type: ignore[arg-type]


def numbered(*payloads: bytes) -> list[Record]:
    return [Record(number, CALL_KIND, each, NOON) for number, each in enumerate(payloads, 1)]


@pytest.mark.parametrize("count", [1, 2, MOST_FORMS, MOST_FORMS + 1, 3 * MOST_FORMS + 2])
def test_the_newest_form_counts_however_many_there_are(count: int) -> None:
    found = read_back(numbered(*(form(5, ani=str(one)) for one in range(count))), 0)
    assert [(call.id, call.ani) for call in found.calls] == [(5, str(count - 1))]
    assert found.faults == 0


def test_a_call_that_ended_is_none_any_more_and_two_may_change_together() -> None:
    both = msgspec.msgpack.encode([form(5, Phase.ENDED), form(9, ani="both")])
    records = numbered(form(9), form(5), form(7, Phase.ENDED))
    found = read_back([*records, Record(4, PAIR_KIND, both, NOON)], 0)
    assert [(call.id, call.ani) for call in found.calls] == [(9, "both")]


@pytest.mark.parametrize("bad", [1, MOST_FORMS])
def test_forms_that_cannot_be_read_are_counted_and_the_one_before_them_counts(bad: int) -> None:
    unread = msgspec.msgpack.encode({"id": 5, "phase": "talking", "caller": "nobody"})
    found = read_back(numbered(form(5, ani="first"), form(5, ani="second"), *[unread] * bad), 0)
    assert [call.ani for call in found.calls] == ["second"]
    assert found.faults == bad


def test_a_call_of_which_no_form_can_be_read_is_left_out_and_counted() -> None:
    unread = msgspec.msgpack.encode({"id": 5, "caller": "nobody"})
    unknown = msgspec.msgpack.encode({"id": 5, "phase": "asleep"})
    found = read_back(numbered(unread, unknown, b"\xc1", form(6)), 0)
    assert [call.id for call in found.calls] == [6]
    assert found.faults == 3


def test_a_call_that_cannot_be_read_is_not_counted_as_one_in_progress() -> None:
    unread = msgspec.msgpack.encode({"id": 5, "caller": "nobody"})
    reading = Reading(sealed_stays)
    reading.take_all(numbered(unread, form(6)), applied=0)
    assert reading.checkpoint(2).calls == [form(6)]
    assert (reading.calls, reading.faults) == (1, 1)
    assert reading.checkpoint(2).calls == [form(6)]
    assert reading.faults == 1


def test_a_checkpoint_holds_the_newest_form_and_goes_on_from_it() -> None:
    reading = Reading(sealed_stays)
    reading.take_all(numbered(form(5), form(5, ani="newest")), applied=0)
    checkpoint = reading.checkpoint(2)
    assert checkpoint.calls == [form(5, ani="newest")]
    further = Reading.after(checkpoint, sealed_stays)
    assert further.calls == 1
    further.take_all([Record(3, CALL_KIND, form(5, Phase.TALKING), NOON)], applied=0)
    assert [call.phase for call in further.recovered().calls] == [Phase.TALKING]
