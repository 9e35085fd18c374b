"""The whole engine under any history and any configuration, changed while calls wait.

A model keeps, from events and commands alone, where each call is. After every event the engine
and the model must agree, every call is known exactly once, sums add up, nobody is reserved or
talks without a call, every reservation has a deadline, and nobody waits for whom somebody
eligible is idle. Who is eligible is worked out here from configuration, by other code. In the
end the history, read back from its bytes, is told to two other engines, one of them on the
kernel's plain twin: both must have made the same decisions. A third engine is told only what was
not refused, much of it nonsense, and must have made them too: what is refused leaves no trace.
Now and then the engine is written down and another one made of the image takes its place; the
engines in the end are never cut, so that whatever an image forgets makes a difference there.
"""

from datetime import UTC, date, datetime
from math import inf, nan
from typing import Any

import msgspec
import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from acd_core import events as told
from acd_core.agent import AgentConfig, AgentState, Medium
from acd_core.call_queue import CallerTier, CallRule, NoAgents, QueueConfig, Widening
from acd_core.commands import (
    CallbackKept,
    CallbackOver,
    CallMoved,
    CallRefused,
    CallTimedOut,
    CallWaiting,
    ConnectToAgent,
    DialCallback,
    OfferToAgent,
    WithdrawOffer,
)
from acd_core.engine import AcdEngine
from acd_core.errors import AcdError, ClockFault
from acd_core.opening_hours import Interval, OpeningHours
from acd_core.queue_life.options import Announcements, CallbackRules, Closing, Overflow
from acd_core.reasons import explain
from acd_core.routing.registry import strategies
from acd_core.skills import Requirement
from acd_core.state.image import restore, save
from cython_ext.acd import oracle
from cython_ext.implementation import PURE_PYTHON

START = datetime(2026, 3, 2, 8, 59, tzinfo=UTC).timestamp()  # a Monday, a minute before nine
QUEUES = (1, 2, 3, 4)
AGENTS = (1, 2, 3, 4)
TIERS = (1, 2)
SKILLS = (1, 2)
MEDIA = {1: Medium.CALL, 2: Medium.CALL, 3: Medium.CHAT, 4: Medium.CALL}
PICK = st.integers(0, 1 << 20)
LEVEL = st.integers(1, 4)
REQUIRED = st.builds(Requirement, st.sampled_from(SKILLS), LEVEL)
WAYS = st.lists(st.lists(REQUIRED, max_size=2, unique_by=lambda r: r.skill).map(tuple), max_size=2)
SECONDS = st.sampled_from([0.0, 1.0, 4.0, 10.0, 30.0])
LONGER = st.sampled_from([1.0, 5.0, 20.0, 90.0])
OPEN = OpeningHours(zone="UTC", week={0: (Interval(540, 541), Interval(542, 1000))})

FAR = OpeningHours(zone="UTC", week={}, days={date(9999, 12, 31): ()})
NONSENSE: Any = (
    told.CallOffered(call=1 << 63, queue=1),  # type: ignore[arg-type]
    *(told.CallOffered(call=1 << 62, queue=1, waited_s=s) for s in (nan, inf, 1e308, -1.0)),  # type: ignore[arg-type]
    told.CallOffered(call=1 << 62, queue=77),  # type: ignore[arg-type]
    told.CallOffered(call=1 << 62, queue=1, requirements=(Requirement(-1, 1),)),  # type: ignore[arg-type]
    told.CallOffered(call=1 << 62, queue=1, callback=1 << 61),  # type: ignore[arg-type]
    told.CallbackTaken(call=1 << 62, number="2001"),  # type: ignore[arg-type]
    told.AgentLoggedIn(agent=77, station="s1"),  # type: ignore[arg-type]
    told.SkillsChanged(agent=1, skills={1: 11}, version=1),  # type: ignore[arg-type, dict-item]
    told.QueueRemoved(queue=77, version=1),  # type: ignore[arg-type]
    told.TierConfigured(config=CallerTier(tier=1, limit_s=nan), version=1),  # type: ignore[arg-type]
    *(
        told.QueueConfigured(config=QueueConfig(queue=1, **wrong), version=1)  # type: ignore[arg-type]
        for wrong in (
            {"offer_s": nan},
            {"strategy": "astrology"},
            {"hours": FAR},
            {"weight": inf},
            {"widening": (Widening(after_s=nan),)},
            {"required": (Requirement(1, 11),)},  # type: ignore[arg-type]
        )
    ),
)


