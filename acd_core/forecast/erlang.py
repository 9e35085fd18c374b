"""Erlang B, C and A: how many callers find all busy, wait, give up, and for how long.

``load`` is in erlangs (arrival rate times mean handling time), times are seconds. Erlang B
has no waiting room, C has callers who wait for ever (M/M/N), A callers whose patience is
exponential (M/M/N+M), computed as an exact chain.
"""

from math import exp, expm1, inf, isfinite, log
from typing import Final

import msgspec

from acd_core.errors import ForecastFault

TAIL: Final = 1e-15  # a chain is cut where a state adds less than this share of the sum
MOST_SERVERS: Final = 1_000_000


class Demand(msgspec.Struct, frozen=True, kw_only=True):
    """What callers bring; ForecastFault for numbers that cannot be."""

    calls_per_hour: float
    aht_s: float
    """Mean handling time: talk, hold and after-call work."""
    patience_s: float = inf
    """Mean patience of those who wait; infinite means that nobody gives up."""

    def __post_init__(self) -> None:
        rates = isfinite(self.calls_per_hour) and isfinite(self.aht_s)
        if not rates or self.calls_per_hour < 0 or self.aht_s <= 0 or not self.patience_s > 0:
            raise ForecastFault(f"demand cannot be: {self}")

    @property
    def load(self) -> float:
        """Offered traffic in erlangs."""
        return self.calls_per_hour * self.aht_s / 3600


class Forecast(msgspec.Struct, frozen=True, kw_only=True):
    """What so many agents give in the long run; shares are 0 to 1."""

    agents: int
    delayed: float
    """Share of callers who find nobody free."""
    service_level: float
    """Share of all callers who are answered within the threshold."""
    mean_wait_s: float
    """Over all callers; with Erlang C this is the ASA."""
    queue_length: float
    """Mean number of callers who wait."""
    occupancy: float
    abandoned: float = 0.0
    """Share of callers who give up."""


def erlang_b(load: float, servers: int) -> float:
    """Share of calls that find all lines busy."""
    _check(load, servers)
    blocked = 1.0
    for line in range(1, servers + 1):
        blocked = load * blocked / (line + load * blocked)
    return blocked


def lines_needed(load: float, blocking: float) -> int:
    """Least number of lines that turn away at most this share of calls."""
    _check(load, 0)
    if not 0 < blocking <= 1:
        raise ForecastFault(f"blocking {blocking} is not above 0 and at most 1")
    blocked, line = 1.0, 0
    while blocked > blocking:
        line += 1
        blocked = load * blocked / (line + load * blocked)
    return line


def load_carried(servers: int, blocking: float) -> float:
    """Traffic in erlangs that so many lines take with this share turned away."""
    _check(0.0, servers)
    if not 0 < blocking < 1:
        raise ForecastFault(f"blocking {blocking} is not between 0 and 1")
    low, high = 0.0, 1.0
    while erlang_b(high, servers) < blocking:
        high *= 2
    # The function rises with the load, so halving finds the one place where it is met.
    while (middle := (low + high) / 2) not in (low, high):
        low, high = (middle, high) if erlang_b(middle, servers) < blocking else (low, middle)
    return low


def erlang_c(load: float, servers: int) -> float:
    """Share of callers who must wait; 1 when there is more traffic than servers."""
    _check(load, servers)
    if load >= servers:
        return 1.0
    blocked = erlang_b(load, servers)
    return servers * blocked / (servers - load * (1 - blocked))


def waiting(demand: Demand, agents: int, threshold_s: float) -> Forecast:
    """What Erlang C gives for callers who wait for ever; patience does not count.

    With more traffic than agents the queue grows without end: waits are infinite.
    """
    _check(demand.load, agents)
    load, aht = demand.load, demand.aht_s
    if load >= agents:
        endless = Forecast(
            agents=agents,
            delayed=1.0,
            service_level=0.0,
            mean_wait_s=inf,
            queue_length=inf,
            occupancy=1.0,
        )
        return endless if load else msgspec.structs.replace(endless, occupancy=0.0)
    delayed = erlang_c(load, agents)
    return Forecast(
        agents=agents,
        delayed=delayed,
        service_level=1 - delayed * exp(-(agents - load) * max(threshold_s, 0.0) / aht),
        mean_wait_s=delayed * aht / (agents - load),
        queue_length=delayed * load / (agents - load),
        occupancy=load / agents,
    )


def wait_percentile(demand: Demand, agents: int, share: float) -> float:
    """Wait in seconds that this share of callers does not exceed, by Erlang C."""
    if not 0 <= share < 1:
        raise ForecastFault(f"share {share} is not 0 or more and below 1")
    delayed = erlang_c(demand.load, agents)
    if demand.load >= agents:
        return inf
    return max(log(delayed / (1 - share)), 0.0) * demand.aht_s / (agents - demand.load)


