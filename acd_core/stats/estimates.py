"""Estimated wait: estimators side by side, each scored against what then happened.

The formulas and their sources are E0 to E6 of the metrics sheet. A queue follows a caller who
found nobody free, at most one a second, remembers what each estimator said, and compares when
the caller is answered; the one with the smallest rolling error speaks for the queue.
"""

from collections.abc import Sequence
from enum import IntEnum
from math import inf, isfinite, log
from typing import Final, NamedTuple

from acd_core.snapshot import EstimatorScore, WaitEstimate

AHT_UNKNOWN_S: Final = 90.0  # Genesys Stat Server's value for a queue without history
RECENT: Final = 20  # values that a rolling mean remembers, roughly
FOLLOW_EVERY_S: Final = 1.0
ENOUGH: Final = 5  # scored callers before an estimator may speak
SHORT_WAIT_S: Final = 10.0  # relative errors of shorter waits count as of this one
WORST: Final = 10.0  # relative error of an estimator that said nothing finite
_NOBODY: Final = 0.0001  # Genesys: active agents where there are none
_EXACT: Final = 32  # terms of E6 summed one by one
LONGEST_TOLD_S: Final = 86_400.0  # estimates beyond are as good as never


class Estimator(IntEnum):
    """The estimators, in the order in which equal errors are settled."""

    PAST_WAITS = 0
    """Smoothed waits of answered callers."""
    QUEUED_BY_STAFFED = 1
    """Callers x handling time / agents logged in."""
    QUEUED_BY_ACTIVE = 2
    """Callers beyond the idle agents x handling time / active agents."""
    POSITION_BY_AVAILABLE = 3
    """Six seconds, the least wait, and the callers ahead by the available agents."""
    QUEUE_LENGTH = 4
    """(ahead + 1) x handling time / agents when all are busy, else 0."""
    LAST_SERVED = 5
    """The wait of the caller who was served last."""
    WITH_ABANDONMENT = 6
    """As QUEUE_LENGTH, with callers ahead who give up."""
    HEAD_OF_LINE = 7
    """The wait so far of the caller who is next (E5, HOL)."""
    HEAD_REFINED = 8
    """The same x (callers now / callers that he found): our reading of E5's refined HOL."""
    LAST_COMPLETED = 9
    """The wait of the caller whose conversation ended last (E5, RCS)."""


# These reckon with the callers ahead; the others say what whole waits are like.
_KNOW_PLACE: Final = (
    Estimator.QUEUED_BY_STAFFED,
    Estimator.QUEUED_BY_ACTIVE,
    Estimator.POSITION_BY_AVAILABLE,
    Estimator.QUEUE_LENGTH,
    Estimator.WITH_ABANDONMENT,
)


class Pool(NamedTuple):
    """What a caller finds."""

    ahead: int
    staffed: int
    """Agents who fit, logged in at a station that answers."""
    active: int
    """Of these, those not paused."""
    idle: int
    head_s: float = 0.0
    """Wait so far of the caller who is next; 0 when nobody waits."""
    head_found: int = 0
    """Callers whom he found before him."""


class Rolling:
    """A mean of the last few values: plain at first, then exponential."""

    __slots__ = ("count", "mean", "recent")

    def __init__(self, recent: int = RECENT) -> None:
        self.recent = recent
        self.count = 0
        self.mean = 0.0

    def add(self, value: float) -> None:
        """Take in one more value."""
        count = self.count = self.count + 1
        self.mean += (value - self.mean) / (count if count < self.recent else self.recent)


