"""Figures of queue visits: service levels, waits, handling, losses.

A visit is one stay of a call in one queue, counted where it **entered** (half-open
intervals). Its wait lasts from entry to answer or leaving and includes ringing at the agent.
"""

from collections.abc import Iterable

import msgspec

from acd_core.events import Outcome
from acd_core.ids import CallId, QueueId
from acd_core.stats.share import Share


class Visit(msgspec.Struct, frozen=True, kw_only=True):
    """One stay of a call in one queue; durations in seconds."""

    queue: QueueId
    entered: float
    """Unix seconds."""
    call: CallId = CallId(0)
    outcome: Outcome | None = None
    """None while it is in the queue."""
    wait_s: float = 0.0
    talk_s: float = 0.0
    """From the answer, without hold."""
    hold_s: float = 0.0
    wrap_up_s: float = 0.0
    rings: int = 0
    """Offers that an agent did not take (his station rang in vain)."""


class Limits(msgspec.Struct, frozen=True, kw_only=True):
    """What counts as in time, and what as hung up at once; seconds, limit included."""

    threshold_s: float = 20.0
    """T."""
    short_s: float = 5.0
    """S."""


class Tally(msgspec.Struct, frozen=True, kw_only=True):
    """Counts and sums of visits; tallies with the same limits can be added."""

    answered: int = 0
    answered_in_time: int = 0
    abandoned: int = 0
    abandoned_in_time: int = 0
    abandoned_short: int = 0
    others: int = 0
    """Every outcome that is neither answered nor abandoned."""
    refused: int = 0
    callbacks: int = 0
    """Call-backs taken; among the others."""
    in_queue: int = 0
    answered_wait_s: float = 0.0
    abandoned_wait_s: float = 0.0
    queued_wait_s: float = 0.0
    """Of all who were let in and have left."""
    handling_s: float = 0.0
    """Talk, hold and after-call work of the answered."""

    @property
    def offered(self) -> int:
        """N: every visit, whatever became of it."""
        return self.answered + self.abandoned + self.others + self.in_queue

    def __add__(self, other: "Tally") -> "Tally":
        mine, theirs = msgspec.structs.astuple(self), msgspec.structs.astuple(other)
        sums = [a + b for a, b in zip(mine, theirs, strict=True)]
        return Tally(**dict(zip(self.__struct_fields__, sums, strict=True)))

    # Service levels

    @property
    def sl_1(self) -> Share:
        """Answered or abandoned in time, of both (4PS form 1)."""
        return Share(self.answered_in_time + self.abandoned_in_time, self.answered + self.abandoned)

    @property
    def sl_2(self) -> Share:
        """Answered in time, of the answered; hides abandons."""
        return Share(self.answered_in_time, self.answered)

    @property
    def sl_3(self) -> Share:
        """Answered in time, of answered and abandoned."""
        return Share(self.answered_in_time, self.answered + self.abandoned)

    @property
    def sl_4(self) -> Share:
        """As SL-3 without those who gave up in time."""
        late = self.abandoned - self.abandoned_in_time
        return Share(self.answered_in_time, self.answered + late)

    @property
    def sl_5(self) -> Share:
        """Answered in time, of all offered; refused and overflowed count against it."""
        return Share(self.answered_in_time, self.offered)

    @property
    def sl_6(self) -> Share:
        """Answered in time, of all offered but those who hung up at once: the default."""
        return Share(self.answered_in_time, self.offered - self.abandoned_short)

    # Waits and handling, as sums over counts

    @property
    def asa(self) -> Share:
        """Average speed of answer."""
        return Share(self.answered_wait_s, self.answered)

    @property
    def time_to_abandon(self) -> Share:
        """Average time to abandon."""
        return Share(self.abandoned_wait_s, self.abandoned)

    @property
    def queue_time(self) -> Share:
        """Mean queue time of all who were let in and have left."""
        return Share(
            self.queued_wait_s, self.answered + self.abandoned + self.others - self.refused
        )

    @property
    def aht(self) -> Share:
        """Average handling time: talk, hold and after-call work."""
        return Share(self.handling_s, self.answered)

    # Losses

    @property
    def abandon_rate(self) -> Share:
        """Abandoned, of all offered."""
        return Share(self.abandoned, self.offered)

    @property
    def abandon_rate_without_short(self) -> Share:
        """The same without those who hung up at once, on both sides."""
        return Share(self.abandoned - self.abandoned_short, self.offered - self.abandoned_short)

    @property
    def connect_rate(self) -> Share:
        """Connected to an agent, of those who asked for one (人工接通率); transfers count again."""
        return Share(self.answered, self.offered)

    @property
    def loss_rate(self) -> Share:
        """Not connected, of those who asked for an agent (呼损率).

        Whom a flow served alone enters no queue and is in neither number.
        """
        return Share(self.offered - self.answered, self.offered)

    @property
    def over_limit_rate(self) -> Share:
        """Answered late, of the answered (接通逾限率); the complement of SL-2."""
        return Share(self.answered - self.answered_in_time, self.answered)

    @property
    def over_limit_rate_of_offered(self) -> Share:
        """Answered late, of all offered: the other denominator that is in use."""
        return Share(self.answered - self.answered_in_time, self.offered)


