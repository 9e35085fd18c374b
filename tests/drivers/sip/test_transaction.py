"""The four transaction machines: the tables themselves, and every timer by passed-in time."""

from collections import Counter

import pytest

from cython_ext.sip_wire import Message, parse
from drivers.sip.core.timers import Timers
from drivers.sip.options import TimerOptions
from drivers.sip.transaction import (
    CLIENT,
    INVITE_CLIENT,
    INVITE_SERVER,
    SERVER,
    ClientTransaction,
    Input,
    Machine,
    State,
    Transactions,
)
from drivers.sip.transport.address import Address

MACHINES = [INVITE_SERVER, SERVER, INVITE_CLIENT, CLIENT]
PEER = Address("192.0.2.9", 5060)
INVITE = (
    b"INVITE sip:c@d SIP/2.0\r\nVia: SIP/2.0/UDP 192.0.2.1;branch=z9hG4bKx\r\n"
    b"Max-Forwards: 70\r\nFrom: <sip:a@b>;tag=1\r\nTo: <sip:c@d>\r\nCall-ID: c\r\n"
    b"CSeq: 1 INVITE\r\nRoute: <sip:proxy;lr>\r\nContact: <sip:a@b>\r\n"
    b"Proxy-Authorization: Digest x\r\nContent-Type: application/sdp\r\n"
    b"Content-Length: 8\r\n\r\nCSeq: 1 "
)
ACK = (
    b"ACK sip:c@d SIP/2.0\r\nVia: SIP/2.0/UDP 192.0.2.1;branch=z9hG4bKx\r\n"
    b"Max-Forwards: 70\r\nFrom: <sip:a@b>;tag=1\r\nTo: <sip:c@d>;tag=2\r\nCall-ID: c\r\n"
    b"CSeq: 1 ACK\r\nRoute: <sip:proxy;lr>\r\nProxy-Authorization: Digest x\r\n"
    b"Content-Length: 0\r\n\r\n"
)


class Layer:
    def __init__(self) -> None:
        self.timers = Timers()
        self.sent: list[bytes] = []
        self.counts: Counter[str] = Counter()
        self.seen: list[int] = []
        self.lost = 0
        self.layer = Transactions(
            TimerOptions(),
            self.timers,
            send=lambda data, address: self.sent.append(data),
            count=lambda name: self.counts.update([name]),
        )

    def response(self, transaction: ClientTransaction, message: Message) -> None:
        self.seen.append(message.status)

    def timed_out(self, transaction: ClientTransaction) -> None:
        self.lost += 1

    def times_of_sending(self, until: float) -> list[float]:
        """When something is sent from now on, up to ``until``."""
        found = []
        while (when := self.timers.next_deadline()) is not None and when <= until:
            before = len(self.sent)
            self.timers.fire(when)
            found += [round(when, 3)] * (len(self.sent) - before)
        self.timers.fire(until)
        return found


def answer(status: int, method: str = "INVITE") -> Message:
    return parse(
        f"SIP/2.0 {status} X\r\nVia: SIP/2.0/UDP 192.0.2.1;branch=z9hG4bKx\r\n"
        f"From: <sip:a@b>;tag=1\r\nTo: <sip:c@d>;tag=2\r\nCall-ID: c\r\nCSeq: 1 {method}\r\n"
        "Content-Length: 0\r\n\r\n".encode()
    )


@pytest.mark.parametrize("machine", MACHINES)
def test_every_state_is_reached_and_leads_to_the_end(machine: Machine) -> None:
    reached, edges = {machine.first}, True
    while edges:
        more = {step[0] for (state, _), step in machine.steps.items() if state in reached}
        edges = not more <= reached
        reached |= more
    states = {state for state, _ in machine.steps}
    assert states <= reached
    assert State.TERMINATED in reached
    assert State.TERMINATED not in states
    for state in states:
        here = {state}
        for _ in State:
            here |= {step[0] for (at, _), step in machine.steps.items() if at in here}
        assert State.TERMINATED in here


@pytest.mark.parametrize("machine", MACHINES)
def test_every_started_timer_has_a_step_where_it_can_fire(machine: Machine) -> None:
    for state, _, timers in machine.steps.values():
        for timer in timers:
            assert (state, timer) in machine.steps
    for timer in machine.timers:
        assert (machine.first, timer) in machine.steps


def test_invite_is_repeated_at_a_and_given_up_at_b() -> None:
    bench = Layer()
    bench.layer.open_client(("x", "INVITE"), b"INVITE", PEER, user=bench, invite=True)
    assert bench.times_of_sending(31.9) == [0.5, 1.5, 3.5, 7.5, 15.5, 31.5]
    assert bench.lost == 0
    bench.timers.fire(32.0)
    assert bench.lost == 1
    assert not bench.layer.clients


def test_provisional_stops_repeating_the_invite() -> None:
    bench = Layer()
    tx = bench.layer.open_client(("x", "INVITE"), b"INVITE", PEER, user=bench, invite=True)
    tx.receive(answer(100))
    assert bench.times_of_sending(500.0) == []
    assert bench.seen == [100]
    assert tx.state is State.PROCEEDING