class WaitEstimates:
    """Estimators of one queue and how well they did."""

    __slots__ = (
        "_abandons",
        "_biases",
        "_completed",
        "_errors",
        "_last",
        "_next",
        "_past",
        "_waits",
        "aht",
    )

    def __init__(self) -> None:
        self.aht = Rolling()
        """Handling time in seconds."""
        self._abandons = Rolling()
        self._waits = Rolling()
        self._past = 0.0
        self._last = 0.0
        self._completed = 0.0
        self._next = -inf
        self._errors = [Rolling() for _ in Estimator]
        self._biases = [Rolling() for _ in Estimator]

    @property
    def handling_s(self) -> float:
        """Handling time that the estimators reckon with, in seconds."""
        return self.aht.mean if self.aht.count else AHT_UNKNOWN_S

    def predict(self, pool: Pool) -> tuple[float, ...]:
        """What each estimator says, in seconds; infinite for never."""
        h, free = self.handling_s, pool.idle > pool.ahead
        waiting = pool.ahead + 1
        patience = self._abandons.mean / self._waits.mean if self._waits.mean > 0 else 0.0
        return (
            self._past,
            h * waiting / pool.staffed if pool.staffed else inf,
            h * max(waiting - pool.idle, 0) / max(pool.active, _NOBODY),
            position_by_available(h, waiting, pool.active),
            0.0 if free else (h * waiting / pool.staffed if pool.staffed else inf),
            self._last,
            0.0 if free else with_abandonment(pool.ahead, pool.staffed, h, patience),
            0.0 if free else pool.head_s,
            0.0 if free else pool.head_s * waiting / (pool.head_found + 1),
            self._completed,
        )

    def due(self, now: float) -> bool:
        """Whether the next caller may be followed."""
        return now >= self._next

    def follow(self, pool: Pool, now: float) -> tuple[float, ...] | None:
        """Return the predictions to remember for a caller, None for one who is not followed."""
        if pool.idle > pool.ahead:
            return None
        self._next = now + FOLLOW_EVERY_S
        return self.predict(pool)

    def answered(self, wait_s: float, predicted: Sequence[float] | None) -> None:
        """A caller was answered; score what was predicted for him."""
        self._past = (3 * self._past + wait_s) / 4 if self._waits.count else wait_s
        self._last = wait_s
        self._waits.add(wait_s)
        self._abandons.add(0.0)
        if predicted is None:
            return
        for estimator, value in zip(Estimator, predicted, strict=True):
            error = WORST
            if isfinite(value):
                error = min(abs(value - wait_s) / max(wait_s, SHORT_WAIT_S), WORST)
                self._biases[estimator].add(value - wait_s)
            self._errors[estimator].add(error)

    def completed(self, wait_s: float) -> None:
        """A conversation ended; its caller had waited so long."""
        self._completed = wait_s

    def abandoned(self, wait_s: float) -> None:
        """A caller gave up."""
        self._waits.add(wait_s)
        self._abandons.add(1.0)

    def expected(self, pool: Pool) -> float:
        """What the best estimator says, in seconds; WITH_ABANDONMENT while none is scored."""
        return self.predict(pool)[self._smallest_error()]

    def expected_at(self, pool: Pool) -> float:
        """What a caller with so many ahead has yet to wait, in seconds; infinite for never.

        The best of the estimators that reckon with a place says it, QUEUE_LENGTH while none
        is scored.
        """
        best = self._smallest_error(_KNOW_PLACE, Estimator.QUEUE_LENGTH)
        return self.predict(pool)[best]

    def _smallest_error(
        self,
        among: Sequence[Estimator] = tuple(Estimator),
        otherwise: Estimator = Estimator.WITH_ABANDONMENT,
    ) -> Estimator:
        scored = [e for e in among if self._errors[e].count >= ENOUGH]
        # Equal errors are settled by the order of the estimators.
        return min(scored, key=lambda e: self._errors[e].mean, default=otherwise)

    def announce(self, pool: Pool, limit: float) -> WaitEstimate | None:
        """The range to tell a new caller; None when the best error is above the limit."""
        return self._told(self._smallest_error(), pool, limit)

    def announce_at(self, pool: Pool, limit: float) -> WaitEstimate | None:
        """The range to tell a caller who waits already, of what he has yet to wait."""
        return self._told(self._smallest_error(_KNOW_PLACE, Estimator.QUEUE_LENGTH), pool, limit)

    def _told(self, estimator: Estimator, pool: Pool, limit: float) -> WaitEstimate | None:
        rated = self._errors[estimator]
        if rated.count < ENOUGH or rated.mean > limit:
            return None
        seconds, error = self.predict(pool)[estimator], rated.mean
        if not seconds < LONGEST_TOLD_S:
            return None
        return WaitEstimate(
            estimator=estimator.name.lower(),
            seconds=seconds,
            low_s=seconds * max(0.0, 1 - error),
            high_s=seconds * (1 + error),
            error=error,
        )

    def scores(self, pool: Pool) -> tuple[EstimatorScore, ...]:
        """Every estimator, what it says to the next caller, and how it did."""
        values = self.predict(pool)
        return tuple(
            EstimatorScore(
                estimator=estimator.name.lower(),
                seconds=values[estimator] if isfinite(values[estimator]) else None,
                scored=self._errors[estimator].count,
                bias_s=self._biases[estimator].mean,
                error=self._errors[estimator].mean,
            )
            for estimator in Estimator
        )


def position_by_available(
    handling_s: float, position: int, available: int, *, least_wait_s: float = 0.0, least: int = 1
) -> float:
    """E3 of the metrics sheet (Vertical Wave)."""
    return 6 + least_wait_s + handling_s * (position - 1) / max(available, least)


def with_abandonment(ahead: int, staffed: int, handling_s: float, patience: float) -> float:
    """E6: the sum over i = 0 .. ahead of 1 / (staffed / handling + i x patience).

    ``patience`` is the rate at which one waiting caller gives up, per second. Beyond the
    first terms the sum is an integral (Euler and Maclaurin), exact to about 1e-6.
    """
    if not staffed or handling_s <= 0:
        return inf if not staffed else 0.0
    rate = staffed / handling_s
    if patience <= 0:
        return (ahead + 1) / rate
    total = 0.0
    for i in range(min(ahead, _EXACT) + 1):
        total += 1 / (rate + i * patience)
    if ahead > _EXACT:
        first, last = rate + (_EXACT + 1) * patience, rate + ahead * patience
        total += log(last / first) / patience + (1 / first + 1 / last) / 2
        total += patience * (1 / first**2 - 1 / last**2) / 12
    return total
