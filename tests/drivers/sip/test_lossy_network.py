"""Random calls between two cores over a network that loses, repeats, delays and reorders.

Whatever is lost, afterwards no call, transaction, transfer or deadline is left on either side,
and each side was told the end of each of its calls exactly once, which gives back its port.
"""

import heapq
import random
from collections import Counter

import msgspec
import pytest

from drivers.events import Cause
from drivers.sip.core.call import Call, CallState
from drivers.sip.core.endpoint import SipCore
from drivers.sip.core.happenings import (
    AnsweredBy,
    Ended,
    Happening,
    Offered,
    Replaced,
    TransferAsked,
)
from drivers.sip.options import SipOptions, TrunkOptions
from drivers.sip.transport.address import Address

ROUNDS = 10_000
PLACES = (Address("192.0.2.1", 5060), Address("192.0.2.2", 5060))
BURST = 25
"""Calls begun before the network falls quiet and the sides are looked at."""


class Side:
    """One core with what its user holds."""

    def __init__(self, place: Address, peer: Address, rng: random.Random) -> None:
        trunk = TrunkOptions(
            name="peer",
            addresses=(peer.host,),
            target=f"{peer.host}:{peer.port}",
            transfers=True,
            network_transfers=True,
            reliable=True,
        )
        self.journal: list[tuple[str, bytes]] = []
        self.core = SipCore(
            SipOptions(listen=place.host, trunks=(trunk,), ring_timeout_s=60.0),
            host=place.host,
            port=place.port,
            rng=rng,
            journal=lambda kind, payload: self.journal.append((kind, payload)),
            secret=b"s",
        )
        self.place = place
        self.calls: dict[str, Call] = {}
        self.told: Counter[str] = Counter()
        self.begun = 0
        self.transfers: list[str] = []

    def keep(self, call: Call) -> None:
        self.begun += 1
        self.calls[call.local_tag] = call

    def hear(self, one: Happening) -> None:
        if isinstance(one, Offered):
            self.keep(one.call)
        elif isinstance(one, AnsweredBy | Replaced):
            self.calls.pop(one.call.local_tag)
            self.calls[one.by.local_tag] = one.by
        elif isinstance(one, TransferAsked):
            self.transfers.append(one.transfer)
        elif isinstance(one, Ended):
            self.told["ended"] += 1
            assert self.calls.pop(one.call.local_tag, None) is one.call


