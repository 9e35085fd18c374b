"""UDPTL: what is written can be read, anything else is refused, and nothing comes twice."""

import tracemalloc
from functools import reduce
from operator import xor as either
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from daemon.fax.t38.recovery import ENTRIES, SPAN, UdptlReceiver, UdptlSender
from daemon.fax.t38.udptl import MOST_IFP, SEQUENCES, Datagram, UdptlError, build, parse

packets = st.binary(min_size=1, max_size=MOST_IFP)
Flight = list[tuple[int, bytes]]


@given(st.integers(0, SEQUENCES - 1), packets, st.lists(packets, max_size=10))
def test_what_is_written_is_read(sequence: int, primary: bytes, others: list[bytes]) -> None:
    datagram = Datagram(sequence, primary, tuple(others))
    assert parse(build(datagram)) == datagram


@given(st.integers(0, SEQUENCES - 1), packets, st.integers(0, 127), st.lists(packets, max_size=10))
def test_parity_that_is_written_is_read(
    sequence: int, primary: bytes, span: int, parity: list[bytes]
) -> None:
    datagram = Datagram(sequence, primary, (), span, tuple(parity))
    assert parse(build(datagram)) == datagram


@given(st.binary(max_size=300))
def test_anything_is_read_or_refused(data: bytes) -> None:
    receiver = UdptlReceiver()
    try:
        found = parse(data)
    except UdptlError:
        assert receiver.receive(data) == []
        assert receiver.counts == {"malformed": 1}
    else:
        carried = (found.primary, *found.secondary, *found.parity)
        assert sum(map(len, carried)) < len(data)
        receiver.receive(data)


@given(packets, st.lists(packets, min_size=1, max_size=4), st.booleans(), st.data())
def test_datagram_that_was_cut_is_refused(
    primary: bytes, others: list[bytes], parity: bool, data: st.DataObject
) -> None:
    more = ((), 3, tuple(others)) if parity else (tuple(others),)
    whole = build(Datagram(7, primary, *more))
    cut = data.draw(st.integers(0, len(whole) - 1))
    # Cut behind its primary packet it is one without error recovery, as old gateways send.
    if cut == len(whole) - len(build(Datagram(7, b"", *more))) + 3:
        assert parse(whole[:cut]).primary == primary
    else:
        with pytest.raises(UdptlError):
            parse(whole[:cut])


def test_known_datagrams_are_read() -> None:
    # 9.1: number 1, indicator "no signal", two empty fields of redundancy.
    assert parse(bytes.fromhex("0001 01 00 00 00")) == Datagram(1, b"\0")
    assert parse(bytes.fromhex("0001 01 00")) == Datagram(1, b"\0")
    assert parse(bytes.fromhex("0002 01 06 00 01 01 00")) == Datagram(2, b"\6", (b"\0",))
    with_parity = parse(bytes.fromhex("0003 01 06 80 01 03 01 02 ab cd"))
    assert with_parity == Datagram(3, b"\6", (), 3, (b"\xab\xcd",))
    too_many = parse(bytes.fromhex("0003 01 06 80 02 03 00 01 02 ab cd"))
    assert too_many == Datagram(3, b"\6", (), 0, (b"\xab\xcd",))
    long = bytes(200)
    assert parse(build(Datagram(9, long))).primary == long
    assert build(Datagram(9, long))[2:4] == b"\x80\xc8"


@pytest.mark.parametrize("text", ["", "00", "000101", "0001c1ffff", "000102ff", "0001010000ff"])
def test_what_is_no_udptl_is_refused(text: str) -> None:
    with pytest.raises(UdptlError):
        parse(bytes.fromhex(text))


@given(
    st.lists(packets.map(lambda each: each[:40]), min_size=1, max_size=40),
    st.integers(0, SEQUENCES - 1),
    st.randoms(use_true_random=False),
)
def test_each_packet_comes_once_and_in_order(sent: list[bytes], first: int, random: Random) -> None:
    sender, receiver = UdptlSender(), UdptlReceiver()
    sender._next = first
    flight = [sender.send(each) for each in sent]
    got = receiver.receive(flight[0])
    lost = 0
    for data in flight[1:]:
        if lost < 3 and random.random() < 0.4:
            lost += 1
            continue
        lost = 0
        got += receiver.receive(data)
        assert receiver.receive(data) == []
    numbers = [(first + place) % SEQUENCES for place in range(len(sent) - lost)]
    assert got == list(zip(numbers, sent[: len(sent) - lost], strict=True))
    assert receiver.counts["lost"] == 0


def test_more_lost_than_the_redundancy_holds_is_a_gap() -> None:
    sender, receiver = UdptlSender(redundancy=1), UdptlReceiver()
    flight = [sender.send(bytes((number,))) for number in range(4)]
    assert receiver.receive(flight[0]) == [(0, b"\0")]
    assert receiver.receive(flight[3]) == [(2, b"\2"), (3, b"\3")]
    assert receiver.counts["lost"] == 1


@pytest.mark.parametrize("parity", [False, True])
def test_datagrams_stay_below_what_the_peer_takes(parity: bool) -> None:
    sender = UdptlSender(most=100, parity=parity)
    sizes = [len(sender.send(data(45))) for _ in range(12)]
    assert max(sizes) <= 100
    last = parse(sender.send(data(45)))
    assert len(last.parity if parity else last.secondary) == 1


