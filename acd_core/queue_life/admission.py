"""Whom a queue does not let in, and why: its limits against what a new caller would find."""

from collections.abc import Callable
from typing import Final

from acd_core.agent import AgentState
from acd_core.call_queue import NoAgents
from acd_core.commands import RefuseReason
from acd_core.floor.records import NUMBERS, QueueRecord
from acd_core.stats.estimates import Pool

_PAUSED: Final = NUMBERS[AgentState.PAUSED]
_READY: Final = NUMBERS[AgentState.READY]
_NO_AGENTS_WAIT: Final = NoAgents.WAIT


def pool_of(tally: tuple[int, ...], ahead: int) -> Pool:
    """What a caller finds: agents who fit by state, and callers ahead."""
    staffed = QueueRecord.staffed(tally)
    return Pool(ahead, staffed, staffed - tally[_PAUSED], tally[_READY])


def pool_at_end(queue: QueueRecord, tally: tuple[int, ...], now: float) -> Pool:
    """What a new caller finds, who will stand behind all others of a queue."""
    staffed, ahead = QueueRecord.staffed(tally), len(queue.line) + queue.kept
    head_s, head_found = 0.0, 0
    if queue.line:
        head = queue.calls[queue.line[0][2]]
        head_s, head_found = now - head.entered, head.found
    return Pool(ahead, staffed, staffed - tally[_PAUSED], tally[_READY], head_s, head_found)


def refusal(
    queue: QueueRecord,
    tally_of: Callable[[int], tuple[int, ...]],
    demand: int,
    now: float,
    *,
    awaited: bool,
) -> RefuseReason | None:
    """Say why a queue does not let a call of this demand in; None when it does.

    ``awaited`` says that it has a named agent to wait for, whoever else is there.
    """
    config, waiting = queue.config, len(queue.line)
    if config.max_waiting is not None and waiting >= config.max_waiting:
        return RefuseReason.FULL
    ask_agents = config.no_agents is not _NO_AGENTS_WAIT and not awaited
    limited = waiting and (config.max_estimate_s is not None or config.max_ratio is not None)
    if not ask_agents and not limited:
        return None
    tally = tally_of(demand)
    if ask_agents and not queue.present(tally):
        return RefuseReason.NO_AGENTS
    return _dissuasion(queue, tally, now) if limited else None


def _dissuasion(queue: QueueRecord, tally: tuple[int, ...], now: float) -> RefuseReason | None:
    """Why somebody waits already and one more is too many."""
    ratio, longest, waiting = queue.config.max_ratio, queue.config.max_estimate_s, len(queue.line)
    if ratio is not None and waiting + 1 > ratio * QueueRecord.staffed(tally):
        return RefuseReason.RATIO
    # Those who are to be called are served before him, but wait nowhere.
    pool = pool_at_end(queue, tally, now)
    if longest is not None and queue.estimates.expected(pool) > longest:
        return RefuseReason.LONG_WAIT
    return None
