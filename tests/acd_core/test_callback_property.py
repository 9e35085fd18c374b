"""Random histories with call-backs: nobody is overtaken, every place ends, replays agree."""

from itertools import pairwise
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from acd_core import events as told
from acd_core.call_queue import CallRule, QueueConfig
from acd_core.commands import CallbackKept, CallbackOver, DialCallback
from acd_core.engine import AcdEngine
from acd_core.errors import AcdError
from acd_core.queue_life.options import CallbackRules
from tests.acd_core.conftest import Floor

STEP = st.tuples(
    st.sampled_from(
        [
            "call",
            "call",
            "call",
            "take",
            "take",
            "come",
            "come",
            "fail",
            "cancel",
            "in",
            "in",
            "out",
            "answer",
            "answer",
            "end",
            "gone",
            "wait",
            "wait",
            "rules",
        ]
    ),
    st.integers(0, 9),
)
CONFIGS: list[dict[str, Any]] = [
    {"callback": CallbackRules(retry_s=9.0, grace_s=20.0, ring_s=6.0, most_waiting=3)},
    {"callback": CallbackRules(retry_s=3.0, grace_s=0.0, longest_s=30.0, dial_ahead_s=0.0)},
    {"callback": None},
    {"callback": CallbackRules(), "call_rule": CallRule.AGING, "aging_s": 7.0},
]


