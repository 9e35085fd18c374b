"""The table of connections: found again, pinged, given up; time is passed in."""

from collections import Counter
from random import Random

import pytest

from drivers.sip.streams.flows import (
    PING_EVERY,
    PONG_WITHIN,
    SILENT_LIMIT,
    WEBSOCKET_PING,
    FlowTable,
)
from drivers.sip.transport.address import Address

IDLE = 600.0


class Wire:
    """A connection that only remembers what was asked of it."""

    def __init__(self, table: FlowTable, *, transport: str = "tcp", accepted: bool = True,
                 host: str = "192.0.2.7", port: int = 40000) -> None:  # fmt: skip
        self.address = Address(host, port, transport, table.take_number())
        self.accepted = accepted
        self.pings = 0
        self.closed: list[str] = []

    def ping(self) -> None:
        self.pings += 1

    def close(self, reason: str) -> None:
        self.closed.append(reason)


@pytest.fixture
def counts() -> Counter[str]:
    return Counter()


@pytest.fixture
def table(counts: Counter[str]) -> FlowTable:
    count = lambda name: counts.update([name])  # noqa: E731
    return FlowTable(Random(1), first=1000, idle_limit=IDLE, count=count)


def test_connection_is_found_by_its_number_and_by_its_place(table: FlowTable) -> None:
    wire = Wire(table, accepted=False)
    table.add(wire, 0.0)
    assert table.find(wire.address) is wire
    assert table.find(Address("192.0.2.7", 40000, "tcp")) is wire
    assert table.find(Address("192.0.2.7", 40000, "tcp", 5)) is wire
    assert table.find(Address("192.0.2.7", 40000, "tls")) is None
    assert table.find(Address("192.0.2.7", 40001, "tcp")) is None


def test_lost_connection_is_found_no_more_and_its_number_never_comes_again(
    table: FlowTable,
) -> None:
    first = Wire(table)
    table.add(first, 0.0)
    assert table.remove(first)
    assert not table.remove(first)
    assert table.find(first.address) is None
    again = Wire(table)
    table.add(again, 1.0)
    assert again.address.flow != first.address.flow
    assert not table.is_open(first.address)
    # The same place, but maybe another telephone behind the same NAT.
    assert table.find(first.address) is None
    ours = Wire(table, accepted=False)
    table.add(ours, 2.0)
    assert table.find(first.address) is ours


def test_newer_connection_to_a_place_is_preferred_and_survives_the_older(
    table: FlowTable,
) -> None:
    old, new = Wire(table, accepted=False), Wire(table, accepted=False)
    table.add(old, 0.0)
    table.add(new, 1.0)
    table.remove(old)
    assert table.find(Address("192.0.2.7", 40000, "tcp")) is new
    assert table.held_by("192.0.2.7") == 1
    table.remove(new)
    assert table.held_by("192.0.2.7") == 0
    assert table.next_deadline() is None


def test_connection_without_a_message_is_closed(table: FlowTable, counts: Counter[str]) -> None:
    wire = Wire(table)
    table.add(wire, 0.0)
    table.heard(wire, 5.0)  # bytes, but no message
    table.advance(SILENT_LIMIT - 0.1)
    assert not wire.closed
    table.advance(SILENT_LIMIT)
    assert wire.closed == ["no SIP message after connecting"]
    assert counts["connection_first_message"] == 1
    assert table.find(wire.address) is None


def test_accepted_connection_lives_while_messages_come(
    table: FlowTable, counts: Counter[str]
) -> None:
    wire = Wire(table)
    table.add(wire, 0.0)
    now = 0.0
    for _ in range(10):
        now += IDLE - 1
        table.heard(wire, now, message=True)
        table.advance(now)
    assert not wire.closed
    assert wire.pings == 0  # its side asks, RFC 5626 4.4.1
    table.advance(now + IDLE - 0.1)
    assert not wire.closed
    table.advance(now + IDLE)
    assert wire.closed == ["silent for too long"]
    assert counts["connection_any_message"] == 1


def test_our_connection_is_pinged_at_random_within_the_range(table: FlowTable) -> None:
    wire = Wire(table, accepted=False)
    table.add(wire, 0.0)
    gaps, last = [], 0.0
    for _ in range(5):
        when = table.next_deadline()
        assert when is not None
        gaps.append(when - last)
        last = when
        table.advance(when)
    assert wire.pings == 5
    assert all(PING_EVERY[0] <= gap <= PING_EVERY[1] for gap in gaps)
    assert len(set(gaps)) == 5
    assert not wire.closed  # it never answered, so its silence means nothing


def test_peer_that_answered_once_must_go_on_answering(
    table: FlowTable, counts: Counter[str]
) -> None:
    wire = Wire(table, accepted=False)
    table.add(wire, 0.0)
    for _ in range(3):
        when = table.next_deadline()
        assert when is not None
        table.advance(when)
        table.heard(wire, when + 1, answer=True)
    assert wire.pings == 3
    when = table.next_deadline()
    assert when is not None
    table.advance(when)
    table.advance(when + PONG_WITHIN - 0.1)
    assert not wire.closed
    table.advance(when + PONG_WITHIN)
    assert wire.closed == ["no answer to the keep-alive"]
    assert counts["connection_pong"] == 1


def test_browser_is_pinged_and_must_answer(table: FlowTable) -> None:
    wire = Wire(table, transport="wss")
    table.add(wire, 0.0)
    table.heard(wire, 1.0, message=True)
    table.advance(1.0 + WEBSOCKET_PING)
    assert wire.pings == 1
    table.heard(wire, 32.0)  # its pong
    table.advance(32.0 + WEBSOCKET_PING)
    assert (wire.pings, wire.closed) == (2, [])
    table.advance(32.0 + WEBSOCKET_PING + PONG_WITHIN)
    assert wire.closed == ["no answer to the keep-alive"]


def test_many_connections_leave_nothing_behind(table: FlowTable) -> None:
    rng = Random(7)
    wires: list[Wire] = []
    now = 0.0
    for _ in range(2000):
        now += rng.random()
        if wires and rng.random() < 0.45:
            table.remove(wires.pop(rng.randrange(len(wires))))
        else:
            port = rng.randrange(40000, 40050)
            wires.append(Wire(table, port=port, accepted=rng.random() < 0.5,
                              transport=rng.choice(["tcp", "tls", "ws"])))  # fmt: skip
            table.add(wires[-1], now)
        table.advance(now)
        wires = [wire for wire in wires if not wire.closed]
        assert len(table) == len(wires) == table.held_by("192.0.2.7")
    for wire in wires:
        table.remove(wire)
    assert len(table) == 0
    assert table.next_deadline() is None
