"""All agents: who is configured, where they sit, and every change of state."""

from collections.abc import Iterable, Mapping
from math import inf
from typing import Final, cast

import msgspec

from acd_core.agent import (
    TABLE,
    AgentConfig,
    AgentState,
    AgentStep,
    Medium,
    PauseReason,
    Rest,
    check_agent,
    follow,
)
from acd_core.commands import AcdCommand, AgentStateChanged
from acd_core.eligibility.capacity import Beside, load_of, room
from acd_core.eligibility.marks import levels, order, places
from acd_core.errors import IllegalTransition, StationTaken, UnknownAgent
from acd_core.floor.contact import Contact
from acd_core.floor.records import NUMBERS, AgentRecord
from acd_core.ids import AgentId, QueueId, SkillId, TierId
from acd_core.stats.occupancy import LOADS, advance, rank
from cython_ext.acd import Deadlines, Matcher

_ABSENT: Final = frozenset({AgentState.LOGGED_OUT, AgentState.UNREACHABLE})
_AWAY: Final = frozenset({AgentState.LOGGED_OUT, AgentState.UNREACHABLE, AgentState.PAUSED})
# Members by names of their own: Python 3.11 finds Kind.MEMBER ten times as slowly.
_REST_AFTER_CALL: Final = Rest.AFTER_CALL
_REST_REST: Final = Rest.REST
_REST_SAME: Final = Rest.SAME
_RESTING: Final = frozenset(
    {AgentState.READY, AgentState.BUSY, AgentState.PAUSED, AgentState.UNREACHABLE}
)
_STEP_FREE: Final = AgentStep.FREE
_STEP_JOIN: Final = AgentStep.JOIN
_STATE_LOGGED_OUT: Final = AgentState.LOGGED_OUT
_STATE_PAUSED: Final = AgentState.PAUSED
_STATE_READY: Final = AgentState.READY
_STATE_WRAP_UP: Final = AgentState.WRAP_UP


