"""A recorded day acted again under changed rules.

Callers come when they came, agents are there when they were there, and both do what they did:
who was answered keeps his handling time, who gave up keeps his patience, an agent who let an
offer ring lets it ring again if it is the same offer. What the record cannot know is drawn:
who was answered has more patience than his wait, by the measured patience of his queue; who
gave up gets the handling times of the others in turn. Unchanged rules give the same day.
"""

from bisect import bisect_left
from collections.abc import Mapping
from math import inf
from typing import Any, Final

import msgspec

from acd_core.agent import AgentState, PauseReason
from acd_core.call_queue import QueueConfig
from acd_core.commands import (
    AcdCommand,
    AgentStateChanged,
    CallbackKept,
    CallRefused,
    CallTimedOut,
    ConnectToAgent,
    DialCallback,
    OfferToAgent,
    WithdrawReason,
)
from acd_core.events import (
    AcdEvent,
    AgentConfigured,
    AgentLoggedIn,
    AgentPaused,
    AgentReady,
    CallAbandoned,
    CallAnswered,
    CallbackCancelled,
    CallbackFailed,
    CallbackTaken,
    CallEnded,
    CallHeld,
    CallOffered,
    CallRetrieved,
    CallWithdrawn,
    DeadlineReached,
    OfferAccepted,
    OfferRejected,
    Outcome,
    QueueConfigured,
    SkillsChanged,
    WrapUpEnded,
)
from acd_core.ids import AgentId, CallId, QueueId, SkillId
from acd_core.simulation.chance import Chance
from acd_core.simulation.habits import Habits
from acd_core.simulation.observer import Observer
from acd_core.simulation.recorded_day import Record, RecordedDay
from acd_core.simulation.stays import ACCEPTED, Keep, Moment, Ring, Stay
from acd_core.simulation.world import LATER, World

OVERTIME_S: Final = 4 * 3600.0  # for callers who under the changed rules still wait at the end
LATE_S: Final = 0.5  # a deadline that the record notices within this is noticed then again


class Rules(msgspec.Struct, frozen=True, kw_only=True):
    """What is changed; queues and agents that are not named keep what the record says."""

    queues: Mapping[QueueId, QueueConfig] = {}
    skills: Mapping[AgentId, Mapping[SkillId, int]] = {}