@st.composite
def widenings(draw: Any) -> tuple[Widening, ...]:
    times = sorted(draw(st.sets(SECONDS, max_size=2)))
    return tuple(
        Widening(after_s=t, any_of=tuple(draw(WAYS)), when_nobody=draw(st.booleans()))
        for t in times
    )


@st.composite
def queues(draw: Any) -> QueueConfig:
    """Any queue; plain ones more often than others."""

    def some(values: st.SearchStrategy[Any], otherwise: Any) -> Any:
        return draw(values) if draw(st.integers(0, 3)) == 0 else otherwise

    number = draw(st.sampled_from(QUEUES))
    misses = draw(st.integers(0, 2))
    return QueueConfig(
        queue=number,
        required=tuple(some(st.lists(REQUIRED, min_size=1, max_size=1), ())),
        any_of=tuple(some(WAYS, ())),
        widening=some(widenings(), ()),
        strategy=draw(st.sampled_from(sorted(strategies()))),
        priority=some(st.integers(-1, 2), 0),
        call_rule=draw(st.sampled_from(CallRule)),
        call_share=draw(st.integers(0, 3)),
        weight=draw(st.sampled_from([0.5, 1.0, 3.0])),
        medium=MEDIA[number] if draw(st.integers(0, 9)) else draw(st.sampled_from(Medium)),
        ring_step_s=draw(LONGER),
        reserve_below=some(st.sampled_from([0.5, 1.0]), 0.0),
        reserve_over_s=some(LONGER, None),
        hours=some(st.just(OPEN), None),
        closing=draw(st.sampled_from(Closing)),
        unattended=draw(st.integers(0, 9)) == 0,
        overflow=tuple(
            Overflow(
                to=tuple(draw(st.sets(st.sampled_from(QUEUES), min_size=1))),
                after_s=draw(LONGER),
                when_refused=draw(st.booleans()),
                when_nobody=draw(st.booleans()),
            )
            for _ in range(some(st.integers(1, 2), 0))
        ),
        announcements=some(st.just(Announcements(first_s=2.0, on_progress=True)), None),
        callback=some(st.just(CallbackRules(ring_s=5.0, retry_s=8.0, grace_s=9.0)), None),
        offer_s=draw(LONGER),
        wrap_up_s=draw(SECONDS),
        max_waiting=some(st.integers(0, 3), None),
        max_wait_s=some(LONGER, None),
        max_estimate_s=some(LONGER, None),
        max_ratio=some(st.sampled_from([0.5, 1.5]), None),
        no_agents=draw(st.sampled_from(NoAgents)),
        absent=tuple(some(st.just([AgentState.PAUSED, AgentState.BUSY]), ())),
        misses_to_pause=misses,
        miss_rest_s=draw(LONGER) if not misses else draw(SECONDS),
        connect_s=draw(LONGER),
        seed=number,
        shares={1: 2},  # type: ignore[dict-item]
    )


AGENT = st.builds(
    AgentConfig,
    agent=st.sampled_from(AGENTS),
    skills=st.dictionaries(st.sampled_from(SKILLS), LEVEL),
    reserve=st.sets(st.sampled_from(SKILLS), max_size=1).map(tuple),
    queues=st.dictionaries(st.sampled_from(QUEUES), st.integers(0, 2), max_size=3),
    only_queues=st.integers(0, 4).map(lambda n: n == 0),
    capacity=st.sampled_from(
        [
            {},
            {},
            {Medium.CALL: 1, Medium.CHAT: 2},
            {Medium.CHAT: 3, Medium.MAIL: 1},
            {Medium.CALL: 1, Medium.CHAT: 1, Medium.MAIL: 1},
        ]
    ),
    interruptible=st.sets(st.sampled_from([Medium.CHAT, Medium.MAIL])).map(tuple),
)
TIER = st.builds(
    CallerTier,
    tier=st.sampled_from(TIERS),
    priority=st.integers(-1, 2),
    agents=st.sets(st.sampled_from(AGENTS)).map(tuple),
    limit_s=SECONDS,
)


