"""The control process on fake lines, media and speech: everything between them is real."""

import asyncio
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Any, TypeVar

import msgspec

from acd_core.agent import AgentConfig, AgentState
from acd_core.call_queue import QueueConfig
from acd_core.engine import AcdEngine
from acd_core.events import AgentConfigured, AgentLoggedIn, AgentReady, QueueConfigured
from acd_core.ids import AgentId, IdSource, QueueId
from acd_core.opening_hours import parse_hours
from acd_core.snapshot import AgentView
from daemon.config import TelephoneOptions
from daemon.control.calls.call import Call, Phase
from daemon.control.checkpoint.reading import Recovered
from daemon.control.checkpoint.store import recover
from daemon.control.controller import CODES, Controller
from daemon.control.dial_plan import DialPlan, NumberEntry
from daemon.control.facade.directory import AgentInfo, Directory, QueueInfo, TierInfo
from daemon.control.flows.prompts import Prompts
from daemon.control.journal import Journal
from daemon.control.journaled.rows import RowSink
from daemon.control.line_table import LineTable, OpenDriver
from daemon.control.records import Records
from daemon.control.recovery import Recovery, Standing
from daemon.store.rows import CallRow, HistoryRow, QueueVisitRow, SegmentRow
from drivers.api import LineId, PortId
from drivers.events import Cause
from tests.fakes.control_flows import active_flows
from tests.fakes.line import FakeDriver, FakeLine, State
from tests.fakes.link import FakeMedia
from tests.fakes.listener import FakeSpeech

START = 1_790_000_000.0  # Unix seconds at the beginning of a test: Monday, 2026-09-21
LIVED = ("ivr", "wait", "talk", "hold", "outside", "parked")
"""Kinds of segments that a caller lives through, one after the other."""

Row = TypeVar("Row", bound=HistoryRow)

NUMBERS = (
    NumberEntry(number="100", flow="main"),
    NumberEntry(number="200", queue="sales"),
    NumberEntry(number="300", flow="main", calendar="never", closed_flow="night"),
    NumberEntry(number="301", flow="main", calendar="never"),
    NumberEntry(number="400", flow="patient"),
    NumberEntry(number="500", flow="survey"),
    NumberEntry(number="600", flow="place"),
    NumberEntry(number="700", flow="faxes"),
    NumberEntry(number="800", flow="mailbox"),
)


class QueueSetup(msgspec.Struct, frozen=True):
    """A queue as control and as the engine know it."""

    info: QueueInfo
    config: QueueConfig


def make_queue(key: int = 1, slug: str = "sales", **settings: object) -> QueueSetup:
    """A queue; settings go where they belong, to control, the engine, or both."""
    assert set(settings) <= {*QueueInfo.__struct_fields__, *QueueConfig.__struct_fields__}
    ours, theirs = (
        {name: value for name, value in settings.items() if name in struct.__struct_fields__}
        for struct in (QueueInfo, QueueConfig)
    )
    config = msgspec.convert(
        {"offer_s": 10.0, "misses_to_pause": 3, **theirs, "queue": QueueId(key), "name": slug},
        QueueConfig,
    )
    info = msgspec.convert({"name": slug, **ours, "key": key, "slug": slug}, QueueInfo)
    return QueueSetup(info, config)


AGENTS = (
    AgentInfo(key=1, login="ann", name="Ann", station="2001"),
    AgentInfo(key=2, login="bob", name="Bob", station="2002"),
)


class RowBook:
    """Takes rows as the history writer does, and keeps every form of each."""

    def __init__(self) -> None:
        self.written: list[tuple[int, HistoryRow]] = []

    @property
    def applied(self) -> int:
        """Sequence number of the last row."""
        return self.written[-1][0] if self.written else 0

    def write(self, row: HistoryRow, sequence: int) -> None:
        self.written.append((sequence, row))

    def forget(self, after: int) -> None:
        """Rows of records that a kill took with it have not been stored."""
        self.written = [(sequence, row) for sequence, row in self.written if sequence <= after]

    def forms(self, kind: type[Row], key: int | None = None) -> list[Row]:
        """Every form of the rows of a table, oldest first; of one row with ``key``."""
        found = [row for _, row in self.written if isinstance(row, kind)]
        return [row for row in found if key is None or row.id == key]

    def newest(self, kind: type[Row]) -> list[Row]:
        """The last form of each row of a table, in the order of their ids."""
        return [row for _, row in sorted({row.id: row for row in self.forms(kind)}.items())]


