"""The serial link to an exchange: call details for ringing ports, lamps for stations.

The thin half that owns the tty; what the bytes mean is in ``smdi``, ``matching`` and
``lamps``. The link carries no audio and has no lines.
"""

import asyncio
import datetime as dt
import itertools
from collections import Counter
from collections.abc import AsyncIterator, Callable, Sequence

import structlog

from drivers.api import AudioPorts, Line, LineId
from drivers.backoff import Backoff
from drivers.ctilink.details import CallDetail, CallDetails, TerminalKey
from drivers.ctilink.lamps import LampQueue
from drivers.ctilink.matching import DetailStore
from drivers.ctilink.options import CtiLinkOptions
from drivers.ctilink.smdi import LampRefused, Received, Receiver, lamp_command
from drivers.errors import DriverError, LinkLost
from drivers.events import LineDown, LineEvent, LineUp
from drivers.registry import register
from drivers.serial_port import SerialPort, SerialSettings

__all__ = ["CallDetail", "CallDetails", "CtiLinkDriver"]

SILENCE_S = 1.0
"""An unclosed record is taken as whole after this; at 1200 bit/s a byte takes 8 ms."""
PROBE_S = 5.0
CARRIER_POLL_S = 1.0

log = structlog.get_logger()


@register("ctilink", options=CtiLinkOptions)
class CtiLinkDriver:
    """One SMDI link: a ``Driver`` without lines, ``MessageLamps`` and ``CallDetails``.

    Its events name the link itself as the line: LineUp and LineDown as the tty comes and
    goes. Opening never fails for a device that is away; it is tried again until it comes.
    """

    def __init__(
        self,
        options: CtiLinkOptions,
        *,
        name: str = "ctilink",
        clock: Callable[[], float] | None = None,
        backoff: Backoff | None = None,
    ) -> None:
        options.check()
        self.name = name
        self._options = options
        self._clock = clock
        self._backoff = backoff or Backoff(quarantine_after=0)
        self._receiver = Receiver(
            strip_digits=options.strip_digits, long_numbers=options.long_numbers
        )
        self._store = DetailStore(options.expire_s)
        self._lamps = LampQueue(pause_s=options.lamp_pause_s, strip_digits=options.strip_digits)
        self._counts: Counter[str] = Counter()
        self._port: SerialPort | None = None
        self._events: asyncio.Queue[LineEvent | None] = asyncio.Queue()
        self._task: asyncio.Task[None] | None = None
        self._lost = asyncio.Event()
        self._why_lost = ""
        self._told_down = False
        self._lamp_wanted = asyncio.Event()
        self._last_byte = 0.0
        self._flush: asyncio.TimerHandle | None = None
        self._probe: asyncio.Future[bool] | None = None
        self._parity_told = False
        self._opened_before = False

    async def open(self, ports: AudioPorts | None = None) -> Sequence[Line]:
        """Start the link; there are no lines."""
        if self._task is None:
            self._task = asyncio.create_task(self._run(), name=f"{self.name} link")
        return ()

    async def close(self) -> None:
        """Stop the link and close the tty; safe to call twice."""
        task, self._task = self._task, None
        if task is None:
            return
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        if self._flush is not None:
            self._flush.cancel()
        if self._port is not None:
            self._port.close()
        self._events.put_nowait(None)

    async def events(self) -> AsyncIterator[LineEvent]:
        """Yield LineUp and LineDown of the link until it is closed."""
        while (event := await self._events.get()) is not None:
            yield event

    def line(self, line: LineId) -> Line:
        """There are no lines: KeyError."""
        raise KeyError(line)

    def counters(self) -> dict[str, int]:
        """Counts of records, refusals, lamp commands, matches and faults."""
        parts = itertools.chain(
            self._counts.items(),
            self._receiver.counts.items(),
            (("details_" + key, value) for key, value in self._store.counts.items()),
            (("lamps_" + key, value) for key, value in self._lamps.counts.items()),
        )
        return dict(parts)

    @property
    def is_up(self) -> bool:
        """Whether the tty is open."""
        return self._port is not None and self._port.is_open

    async def wait_for(
        self, desk_terminal_key: str, wait_s: float | None = None
    ) -> CallDetail | None:
        """See ``CallDetails.wait_for``."""
        key = TerminalKey.from_text(desk_terminal_key)
        found = self._store.take(key, self._now())
        if found is not None:
            return found
        arrived: asyncio.Future[CallDetail] = asyncio.get_running_loop().create_future()
        take = arrived.set_result
        self._store.wait(key, take)
        try:
            async with asyncio.timeout(self._options.wait_s if wait_s is None else wait_s):
                return await asyncio.shield(arrived)
        except TimeoutError:
            self._counts["calls_without_detail"] += 1
            return arrived.result() if arrived.done() else None
        finally:
            self._store.stop_waiting(key, take)

    async def set_lamp(self, station: str, *, on: bool) -> None:
        """Wish a station's lamp on or off; it is sent when the link and its pace allow."""
        self._lamps.set(station, on=on, now=self._now())
        self._lamp_wanted.set()

    def lamp_states(self) -> dict[str, str]:
        """Every known station: queued, sent, reached, blocked or refused."""
        return self._lamps.states()

    async def probe(self) -> bool:
        """Ask for the lamp of the station that does not exist: true if the exchange refuses.

        LinkLost while the tty is closed; DriverError without ``probe_station``.
        """
        if not self._options.probe_station:
            raise DriverError("probe_station is not configured")
        if self._port is None or not self._port.is_open:
            raise LinkLost(f"{self._options.device}: not open")
        self._probe = asyncio.get_running_loop().create_future()
        self._port.write(lamp_command(self._options.probe_station, on=False))
        try:
            async with asyncio.timeout(PROBE_S):
                return await self._probe
        except TimeoutError:
            return False
        finally:
            self._probe = None

    def _now(self) -> float:
        return self._clock() if self._clock is not None else asyncio.get_running_loop().time()

    async def _run(self) -> None:
        try:
            async with asyncio.TaskGroup() as tasks:
                tasks.create_task(self._keep_open(), name=f"{self.name} tty")
                tasks.create_task(self._send_lamps(), name=f"{self.name} lamps")
                tasks.create_task(self._supervise(), name=f"{self.name} supervision")
        except Exception:
            log.exception("link driver failed", link=self.name)
            self._events.put_nowait(LineDown(line=LineId(self.name), reason="internal fault"))

    async def _keep_open(self) -> None:
        while True:
            try:
                self._open_port()
            except DriverError as error:
                why = str(error)
            else:
                await self._lost.wait()
                why = self._why_lost
            pause = self._backoff.failed(self._now())
            self._counts["link_lost"] += 1
            if not self._told_down:
                self._told_down = True
                log.warning("link to the exchange is down", link=self.name, why=why)
                self._events.put_nowait(LineDown(line=LineId(self.name), reason=why))
            await asyncio.sleep(pause)

    def _open_port(self) -> None:
        options = self._options
        settings = SerialSettings(
            device=options.device,
            speed=options.speed,
            data_bits=options.data_bits,
            parity=options.parity,
            stop_bits=options.stop_bits,
        )
        self._lost.clear()
        port = SerialPort(settings, received=self._received, lost=self._port_lost)
        port.open()
        self._port, self._last_byte = port, self._now()
        self._backoff.worked(self._now())
        if self._opened_before:
            # Success is silent, so what was sent before the loss may never have arrived.
            self._lamps.audit()
        self._opened_before, self._told_down = True, False
        self._lamp_wanted.set()
        log.info("link to the exchange is up", link=self.name, device=options.device)
        self._events.put_nowait(LineUp(line=LineId(self.name)))

    def _port_lost(self, error: LinkLost) -> None:
        self._why_lost = str(error)
        self._lost.set()

    def _received(self, data: bytes) -> None:
        self._last_byte = self._now()
        log.debug("bytes from the exchange", link=self.name, data=data.hex(" "))
        self._take(self._receiver.receive(data))
        if self._flush is not None:
            self._flush.cancel()
            self._flush = None
        if self._receiver.unfinished:
            loop = asyncio.get_running_loop()
            self._flush = loop.call_later(SILENCE_S, self._silence)
        if self._receiver.parity_suspect and not self._parity_told:
            self._parity_told = True
            self._counts["parity_alarms"] += 1
            log.error("many records are damaged: check speed, size and parity", link=self.name)

    def _silence(self) -> None:
        self._flush = None
        self._take(self._receiver.flush())

    def _take(self, records: list[Received]) -> None:
        for record in records:
            if isinstance(record, CallDetail):
                log.debug("call detail", link=self.name, key=str(record.key), kind=record.kind)
                self._store.add(record, self._now())
            else:
                self._refused(record)

    def _refused(self, refusal: LampRefused) -> None:
        if self._probe is not None and refusal.station.lstrip("0") == (
            self._options.probe_station.lstrip("0")
        ):
            if not self._probe.done():
                self._probe.set_result(True)
            return
        alarm = self._lamps.refused(refusal, self._now())
        self._lamp_wanted.set()
        if alarm is None:
            log.info("lamp refused", link=self.name, station=refusal.station, cause=refusal.cause)
            return
        self._counts["lamp_alarms"] += 1
        if alarm.whole_link:
            log.error(
                "the exchange refuses lamps: check number length, strip_digits and desk",
                link=self.name,
                station=alarm.station,
            )
        else:
            log.error("no lamp at this station", link=self.name, station=alarm.station)

    async def _send_lamps(self) -> None:
        while True:
            self._lamp_wanted.clear()
            deadline = self._lamps.deadline() if self.is_up else None
            wait = None if deadline is None else max(0.0, deadline - self._now())
            try:
                async with asyncio.timeout(wait):
                    await self._lamp_wanted.wait()
            except TimeoutError:
                self._send_due()

    def _send_due(self) -> None:
        while self._port is not None and self._port.is_open:
            command = self._lamps.due(self._now())
            if command is None:
                return
            try:
                self._port.write(command.data)
            except LinkLost as error:
                self._lamps.not_sent(command)
                self._port.close()
                self._port_lost(error)

    async def _supervise(self) -> None:
        """Watch carrier, silence and the hour of the nightly audit."""
        warned = False
        audit = self._next_audit()
        while True:
            await asyncio.sleep(CARRIER_POLL_S)
            now = self._now()
            port = self._port
            if port is None or not port.is_open:
                continue
            if self._options.carrier and not port.carrier():
                port.close()
                self._port_lost(LinkLost(f"{self._options.device}: no carrier"))
            quiet = now - self._last_byte
            if self._options.quiet_warning_s and quiet >= self._options.quiet_warning_s:
                if not warned:
                    self._counts["quiet_warnings"] += 1
                    log.warning("the exchange is silent", link=self.name, quiet_s=round(quiet))
                warned = True
            else:
                warned = False
            if audit is not None and dt.datetime.now().astimezone() >= audit:
                self._lamps.audit()
                self._lamp_wanted.set()
                audit = self._next_audit()

    def _next_audit(self) -> dt.datetime | None:
        if not self._options.audit_at:
            return None
        now = dt.datetime.now().astimezone()
        hour, minute = map(int, self._options.audit_at.split(":"))
        at = now.replace(hour=hour, minute=minute, second=0, microsecond=0)
        return at if at > now else at + dt.timedelta(days=1)
