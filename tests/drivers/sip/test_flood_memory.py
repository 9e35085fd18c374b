"""What a flood leaves in memory: nothing of the calls that are refused, and of the others what
answers their repetitions for half a minute (timers H, I, J and L)."""

import gc
import tracemalloc

from msgspec.structs import replace

from drivers.sip.core.happenings import Offered
from tests.fakes.sip_bench import OFFER, OPTIONS, Bench, request

LIMITED = replace(OPTIONS, new_calls_per_s=80.0, messages_kept=200)
RATE = 400  # calls a second, five times the limit
SECONDS = 2
REFUSED = 120  # bytes that tell a refused INVITE when it comes again
TABLES = 64_000  # bytes of dicts that grow by leaps, and stay as they were when empty
DEAD = 200_000  # bytes at most of calls that are over, which deadlines that were stopped still know
EACH = 350  # bytes of a transaction that waits for repetitions; as a whole machine 1,800
FLAT = 4_000  # bytes; the messages in the log differ a little in length


def flood(bench: Bench, name: str) -> tuple[int, int]:
    """Calls that were taken and hung up at once, and calls that were refused."""
    taken = refused = 0
    for number in range(RATE * SECONDS):
        call_id = f"{name}{number:05}"
        fields = {"call_id": call_id, "branch": call_id}
        sent = bench.send(request("INVITE", body=OFFER, **fields))
        happened = bench.core.take_happenings()
        if happened:
            offered = happened[0]
            assert isinstance(offered, Offered)
            assert bench.core.accept(offered.call, "192.0.2.1", 6000)
            tag = offered.call.local_tag
            bench.send(request("ACK", to_tag=tag, **fields | {"branch": f"a{call_id}"}))
            bench.send(request("BYE", to_tag=tag, cseq=2, **fields | {"branch": f"e{call_id}"}))
            bench.core.take_happenings()
            taken += 1
        else:
            assert [message.status for message in sent] == [503]
            bench.send(request("ACK", to_tag=sent[0].to_tag, **fields))
            refused += 1
        bench.pass_time(1 / RATE)
    bench.journal.clear()
    return taken, refused


def held() -> int:
    gc.collect()
    return tracemalloc.get_traced_memory()[0]


def test_refused_call_leaves_no_transaction_no_timer_and_no_call() -> None:
    bench = Bench(replace(LIMITED, new_calls_per_s=0.1))
    flood(bench, "a")
    services = bench.core.services
    transactions = services.transactions
    open_now, timers = len(transactions.servers), len(services.timers)
    merges = len(transactions.merges)
    for number in range(500):
        fields = {"call_id": f"r{number}", "branch": f"r{number}"}
        (refusal,) = bench.send(request("INVITE", body=OFFER, **fields))
        assert refusal.status == 503
        # Without a memory of it a repetition gets the same answer.
        (again,) = bench.send(request("INVITE", body=OFFER, **fields))
        assert again.to_tag == refusal.to_tag
        bench.send(request("ACK", to_tag=refusal.to_tag, **fields))
    assert len(transactions.servers) == open_now
    assert len(transactions.merges) == merges
    assert len(services.timers) == timers
    assert len(bench.core.calls) == 0


def test_repetition_that_crossed_its_refusal_is_no_call() -> None:
    bench = Bench(replace(LIMITED, new_calls_per_s=1.0))
    bench.offer_call()
    late = request("INVITE", call_id="late", branch="late", body=OFFER)
    (refusal,) = bench.send(late)
    bench.pass_time(2.0)  # there is room again, but its caller has given up
    (again,) = bench.send(late)
    assert (refusal.status, again.status) == (503, 503)
    assert again.to_tag == refusal.to_tag
    assert bench.names() == []
    bench.send(request("INVITE", call_id="late", branch="next", cseq=2, body=OFFER))
    assert bench.names() == ["Offered"]


def test_second_flood_adds_nothing_and_all_is_given_back_in_time() -> None:
    tracemalloc.start()
    try:
        bench = Bench(LIMITED)
        flood(bench, "w")
        bench.pass_time(64.0)
        before = held()
        taken, refused = flood(bench, "a")
        full = held() - before
        assert refused > 3 * taken > 300
        kept = len(bench.core.services.transactions.servers)
        assert kept == 2 * taken  # INVITE and BYE of each that was taken
        assert full < EACH * kept + REFUSED * refused + DEAD
        more, refused = flood(bench, "b")
        assert held() - before - full < EACH * 2 * more + REFUSED * refused + TABLES
        bench.pass_time(64.0)
        assert bench.core.services.transactions.servers == {}
        first = held() - before
        assert first < 2 * REFUSED * refused + TABLES
        flood(bench, "c")
        assert held() - before - first < full + FLAT
        bench.pass_time(64.0)
        assert held() - before - first < FLAT
    finally:
        tracemalloc.stop()