class ControlRig:
    """One control process; ``again`` is the next one after a crash."""

    def __init__(
        self,
        site: Path,
        *,
        queues: Iterable[QueueSetup] = (),
        agents: Sequence[AgentInfo] = AGENTS,
        tiers: Sequence[TierInfo] = (),
        max_calls: int = 100,
        before: "ControlRig | None" = None,
        applied: int | None = None,
        clock: Callable[[], float] | None = None,
        telephones: TelephoneOptions = CODES,
        sink: RowSink | None = None,
        trunks: int = 4,
    ) -> None:
        self.site = site
        self.telephones = telephones
        self.queues = tuple(queues) or (make_queue(),)
        self.agents = agents
        self.tiers = tiers
        stations = [agent.station for agent in agents]
        self.media: FakeMedia = before.media if before else FakeMedia()
        self.driver: FakeDriver = (
            before.driver if before else FakeDriver(self.media, trunks=trunks, stations=stations)
        )
        self.book: RowBook = before.book if before else RowBook()
        self.speech = FakeSpeech(site)
        self.clock = clock or (lambda: START + asyncio.get_running_loop().time())
        # A restart takes time, so numbers rise; here it takes none.
        self.ids: IdSource = before.ids if before else IdSource(self.clock, 1)
        self.journal = Journal.open(site / "journal", clock=self.clock)
        self.journal.gather(asyncio.get_running_loop().call_soon)
        # What is asked of a line or of media leaves the process.
        self.driver.settle = self.media.settle = self.journal.flush
        self.records = Records(self.journal, sink or self.book, self.ids, self.clock)
        recovered = None
        if before is not None:
            self.book.forget(self.journal.last_sequence)
            told = self.book.applied if applied is None else applied
            recovered = recover(site / "journal", self.journal, told)
        self.recovered = recovered
        """What the journal said when this process began; None for the first one."""
        self.engine = AcdEngine() if recovered is None else recovered.engine
        lines = LineTable(
            [
                OpenDriver(
                    driver=self.driver,
                    kind="fake",
                    lines=self.driver.trunks,
                    stations=self.driver,
                    lamps=self.driver,
                )
            ]
        )
        directory = Directory()
        directory.replace(
            queues=[each.info for each in self.queues], agents=agents, skills={}, tiers=tiers
        )
        self.controller = Controller(
            clock=self.clock,
            ids=self.ids,
            journal=self.journal,
            records=self.records,
            engine=self.engine,
            media=self.media,
            listener=self.speech,
            prompts=Prompts(site, self.speech, monotonic=self.clock),
            flows=active_flows(),
            lines=lines,
            directory=directory,
            dial_plan=DialPlan(NUMBERS, {"never": parse_hours("UTC", {}, {})}),
            max_calls=max_calls,
            telephones=telephones,
        )
        self.controller.stations = tuple(stations)
        self._running: asyncio.Task[None] | None = None

    # -- its life -------------------------------------------------------------------------

    async def start(self) -> None:
        """Begin with an empty house."""
        self._configure()
        self._running = asyncio.create_task(self.controller.run())
        await self.settle()

    async def crash(self) -> None:
        """End without a word, as ``kill -9`` does."""
        if self._running is not None:
            self._running.cancel()
            await asyncio.gather(self._running, return_exceptions=True)
        self.controller.acd.close()
        self.journal.close(lose=True)

    async def again(
        self,
        *,
        applied: int | None = None,
        rings: frozenset[str] = frozenset(),
        left: frozenset[str] = frozenset(),
    ) -> "Recovered":
        """Start the next control process of this site, in this very rig.

        ``rings``: calls that the test will let ring once more, as SIP does; ``left``: those
        whose caller is known to have hung up.
        """
        await self.crash()
        self.driver.restart()
        rig = ControlRig(
            self.site,
            queues=self.queues,
            agents=self.agents,
            tiers=self.tiers,
            before=self,
            telephones=self.telephones,
            applied=applied,
        )
        self.__dict__.update(rig.__dict__)
        recovered = self.recovered
        assert recovered is not None
        for sequence, row in recovered.unwritten:
            self.book.write(row, sequence)
        self.records.restore(recovered.open_rows, {call.id for call in recovered.calls})
        views = self.engine.snapshot(self.clock()).queues
        held = {place.call for view in views for place in view.callbacks}
        self.controller.places.restore(recovered.places, held)
        self._configure()
        for view in self.engine.snapshot(self.clock()).agents:
            if view.station:
                self.controller.take_seat(view.agent, view.station)
        recovery = Recovery(
            self.controller,
            self.media,
            self.records,
            self.site,
            lambda: Standing(lines=self._standing(), rings=rings, left=left),
        )
        alive = await recovery.sort_out(recovered.calls)
        self.controller.faxes.outbox.load({call.id for call in alive})
        self._running = asyncio.create_task(self.controller.run(alive, recovery.lost_legs))
        await self.settle()
        return recovered

    def _standing(self) -> dict[LineId, PortId | None]:
        """Conversations that stand without control, as drivers restore them."""
        lines = [self.driver.line(line) for line in self.driver.names]
        return {line.id: line.port for line in lines if line.state is State.TALKING}

    def _configure(self) -> None:
        for queue in self.queues:
            self.controller.acd.submit(QueueConfigured(config=queue.config, version=1))
        for agent in self.agents:
            config = AgentConfig(agent=AgentId(agent.key), name=agent.login)
            self.controller.acd.submit(AgentConfigured(config=config, version=1))

    # -- time -----------------------------------------------------------------------------

    async def settle(self) -> None:
        """Let everything happen that can happen now; time stands still."""
        for _ in range(200):
            await asyncio.sleep(0)

    async def later(self, seconds: float) -> None:
        """Let time pass."""
        await asyncio.sleep(seconds)
        await self.settle()

    # -- people ---------------------------------------------------------------------------

    async def seat(self, *logins: str) -> None:
        """These agents log in at their stations and are ready."""
        for agent in self.agents:
            if agent.login in logins:
                self.controller.take_seat(agent.key, agent.station)
                who = AgentId(agent.key)
                self.controller.acd.submit(AgentLoggedIn(agent=who, station=agent.station))
                self.controller.acd.submit(AgentReady(agent=who))
        await self.settle()

    async def call(self, dnis: str = "100", **caller: Any) -> FakeLine:
        """Somebody calls."""
        line = self.driver.ring(dnis=dnis, **caller)
        await self.settle()
        return line

    async def call_sales(self, **caller: Any) -> FakeLine:
        """Somebody calls and chooses the queue."""
        line = await self.call(**caller)
        await self.press(line, "1")
        return line

    async def press(self, line: FakeLine, keys: str) -> None:
        """A caller presses keys."""
        self.media.press(line.port, keys)
        await self.settle()

    async def hear_out(self, line: FakeLine) -> None:
        """What the caller hears comes to its end."""
        self.media.finish(line.port)
        await self.settle()

    async def answer(self, station: str) -> FakeLine:
        """An agent picks up."""
        line = await self.driver.pick_up(station)
        await self.settle()
        return line

    async def connect(self, **caller: Any) -> tuple[FakeLine, FakeLine]:
        """A caller who talks with Ann: both lines."""
        await self.seat("ann")
        line = await self.call_sales(**caller)
        return line, await self.answer("2001")

    async def dial(self, station: str, number: str, *, second: bool = False) -> FakeLine:
        """Somebody dials at a station, on a second line when it carries a call already."""
        name = f"station:{station}#2" if second else f"station:{station}"
        line = self.driver.line(LineId(name))
        self.driver.ring(ani=station, dnis=number, line=line)
        await self.settle()
        return line

    async def hang_up(self, line: FakeLine) -> None:
        """The far end of a line hangs up."""
        await line.drop(Cause.NORMAL)
        await self.settle()

    # -- what there is to see -------------------------------------------------------------

    def call_on(self, line: FakeLine) -> Call:
        """The call that came in on a line."""
        return next(
            life.call for life in self.controller.calls.values() if life.call.caller.line == line.id
        )

    def phase(self, line: FakeLine) -> Phase:
        """What the caller on a line lives through now."""
        return self.call_on(line).phase

    def agent(self, login: str) -> AgentView:
        """An agent as the engine sees him now."""
        key = next(agent.key for agent in self.agents if agent.login == login)
        views = self.engine.snapshot(self.clock()).agents
        return next(view for view in views if view.agent == key)

    def state(self, login: str) -> AgentState:
        """An agent's state."""
        return self.agent(login).state

    def calls(self) -> list[CallRow]:
        """Records of calls, oldest first."""
        return self.book.newest(CallRow)

    def visits(self) -> list[QueueVisitRow]:
        """Records of stays in queues."""
        return self.book.newest(QueueVisitRow)

    def kinds(self, call: CallRow) -> list[tuple[str, str, float]]:
        """Kind, result and seconds of each segment of a call, in order."""
        return [
            (row.kind, row.result, ((row.ended_ms or 0) - row.started_ms) / 1000)
            for row in self.segments(call)
        ]

    def segments(self, call: CallRow) -> list[SegmentRow]:
        """Segments of a call by their beginning."""
        rows = [row for row in self.book.newest(SegmentRow) if row.call_id == call.id]
        return sorted(rows, key=lambda row: (row.started_ms, row.id))
