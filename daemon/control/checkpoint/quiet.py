"""One journal record that replaces all before it, so that a journal need not grow for ever.

Written at the first moment of a night when nothing is in progress: then the state is who sits where and what is
configured. The record is a list of ordinary journal records; reading back takes them as
such, so there is one way to recover and not two.
"""

import asyncio
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Final

import msgspec
import structlog

from acd_core.agent import AgentConfig, AgentState, PauseReason
from acd_core.call_queue import CallerTier, QueueConfig
from acd_core.events import (
    AcdEvent,
    AgentConfigured,
    AgentLoggedIn,
    AgentPaused,
    AgentReady,
    AgentUnreachable,
    QueueConfigured,
    TierConfigured,
    encode,
)
from acd_core.snapshot import AgentView, Snapshot
from daemon.control.acd_runner import JOURNAL_KIND as ACD_KIND
from daemon.control.journaled.rows import JOURNAL_KIND as ROW_KIND
from daemon.control.journaled.rows import encode_row
from daemon.errors import JournalError
from daemon.store.rows import HistoryRow

log = structlog.get_logger()

NIGHT_S: Final = 6 * 3600.0  # s after midnight in which a quiet moment is waited for
"""Later than that, what is counted since midnight (calls of each agent, shares) is worth more."""
LOOK_S: Final = 2.0  # s between two looks
RESTING: Final = (
    AgentState.LOGGED_OUT,
    AgentState.READY,
    AgentState.PAUSED,
    AgentState.UNREACHABLE,
)


class Inner(msgspec.Struct, frozen=True, array_like=True):
    """One record inside a checkpoint."""

    kind: str
    payload: bytes
    at: float


_encoder = msgspec.msgpack.Encoder()
_decoder = msgspec.msgpack.Decoder(tuple[Inner, ...])


def is_quiet(snapshot: Snapshot) -> bool:
    """Whether a checkpoint says everything: nobody waits or is to be called, all agents rest."""
    return all(_rests(agent) for agent in snapshot.agents) and not any(
        queue.waiting or queue.callbacks for queue in snapshot.queues
    )


async def at_a_quiet_moment(
    write: Callable[[], bool],
    clock: Callable[[], float],
    *,
    patience_s: float = NIGHT_S,
    look_s: float = LOOK_S,
) -> bool:
    """Try ``write`` until it says that it wrote, at least once; False when time ran out.

    A disk that is full for an hour is a moment that is not quiet.
    """
    give_up = clock() + patience_s
    while not _wrote(write):
        if clock() >= give_up:
            log.warning("no quiet moment tonight, older files of the journal stay")
            return False
        await asyncio.sleep(look_s)
    log.info("journal begins anew")
    return True


def _wrote(write: Callable[[], bool]) -> bool:
    try:
        return write()
    except JournalError as error:
        log.warning("journal does not begin anew yet", why=str(error))
        return False


def _rests(agent: AgentView) -> bool:
    """Whether an agent has nothing and waits for nothing, chats and their after-work included."""
    return agent.state in RESTING and agent.until is None and not agent.contacts


def make_checkpoint(
    snapshot: Snapshot,
    *,
    queues: Iterable[QueueConfig],
    agents: Iterable[AgentConfig],
    version: int,
    rows: Iterable[HistoryRow],
    tiers: Iterable[CallerTier] = (),
    drivers: Mapping[str, Sequence[tuple[str, bytes]]],
) -> bytes:
    """Write down a quiet floor; ``drivers`` maps a journal kind's prefix to its records."""
    views = {view.agent: view for view in snapshot.agents}
    begin = min((view.since for view in snapshot.agents), default=snapshot.at)
    events: list[tuple[AcdEvent, float]] = [
        (QueueConfigured(config=config, version=version), begin) for config in queues
    ]
    for config in agents:
        view = views.get(config.agent)
        away = view is None or view.state is AgentState.LOGGED_OUT
        at = view.since if view is not None and away else begin
        events.append((AgentConfigured(config=config, version=version), at))
        if view is not None and not away:
            events += [(event, view.since) for event in _seat(view)]
    events += [(TierConfigured(config=tier, version=version), snapshot.at) for tier in tiers]
    # Time runs forward in a journal; who became ready first is first again.
    events.sort(key=lambda event: event[1])
    records = [Inner(ACD_KIND, encode(event), at) for event, at in events]
    records += [Inner(ROW_KIND, encode_row(row), snapshot.at) for row in rows]
    records += [
        Inner(prefix + kind, payload, snapshot.at)
        for prefix, inner in drivers.items()
        for kind, payload in inner
    ]
    return _encoder.encode(records)


def read_checkpoint(payload: bytes) -> tuple[Inner, ...]:
    """The records inside; msgspec.DecodeError on anything else."""
    return _decoder.decode(payload)


def _seat(view: AgentView) -> list[AcdEvent]:
    """What brings an agent to the state that he is in."""
    events: list[AcdEvent] = [AgentLoggedIn(agent=view.agent, station=view.station)]
    if view.state is AgentState.READY:
        events.append(AgentReady(agent=view.agent))
    elif view.state is AgentState.PAUSED and view.reason != PauseReason.LOGIN:
        events.append(AgentPaused(agent=view.agent, reason=view.reason))
    elif view.state is AgentState.UNREACHABLE:
        events.append(AgentUnreachable(agent=view.agent))
    return events