def impatient(demand: Demand, agents: int, threshold_s: float) -> Forecast:
    """What Erlang A gives for callers who give up; Erlang C when patience is infinite."""
    if demand.patience_s == inf:
        return waiting(demand, agents, threshold_s)
    _check(demand.load, agents)
    arrivals, service = demand.calls_per_hour / 3600, 1 / demand.aht_s
    leaving = 1 / demand.patience_s
    if not arrivals:
        return Forecast(
            agents=agents,
            delayed=float(agents == 0),
            service_level=float(agents > 0),
            mean_wait_s=0.0,
            queue_length=0.0,
            occupancy=0.0,
        )
    below, queued = _chain(arrivals, service, leaving, agents)
    total = sum(below) + sum(queued)
    length = sum(waiting_now * weight for waiting_now, weight in enumerate(queued)) / total
    busy = sum(n * weight for n, weight in enumerate(below)) + agents * sum(queued)
    in_time = sum(below) + sum(
        weight * served
        for weight, served in zip(
            queued, _served(len(queued), agents * service, leaving, threshold_s), strict=True
        )
    )
    return Forecast(
        agents=agents,
        delayed=sum(queued) / total,
        service_level=in_time / total,
        mean_wait_s=length / arrivals,
        queue_length=length,
        occupancy=busy / total / agents if agents else 0.0,
        abandoned=leaving * length / arrivals,
    )


def with_redials(demand: Demand, agents: int, redial: float) -> Demand:
    """The demand when this share of those who gave up call again; ForecastFault if endless."""
    if not 0 <= redial <= 1:
        raise ForecastFault(f"redial share {redial} is not 0 to 1")
    rate = demand.calls_per_hour
    for _ in range(10_000):
        grown = msgspec.structs.replace(demand, calls_per_hour=rate)
        abandoned = impatient(grown, agents, 0.0).abandoned
        # Fresh calls + the share of abandons that return = calls: lambda / (1 - r P(ab)).
        following = demand.calls_per_hour / max(1 - redial * abandoned, TAIL)
        if abs(following - rate) <= 1e-12 * following:
            return grown
        if following > 1e6 * demand.calls_per_hour:
            break
        rate = following
    raise ForecastFault(f"{agents} agents never get rid of callers who all call again")


def _chain(
    arrivals: float, service: float, leaving: float, agents: int
) -> tuple[list[float], list[float]]:
    """Weights of the states below ``agents`` calls, and of those with 0, 1, ... waiting.

    They start with 1 at the most likely state and only shrink from there: nothing overflows.
    """

    def deaths(calls: int) -> float:
        return min(calls, agents) * service + max(calls - agents, 0) * leaving

    peak = int(min(arrivals / service, agents))
    if peak == agents:
        peak += int(max(arrivals - agents * service, 0.0) / leaving)
    if peak > MOST_SERVERS:
        raise ForecastFault(f"some {peak} callers at a time are too many")
    down, weight = [1.0], 1.0
    for calls in range(peak, 0, -1):
        weight *= deaths(calls) / arrivals
        down.append(weight)
    states = down[::-1]
    weight, calls, total = 1.0, peak, sum(states)
    while weight > TAIL * total or calls < agents:
        calls += 1
        weight *= arrivals / deaths(calls)
        total += weight
        states.append(weight)
    return states[:agents], states[agents:]


def _served(count: int, service: float, leaving: float, threshold_s: float) -> list[float]:
    """Chance to be served in time for who finds all busy and 0, 1, ... callers ahead.

    With j ahead the wait is a sum of exponentials with the rates service + i leaving,
    i = 0..j. Then exp(-leaving wait) is Beta(service / leaving, j + 1), and being served
    before one's own patience ends weights it with itself: a Beta(service / leaving + 1,
    j + 1) again, whose distribution for whole j + 1 is the sum below.
    """
    if service <= 0 or threshold_s < 0:
        return [0.0] * count
    # exp(-leaving T) and (1 - exp(-leaving T)) / leaving, exact for slow leaving too.
    gone = -expm1(-leaving * threshold_s) / leaving
    step = -(service + leaving) * threshold_s
    late, chances = exp(step), []
    for ahead in range(count):
        if ahead:
            if not gone:
                break
            step += log((service + ahead * leaving) * gone / ahead)
            late += exp(step)
        alive = service / (service + (ahead + 1) * leaving)
        chances.append(alive * max(1 - late, 0.0))
    return chances + [0.0] * (count - len(chances))


def _check(load: float, servers: int) -> None:
    if not 0 <= load < inf or not 0 <= servers <= MOST_SERVERS:
        raise ForecastFault(f"{load} erlangs on {servers} servers cannot be computed")
