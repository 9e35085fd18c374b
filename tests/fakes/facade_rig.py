"""The facade on a real database and a real controller; lines, media and speech are fakes."""

import asyncio
from pathlib import Path
from typing import Any

from daemon.config import Config
from daemon.control import app
from daemon.control.facade.accounts import Accounts
from daemon.control.facade.agents import AgentFacade
from daemon.control.facade.audit_log import AuditLog
from daemon.control.facade.flow_settings import FlowSettings
from daemon.control.facade.history import HistoryFacade
from daemon.control.facade.in_force import InForce
from daemon.control.facade.live.picture import LivePicture
from daemon.control.facade.local_service import LocalService
from daemon.control.facade.settings.administration import Administration
from daemon.control.facade.sight.facade import SightFacade
from daemon.control.facade.supervision import SupervisorFacade
from daemon.service.api import Service
from daemon.service.credentials import PasswordKeeper
from daemon.service.messages import Actor
from daemon.site_directory import SiteDirectory
from daemon.store import people, routing
from daemon.store.audit import AuditEntry
from daemon.store.connection import Store
from daemon.store.history_writer import HistoryWriter
from drivers.sip.options import StationAccount
from tests.fakes.control_flows import TEXTS
from tests.fakes.control_rig import START, ControlRig
from tests.fakes.line import FakeDriver

PASSWORD = "correct horse"
ANN, BOB, SUE, ROOT, TINA = (Actor(login=login) for login in ("ann", "bob", "sue", "root", "tina"))
ROLES = {"ann": "agent", "bob": "agent", "sue": "supervisor", "root": "administrator",
         "tina": "technician"}  # fmt: skip


class Clock:
    """Seconds that stand still until a test moves them."""

    def __init__(self) -> None:
        self.now = START

    def __call__(self) -> float:
        self.now += 0.001  # two things never happen in the same millisecond
        return self.now


class Accepting:
    """A driver that is told which stations there are."""

    def __init__(self) -> None:
        self.accounts: list[StationAccount] = []

    def set_stations(self, accounts: list[StationAccount]) -> None:
        self.accounts = accounts


class FacadeRig:
    """A hotline with two agents, a supervisor, an administrator and a technician."""

    service: Service

    def __init__(self, folder: Path, store: Store) -> None:
        self.store = store
        self.clock = Clock()
        self.site = SiteDirectory(folder, Config(), folder / "run")
        for name in ("flows", "prompts", "incoming", "run"):
            (folder / name).mkdir()
        for name, text in TEXTS.items():
            (self.site.flows / f"{name}.yaml").write_text(text)
        self.rig = ControlRig(folder, clock=self.clock)
        self.stations = Accepting()
        self.picture = LivePicture(self.rig.controller, self.clock)
        self.audit = AuditLog(self.clock, self.rig.ids)
        self.writer = HistoryWriter(store, folder / "spill", batch_ms=1)
        self._tasks: list[asyncio.Task[None]] = []

    @property
    def driver(self) -> FakeDriver:
        return self.rig.driver

    async def open(self) -> None:
        await self._fill()
        controller, clock = self.rig.controller, self.clock
        self.in_force = InForce(controller, "UTC", [self.stations])
        flows = FlowSettings(self.site, self.rig.speech, clock)
        await flows.activate_drafts()
        controller.flows = flows
        await self.in_force.reload()
        history = HistoryFacade(controller, self.site, clock)
        agents = AgentFacade(controller, clock, history.past_calls)
        passwords = PasswordKeeper(time_cost=1, memory_kib=8)
        accounts = Accounts(clock, self.audit.note, passwords)
        await accounts.reload()
        self.service = LocalService(
            clock=clock,
            controller=controller,
            audit=self.audit,
            accounts=accounts,
            agents=agents,
            supervision=SupervisorFacade(controller, agents, self.site, clock),
            administration=Administration(
                clock,
                accounts,
                reload=self.in_force.reload,
                busy=lambda kind, key: app._busy(controller, kind, key),
                strategies=("longest_idle", "most_skilled"),
                flows=flows.active_names,
            ),
            history=history,
            flows=flows,
            picture=self.picture,
            sight=SightFacade(controller, None, self.writer.counters, clock),
        )
        await self.writer.start()
        self._tasks = [
            asyncio.create_task(controller.run()),
            asyncio.create_task(self.audit.run()),
        ]
        await self.settle()

    async def close(self) -> None:
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await self.writer.close()
        await self.rig.crash()

    async def settle(self) -> None:
        """Let everything happen that can happen now."""
        await self.rig.settle()

    async def to_database(self) -> None:
        """Write all rows of history."""
        for sequence, row in self.rig.book.written:
            self.writer.write(row, sequence)
        await self.writer.flush()

    async def acts(self) -> list[tuple[str, str, str]]:
        """Who did what to what, oldest first."""
        await self.audit.stored()
        rows = await AuditEntry.all().order_by("id")
        return [(row.actor, row.action, row.subject) for row in rows]

    async def seat(self, actor: Actor, station: str = "") -> None:
        """An agent logs in and is ready."""
        await self.service.agent_log_in(actor, station)
        await self.service.ready(actor)
        await self.settle()

    async def talk(self, actor: Actor, **caller: Any) -> tuple[Any, Any]:
        """An agent who talks with a caller: both lines."""
        await self.seat(actor)
        line = await self.rig.call_sales(**caller)
        station = self.rig.controller.calls and self.driver.dialled[-1].number
        return line, await self.rig.answer(str(station))

    async def _fill(self) -> None:
        hashed = PasswordKeeper(time_cost=1, memory_kib=8).hash(PASSWORD)
        for login, role in ROLES.items():
            user = await people.User.create(
                login=login, name=login.title(), roles=[role], password_hash=hashed
            )
            if role == "agent":
                station = "2001" if login == "ann" else "2002"
                await people.Agent.create(user=user, station=station)
        for name in ("2001", "2002", "2003"):
            await people.Station.create(name=name, realm="hotline", ha1_md5=name * 8)
        await people.PauseReason.create(slug="lunch", text_en="Lunch", text_zh="午饭")
        await routing.Queue.create(slug="sales", name="Sales", wrap_up_s=10)
        await routing.Number.create(number="100", flow="main")
