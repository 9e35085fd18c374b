"""The floor as values: what pages and the live view show."""

from collections.abc import Iterable
from itertools import islice

from acd_core.agent import AgentState
from acd_core.floor.contact import Contact
from acd_core.floor.lines import Lines
from acd_core.floor.records import NUMBERS, AgentRecord, QueueRecord
from acd_core.floor.roster import Roster
from acd_core.ids import AgentId
from acd_core.queue_life.admission import pool_at_end
from acd_core.snapshot import AgentView, QueueView, Snapshot, WaitingCall


def picture(roster: Roster, lines: Lines, now: float) -> Snapshot:
    """Describe every queue with all its callers and every agent, by key."""
    return Snapshot(at=now, queues=queue_views(lines, now), agents=agent_views(roster))


def queue_views(lines: Lines, now: float, callers: int | None = None) -> tuple[QueueView, ...]:
    """Describe every queue, by key; with ``callers`` only so many of those who come first."""
    return tuple(_queue(lines, lines.queues[key], now, callers) for key in sorted(lines.queues))


def agent_views(roster: Roster, agents: Iterable[AgentId] | None = None) -> tuple[AgentView, ...]:
    """Describe every agent, or those of these that there are, by key."""
    found = roster.agents if agents is None else roster.agents.keys() & agents
    return tuple(_agent(roster.agents[key]) for key in sorted(found))


def _queue(lines: Lines, queue: QueueRecord, now: float, callers: int | None) -> QueueView:
    tally = lines.tally(queue.demand)
    pool = pool_at_end(queue, tally, now)
    return QueueView(
        queue=queue.config.queue,
        name=queue.config.name,
        waiting=tuple(
            _waiting(contact, position, now)
            for position, contact in enumerate(islice(lines.waiting(queue), callers), 1)
        ),
        callers=len(queue.calls),
        oldest=min((contact.entered for contact in queue.calls.values()), default=None),
        agents=sum(tally) - tally[NUMBERS[AgentState.LOGGED_OUT]],
        ready=tally[NUMBERS[AgentState.READY]],
        talking=queue.talking,
        reserves=queue.lent is not None,
        visits=queue.counter.view(),
        estimate=queue.estimates.announce(pool, queue.config.estimate_error_limit),
        estimators=queue.estimates.scores(pool),
        open=lines.life.shut(queue, now) is None,
        unattended=queue.config.unattended,
        callbacks=lines.life.callbacks.view(queue),
    )


def _waiting(contact: Contact, position: int, now: float) -> WaitingCall:
    first = (contact.agent,) if contact.agent else ()
    ringing = tuple(record.config.agent for record in (*first, *contact.others))
    return WaitingCall(
        call=contact.event.call,
        position=position,
        ani=contact.event.ani,
        # What the caller's tier adds decides the place as well.
        priority=contact.event.priority + (contact.tier.priority if contact.tier else 0),
        entered=contact.entered,
        waited_s=now - contact.entered,
        offers=contact.offers,
        agent=ringing[0] if ringing else None,
        preferred=contact.preferring.config.agent if contact.preferring else None,
        step=contact.step,
        ringing=ringing,
    )


def _agent(record: AgentRecord) -> AgentView:
    contact = record.contact or record.wrapping
    resting = record.state is AgentState.PAUSED
    until = record.until
    if until is None and record.beside is not None:
        until = record.beside.due()
    return AgentView(
        agent=record.config.agent,
        name=record.config.name,
        state=record.state,
        since=record.since,
        station=record.station,
        reason=record.reason,
        next_reason="" if resting else record.pause,
        call=contact.event.call if contact else None,
        queue=contact.queue.config.queue if contact else None,
        until=until,
        misses=record.misses,
        contacts=tuple(record.beside.open) if record.beside is not None else (),
    )
