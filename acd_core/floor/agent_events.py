"""What is told of agents: they come, pause, leave, and finish their after-call work."""

from collections.abc import Callable
from typing import Any, Final

from acd_core import events as told
from acd_core.agent import AgentState, AgentStep, Rest, follow
from acd_core.commands import WithdrawReason as Why
from acd_core.errors import AcdError
from acd_core.floor.lines import Lines
from acd_core.floor.offers import Offers
from acd_core.floor.records import AgentRecord
from acd_core.floor.roster import Roster

# Members by names of their own: Python 3.11 finds Kind.MEMBER ten times as slowly.
_OFFERED: Final = frozenset({AgentState.RESERVED, AgentState.RINGING})
_REST_SAME: Final = Rest.SAME
_STATE_WRAP_UP: Final = AgentState.WRAP_UP
_STEP_FINISH: Final = AgentStep.FINISH
_STEP_FREE: Final = AgentStep.FREE
_STEP_GET_READY: Final = AgentStep.GET_READY
_STEP_LOG_OUT: Final = AgentStep.LOG_OUT
_STEP_LOSE_STATION: Final = AgentStep.LOSE_STATION
_STEP_PAUSE: Final = AgentStep.PAUSE
_STEP_REGAIN_STATION: Final = AgentStep.REGAIN_STATION
_STEP_SEIZE: Final = AgentStep.SEIZE


class AgentEvents:
    """Handles every event about one agent."""

    def __init__(self, roster: Roster, lines: Lines, offers: Offers) -> None:
        self._roster = roster
        self._lines = lines
        self._offers = offers

    def handlers(self) -> dict[type[Any], Callable[[Any, float], None]]:
        """Which event goes where."""
        return {
            told.AgentConfigured: self._agent_configured,
            told.AgentRemoved: self._agent_removed,
            told.SkillsChanged: self._skills_changed,
            told.AgentLoggedIn: self._agent_logged_in,
            told.AgentLoggedOut: self._agent_logged_out,
            told.AgentReady: self._agent_ready,
            told.AgentPaused: self._agent_paused,
            told.AgentUnreachable: self._agent_unreachable,
            told.AgentReachable: self._agent_reachable,
            told.AgentBusy: self._agent_busy,
            told.AgentFree: self._agent_free,
            told.WrapUpEnded: self._wrap_up_ended,
        }

    def _agent_configured(self, event: told.AgentConfigured, now: float) -> None:
        self._roster.configure(event.config, event.version, now)
        self._lines.give_lines(event.config.queues)
        if event.config.capacity:
            self._lines.demands.mixed = True

    def _agent_removed(self, event: told.AgentRemoved, now: float) -> None:
        record = self._roster.find(event.agent)
        self._roster.remove(event.agent)
        for contact in list(self._lines.holding.get(record.handle, ())):
            self._lines.stop_waiting_for(contact)

    def _skills_changed(self, event: told.SkillsChanged, now: float) -> None:
        self._roster.change_skills(event.agent, event.skills, event.version, now)

    def _agent_logged_in(self, event: told.AgentLoggedIn, now: float) -> None:
        self._roster.log_in(event.agent, event.station, now)

    def _agent_logged_out(self, event: told.AgentLoggedOut, now: float) -> None:
        record = self._checked(event, _STEP_LOG_OUT)
        record.leaving = True
        self._circumstance(record, _STEP_LOG_OUT, now)

    def _agent_ready(self, event: told.AgentReady, now: float) -> None:
        record = self._checked(event, _STEP_GET_READY)
        record.leaving, record.pause, record.pause_until, record.misses = False, "", None, 0
        self._circumstance(record, _STEP_GET_READY, now)

    def _agent_paused(self, event: told.AgentPaused, now: float) -> None:
        if not event.reason:
            raise AcdError(f"agent {event.agent}: a pause needs a reason")
        record = self._checked(event, _STEP_PAUSE)
        record.pause, record.pause_until = event.reason, None
        self._circumstance(record, _STEP_PAUSE, now)

    def _agent_unreachable(self, event: told.AgentUnreachable, now: float) -> None:
        record = self._checked(event, _STEP_LOSE_STATION)
        record.reachable = False
        self._circumstance(record, _STEP_LOSE_STATION, now)

    def _agent_reachable(self, event: told.AgentReachable, now: float) -> None:
        record = self._checked(event, _STEP_REGAIN_STATION)
        record.reachable = True
        self._circumstance(record, _STEP_REGAIN_STATION, now)

    def _agent_busy(self, event: told.AgentBusy, now: float) -> None:
        record = self._checked(event, _STEP_SEIZE)
        record.busy = True
        self._circumstance(record, _STEP_SEIZE, now)

    def _agent_free(self, event: told.AgentFree, now: float) -> None:
        record = self._checked(event, _STEP_FREE)
        record.busy = False
        self._circumstance(record, _STEP_FREE, now)

    def _wrap_up_ended(self, event: told.WrapUpEnded, now: float) -> None:
        record = self._roster.find(event.agent)
        beside = record.beside
        if record.state is not _STATE_WRAP_UP and beside is not None and beside.closing:
            self._roster.finish_beside(record, now, all_of_it=True)
        else:
            self._roster.step(record, _STEP_FINISH, now)

    def _checked(self, event: Any, step: AgentStep) -> AgentRecord:
        """Find the agent of an event, or raise before anything has changed."""
        record = self._roster.find(event.agent)
        follow(record.state, step)
        return record

    def _circumstance(self, record: AgentRecord, step: AgentStep, now: float) -> None:
        """Act on a changed circumstance; an offer that is out goes back first."""
        contact = record.contact
        leaves = record.state in _OFFERED and follow(record.state, step) is not _REST_SAME
        if contact is None or not leaves:
            self._roster.step(record, step, now)
            return
        self._offers.withdraw(contact, record, Why.AGENT_LEFT)
        self._roster.step(record, step, now)
        self._offers.go_back_unheard(contact, now)
