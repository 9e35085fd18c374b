"""Every state table walked: each input in each state, and each order of messages to its end."""

from collections import Counter
from itertools import product

import pytest

from cython_ext.sip_wire import Message, parse
from drivers.sip.core.call import CALL_TABLE, CallInput, CallState
from drivers.sip.core.timers import Timers
from drivers.sip.finished.transactions import Finished
from drivers.sip.machines import (
    CLIENT,
    INVITE_CLIENT,
    INVITE_SERVER,
    SERVER,
    Action,
    Input,
    Machine,
    State,
)
from drivers.sip.options import TimerOptions
from drivers.sip.transaction import ClientTransaction, ServerTransaction, Transactions
from drivers.sip.transport.address import Address
from drivers.sip.trunks.registration import (
    REGISTRATION_TABLE,
    Registration,
    RegistrationInput,
    RegistrationState,
)
from tests.fakes.sip_bench import Bench

MACHINES = {
    "INVITE server": INVITE_SERVER, "server": SERVER,
    "INVITE client": INVITE_CLIENT, "client": CLIENT,
}  # fmt: skip
PLACES = [Address("192.0.2.9", 5060), Address("192.0.2.9", 5060, "tcp", 1)]
SENT_OR_PASSED = {Action.SEND, Action.REPEAT, Action.PASS, Action.ACKNOWLEDGE, Action.TIME_OUT}
BETWEEN_S = 0.6  # longer than T1, so that what repeats does so between two messages
LONGEST = 5  # messages in a row


class Layer:
    """Transactions with a user that writes down what it is told."""

    def __init__(self) -> None:
        self.timers = Timers()
        self.sent = 0
        self.told = 0
        self.counts: Counter[str] = Counter()
        self.layer = Transactions(
            TimerOptions(),
            self.timers,
            send=self.send,
            count=lambda name: self.counts.update([name]),
        )

    def send(self, data: bytes, address: Address) -> None:
        self.sent += 1

    def response(self, transaction: ClientTransaction, message: Message) -> None:
        self.told += 1

    def timed_out(self, transaction: ClientTransaction) -> None:
        self.told += 1

    def begin(self, machine: Machine, place: Address):
        if machine in (INVITE_SERVER, SERVER):
            invite = machine is INVITE_SERVER
            return self.layer.open_server("k", place, invite=invite, merge=("m", "c", "1 M"))
        invite = machine is INVITE_CLIENT
        return self.layer.open_client(("k", "M"), b"request", place, user=self, invite=invite)

    def seen(self) -> int:
        return self.sent + self.told + self.counts["ack_missing"]


def answer(status: int) -> Message:
    return parse(
        f"SIP/2.0 {status} X\r\nVia: SIP/2.0/UDP 192.0.2.1;branch=z9hG4bKx\r\n"
        "From: <sip:a@b>;tag=1\r\nTo: <sip:c@d>;tag=2\r\nCall-ID: c\r\nCSeq: 1 INVITE\r\n"
        "Content-Length: 0\r\n\r\n".encode()
    )


def arrives(layer: Layer, transaction, happened: Input, place: Address) -> None:
    """Let a message come to what is kept under its key, or the server's user send one."""
    message = MESSAGES.get(happened)
    if isinstance(transaction, ClientTransaction):
        layer.layer.receive("k M", message, place)
        return
    said_by_us = happened not in (Input.REQUEST, Input.ACK)
    if said_by_us or isinstance(layer.layer.servers.get("k"), ServerTransaction):
        take(transaction, happened)


MESSAGES = {Input.PROVISIONAL: answer(180), Input.SUCCESS: answer(200), Input.FAILURE: answer(486)}


def take(transaction, happened: Input) -> bool:
    """Let a message arrive, or be sent by a server's user."""
    return transaction.step(happened, data=b"response", message=MESSAGES.get(happened))


@pytest.mark.parametrize("name", MACHINES)
def test_each_input_in_each_state_does_what_the_table_says_and_else_nothing(name: str) -> None:
    machine = MACHINES[name]
    for state, happened in product(State, Input):
        layer = Layer()
        transaction = layer.begin(machine, PLACES[0])
        transaction.state, transaction.kept = state, b"kept"
        before, found = layer.seen(), machine.steps.get((state, happened))
        assert take(transaction, happened) is (found is not None)
        if found is None:
            assert (transaction.state, layer.seen()) == (state, before)
            assert layer.counts["transaction_unexpected"] == 1
            continue
        after, actions, timers = found
        assert transaction.state is after
        assert layer.seen() - before == len(SENT_OR_PASSED.intersection(actions))
        if after is not state and after in machine.absorbs:
            assert timers == (machine.absorbs[after],)
            (finished,) = (layer.layer.servers or layer.layer.clients).values()
            assert isinstance(finished, Finished)
            assert finished.state is after
        else:
            assert set(timers) <= set(transaction.timers)
        assert (after is State.TERMINATED) is (not layer.layer.servers and not layer.layer.clients)


@pytest.mark.parametrize("place", PLACES, ids=lambda place: place.transport)
@pytest.mark.parametrize("name", MACHINES)
def test_each_order_of_messages_ends_with_nothing_left(name: str, place: Address) -> None:
    machine = MACHINES[name]
    serves = machine in (INVITE_SERVER, SERVER)
    inputs = [Input.PROVISIONAL, Input.SUCCESS, Input.FAILURE]
    inputs += [Input.REQUEST, Input.ACK] if serves else []
    for order in product(inputs, repeat=LONGEST if not serves else LONGEST - 1):
        layer, now = Layer(), 0.0
        transaction = layer.begin(machine, place)
        # A server waits for its user as long as that takes, so that the user must answer.
        for happened in (*order, Input.FAILURE) if serves else order:
            arrives(layer, transaction, happened, place)
            now += BETWEEN_S
            layer.timers.fire(now)
        layer.timers.fire(now + 400.0)
        open_client = layer.layer.clients and machine is INVITE_CLIENT
        if open_client and transaction.state is State.PROCEEDING:
            continue  # it rings for as long as its user lets it (17.1.1.2)
        left = layer.layer.servers, layer.layer.clients, layer.layer.merges
        assert left == ({}, {}, {}), order
        assert layer.timers.next_deadline() is None
        assert transaction.state is State.TERMINATED or transaction.state in machine.absorbs


@pytest.mark.parametrize("name", MACHINES)
def test_what_only_absorbs_answers_as_its_state_says(name: str) -> None:
    machine = MACHINES[name]
    for state in machine.absorbs:
        found = {i: s for (at, i), s in machine.steps.items() if at is state}
        ends = machine.absorbs[state]
        assert found.pop(ends) == (State.TERMINATED, (), ())
        # It stays as it is, starts nothing, and does one thing at most: send the same again.
        for after, actions, timers in found.values():
            assert (after, timers) == (state, ())
            assert set(actions) <= {Action.REPEAT, Action.ACKNOWLEDGE}


def test_each_input_in_each_state_of_a_call() -> None:
    bench = Bench()
    call = bench.offer_call()
    for state, happened in product(CallState, CallInput):
        call.state = state
        found = CALL_TABLE.get((state, happened))
        assert call.step(happened) is (found is not None)
        assert call.state is (found or state)


def test_each_input_in_each_state_of_a_registration() -> None:
    bench = Bench()
    registration = Registration(bench.core.services, bench.core.trunks["carrier"])
    for state, happened in product(RegistrationState, RegistrationInput):
        registration.state = state
        found = REGISTRATION_TABLE.get((state, happened))
        assert registration._step(happened) is (found is not None)
        assert registration.state is (found or state)