def test_failure_is_acknowledged_each_time_until_d() -> None:
    bench = Layer()
    tx = bench.layer.open_client(("x", "INVITE"), INVITE, PEER, user=bench, invite=True)
    tx.receive(answer(486))
    tx.receive(answer(486))
    assert bench.sent[1:] == [ACK] * 2
    assert bench.seen == [486]
    bench.timers.fire(31.9)
    assert tx.state is State.COMPLETED
    bench.timers.fire(32.0)
    assert not bench.layer.clients


def test_success_is_passed_each_time_until_m() -> None:
    bench = Layer()
    tx = bench.layer.open_client(("x", "INVITE"), b"INVITE", PEER, user=bench, invite=True)
    tx.receive(answer(200))
    tx.receive(answer(200))
    assert bench.seen == [200, 200]
    assert tx.receive(answer(486)) is False
    bench.timers.fire(32.0)
    assert not bench.layer.clients


def test_request_is_repeated_at_e_up_to_t2_and_given_up_at_f() -> None:
    bench = Layer()
    bench.layer.open_client(("x", "BYE"), b"BYE", PEER, user=bench)
    assert bench.times_of_sending(31.9) == [0.5, 1.5, 3.5, 7.5, 11.5, 15.5, 19.5, 23.5, 27.5, 31.5]
    bench.timers.fire(32.0)
    assert bench.lost == 1


def test_request_is_repeated_at_t2_after_a_provisional() -> None:
    bench = Layer()
    tx = bench.layer.open_client(("x", "BYE"), b"BYE", PEER, user=bench)
    tx.receive(answer(100, "BYE"))
    assert bench.times_of_sending(13.0) == [0.5, 4.5, 8.5, 12.5]
    bench.timers.fire(32.0)
    assert bench.lost == 1


def test_response_ends_repeating_and_k_ends_the_transaction() -> None:
    bench = Layer()
    tx = bench.layer.open_client(("x", "BYE"), b"BYE", PEER, user=bench)
    tx.receive(answer(200, "BYE"))
    tx.receive(answer(200, "BYE"))
    assert bench.seen == [200]
    assert bench.times_of_sending(4.9) == []
    assert bench.layer.clients
    bench.timers.fire(5.0)
    assert not bench.layer.clients


def test_invite_failure_is_repeated_at_g_until_h() -> None:
    bench = Layer()
    tx = bench.layer.open_server("k", PEER, invite=True, merge=None)
    tx.respond(486, b"486")
    assert bench.times_of_sending(31.9) == [0.5, 1.5, 3.5, 7.5, 11.5, 15.5, 19.5, 23.5, 27.5, 31.5]
    bench.timers.fire(32.0)
    assert bench.counts["ack_missing"] == 1
    assert not bench.layer.servers


def test_ack_ends_repeating_and_i_ends_the_transaction() -> None:
    bench = Layer()
    tx = bench.layer.open_server("k", PEER, invite=True, merge=None)
    tx.respond(486, b"486")
    tx.step(Input.ACK)
    tx.step(Input.REQUEST)
    assert bench.times_of_sending(4.9) == []
    bench.timers.fire(5.0)
    assert not bench.layer.servers


def test_repeated_invite_gets_the_last_provisional_but_nothing_after_200() -> None:
    bench = Layer()
    tx = bench.layer.open_server("k", PEER, invite=True, merge=None)
    tx.respond(100, b"100")
    tx.respond(180, b"180")
    tx.step(Input.REQUEST)
    tx.respond(200, b"200")
    tx.step(Input.REQUEST)
    assert bench.sent == [b"100", b"180", b"180", b"200"]
    assert tx.kept == b""
    assert tx.respond(486, b"486") is False
    bench.timers.fire(32.0)
    assert not bench.layer.servers


def test_repeated_request_gets_the_final_response_until_j() -> None:
    bench = Layer()
    tx = bench.layer.open_server("k", PEER, invite=False, merge=("t", "c", "1 BYE"))
    tx.step(Input.REQUEST)
    assert bench.sent == []
    tx.respond(200, b"200")
    tx.step(Input.REQUEST)
    assert bench.sent == [b"200", b"200"]
    assert bench.layer.is_merged("other", ("t", "c", "1 BYE"))
    bench.timers.fire(32.0)
    assert not bench.layer.servers
    assert not bench.layer.merges


def test_timer_started_again_fires_only_once() -> None:
    bench = Layer()
    tx = bench.layer.open_server("k", PEER, invite=False, merge=None)
    bench.timers.start(tx, Input.TIMER_J, 1.0)
    bench.timers.start(tx, Input.TIMER_J, 2.0)
    assert bench.timers.next_deadline() == 2.0
    bench.timers.fire(1.5)
    assert bench.counts == {}
    bench.timers.fire(2.0)
    assert bench.counts == {"transaction_unexpected": 1}
