"""What becomes of callers when the agents whom they wait for go."""

from collections.abc import Iterable
from typing import TYPE_CHECKING, Final

from acd_core.call_queue import NoAgents
from acd_core.commands import LeaveReason
from acd_core.events import Preference
from acd_core.floor.contact import ContactState
from acd_core.floor.records import QueueRecord
from acd_core.queue_life.overflow import Overflows

if TYPE_CHECKING:
    from acd_core.floor.lines import Lines

_LEAVE: Final = NoAgents.LEAVE
_NAMED: Final = Preference.NAMED
_WAITING: Final = ContactState.WAITING


def cares(queue: QueueRecord) -> bool:
    """Whether something becomes of a queue's callers when agents go."""
    config = queue.config
    if config.no_agents is _LEAVE or Overflows.flees(queue):
        return True
    return any(step.when_nobody for step in config.widening)


def widen_deserted(lines: "Lines", queues: Iterable[QueueRecord], now: float) -> None:
    """Widen calls that do not wait for agents who are away, as tier or queue says."""
    for contact in list(lines.widening.alone.values()):
        lines.widen(contact, now)
    for queue in queues:
        if any(step.when_nobody for step in queue.config.widening):
            for contact in list(lines.waiting(queue)):
                lines.widen(contact, now)


def empty_deserted(
    lines: "Lines", queues: Iterable[QueueRecord], overflows: Overflows, now: float
) -> None:
    """Send callers on, or away, from queues that do not wait without agents."""
    for queue in queues:
        leave = queue.config.no_agents is _LEAVE
        if leave or (queue.lively and overflows.flees(queue)):
            _empty(lines, overflows, queue, now)


def _empty(lines: "Lines", overflows: Overflows, queue: QueueRecord, now: float) -> None:
    there = {queue.demand: queue.present(lines.tally(queue.demand))}
    if there[queue.demand] and not queue.mixed:
        return
    for contact in list(lines.waiting(queue)):
        if contact.demand not in there:
            there[contact.demand] = queue.present(lines.tally(contact.demand))
        named = contact.preferring is not None and contact.event.preference is _NAMED
        if there[contact.demand] or named or contact.state is not _WAITING:
            continue
        moved = queue.lively and overflows.escape(contact, now)
        if queue.config.no_agents is _LEAVE and not moved:
            lines.time_out(contact, LeaveReason.NO_AGENTS, now)
