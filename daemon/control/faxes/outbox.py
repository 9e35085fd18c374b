"""Sends faxes: one after the other on free lines, again after a while where that may help."""

import asyncio
import contextlib
from collections.abc import Callable, Container, Mapping
from typing import Final, Protocol

import structlog

from acd_core.ids import to_text
from daemon.control.calls.call import Call, Leg, Phase
from daemon.control.calls.context import HangUpRequest
from daemon.control.calls.moves.asking import CallRequest
from daemon.control.faxes.spool import OVER, UNDER_WAY, FaxJob, FaxSpool
from daemon.control.faxes.written import Pages
from daemon.control.flows.faxing import FaxControl, Faxes
from daemon.control.flows.prompts import Prompts
from daemon.fax import messages as fax
from daemon.fax.convert import convert
from daemon.fax.documents import DocumentError
from daemon.fax.messages import FaxEnded, FaxProgress
from daemon.fax.options import FaxOptions
from daemon.fax.texts import text_of
from daemon.service.fax.faxes import FaxState
from drivers.api import Line
from drivers.events import Cause

LOOK_S: Final = 1.0  # s between two looks for a free line, or at a call that rings
REST_S: Final = 60.0  # s between two looks when nothing is to be sent
DAY_S: Final = 86_400.0
FLOW: Final = "fax"
"""What a call that sends a fax has in place of a flow's name."""
WHO: Final = "fax"
"""In whose name calls outside are counted, beside the telephones'."""

CAUSES: Final[Mapping[Cause, int]] = {
    Cause.BUSY: fax.LINE_BUSY,
    Cause.NO_ANSWER: fax.NO_ANSWER,
    Cause.NO_USER_RESPONDING: fax.NO_ANSWER,
    Cause.REJECTED: fax.CALL_REFUSED,
    Cause.UNALLOCATED: fax.UNKNOWN_NUMBER,
    Cause.INVALID_NUMBER: fax.UNKNOWN_NUMBER,
}
"""Why a call did not come about, as the end of its fax; others are ``NOT_REACHED``."""
HOPELESS: Final = frozenset({fax.UNKNOWN_NUMBER, fax.BAD_FILE, *range(41, 47)})
"""Ends after which another attempt would end the same way: numbers and files that are wrong."""

log = structlog.get_logger()


class Sending(FaxControl, Protocol):
    """The control process, as far as sending faxes needs it."""

    ids: Callable[[], int]
    prompts: Prompts
    draining: bool

    def free_trunk(self) -> Line | None:
        """A trunk line on which we may call somebody now."""

    def start_call(self, call: Call) -> None:
        """Let a new call begin its life."""

    def request(self, call: int, request: CallRequest) -> bool:
        """Pass on what is asked of a call; False when there is no such call."""

    def may_call_outside(self, number: str, station: str) -> bool:
        """Whether a number outside may be called now; counts it when it may."""


