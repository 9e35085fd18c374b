"""The agent's part of the facade: seat, state, the offered caller, the own call."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from typing import Final

from acd_core.agent import AgentState
from acd_core.events import (
    AgentLoggedIn,
    AgentLoggedOut,
    AgentPaused,
    AgentReady,
    OfferRejected,
    WrapUpEnded,
)
from acd_core.ids import AgentId, to_text
from acd_core.snapshot import AgentView
from daemon.control.calls.call import Call
from daemon.control.calls.context import (
    HangUpRequest,
    HoldRequest,
    PauseRecordingRequest,
    TransferRequest,
)
from daemon.control.controller import Controller
from daemon.control.facade.directory import AgentInfo
from daemon.control.facade.moves import CallMoves
from daemon.service.errors import ServiceError
from daemon.service.messages import Actor, CallerCard, Desk, PastCall

PastCalls = Callable[[str], Awaitable[tuple[int, Sequence[PastCall]]]]
"""Looks up how often a number called before, and its newest calls."""
PAUSE_PATIENCE_S: Final = 10.0  # twice as long as the link to media waits


class AgentFacade:
    """What agents ask; supervisors act on others through ``agent_of``."""

    def __init__(
        self, controller: Controller, clock: Callable[[], float], past_calls: PastCalls
    ) -> None:
        self._controller = controller
        self._clock = clock
        self._past_calls = past_calls
        self._moves = CallMoves(controller)

    async def my_desk(self, actor: Actor) -> Desk:
        """State, offer and call of the actor, with the caller's card."""
        agent = self.agent_of(actor.login)
        view = self._view(agent)
        call = self._controller.call_of_agent(agent.key) or self._wrapped_up(view)
        card = await self._card(call) if call is not None else None
        talking = view.state in (AgentState.TALKING, AgentState.ON_HOLD, AgentState.WRAP_UP)
        directory = self._controller.directory
        served = [queue for queue in directory.queues if directory.works_in(agent, queue)]
        # Without the callers themselves: many desks ask whenever somebody calls.
        queues = self._controller.acd.engine.queues(self._clock(), 0)
        waiting = {queue.queue: queue.callers for queue in queues}
        recording, recording_since = _recording(call)
        return Desk(
            login=agent.login,
            name=agent.name,
            state=view.state,
            since=view.since,
            reason=view.next_reason or view.reason,
            station=view.station,
            until=view.until or 0.0,
            offer=None if talking else card,
            call=card if talking else None,
            queues=tuple(queue.slug for queue in served),
            waiting=sum(waiting.get(queue.key, 0) for queue in served),  # type: ignore[call-overload]
            answered_today=self._controller.answered_today(agent.key),
            why_idle=_why_idle(view, served=bool(served)),
            recording=recording,
            recording_since=recording_since,
            consultation=self._moves.consultation(call if talking else None),
            guests=tuple(guest.to for guest in call.guests) if call is not None else (),
            parked=self._moves.parked(),
            dialled=self._moves.dialled(agent.key),
        )

    async def agent_log_in(self, actor: Actor, station: str) -> Desk:
        """Take a seat."""
        agent = self.agent_of(actor.login)
        station = station or agent.station
        if not station:
            raise ServiceError(
                "invalid", "Name a station.", "请指定座机。", fields={"station": "missing"}
            )
        if station not in self._controller.stations:
            raise ServiceError(
                "not-found", f"There is no station {station}.", f"没有座机 {station}。"
            )
        seated = self._controller.seats.get(station)
        if seated is not None and seated != agent.key:
            raise ServiceError(
                "conflict",
                f"Somebody else sits at station {station}.",
                f"座机 {station} 已有他人登录。",
            )
        before = self._controller.seats
        self._controller.take_seat(agent.key, station)
        try:
            self._submit(AgentLoggedIn(agent=AgentId(agent.key), station=station))
        except ServiceError:
            self._controller.seats = before
            raise
        self._controller.station_lost(agent.key)
        return await self.my_desk(actor)

    async def agent_log_out(self, actor: Actor) -> Desk:
        """Leave the seat."""
        agent = self.agent_of(actor.login)
        if self._view(agent).call is not None:
            raise _wrong_state("during a call", "通话中")
        self._submit(AgentLoggedOut(agent=AgentId(agent.key)))
        return await self.my_desk(actor)

    async def ready(self, actor: Actor) -> Desk:
        """Be available."""
        self.make_ready(self.agent_of(actor.login))
        return await self.my_desk(actor)

    async def pause(self, actor: Actor, reason: str) -> Desk:
        """Take no calls."""
        self.make_paused(self.agent_of(actor.login), reason)
        return await self.my_desk(actor)

    async def end_wrap_up(self, actor: Actor) -> Desk:
        """Finish the after-call work early."""
        agent = self.agent_of(actor.login)
        self._submit(WrapUpEnded(agent=AgentId(agent.key)))
        return await self.my_desk(actor)

    async def accept(self, actor: Actor) -> Desk:
        """Answering happens at the telephone: say so."""
        agent = self.agent_of(actor.login)
        if self._controller.call_of_agent(agent.key) is None:
            raise _wrong_state("without an offer", "没有来电")
        raise ServiceError(
            "wrong-state",
            "This station is answered at the telephone.",
            "请在电话机上接听。",
        )

    async def reject(self, actor: Actor) -> Desk:
        """Give the offer back to the queue."""
        agent = self.agent_of(actor.login)
        call = self._controller.call_of_agent(agent.key)
        if call is None or call.connected:
            raise _wrong_state("without an offer", "没有来电")
        self._submit(OfferRejected(call=call.id, agent=AgentId(agent.key)))  # type: ignore[arg-type]
        return await self.my_desk(actor)

    async def hold(self, actor: Actor, *, on: bool) -> Desk:
        """Put the caller on hold, or take the call back."""
        call = self._own_call(actor)
        self._controller.request(call.id, HoldRequest(on=on))
        return await self.my_desk(actor)

    async def pause_recording(self, actor: Actor, *, on: bool) -> Desk:
        """Record silence while something secret is said, or the conversation again."""
        call = self._own_call(actor)
        done: asyncio.Future[bool] = asyncio.get_running_loop().create_future()
        if call.recording is None:
            raise _wrong_state("without a recording", "没有录音")
        self._controller.request(call.id, PauseRecordingRequest(on=on, done=done))
        try:
            async with asyncio.timeout(PAUSE_PATIENCE_S):
                obeyed = await done
        except TimeoutError:
            obeyed = False
        if not obeyed:
            raise ServiceError(
                "unavailable",
                "The recording is as it was: do not read out the card number."
                if on
                else "The recording is still paused: try again.",
                "录音状态未变：请勿念出卡号。" if on else "录音仍在暂停：请重试。",
            )
        return await self.my_desk(actor)

    async def transfer(self, actor: Actor, to: str) -> Desk:
        """Connect the caller with a number, a station, or a colleague by login."""
        call = self._own_call(actor)
        target = self._target(to)
        life = self._controller.calls[call.id]
        if not life.onward.possible(target):
            raise ServiceError(
                "conflict",
                f"{to} cannot be reached now.",
                f"目前无法接通 {to}。",
                fields={"to": "unreachable"},
            )
        self._controller.request(call.id, TransferRequest(to=target))
        return await self.my_desk(actor)

    async def consult(self, actor: Actor, to: str) -> Desk:
        """Ask somebody while the caller hears music."""
        call, agent = self._own_call(actor), self.agent_of(actor.login)
        self._moves.consult(call, agent, to, self._target(to))
        return await self.my_desk(actor)

    async def consult_step(self, actor: Actor, step: str) -> Desk:
        """Go to the other one, hand over, join all, or come back."""
        self._moves.step(self._own_call(actor), step)
        return await self.my_desk(actor)

    async def park(self, actor: Actor, slot: str) -> Desk:
        """Let the caller rest in a slot."""
        self._moves.park(self._own_call(actor), self.agent_of(actor.login), slot)
        return await self.my_desk(actor)

    async def dial(self, actor: Actor, to: str) -> Desk:
        """Ring the actor's telephone, then call."""
        agent = self.agent_of(actor.login)
        state = self._view(agent).state
        self._moves.dial(agent, state, to, self._target(to))
        return await self.my_desk(actor)

    def _target(self, to: str) -> str:
        """What is dialled for a colleague's login, or for anything else as it is."""
        colleague = self._controller.directory.agent_by_login(to)
        return to if colleague is None else self._station_of(colleague)

    def _station_of(self, agent: AgentInfo) -> str:
        seats = self._controller.seats.items()
        return next((station for station, seat in seats if seat == agent.key), agent.station)

    async def hang_up(self, actor: Actor) -> Desk:
        """End the actor's own call: with a caller, else the one that he began or was called in."""
        agent = self.agent_of(actor.login).key
        call = self._controller.call_of_agent(agent)
        if call is None or not call.connected:
            call = self._moves.begun_by(agent) or self._own_call(actor)
        self._controller.request(call.id, HangUpRequest(by="agent"))
        return await self.my_desk(actor)

    async def list_stations(self, actor: Actor) -> Sequence[str]:
        """Stations at which the actor may sit."""
        agent = self.agent_of(actor.login)
        taken = {s for s, seat in self._controller.seats.items() if seat != agent.key}
        return sorted(set(self._controller.stations) - taken)

    # -- for the supervisor's part --------------------------------------------------------

    def agent_of(self, login: str) -> AgentInfo:
        """The agent with a login; not-found when the person takes no calls."""
        agent = self._controller.directory.agent_by_login(login)
        if agent is None:
            raise ServiceError("not-found", f"{login} is not an agent.", f"{login} 不是座席。")
        return agent

    def make_ready(self, agent: AgentInfo) -> None:
        """End a pause or a wrap-up."""
        self._submit(AgentReady(agent=AgentId(agent.key)))

    def make_paused(self, agent: AgentInfo, reason: str) -> None:
        """Begin a pause, at once or after the present work."""
        self._submit(AgentPaused(agent=AgentId(agent.key), reason=reason))

    def make_logged_out(self, agent: AgentInfo) -> None:
        """Take an agent off the seat."""
        if self._view(agent).call is not None:
            raise _wrong_state("during a call", "通话中")
        self._submit(AgentLoggedOut(agent=AgentId(agent.key)))

    def _wrapped_up(self, view: AgentView) -> Call | None:
        """The call that an agent has after-call work of."""
        call = self._controller.last_agents.served.get(view.agent)
        wraps_up = view.state is AgentState.WRAP_UP and call is not None and call.id == view.call
        return call if wraps_up else None

    def _own_call(self, actor: Actor) -> Call:
        call = self._controller.call_of_agent(self.agent_of(actor.login).key)
        if call is None or not call.connected:
            raise _wrong_state("without a call", "没有通话")
        return call

    def _submit(
        self,
        event: AgentLoggedIn
        | AgentLoggedOut
        | AgentReady
        | AgentPaused
        | WrapUpEnded
        | OfferRejected,
    ) -> None:
        if not self._controller.acd.submit(event):
            raise _wrong_state("in the present state", "当前状态下")

    def _view(self, agent: AgentInfo) -> AgentView:
        views = self._controller.acd.engine.agents((AgentId(agent.key),))
        if not views:
            raise ServiceError(
                "not-found", f"{agent.login} is not an agent.", f"{agent.login} 不是座席。"
            )
        return views[0]

    async def _card(self, call: Call) -> CallerCard:
        queue = self._controller.directory.queue(call.queue)
        count, history = await self._past_calls(call.ani)
        given = {"ani", "dnis", "name", "language"}
        entered = call.visit.entered if call.visit is not None else call.started
        until = call.answered or self._clock()
        return CallerCard(
            call=to_text(call.id),
            ani=call.ani,
            name=call.name,
            dnis=call.dnis,
            queue=queue.slug if queue is not None else "",
            queue_name=queue.name if queue is not None else "",
            language=call.language,
            priority=call.visit.priority if call.visit is not None else 0,
            waited_s=max(until - entered, 0.0),
            path=tuple(call.path),
            answers={k: v for k, v in call.data.items() if k not in given and v},
            history_count=count,
            history=tuple(history),
        )


_SAYING_WHY: Final = (
    AgentState.PAUSED,
    AgentState.LOGGED_OUT,
    AgentState.UNREACHABLE,
    AgentState.BUSY,
)


def _why_idle(view: AgentView, *, served: bool) -> str:
    if view.state is AgentState.READY:
        return "no-callers" if served else "no-queue"
    if view.state in _SAYING_WHY:
        return str(view.state).replace("_", "-")
    return ""


def _recording(call: Call | None) -> tuple[str, float]:
    if call is None or call.recording is None or not call.connected:
        return "", 0.0
    paused = call.recording.paused
    return ("paused", paused) if paused else ("on", call.recording.started)


def _wrong_state(en: str, zh: str) -> ServiceError:
    return ServiceError("wrong-state", f"Not possible {en}.", f"{zh}无法执行。")
