"""The facade in this process: rights first, then the part that does it, then the audit."""

import contextlib
from collections.abc import AsyncIterator, Callable, Sequence

import structlog

from daemon.control.controller import Controller
from daemon.control.facade.accounts import Accounts
from daemon.control.facade.agents import AgentFacade
from daemon.control.facade.audit_log import AuditLog
from daemon.control.facade.flow_settings import FlowSettings
from daemon.control.facade.history import HistoryFacade
from daemon.control.facade.live.picture import LivePicture
from daemon.control.facade.settings.administration import Administration
from daemon.control.facade.settings.requests import AdministratorRequests
from daemon.control.facade.sight.facade import SightFacade
from daemon.control.facade.supervision import SupervisorFacade
from daemon.control.faxes.requests import FaxRequests
from daemon.service.errors import ServiceError
from daemon.service.figures import Figures
from daemon.service.live import LiveState, LiveUpdate
from daemon.service.messages import (
    Actor,
    ApiToken,
    Applied,
    AudioPiece,
    BanRow,
    CaptureWish,
    Decision,
    Desk,
    Draining,
    Grant,
    LadderRow,
    RecordsCheck,
    Session,
    SystemStatus,
    Text,
)

log = structlog.get_logger()

ADMINISTRATOR = ("administrator",)
SUPERVISOR = ("supervisor", "administrator")
WIRE = ("technician", "administrator")
STAFF = ("agent", "supervisor", "administrator", "technician")


