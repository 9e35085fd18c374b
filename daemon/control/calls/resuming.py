"""How a call goes on in a new control process.

The old one may have been killed between any two records of its journal, so the call, its
rows and the distribution engine can be one step apart: here they are brought together.
"""

from collections.abc import Callable, Iterable, Iterator
from typing import TYPE_CHECKING

from acd_core.agent import AgentState
from acd_core.events import (
    AcdEvent,
    AgentFree,
    AgentReachable,
    AgentUnreachable,
    CallEnded,
    OfferAccepted,
    OfferRejected,
)
from acd_core.ids import CallId
from acd_core.snapshot import Snapshot
from daemon.control.calls.call import NOTHING, Call, Leg
from drivers.events import Cause, Ringing

if TYPE_CHECKING:
    from daemon.control.calls.context import CallContext
    from daemon.control.calls.life import CallLife

WITH_CALLER = (AgentState.TALKING, AgentState.ON_HOLD)


def waits(floor: Snapshot, call: int) -> bool:
    """Whether a call is in a queue as the engine sees it, offered or not."""
    return any(waiting.call == call for queue in floor.queues for waiting in queue.waiting)


def talks(floor: Snapshot, call: int) -> bool:
    """Whether an agent has the call as the engine sees it."""
    return any(agent.call == call and agent.state in WITH_CALLER for agent in floor.agents)


def offers_lost(call: int, floor: Snapshot) -> Iterator[AcdEvent]:
    """Makes every offer of a call anew without blame: ringing stations are not restored."""
    for queue in floor.queues:
        for waiting in queue.waiting:
            if waiting.call != call:
                continue
            if len(waiting.ringing) > 1:
                # One after the other, so that the call is never without anybody: who is back
                # joins in again, before any call that came later.
                for agent in waiting.ringing:
                    yield AgentUnreachable(agent=agent)
                    yield AgentReachable(agent=agent)
            elif waiting.agent is not None:
                # An agent who is there, but was not joined, cannot empty a queue that callers
                # leave without agents. Accepting is refused when he had accepted already.
                yield OfferAccepted(call=waiting.call, agent=waiting.agent)
                yield OfferRejected(call=waiting.call, agent=waiting.agent, reason="lost")


def count_lost_offers(calls: Iterable[Call], floor: Snapshot, now: float) -> None:
    """Count the offers that the engine made and that no record of their call knows.

    A station may have rung for each: what is sent goes out before the call is written.
    """
    made = {waiting.call: waiting.offers for queue in floor.queues for waiting in queue.waiting}
    for call in calls:
        offers = made.get(CallId(call.id), 0)
        if call.visit is not None and call.in_queue and call.visit.offers < offers:
            call.visit.offers = offers
            call.visit.first_offer = call.visit.first_offer or now


def left_busy(calls: Iterable[Call], floor: Snapshot) -> Iterator[AcdEvent]:
    """Frees agents whose call has not survived, or has ended before the engine was told."""
    alive = tuple(calls)
    known = {call.id for call in alive}
    engaged = {agent for call in alive for agent in call.engaged}
    for view in floor.agents:
        if view.state in WITH_CALLER and view.call is not None and view.call not in known:
            yield CallEnded(call=view.call)
        # Who talks, or works after a call, is busy afterwards if he was so before.
        marked = view.state in (AgentState.BUSY, AgentState.WRAP_UP, *WITH_CALLER)
        if marked and view.agent not in engaged:
            yield AgentFree(agent=view.agent)


async def answered_meanwhile(life: "CallLife", context: "CallContext") -> None:
    """Our answer left, and control ended before it was written: Answered follows once more."""
    call = life.call
    target = context.find_target(call.dnis)
    if target is None or not (target.flow or target.queue):
        await life.end(Cause.UNALLOCATED, by="system", outcome="failed")
        return
    call.language, call.flow = target.language, target.flow
    life.flow.prepare(target)


def arrived(
    event: Ringing, now: float, ids: Callable[[], int], *, before: Call | None = None
) -> Call:
    """The call that rings on a line; ``before``: the one it was when control ended.

    Its record goes on: a caller who let it ring meanwhile has called once.
    """
    return Call(
        id=ids() if before is None else before.id,
        started=now if before is None else before.started,
        since=now,
        caller=Leg(id=ids(), line=event.line, ref=event.ref),
        ani="" if event.restricted else event.ani,
        ani_verbatim=event.ani,
        dnis=event.dnis,
        name=event.name,
        redirecting=event.redirecting,
        reason=event.reason,
        restricted=event.restricted,
        uui=event.uui,
        headers=dict(event.headers) or NOTHING,
        hops=event.hops,
    )


def half_connected(call: Call) -> bool:
    """Whether caller and agent were joined, and nobody had time to write it down."""
    return call.connected and not {"talk", "hold"} & set(call.segments)
