"""What a call keeps of memory while people talk."""

import gc
import tracemalloc

import msgspec
from msgspec.structs import replace

from drivers.sip.core.call import Call, CallState
from drivers.sip.core.happenings import Offered
from drivers.sip.core.timers import NONE
from drivers.sip.journal.records import SessionRecord
from drivers.sip.negotiation.session import Session
from tests.fakes.sip_bench import OFFER, OPTIONS, Bench, request

FIRST = 150  # they fill the memory of past messages, and make what is made once
CALLS = 300
MOST_BYTES = 1_800  # of a call that came in, also as plain Python, which takes 1,400
OVER_S = 40.0  # until nothing of what began the call can be repeated any more


def answered(bench: Bench, number: int) -> Call:
    """One more call that stands."""
    call_id = f"standing{number:05}"
    bench.send(request("INVITE", body=OFFER, call_id=call_id, branch=call_id))
    (offered, *_) = bench.core.take_happenings()
    assert isinstance(offered, Offered)
    assert bench.core.accept(offered.call, "192.0.2.1", 6000)
    tag = offered.call.local_tag
    bench.send(request("ACK", to_tag=tag, call_id=call_id, branch=f"a{call_id}"))
    bench.core.take_happenings()
    bench.journal.clear()
    return offered.call


def test_memory_of_calls_that_stand() -> None:
    bench = Bench(replace(OPTIONS, new_calls_per_s=0.0, messages_kept=200))
    tracemalloc.start()
    try:
        for number in range(FIRST):
            answered(bench, number)
        bench.pass_time(OVER_S)
        gc.collect()
        before, _ = tracemalloc.get_traced_memory()
        for number in range(FIRST, FIRST + CALLS):
            answered(bench, number)
        bench.pass_time(OVER_S)
        gc.collect()
        after, _ = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert len(bench.core.calls) == FIRST + CALLS
    assert (after - before) / CALLS < MOST_BYTES


def test_call_that_stands_has_no_timers_and_a_repeatable_description() -> None:
    bench = Bench(OPTIONS)
    call = answered(bench, 1)
    assert call.state is CallState.CONFIRMED
    assert call.timers is NONE
    assert not NONE
    session = call.session
    assert session is not None
    described = session.described()
    packed = msgspec.msgpack.encode(session.fields())
    record = msgspec.msgpack.decode(packed, type=SessionRecord)
    again = Session.restore(record, bench.core.services.new_key)
    assert again.described() == described
    assert again.description == session.description
