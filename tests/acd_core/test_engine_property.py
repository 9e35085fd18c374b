"""Random histories: nobody is lost, nobody serves two, sums add up, replays agree."""

from collections import Counter
from itertools import chain
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from acd_core import events as told
from acd_core.agent import AgentConfig, AgentState
from acd_core.call_queue import CallRule, NoAgents, QueueConfig, Widening
from acd_core.commands import (
    CallMoved,
    CallRefused,
    CallTimedOut,
    ConnectToAgent,
    OfferToAgent,
    WithdrawOffer,
    WithdrawReason,
)
from acd_core.engine import AcdEngine
from acd_core.errors import AcdError
from acd_core.opening_hours import parse_hours
from acd_core.queue_life.options import Announcements, CallbackRules, Closing, Overflow
from acd_core.reasons import explain
from acd_core.routing.registry import Ring, find_strategy, strategies
from acd_core.skills import Requirement
from cython_ext.acd import oracle
from cython_ext.implementation import PURE_PYTHON

QUEUES = (
    QueueConfig(queue=1, required=(Requirement(1, 3),), wrap_up_s=4, max_wait_s=60, offer_s=6),
    QueueConfig(
        queue=2,
        required=(Requirement(2, 1),),
        strategy="ring_progressively",
        ring_step_s=1.5,
        max_waiting=3,
        misses_to_pause=2,
        miss_rest_s=3,
    ),
    QueueConfig(
        queue=3,
        strategy="ring_all",
        priority=2,
        no_agents=NoAgents.LEAVE,
        wrap_up_s=2,
        connect_s=3,
    ),
)
RULES = sorted(strategies())
CALL_RULES = tuple(CallRule)
OFFERED = (AgentState.RESERVED, AgentState.RINGING)
WIDENING: Any = (
    (),
    (Widening(after_s=2.0, any_of=((Requirement(1, 2),),)), Widening(after_s=5.0)),
    (Widening(after_s=9.0, when_nobody=True),),
)
LIFE: Any = (
    {"callback": CallbackRules(ring_s=4.0, retry_s=6.0, grace_s=9.0, longest_s=60.0)},
    {
        "overflow": (
            Overflow(to=(1, 2, 3), after_s=4.0),
            Overflow(to=(3, 2), when_refused=True, when_nobody=True),
        ),
        "announcements": Announcements(
            first_s=1.0, every_s=5.0, min_gap_s=2.0, on_progress=True, estimate=False
        ),
    },
    {
        # The clock of these histories begins at 00:16:40 of a Thursday.
        "hours": parse_hours("UTC", {"thu": ["00:00-00:17", "00:18-00:20"]}, {}),
        "closing": Closing.LEAVE,
        "callback": CallbackRules(dial_ahead_s=0.0, most_waiting=2),
        "overflow": (Overflow(to=(2, 3), when_refused=True),),
        "max_overflows": 1,
    },
    {},
)
AGENTS = (
    AgentConfig(agent=1, skills={1: 5}),
    AgentConfig(agent=2, skills={1: 3, 2: 9}),
    AgentConfig(agent=3, skills={2: 2}),
)
STEP = st.tuples(
    st.sampled_from(
        [
            "in",
            "in",
            "out",
            "ready",
            "ready",
            "ready",
            "pause",
            "lost",
            "back",
            "busy",
            "free",
            "offer",
            "offer",
            "offer",
            "offer",
            "offer",
            "last",
            "named",
            "needs",
            "abandon",
            "withdraw",
            "ring",
            "accept",
            "accept",
            "accept",
            "reject",
            "answer",
            "answer",
            "answer",
            "hold",
            "retrieve",
            "end",
            "end",
            "finish",
            "deadline",
            "deadline",
            "skills",
            "queue",
            "agent",
            "day",
            "attended",
            "take",
            "take",
            "come",
            "fail",
            "cancel",
            "wait",
            "wait",
        ]
    ),
    st.integers(0, 20),
    st.integers(0, 3),
)


ABOUT_OFFERS = frozenset({"ring", "accept", "reject", "answer"})
ABOUT_TALK = frozenset({"hold", "retrieve", "end"})