class Day:
    """A floor with call-backs, and an independent idea of who stands where."""

    def __init__(self) -> None:
        self.floor = Floor()
        self.history: list[tuple[Any, float]] = []
        self.commands: list[Any] = []
        self.calls = 0
        self.began: dict[int, float] = {}
        """When the wait of each call began; a call that took a place began with it."""
        self.priority: dict[int, int] = {}
        self.kept: set[int] = set()
        self.dialled: set[int] = set()
        self.tell(told.QueueConfigured(config=QueueConfig(queue=1, **CONFIGS[0]), version=1))
        for agent in (1, 2):
            config = told.AgentConfig(agent=agent)
            self.tell(told.AgentConfigured(config=config, version=1))

    def tell(self, event: Any) -> None:
        floor = self.floor
        self.history.append((event, floor.now))
        before = floor.engine.snapshot(floor.now)
        waiting = {c.call: c.position for q in before.queues for c in q.waiting}
        try:
            commands = floor.tell(event)
        except AcdError:
            assert floor.engine.snapshot(floor.now) == before
            return
        self.commands += commands
        for command in commands:
            if isinstance(command, CallbackKept):
                assert command.call in waiting
                self.kept.add(command.call)
            elif isinstance(command, DialCallback):
                assert command.call in self.kept - self.dialled
                assert command.attempt in (1, 2)
                self.dialled.add(command.call)
            elif isinstance(command, CallbackOver):
                self.kept.remove(command.call)
                self.dialled.discard(command.call)
        if isinstance(event, told.CallOffered) and event.callback is not None:
            self.nobody_loses_more_than_that_place(event, waiting)
        if isinstance(event, told.CallbackFailed):
            self.dialled.discard(event.call)
        self.check()

    def check(self) -> None:
        view = self.floor.line()
        assert {place.call for place in view.callbacks} == self.kept
        order = [call.call for call in view.waiting]
        # Nobody stands before anybody who began to wait earlier with the same priority.
        for first, second in pairwise(order):
            if self.priority[first] == self.priority[second]:
                assert self.began[first] <= self.began[second]
        for place in view.callbacks:
            before = sum(self.stands_before(other, place.call) for other in order)
            before += sum(self.stands_before(other, place.call) for other in self.kept)
            if len({self.priority[call] for call in (*order, *self.kept)}) == 1:
                assert place.position == before + 1
        visits = view.visits
        ended = visits.answered + visits.abandoned + visits.callback_taken + visits.refused
        assert visits.offered == ended + visits.timed_out + visits.in_system

    def nobody_loses_more_than_that_place(
        self, event: told.CallOffered, before: dict[int, int]
    ) -> None:
        for call in self.floor.line().waiting:
            if call.call in before and self.priority[call.call] == self.priority[event.call]:
                later = self.began[call.call] > self.began[event.call]
                assert call.position - before[call.call] <= later

    def stands_before(self, other: int, call: int) -> bool:
        return (self.began[other], other) < (self.began[call], call)

    def drive(self, steps: list[tuple[str, int]]) -> None:
        for step, n in steps:
            event = self.event(step, n)
            if event is not None:
                self.tell(event)

    def event(self, step: str, n: int) -> Any:
        floor = self.floor
        order, kept, agent = floor.order(), sorted(self.kept), n % 2 + 1
        match step:
            case "call":
                self.calls += 1
                self.began[self.calls] = floor.now
                self.priority[self.calls] = int(n == 9)
                return told.CallOffered(call=self.calls, queue=1, priority=int(n == 9))
            case "take" if order:
                return told.CallbackTaken(call=order[n % len(order)], number="55")
            case "come" if kept:
                place = kept[n % len(kept)]
                self.calls += 1
                self.began[self.calls] = self.began[place]
                self.priority[self.calls] = self.priority[place]
                return told.CallOffered(call=self.calls, queue=1, callback=place)
            case "fail" if self.dialled:
                return told.CallbackFailed(call=sorted(self.dialled)[n % len(self.dialled)])
            case "cancel" if kept and n == 0:
                return told.CallbackCancelled(call=kept[0])
            case "in":
                self.tell(told.AgentLoggedIn(agent=agent, station=f"s{agent}"))
                return told.AgentReady(agent=agent)
            case "out" if n < 3:
                return told.AgentLoggedOut(agent=agent)
            case "answer" | "end":
                call = floor.view(agent).call
                if call is None:
                    return None
                if step == "end":
                    return told.CallEnded(call=call)
                self.tell(told.OfferAccepted(call=call, agent=agent))
                return told.CallAnswered(call=call, agent=agent)
            case "gone" if order:
                return told.CallAbandoned(call=order[n % len(order)])
            case "rules":
                config = QueueConfig(queue=1, **CONFIGS[n % 4])
                return told.QueueConfigured(config=config, version=n)
            case "wait":
                self.wait(n * 2.5)
        return None

    def wait(self, seconds: float) -> None:
        floor = self.floor
        until = floor.now + seconds
        for _ in range(300):
            due = floor.engine.next_deadline()
            if due is None or due > until:
                break
            floor.now = max(due, floor.now)
            # Attempts that are over are noticed by the engine alone.
            gone = [
                p.call
                for p in floor.line().callbacks
                if p.call in self.dialled and p.attempts and self.ring_over(p.call)
            ]
            self.dialled.difference_update(gone)
            self.tell(told.DeadlineReached())
            following = floor.engine.next_deadline()
            assert following is None or following > floor.now
        floor.now = until

    def ring_over(self, call: int) -> bool:
        dials = [c for c in self.commands if isinstance(c, DialCallback) and c.call == call]
        return dials[-1].deadline <= self.floor.now


@given(st.lists(STEP, min_size=10, max_size=120))
def test_a_kept_place_overtakes_nobody(steps: list[tuple[str, int]]) -> None:
    Day().drive(steps)


@given(st.lists(STEP, min_size=10, max_size=100))
def test_places_are_kept_over_a_restart(steps: list[tuple[str, int]]) -> None:
    day = Day()
    day.drive(steps)
    again = AcdEngine()
    again.replay((told.decode(told.encode(event)), now) for event, now in day.history)
    assert again.snapshot(day.floor.now) == day.floor.engine.snapshot(day.floor.now)
    assert again.next_deadline() == day.floor.engine.next_deadline()


@given(st.lists(STEP, min_size=10, max_size=100))
def test_every_place_ends(steps: list[tuple[str, int]]) -> None:
    day = Day()
    day.drive(steps)
    for agent in (1, 2):
        day.tell(told.AgentLoggedOut(agent=agent))
    for _ in range(20):
        day.wait(1000.0)
    assert day.floor.line().callbacks == ()
    assert day.kept == set()