class Engine(RuleBasedStateMachine):
    """Tells an engine what happens, and keeps its own account."""

    def __init__(self) -> None:
        super().__init__()
        self.engine = AcdEngine()
        self.now = START
        self.version = 0
        self.last = 0
        self.history: list[tuple[Any, float]] = []
        self.taken: list[tuple[Any, float]] = []
        """What was not refused."""
        self.commands: list[Any] = []
        self.queues: dict[int, QueueConfig] = {}
        self.agents: dict[int, AgentConfig] = {}
        self.tiers: dict[int, CallerTier] = {}
        self.offered: dict[int, told.CallOffered] = {}
        self.medium: dict[int, Medium] = {}
        self.waiting: set[int] = set()
        self.rings: dict[int, int] = {}
        """Call by agent."""
        self.accepted: dict[int, int] = {}
        self.talks: dict[int, int] = {}
        self.kept: set[int] = set()
        self.dialled: set[int] = set()

    # What is told

    def tell(self, event: Any) -> None:
        self.history.append((event, self.now))
        before = self.engine.snapshot(self.now)
        deadline = self.engine.next_deadline()
        try:
            commands = self.engine.handle(event, self.now)
        except AcdError:
            assert self.engine.snapshot(self.now) == before
            assert self.engine.next_deadline() == deadline
            return
        self.taken.append((event, self.now))
        self.commands += commands
        self.account(event)
        for command in commands:
            self.follow(command)

    def account(self, event: Any) -> None:
        """What a told event says by itself."""
        match event:
            case told.QueueConfigured():
                self.queues[event.config.queue] = event.config
            case told.QueueAttended():
                changed = msgspec.structs.replace(
                    self.queues[event.queue], unattended=event.unattended
                )
                self.queues[event.queue] = changed
            case told.QueueRemoved():
                del self.queues[event.queue]
            case told.AgentConfigured():
                self.agents[event.config.agent] = event.config
            case told.SkillsChanged():
                changed_agent = msgspec.structs.replace(
                    self.agents[event.agent], skills=event.skills
                )
                self.agents[event.agent] = changed_agent
            case told.AgentRemoved():
                del self.agents[event.agent]
            case told.TierConfigured():
                self.tiers[event.config.tier] = event.config
            case told.TierRemoved():
                del self.tiers[event.tier]
            case told.CallOffered():
                self.offered[event.call] = event
                if event.callback is not None:
                    # It takes the place with all that the first call needed.
                    first = self.offered[event.callback]
                    self.offered[event.call] = msgspec.structs.replace(
                        event, requirements=first.requirements, tier=first.tier
                    )
                self.waiting.add(event.call)
                self.medium[event.call] = self.queues[event.queue].medium
            case told.CallAbandoned() | told.CallWithdrawn() | told.CallbackTaken():
                self.waiting.remove(event.call)
                self.accepted.pop(event.call, None)
            case told.CallAnswered():
                self.waiting.remove(event.call)
                assert self.accepted.pop(event.call) == event.agent
                assert self.rings.pop(event.agent) == event.call
                self.talks[event.call] = event.agent
            case told.CallEnded():
                del self.talks[event.call]

    def follow(self, command: Any) -> None:
        """What a command says of calls and agents."""
        match command:
            case OfferToAgent():
                self.check_offer(command)
                self.rings[command.agent] = command.call
            case WithdrawOffer():
                assert self.rings.pop(command.agent) == command.call
                if self.accepted.get(command.call) == command.agent:
                    del self.accepted[command.call]
            case ConnectToAgent():
                assert self.rings[command.agent] == command.call
                self.accepted[command.call] = command.agent
            case CallTimedOut() | CallRefused():
                self.waiting.remove(command.call)
            case CallWaiting() | CallMoved():
                assert command.call in self.waiting
                assert command.call not in self.rings.values()
            case CallbackKept():
                self.kept.add(command.call)
            case DialCallback():
                assert command.call in self.kept
                self.dialled.add(command.call)
            case CallbackOver():
                self.kept.remove(command.call)

    def check_offer(self, offer: OfferToAgent) -> None:
        """One offer at a time, to an agent with room, for a call that waits."""
        assert offer.call in self.waiting
        assert offer.call not in self.accepted
        assert offer.agent not in self.rings
        assert self.now < offer.deadline
        assert explain(offer.reasons, "en", str)
        assert explain(offer.reasons, "zh", str)
        assert self.room(offer.agent, self.medium[offer.call])

    def room(self, agent: int, medium: Medium) -> bool:
        """Whether an agent who has no call and no offer may have one contact more."""
        config = self.agents[agent]
        had = [self.medium[call] for call, other in self.talks.items() if other == agent]
        if not config.capacity:
            return medium is Medium.CALL and all(m in config.interruptible for m in had)
        if Medium.CALL in had or had.count(medium) >= config.capacity.get(medium, 0):
            return False
        return medium is not Medium.CALL or all(m in config.interruptible for m in had)

    # Events

    @initialize(agents=st.lists(AGENT, max_size=3))
    def begin(self, agents: list[AgentConfig]) -> None:
        """Start with a floor, so that short histories say something."""
        for number in QUEUES:
            config = QueueConfig(queue=number, medium=MEDIA[number])  # type: ignore[arg-type]
            self.tell(told.QueueConfigured(config=config, version=0))
        for agent, drawn in enumerate([AgentConfig(agent=1), *agents], 1):  # type: ignore[arg-type]
            config = msgspec.structs.replace(drawn, agent=agent)
            self.tell(told.AgentConfigured(config=config, version=0))
            self.tell(told.AgentLoggedIn(agent=config.agent, station=f"s{agent}"))
            self.tell(told.AgentReady(agent=config.agent))

    @rule(config=st.one_of(TIER, AGENT, queues(), queues()))
    def configure(self, config: Any) -> None:
        self.version += 1
        kinds: dict[type[Any], Any] = {
            QueueConfig: told.QueueConfigured,
            AgentConfig: told.AgentConfigured,
            CallerTier: told.TierConfigured,
        }
        self.tell(kinds[type(config)](config=config, version=self.version))

    @rule()
    def be_cut(self) -> None:
        image = save(self.engine)
        self.engine = restore(image)
        assert save(self.engine) == image

    @rule(
        kind=st.sampled_from(["tier", "agent", "queue", "attended", "skills", "day"]),
        pick=PICK,
        skills=st.dictionaries(st.sampled_from(SKILLS), LEVEL),
    )
    def change(self, kind: str, pick: int, skills: dict[int, int]) -> None:
        number, version = 1 + pick % 4, self.version
        events: dict[str, Any] = {
            "tier": told.TierRemoved(tier=number % 2 + 1, version=version),  # type: ignore[arg-type]
            "agent": told.AgentRemoved(agent=number, version=version),  # type: ignore[arg-type]
            "queue": told.QueueRemoved(queue=number, version=version),  # type: ignore[arg-type]
            "attended": told.QueueAttended(
                queue=number,  # type: ignore[arg-type]
                unattended=bool(pick & 16),
                version=version,
            ),
            "skills": told.SkillsChanged(agent=number, skills=skills, version=version),  # type: ignore[arg-type]
            "day": told.DayBegan(),
        }
        self.tell(events[kind])

    @rule(agent=st.sampled_from(AGENTS), pick=PICK)
    def come_or_go(self, agent: Any, pick: int) -> None:
        kinds: list[Any] = [
            told.AgentLoggedIn(agent=agent, station=f"s{agent}"),
            told.AgentReady(agent=agent),
            told.AgentReady(agent=agent),
            told.AgentPaused(agent=agent, reason="lunch"),
            told.AgentLoggedOut(agent=agent),
            told.AgentUnreachable(agent=agent),
            told.AgentReachable(agent=agent),
            told.AgentBusy(agent=agent),
            told.AgentFree(agent=agent),
            told.WrapUpEnded(agent=agent),
        ]
        self.tell(kinds[pick % len(kinds)])

    @rule(
        queues=st.lists(st.sampled_from(QUEUES), min_size=1, max_size=3),
        needs=st.lists(REQUIRED, max_size=1),
        preferred=st.sampled_from([None, None, *AGENTS]),
        preference=st.sampled_from(told.Preference),
        seconds=SECONDS,
        tier=st.sampled_from([None, *TIERS]),
        pick=PICK,
    )
    def offer_calls(self, queues: list[Any], needs: Any, seconds: float, **more: Any) -> None:
        """Callers come; the first is plain."""
        for place, queue in enumerate(queues):
            self.last += 1
            call: Any = self.last
            plain = told.CallOffered(call=call, queue=queue)
            special = told.CallOffered(
                call=call,
                queue=queue,
                priority=more["pick"] % 2,
                requirements=tuple(needs),
                waited_s=seconds,
                preferred=more["preferred"],
                preference=more["preference"],
                preferred_limit_s=seconds,
                tier=more["tier"],
            )
            self.tell(special if place else plain)

    @rule(only_accept=st.booleans(), most=st.integers(1, 4))
    def answer(self, only_accept: bool, most: int) -> None:
        """The most usual: agents take their offers, and talk."""
        for agent, call in sorted(self.rings.items())[:most]:
            ids: Any = {"call": call, "agent": agent}
            if call not in self.accepted and self.rings.get(agent) == call:
                self.tell(told.OfferAccepted(**ids))
            if not only_accept and self.accepted.get(call) == agent:
                self.tell(told.CallAnswered(**ids))

    @rule(most=st.integers(1, 3))
    def end(self, most: int) -> None:
        """Conversations end, and agents are ready again."""
        for call in sorted(self.talks)[:most]:
            agent: Any = self.talks[call]
            self.tell(told.CallEnded(call=call))  # type: ignore[arg-type]
            self.tell(told.AgentReady(agent=agent))

    @rule(pick=PICK, kind=st.sampled_from(["ring", "reject", "answer", "accept"]))
    def about_offer(self, pick: int, kind: str) -> None:
        agent, call = 1 + pick % 4, self.last
        if self.rings:
            agent, call = sorted(self.rings.items())[pick % len(self.rings)]
        kinds = {
            "ring": told.OfferRinging,
            "reject": told.OfferRejected,
            "answer": told.CallAnswered,
            "accept": told.OfferAccepted,
        }
        self.tell(kinds[kind](call=call, agent=agent))

    @rule(pick=PICK, kind=st.sampled_from(["end", "end", "hold", "retrieve", "abandon"]))
    def about_talk(self, pick: int, kind: str) -> None:
        calls = sorted(self.talks) or [self.last]
        call: Any = calls[pick % len(calls)]
        kinds: dict[str, Any] = {
            "end": told.CallEnded(call=call),
            "hold": told.CallHeld(call=call),
            "retrieve": told.CallRetrieved(call=call),
            "abandon": told.CallAbandoned(call=call),
        }
        self.tell(kinds[kind])

    @rule(pick=PICK, kind=st.sampled_from(["abandon", "withdraw", "keep", "again"]))
    def about_waiting(self, pick: int, kind: str) -> None:
        calls = sorted(self.waiting) or [self.last]
        call: Any = calls[pick % len(calls)]
        kinds: dict[str, Any] = {
            "abandon": told.CallAbandoned(call=call),
            "withdraw": told.CallWithdrawn(call=call, outcome=list(told.Outcome)[pick % 8]),
            "keep": told.CallbackTaken(call=call, number="2001"),
            "again": told.CallOffered(call=call, queue=1),  # type: ignore[arg-type]
        }
        self.tell(kinds[kind])

    @rule(pick=PICK, kind=st.sampled_from(["come", "fail", "cancel"]))
    def about_callback(self, pick: int, kind: str) -> None:
        if not self.kept:
            return
        places = sorted(self.kept)
        call: Any = places[pick % len(places)]
        if kind == "come":
            self.last += 1
            new: Any = self.last
            queue = self.offered[call].queue
            self.tell(told.CallOffered(call=new, queue=queue, callback=call))
        elif kind == "fail":
            self.tell(told.CallbackFailed(call=call))
        else:
            self.tell(told.CallbackCancelled(call=call))

    @rule(pick=PICK)
    def nonsense(self, pick: int) -> None:
        """What nobody sane tells is refused, and changes nothing."""
        wrong = NONSENSE[pick % len(NONSENSE)]
        taken = len(self.taken)
        self.tell(wrong)
        assert len(self.taken) == taken
        before = self.engine.snapshot(self.now)
        for moment in (nan, inf, -1.0, self.taken[-1][1] - 0.001):
            with pytest.raises(ClockFault):
                self.engine.handle(told.DeadlineReached(), moment)
        assert self.engine.snapshot(self.now) == before

    @rule(seconds=LONGER)
    def wait(self, seconds: float) -> None:
        """Time goes on, through every deadline on its way."""
        until = self.now + seconds
        for _ in range(1000):
            deadline = self.engine.next_deadline()
            if deadline is None or deadline > until:
                break
            self.now = max(self.now, deadline)
            self.tell(told.DeadlineReached())
            following = self.engine.next_deadline()
            assert following is None or following > self.now
        else:
            raise AssertionError("deadlines come faster than time goes on")
        self.now = until

    # What must hold

    @invariant()
    def every_call_is_known_once(self) -> None:
        picture = self.engine.snapshot(self.now)
        waiting = [call.call for queue in picture.queues for call in queue.waiting]
        talking = [
            agent.call
            for agent in picture.agents
            if agent.state in (AgentState.TALKING, AgentState.ON_HOLD)
        ]
        beside = [call for agent in picture.agents for call in agent.contacts]
        assert sorted(waiting) == sorted(self.waiting)
        assert sorted((*talking, *beside)) == sorted(self.talks)
        places = [place.call for queue in picture.queues for place in queue.callbacks]
        assert sorted(places) == sorted(self.kept)

    @invariant()
    def sums_add_up(self) -> None:
        for queue in self.engine.snapshot(self.now).queues:
            visits = queue.visits
            ended = sum(getattr(visits, outcome.value) for outcome in told.Outcome)
            assert visits.offered == ended + visits.in_system
            assert visits.in_system == len(queue.waiting)
            assert [call.position for call in queue.waiting] == list(
                range(1, len(queue.waiting) + 1)
            )

    @invariant()
    def agents_have_the_calls_that_have_them(self) -> None:
        picture = self.engine.snapshot(self.now)
        ringing = {
            agent: call.call
            for queue in picture.queues
            for call in queue.waiting
            for agent in call.ringing
        }
        assert ringing == self.rings
        for agent in picture.agents:
            if agent.state in (AgentState.RESERVED, AgentState.RINGING):
                assert agent.until is not None
                assert agent.call == self.rings[agent.agent]
            else:
                assert agent.agent not in self.rings
            if agent.state in (AgentState.TALKING, AgentState.ON_HOLD):
                assert self.talks[agent.call] == agent.agent  # type: ignore[index]
            if agent.state in (AgentState.READY, AgentState.BUSY, AgentState.LOGGED_OUT):
                assert agent.call is None
            assert all(self.talks[call] == agent.agent for call in agent.contacts)
        deadlines = [agent.until for agent in picture.agents if agent.until is not None]
        if deadlines:
            following = self.engine.next_deadline()
            assert following is not None
            assert following <= min(deadlines)

    @invariant()
    def nobody_eligible_is_idle_while_somebody_waits(self) -> None:
        picture = self.engine.snapshot(self.now)
        idle = [agent.agent for agent in picture.agents if agent.state is AgentState.READY]
        for queue in picture.queues:
            for call in queue.waiting:
                if call.agent is None and call.preferred is None:
                    for agent in idle:
                        assert not self.eligible(agent, call, queue.queue, lent=queue.reserves)

    def eligible(self, agent: int, call: Any, key: int, *, lent: bool) -> bool:
        """Whether an agent who is ready would have to be asked, worked out the plain way."""
        config, queue, event = self.agents[agent], self.queues[key], self.offered[call.call]
        if config.only_queues and key not in config.queues:
            return False
        if not self.free_room(agent, self.medium[call.call]):
            return False
        tier = self.tiers.get(event.tier) if event.tier is not None else None
        if tier is not None and self.now < call.entered + tier.limit_s and agent not in tier.agents:
            return False  # it may wait for others alone
        base, ways = queue.required, queue.any_of
        if call.step:
            base, ways = (), queue.widening[call.step - 1].any_of
        levels = {
            skill: level
            for skill, level in config.skills.items()
            if lent or skill not in config.reserve
        }
        needs = [(*base, *way, *event.requirements) for way in ways or ((),)]
        return any(all(levels.get(r.skill, 0) >= r.level for r in way) for way in needs)

    def free_room(self, agent: int, medium: Medium) -> bool:
        """As ``room``, with the after-work that the engine alone knows of."""
        record = self.engine._roster.agents[agent]  # type: ignore[index]
        closing = record.beside.closing.values() if record.beside is not None else ()
        config = self.agents[agent]
        had = [self.medium[call] for call, other in self.talks.items() if other == agent]
        had += [contact.medium for _, contact in closing]
        most = config.capacity.get(medium, 0) if config.capacity else int(medium is Medium.CALL)
        if had.count(medium) >= most:
            return False
        return medium is not Medium.CALL or all(m in config.interruptible for m in had)

    def teardown(self) -> None:
        """Everybody goes; what is due happens, and nobody stays reserved."""
        for agent in self.agents:
            self.tell(told.AgentLoggedOut(agent=agent))  # type: ignore[arg-type]
        for call in sorted(self.talks):
            self.tell(told.CallEnded(call=call))  # type: ignore[arg-type]
        self.wait(300.0)
        self.agents_have_the_calls_that_have_them()
        assert not self.rings
        self.repeat(AcdEngine(), self.history)
        self.repeat(AcdEngine(), self.taken)
        if not PURE_PYTHON:
            self.repeat(plain_engine(), self.history)

    def repeat(self, engine: AcdEngine, history: list[tuple[Any, float]]) -> None:
        """The same events, read from their bytes, make the same decisions."""
        commands: list[Any] = []
        for event, now in history:
            try:
                commands += engine.handle(told.decode(told.encode(event)), now)
            except AcdError:
                continue
        assert commands == self.commands
        assert engine.snapshot(self.now) == self.engine.snapshot(self.now)
        assert engine.next_deadline() == self.engine.next_deadline()


def plain_engine() -> AcdEngine:
    """An engine on the kernel's plain twin."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("acd_core.engine.Matcher", oracle.Matcher)
        for part in ("announcements", "callbacks", "opening", "overflow"):
            patch.setattr(f"acd_core.queue_life.{part}.Deadlines", oracle.Deadlines)
        for part in ("floor.lines", "floor.roster", "eligibility.widening"):
            patch.setattr(f"acd_core.{part}.Deadlines", oracle.Deadlines)
        return AcdEngine()


TestEngine = Engine.TestCase
TestEngine.settings = settings(
    stateful_step_count=80,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.large_base_example],
)