class Losses(msgspec.Struct, frozen=True, kw_only=True):
    """Callers who were not connected, by what became of them; they sum up to the loss."""

    quick_hang_up: int = 0
    """Gave up within S."""
    abandoned: int = 0
    """Gave up later, and no agent let it ring."""
    agent_no_answer: int = 0
    """Gave up after an agent's station rang in vain."""
    overflowed: int = 0
    timed_out: int = 0
    refused: int = 0
    """Full, closed or nobody there."""
    voicemail: int = 0
    callback_taken: int = 0
    transferred_out: int = 0
    in_queue: int = 0


def tally(visits: Iterable[Visit], limits: Limits | None = None) -> Tally:
    """Count visits and add up their durations."""
    limits = limits or Limits()
    counts = dict.fromkeys(Tally.__struct_fields__, 0.0)
    for visit in visits:
        if visit.outcome is None:
            counts["in_queue"] += 1
            continue
        kind = _KINDS.get(visit.outcome, "others")
        counts[kind] += 1
        if visit.outcome is Outcome.REFUSED:
            counts["refused"] += 1
            continue
        counts["callbacks"] += visit.outcome is Outcome.CALLBACK_TAKEN
        counts["queued_wait_s"] += visit.wait_s
        if kind != "others":
            counts[f"{kind}_in_time"] += visit.wait_s <= limits.threshold_s
            counts[f"{kind}_wait_s"] += visit.wait_s
        if visit.outcome is Outcome.ANSWERED:
            counts["handling_s"] += visit.talk_s + visit.hold_s + visit.wrap_up_s
        if visit.outcome is Outcome.ABANDONED:
            counts["abandoned_short"] += visit.wait_s <= limits.short_s
    return Tally(**{name: n if name.endswith("_s") else int(n) for name, n in counts.items()})  # type: ignore[arg-type]


def losses(visits: Iterable[Visit], limits: Limits | None = None) -> Losses:
    """Split the callers who were not connected."""
    limits = limits or Limits()
    counts = dict.fromkeys(Losses.__struct_fields__, 0)
    for visit in visits:
        if visit.outcome is Outcome.ANSWERED:
            continue
        if visit.outcome is None:
            counts["in_queue"] += 1
        elif visit.outcome is not Outcome.ABANDONED:
            counts[visit.outcome.value] += 1
        elif visit.wait_s <= limits.short_s:
            counts["quick_hang_up"] += 1
        else:
            counts["agent_no_answer" if visit.rings else "abandoned"] += 1
    return Losses(**counts)


_KINDS = {Outcome.ANSWERED: "answered", Outcome.ABANDONED: "abandoned"}