class Roster:
    """Keeps agents and the matcher's view of them in step."""

    def __init__(self, matcher: Matcher, out: list[AcdCommand]) -> None:
        self.agents: dict[AgentId, AgentRecord] = {}
        self.deadlines = Deadlines()
        """By the agent's handle: end of an offer, of a wrap-up, or of a rest."""
        self.closings = Deadlines()
        """By the agent's handle: end of the after-work of a contact beside others."""
        self.freed: list[AgentRecord] = []
        """Became ready during the present event."""
        self.fewer = False
        """Somebody left, paused or lost skills during the present event."""
        self.ranked = False
        self.sharing: dict[int, AgentRecord] = {}
        """By handle: agents with contacts beside each other, who work though they are ready."""
        self.watched = _AWAY
        """States in which queues miss somebody."""
        self.staff_changed = False
        """Somebody came or went, or has other skills, during the present event."""
        self.lenders = 0
        """How many agents have skills in reserve."""
        self.bound = 0
        """How many agents serve only some queues."""
        self.bound_to: dict[QueueId, int] = {}
        """How many of them serve a queue."""
        self._by_handle: dict[int, AgentRecord] = {}
        self._tiers: dict[AgentId, frozenset[TierId]] = {}
        self._stations: dict[str, AgentId] = {}
        self._matcher = matcher
        self._out = out

    def find(self, agent: AgentId) -> AgentRecord:
        """Return an agent; raise UnknownAgent."""
        record = self.agents.get(agent)
        if record is None:
            raise UnknownAgent(f"agent {agent} is not configured")
        return record

    def by_handle(self, handle: int) -> AgentRecord:
        """Return the agent whom the matcher means."""
        return self._by_handle[handle]

    def configure(self, config: AgentConfig, version: int, now: float) -> AgentRecord:
        """Add or replace an agent."""
        check_agent(config)
        record = self.agents.get(config.agent)
        space = room(config, record.beside if record is not None else None)
        profile = self._profile(config, space)
        if record is None:
            handle = self._matcher.add_agent(config.agent, profile)
            record = AgentRecord(config, version, handle, now)
            record.profile, record.room = profile, space
            if self.ranked:
                self._rank(record, now)
            self.agents[config.agent] = record
            self._by_handle[handle] = record
        else:
            self._count(record.config, -1)
            record.config, record.version, record.profile = config, version, profile
            self._matcher.set_profile(record.handle, profile)
            if space != record.room:
                record.room = space
                self._rest_again(record, now)
            self.fewer = self.staff_changed = True
        self._count(config, 1)
        if record.state is _STATE_READY:
            self.freed.append(record)
        return record

    def _count(self, config: AgentConfig, by: int) -> None:
        self.lenders += by * bool(config.reserve)
        if config.only_queues:
            self.bound += by
            for queue in config.queues:
                self.bound_to[queue] = self.bound_to.get(queue, 0) + by

    def change_skills(
        self, agent: AgentId, skills: Mapping[SkillId, int], version: int, now: float
    ) -> None:
        """Replace an agent's skills."""
        changed = msgspec.structs.replace(self.find(agent).config, skills=dict(skills))
        self.configure(changed, version, now)

    def _profile(self, config: AgentConfig, space: frozenset[Medium]) -> int:
        return self._matcher.profile(
            levels(config, space, self._tiers.get(config.agent, ())),
            order=order(config),
            only=config.only_queues,
        )

    def set_tier(self, tier: TierId, agents: frozenset[AgentId]) -> None:
        """Say who a tier's own agents are, whether or not they are configured yet."""
        before = {agent for agent, tiers in self._tiers.items() if tier in tiers}
        for agent in sorted(before ^ agents):
            tiers = self._tiers.get(agent, frozenset()) ^ {tier}
            if tiers:
                self._tiers[agent] = tiers
            else:
                del self._tiers[agent]
            record = self.agents.get(agent)
            if record is not None:
                self._see(record)
        self.fewer = self.fewer or before != agents

    def _see(self, record: AgentRecord) -> None:
        """Bring the matcher's view of what an agent can take up to date."""
        record.room = room(record.config, record.beside)
        profile = self._profile(record.config, record.room)
        if profile == record.profile:
            return
        record.profile = profile
        self._matcher.set_profile(record.handle, profile)
        if record.state is _STATE_READY:
            self.freed.append(record)

    def take_beside(self, record: AgentRecord, contact: Contact, now: float) -> None:
        """Give an agent a contact that he accepted and that goes beside others."""
        record.contact = None
        if record.beside is None:
            record.beside = Beside()
        record.beside.open[contact.call] = contact
        self.sharing[record.handle] = record
        self._see(record)
        self.step(record, _STEP_JOIN, now)

    def end_beside(self, record: AgentRecord, contact: Contact, now: float) -> None:
        """A contact beside others is over; its after-work may keep the room taken."""
        beside = record.beside
        assert beside is not None  # it holds the contact
        del beside.open[contact.call]
        seconds = contact.queue.config.wrap_up_s
        if seconds > 0:
            beside.closing[contact.call] = (now + seconds, contact)
            self._await_closing(record)
        else:
            self._learn(record, contact, now)
        self._give_room(record, now)

    def finish_beside(self, record: AgentRecord, now: float, *, all_of_it: bool = False) -> None:
        """End the after-work that is due, or all, of contacts that were beside others."""
        if record.beside is None:
            return
        for contact in record.beside.done(inf if all_of_it else now):
            self._learn(record, contact, now)
        self._await_closing(record)
        self._give_room(record, now)

    def _learn(self, record: AgentRecord, contact: Contact, now: float) -> None:
        """Beside each other, each contact takes only its part of an agent's time."""
        share = max(places(record.config, contact.medium), 1)
        contact.queue.estimates.aht.add((now - contact.answered) / share)

    def _await_closing(self, record: AgentRecord) -> None:
        due = record.beside.due() if record.beside is not None else None
        if due is None:
            self.closings.cancel(record.handle)
        else:
            self.closings.set(record.handle, due)

    def _give_room(self, record: AgentRecord, now: float) -> None:
        """Less is beside each other: an agent who was ready stands behind again."""
        was_ready = record.state is _STATE_READY
        if record.beside is None or not record.beside.used:
            self.sharing.pop(record.handle, None)
        self._see(record)
        self._rest_again(record, now)
        if was_ready and record.state is _STATE_READY:
            # His load may be another one, though his state is not.
            record.occupancy = self.occupancy(record, now)
            record.load = LOADS[_STATE_READY]
            if record.beside is not None:
                record.load = load_of(_STATE_READY, record.beside)
            record.loaded = record.idle_since = now
            if self.ranked:
                self._rank(record, now)
            self._matcher.set_state(record.handle, NUMBERS[_STATE_READY], now)

    def _rest_again(self, record: AgentRecord, now: float) -> None:
        if record.state in _RESTING:
            self.step(record, _STEP_FREE, now)

    def remove(self, agent: AgentId) -> None:
        """Forget an agent who is logged out."""
        record = self.find(agent)
        if record.state is not _STATE_LOGGED_OUT:
            raise IllegalTransition(record.state, "AgentRemoved", f"agent {agent}")
        self._count(record.config, -1)
        self._matcher.drop_agent(record.handle)
        del self._by_handle[record.handle]
        del self.agents[agent]

    def log_in(self, agent: AgentId, station: str, now: float) -> None:
        """Seat an agent at a station, paused."""
        record = self.find(agent)
        follow(record.state, AgentStep.LOG_IN)
        taken = self._stations.get(station)
        if taken is not None:
            raise StationTaken(f"agent {taken} sits at station {station}")
        self._stations[station] = agent
        record.station, record.handled = station, 0
        record.leaving, record.reachable, record.busy = False, True, False
        record.pause, record.pause_until, record.misses = PauseReason.LOGIN.value, None, 0
        self.step(record, AgentStep.LOG_IN, now)

    def step(
        self,
        record: AgentRecord,
        step: AgentStep,
        now: float,
        *,
        until: float | None = None,
        keep_idle: bool = False,
    ) -> None:
        """Take a step of the table.

        ``keep_idle`` lets an agent who becomes ready keep his place among the idle ones: it
        was not his doing that the offer came to nothing.
        """
        try:
            target = TABLE[record.state, step]
        except KeyError:
            raise IllegalTransition(record.state, step) from None
        if target is _REST_SAME:
            return
        if target is _REST_AFTER_CALL:
            target, until = self._after_call(record, now)
        elif target is _REST_REST:
            target = record.rest(now)
        # The table holds states beside these three.
        self.enter(record, cast(AgentState, target), now, until=until, keep_idle=keep_idle)

    def enter(
        self,
        record: AgentRecord,
        state: AgentState,
        now: float,
        *,
        until: float | None = None,
        keep_idle: bool = False,
    ) -> None:
        """Put an agent into a state and tell of it, unless he is in it already."""
        reason = record.pause if state is _STATE_PAUSED else ""
        if state is _STATE_PAUSED:
            until = record.pause_until
        if state is record.state and reason == record.reason and until == record.until:
            return
        load = LOADS[state] if record.beside is None else load_of(state, record.beside)
        if load is not record.load:
            record.occupancy = self.occupancy(record, now)
            record.load, record.loaded = load, now
        if state in _ABSENT or record.state in _ABSENT:
            self.staff_changed = True
        record.state, record.since, record.reason = state, now, reason
        if record.wrapping is not None and state is not _STATE_WRAP_UP:
            contact, record.wrapping = record.wrapping, None
            contact.queue.estimates.aht.add(now - contact.answered)
        if state is _STATE_READY:
            if not keep_idle:
                record.idle_since = now
            self.freed.append(record)
            if self.ranked:
                self._rank(record, now)
            self._matcher.set_state(record.handle, NUMBERS[state], record.idle_since)
        else:
            self._matcher.set_state(record.handle, NUMBERS[state], now)
        self._wait_until(record, until)
        self.fewer = self.fewer or state in self.watched
        if state is _STATE_LOGGED_OUT:
            del self._stations[record.station]
            record.station = ""
            if record.beside is not None:
                self._drop_beside(record, now)
        self._tell(record)

    def _drop_beside(self, record: AgentRecord, now: float) -> None:
        """He left: nobody waits for the end of his after-work."""
        assert record.beside is not None  # the caller asked
        for contact in record.beside.done(inf):
            self._learn(record, contact, now)
        record.beside = None
        self.sharing.pop(record.handle, None)
        self._await_closing(record)
        self._see(record)

    def watch(self, states: Iterable[AgentState]) -> None:
        """Notice when agents enter these states, besides those in which they are away."""
        self.watched = _AWAY.union(states)

    def begin_day(self, now: float) -> None:
        """Let counts of the day start again."""
        for record in self.agents.values():
            record.handled = 0
        if self.ranked:
            self.rank_all(now)

    def rank_all(self, now: float) -> None:
        """Keep the matcher's ranks from now on: some rule goes by what agents did."""
        self.ranked = True
        for record in self.agents.values():
            self._rank(record, now)

    def rank_sharing(self, now: float) -> None:
        """Rank those anew whose share of work rises while they can be chosen."""
        for record in self.sharing.values():
            self._rank(record, now)

    def occupancy(self, record: AgentRecord, now: float) -> float:
        """Share of the time at work that went into calls, up to now."""
        return advance(record.occupancy, record.load, now - record.loaded)

    def _rank(self, record: AgentRecord, now: float) -> None:
        share = self.occupancy(record, now)
        self._matcher.set_ranks(record.handle, rank(share, now), record.handled)

    def set_deadline(self, record: AgentRecord, until: float) -> None:
        """Give an agent's reservation another deadline."""
        self._wait_until(record, until)

    def _wait_until(self, record: AgentRecord, until: float | None) -> None:
        record.until = until
        if until is None:
            self.deadlines.cancel(record.handle)
        else:
            self.deadlines.set(record.handle, until)

    def _after_call(
        self, record: AgentRecord, now: float
    ) -> tuple[AgentState | Rest, float | None]:
        wrapping = record.wrapping
        seconds = wrapping.queue.config.wrap_up_s if wrapping is not None else 0.0
        if seconds > 0:
            return _STATE_WRAP_UP, now + seconds
        return record.rest(now), None

    def _tell(self, record: AgentRecord) -> None:
        contact: Contact | None = record.contact or record.wrapping
        self._out.append(
            AgentStateChanged(
                agent=record.agent,
                state=record.state,
                since=record.since,
                reason=record.reason,
                call=contact.call if contact else None,
                queue=contact.queue.number if contact else None,
                until=record.until,
            )
        )
