"""Fax terminals as audio ports: each a worker process at the other end of a socket pair.

A worker that hangs, dies or never starts ends its own fax with a clear cause; the engine and
the other faxes do not notice.
"""

import asyncio
import contextlib
import socket
import sys
from collections import Counter, OrderedDict
from pathlib import Path
from typing import Final

import msgspec

from daemon.fax import messages as fax
from daemon.fax.messages import FaxEnded, FaxProgress, WorkerReady
from daemon.link.errors import MediaRefused
from daemon.logs import get_logger
from daemon.media.driver_host import EnginePorts
from daemon.media.fax.relay import FaxRelays
from daemon.media.fax.sockets import FaxSockets
from daemon.media.fax.workers import LONGEST_LINE, Running, arguments_of, next_event
from daemon.media.options import MediaOptions
from daemon.media.ports import HostServices
from drivers.api import PortId
from drivers.errors import DriverError

START_S: Final = 10.0  # s from the process's start to its readiness
END_S: Final = 15.0  # s from the end of the audio to the end of the process, PDF and all
REMEMBERED: Final = 64  # ended faxes that are told again to who asks again
GATEWAY_END_S: Final = 2.0  # s that a gateway has to end where datagrams are passed on instead
NO_PORT: Final = 0
RELAYS: Final = 8  # conversations passed on for each terminal that may run: they cost far less

log = get_logger(__name__)