class LocalService(AdministratorRequests, FaxRequests):
    """``Service`` on top of the controller; the socket server wraps it."""

    def __init__(
        self,
        *,
        clock: Callable[[], float],
        controller: Controller,
        audit: AuditLog,
        accounts: Accounts,
        agents: AgentFacade,
        supervision: SupervisorFacade,
        administration: Administration,
        history: HistoryFacade,
        flows: FlowSettings,
        picture: LivePicture,
        sight: SightFacade,
    ) -> None:
        AdministratorRequests.__init__(self, accounts, audit, administration, flows)
        FaxRequests.__init__(self, controller, accounts, audit)
        self._clock = clock
        self._agents = agents
        self._supervision = supervision
        self._history = history
        self._picture = picture
        self._sight = sight

    # -- everybody ------------------------------------------------------------------------

    async def log_in(self, login: str, password: str, address: str) -> Grant:
        """Check a password and open a web session."""
        return await self._accounts.log_in(login, password, address)

    async def session(self, secret: str) -> Session:
        """The person behind a session's secret."""
        return await self._accounts.session(secret)

    async def token_session(self, secret: str) -> Session:
        """The person behind an API token."""
        return await self._accounts.token_session(secret)

    async def log_out(self, secret: str) -> None:
        """End a web session."""
        await self._accounts.log_out(secret)

    async def change_password(self, actor: Actor, old: str, new: str) -> None:
        """Change one's own password."""
        await self._accounts.change_password(actor, old, new)

    async def set_language(self, actor: Actor, language: str) -> None:
        """Remember the language of a person's pages."""
        await self._accounts.set_language(actor, language)

    async def create_token(self, actor: Actor, slug: str, valid_s: float) -> Grant:
        """Make an API token with the actor's roles."""
        self._accounts.require(actor, *STAFF)
        return await self._accounts.create_token(actor, slug, valid_s)

    async def list_tokens(self, actor: Actor) -> Sequence[ApiToken]:
        """The actor's tokens."""
        return await self._accounts.list_tokens(actor)

    async def revoke_token(self, actor: Actor, slug: str) -> None:
        """Make a token worthless at once."""
        await self._accounts.revoke_token(actor, slug)

    async def ping(self) -> float:
        """The hotline's clock now."""
        return self._clock()

    async def live(self) -> LiveState:
        """The live picture now."""
        return await self._picture.state()

    def subscribe(self, after_seq: int) -> AsyncIterator[LiveUpdate]:
        """Changes after a number."""
        return self._picture.subscribe(after_seq)

    # -- agents ---------------------------------------------------------------------------

    def _as_agent(self, actor: Actor, action: str = "", subject: str = "") -> None:
        self._accounts.require(actor, "agent")
        if action:
            self._audit.note(actor, action, subject)

    async def my_desk(self, actor: Actor) -> Desk:
        """State, offer and call of the actor."""
        self._as_agent(actor)
        return await self._agents.my_desk(actor)

    async def agent_log_in(self, actor: Actor, station: str) -> Desk:
        """Take a seat."""
        self._as_agent(actor, "agent.log-in", station)
        return await self._agents.agent_log_in(actor, station)

    async def agent_log_out(self, actor: Actor) -> Desk:
        """Leave the seat."""
        self._as_agent(actor, "agent.log-out")
        return await self._agents.agent_log_out(actor)

    async def ready(self, actor: Actor) -> Desk:
        """Be available."""
        self._as_agent(actor, "agent.ready")
        return await self._agents.ready(actor)

    async def pause(self, actor: Actor, reason: str) -> Desk:
        """Take no calls."""
        self._as_agent(actor, "agent.pause", reason)
        await self._check_reason(reason)
        return await self._agents.pause(actor, reason)

    async def end_wrap_up(self, actor: Actor) -> Desk:
        """Finish the after-call work early."""
        self._as_agent(actor)
        return await self._agents.end_wrap_up(actor)

    async def accept(self, actor: Actor) -> Desk:
        """Answer the present offer where the station allows it."""
        self._as_agent(actor)
        return await self._agents.accept(actor)

    async def reject(self, actor: Actor) -> Desk:
        """Give the offer back to the queue."""
        self._as_agent(actor, "agent.reject")
        return await self._agents.reject(actor)

    async def hold(self, actor: Actor, *, on: bool) -> Desk:
        """Put the caller on hold, or take the call back."""
        self._as_agent(actor)
        return await self._agents.hold(actor, on=on)

    async def pause_recording(self, actor: Actor, *, on: bool) -> Desk:
        """Record silence, or the call again."""
        self._as_agent(actor)
        desk = await self._agents.pause_recording(actor, on=on)
        call = desk.call.call if desk.call is not None else ""
        self._audit.note(actor, "recording.pause" if on else "recording.resume", call)
        return desk

    async def transfer(self, actor: Actor, to: str) -> Desk:
        """Connect the caller with somebody else."""
        self._as_agent(actor, "agent.transfer", to)
        return await self._agents.transfer(actor, to)

    async def consult(self, actor: Actor, to: str) -> Desk:
        """Ask somebody while the caller hears music."""
        self._as_agent(actor, "agent.consult", to)
        return await self._agents.consult(actor, to)

    async def consult_step(self, actor: Actor, step: str) -> Desk:
        """Go to the other one, hand over, join all, or come back."""
        self._as_agent(actor, "agent.consult-step", step)
        return await self._agents.consult_step(actor, step)

    async def park(self, actor: Actor, slot: str) -> Desk:
        """Let the caller rest in a slot."""
        self._as_agent(actor, "agent.park", slot)
        return await self._agents.park(actor, slot)

    async def dial(self, actor: Actor, to: str) -> Desk:
        """Ring the actor's telephone, then call."""
        self._as_agent(actor, "agent.dial", to)
        return await self._agents.dial(actor, to)

    async def hang_up(self, actor: Actor) -> Desk:
        """End the actor's own call."""
        self._as_agent(actor, "agent.hang-up")
        return await self._agents.hang_up(actor)

    async def set_disposition(self, actor: Actor, call: str, disposition: str, note: str) -> None:
        """How the call ended, as the agent says."""
        self._as_agent(actor, "call.disposition", call)
        await self._history.set_disposition(actor.login, call, disposition, note)

    async def list_stations(self, actor: Actor) -> Sequence[str]:
        """Stations at which the actor may sit."""
        self._as_agent(actor)
        return await self._agents.list_stations(actor)

    # -- supervisors ----------------------------------------------------------------------

    def _as_supervisor(self, actor: Actor, action: str, subject: str) -> None:
        self._accounts.require(actor, *SUPERVISOR)
        self._audit.note(actor, action, subject)

    async def release_call(self, actor: Actor, call: str) -> None:
        """End any call in progress."""
        self._as_supervisor(actor, "call.release", call)
        await self._supervision.release_call(actor, call)

    async def supervise(self, actor: Actor, call: str, station: str, part: str) -> None:
        """Listen to a conversation, whisper to its agent, or barge in."""
        self._as_supervisor(actor, "call.supervise", f"{call} {part} {station}")
        self._supervision.supervise(actor, call, station, part)

    async def stop_supervising(self, actor: Actor, call: str) -> None:
        """Let the supervisor of a conversation go."""
        self._as_supervisor(actor, "call.supervise-stop", call)
        self._supervision.stop_supervising(call)

    async def why(self, actor: Actor, call: str) -> Sequence[Decision]:
        """Each decision made about a call."""
        self._accounts.require(actor, *STAFF)
        return await self._history.why(call)

    async def why_agent(self, actor: Actor, agent: str) -> Sequence[Text]:
        """Why a person gets no calls."""
        self._accounts.require(actor, *(STAFF if agent == actor.login else SUPERVISOR))
        return self._supervision.why_agent(agent)

    async def set_agent_ready(self, actor: Actor, agent: str) -> None:
        """End another person's pause."""
        self._as_supervisor(actor, "agent.ready", agent)
        await self._supervision.set_agent_ready(actor, agent)

    async def set_agent_paused(self, actor: Actor, agent: str, reason: str) -> None:
        """Pause another person."""
        self._as_supervisor(actor, "agent.pause", f"{agent} {reason}")
        await self._check_reason(reason)
        await self._supervision.set_agent_paused(actor, agent, reason)

    async def set_agent_logged_out(self, actor: Actor, agent: str) -> None:
        """Take a person off the seat."""
        self._as_supervisor(actor, "agent.log-out", agent)
        await self._supervision.set_agent_logged_out(actor, agent)

    async def set_queue_unattended(self, actor: Actor, queue: str, *, unattended: bool) -> Applied:
        """Let no caller into a queue, or let them in again."""
        action = "queue.unattended" if unattended else "queue.attended"
        self._as_supervisor(actor, action, queue)
        return await self._administration.set_unattended(actor, queue, unattended=unattended)

    async def listen(
        self, actor: Actor, call: str, *, rate: int = 8000
    ) -> AsyncIterator[AudioPiece]:
        """The audio of both sides for an analyser."""
        self._accounts.require(actor, *SUPERVISOR)
        pieces = self._sight.listen(call, rate)  # refuses before it is audited
        self._audit.note(actor, "call.audio", call)
        async with contextlib.aclosing(pieces):
            async for piece in pieces:
                yield piece

    async def cancel_callback(self, actor: Actor, call: str) -> None:
        """Give up the place that is kept for a caller."""
        self._as_supervisor(actor, "callback.cancel", call)
        self._supervision.cancel_callback(call)

    async def recording_played(self, actor: Actor, recording: str) -> None:
        """Somebody listens."""
        self._accounts.require(actor, *STAFF)
        self._audit.note(actor, "recording.play", recording)
        await self._history.recording_played(recording)

    async def hold_recording(self, actor: Actor, recording: str, *, on: bool) -> None:
        """Keep a recording however old it gets, or no longer."""
        self._accounts.require(actor, *ADMINISTRATOR)
        await self._history.hold_recording(recording, on=on)
        self._audit.note(actor, "recording.hold" if on else "recording.release", recording)

    async def check_records(self, actor: Actor) -> RecordsCheck:
        """Compare records, segments and counters."""
        self._accounts.require(actor, *SUPERVISOR)
        return await self._history.check_records()

    async def _check_reason(self, reason: str) -> None:
        if not await self._administration.knows_pause_reason(reason):
            raise ServiceError(
                "invalid",
                "Choose a pause reason.",
                "请选择暂停原因。",
                fields={"reason": "unknown"},
            )

    # -- technicians ----------------------------------------------------------------------

    async def status(self) -> SystemStatus:
        """Processes, drivers and lines now."""
        return await self._supervision.status()

    async def ladder(self, actor: Actor, call: str) -> Sequence[LadderRow]:
        """The messages of one call."""
        self._accounts.require(actor, *WIRE)
        return await self._sight.ladder(call)

    async def capture(self, actor: Actor, wish: CaptureWish) -> AsyncIterator[bytes]:
        """Messages and packets as a file for an analyser."""
        self._accounts.require(actor, *(ADMINISTRATOR if wish.media else WIRE))
        captured = self._sight.capture(actor.login, wish)  # refuses before it is audited
        try:
            what = f"{wish.call or wish.peer} {wish.seconds:.0f} s"
            self._audit.note(actor, "capture.audio" if wish.media else "capture.messages", what)
            async with contextlib.aclosing(captured.blocks) as blocks:
                async for data in blocks:
                    yield data
        finally:
            captured.is_over = True

    async def bans(self, actor: Actor) -> Sequence[BanRow]:
        """Whom drivers do not listen to."""
        self._accounts.require(actor, *WIRE)
        return self._sight.bans()

    async def release_ban(self, actor: Actor, name: str) -> None:
        """Listen to somebody again."""
        self._accounts.require(actor, *WIRE)
        self._audit.note(actor, "ban.release", name)
        self._sight.release_ban(name)

    async def figures(self) -> Figures:
        """Counts for monitoring."""
        return await self._sight.figures()

    async def set_draining(self, actor: Actor, *, on: bool) -> Draining:
        """Take no new calls, or take them again."""
        self._accounts.require(actor, *WIRE)
        self._audit.note(actor, "drain.on" if on else "drain.off", "")
        return self._supervision.set_draining(on=on)

    async def draining(self) -> Draining:
        """Whether new calls are refused, and how many still go on."""
        return self._supervision.draining()
