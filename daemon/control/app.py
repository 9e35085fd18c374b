"""Composition root of the control process: builds, recovers, starts, stops in reverse order.

SIGTERM ends this process and leaves calls standing: media keeps their audio, the journal
their state, and the next control goes on with them. SIGINT ends the calls first.
"""

import asyncio
import gc
import signal
import sys
from collections.abc import Callable, Iterable, Mapping
from typing import Final
from zoneinfo import ZoneInfo

import structlog

from acd_core.agent import AgentState
from acd_core.engine import AcdEngine
from acd_core.ids import IdSource, to_text
from acd_core.routing.registry import strategies
from daemon.clock import SteadyClock
from daemon.control.alarms.engine import EngineWatch
from daemon.control.calls.context import HangUpRequest
from daemon.control.calls.places import KeptCaller
from daemon.control.calls.watchdog import Watchdog
from daemon.control.checkpoint.nights import Nights
from daemon.control.checkpoint.reading import Recovered
from daemon.control.checkpoint.rolling import RollingCheckpoint
from daemon.control.checkpoint.store import recover
from daemon.control.checkpoint.unsealing import unsealing
from daemon.control.controller import Controller
from daemon.control.dial_plan import DialPlan
from daemon.control.driver_set import DriverSet
from daemon.control.facade.accounts import Accounts
from daemon.control.facade.agents import AgentFacade
from daemon.control.facade.audit_log import AuditLog
from daemon.control.facade.directory import Directory
from daemon.control.facade.flow_settings import FlowSettings
from daemon.control.facade.history import HistoryFacade
from daemon.control.facade.in_force import InForce
from daemon.control.facade.live.picture import LivePicture
from daemon.control.facade.local_service import LocalService
from daemon.control.facade.settings.administration import Administration
from daemon.control.facade.sight.facade import SightFacade
from daemon.control.facade.supervision import SupervisorFacade
from daemon.control.flows.preparation import prepare_absence, prepare_flows
from daemon.control.flows.prompts import Prompts
from daemon.control.journal import Journal
from daemon.control.journaled.rows import rows_among
from daemon.control.records import Records
from daemon.control.recovery import Recovery
from daemon.errors import JournalError
from daemon.link.client import MediaLink
from daemon.link.lasting import LastingMediaLink
from daemon.readiness import announce, starting
from daemon.recordings.retention import Retention
from daemon.service.live import AlarmsChanged
from daemon.service.messages import Actor
from daemon.service.socket_server import ServiceServer
from daemon.site_directory import SiteDirectory
from daemon.store.connection import Store, open_when_there
from daemon.store.first_import import sip_realm
from daemon.store.history import Call as CallRow
from daemon.store.history import Recording
from daemon.store.history_writer import HistoryWriter
from drivers.tones import INTERNATIONAL, TONES
from speech.client import SpeechClient

log = structlog.get_logger()

MEDIA_PATIENCE: Final = 30.0  # s to wait for media at the start
SYNC_S: Final = 1.0  # s between two fsyncs of the journal
END_PATIENCE: Final = 5.0  # s for calls to end when the site stops
GARBAGE: Final = (2_000, 2, 250)
"""Collections cost a tenth of a call's time by default. The young ones are kept small: ten
thousand objects in one go hold up everybody for three to ten milliseconds."""
THREAD_TURN_S: Final = 0.0005
"""For how long another thread may go on after the loop's one wants to: with the usual 5 ms the
thread that writes the database held up a call at each of its records."""
MAX_CALLS: Final = 2000
NOBODY: Final = Actor(login="system", via="retention")
REMEMBERED: Final = 10_000  # newest calls whose agents are preferred again


async def run_control(site: SiteDirectory) -> None:
    """Run the control process of a site until SIGTERM or SIGINT."""
    stopping: asyncio.Future[signal.Signals] = asyncio.get_running_loop().create_future()

    def stop(number: signal.Signals) -> None:
        if not stopping.done():
            stopping.set_result(number)

    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stop, number)
    starting()  # a long journal, a database or media that is away: none of that is hanging
    store = await open_when_there(site, stopping)
    if store is None:
        return
    try:
        with store.current():
            await ControlProcess(site, store).run(stopping)
    finally:
        await store.close()