class Outbox:
    """The faxes to be sent, by number."""

    def __init__(self, control: Sending, faxes: Faxes, spool: FaxSpool) -> None:
        self.options = FaxOptions()
        self.jobs: dict[int, FaxJob] = {}
        self._control = control
        self._faxes = faxes
        self._spool = spool
        self._wake = asyncio.Event()
        self._began: dict[int, float] = {}
        """When the call of each fax that is being dialled began."""
        self._preparing: dict[int, asyncio.Task[None]] = {}
        self._purged = 0.0

    # -- life -----------------------------------------------------------------------------

    def load(self, alive: Container[int]) -> None:
        """Take up what the process before this one left; calls that are alive send on."""
        for job in self._spool.load():
            self.jobs[job.id] = job
            if job.source and job.state is not FaxState.PREPARING:
                (self._spool.site / job.source).unlink(missing_ok=True)
                self._source_gone(job)
            if job.state in UNDER_WAY and job.call not in alive:
                self._broken_off(job)

    async def run(self) -> None:
        """Send what is to be sent until cancelled."""
        try:
            async with asyncio.TaskGroup() as tasks:
                while True:
                    self._prepare(tasks)
                    rest = self._look()
                    self._wake.clear()
                    with contextlib.suppress(TimeoutError):
                        async with asyncio.timeout(rest):
                            await self._wake.wait()
        finally:
            self._preparing.clear()

    def put(self, number: str, source: str, name: str, by: str) -> FaxJob:
        """Queue a file of the site to be sent to a number; OSError when it cannot be kept."""
        control = self._control
        now = control.clock()
        job = FaxJob(id=control.ids(), number=number, name=name, by=by, created=now, source=source)
        self._spool.keep(job)
        self.jobs[job.id] = job
        log.info("fax is to be sent", fax=to_text(job.id), to=number, by=by)
        self._wake.set()
        return job

    def cancel(self, job: FaxJob) -> None:
        """Give a fax up; IllegalFaxState when it is over."""
        under_way = job.state in UNDER_WAY
        job.become(FaxState.CANCELLED)
        job.ended = self._control.clock()
        self._keep(job)
        if under_way:
            self._control.request(job.call, HangUpRequest(by="system"))

    # -- one call -------------------------------------------------------------------------

    async def converse(self, call: Call) -> None:
        """Send the fax of a call whose other side has answered, and end the call."""
        job = self.jobs.get(call.fax)
        if job is None or job.over:
            log.warning("call of no fax", call=to_text(call.id), fax=call.fax)
        else:
            await self._converse(call, job)
        self._control.request(call.id, HangUpRequest(by="system"))

    async def _converse(self, call: Call, job: FaxJob) -> None:
        self._began.pop(job.id, None)
        if job.state is FaxState.CALLING:
            job.become(FaxState.SENDING)
            job.segment = self._faxes.segment_to_send(call, job.file, job.number).id
            self._keep(job)
        over = asyncio.Event()

        def tell(event: fax.FaxEvent) -> None:
            if isinstance(event, FaxProgress):
                self._progress(job, event)
            else:
                self._ended(job, event)
                over.set()

        options = self.options
        start = fax.StartFax(
            fax=0, way="send", path=job.file, station=options.station, header=options.header
        )
        # Whoever has confirmed every page has the fax, whatever becomes of the line after that.
        pages = Pages(job.pages, confirmed=job.confirmed)
        number = await self._faxes.send(call, start, job.number, tell, pages)
        await over.wait()
        await self._faxes.part(number)

    def call_over(self, call: Call, cause: Cause) -> None:
        """The call of a fax has ended; one that was sent tells of itself."""
        job = self.jobs.get(call.fax)
        if job is None or job.call != call.id:
            return
        rang = self._began.pop(job.id, None)
        if job.state is not FaxState.CALLING:
            return
        late = rang is not None and self._control.clock() - rang >= self.options.ring_s
        self._failed(job, fax.NO_ANSWER if late else CAUSES.get(cause, fax.NOT_REACHED))

    def _progress(self, job: FaxJob, event: FaxProgress) -> None:
        self._note(job, event)
        if 0 < job.pages <= event.pages and not job.confirmed:
            # On disk before anything else can happen: a second fax would be one too many.
            job.confirmed = True
            self._keep(job)
        self._control.dirty.set()

    def _note(self, job: FaxJob, event: fax.FaxEvent) -> None:
        """How it goes."""
        job.sent, job.rate, job.station = event.pages, event.rate, event.station
        job.ecm, job.t38, job.slips, job.gaps = event.ecm, event.t38, event.slips, event.gaps

    def late(self, event: fax.FaxEvent) -> None:
        """Hear of a fax whose call a control process before this one had."""
        job = next((each for each in self.jobs.values() if each.segment == event.fax), None)
        if job is None or not event.fax or job.state in (FaxState.SENT, FaxState.CANCELLED):
            return
        if job.state is FaxState.SENDING:
            if isinstance(event, FaxProgress):
                self._progress(job, event)
        elif job.confirmed or event.pages >= job.pages or _is_ok(event):
            job.sent, job.confirmed = event.pages, True
            self._sent(job)

    def _broken_off(self, job: FaxJob) -> None:
        """Its call is no more; what is known of it is what was written."""
        if job.confirmed:
            self._sent(job)
        else:
            sending = job.state is FaxState.SENDING
            self._failed(job, fax.INTERRUPTED if sending else fax.NO_AUDIO)

    def _sent(self, job: FaxJob) -> None:
        job.become(FaxState.SENT)
        job.ended = self._control.clock()
        job.code, job.why_en, job.why_zh = fax.OK, "", ""
        self._keep(job)

    def _ended(self, job: FaxJob, ended: FaxEnded) -> None:
        self._note(job, ended)
        if ended.code == fax.OK and not job.over:
            self._sent(job)
        else:
            self._failed(job, ended.code)

    def _failed(self, job: FaxJob, code: int) -> None:
        """An attempt failed: try again, or give it up."""
        if job.over:
            self._keep(job)
            return
        now = self._control.clock()
        job.code = code
        job.why_en, job.why_zh = text_of(code, language="en"), text_of(code, language="zh")
        again = job.attempts < self.options.attempts and code not in HOPELESS
        job.become(FaxState.WAITING if again else FaxState.FAILED)
        if again:
            job.next_try = now + self.options.retry_s
        else:
            job.ended = now
        log.warning("fax not sent", fax=to_text(job.id), why=job.why_en, again=again)
        self._keep(job)

    # -- the queue ------------------------------------------------------------------------

    def _look(self) -> float:
        """Call for every fax whose turn it is; seconds until the next look."""
        control, now = self._control, self._control.clock()
        self._purge(now)
        for number, since in tuple(self._began.items()):
            if now - since >= self.options.ring_s:
                control.request(self.jobs[number].call, HangUpRequest(by="system"))
        waiting = [job for job in self.jobs.values() if job.state is FaxState.WAITING]
        due = sorted((job for job in waiting if job.next_try <= now), key=lambda job: job.id)
        under_way = sum(job.state in UNDER_WAY for job in self.jobs.values())
        for job in due[: max(self.options.at_once - under_way, 0)]:
            line = None if control.draining else control.free_trunk()
            if line is None or not control.may_call_outside(job.number, WHO):
                self._waits(job)
                break
            self._call(job, line, now)
        if due or self._began:
            return LOOK_S
        return min((max(job.next_try - now, 0.0) for job in waiting), default=REST_S)

    def _waits(self, job: FaxJob) -> None:
        """Tell once that a fax waits for a line."""
        if job.code != fax.NO_LINE:
            job.code = fax.NO_LINE
            job.why_en = text_of(fax.NO_LINE, language="en")
            job.why_zh = text_of(fax.NO_LINE, language="zh")
            self._keep(job)

    def _call(self, job: FaxJob, line: Line, now: float) -> None:
        control = self._control
        job.attempts += 1
        job.sent, job.call = 0, control.ids()
        job.slips = job.gaps = 0
        job.segment, job.confirmed = 0, False
        job.become(FaxState.CALLING)
        # Written before the call begins: whoever is killed now counts it as an attempt.
        self._keep(job)
        self._began[job.id] = now
        log.info("fax is sent", fax=to_text(job.id), call=to_text(job.call), attempt=job.attempts)
        control.start_call(
            Call(
                id=job.call,
                started=now,
                since=now,
                caller=Leg(id=control.ids(), line=line.id),
                phase=Phase.DIALLING,
                direction="out",
                ani=job.number,
                ani_verbatim=job.number,
                dnis=job.number,
                flow=FLOW,
                fax=job.id,
                data={"fax": to_text(job.id), "by": job.by},
            )
        )

    def _prepare(self, tasks: asyncio.TaskGroup) -> None:
        """Make files faxes, one at a time: it takes a processor and much memory."""
        if self._preparing:
            return
        for job in self.jobs.values():
            if job.state is FaxState.PREPARING:
                self._preparing[job.id] = tasks.create_task(
                    self._convert(job), name=f"fax {to_text(job.id)}"
                )
                return

    async def _convert(self, job: FaxJob) -> None:
        source = self._spool.site / job.source
        try:
            pages = await asyncio.to_thread(convert, source, self._spool.tiff(job))
        except (DocumentError, OSError) as error:
            log.warning("file cannot be made a fax", fax=to_text(job.id), why=str(error))
            if not job.over:
                job.code = fax.BAD_FILE
                job.why_en, job.why_zh = f"{job.name}: {error}", f"{job.name}：{error}"
                job.ended = self._control.clock()
                job.become(FaxState.FAILED)
        else:
            job.pages = pages
            if not job.over:
                job.become(FaxState.WAITING)
        finally:
            self._preparing.pop(job.id, None)
        # Whoever is killed before it is deleted deletes it at the next start.
        self._keep(job)
        await asyncio.to_thread(source.unlink, missing_ok=True)
        self._source_gone(job)

    def _source_gone(self, job: FaxJob) -> None:
        job.source = ""
        self._keep(job)

    def _keep(self, job: FaxJob) -> None:
        try:
            self._spool.keep(job)
        except OSError as error:
            # A full disk must not stop the fax: only its state is older after a crash.
            log.error("state of a fax is not kept", fax=to_text(job.id), why=str(error))
        self._control.dirty.set()
        self._wake.set()

    def _purge(self, now: float) -> None:
        """Delete faxes that are over long enough, once a day."""
        days = self.options.keep_days
        if not days or now - self._purged < DAY_S:
            return
        self._purged = now
        for job in tuple(self.jobs.values()):
            if job.state in OVER and job.ended < now - days * DAY_S:
                try:
                    self._spool.remove(job)
                except OSError as error:
                    log.error("old fax cannot be deleted", fax=to_text(job.id), why=str(error))
                else:
                    del self.jobs[job.id]


def _is_ok(event: fax.FaxEvent) -> bool:
    return isinstance(event, FaxEnded) and event.code == fax.OK


def faxes_of(control: Sending) -> Faxes:
    """The faxes of a control process, those to be sent included."""
    faxes = Faxes(control)
    faxes.outbox = Outbox(control, faxes, FaxSpool(control.prompts.site))
    return faxes