def event_of(step: str, a: int, b: int, watch: "Watch") -> Any:
    """Some event; legal or not is the engine's to say, but most are near the truth."""
    calls = watch.calls
    agent, call, queue = a % 4 + (a % 4 == 0), max(calls - a % 5, 0), b % 3 + 1
    offers = [(call, agent) for call, ringing in watch.offers.items() for agent in ringing]
    talks = list(watch.talks)
    if b and step in ABOUT_OFFERS and offers:
        call, agent = offers[a % len(offers)]
    elif b and step in ABOUT_TALK and talks:
        call = talks[a % len(talks)]
    match step:
        case "in":
            return told.AgentLoggedIn(agent=agent, station=f"s{agent}")
        case "out":
            return told.AgentLoggedOut(agent=agent)
        case "ready":
            return told.AgentReady(agent=agent)
        case "pause":
            return told.AgentPaused(agent=agent, reason="lunch")
        case "lost":
            return told.AgentUnreachable(agent=agent)
        case "back":
            return told.AgentReachable(agent=agent)
        case "busy":
            return told.AgentBusy(agent=agent)
        case "free":
            return told.AgentFree(agent=agent)
        case "offer":
            return told.CallOffered(call=calls + 1, queue=queue, priority=a % 2)
        case "last" | "named":
            return told.CallOffered(
                call=calls + 1,
                queue=queue,
                preferred=agent,
                preference=told.Preference(step),
                preferred_limit_s=float(a % 8),
                waited_s=float(b),
            )
        case "needs":
            needs = (Requirement(2, 5),)
            return told.CallOffered(call=calls + 1, queue=queue, requirements=needs)
        case "abandon":
            return told.CallAbandoned(call=call)
        case "withdraw":
            return told.CallWithdrawn(call=call, outcome=list(told.Outcome)[a % 8])
        case "ring":
            return told.OfferRinging(call=call, agent=agent)
        case "accept":
            return told.OfferAccepted(call=call, agent=agent)
        case "reject":
            return told.OfferRejected(call=call, agent=agent)
        case "answer":
            return told.CallAnswered(call=call, agent=agent)
        case "hold":
            return told.CallHeld(call=call)
        case "retrieve":
            return told.CallRetrieved(call=call)
        case "end":
            return told.CallEnded(call=call)
        case "finish":
            return told.WrapUpEnded(agent=agent)
        case "skills":
            return told.SkillsChanged(agent=agent, skills={1 + b % 2: 1 + a % 10}, version=a)
        case "queue":
            rule = RULES[a % len(RULES)]
            changed = msgspec.structs.replace(
                QUEUES[b % 3],
                strategy=rule,
                ring_step_s=2.0,
                seed=a,
                shares={2: 3},
                any_of=((Requirement(1),), (Requirement(2, 4),)) if a % 3 else (),
                widening=WIDENING[a % 3],
                call_rule=CALL_RULES[(a + b) % len(CALL_RULES)],
                call_share=a,
                max_ratio=1.5 if a % 4 == 1 else None,
                max_estimate_s=150.0 if a % 4 == 2 else None,
                absent=(AgentState.PAUSED, AgentState.TALKING)[: a % 3],
                **LIFE[(a + b) % len(LIFE)],
            )
            return told.QueueConfigured(config=changed, version=a)
        case "agent":
            if a % 4 == 3:
                return told.AgentRemoved(agent=agent, version=a)
            return told.AgentConfigured(config=AGENTS[b % 3], version=a)
        case "attended":
            return told.QueueAttended(queue=queue, unattended=a % 3 == 0, version=a)
        case "take":
            return told.CallbackTaken(call=call, number="5")
        case "come" | "fail" | "cancel":
            return about_place(step, a, call, watch)
        case "day":
            return told.DayBegan() if b else told.QueueRemoved(queue=queue, version=a)
    return told.DeadlineReached()


def about_place(step: str, a: int, call: int, watch: "Watch") -> Any:
    """Some event about a kept place, if there is one."""
    kept = [
        (queue.queue, place.call)
        for queue in watch.engine.snapshot(watch.now).queues
        for place in queue.callbacks
    ]
    queue, place = kept[a % len(kept)] if kept else (1, call)
    if step == "come":
        return told.CallOffered(call=watch.calls + 1, queue=queue, callback=place)
    if step == "fail":
        return told.CallbackFailed(call=place)
    return told.CallbackCancelled(call=place)