class ControlProcess:
    """Everything that control is made of."""

    def __init__(self, site: SiteDirectory, store: Store) -> None:
        self.site = site
        self._steady = SteadyClock()
        self.clock = self._steady.now
        self.ids = IdSource(self.clock, site.config.site.node)
        self.journal = Journal.open(
            site.journal,
            clock=self.clock,
            segment_bytes=site.config.journal.segment_mb * 1024 * 1024,
        )
        records = site.config.records
        self.writer = HistoryWriter(
            store,
            site.spill,
            batch_rows=records.batch_rows,
            batch_ms=records.batch_ms,
            waiting_rows=records.waiting_rows,
            settle=self.journal.flush,
            again=lambda after: rows_among(self.journal.read(after)),
        )
        self.records = Records(self.journal, self.writer, self.ids, self.clock)
        self.speech = SpeechClient(site.socket("speech"))
        self.flows = FlowSettings(site, self.speech, self.clock)

    async def run(self, stopping: "asyncio.Future[signal.Signals]") -> None:
        """Recover, serve until told to stop, and stop."""
        applied = await self.writer.start(self.journal.last_sequence)
        recovered = await asyncio.to_thread(
            recover, self.site.journal, self.journal, applied, unseal=unsealing(self.site.run_dir)
        )
        engine = recovered.engine
        self.journal.gather(asyncio.get_running_loop().call_soon)
        self._steady.not_before(engine.now)
        for sequence, row in recovered.unwritten:
            self.writer.write(row, sequence)
        self.records.restore(recovered.open_rows, {call.id for call in recovered.calls})
        await self.flows.activate_drafts()
        await self.flows.keep_versions((c.flow, c.flow_version) for c in recovered.calls)
        media = await LastingMediaLink.connect(
            self.site.socket("media"),
            self.ids,
            patience_s=MEDIA_PATIENCE,
            settle=self.journal.settle,
        )
        await self.speech.open()
        drivers = DriverSet(self.site, media, self.clock, self.journal)
        controller = self._controller(engine, media, drivers, recovered.places)
        in_force = InForce(controller, self.site.config.site.timezone, drivers.station_drivers)
        recovery = Recovery(controller, media, self.records, self.site.path, drivers.restored)
        drivers.restore(recovered.driver_records)
        await in_force.reload()
        await recovery.look()
        await drivers.open()
        asyncio.get_running_loop().add_signal_handler(signal.SIGHUP, drivers.reread)
        await self._remember(controller)
        picture = LivePicture(controller, self.clock)
        audit = AuditLog(self.clock, self.ids)
        controller.mailboxes.audit = audit.note
        controller.mailboxes.zone = ZoneInfo(self.site.config.site.timezone)
        history = HistoryFacade(controller, self.site, self.clock)
        controller.audio = self.site.config.audio
        controller.disk.least_mb = self.site.config.recordings.alarm_free_mb
        alarms = controller.disk.alarms
        alarms.changed = lambda: picture.feed.publish(
            AlarmsChanged(alarms.standing()), self.clock()
        )
        watch = EngineWatch(alarms, media, self.clock)
        rolling = RollingCheckpoint(self.journal, self.site, self.clock, recovered)
        figures = {"media": watch.figures, "control": rolling.figures}
        service = await self._service(controller, media, picture, audit, in_force, history, figures)
        server = ServiceServer(service, self.site.socket("control"), settle=self.journal.settle)
        try:
            async with asyncio.TaskGroup() as tasks:
                running = [
                    tasks.create_task(work, name=name)
                    for name, work in (
                        ("calls", self._calls(controller, recovery, recovered)),
                        ("live picture", picture.run()),
                        ("audit", audit.run()),
                        ("journal sync", self._sync()),
                        ("checkpoints", rolling.run()),
                        ("flows prepared", prepare_flows(self.flows.active, self.speech)),
                        (
                            "absence prepared",
                            prepare_absence(
                                controller.prompts, media, self.site.config.site.language
                            ),
                        ),
                        ("days", self._nights(controller, drivers, in_force).run()),
                        ("old recordings", self._retention(history, audit).run()),
                        ("deleted messages", controller.mailboxes.run()),
                        ("disk of the recordings", controller.disk.run()),
                        ("media engine watched", watch.run()),
                    )
                ]
                await server.start()
                # What lives from here on is checked for garbage; what was built is not.
                gc.freeze()
                gc.set_threshold(*GARBAGE)
                sys.setswitchinterval(THREAD_TURN_S)
                announce(self.site.run_dir, "control", **drivers.endpoints())
                log.info(
                    "control is ready",
                    calls=len(recovered.calls),
                    events=recovered.events,
                    checkpoint=recovered.checkpoint,
                    records=recovered.records,
                )
                number = await stopping
                log.info("control stops", signal=number.name, calls=len(controller.calls))
                await server.close()
                if number is signal.SIGINT:
                    await _end_calls(controller)
                    await drivers.close()
                await audit.stored()
                for task in running:
                    task.cancel()
        finally:
            await self.writer.close()
            self.journal.close()
            await self.speech.close()
            await media.disconnect()

    def _controller(
        self,
        engine: AcdEngine,
        media: MediaLink,
        drivers: DriverSet,
        places: Iterable[KeptCaller],
    ) -> Controller:
        controller = Controller(
            clock=self.clock,
            ids=self.ids,
            journal=self.journal,
            records=self.records,
            engine=engine,
            media=media,
            listener=self.speech,
            prompts=Prompts(
                self.site.path,
                self.speech,
                TONES.get(self.site.config.site.country, INTERNATIONAL),
            ),
            flows=self.flows,
            lines=drivers.table,
            directory=Directory(),
            dial_plan=DialPlan((), {}),
            max_calls=MAX_CALLS,
            outgoing=self.site.config.outgoing,
            telephones=self.site.config.telephones,
        )
        views = engine.snapshot(self.clock()).queues
        held = {place.call for view in views for place in view.callbacks}
        controller.places.restore(places, held)
        controller.faxes.outbox.options = self.site.config.fax
        controller.faxes.t38.allowed = self.site.config.fax.t38
        for agent in engine.snapshot(self.clock()).agents:
            if agent.station and agent.state is not AgentState.LOGGED_OUT:
                controller.take_seat(agent.agent, agent.station)
        return controller

    async def _calls(
        self, controller: Controller, recovery: Recovery, recovered: Recovered
    ) -> None:
        alive = await recovery.sort_out(recovered.calls)
        controller.faxes.outbox.load({call.id for call in alive})
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(controller.run(alive, recovery.lost_legs), name="controller")
            # Not before recovery: until then the engine knows calls that nobody lives yet.
            tasks.create_task(Watchdog(controller).run(), name="watchdog")
            tasks.create_task(controller.faxes.outbox.run(), name="faxes to be sent")

    async def _service(
        self,
        controller: Controller,
        media: MediaLink,
        picture: LivePicture,
        audit: AuditLog,
        in_force: InForce,
        history: HistoryFacade,
        figures: Mapping[str, Callable[[], Mapping[str, float]]],
    ) -> LocalService:
        agents = AgentFacade(controller, self.clock, history.past_calls)
        accounts = Accounts(self.clock, audit.note)
        await accounts.reload()
        administration = Administration(
            self.clock,
            accounts,
            reload=in_force.reload,
            busy=lambda kind, key: _busy(controller, kind, key),
            strategies=tuple(strategies()),
            flows=self.flows.active_names,
            realm=sip_realm(self.site),
        )
        return LocalService(
            clock=self.clock,
            controller=controller,
            audit=audit,
            accounts=accounts,
            agents=agents,
            supervision=SupervisorFacade(controller, agents, self.site, self.clock, figures),
            administration=administration,
            history=history,
            flows=self.flows,
            picture=picture,
            sight=SightFacade(controller, media, self.writer.counters, self.clock),
        )

    def _retention(self, history: HistoryFacade, audit: AuditLog) -> Retention:
        config = self.site.config
        keep_days = {"call": config.recordings.keep_days, "message": config.voicemail.keep_days}
        keep_days["fax"] = config.fax.keep_days

        async def deleted(row: Recording) -> None:
            audit.note(NOBODY, "recording.delete", to_text(row.id))
            await history.recording_deleted(row)

        return Retention(self.site.path, keep_days, self.clock, deleted)

    def _nights(self, controller: Controller, drivers: DriverSet, in_force: InForce) -> Nights:
        return Nights(
            controller,
            self.journal,
            self.site.config,
            self.clock,
            stored=self.writer.flush,
            applied=lambda: self.writer.applied_sequence,
            configured=lambda: in_force.configured,
            drivers=drivers.snapshot,
        )

    async def _remember(self, controller: Controller) -> None:
        """Who served whom lately, so that a repeat call reaches the same agent."""
        newest = CallRow.filter(agent_id__not_isnull=True).order_by("-started_ms")
        for row in reversed(await newest.limit(REMEMBERED)):
            controller.last_agents.remember(row.ani, row.agent_id or 0, row.started_ms / 1000)

    async def _sync(self) -> None:
        failing = False
        while True:
            await asyncio.sleep(SYNC_S)
            try:
                await asyncio.to_thread(self.journal.sync)
                failing = False
            except JournalError as error:
                # The kernel has the records: calls go on, and a killed control loses none.
                if not failing:
                    log.error("journal is not on the disk", why=str(error))
                failing = True


async def _end_calls(controller: Controller) -> None:
    for life in tuple(controller.calls.values()):
        life.tell(HangUpRequest(by="system"))
    try:
        async with asyncio.timeout(END_PATIENCE):
            # A recording is complete a moment after its call.
            while controller.calls or controller.records.open_recordings():
                controller.dirty.clear()
                await controller.dirty.wait()
    except TimeoutError:
        recordings = len(controller.records.open_recordings())
        log.warning("calls did not end in time", calls=len(controller.calls), recordings=recordings)


def _busy(controller: Controller, kind: str, key: str) -> str:
    """Why a thing cannot be removed now; empty when it can."""
    calls = [life.call for life in controller.calls.values()]
    if kind == "queue":
        queue = controller.directory.queue_by_slug(key)
        waiting = sum(1 for call in calls if queue is not None and call.queue == queue.key)
        return f"{waiting} callers are in this queue." if waiting else ""
    if kind == "person":
        agent = controller.directory.agent_by_login(key)
        seated = agent is not None and agent.key in controller.seats.values()
        return f"{key} is logged in at a station." if seated else ""
    if kind == "station" and key in controller.seats:
        return "Somebody sits at this telephone."
    return ""
