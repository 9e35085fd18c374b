"""Synthetic callers on the real engine: arrivals, patience, handling and redials, seeded.

Times are seconds from the beginning of the simulated span. Agents are there all the time and
answer at once, or after ``ring_s``. With one plain queue, exponential handling and a flat
curve this is the M/M/N queue of Erlang C, and with patience that of Erlang A. The queue is open
and attended all the span, whatever its hours say, and the only one, so nobody moves on.
"""

from collections.abc import Callable
from enum import StrEnum
from math import inf, isfinite
from typing import Final

import msgspec

from acd_core.agent import AgentConfig, AgentState
from acd_core.call_queue import QueueConfig
from acd_core.commands import (
    AcdCommand,
    AgentStateChanged,
    CallbackEnd,
    CallbackOver,
    ConnectToAgent,
    DialCallback,
    OfferToAgent,
)
from acd_core.errors import ForecastFault
from acd_core.events import (
    AgentConfigured,
    AgentLoggedIn,
    AgentReady,
    CallAbandoned,
    CallAnswered,
    CallbackTaken,
    CallEnded,
    CallOffered,
    OfferAccepted,
    Outcome,
    QueueConfigured,
)
from acd_core.forecast.erlang import Demand
from acd_core.ids import AgentId, CallId, QueueId, SkillId
from acd_core.simulation.chance import Chance
from acd_core.simulation.stays import Ring, Stay
from acd_core.simulation.world import LATER, World
from acd_core.skills import merge
from acd_core.stats.service_level import Limits, Tally, tally
from acd_core.stats.share import Share

QUEUE: Final = QueueId(1)
HOUR_S: Final = 3600.0
MOST_CALLS: Final = 5_000_000
CURVES: Final[dict[str, tuple[float, ...]]] = {
    "flat": (1.0,),
    # The shape of an office day in tenths: peaks late in the morning and in the afternoon.
    "office": (0.5, 1.0, 1.4, 1.5, 1.1, 0.7, 1.0, 1.3, 1.0, 0.5),
    "morning": (0.8, 1.9, 1.7, 1.2, 0.9, 0.8, 0.8, 0.7, 0.7, 0.5),
}


class Handling(StrEnum):
    """How handling times spread around their mean."""

    EXPONENTIAL = "exponential"
    LOG_NORMAL = "log-normal"
    FIXED = "fixed"


class Callers(msgspec.Struct, frozen=True, kw_only=True):
    """Who calls, and how they behave."""

    demand: Demand
    handling: Handling = Handling.EXPONENTIAL
    variation: float = 1.0
    """Standard deviation of log-normal handling times over their mean."""
    curve: tuple[float, ...] = CURVES["flat"]
    """Relative rates of equal parts of the span; their mean counts as the demand's rate."""
    redial: float = 0.0
    """Share of those who gave up who call again."""
    redial_after_s: float = 300.0
    """Mean time until they do."""
    callback: float = 0.0
    """Share of those whose patience ends who want to be called, where the queue does that."""
    reached: float = 0.8
    """Share of the attempts to call somebody back that reach him."""

    def __post_init__(self) -> None:
        curve = bool(self.curve) and all(isfinite(part) and part >= 0 for part in self.curve)
        if not curve or not sum(self.curve) > 0:
            raise ForecastFault("an arrival curve needs numbers of which one is above 0")
        shares = (self.redial, self.callback, self.reached)
        if not all(0 <= share <= 1 for share in shares):
            raise ForecastFault(f"callers cannot behave so, shares are 0 to 1: {self}")
        if not self.redial_after_s > 0 or not self.variation >= 0:
            raise ForecastFault(f"callers cannot behave so: {self}")


class Simulated(msgspec.Struct, frozen=True, kw_only=True):
    """What came of it; all but ``occupancy`` counts those who entered after the warm-up."""

    tally: Tally
    delayed: Share
    """Who had to wait at all, of all."""
    mean_wait: Share
    """Wait of all who entered, answered or not."""
    occupancy: Share
    """Agents' work, of their time between warm-up and end of arrivals."""
    queue_length: float
    """Mean number of waiting callers."""
    redials: int
    called_back: int
    """Who took a call-back and was reached; their second visit counts as offered as well."""


