"""What is left of transactions: the same answers to repetitions as the tables say, and no longer."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cython_ext.sip_wire import Message
from drivers.events import Cause
from drivers.sip.core.timers import Timers
from drivers.sip.finished.transactions import GRAIN, Finished, Finishing
from drivers.sip.machines import State
from drivers.sip.transport.address import Address
from tests.fakes.sip_bench import OFFER, TRUNK, Bench, request, response

LONG, SHORT = 32.0, 5.0  # s: 64 times T1, and T4
ELSEWHERE = Address("192.0.2.9", 6666)


def left(bench: Bench) -> list[Finished]:
    transactions = bench.core.services.transactions
    both = (*transactions.servers.values(), *transactions.clients.values())
    return [one for one in both if isinstance(one, Finished)]


def raw(messages: list[Message]) -> list[bytes]:
    return [message.raw for message in messages]


def count(bench: Bench, name: str) -> int:
    return bench.core.services.counters.get(name, 0)


def places(bench: Bench, data: bytes, source: Address = TRUNK) -> list[Address]:
    bench.core.receive(data, source, bench.now)
    return [address for _, address in bench.core.take_out()]


def test_invite_that_was_answered_is_absorbed_until_l() -> None:
    bench = Bench()
    call = bench.talk()
    (finished,) = left(bench)
    assert finished.state is State.ACCEPTED
    invite = request("INVITE", body=OFFER)
    assert bench.send(invite) == []
    bench.send(request("BYE", branch="e", cseq=2, to_tag=call.local_tag))
    bench.happened()
    assert bench.send(invite) == []
    bench.pass_time(LONG - 0.001)
    assert bench.send(invite) == []
    bench.pass_time(0.001)
    bench.send(invite)
    assert bench.names() == ["Offered"]  # nobody repeats it so late: it is a new call


def test_late_ack_with_the_branch_of_the_invite_reaches_the_call() -> None:
    bench = Bench()
    call = bench.offer_call()
    bench.core.accept(call, "192.0.2.1", 6000)
    assert bench.names() == ["MediaAgreed"]
    bench.send(request("ACK", to_tag=call.local_tag))
    assert bench.names() == ["Connected"]


def test_cancel_of_an_answered_invite_gets_200_and_ends_nothing() -> None:
    bench = Bench()
    bench.talk()
    (answer,) = bench.send(request("CANCEL"))
    assert (answer.status, answer.cseq.method) == (200, "CANCEL")
    assert bench.names() == []
    assert raw(bench.send(request("CANCEL"))) == [answer.raw]
    bench.pass_time(LONG)
    (late,) = bench.send(request("CANCEL"))
    assert late.status == 481


def test_answered_invite_over_another_path_is_merged_until_l() -> None:
    bench = Bench()
    call = bench.talk()
    (answer,) = bench.send(request("INVITE", branch="fork", body=OFFER))
    assert answer.status == 482
    bench.send(request("BYE", branch="e", cseq=2, to_tag=call.local_tag))
    bench.happened()
    assert bench.send(request("INVITE", branch="fork", body=OFFER))[0].status == 482
    bench.pass_time(LONG)
    bench.send(request("INVITE", branch="fork", body=OFFER))
    assert bench.names() == ["Offered"]
    assert not bench.core.services.transactions.merges.keys() & {0}


def test_refused_and_acknowledged_invite_is_absorbed_until_i() -> None:
    bench = Bench()
    call = bench.offer_call()
    bench.core.release(call, Cause.BUSY)
    (refusal,) = bench.out()
    invite, ack = request("INVITE", body=OFFER), request("ACK", to_tag=refusal.to_tag)
    assert raw(bench.send(invite)) == [refusal.raw]
    assert left(bench) == []  # a machine as long as it repeats by itself
    assert bench.send(ack) == []
    (finished,) = left(bench)
    assert finished.state is State.CONFIRMED
    before = dict(bench.core.services.counters)
    assert bench.send(invite) == bench.send(ack) == []
    assert count(bench, "ack_unexpected") == before.get("ack_unexpected", 0)
    bench.pass_time(SHORT)
    assert left(bench) == []


@pytest.mark.parametrize(
    ("method", "fields"),
    [
        ("BYE", {}),
        ("INFO", {"headers": (("Content-Type", "text/plain"),), "body": b"x"}),
        ("OPTIONS", {}),
        ("PRACK", {"headers": (("RAck", "1 1 INVITE"),)}),
    ],
)
def test_repeated_request_gets_the_same_bytes_until_j(method: str, fields: dict) -> None:
    bench = Bench()
    call = bench.talk()
    again = request(method, branch="e", cseq=2, to_tag=call.local_tag, **fields)
    (answer,) = bench.send(again)
    bench.happened()
    repeated = count(bench, "response_repeated")
    assert raw(bench.send(again)) == raw(bench.send(again)) == [answer.raw]
    assert count(bench, "response_repeated") == repeated + 2
    assert bench.names() == []
    bench.pass_time(LONG - 0.001)
    assert raw(bench.send(again)) == [answer.raw]
    bench.pass_time(0.001)
    (late,) = bench.send(again)
    assert late.raw != answer.raw


def test_plain_answers_are_one_and_go_to_who_asks_again() -> None:
    bench = Bench()
    byes = []
    for number in range(3):
        fields = {"call_id": f"c{number}", "branch": f"b{number}"}
        call = bench.talk(**fields)
        byes.append(
            request("BYE", call_id=f"c{number}", branch=f"e{number}", cseq=2, to_tag=call.local_tag)
        )
        bench.send(byes[-1])
    answers = {id(one) for one in left(bench) if one.state is State.COMPLETED}
    assert len(answers) == 1
    assert places(bench, byes[0]) == [TRUNK]
    assert places(bench, byes[0], ELSEWHERE) == [ELSEWHERE]


def test_only_method_branch_and_sender_together_name_a_transaction() -> None:
    bench = Bench()
    call = bench.talk()
    bench.send(request("BYE", branch="e", cseq=2, to_tag=call.local_tag))
    for other in (
        request("BYE", branch="f", cseq=3, to_tag=call.local_tag),
        request("BYE", branch="e", cseq=3, to_tag=call.local_tag, via="192.0.2.8:5060"),
        request("BYE", branch="e", cseq=3, to_tag=call.local_tag, via="192.0.2.9:5070"),
        request("INFO", branch="e", cseq=3, to_tag=call.local_tag),
    ):
        assert [one.status for one in bench.send(other)] == [481]


def test_refusal_that_comes_again_is_acknowledged_until_d() -> None:
    bench = Bench()
    call, invite = bench.dial()
    bench.core.release(call, Cause.NORMAL)
    bench.out()
    bench.core.take_happenings()
    refusal = response(invite, 486)
    (ack,) = bench.send(refusal)
    assert ack.method == "ACK"
    assert raw(bench.send(refusal)) == [ack.raw]
    assert bench.send(response(invite, 200)) == bench.send(response(invite, 180)) == []
    assert count(bench, "transaction_unexpected") == 2
    bench.pass_time(LONG)
    assert bench.send(refusal) == []
    assert count(bench, "response_unmatched") == 1


def answered(bench: Bench) -> tuple:
    """A call to the trunk that stands: the call, its INVITE, the 200 and our ACK."""
    call, invite = bench.dial()
    body = OFFER.replace(b"0 8 101", b"8 101")
    ok = response(invite, 200, body=body)
    (ack,) = bench.send(ok)
    bench.happened()
    return call, invite, ok, ack


def test_200_that_comes_again_gets_the_same_ack_until_m() -> None:
    bench = Bench()
    call, invite, ok, ack = answered(bench)
    (finished,) = left(bench)
    assert finished.state is State.ACCEPTED
    assert raw(bench.send(ok)) == [ack.raw]
    assert bench.send(response(invite, 486)) == []
    assert count(bench, "transaction_unexpected") == 1
    bench.core.release(call, Cause.NORMAL)
    (bye,) = bench.out()
    bench.send(response(bye, 200))
    assert len(bench.core.calls) == 0
    assert raw(bench.send(ok)) == [ack.raw]  # over, but whoever repeats it has no ACK yet
    bench.pass_time(LONG)
    assert left(bench) == []


@pytest.mark.parametrize("over", [False, True])
def test_another_telephone_that_answers_too_is_hung_up(*, over: bool) -> None:
    bench = Bench()
    call, invite, _, _ = answered(bench)
    if over:
        bench.core.release(call, Cause.NORMAL)
        (bye,) = bench.out()
        bench.send(response(bye, 200))
    fork = response(invite, 200, tag="other", body=OFFER)
    sent = bench.send(fork)
    assert [one.method for one in sent] == ["ACK", "BYE"]
    assert all(one.to_tag == "other" and one.call_id == invite.call_id for one in sent)
    assert sent[1].cseq.number == sent[0].cseq.number + 1


def test_answer_to_a_bye_is_absorbed_until_k() -> None:
    bench = Bench()
    call = bench.talk()
    bench.core.release(call, Cause.NORMAL)
    (bye,) = bench.out()
    assert bench.send(response(bye, 200)) == []
    assert bench.send(response(bye, 200)) == bench.send(response(bye, 500)) == []
    assert count(bench, "transaction_unexpected") == 2
    bench.pass_time(SHORT)
    assert bench.send(response(bye, 200)) == []
    assert count(bench, "response_unmatched") == 1


class Forgotten:
    """When each key was forgotten."""

    def __init__(self, delay: float) -> None:
        self.timers = Timers()
        self.at: dict[str, float] = {}
        self.merges: list[int] = []
        self.line = Finishing(self.timers, delay, self.forget)

    def forget(self, keys: list[str], merges: list[int]) -> None:
        for key in keys:
            assert key not in self.at
            self.at[key] = self.timers.now
        self.merges += merges


@given(st.lists(st.floats(0.0, 3.0), max_size=60), st.sampled_from([5.0, 32.0]))
def test_each_key_is_forgotten_once_at_its_deadline_or_hardly_later(
    gaps: list[float], delay: float
) -> None:
    told = Forgotten(delay)
    begun: dict[str, float] = {}
    for number, gap in enumerate(gaps):
        told.timers.fire(told.timers.now + gap)
        begun[str(number)] = told.timers.now
        told.line.add(str(number), number % 3)
    while (when := told.timers.next_deadline()) is not None:
        told.timers.fire(when)
    assert told.at.keys() == begun.keys()
    for key, at in told.at.items():
        assert -1e-6 < at - begun[key] - delay <= GRAIN + 1e-6
    assert list(told.at) == sorted(told.at, key=int)
    assert told.merges == [number % 3 for number in range(len(gaps)) if number % 3]


def test_thousands_of_one_second_share_few_deadlines() -> None:
    told = Forgotten(LONG)
    for number in range(2000):
        told.timers.fire(number / 1000)
        told.line.add(str(number), 0)
    assert len(told.timers) == 1
    told.timers.fire(100.0)
    assert len(told.at) == 2000
    assert told.timers.next_deadline() is None
