"""Few records that say the same as a day of them: the driver begins alike from both."""

import random

import msgspec
import pytest

from drivers.sip.core.calls import CALL_KIND, MARK_KIND
from drivers.sip.journal.compaction import Compaction, Packed
from drivers.sip.journal.lamps import LAMP_KIND
from drivers.sip.journal.records import CallMark, CallRecord
from drivers.sip.journal.sealing import Sealer
from tests.drivers.sip.test_lossy_network import PLACES, Network, Side
from tests.fakes.sip_bench import Bench

STRUCTS = {CALL_KIND: CallRecord, MARK_KIND: CallMark}


def compacted(records: list[Packed], *, every: int, wanted: set[str]) -> list[Packed]:
    """What is left when the records are taken in pieces, each after what the one before left."""
    kept: list[Packed] = []
    for begin in range(0, len(records) + 1, every):
        taking = Compaction(lambda payload: payload)
        for record in kept + records[begin : begin + every]:
            taking.take(record)
        kept = taking.records(wanted)
    return kept


def restored(place: str, records: list[Packed], now: float) -> Side:
    side = Side(place, next(other for other in PLACES if other != place), random.Random(5))
    side.core.restore(records, now)
    return side


@pytest.mark.parametrize("seed", [21, 22])
def test_a_core_begins_alike_from_all_records_and_from_those_that_count(seed: int) -> None:
    network = Network(seed, loss=0.1)
    rng = random.Random(seed)
    alive = ended = shorter = 0
    for _ in range(120):
        network.dial(network.side())
        network.run(0.3)
        for _ in range(4):
            network.act(network.side())
            network.run(0.1)
        victim = network.side()
        journal = victim.journal[: rng.randrange(len(victim.journal) + 1)]
        whole = restored(victim.place, journal, network.now)
        left = list(whole.core.calls.left)
        few = compacted(journal, every=rng.choice((1, 7, 50, 1000)), wanted=set(left))
        again = restored(victim.place, few, network.now)
        assert again.core.snapshot() == whole.core.snapshot()
        assert list(again.core.calls.left) == left
        assert again.core.services.counters == whole.core.services.counters
        alive += len(whole.core.calls)
        ended += len(left)
        shorter += len(few) < len(journal) // 4
    assert alive > 100
    assert ended > 100
    assert shorter > 20


def test_what_is_packed_without_structs_is_what_they_would_be_packed_to() -> None:
    network = Network(23, loss=0.1)
    for _ in range(60):
        network.dial(network.side())
        network.run(0.3)
        for _ in range(4):
            network.act(network.side())
            network.run(0.1)
    seen = dict.fromkeys(STRUCTS, 0)
    for side in network.sides.values():
        for kind, payload in side.journal:
            if kind in STRUCTS:
                record = msgspec.msgpack.decode(payload, type=STRUCTS[kind])
                assert msgspec.msgpack.encode(record) == payload
                seen[kind] += 1
    assert min(seen.values()) > 20


def test_calls_that_their_peers_ended_are_kept_only_where_somebody_asks() -> None:
    bench = Bench()
    call = bench.talk()
    records = [*bench.journal, ("sip.mark", b"\x92" + pack(call.local_tag) + pack("ended"))]
    assert compacted(records, every=100, wanted=set()) == []
    kept = compacted(records, every=100, wanted={call.ref})
    fresh = Bench(seed=3)
    assert fresh.core.restore(kept, 1000.0) == []
    assert list(fresh.core.calls.left) == [call.ref]


def pack(text: str) -> bytes:
    return bytes([0xD9, len(text)]) + text.encode()


def test_a_sealed_record_is_told_by_what_is_in_it_and_stays_sealed() -> None:
    sealer = Sealer(b"k" * 32, random.Random(1).randbytes)
    bench = Bench()
    call = bench.talk()
    sealed = [
        ("sip.keyed", sealer.seal(payload)) for kind, payload in bench.journal if kind == "sip.call"
    ]
    assert sealed
    taking, strange = Compaction(sealer.open), Compaction(Sealer(b"x" * 32, bytes).open)
    for record in sealed * 2:
        taking.take(record)
        strange.take(record)
    assert taking.records(()) == sealed[-1:]
    assert strange.records(()) == sealed * 2
    taking.take(("sip.mark", b"\x92" + pack(call.local_tag) + pack("ended")))
    assert taking.records(()) == []


def test_lamps_and_what_nobody_can_read_are_kept() -> None:
    lamp = (LAMP_KIND, b"\x92" + pack("2001") + b"\xc3")
    dark = (LAMP_KIND, b"\x92" + pack("2001") + b"\xc2")
    strange = [("sip.call", b"\xc1"), ("sip.mark", b""), ("other", b"x")]
    assert compacted([lamp, *strange, dark], every=2, wanted=set()) == [dark, *strange]