class Simulation:
    """One span with one queue."""

    def __init__(
        self,
        callers: Callers,
        *,
        agents: int,
        hours: float,
        seed: int = 1,
        queue: QueueConfig | None = None,
        ring_s: float = 0.0,
        warm_up_s: float = 0.0,
    ) -> None:
        """Prepare; ForecastFault for spans and rates beyond all measure."""
        rate = callers.demand.calls_per_hour
        if not (0 < hours < inf) or rate * hours > MOST_CALLS or agents < 0 or not ring_s >= 0:
            raise ForecastFault(f"{hours} hours of {rate} calls cannot be simulated")
        self._callers = callers
        self._agents = agents
        self._end = hours * HOUR_S
        self._warm_up = min(warm_up_s, self._end)
        self._ring = ring_s
        config = queue or QueueConfig(queue=QUEUE)
        self._queue = msgspec.structs.replace(
            config, queue=QUEUE, hours=None, unattended=False, overflow=()
        )
        # A stream for each purpose: the same callers come whatever the rules are.
        self._arrivals, self._handling, self._patience, self._moods = (
            Chance(seed, purpose) for purpose in range(1, 5)
        )
        self._world = World(self._react)
        self._calls = 0
        self._redials = 0
        self._rates = _Rates(callers.curve, rate / HOUR_S, self._end)
        self._talks: dict[CallId, float] = {}

    def run(self) -> Simulated:
        """Play until the last caller has gone."""
        world = self._world
        world.tell(QueueConfigured(config=self._queue, version=1))
        # Everybody can do what the queue demands: all of ``required`` and its first alternative.
        alternative = self._queue.any_of[0] if self._queue.any_of else ()
        needed = {
            SkillId(skill): level for skill, level in merge(self._queue.required, alternative)
        }
        for number in range(self._agents):
            self._seat(AgentId(number), needed)
        self._next_arrival()
        world.run()
        return self._figures()

    def _seat(self, agent: AgentId, skills: dict[SkillId, int]) -> None:
        world = self._world
        config = AgentConfig(agent=agent, skills=skills)
        world.tell(AgentConfigured(config=config, version=1))
        world.tell(AgentLoggedIn(agent=agent, station=f"s{agent}"))
        world.tell(AgentReady(agent=agent))

    # Callers

    def _next_arrival(self) -> None:
        if (at := self._rates.next(self._world.now, self._arrivals)) is not None:
            self._world.plan((at, LATER), self._arrive)

    def _arrive(self) -> None:
        self._call()
        self._next_arrival()

    def _call(self) -> None:
        # Drawn at entry and not at answer, so that a caller is the same under other rules.
        self._come_in(self._talk(), None)

    def _come_in(self, talk: float, place: CallId | None) -> None:
        """A call comes; ``place`` is that of a caller who is called back."""
        world, call = self._world, CallId(self._calls)
        self._calls += 1
        self._talks[call] = talk
        patience = self._patience.exponential(1.0) * self._callers.demand.patience_s
        if not world.tell(CallOffered(call=call, queue=QUEUE, callback=place)):
            return
        stay = world.observer.now_in[call]
        if stay.outcome is None and patience < inf:
            self._later(patience, lambda: self._give_up(stay))

    def _talk(self) -> float:
        callers = self._callers
        mean = max(callers.demand.aht_s - self._queue.wrap_up_s, 0.0)
        if callers.handling is Handling.EXPONENTIAL:
            return self._handling.exponential(mean)
        if callers.handling is Handling.LOG_NORMAL:
            return self._handling.log_normal(mean, callers.variation)
        return mean

    def _give_up(self, stay: Stay) -> None:
        if stay.outcome is None and self._wants_callback(stay):
            return
        if stay.outcome is None and self._world.tell(CallAbandoned(call=stay.offered.call)):
            self._talks.pop(stay.offered.call, None)
            if self._callers.redial and self._moods.uniform() < self._callers.redial:
                after = self._moods.exponential(self._callers.redial_after_s)
                if self._world.now + after < self._end:
                    self._redials += 1
                    self._later(after, self._call)

    def _wants_callback(self, stay: Stay) -> bool:
        share = self._callers.callback
        if not share or self._queue.callback is None or self._moods.uniform() >= share:
            return False
        call = stay.offered.call
        return self._world.tell(CallbackTaken(call=call, number=str(call)))

    def _dialled(self, call: CallId) -> None:
        if self._moods.uniform() < self._callers.reached:
            talk = self._talks.pop(call)
            self._later(self._ring, lambda: self._come_in(talk, call))
        # Else his telephone rings until the engine ends the attempt.

    def _later(self, seconds: float, happen: Callable[[], object]) -> None:
        self._world.plan((self._world.now + seconds, LATER), happen)

    # Agents

    def _react(self, command: AcdCommand) -> None:
        world = self._world
        match command:
            case OfferToAgent(call=call, agent=agent):
                stay = world.observer.now_in[call]
                ring = stay.ring(agent)
                if ring is not None:
                    self._later(self._ring, lambda: self._answer(stay, ring))
            case ConnectToAgent(call=call, agent=agent):
                self._later(0.0, lambda: self._joined(call, agent))
            case DialCallback(call=call):
                self._dialled(call)
            case CallbackOver(call=call):
                self._talks.pop(call, None)
            case AgentStateChanged(state=AgentState.PAUSED, until=None) if world.now > 0:
                # Who let a call ring too long comes back at once.
                self._later(0.0, lambda: world.tell(AgentReady(agent=command.agent)))
            case _:
                pass

    def _answer(self, stay: Stay, ring: Ring) -> None:
        if stay.outcome is None and not ring.how:
            self._world.tell(OfferAccepted(call=stay.offered.call, agent=ring.agent))

    def _joined(self, call: CallId, agent: AgentId) -> None:
        if self._world.observer.now_in[call].outcome is not None:
            return
        if self._world.tell(CallAnswered(call=call, agent=agent)):
            talk = self._talks.pop(call)
            self._later(talk, lambda: self._world.tell(CallEnded(call=call)))

    # Figures

    def _figures(self) -> Simulated:
        stays = [
            stay
            for stay in self._world.observer.stays
            if self._warm_up <= stay.entered[0] < self._end
        ]
        limits = Limits(threshold_s=self._queue.service_level_s)
        waited = sum(stay.wait_s for stay in stays)
        span = self._end - self._warm_up
        return Simulated(
            tally=tally((stay.visit() for stay in stays), limits),
            delayed=Share(sum(self._waited(stay) for stay in stays), len(stays)),
            mean_wait=Share(waited, len(stays)),
            occupancy=Share(self._work(), self._agents * span),
            queue_length=self._waiting() / span if span else 0.0,
            redials=self._redials,
            called_back=sum(
                keep.over is CallbackEnd.SERVED
                for keep in self._world.observer.keeps.values()
                if self._warm_up <= keep.begun[0] < self._end
            ),
        )

    def _waited(self, stay: Stay) -> bool:
        """Whether nobody was free when the call came."""
        return not stay.rings or stay.rings[0].begun[0] > stay.entered[0]

    def _work(self) -> float:
        """Seconds of work within the span."""
        return sum(
            self._within(stay.answered[0], (stay.wrapped or stay.ended or (self._end, 0))[0])
            for stay in self._world.observer.stays
            if stay.answered and stay.outcome is Outcome.ANSWERED
        )

    def _waiting(self) -> float:
        """Seconds of waiting within the span."""
        return sum(
            self._within(stay.entered[0], stay.left[0] if stay.left else self._end)
            for stay in self._world.observer.stays
        )

    def _within(self, begin: float, end: float) -> float:
        return max(min(end, self._end) - max(begin, self._warm_up), 0.0)


class _Rates:
    """Arrivals of a changing rate, by thinning those of the highest one."""

    def __init__(self, curve: tuple[float, ...], rate: float, span: float) -> None:
        mean = sum(curve) / len(curve)
        self._parts = [part / mean * rate for part in curve]
        self._highest = max(self._parts)
        self._span = span

    def next(self, now: float, chance: Chance) -> float | None:
        """When the next caller comes; None when it is after the span."""
        if not self._highest:
            return None
        at = now
        while (at := at + chance.exponential(1 / self._highest)) < self._span:
            part = min(int(at / self._span * len(self._parts)), len(self._parts) - 1)
            if self._parts[part] == self._highest or (
                chance.uniform() * self._highest < self._parts[part]
            ):
                return at
        return None