# -- parity -------------------------------------------------------------------------------


def data(size: int) -> bytes:
    """An IFP packet of so many octets, 5 to 260: HDLC octets of V.21, one field."""
    return bytes((0xC0, 1, 0x80)) + (size - 6).to_bytes(2, "big") + bytes(range(size - 5))


ifps = st.one_of(
    st.integers(0, 15).map(lambda signal: bytes((signal << 1,))),
    st.binary(min_size=1, max_size=60).map(
        lambda octets: bytes((0xC6, 1, 0x80)) + (len(octets) - 1).to_bytes(2, "big") + octets
    ),
)


def group(numbers: range, sent: list[bytes]) -> bytes:
    """Parity as the recommendation has it, octet by octet."""
    columns = [[sent[at][place : place + 1] for at in numbers] for place in range(80)]
    octets = [reduce(either, (each[0] for each in column if each), 0) for column in columns]
    return bytes(octets[: max(len(sent[at]) for at in numbers)])


@given(st.lists(ifps, min_size=1, max_size=30))
def test_parity_is_of_every_third_packet(sent: list[bytes]) -> None:
    sender = UdptlSender(parity=True)
    for number, ifp in enumerate(sent):
        found = parse(sender.send(ifp))
        entries = min(number // SPAN, ENTRIES)
        first = number - SPAN * entries
        wanted = [group(range(first + place, number, entries), sent) for place in range(entries)]
        assert (found.primary, list(found.parity)) == (ifp, wanted)


@given(
    st.lists(ifps, min_size=SPAN * ENTRIES + 1, max_size=60),
    st.integers(0, SEQUENCES - 1),
    st.randoms(use_true_random=False),
)
def test_lost_packets_are_made_from_parity(sent: list[bytes], first: int, random: Random) -> None:
    """As many in a row as there are parities, and so far apart that each has one of them."""
    sender, receiver = UdptlSender(parity=True), UdptlReceiver()
    sender._next = first
    got: Flight = []
    whole, lost, losses = 0, 0, 0
    for place, ifp in enumerate(sent):
        datagram = sender.send(ifp)
        begins = whole >= SPAN * ENTRIES and random.random() < 0.5
        if place < len(sent) - 1 and (begins or (0 < lost < ENTRIES and random.random() < 0.5)):
            lost, losses, whole = lost + 1, losses + 1, 0
            continue
        whole, lost = whole + 1, 0
        got += receiver.receive(datagram)
        assert receiver.receive(datagram) == []
    numbers = [(first + place) % SEQUENCES for place in range(len(sent))]
    assert got == list(zip(numbers, sent, strict=True))
    assert receiver.counts["by_parity"] == receiver.counts["recovered"] == losses
    assert receiver.counts["lost"] == 0


@given(
    st.lists(ifps, max_size=60),
    st.floats(0.05, 0.9),
    st.booleans(),
    st.randoms(use_true_random=False),
)
def test_whatever_is_lost_or_late_no_packet_is_wrong_or_comes_twice(
    sent: list[bytes], loss: float, parity: bool, random: Random
) -> None:
    sender, receiver = UdptlSender(parity=parity), UdptlReceiver()
    flight = [sender.send(each) for each in sent]
    late: list[bytes] = []
    got: Flight = []
    for datagram in flight:
        if random.random() < loss:
            late += [datagram] if random.random() < 0.3 else []
            continue
        got += receiver.receive(datagram)
        if late and random.random() < 0.5:
            assert receiver.receive(late.pop()) == []
    numbers = [number for number, _ in got]
    assert numbers == sorted(set(numbers))
    assert all(sent[number] == ifp for number, ifp in got)


def test_two_lost_under_one_parity_are_a_gap() -> None:
    sender, receiver = UdptlSender(parity=True), UdptlReceiver()
    flight = [sender.send(data(10 + number)) for number in range(20)]
    for datagram in flight[:12]:
        receiver.receive(datagram)
    # 12 to 14 are the newest of three parities, 15 shares one of theirs.
    assert [number for number, _ in receiver.receive(flight[16])] == [13, 14, 16]
    assert (receiver.counts["lost"], receiver.counts["by_parity"]) == (2, 2)


def test_parity_that_fits_no_packet_is_not_believed() -> None:
    receiver = UdptlReceiver()
    receiver.receive(build(Datagram(1, data(10))))
    wrong = build(Datagram(3, data(10), (), 2, (b"\xff" * 30,)))
    assert receiver.receive(wrong) == [(3, data(10))]
    far = build(Datagram(5, data(10), (), 127, (data(10), data(10))))
    assert receiver.receive(far) == [(5, data(10))]
    counts = receiver.counts
    assert (counts["parity_wrong"], counts["parity_too_far"], counts["lost"]) == (1, 1, 2)


def test_packets_from_long_ago_are_not_kept() -> None:
    receiver = UdptlReceiver()
    receiver.receive(build(Datagram(30_000, b"\x06")))
    tracemalloc.start()
    try:
        for sequence in range(2000):
            assert receiver.receive(build(Datagram(sequence, bytes(MOST_IFP)))) == []
        kept, _ = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert receiver.counts["late"] == 2000
    assert kept < 100 * MOST_IFP
