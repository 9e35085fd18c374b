"""The only writer of calls: routes what happens to the call it belongs to.

Line events, media events and commands of the distribution engine come in here; each goes
into the queue of its call. The controller is also the ``CallContext`` of every call.
"""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Callable, Sequence
from typing import Final

import structlog

from acd_core.agent import AgentState
from acd_core.commands import (
    AcdCommand,
    AgentStateChanged,
    CallbackOver,
    DialCallback,
)
from acd_core.engine import AcdEngine
from acd_core.events import AgentReachable, AgentUnreachable, DayBegan
from acd_core.ids import AgentId, SkillId, TierId
from daemon.config import AudioOptions, OutgoingOptions, TelephoneOptions
from daemon.control.acd_runner import AcdRunner
from daemon.control.alarms.disk import DiskWatch
from daemon.control.alarms.standing import Alarms
from daemon.control.audio.caller_ears import CallerEars
from daemon.control.calls.call import Call, Leg, Phase, encode_call
from daemon.control.calls.context import EndingCall, HangUpRequest
from daemon.control.calls.lamp_switch import LampSwitch
from daemon.control.calls.last_agents import LastAgents
from daemon.control.calls.life import CallLife
from daemon.control.calls.moves.asking import CallRequest
from daemon.control.calls.moves.switchboard import Switchboard
from daemon.control.calls.parts.quiet_calls import QuietCalls
from daemon.control.calls.places import ANY_LINE, KeptPlaces
from daemon.control.calls.resuming import arrived
from daemon.control.dial_plan import DialPlan, Target
from daemon.control.facade.directory import Directory, QueueInfo
from daemon.control.faxes.outbox import faxes_of
from daemon.control.flows.active import FlowSource
from daemon.control.flows.hooks import Listener
from daemon.control.flows.prompts import Prompts
from daemon.control.journal import Journal
from daemon.control.journaled.kinds import CALL_KIND
from daemon.control.line_table import LineTable
from daemon.control.mailboxes.mailboxes import Mailboxes
from daemon.control.media_events import NO_PORT, EventfulMedia, MediaEvents
from daemon.control.records import Records
from drivers import events as line_events
from drivers.api import Capability, Line, LineId, Transfers
from drivers.ctilink.details import CallDetail
from drivers.events import Cause, LineEvent

log = structlog.get_logger()

JOURNAL_KIND: Final = CALL_KIND
CODES: Final = TelephoneOptions()
OF_A_CALL: Final = frozenset(
    (line_events.Progress, line_events.Answered, line_events.Digit, line_events.Released)
)  # what happens all the time, and concerns nobody but the call of the line