class Watch:
    """An engine, and an independent count of what it told."""

    def __init__(self) -> None:
        self.engine = AcdEngine()
        self.now = 1000.0
        self.history: list[tuple[Any, float]] = []
        self.commands: list[Any] = []
        self.calls = 0
        self.offers: dict[int, list[int]] = {}
        """By call, whose stations ring, in the order of the offers."""
        self.talks: list[int] = []
        self.refused = 0
        self.configs: dict[int, QueueConfig] = {}
        for queue in QUEUES:
            self.tell(told.QueueConfigured(config=queue, version=1))
        for agent in AGENTS:
            self.tell(told.AgentConfigured(config=agent, version=1))
            self.tell(told.AgentLoggedIn(agent=agent.agent, station=f"s{agent.agent}"))
            self.tell(told.AgentReady(agent=agent.agent))

    def tell(self, event: Any) -> tuple[Any, ...]:
        self.history.append((event, self.now))
        before = self.engine.snapshot(self.now)
        try:
            commands = self.engine.handle(event, self.now)
        except AcdError:
            self.refused += 1
            assert self.engine.snapshot(self.now) == before
            return ()
        self.commands += commands
        if isinstance(event, told.QueueConfigured):
            self.configs[event.config.queue] = event.config
        self.follow(event, commands)
        self.check()
        return commands

    def follow(self, event: Any, commands: tuple[Any, ...]) -> None:
        if isinstance(event, told.CallAnswered):
            assert self.offers.pop(event.call) == [event.agent]
            self.talks.append(event.call)
        if isinstance(event, told.CallEnded):
            self.talks.remove(event.call)
        joined = {command.call for command in commands if isinstance(command, ConnectToAgent)}
        for command in commands:
            if isinstance(command, OfferToAgent):
                ringing = self.offers.setdefault(command.call, [])
                assert command.agent not in ringing
                assert command.agent not in chain(*self.offers.values())
                assert not ringing or self.rings_several(command.call)
                assert self.now < command.deadline
                assert explain(command.reasons, "en", str)
                assert explain(command.reasons, "zh", str)
                ringing.append(command.agent)
            elif isinstance(command, WithdrawOffer):
                self.offers[command.call].remove(command.agent)
                if not self.offers[command.call]:
                    del self.offers[command.call]
                elsewhere = command.why is WithdrawReason.ANSWERED_ELSEWHERE
                assert elsewhere == (command.call in joined)
            elif isinstance(command, ConnectToAgent):
                assert command.agent in self.offers[command.call]
            elif isinstance(command, CallTimedOut | CallRefused | CallMoved):
                assert command.call not in self.offers

    def rings_several(self, call: int) -> bool:
        """Whether the queue of a call lets several stations ring, or did so just now."""
        queue = next(
            queue.queue
            for queue in self.engine.snapshot(self.now).queues
            for waiting in queue.waiting
            if waiting.call == call
        )
        return find_strategy(self.configs[queue].strategy).ring is not Ring.ONE

    def check(self) -> None:
        picture = self.engine.snapshot(self.now)
        waiting = {call.call: call for queue in picture.queues for call in queue.waiting}
        for queue in picture.queues:
            visits = queue.visits
            assert visits.offered == (
                visits.answered
                + visits.abandoned
                + visits.overflowed
                + visits.timed_out
                + visits.refused
                + visits.voicemail
                + visits.callback_taken
                + visits.transferred_out
                + visits.in_system
            )
            assert visits.in_system == len(queue.waiting)
            assert [call.position for call in queue.waiting] == list(
                range(1, len(queue.waiting) + 1)
            )
        served = Counter(
            agent.call
            for agent in picture.agents
            if agent.call is not None and agent.state not in OFFERED
        )
        assert not served or max(served.values()) == 1
        owners: list[int] = []
        for agent in picture.agents:
            reserved = agent.state in OFFERED
            if reserved:
                assert agent.until is not None
                assert agent.agent in waiting[agent.call].ringing
                owners.append(agent.agent)
            if agent.state in (AgentState.TALKING, AgentState.ON_HOLD):
                assert agent.call in self.talks
                assert agent.call not in waiting
            if agent.state in (AgentState.READY, AgentState.LOGGED_OUT, AgentState.PAUSED):
                assert agent.call is None
        rung = {call: view.ringing for call, view in waiting.items() if view.ringing}
        assert {call: list(ringing) for call, ringing in rung.items()} == self.offers
        assert all(view.agent == (view.ringing or (None,))[0] for view in waiting.values())
        assert sorted(owners) == sorted(chain(*rung.values()))
        deadline = self.engine.next_deadline()
        if any(agent.until is not None for agent in picture.agents):
            assert deadline is not None

    def drive(self, steps: list[tuple[str, int, int]]) -> None:
        for step, a, b in steps:
            if step == "wait":
                self.now += a / 2
            elif step == "deadline":
                self.now = max(self.now, self.engine.next_deadline() or self.now)
            event = event_of(step, a, b, self)
            self.calls += isinstance(event, told.CallOffered)
            self.tell(event)

    def close_down(self) -> None:
        """Run every deadline out; nobody may stay reserved."""
        for _ in range(300):
            deadline = self.engine.next_deadline()
            if deadline is None:
                return
            self.now = max(self.now, deadline)
            self.tell(told.DeadlineReached())
            assert (self.engine.next_deadline() or self.now + 1) > self.now
        pytest.fail("deadlines never end")


