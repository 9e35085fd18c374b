"""A small hotline in memory that satisfies ``Service``: people, seats, offers and calls.

Calls move only when a test says so (``floor.py``). Passwords, sessions and the live feed are the real ones.
"""

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence

import msgspec

from daemon.service.credentials import (
    LoginLimiter,
    new_secret,
    password_fault,
    secret_hash,
)
from daemon.service.errors import ServiceError, ServiceUnreachableError
from daemon.service.figures import Figures
from daemon.service.live import (
    LiveState,
    LiveUpdate,
)
from daemon.service.messages import (
    Actor,
    ApiToken,
    Applied,
    AudioPiece,
    BanRow,
    CaptureWish,
    Consultation,
    Decision,
    Desk,
    Draining,
    Grant,
    LadderRow,
    ParkedCaller,
    RecordsCheck,
    Session,
    SystemStatus,
    Text,
)
from tests.fakes.fax_desk import FakeFaxes
from tests.fakes.floor import PASSWORDS, sample_figures, sample_reasons, sample_status
from tests.fakes.settings import FakeSettings
from tests.fakes.signalling import sample_ladder

SESSION_S = 8 * 3600.0


class FakeService(FakeSettings, FakeFaxes):
    """The facade over dictionaries; ``audit`` lists what was asked by whom."""

    def __init__(self, clock: Callable[[], float]) -> None:
        FakeSettings.__init__(self, clock)
        FakeFaxes.__init__(self, clock)
        self.sessions: dict[str, tuple[str, float]] = {}
        self.tokens: dict[str, ApiToken] = {}
        self.token_owner: dict[str, str] = {}
        self.stations = ["2001", "2002", "2003"]
        self.audit: list[tuple[str, str, str]] = []
        self.loud_s = 0
        """Seconds of audio that an analyser is given at once, behind the usual."""
        self.all_said = asyncio.Event()
        self.drains = False
        self.banned: list[BanRow] = []
        self.dialled: dict[str, str] = {}
        """Agent -> whom he or she calls without a queue."""
        self.played: list[str] = []
        self.paused_since = 0.0
        self.consulted: dict[str, Consultation] = {}
        self.parked: list[ParkedCaller] = []
        self.away = False
        self.one_time: set[str] = set()
        self._limiter = LoginLimiter()

    # -- accounts ---------------------------------------------------------------------------

    def _session(self, login: str, expires: float = 0.0) -> Session:
        person = self.people[login]
        return Session(
            login=login,
            name=person.name,
            roles=person.roles,
            station=person.station,
            language=person.language,
            expires=expires,
            must_change_password=login in self.one_time,
        )

    async def log_in(self, login: str, password: str, address: str) -> Grant:
        now = self.clock()
        if retry := self._limiter.retry_s(login, address, now):
            raise ServiceError(
                "rate-limited", "Too many attempts.", "尝试次数过多。", retry_s=retry
            )
        if not PASSWORDS.check(self.hashes.get(login), password):
            self._limiter.failed(login, address, now)
            raise ServiceError("wrong-login", "Wrong login or password.", "用户名或密码错误。")
        self._limiter.succeeded(login)
        secret = new_secret()
        self.sessions[secret_hash(secret)] = (login, now + SESSION_S)
        self.audit.append((login, "session.open", address))
        return Grant(secret, self._session(login, now + SESSION_S))

    async def session(self, secret: str) -> Session:
        login, expires = self.sessions.get(secret_hash(secret), ("", 0.0))
        if expires <= self.clock():
            raise ServiceError("signed-out", "Please log in.", "请登录。")
        return self._session(login, expires)

    async def token_session(self, secret: str) -> Session:
        login = self.token_owner.get(secret_hash(secret))
        if login is None:
            raise ServiceError("signed-out", "The token is not valid.", "令牌无效。")
        return self._session(login)

    async def log_out(self, secret: str) -> None:
        self.sessions.pop(secret_hash(secret), None)

    async def change_password(self, actor: Actor, old: str, new: str) -> None:
        if not PASSWORDS.check(self.hashes[actor.login], old):
            raise ServiceError(
                "invalid", "Wrong password.", "密码错误。", fields={"old": "wrong-password"}
            )
        if fault := password_fault(new, actor.login):
            raise ServiceError(
                "invalid", "Unfit password.", "密码不合要求。", fields={"new": fault}
            )
        self.hashes[actor.login] = PASSWORDS.hash(new)
        self.one_time.discard(actor.login)

    async def set_language(self, actor: Actor, language: str) -> None:
        person = self.people[actor.login]
        self.people[actor.login] = msgspec.structs.replace(person, language=language)

    async def create_token(self, actor: Actor, slug: str, valid_s: float) -> Grant:
        secret = new_secret("hf_")
        self.tokens[slug] = ApiToken(slug=slug, owner=actor.login, created=self.clock())
        self.token_owner[secret_hash(secret)] = actor.login
        return Grant(secret, self._session(actor.login))

    async def list_tokens(self, actor: Actor) -> Sequence[ApiToken]:
        return [token for token in self.tokens.values() if token.owner == actor.login]

    async def revoke_token(self, actor: Actor, slug: str) -> None:
        self.tokens.pop(slug, None)
        self.token_owner.clear()

    async def ping(self) -> float:
        if self.away:
            raise ServiceUnreachableError
        return self.clock()

    async def live(self) -> LiveState:
        return self.feed.state()

    def subscribe(self, after_seq: int) -> AsyncIterator[LiveUpdate]:
        return self.feed.subscribe(after_seq)

    # -- agents -----------------------------------------------------------------------------

    async def my_desk(self, actor: Actor) -> Desk:
        self._allow(actor, "agent")
        agent = self.agents[actor.login]
        card = self.cards.get(agent.call)
        return Desk(
            login=agent.login,
            name=agent.name,
            state=agent.state,
            since=agent.since,
            reason=agent.reason,
            station=agent.station,
            until=agent.until,
            offer=card if agent.state == "ringing" else None,
            call=card if agent.state in ("talking", "on_hold", "wrap_up") else None,
            queues=agent.queues,
            waiting=sum(call.state == "waiting" for call in self.calls.values()),
            answered_today=agent.answered_today,
            can_accept=True,
            dialled=self.dialled.get(actor.login, ""),
            why_idle="no-callers" if agent.state == "ready" else agent.state,
            recording=("paused" if self.paused_since else "on")
            if agent.state in ("talking", "on_hold")
            else "",
            recording_since=self.paused_since or agent.since,
            consultation=self.consulted.get(actor.login),
            parked=tuple(self.parked),
        )

    async def _step(self, actor: Actor, allowed: tuple[str, ...], **changed: object) -> Desk:
        self._allow(actor, "agent")
        state = self.agents[actor.login].state
        if state not in allowed:
            raise ServiceError("wrong-state", f"Not possible while {state}.", "当前状态不允许。")
        self._agent(actor.login, **changed)
        self.audit.append(
            (actor.login, str(changed.get("state", "")), str(changed.get("reason", "")))
        )
        return await self.my_desk(actor)

    async def agent_log_in(self, actor: Actor, station: str) -> Desk:
        if station not in self.stations:
            raise ServiceError(
                "not-found",
                f"No station {station}.",
                f"没有话机 {station}。",
                fields={"station": "unknown"},
            )
        if any(a.station == station and a.login != actor.login for a in self.agents.values()):
            raise ServiceError(
                "conflict", "Somebody sits there.", "该座位已有人。", fields={"station": "taken"}
            )
        return await self._step(
            actor, ("logged_out",), state="paused", reason="login", station=station
        )

    async def agent_log_out(self, actor: Actor) -> Desk:
        return await self._step(
            actor, ("ready", "paused", "wrap_up", "unreachable"), state="logged_out", station=""
        )

    async def ready(self, actor: Actor) -> Desk:
        return await self._step(actor, ("paused", "wrap_up"), state="ready")

    async def pause(self, actor: Actor, reason: str) -> Desk:
        if reason not in self.reasons:
            raise ServiceError(
                "invalid", "Unknown reason.", "未知原因。", fields={"reason": "unknown"}
            )
        return await self._step(
            actor, ("ready", "paused", "wrap_up"), state="paused", reason=reason
        )

    async def end_wrap_up(self, actor: Actor) -> Desk:
        return await self._step(actor, ("wrap_up",), state="ready")

    async def accept(self, actor: Actor) -> Desk:
        self.connect(self._own_call(actor, "ringing"))
        return await self.my_desk(actor)

    async def reject(self, actor: Actor) -> Desk:
        self._call(self._own_call(actor, "ringing"), state="waiting", agent="", agent_name="")
        return await self._step(actor, ("ringing",), state="paused", reason="declined")

    async def hold(self, actor: Actor, *, on: bool) -> Desk:
        call = self._own_call(actor, "talking" if on else "on_hold")
        self._call(call, state="on_hold" if on else "talking")
        self._agent(actor.login, state="on_hold" if on else "talking", call=call)
        return await self.my_desk(actor)

    async def pause_recording(self, actor: Actor, *, on: bool) -> Desk:
        self._own_call(actor, "talking", "on_hold")
        self.paused_since = self.clock() if on else 0.0
        self.audit.append((actor.login, "recording.pause" if on else "recording.resume", ""))
        return await self.my_desk(actor)

    async def transfer(self, actor: Actor, to: str) -> Desk:
        call = self._own_call(actor, "talking", "on_hold")
        if not to.isdigit():
            raise ServiceError("conflict", f"{to} cannot be reached now.", f"目前无法接通 {to}。")
        self.audit.append((actor.login, "transfer", to))
        self.end(call)
        return await self.my_desk(actor)

    async def consult(self, actor: Actor, to: str) -> Desk:
        self._own_call(actor, "talking", "on_hold")
        if not to.isdigit():
            raise ServiceError("conflict", f"{to} cannot be reached now.", f"目前无法接通 {to}。")
        self.audit.append((actor.login, "consult", to))
        self.consulted[actor.login] = Consultation(to=to, state="with_target")
        return await self.my_desk(actor)

    async def consult_step(self, actor: Actor, step: str) -> Desk:
        found = self.consulted.get(actor.login)
        if found is None:
            raise ServiceError("wrong-state", "Nobody is being asked.", "没有正在咨询的对象。")
        self.audit.append((actor.login, step, found.to))
        if step == "swap":
            self.consulted[actor.login] = Consultation(to=found.to, state="with_caller")
            return await self.my_desk(actor)
        del self.consulted[actor.login]
        if step == "complete":
            self.end(self._own_call(actor, "talking", "on_hold"))
        return await self.my_desk(actor)

    async def park(self, actor: Actor, slot: str) -> Desk:
        call = self._own_call(actor, "talking", "on_hold")
        self.audit.append((actor.login, "park", slot))
        ani = self.cards[call].ani
        parked = ParkedCaller(slot=slot or "*51", ani=ani, since=self.clock(), by="2001")
        self.parked.append(parked)
        self.end(call)
        return await self.my_desk(actor)

    async def dial(self, actor: Actor, to: str) -> Desk:
        if not to.lstrip("*+").isdigit():
            raise ServiceError("invalid", f"{to} cannot be dialled.", f"{to} 不可拨打。")
        self.audit.append((actor.login, "dial", to))
        if not any(each.slot == to for each in self.parked):
            self.dialled[actor.login] = to
        self.parked = [each for each in self.parked if each.slot != to]
        return await self.my_desk(actor)

    async def hang_up(self, actor: Actor) -> Desk:
        if not self.dialled.pop(actor.login, ""):
            self.end(self._own_call(actor, "talking", "on_hold"))
        return await self.my_desk(actor)

    def _own_call(self, actor: Actor, *states: str) -> str:
        agent = self.agents[actor.login]
        if agent.state not in states:
            raise ServiceError("wrong-state", f"Not while {agent.state}.", "当前状态不允许。")
        return agent.call

    async def set_disposition(self, actor: Actor, call: str, disposition: str, note: str) -> None:
        self.audit.append((actor.login, "disposition", f"{call} {disposition} {note}"))

    async def list_stations(self, actor: Actor) -> Sequence[str]:
        taken = {agent.station for agent in self.agents.values()}
        return [station for station in self.stations if station not in taken]

    # -- supervisor -------------------------------------------------------------------------

    async def release_call(self, actor: Actor, call: str) -> None:
        self._allow(actor, "supervisor", "administrator")
        if call not in self.calls:
            raise ServiceError("not-found", "The call has ended.", "通话已结束。")
        self.end(call)

    async def supervise(self, actor: Actor, call: str, station: str, part: str) -> None:
        self._allow(actor, "supervisor", "administrator")
        if call not in self.calls:
            raise ServiceError("wrong-state", "Nobody talks with this caller now.", "未在通话。")
        if not self.calls[call].supervisor and station not in self.stations:
            raise ServiceError("invalid", "Choose the telephone.", "请选择话机。")
        self.audit.append((actor.login, "supervise", f"{call} {part} {station}"))
        self._call(call, supervisor=actor.login, part=part)

    async def stop_supervising(self, actor: Actor, call: str) -> None:
        self._allow(actor, "supervisor", "administrator")
        if call not in self.calls or not self.calls[call].supervisor:
            raise ServiceError("not-found", "Nobody supervises it.", "没有人在监听。")
        self.audit.append((actor.login, "stop-supervising", call))
        self._call(call, supervisor="", part="")

    async def listen(
        self, actor: Actor, call: str, *, rate: int = 8000
    ) -> AsyncIterator[AudioPiece]:
        self._allow(actor, "supervisor", "administrator")
        if call not in self.calls:
            raise ServiceError("not-found", "Nobody talks with him now.", "未在通话。")
        self.audit.append((actor.login, "call.audio", call))
        for part in range(3):
            yield AudioPiece(side="caller", pcm=bytes([part, 0]) * 800, lost=part * 160)
            yield AudioPiece(side="agent", pcm=bytes([0, part]) * 800)
        for _ in range(self.loud_s):  # a second a turn of the loop, whoever reads
            yield AudioPiece(side="agent", pcm=bytes(16_000))
        self.all_said.set()

    async def why(self, actor: Actor, call: str) -> Sequence[Decision]:
        return sample_reasons(self.clock())

    async def why_agent(self, actor: Actor, agent: str) -> Sequence[Text]:
        self._allow(actor, *(("agent",) if agent == actor.login else ("supervisor",)))
        if agent not in self.agents:
            raise ServiceError("not-found", f"{agent} is not an agent.", f"{agent} 不是座席。")
        return (Text("ready for 0:10", "已就绪 0:10"), Text("nobody waits", "无人等候"))

    async def set_agent_ready(self, actor: Actor, agent: str) -> None:
        self._allow(actor, "supervisor", "administrator")
        self._agent(agent, state="ready")

    async def set_agent_paused(self, actor: Actor, agent: str, reason: str) -> None:
        self._allow(actor, "supervisor", "administrator")
        self._agent(agent, state="paused", reason=reason)

    async def set_agent_logged_out(self, actor: Actor, agent: str) -> None:
        self._allow(actor, "supervisor", "administrator")
        self._agent(agent, state="logged_out", station="")

    async def set_queue_unattended(self, actor: Actor, queue: str, *, unattended: bool) -> Applied:
        self._allow(actor, "supervisor", "administrator")
        self.audit.append((actor.login, "unattended" if unattended else "attended", queue))
        self.queues[queue] = msgspec.structs.replace(self.queues[queue], unattended=unattended)
        self.refresh()
        return Applied(self.queues[queue].version)

    async def cancel_callback(self, actor: Actor, call: str) -> None:
        self._allow(actor, "supervisor", "administrator")
        for slug, kept in self.callbacks.items():
            if any(place.call == call for place in kept):
                self.callbacks[slug] = tuple(place for place in kept if place.call != call)
                self.refresh()
                return
        raise ServiceError("not-found", "No place is kept.", "没有保留位次。")

    async def recording_played(self, actor: Actor, recording: str) -> None:
        self.played.append(recording)

    async def hold_recording(self, actor: Actor, recording: str, *, on: bool) -> None:
        self._allow(actor, "administrator")
        self.audit.append((actor.login, "recording.hold" if on else "recording.release", recording))

    async def check_records(self, actor: Actor) -> RecordsCheck:
        return RecordsCheck(at=self.clock(), ok=True, calls=3, visits=3)

    # -- technician -------------------------------------------------------------------------

    async def status(self) -> SystemStatus:
        return msgspec.structs.replace(sample_status(self.clock()), draining=self.drains)

    async def ladder(self, actor: Actor, call: str) -> Sequence[LadderRow]:
        self._allow(actor, "technician", "administrator")
        return sample_ladder(call, self.clock())

    async def capture(self, actor: Actor, wish: CaptureWish) -> AsyncIterator[bytes]:
        self._allow(actor, "administrator", *(() if wish.media else ("technician",)))
        if wish.call == "over":
            raise ServiceError("not-found", "This call has already ended.", "该通话已结束。")
        self.audit.append((actor.login, "capture", f"{wish.call or wish.peer} {wish.seconds:.0f}"))
        for part in (b"head", b"packets", b"tail"):
            yield part

    async def bans(self, actor: Actor) -> Sequence[BanRow]:
        self._allow(actor, "technician", "administrator")
        return [row for row in self.banned if row.until > self.clock()]

    async def release_ban(self, actor: Actor, name: str) -> None:
        self._allow(actor, "technician", "administrator")
        if not any(row.name == name for row in self.banned):
            raise ServiceError("not-found", f"{name} is not banned.", f"{name} 未被封禁。")
        self.audit.append((actor.login, "ban.release", name))
        self.banned = [row for row in self.banned if row.name != name]

    async def figures(self) -> Figures:
        if self.away:
            raise ServiceUnreachableError
        return sample_figures(self.clock())

    async def set_draining(self, actor: Actor, *, on: bool) -> Draining:
        self._allow(actor, "technician", "administrator")
        self.audit.append((actor.login, "drain.on" if on else "drain.off", ""))
        self.drains = on
        return await self.draining()

    async def draining(self) -> Draining:
        return Draining(on=self.drains, calls=len(self.calls))