class Reenactment:
    """One recorded day under other rules; ``run`` returns what was observed."""

    def __init__(self, day: RecordedDay, rules: Rules, *, seed: int = 1) -> None:
        self._day = day
        self._rules = rules
        self._chance = Chance(seed)
        self._habits = Habits(day.observer.stays)
        self._record = Record(day.observer)
        self._keeps = day.observer.keeps
        self._came_back: set[CallId] = set()
        self._world = World(self._react)
        self._world.wake = self._wake

    @property
    def refused(self) -> int:
        """Events that could not happen any more as they did."""
        return self._world.refused

    def run(self) -> Observer:
        """Act the day from its first event to its last.

        A record that ends when all is quiet is acted until all is quiet again; one that is cut
        ends where it was cut, for nobody knows what would have come.
        """
        world = self._world
        for told, state in self._day.floor:
            event = self._changed(told.event)
            if not self._ends_wrap_up(event, state):
                world.plan((told.at, told.number), _Saying(self._floor, event))
        called_back = {keep.returned for keep in self._keeps.values()}
        for stay in self._day.observer.stays:
            if not stay.number and not stay.moves and stay not in called_back:
                world.plan(stay.entered, _Saying(self._enter, stay))
        world.run(self._day.end + (OVERTIME_S if self._day.observer.quiet else 0.0))
        return world.observer

    # The floor

    def _changed(self, event: Any) -> Any:
        match event:
            case QueueConfigured(config=config) if config.queue in self._rules.queues:
                return msgspec.structs.replace(event, config=self._rules.queues[config.queue])
            case AgentConfigured(config=config) if config.agent in self._rules.skills:
                skills = dict(self._rules.skills[config.agent])
                changed = msgspec.structs.replace(config, skills=skills)
                return msgspec.structs.replace(event, config=changed)
            case SkillsChanged(agent=agent) if agent in self._rules.skills:
                return msgspec.structs.replace(event, skills=dict(self._rules.skills[agent]))
            case _:
                return event

    @staticmethod
    def _ends_wrap_up(event: AcdEvent, state: AgentState | None) -> bool:
        """Such events belong to the call whose after-call work they ended."""
        return state is AgentState.WRAP_UP and isinstance(event, WrapUpEnded | AgentReady)

    def _floor(self, event: AcdEvent) -> None:
        if not self._world.tell(event) and isinstance(event, AgentLoggedIn):
            # He came back, and under these rules his last call is not over yet: he stays.
            self._world.tell(AgentReady(agent=event.agent))
            self._world.tell(AgentPaused(agent=event.agent, reason=PauseReason.LOGIN))

    def _wake(self, due: float) -> Moment:
        wakes = self._day.wakes
        place = bisect_left(wakes, (due, 0))
        if place < len(wakes) and wakes[place][0] <= due + LATE_S:
            return wakes[place]
        return (due, -1)

    # Callers

    def _enter(self, recorded: Stay) -> None:
        world, call = self._world, recorded.offered.call
        if not self._comes_in(recorded.offered):
            return
        acted = world.observer.now_in[call]
        if acted.outcome is not None:
            return
        last, keep = recorded.last, self._keeps.get(call)
        match last.outcome:
            case Outcome.ABANDONED:
                leaving: AcdEvent = CallAbandoned(call=call)
                moment = _shift(recorded.entered, last.left, world.now)
            case None | Outcome.ANSWERED | Outcome.TIMED_OUT | Outcome.REFUSED:
                leaving = CallAbandoned(call=call)
                moment = (world.now + self._patience(recorded), LATER)
            case outcome:
                leaving = CallWithdrawn(call=call, outcome=outcome)
                if keep is not None and keep.stay is last:
                    leaving = CallbackTaken(call=call, number=keep.number)
                moment = _shift(recorded.entered, last.left, world.now)
        if moment[0] < inf:
            world.plan(moment, _Saying(self._leave, acted, leaving))

    def _comes_in(self, event: CallOffered) -> bool:
        """Offer a call; one whose kept place is no more comes as all others do."""
        if self._world.tell(event):
            return True
        plain = msgspec.structs.replace(event, callback=None)
        return event.callback is not None and self._world.tell(plain)

    def _patience(self, recorded: Stay) -> float:
        """At least what he waited, and then without memory."""
        left = recorded.last.left
        waited = (left[0] if left else self._day.end) - recorded.entered[0]
        mean = self._habits.patience(recorded.offered.queue)
        return waited + self._chance.exponential(mean) if mean < inf else inf

    def _leave(self, acted: Stay, leaving: AcdEvent) -> None:
        last, world = acted.last, self._world
        if last.outcome is not None:
            return
        if world.tell(leaving):
            self._left(last)
        elif isinstance(leaving, CallbackTaken):
            # His place is not kept under these rules: he waits on, and may give up.
            more = self._chance.exponential(self._habits.patience(last.offered.queue))
            gives_up = _Saying(self._leave, acted, CallAbandoned(call=leaving.call))
            if more < inf:
                world.plan((world.now + more, LATER), gives_up)

    def _left(self, acted: Stay) -> None:
        """The call goes where it went, if this stay ended as it did."""
        recorded, following = self._record.first(acted).last, self._record.following(acted)
        if following is None or acted.outcome is not recorded.outcome:
            return
        over = recorded.ended if recorded.outcome is Outcome.ANSWERED else recorded.left
        if over is not None:
            moment = _shift(over, following.entered, self._world.now)
            self._world.plan(moment, _Saying(self._enter, following))

    # Callers who are called back

    def _kept(self, acted: Keep) -> None:
        recorded = self._keeps.get(acted.stay.offered.call)
        if recorded is None:
            return
        now = self._world.now
        if recorded.cancelled is not None:
            moment = _shift(recorded.begun, recorded.cancelled, now)
            cancelled = CallbackCancelled(call=acted.stay.offered.call)
            self._world.plan(moment, _Saying(self._while_kept, acted, cancelled))
        elif recorded.returned is not None and not recorded.by_dial:
            moment = _shift(recorded.begun, recorded.returned.entered, now)
            self._world.plan(moment, _Saying(self._come_back, recorded.returned))

    def _dialled(self, acted: Keep) -> None:
        """He does as he did at this attempt; without one, as he did in the end."""
        call = acted.stay.offered.call
        recorded, turn, now = self._keeps.get(call), len(acted.dials) - 1, self._world.now
        if recorded is None:
            return  # nobody knows him; the attempt ends by itself
        same = recorded.dials[turn] if turn < len(recorded.dials) else None
        if same is not None and same.failed is not None:
            moment = _shift(same.begun, same.failed, now)
            failed = CallbackFailed(call=call)
            self._world.plan(moment, _Saying(self._while_kept, acted, failed))
        elif recorded.returned is not None and (same is None or same is recorded.dials[-1]):
            moment = (now + self._habits.ring_s, LATER)
            if recorded.by_dial:
                moment = _shift(recorded.dials[-1].begun, recorded.returned.entered, now)
            elif same is not None:
                return  # then, too, this attempt was in vain
            self._world.plan(moment, _Saying(self._come_back, recorded.returned))

    def _while_kept(self, acted: Keep, event: AcdEvent) -> None:
        if acted.over is None:
            self._world.tell(event)

    def _come_back(self, returned: Stay) -> None:
        if returned.offered.call not in self._came_back:
            self._came_back.add(returned.offered.call)
            self._enter(returned)

    # Reactions to what the engine asks

    def _react(self, command: AcdCommand) -> None:
        now_in = self._world.observer.now_in
        match command:
            case OfferToAgent(call=call, agent=agent):
                ring = now_in[call].ring(agent)
                if ring is not None:
                    self._offered(now_in[call], ring)
            case ConnectToAgent(call=call, agent=agent):
                self._connecting(now_in[call], agent)
            case AgentStateChanged(state=AgentState.WRAP_UP, call=call) if call is not None:
                self._wrapping(now_in[call], command.agent)
            case CallbackKept(call=call):
                self._kept(self._world.observer.keeps[call])
            case DialCallback(call=call):
                self._dialled(self._world.observer.keeps[call])
            case CallTimedOut(call=call) | CallRefused(call=call):
                self._left(now_in[call])
            case _:
                pass

    def _offered(self, acted: Stay, ring: Ring) -> None:
        recorded, place = self._record.like(acted), acted.rings.index(ring)
        same = recorded.rings[place] if place < len(recorded.rings) else None
        if same is not None and same.agent == ring.agent:
            self._same_offer(acted, ring, same)
            return
        served = self._record.served(acted).rings
        answered = next((one for one in served if one.how == ACCEPTED), None)
        if answered is not None:
            moment = _shift(answered.begun, answered.accepted, self._world.now)
        else:
            moment = (self._world.now + self._habits.ring_s, LATER)
        self._world.plan(moment, _Saying(self._accept, acted, ring))

    def _same_offer(self, acted: Stay, ring: Ring, recorded: Ring) -> None:
        """The same offer as in the record: the agent does as he did."""
        world = self._world
        if recorded.accepted is not None:
            moment = _shift(recorded.begun, recorded.accepted, world.now)
            world.plan(moment, _Saying(self._accept, acted, ring))
        elif recorded.how == WithdrawReason.REJECTED:
            moment = _shift(recorded.begun, recorded.ended, world.now)
            world.plan(moment, _Saying(self._reject, acted, ring, recorded.reason))
        elif recorded.how and recorded.how != WithdrawReason.RONA:
            # Something else ended it; without that he would have answered after a while.
            lasted = recorded.ended[0] - recorded.begun[0] if recorded.ended else 0.0
            moment = (world.now + lasted + self._habits.ring_s, LATER)
            world.plan(moment, _Saying(self._accept, acted, ring))

    def _accept(self, acted: Stay, ring: Ring) -> None:
        if not ring.how and ring.accepted is None and acted.outcome is None:
            self._world.tell(OfferAccepted(call=acted.offered.call, agent=ring.agent))

    def _reject(self, acted: Stay, ring: Ring, reason: str) -> None:
        if not ring.how and acted.outcome is None:
            call = acted.offered.call
            self._world.tell(OfferRejected(call=call, agent=ring.agent, reason=reason))

    def _connecting(self, acted: Stay, agent: AgentId) -> None:
        recorded, ring, now = self._record.like(acted), acted.ring(agent), self._world.now
        served = self._record.served(acted)
        if ring is None:
            return
        place = acted.rings.index(ring)
        same = recorded.rings[place] if place < len(recorded.rings) else None
        answered = next((one for one in served.rings if one.how == ACCEPTED), None)
        moment = (now + self._habits.connect_s, LATER)
        if same is not None and same.agent == agent and same.accepted and same.how != ACCEPTED:
            if same.how in ("", WithdrawReason.NOT_CONNECTED):
                return
            # Something else parted them; without that they would have been joined later.
            lasted = same.ended[0] - same.accepted[0] if same.ended else 0.0
            moment = (moment[0] + lasted, LATER)
        elif answered is not None:
            moment = _shift(answered.accepted, served.answered, now)
        self._world.plan(moment, _Saying(self._answer, acted, ring))

    def _answer(self, acted: Stay, ring: Ring) -> None:
        world, call = self._world, acted.offered.call
        if ring.how or acted.outcome is not None:
            return
        if not world.tell(CallAnswered(call=call, agent=ring.agent)):
            return
        recorded = self._record.served(acted)
        for begin, end in recorded.holds:
            held = _Saying(world.tell, CallHeld(call=call))
            world.plan(_shift(recorded.answered, begin, world.now), held)
            if end is not None and end != recorded.ended:
                back = _Saying(world.tell, CallRetrieved(call=call))
                world.plan(_shift(recorded.answered, end, world.now), back)
        if recorded.ended is not None:
            moment = _shift(recorded.answered, recorded.ended, world.now)
        elif recorded.answered is not None:
            return  # still talking when the record ends
        else:
            moment = (world.now + self._habits.handling(acted.offered.queue), LATER)
        world.plan(moment, _Saying(self._end, acted))

    def _end(self, acted: Stay) -> None:
        if self._world.tell(CallEnded(call=acted.offered.call)):
            self._left(acted)

    def _wrapping(self, acted: Stay, agent: AgentId) -> None:
        recorded = self._record.served(acted)
        if recorded.wrapped is None or isinstance(recorded.wrap_by, DeadlineReached):
            return
        ready = isinstance(recorded.wrap_by, AgentReady)
        done: AcdEvent = AgentReady(agent=agent) if ready else WrapUpEnded(agent=agent)
        moment = _shift(recorded.ended, recorded.wrapped, self._world.now)
        self._world.plan(moment, _Saying(self._wrapped, acted, done))

    def _wrapped(self, acted: Stay, done: AcdEvent) -> None:
        if acted.wrapped is None:
            self._world.tell(done)


class _Saying:
    """Something to do later, with what it is done to."""

    __slots__ = ("_do", "_what")

    def __init__(self, do: Any, *what: Any) -> None:
        self._do = do
        self._what = what

    def __call__(self) -> None:
        self._do(*self._what)


def _shift(begin: Moment | None, end: Moment | None, now: float) -> Moment:
    """As long after now as ``end`` is after ``begin``; exactly ``end`` where now is ``begin``.

    Adding a difference would not give the same float, and so another order at equal times.
    """
    if begin is None or end is None:
        return (now, LATER)
    return end if begin[0] == now else (now + (end[0] - begin[0]), LATER)
