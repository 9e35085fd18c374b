"""Compares what the distribution engine believes with the calls and lines that there are.

Calls take in the engine's commands one after the other, so the two may differ for a moment:
only what is seen twice in a row is a mismatch. It is repaired by telling the side that missed
something what it missed, and logged with both beliefs: each one is a fault of ours.
"""

import asyncio
from collections import Counter
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from enum import StrEnum
from itertools import chain
from typing import Final, Protocol, TypeVar

import msgspec
import structlog

from acd_core.agent import AgentState
from acd_core.commands import WithdrawOffer, WithdrawReason
from acd_core.events import (
    AcdEvent,
    AgentBusy,
    AgentFree,
    AgentReachable,
    AgentUnreachable,
    CallAbandoned,
    CallEnded,
    CallOffered,
    CallWithdrawn,
    Outcome,
)
from acd_core.ids import AgentId, CallId, QueueId, to_text
from acd_core.snapshot import AgentView, Snapshot, WaitingCall
from daemon.control.acd_runner import AcdRunner
from daemon.control.calls.call import Call

log = structlog.get_logger()

INTERVAL_S: Final = 5.0
PIECE: Final = 50  # agents, callers or calls compared in one go
OFFERED: Final = (AgentState.RESERVED, AgentState.RINGING)
TALKING: Final = (AgentState.TALKING, AgentState.ON_HOLD)

Thing = TypeVar("Thing")


class Fault(StrEnum):
    """What does not agree; the value is the counter's name."""

    TALKS_TO_NOBODY = "agent_talks_without_call"
    OFFER_FOR_NOBODY = "offer_without_call"
    OFFER_UNKNOWN = "offer_unknown_to_call"
    RINGS_UNSEEN = "station_rings_unseen"
    """A station rings for a call, and the engine offers the call to somebody else, or nobody."""
    NOBODY_WAITS = "waiting_without_call"
    WAITS_UNSEEN = "call_waits_unseen"
    """The caller hears music, and the engine does not know him."""
    TALKS_UNSEEN = "call_talks_unseen"
    """The agent talks, and the engine would give him another call."""
    BUSY_WITH_NOTHING = "agent_busy_without_call"
    STATION_GONE = "station_gone_unseen"
    STATION_BACK = "station_back_unseen"


class Mismatch(msgspec.Struct, frozen=True, kw_only=True):
    """One thing that engine and control see differently."""

    fault: Fault
    agent: AgentId | None = None
    call: CallId | None = None
    since: float = 0.0
    """Beginning of the state; another time is another matter."""
    cause: str = ""
    """What each side believes."""


class LivingCall(Protocol):
    """A call in progress."""

    call: Call

    def tell(self, happened: WithdrawOffer) -> None:
        """Put something into the call's queue."""


class Reach(Protocol):
    """The lines, as far as stations are concerned."""

    def reachable(self, station: str) -> bool:
        """Whether a call to the station would ring."""


class WatchedControl(Protocol):
    """The part of the control process that is watched."""

    clock: Callable[[], float]
    acd: AcdRunner

    @property
    def calls(self) -> Mapping[int, LivingCall]:
        """Calls in progress by their identifier."""

    @property
    def lines(self) -> Reach:
        """All lines."""