class FaxHost:
    """The host ``fax``: starts and ends terminals, tells how they go."""

    name = fax.HOST

    def __init__(
        self,
        site: Path,
        *,
        at_once: int,
        options: MediaOptions | None = None,
        worker: tuple[str, ...] = (),
    ) -> None:
        self._site = site.resolve()
        self._at_once = at_once
        self._worker = worker or (sys.executable, "-P", "-m", "daemon.fax.worker")
        self._faxes: dict[int, Running] = {}
        self._starting: dict[int, asyncio.Task[fax.Reply]] = {}
        self._unwanted: set[int] = set()
        """Faxes that were stopped before they had started."""
        self._over: OrderedDict[int, FaxEnded] = OrderedDict()
        self._services: HostServices | None = None
        self._ports: EnginePorts | None = None
        self._sockets = FaxSockets(options or MediaOptions())
        self._relays = FaxRelays(self._sockets, at_once=at_once * RELAYS)
        self.counts: Counter[str] = Counter()

    async def open(self, services: HostServices) -> None:
        """Take faxes from now on."""
        self._services, self._ports = services, EnginePorts(services, digits="device")

    async def close(self) -> None:
        """End every worker; safe to call twice."""
        starting = list(self._starting.values())
        for task in starting:
            task.cancel()
        await asyncio.gather(*starting, return_exceptions=True)
        running = list(self._faxes.values())
        for each in running:
            self._kill(each)
        self._sockets.close_all()
        self._relays.stop_all()
        tasks = [each.task for each in running if each.task is not None]
        await asyncio.gather(*tasks, return_exceptions=True)

    async def control_gone(self) -> None:
        """Nobody would take the pages: end every fax in order."""
        self._sockets.close_all()
        for ended in self._relays.stop_all():
            self._tell_end(ended)
        self._unwanted.update(self._starting)
        for each in tuple(self._faxes.values()):
            self._hang_up(each, fax.DROPPED)

    def device_event(self, port: PortId, kind: str, value: int) -> None:
        """The worker's end of the socket is gone; the reader of its events does the rest."""
        self.counts[f"device_{kind}"] += 1

    async def handle(self, payload: bytes) -> bytes:
        """Carry out a request of control; a failure is told inside the answer."""
        try:
            request = fax.decode_request(payload)
        except msgspec.DecodeError as error:
            self.counts["bad_requests"] += 1
            return fax.encode(fax.FaxRefused(code=fax.BAD_FILE, text=str(error)))
        self.counts[type(request).__name__] += 1
        match request:
            case fax.StartFax():
                return fax.encode(await self._start(request))
            case fax.OpenT38():
                return fax.encode(self._open_t38(request))
            case fax.PassT38():
                return fax.encode(await self._pass_on(request))
            case fax.AskFax():
                return fax.encode(self._ask(request.fax))
            case fax.StopFax():
                return fax.encode(self._stop(request.fax))

    # -- start ----------------------------------------------------------------------------

    async def _start(self, request: fax.StartFax) -> fax.Reply:
        """Start a fax; who asks while it is being started waits for that, and has the same."""
        number = request.fax
        while (starting := self._starting.get(number)) is not None:
            await asyncio.wait((starting,))
        task = asyncio.create_task(self._start_wanted(request), name=f"start of fax {number}")
        self._starting[number] = task
        # Whoever asked may go meanwhile; what was begun is completed, or undone, all the same.
        reply = await asyncio.shield(task)
        if isinstance(reply, fax.FaxRefused | fax.FaxStopped):
            self._sockets.close(number)
        return reply

    async def _start_wanted(self, request: fax.StartFax) -> fax.Reply:
        """Start a fax, or let it go on; who stops it meanwhile was told that an end follows."""
        try:
            reply = await self._start_alone(request)
        finally:
            # At once: a stop that comes now must find what runs.
            del self._starting[request.fax]
            unwanted = request.fax in self._unwanted
            self._unwanted.discard(request.fax)
        if unwanted:
            if (running := self._faxes.get(request.fax)) is not None:
                self._hang_up(running, fax.DROPPED)
            elif isinstance(reply, fax.FaxRefused):
                self._emit(FaxEnded(fax=request.fax, code=reply.code, detail=reply.text))
        return reply

    async def _start_alone(self, request: fax.StartFax) -> fax.Reply:
        running = self._faxes.get(request.fax)
        if running is not None and not running.open and running.task is not None:
            # It is completing its file: nothing may begin in its place.
            await asyncio.wait((running.task,))
            running = None
        # One that runs by T.38 goes on as such, whatever a control process asks that comes back.
        takes_over = running is not None and request.t38 not in (None, running.request.t38)
        if running is not None and not takes_over:
            return fax.FaxStarted(port=running.port or NO_PORT)
        if (ended := self._over.get(request.fax)) is not None:
            self._emit(ended)
            return fax.FaxStopped()
        others = self._faxes.keys() | self._starting.keys()
        if len(others - {request.fax}) >= self._at_once:
            self.counts["refused_busy"] += 1
            text = f"{self._at_once} faxes run; more are allowed by fax_terminals in [media]"
            return fax.FaxRefused(code=fax.BUSY, text=text)
        try:
            path = None if request.way == "gateway" else self._file(request)
            if running is not None:
                await self._replace(running)
            return await self._begin(request, path)
        except (OSError, ValueError) as error:
            return fax.FaxRefused(code=fax.BAD_FILE, text=str(error))

    def _stop(self, number: int) -> fax.FaxStopped:
        """End a fax, also one that is just starting."""
        self._sockets.close(number)
        if number in self._starting:
            self._unwanted.add(number)
        elif number in self._faxes:
            self._hang_up(self._faxes[number], fax.DROPPED)
        elif number in self._relays:
            self._tell_end(self._relays.stop(number))
        elif number in self._over:
            self._emit(self._over[number])
        else:
            return fax.FaxStopped(ends=False)
        return fax.FaxStopped()

    def _file(self, request: fax.StartFax) -> Path:
        """The file below the site's ``faxes/``; ValueError elsewhere, OSError without folder."""
        # Links are followed first: what counts is where the file really lies.
        path = (self._site / request.path).resolve()
        if not path.is_relative_to(self._site / fax.FOLDER) or path.suffix != ".tif":
            raise ValueError(f"a fax is a .tif file in {fax.FOLDER}/: {request.path}")
        if request.way == "receive":
            path.parent.mkdir(parents=True, exist_ok=True)
        elif not path.is_file():
            raise ValueError(f"there is no file {request.path}")
        return path

    def _ask(self, number: int) -> fax.Reply:
        """Tell again what was told last, to who may have lost it."""
        if (running := self._faxes.get(number)) is not None and running.progress.rate:
            self._emit(running.progress)
        if number in self._faxes or number in self._starting or number in self._relays:
            return fax.FaxStarted(port=(running and running.port) or NO_PORT)
        if (ended := self._over.get(number)) is not None:
            self._emit(ended)
        return fax.FaxStopped(ends=ended is not None)

    async def _pass_on(self, request: fax.PassT38) -> fax.Reply:
        """Pass datagrams on; in the place of a gateway with its socket and its numbers."""
        goes_on = None
        running = self._faxes.get(request.gateway)
        if running is not None and running.datagrams is not None and not self._relays.full:
            near, running.datagrams = running.datagrams, None
            self._sockets.put(request.fax, near)
            self._hang_up(running, fax.DROPPED)
            if running.task is not None:
                await asyncio.wait((running.task,), timeout=GATEWAY_END_S)
            if running.ended is None:
                # What it sent last is not known: nothing that came after it would be heard.
                self._kill(running)
                self._sockets.close(request.fax)
            else:
                goes_on = running.ended.numbered
        return self._relays.start(request, goes_on=goes_on)

    def _open_t38(self, request: fax.OpenT38) -> fax.Reply:
        # After a restart of media all that was passed on comes back at the same time.
        most = 2 * RELAYS * self._at_once
        if request.fax not in self._sockets and len(self._sockets) >= most:
            self.counts["refused_busy"] += 1
            return fax.FaxRefused(code=fax.BUSY, text=f"{most} sockets wait for their faxes")
        try:
            host, port = self._sockets.open(request.fax, request.port)
        except (MediaRefused, OSError) as error:
            return fax.FaxRefused(code=fax.NO_AUDIO, text=str(error))
        return fax.T38Opened(host=host, port=port)

    async def _replace(self, running: Running) -> None:
        """End a worker in whose place another one comes."""
        running.replaced = True
        self._hang_up(running, fax.DROPPED)
        self._kill(running)
        if running.task is not None:
            await running.task

    async def _begin(
        self, request: fax.StartFax, path: Path | None
    ) -> fax.FaxStarted | fax.FaxRefused:
        datagrams = self._sockets.take(request.fax) if request.t38 is not None else None
        if request.t38 is not None and datagrams is None:
            return fax.FaxRefused(code=fax.NO_AUDIO, text="no socket was opened for its T.38")
        ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_STREAM)
        with theirs, contextlib.closing(datagrams) if datagrams else contextlib.nullcontext():
            told, given = arguments_of(request, path, theirs, datagrams)
            try:
                running = Running(request, await self._process(told, given))
                running.keep(datagrams)
            except BaseException:
                ours.close()
                raise
        try:
            async with asyncio.timeout(START_S):
                ready = await next_event(running.process)
            if isinstance(ready, WorkerReady):
                self._attach(running, ours)
        except (TimeoutError, ValueError, DriverError) as error:
            log.warning("fax terminal does not start", fax=request.fax, why=repr(error))
        finally:
            if running.leash is None:
                ours.close()
            if not running.open:
                self._kill(running)
        if not running.open:
            self.counts["not_started"] += 1
            running.drop()
            await running.process.wait()
            text = "the fax terminal does not start; is libspandsp2 installed? See the log"
            return fax.FaxRefused(code=fax.NO_TERMINAL, text=text)
        self._faxes[request.fax] = running
        running.task = asyncio.create_task(self._follow(running), name=f"fax {request.fax}")
        return fax.FaxStarted(port=running.port or NO_PORT)

    async def _process(self, told: list[str], given: tuple[int, ...]) -> asyncio.subprocess.Process:
        return await asyncio.create_subprocess_exec(
            *self._worker,
            *told,
            pass_fds=given,
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE,
            limit=LONGEST_LINE,
        )

    def _attach(self, running: Running, ours: socket.socket) -> None:
        """Join a worker with the engine; one that speaks T.38 alone is only held on a leash."""
        if running.request.t38 is not None and running.request.way != "gateway":
            running.leash = ours
        elif self._ports is not None:
            running.port = self._ports.open_device(ours.fileno(), "s16")

    # -- while it runs, and its end -------------------------------------------------------

    async def _follow(self, running: Running) -> None:
        number, process = running.request.fax, running.process
        try:
            while running.ended is None and (event := await next_event(process)) is not None:
                match event:
                    case FaxProgress():
                        self._look(running)
                        slips, gaps = running.damage
                        event = msgspec.structs.replace(event, slips=slips, gaps=gaps)
                        running.progress = event
                        if not running.replaced:
                            self._emit(event)
                    case FaxEnded():
                        running.ended = event
                    case WorkerReady():
                        pass
        except ValueError as error:
            log.error("fax worker tells nonsense", fax=number, why=str(error))
        self._look(running)
        self._hang_up(running, running.why)
        await process.wait()
        if running.request.way == "receive" and not (running.ended or running.progress).pages:
            self._drop_empty(running)
        running.drop()
        if running.ending is not None:
            running.ending.cancel()
        last = running.progress
        ended = running.ended or FaxEnded(
            fax=number,
            code=running.why,
            detail=f"worker ended with {process.returncode}",
            pages=last.pages,
            rate=last.rate,
            ecm=last.ecm,
            station=last.station,
        )
        slips, gaps = running.damage
        ended = msgspec.structs.replace(ended, slips=slips, gaps=gaps)
        if self._faxes.get(number) is running:
            del self._faxes[number]
        if running.replaced:
            return
        self._tell_end(ended)

    def _tell_end(self, ended: FaxEnded) -> None:
        """Tell an end, and remember it for who asks again."""
        self._over[ended.fax] = ended
        while len(self._over) > REMEMBERED:
            self._over.popitem(last=False)
        self.counts["ended_ok" if ended.code == fax.OK else "ended_failed"] += 1
        self._emit(ended)

    def _look(self, running: Running) -> None:
        """See how the audio comes in; what was before the machines agreed harmed nothing."""
        if running.port is None or self._services is None:
            return
        counted = self._services.heard_by(running.port)
        now = Counter({name: int(counted.get(name, 0)) for name in ("slips", "lost", "late")})
        if running.first is None:
            running.first = now
        running.heard = now - running.first

    def _drop_empty(self, running: Running) -> None:
        """Delete a file without a whole page, whatever became of its worker."""
        if running.replaced:
            return
        with contextlib.suppress(OSError, ValueError):
            path = self._file(running.request)
            path.unlink(missing_ok=True)
            path.with_name(path.stem + ".pdf.part").unlink(missing_ok=True)

    def _hang_up(self, running: Running, why: int) -> None:
        """Take the audio away: the worker completes its file and ends, or is killed."""
        if not running.open or self._services is None:
            return
        if running.port is not None:
            self._services.close(running.port)
            running.port = None
        if running.leash is not None:
            running.leash.close()
            running.leash = None
        if running.ended is None:
            running.why = why
        loop = asyncio.get_running_loop()
        running.ending = loop.call_later(END_S, self._kill, running)

    def _kill(self, running: Running) -> None:
        if running.process.returncode is None:
            with contextlib.suppress(ProcessLookupError):
                running.process.kill()

    def _emit(self, event: fax.FaxEvent) -> None:
        if self._services is not None:
            self._services.emit(fax.encode(event))
