"""Two cores call each other over a wire that loses, repeats and reorders datagrams."""

import heapq
import random

import pytest

from drivers.events import Cause
from drivers.sip.core.call import Call, CallState
from drivers.sip.core.endpoint import SipCore
from drivers.sip.core.happenings import Connected, Ended, Happening, Offered
from drivers.sip.options import SipOptions, TrunkOptions
from drivers.sip.transport.address import Address

LEFT, RIGHT = Address("192.0.2.1", 5060), Address("192.0.2.2", 5060)


class Wire:
    """Carries datagrams between two cores in simulated time."""

    def __init__(self, *, loss: float, seed: int) -> None:
        self.random = random.Random(seed)
        self.loss = loss
        self.now = 0.0
        self.journals: dict[tuple[str, int], list[tuple[str, bytes]]] = {LEFT: [], RIGHT: []}
        self.cores = {LEFT: self._core(LEFT, RIGHT, 1), RIGHT: self._core(RIGHT, LEFT, 2)}
        self.happened: dict[tuple[str, int], list[Happening]] = {LEFT: [], RIGHT: []}
        self._flying: list[tuple[float, int, tuple[str, int], tuple[str, int], bytes]] = []
        self._count = 0

    def _core(self, ours: tuple[str, int], theirs: tuple[str, int], seed: int) -> SipCore:
        trunk = TrunkOptions(name="peer", addresses=(theirs[0],), target=f"{theirs[0]}:5060")
        return SipCore(
            SipOptions(listen=ours[0], trunks=(trunk,)),
            host=ours[0],
            port=5060,
            rng=random.Random(seed * 1000 + self.random.randrange(1000)),
            journal=lambda kind, payload: self.journals[ours].append((kind, payload)),
            secret=b"x",
        )

    def pump(self) -> None:
        """Take what the cores have to send and tell."""
        for place, core in self.cores.items():
            for data, address in core.take_out():
                copies = 0 if self.random.random() < self.loss else 1
                copies += self.random.random() < self.loss / 4
                for _ in range(copies):
                    self._count += 1
                    when = self.now + self.random.uniform(0.01, 0.2)
                    heapq.heappush(self._flying, (when, self._count, address, place, data))
            self.happened[place] += core.take_happenings()

    def run(self, seconds: float) -> None:
        """Let time pass."""
        end = self.now + seconds
        while True:
            self.pump()
            deadlines = [core.next_deadline() for core in self.cores.values()]
            due = [when for when in deadlines if when is not None]
            if self._flying:
                due.append(self._flying[0][0])
            if not due or min(due) > end:
                break
            self.now = max(self.now, min(due))
            while self._flying and self._flying[0][0] <= self.now:
                _, _, to, source, data = heapq.heappop(self._flying)
                self.cores[to].receive(data, source, self.now)
            for core in self.cores.values():
                core.advance(self.now)
            self._answer()
        self.now = end

    def _answer(self) -> None:
        self.pump()
        for one in [one for one in self.happened[RIGHT] if isinstance(one, Offered)]:
            self.happened[RIGHT].remove(one)
            core = self.cores[RIGHT]
            core.ring(one.call)
            one.call.line = "peer/1"
            core.accept(one.call, "192.0.2.2", 7000)

    def dial(self) -> Call:
        core = self.cores[LEFT]
        core.services.timers.now = self.now
        call = core.dial_trunk("peer", "1000", line="peer/1", ani="1")
        core.start(call, name="", host="192.0.2.1", port=6000)
        return call

    def of(self, place: tuple[str, int], kind: type) -> list:
        return [one for one in self.happened[place] if isinstance(one, kind)]


@pytest.mark.parametrize("seed", range(8))
def test_calls_stand_and_end_once_on_both_sides(seed: int) -> None:
    wire = Wire(loss=0.25, seed=seed)
    calls = []
    for _ in range(10):
        calls.append(wire.dial())
        wire.run(1.0)
    wire.run(40.0)
    assert all(call.answered for call in calls)
    assert len(wire.of(LEFT, Connected)) == len(wire.of(RIGHT, Connected)) == 10
    for number, call in enumerate(calls):
        side = wire.cores[LEFT]
        side.services.timers.now = wire.now
        if number % 2:
            side.set_hold(call, hold=True)
        else:
            side.release(call, Cause.NORMAL)
    wire.run(60.0)
    for call in wire.cores[RIGHT].calls.all():
        wire.cores[RIGHT].services.timers.now = wire.now
        wire.cores[RIGHT].release(call, Cause.BUSY)
    wire.run(200.0)
    for place in (LEFT, RIGHT):
        assert len(wire.of(place, Ended)) == 10
        core = wire.cores[place]
        assert len(core.calls) == 0
        assert not core.services.transactions.servers
        assert not core.services.transactions.clients


@pytest.mark.parametrize("seed", range(4))
def test_hold_from_both_sides_at_once_settles(seed: int) -> None:
    wire = Wire(loss=0.1, seed=seed)
    call = wire.dial()
    wire.run(40.0)
    (other,) = wire.cores[RIGHT].calls.all()
    for place, one in ((LEFT, call), (RIGHT, other)):
        wire.cores[place].services.timers.now = wire.now
        wire.cores[place].set_hold(one, hold=True)
    wire.run(60.0)
    for one in (call, other):
        assert one.session is not None
        assert one.session.on_hold
        assert one.state is CallState.CONFIRMED
        assert one.session.fmt is not None
        assert not one.session.fmt.receive


@pytest.mark.parametrize("seed", range(4))
def test_cancel_races_the_answer_and_nothing_is_left(seed: int) -> None:
    wire = Wire(loss=0.2, seed=seed)
    for number in range(10):
        call = wire.dial()
        wire.run(0.05 + number * 0.05)
        wire.cores[LEFT].services.timers.now = wire.now
        wire.cores[LEFT].release(call, Cause.ANSWERED_ELSEWHERE)
    wire.run(300.0)
    assert len(wire.of(LEFT, Ended)) == 10
    for place in (LEFT, RIGHT):
        assert len(wire.cores[place].calls) == 0
        assert not wire.cores[place].services.transactions.clients


def test_one_side_restarts_in_mid_call_and_both_end_it() -> None:
    wire = Wire(loss=0.1, seed=3)
    calls = [wire.dial() for _ in range(4)]
    wire.run(40.0)
    wire.cores[RIGHT] = wire._core(RIGHT, LEFT, 9)
    restored = wire.cores[RIGHT].restore(wire.journals[RIGHT], wire.now)
    assert len(restored) == 4
    for call in calls[:2]:
        wire.cores[LEFT].services.timers.now = wire.now
        wire.cores[LEFT].release(call, Cause.NORMAL)
    wire.run(40.0)
    for call in wire.cores[RIGHT].calls.all():
        wire.cores[RIGHT].release(call, Cause.NORMAL)
    wire.run(60.0)
    assert len(wire.of(LEFT, Ended)) == len(wire.of(RIGHT, Ended)) == 4
    assert len(wire.cores[LEFT].calls) == len(wire.cores[RIGHT].calls) == 0