@given(st.lists(STEP, min_size=20, max_size=150))
def test_invariants_hold_after_every_event(steps: list[tuple[str, int, int]]) -> None:
    watch = Watch()
    watch.drive(steps)
    for queue in QUEUES:
        # Opening hours and announcements never end.
        watch.tell(told.QueueConfigured(config=queue, version=99))
    for agent in AGENTS:
        watch.tell(told.AgentLoggedOut(agent=agent.agent))
    watch.close_down()


@given(st.lists(STEP, min_size=20, max_size=150))
def test_a_replay_gives_the_same_commands(steps: list[tuple[str, int, int]]) -> None:
    watch = Watch()
    watch.drive(steps)
    again = AcdEngine()
    commands: list[Any] = []
    for event, now in watch.history:
        try:
            commands += again.handle(told.decode(told.encode(event)), now)
        except AcdError:
            continue
    assert commands == watch.commands
    restored = AcdEngine()
    assert restored.replay(watch.history) == watch.refused
    assert restored.snapshot(watch.now) == watch.engine.snapshot(watch.now)
    assert restored.next_deadline() == watch.engine.next_deadline()


@pytest.mark.skipif(PURE_PYTHON, reason="nothing to compare with")
@given(st.lists(STEP, min_size=20, max_size=150))
def test_the_plain_kernel_makes_the_same_decisions(steps: list[tuple[str, int, int]]) -> None:
    watch = Watch()
    watch.drive(steps)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("acd_core.engine.Matcher", oracle.Matcher)
        patch.setattr("acd_core.eligibility.widening.Deadlines", oracle.Deadlines)
        patch.setattr("acd_core.floor.lines.Deadlines", oracle.Deadlines)
        patch.setattr("acd_core.floor.roster.Deadlines", oracle.Deadlines)
        for part in ("announcements", "callbacks", "opening", "overflow"):
            patch.setattr(f"acd_core.queue_life.{part}.Deadlines", oracle.Deadlines)
        plain = AcdEngine()
    commands: list[Any] = []
    for event, now in watch.history:
        try:
            commands += plain.handle(event, now)
        except AcdError:
            continue
    assert commands == watch.commands
    assert plain.snapshot(watch.now) == watch.engine.snapshot(watch.now)


def fit_and_ready(watch: Watch, queue: int, call: Any) -> list[int]:
    """Ready agents with the levels that a call demands, found by hand."""
    skills: dict[int, dict[int, int]] = {}
    offered: dict[int, told.CallOffered] = {}
    for event, _ in watch.history:
        if isinstance(event, told.AgentConfigured):
            skills[event.config.agent] = event.config.skills
        elif isinstance(event, told.SkillsChanged) and event.agent in skills:
            skills[event.agent] = event.skills
        elif isinstance(event, told.CallOffered):
            offered[event.call] = event
    asked = offered[call.call]
    while asked.callback is not None:
        # A call that took a kept place needs what the first one did.
        asked = offered[asked.callback]
    config = watch.configs[queue]
    base, ways = config.required, config.any_of
    if call.step:
        base, ways = (), config.widening[call.step - 1].any_of
    base += asked.requirements
    return [
        agent.agent
        for agent in watch.engine.snapshot(watch.now).agents
        if agent.state is AgentState.READY
        and any(
            all(skills[agent.agent].get(need.skill, 0) >= need.level for need in base + way)
            for way in ways or ((),)
        )
    ]


@given(st.lists(STEP, min_size=20, max_size=120))
def test_nobody_waits_whom_somebody_free_could_serve(steps: list[tuple[str, int, int]]) -> None:
    watch = Watch()
    watch.drive(steps)
    for queue in watch.engine.snapshot(watch.now).queues:
        for call in queue.waiting:
            if call.agent is None and call.preferred is None:
                assert not fit_and_ready(watch, queue.queue, call)


@given(st.lists(STEP, min_size=20, max_size=120))
def test_ring_all_rings_everybody_free(steps: list[tuple[str, int, int]]) -> None:
    watch = Watch()
    for queue in QUEUES:
        changed = msgspec.structs.replace(queue, strategy="ring_all", max_wait_s=None)
        watch.tell(told.QueueConfigured(config=changed, version=2))
    watch.drive([step for step in steps if step[0] not in ("queue", "last", "named")])
    taken = {event.call for event, _ in watch.history if isinstance(event, told.OfferAccepted)}
    for view in watch.engine.snapshot(watch.now).queues:
        for call in view.waiting:
            if call.ringing and call.call not in taken:
                assert not fit_and_ready(watch, view.queue, call)


@given(st.binary(max_size=60))
def test_any_bytes_decode_to_an_event_or_an_acd_error(data: bytes) -> None:
    try:
        event = told.decode(data)
    except AcdError:
        return
    assert told.decode(told.encode(event)) == event