class Watchdog:
    """Looks every few seconds; counts what it finds."""

    def __init__(self, control: WatchedControl, *, interval_s: float = INTERVAL_S) -> None:
        self._control = control
        self._interval = interval_s
        self._seen: frozenset[Mismatch] = frozenset()
        self.checks = 0
        self.repaired: Counter[str] = Counter()
        """By fault."""
        self.failed: Counter[str] = Counter()
        """Repairs that the engine refused."""

    async def run(self) -> None:
        """Look until cancelled."""
        while True:
            await asyncio.sleep(self._interval)
            try:
                await self.look()
            except Exception:
                # A fault of the watch must not end what it watches.
                log.exception("calls and distribution cannot be compared")

    async def look(self) -> tuple[Mismatch, ...]:
        """Compare once without holding up calls; repair what lasts, and return that."""
        found: set[Mismatch] = set()
        for piece in self._compare():
            found.update(piece)
            await asyncio.sleep(0)
        if found.isdisjoint(self._seen):
            self.checks += 1
            self._seen = frozenset(found)
            return ()
        return self.check()

    def check(self) -> tuple[Mismatch, ...]:
        """Compare in one go; repair what was there at the last look as well, and return that."""
        self.checks += 1
        found = tuple(chain.from_iterable(self._compare()))
        lasting = tuple(mismatch for mismatch in found if mismatch in self._seen)
        for mismatch in lasting:
            self._repair(mismatch)
        self._seen = frozenset(found) - frozenset(lasting)
        return lasting

    def _compare(self) -> Iterator[list[Mismatch]]:
        control = self._control
        snapshot = control.acd.engine.snapshot(control.clock())
        calls = {CallId(key): life.call for key, life in control.calls.items()}
        return find_mismatches(snapshot, calls, control.lines.reachable)

    def _repair(self, mismatch: Mismatch) -> None:
        fault, call = mismatch.fault, mismatch.call
        log.error(
            "distribution and calls disagree, repairing",
            fault=str(fault),
            cause=mismatch.cause,
            agent=mismatch.agent,
            call=None if call is None else to_text(call),
        )
        if fault is Fault.RINGS_UNSEEN and mismatch.agent is not None and call is not None:
            self._stop_ringing(call, mismatch.agent)
        done = [self._control.acd.submit(event) for event in self._missing(mismatch)]
        (self.repaired if all(done) else self.failed)[str(fault)] += 1

    def _missing(self, mismatch: Mismatch) -> list[AcdEvent]:
        """The events that the engine was not told."""
        agent, call = mismatch.agent, mismatch.call
        match mismatch.fault:
            case Fault.TALKS_TO_NOBODY if call is not None:
                return [CallEnded(call=call)]
            case Fault.OFFER_FOR_NOBODY | Fault.NOBODY_WAITS if call is not None:
                return [self._left(call)]
            case Fault.OFFER_UNKNOWN | Fault.STATION_GONE if agent is not None:
                # The offer goes back without blame; a station that is there is back at once.
                gone: list[AcdEvent] = [AgentUnreachable(agent=agent)]
                back = mismatch.fault is Fault.OFFER_UNKNOWN
                return [*gone, AgentReachable(agent=agent)] if back else gone
            case Fault.STATION_BACK if agent is not None:
                return [AgentReachable(agent=agent)]
            case Fault.TALKS_UNSEEN if agent is not None:
                return [AgentBusy(agent=agent)]
            case Fault.BUSY_WITH_NOTHING if agent is not None:
                return [AgentFree(agent=agent)]
            case Fault.WAITS_UNSEEN if call is not None:
                return self._waits_again(call)
            case _:
                return []

    def _stop_ringing(self, call: CallId, agent: AgentId) -> None:
        withdrawn = WithdrawOffer(call=call, agent=agent, why=WithdrawReason.AGENT_LEFT)
        self._control.calls[call].tell(withdrawn)

    def _left(self, call: CallId) -> AcdEvent:
        if call in self._control.calls:
            return CallWithdrawn(call=call, outcome=Outcome.TRANSFERRED_OUT)
        return CallAbandoned(call=call)

    def _waits_again(self, call: CallId) -> list[AcdEvent]:
        life = self._control.calls[call]
        visit = life.call.visit
        for agent in life.call.ringing:
            self._stop_ringing(call, AgentId(agent))
        return [
            CallOffered(
                call=call,
                queue=QueueId(life.call.queue),
                ani=life.call.ani,
                priority=visit.priority if visit is not None else 0,
                waited_s=max(self._control.clock() - visit.entered, 0.0) if visit else 0.0,
            )
        ]