class Controller(Switchboard):
    """All calls of this process."""

    def __init__(
        self,
        *,
        clock: Callable[[], float],
        ids: Callable[[], int],
        journal: Journal,
        records: Records,
        engine: AcdEngine,
        media: EventfulMedia,
        listener: Listener,
        prompts: Prompts,
        flows: FlowSource,
        lines: LineTable,
        directory: Directory,
        dial_plan: DialPlan,
        max_calls: int,
        outgoing: OutgoingOptions = ANY_LINE,
        telephones: TelephoneOptions = CODES,
    ) -> None:
        super().__init__(telephones)
        self.log = log.bind()  # to bind to this one is cheap, to the module's own is not
        self.clock = clock
        self.ids = ids
        self.records = records
        self.media: EventfulMedia = media
        self.listener = listener
        self.prompts = prompts
        self.flows = flows
        self.lines = lines
        self.directory = directory
        self.dial_plan = dial_plan
        self.outgoing = outgoing
        self.acd = AcdRunner(engine, journal, clock, self._perform)
        self.calls: dict[int, CallLife] = {}
        self.places = KeptPlaces(journal, self)
        self.quiet = QuietCalls(self.calls)
        self.faxes = faxes_of(self)
        self.mailboxes = Mailboxes(self)
        self.last_agents = LastAgents()
        self.audio = AudioOptions()
        self.callers = CallerEars()
        self.speaking: dict[int, tuple[str, ...]] = {}
        """By call, who speaks now, where somebody listens for that."""
        self.disk = DiskWatch(Alarms(clock), prompts.site / "recordings", clock)
        self.seats: dict[str, int] = {}
        """Station -> key of the agent who sits there."""
        self.draining = False
        """New calls are refused, so that those in progress run out."""
        self.stations: tuple[str, ...] = ()
        """Stations that agents may sit at."""
        self.down: dict[str, str] = {}
        """Lines and links that are out of service, with the reason."""
        self.dirty = asyncio.Event()
        """Set whenever the live picture may have changed."""
        self.moved: set[int] | None = None
        """Calls that changed since they were shown last; None while nobody looks."""
        self._journal = journal
        self._max_calls = max_calls
        self.streams: Counter[str] = Counter()
        """Packets of the RTP streams that ended, summed up."""
        self.rang: dict[str, Call] = {}
        """Calls that rang when control ended and ring again, by the driver's reference."""
        self._watched: dict[LineId, CallLife] = {}
        self._kept: dict[int, int] = {}  # hash of each call's state as it was journaled last
        self._stations_of: tuple[dict[str, int], dict[int, str]] = ({}, {})  # seats, by agent
        self._answered_today: Counter[int] = Counter()
        self._media = MediaEvents(self)
        self._lamps = LampSwitch(lines)
        self._tasks: asyncio.TaskGroup | None = None

    async def run(
        self, restored: Sequence[Call] = (), lost_legs: Sequence[tuple[int, LineId]] = ()
    ) -> None:
        """Route events until cancelled; ``lost_legs`` are agents' lines that did not survive."""
        async with asyncio.TaskGroup() as tasks:
            self._tasks = tasks
            for slot in self.telephones.slot_names:
                self.slot_changed(slot, taken=False)
            for call in restored:
                self._start(call, restored=True)
            for _, line in lost_legs:
                self._line_event(line_events.Released(line=line, cause=Cause.TEMPORARY_FAILURE))
            self.acd.start()
            tasks.create_task(self._media.run(), name="media events")
            tasks.create_task(self._lamps.run(), name="message lamps")
            tasks.create_task(self.quiet.run(), name="calls that rest")
            for name, events in self.lines.streams():
                tasks.create_task(self._line_events(name, events), name=f"events of {name}")

    # -- routing --------------------------------------------------------------------------

    async def _line_events(self, driver: str, events: AsyncIterator[LineEvent]) -> None:
        async for event in events:
            try:
                self._line_event(event)
            except Exception:
                # One bad event must not deafen us to all lines of the driver.
                log.exception("line event cannot be handled", driver=driver, what=repr(event))

    def _line_event(self, event: LineEvent) -> None:
        if type(event) in OF_A_CALL:
            life = self._watched.get(event.line)
            if life is not None:
                life.tell(event)
                if type(event) is line_events.Released:
                    del self._watched[event.line]
        else:
            self._other_event(event)
        self.dirty.set()

    def _other_event(self, event: LineEvent) -> None:
        match event:
            case line_events.StationUp(station=station) if station in self.seats:
                self.acd.submit(AgentReachable(agent=AgentId(self.seats[station])))
            case line_events.StationDown(station=station) if station in self.seats:
                self.acd.submit(AgentUnreachable(agent=AgentId(self.seats[station])))
            case line_events.LineUp():
                self.down.pop(event.line, None)
            case line_events.Ringing() if not self._in_use(event.line):
                self._arrive(event)
            case _:
                life = self._watched.get(event.line)
                if life is not None:
                    life.tell(event)
                if isinstance(event, line_events.LineDown):
                    self.down[event.line] = event.reason
                    self._watched.pop(event.line, None)

    def _in_use(self, line: LineId) -> bool:
        life = self._watched.get(line)
        return life is not None and life.call.phase is not Phase.ENDED

    def _arrive(self, event: line_events.Ringing) -> None:
        before = self.rang.pop(event.ref, None)
        self.start_call(arrived(event, self.clock(), self.ids, before=before))

    def start_call(self, call: Call) -> None:
        """Let a new call begin its life."""
        self._start(call, restored=False)

    def stop_dialling(self, place: int) -> None:
        """Give up the call to somebody whose place it is, unless he has answered."""
        for life in self.calls.values():
            if life.call.callback == place and life.call.phase is Phase.DIALLING:
                life.tell(HangUpRequest())

    def _start(self, call: Call, *, restored: bool) -> None:
        life = CallLife(call, self)
        self.calls[call.id] = life
        self._watched[call.caller.line] = life
        self._media.follow(life)
        for leg in call.partners:
            self._watched[leg.line] = life
        if self._tasks is not None:
            self._tasks.create_task(life.run(restored=restored), name=f"call {call.id}")

    def _perform(self, command: AcdCommand, now: float) -> None:
        """Pass a command of the engine on to the call it concerns."""
        if isinstance(command, AgentStateChanged):
            self.records.agent_state(command, self._station_of(command.agent))
            if command.state is AgentState.LOGGED_OUT:
                self.seats = {s: a for s, a in self.seats.items() if a != command.agent}
        elif isinstance(command, (DialCallback, CallbackOver)):
            self.places.perform(command)
        else:
            life = self.calls.get(command.call)
            if life is not None:
                life.tell(command)
        self.dirty.set()

    def _station_of(self, agent: int) -> str:
        if self._stations_of[0] is not self.seats:  # made anew whenever somebody sits down
            self._stations_of = (self.seats, {seat: name for name, seat in self.seats.items()})
        return self._stations_of[1].get(agent, "")

    def request(self, call: int, request: CallRequest) -> bool:
        """Pass on what a person asks of a call; False when there is no such call."""
        life = self.calls.get(call)
        if life is None:
            return False
        life.tell(request)
        return True

    def call_of_agent(self, agent: int) -> Call | None:
        """The call that an agent is offered or has; not one that goes on without him."""
        calls = (life.call for life in self.calls.values())
        return next((call for call in calls if agent in call.agents), None)

    def answered_today(self, agent: int) -> int:
        """Calls that an agent answered since the day began."""
        return self._answered_today[agent]

    def begin_day(self) -> None:
        """Counts of the day start again."""
        self._answered_today.clear()
        self.acd.submit(DayBegan())
        self.dirty.set()

    # -- CallContext ----------------------------------------------------------------------

    def line(self, line: LineId) -> Line:
        """A line by its name; DriverError when it is gone."""
        return self.lines.line(line)

    async def call_detail(self, line: LineId) -> CallDetail | None:
        """What a serial link tells of the call ringing on a board port."""
        return await self.lines.call_detail(line)

    def station_line(self, station: str) -> Line:
        """A line towards a station; DriverError when it cannot be reached."""
        return self.lines.station_line(station)

    def watch(self, line: LineId, life: EndingCall | None) -> None:
        """Send the events of a line to this call from now on; None sends them to nobody."""
        self._watched.pop(line, None)
        if life is not None:
            self._watched[line] = self.calls[life.call.id]

    def free_trunk(self) -> Line | None:
        """A trunk line on which we may call somebody now."""
        for line in self.lines.outgoing(self.outgoing.lines):
            if Capability.DIAL in line.can and line.port is None and not self.watched(line.id):
                return line
        return None

    def transfers(self, call: Call) -> Transfers | None:
        """Whom to tell how a transfer goes that the agent's telephone asked for."""
        leg = call.agent_leg
        return None if leg is None else self.lines.transfers(leg.line)

    def find_target(self, dnis: str) -> Target | None:
        """What a called number leads to now."""
        return self.dial_plan.find(dnis, self.clock())

    def admits(self, call: Call) -> bool:
        """Whether a call that rings may be answered; lines kept for green channels count."""
        if self.draining or len(self.calls) > self._max_calls:
            return False
        kept = self.directory.most_kept_lines
        if not kept or self.directory.tier_of(call.ani) is not None:
            return True
        trunks = self.lines.trunks_beside(call.caller.line)
        free = sum(1 for line in trunks if line not in self._watched)
        return free >= min(kept, len(trunks) - 1)

    def tier(self, ani: str) -> TierId | None:
        """The green channel of a calling number, if it has one."""
        tier = self.directory.tier_of(ani)
        return None if tier is None else tier.key

    def queue(self, slug: str) -> QueueInfo | None:
        """A queue that takes calls, by its slug."""
        found = self.directory.queue_by_slug(slug)
        return found if found is not None and found.enabled else None

    def queue_by_key(self, key: int) -> QueueInfo | None:
        """A queue by its key."""
        return self.directory.queue(key)

    def records_queue(self, key: int) -> bool:
        """Whether conversations of a queue are recorded."""
        queue = self.directory.queue(key)
        return queue is not None and queue.record

    def skill(self, slug: str) -> SkillId | None:
        """A skill by its name."""
        return self.directory.skill(slug)

    def last_agent(self, ani: str) -> AgentId | None:
        """Who served this caller last, if it is not too long ago."""
        agent = self.last_agents.find(ani, self.clock())
        return None if agent is None else AgentId(agent)

    def remember_agent(self, call: Call) -> None:
        """The call's agent has served its caller."""
        self._answered_today[call.agent] += 1
        self.last_agents.remember(call.ani, call.agent, self.clock())
        self.last_agents.served[call.agent] = call

    def station_lost(self, agent: int) -> bool:
        """Take an agent off distribution whose station cannot be rung, until it is back.

        False when the station can be rung after all; else the engine has taken the offer
        back without blaming the agent for it.
        """
        station = self._station_of(agent)
        if not station or self.lines.reachable(station):
            return False
        return self.acd.submit(AgentUnreachable(agent=AgentId(agent)))

    def message_lamp(self, mailbox: str, *, on: bool) -> None:
        """Light or darken a station's message lamp; a mailbox that is no number has none."""
        self._lamps.set(mailbox, on=on)

    def keep(self, call: Call) -> None:
        """Journal the call as it is now, if that is new, and show it."""
        state = encode_call(call)
        known = hash(state)  # 64 bits with a secret key (SipHash), for 900 bytes
        if known != self._kept.get(call.id):
            self._kept[call.id] = known
            self._journal.append(JOURNAL_KIND, state, self.clock())
            if call.phase is not Phase.ENDED:
                self._media.follow(self.calls[call.id])
            self.changed(call)

    def changed(self, call: Call) -> None:
        """Show the call as it is now."""
        if self.moved is not None:
            self.moved.add(call.id)
        self.dirty.set()

    def port_left(self, leg: Leg) -> None:
        """Keys heard on the port of a leg are no caller's any more."""
        self._media.ports.pop(leg.port or NO_PORT, None)

    def wake(self, life: EndingCall) -> None:
        """Something happened on a call that rests: it lives on, unless control ends."""
        if self._tasks is None:
            return
        living = self.calls[life.call.id].live_on()
        try:
            self._tasks.create_task(living, name=f"call {life.call.id}")
        except RuntimeError:  # the tasks are being cancelled
            living.close()

    def ended(self, life: EndingCall) -> None:
        """The call is over."""
        call = life.call
        self.calls.pop(call.id, None)
        self._kept.pop(call.id, None)
        self.speaking.pop(call.id, None)
        self._media.ports.pop(call.caller.port or NO_PORT, None)
        self.dirty.set()
