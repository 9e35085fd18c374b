"""Figures of whole contacts and of work items: first-contact resolution, repeat connect
time, the all-in connect rate, errors of estimated waits, and what is overdue."""

from collections.abc import Iterable, Sequence

import msgspec

from acd_core.stats.share import Share, middle

HOUR_S = 3600.0


class Reach(msgspec.Struct, frozen=True, kw_only=True):
    """One contact of a person, seen from outside; times in Unix seconds."""

    party: str
    topic: str = ""
    arrived: float
    first_ring: float | None = None
    """When an agent's station rang first."""
    known: bool = False
    """The caller was recognised and led to his agent at once."""
    connected: bool = False
    contained: bool = False
    """The flow served the caller to the end, without an agent."""


class Item(msgspec.Struct, frozen=True, kw_only=True):
    """One piece of work with a due time; None is open."""

    due: float
    closed: float | None = None


def first_contact_resolution(contacts: Iterable[Reach], *, within_h: float) -> Share:
    """Contacts after which the same party did not come back with the topic in that time."""
    newest: dict[tuple[str, str], float] = {}
    resolved = total = 0
    for contact in sorted(contacts, key=lambda one: one.arrived, reverse=True):
        key = (contact.party, contact.topic)
        following = newest.get(key)
        total += 1
        resolved += following is None or following - contact.arrived > within_h * HOUR_S
        newest[key] = contact.arrived
    return Share(resolved, total)


def connect_time(contacts: Iterable[Reach], *, known: bool) -> float | None:
    """Median seconds from arrival to the first ring at an agent, of known or unknown callers."""
    return middle(
        contact.first_ring - contact.arrived
        for contact in contacts
        if contact.first_ring is not None and contact.known is known
    )


def all_in_connect_rate(contacts: Sequence[Reach]) -> Share:
    """Served by the flow or connected to an agent, of all calls in (接通率, all-in)."""
    served = sum(contact.connected or contact.contained for contact in contacts)
    return Share(served, len(contacts))


def all_in_loss_rate(contacts: Sequence[Reach]) -> Share:
    """Neither connected nor served by the flow, of all calls in (呼损率)."""
    served = all_in_connect_rate(contacts)
    return Share(served.whole - served.part, served.whole)


def wait_error(pairs: Iterable[tuple[float, float]]) -> Share:
    """Mean of predicted minus real wait in seconds; above 0 was too long."""
    errors = [predicted - real for predicted, real in pairs]
    return Share(sum(errors), len(errors))


def wait_error_percent(pairs: Iterable[tuple[float, float]]) -> Share:
    """Mean absolute error relative to the real wait (MAPE); waits of nothing are left out."""
    errors = [abs(predicted - real) / real for predicted, real in pairs if real > 0]
    return Share(sum(errors), len(errors))


def overdue_rate(items: Iterable[Item], *, begin: float, end: float) -> Share:
    """Items closed too late or still open at ``end``, of those due in ``[begin, end)`` (超期率)."""
    due = [item for item in items if begin <= item.due < end]
    late = sum(end > item.due if item.closed is None else item.closed > item.due for item in due)
    return Share(late, len(due))


def stuck(items: Iterable[Item], *, at: float, limit_s: float = 0.0) -> int:
    """Items that are open longer than the limit past their due time (滞留)."""
    return sum(
        item.due + limit_s < at and (item.closed is None or item.closed > at) for item in items
    )


def stuck_growth(items: Sequence[Item], *, at: float, limit_s: float = 0.0) -> int:
    """How many more items are stuck than a day before."""
    earlier = stuck(items, at=at - 24 * HOUR_S, limit_s=limit_s)
    return stuck(items, at=at, limit_s=limit_s) - earlier