def find_mismatches(
    snapshot: Snapshot, calls: Mapping[CallId, Call], reachable: Callable[[str], bool]
) -> Iterator[list[Mismatch]]:
    """All on which the engine's picture and the calls and lines disagree, piece by piece."""
    for agents in _pieces(snapshot.agents):
        yield [one for view in agents for one in _of_agent(view, calls, reachable)]
    callers = [(queue.queue, seen) for queue in snapshot.queues for seen in queue.waiting]
    for some_callers in _pieces(callers):
        yield [one for queue, seen in some_callers for one in _of_caller(queue, seen, calls)]
    waiting = {seen.call for _, seen in callers}
    engaged = {view.call for view in snapshot.agents if view.state in (*OFFERED, *TALKING)}
    known = waiting | engaged
    views = {view.agent: view for view in snapshot.agents}
    for some_calls in _pieces(tuple(calls.items())):
        found: list[Mismatch] = []
        for key, call in some_calls:
            found += _of_call(key, call, views, known)
            if key in waiting or call.connected:
                found += _of_ringing(key, call, views)
        yield found


def _pieces(things: Sequence[Thing]) -> Iterator[Sequence[Thing]]:
    return (things[start : start + PIECE] for start in range(0, len(things), PIECE))


def _of_caller(
    queue: QueueId, seen: WaitingCall, calls: Mapping[CallId, Call]
) -> Iterator[Mismatch]:
    call = calls.get(seen.call)
    if (call is None or not call.in_queue) and seen.agent is None:
        yield Mismatch(
            fault=Fault.NOBODY_WAITS,
            call=seen.call,
            since=seen.entered,
            cause=f"engine: waiting in queue {queue}; call: {_phase(call)}",
        )


def _of_agent(
    view: AgentView, calls: Mapping[CallId, Call], reachable: Callable[[str], bool]
) -> Iterator[Mismatch]:
    call = calls.get(view.call) if view.call is not None else None
    his = call is not None and view.agent in call.agents
    fault = None
    if view.state in TALKING and not (his and call is not None and call.connected):
        fault = Fault.TALKS_TO_NOBODY
    elif view.state in OFFERED and (call is None or not call.in_queue):
        # While the two are being joined the call is connected a moment earlier.
        fault = None if his and call is not None and call.connected else Fault.OFFER_FOR_NOBODY
    elif view.state in OFFERED and not his:
        fault = Fault.OFFER_UNKNOWN
    elif view.state is AgentState.BUSY and not any(
        (one.connected and one.agent == view.agent) or view.agent in one.engaged
        for one in calls.values()
    ):
        fault = Fault.BUSY_WITH_NOTHING
    elif view.state is AgentState.READY and not reachable(view.station):
        fault = Fault.STATION_GONE
    elif view.state is AgentState.UNREACHABLE and reachable(view.station):
        fault = Fault.STATION_BACK
    if fault is not None:
        yield Mismatch(
            fault=fault,
            agent=view.agent,
            call=view.call,
            since=view.since,
            cause=f"engine: {view.state} at {view.station or 'no station'}; call: {_phase(call)}",
        )


def _of_call(
    key: CallId, call: Call, views: Mapping[AgentId, AgentView], known: Collection[CallId | None]
) -> Iterator[Mismatch]:
    if call.in_queue and key not in known:
        yield Mismatch(
            fault=Fault.WAITS_UNSEEN,
            call=key,
            since=call.since,
            cause=f"engine: unknown; call: {_phase(call)}",
        )
    view = views.get(AgentId(call.agent)) if call.connected else None
    if view is not None and view.state in (AgentState.READY, AgentState.PAUSED):
        yield Mismatch(
            fault=Fault.TALKS_UNSEEN,
            agent=view.agent,
            call=key,
            since=view.since,
            cause=f"engine: {view.state}; call: {_phase(call)}",
        )


def _of_ringing(key: CallId, call: Call, views: Mapping[AgentId, AgentView]) -> Iterator[Mismatch]:
    for agent in call.ringing:
        view = views.get(AgentId(agent))
        if view is None or view.call != key:
            yield Mismatch(
                fault=Fault.RINGS_UNSEEN,
                agent=AgentId(agent),
                call=key,
                since=call.since,
                cause=f"engine: {'unknown' if view is None else view.state}; call: {_phase(call)}",
            )


def _phase(call: Call | None) -> str:
    if call is None:
        return "none"
    return f"{call.phase} with agents {', '.join(map(str, call.agents)) or 'none'}"
