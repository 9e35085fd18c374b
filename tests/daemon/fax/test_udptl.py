"""UDPTL: what is written can be read, anything else is refused, and nothing comes twice."""

from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from daemon.fax.udptl import (
    MOST_IFP,
    SEQUENCES,
    Datagram,
    UdptlError,
    UdptlReceiver,
    UdptlSender,
    build,
    parse,
)

packets = st.binary(min_size=1, max_size=MOST_IFP)


@given(st.integers(0, SEQUENCES - 1), packets, st.lists(packets, max_size=10))
def test_what_is_written_is_read(sequence: int, primary: bytes, others: list[bytes]) -> None:
    datagram = Datagram(sequence, primary, tuple(others))
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
        assert len(found.primary) + sum(map(len, found.secondary)) < len(data)
        receiver.receive(data)


@given(packets, st.lists(packets, min_size=1, max_size=4), st.data())
def test_datagram_that_was_cut_is_refused(
    primary: bytes, others: list[bytes], data: st.DataObject
) -> None:
    whole = build(Datagram(7, primary, tuple(others)))
    cut = data.draw(st.integers(0, len(whole) - 1))
    # Cut behind its primary packet it is one without error recovery, as old gateways send.
    if cut == len(whole) - len(build(Datagram(7, b"", tuple(others)))) + 3:
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
    assert with_parity == Datagram(3, b"\6", fec=True)
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


def test_datagrams_stay_below_what_the_peer_takes() -> None:
    sender = UdptlSender(most=100)
    sizes = [len(sender.send(bytes(45))) for _ in range(5)]
    assert max(sizes) <= 100
    assert parse(sender.send(bytes(45))).secondary == (bytes(45),)