class Network:
    """Carries datagrams between two sides under a seed."""

    def __init__(self, seed: int, *, loss: float) -> None:
        self.rng = random.Random(seed)
        self.loss = loss
        self.now = 1000.0
        self.sides = {
            one: Side(one, other, random.Random(seed + one.port))
            for one, other in (PLACES, PLACES[::-1])
        }
        self._air: list[tuple[float, int, Address, Address, bytes]] = []
        self._sent = 0

    def side(self) -> Side:
        return self.rng.choice(list(self.sides.values()))

    def collect(self) -> None:
        """Take what the sides have to say."""
        rng = self.rng
        for side in self.sides.values():
            for data, target in side.core.take_out():
                for _ in range(rng.choices((0, 1, 2), (self.loss, 1.0, self.loss / 2))[0]):
                    self._sent += 1
                    at = self.now + rng.choice((0.001, 0.01, 0.02, 0.3))
                    goes = Address(target.host, target.port)
                    heapq.heappush(self._air, (at, self._sent, side.place, goes, data))
            for one in side.core.take_happenings():
                side.hear(one)

    def run(self, seconds: float) -> None:
        """Let time pass, event by event."""
        end = self.now + seconds
        while True:
            self.collect()
            moments = [self._air[0][0]] if self._air else []
            for side in self.sides.values():
                deadline = side.core.next_deadline()
                if deadline is not None:
                    moments.append(deadline)
            if not moments or min(moments) > end:
                break
            self.now = max(self.now, min(moments))
            while self._air and self._air[0][0] <= self.now:
                _, _, source, target, data = heapq.heappop(self._air)
                if target in self.sides:
                    self.sides[target].core.receive(data, source, self.now)
            for side in self.sides.values():
                side.core.advance(self.now)
        self.now = end
        for side in self.sides.values():
            side.core.advance(end)

    def act(self, side: Side) -> None:
        """Something a user may do with one of the calls."""
        core, rng = side.core, self.rng
        core.services.timers.now = self.now
        if side.transfers and rng.random() < 0.5:
            ref = side.transfers.pop()
            core.report_transfer(ref, rng.choice((None, Cause.BUSY)), rings=rng.random() < 0.3)
            return
        if not side.calls:
            return
        call = rng.choice(list(side.calls.values()))
        what = rng.randrange(10)
        if call.state is CallState.OFFERED and what < 7:
            if what < 2:
                core.ring(call)
            elif what == 2:
                core.open_early(call, side.place.host, 6000)
            elif what < 6:
                core.accept(call, side.place.host, 6000)
            else:
                core.release(call, rng.choice((Cause.BUSY, Cause.REJECTED)))
        elif what < 3:
            core.set_hold(call, hold=rng.random() < 0.6)
        elif what == 3:
            core.refer(call, "777", None)
        elif what == 4 and call.dialog is not None:
            core.in_dialog.timers.refresh(call)
        elif what > 7:
            core.release(call, rng.choice((Cause.NORMAL, Cause.NO_ANSWER)))

    def dial(self, side: Side) -> None:
        core = side.core
        core.services.timers.now = self.now
        call = core.dial_trunk("peer", "1000", line="peer/1", ani="")
        side.keep(call)
        core.start(call, name="", host=side.place.host, port=6000)

    def hang_up(self) -> None:
        for side in self.sides.values():
            side.core.services.timers.now = self.now
            for ref in side.transfers:
                side.core.report_transfer(ref, None)
            side.transfers.clear()
            for call in list(side.calls.values()):
                side.core.release(call, Cause.NORMAL)

    def finish(self) -> None:
        """Everybody hangs up; nothing may be left when all repetitions are over."""
        self.hang_up()
        self.run(300.0)
        for side in self.sides.values():
            # An INVITE may arrive after its caller gave up, and the CANCEL never.
            assert {call.state for call in side.calls.values()} <= {CallState.OFFERED}
        self.hang_up()
        self.run(100.0)
        for side in self.sides.values():
            core = side.core
            assert side.calls == {}
            assert side.told["ended"] == side.begun
            assert core.calls.all() == []
            assert core.services.transactions.servers == {}
            assert core.services.transactions.clients == {}
            assert core.services.transactions.merges == {}
            assert len(core.in_dialog.transfers) == 0
            assert core.inbound.open_offers() == 0
            assert core.next_deadline() is None


@pytest.mark.parametrize(("seed", "loss"), [(1, 0.0), (2, 0.1), (3, 0.3), (4, 0.6)])
def test_random_calls_leave_nothing_behind(seed: int, loss: float) -> None:
    network = Network(seed, loss=loss)
    begun = 0
    while begun < ROUNDS // 4:
        for _ in range(BURST):
            network.dial(network.side())
            begun += 1
            network.run(network.rng.choice((0.0, 0.05, 0.4)))
            for _ in range(network.rng.randrange(6)):
                network.act(network.side())
                network.run(network.rng.choice((0.0, 0.005, 0.05, 0.6)))
        network.finish()
    answered = [side.core.services.counters for side in network.sides.values()]
    assert all(counters["sent_200"] > ROUNDS // 40 for counters in answered)
    reached = ("received_prack", "received_update", "received_refer", "received_notify")
    assert all(counters[name] > 0 for counters in answered for name in reached)


def test_random_calls_are_rebuilt_or_gone_after_a_crash() -> None:
    """A core built from the journal at any moment ends what stands and knows nothing else."""
    network = Network(9, loss=0.1)
    withdrawn = 0
    for _ in range(40):
        for _ in range(8):
            network.dial(network.side())
            network.run(0.3)
            for _ in range(4):
                network.act(network.side())
                network.run(0.1)
        victim = network.side()
        kept = msgspec.structs.replace(victim.core.options)
        fresh = Side(victim.place, next(p for p in PLACES if p != victim.place), random.Random(5))
        assert fresh.core.options == kept
        restored = fresh.core.restore(victim.journal, network.now)
        fresh.core.resume()
        network.sides[victim.place] = fresh
        for call in restored:
            fresh.keep(call)
        # The other side hears of its lost calls by CANCEL, time-outs and 481s; ours hang up.
        network.finish()
        withdrawn += fresh.core.services.counters.get("withdrawn_after_restart", 0)
    assert withdrawn > 0
