"""One port of the board as a line: its device, its state machine and its audio port.

The machine decides, this carries out: requests to the device, the audio port in the media
engine, timers, and opening the device again after it failed.
"""

import asyncio
from collections import Counter
from collections.abc import Callable
from functools import partial

import structlog

from drivers.api import CallDetails, Capability, LineId, PortId
from drivers.backoff import Backoff
from drivers.errors import DeviceMissing, DriverError, LineBusy, LinkLost, NotCapable
from drivers.events import Cause, Digit, LineDown, LineEvent, LineUp, Released
from drivers.voiceboard import dahdi, port
from drivers.voiceboard.dahdi import Event, Hook, Request
from drivers.voiceboard.device import BoardDevice, cancel_echo
from drivers.voiceboard.display.message import Caller
from drivers.voiceboard.display.teller import CallerTeller, DevicePorts
from drivers.voiceboard.fxs import FxsPort
from drivers.voiceboard.listening import CallerListener, ProgressListener
from drivers.voiceboard.options import ChannelOptions, VoiceBoardOptions
from drivers.voiceboard.port import IllegalTransition, PortInput, PortMachine

log = structlog.get_logger()

MOST_DIGITS = 64
PHASES_WITH_CALL = ("ringing", "dialling", "talking")


class BoardLine:
    """One port of the board; a ``Line``."""

    def __init__(
        self,
        line: LineId,
        channel: ChannelOptions,
        options: VoiceBoardOptions,
        device: BoardDevice,
        machine: PortMachine,
        report: Callable[[LineEvent], None],
        *,
        backoff: Backoff | None = None,
    ) -> None:
        self.id = line
        self.channel = channel
        self.can = port.TRUNK_PORT if channel.kind == "fxo" else port.STATION_PORT
        self.port: PortId | None = None
        self.up = False
        self.counts: Counter[str] = Counter()
        self.backoff = backoff or Backoff()
        self._options = options
        self._device = device
        self._machine = machine
        self._report = report
        self._ports: DevicePorts | None = None
        self._lock = asyncio.Lock()
        self._timer: asyncio.TimerHandle | None = None
        self._tasks: set[asyncio.Task[None]] = set()
        self._progress = ProgressListener(options, self._heard)
        told = partial(self._later, PortInput.TOLD)
        self._teller = CallerTeller(line, device, options, told, self.counts)
        self._calling = Caller()
        self._caller = CallerListener(machine, options)
        if self._caller.told or (channel.kind == "fxo" and options.caller_id == "fsk"):
            self.can |= Capability.ANI
        self._tried = asyncio.Event()

    @property
    def phase(self) -> str:
        """idle, ringing, dialling or talking."""
        return self._machine.phase

    @property
    def ref(self) -> str:
        """Reference of the present call; empty between calls."""
        return self._machine.ref if self.phase in PHASES_WITH_CALL else ""

    @property
    def dnis(self) -> str:
        """Number that callers of this port have dialled."""
        return self.channel.number if self.channel.kind == "fxo" else ""

    @property
    def station(self) -> str:
        """Extension of the telephone at the port; empty at a trunk port."""
        return self.channel.number if self.channel.kind == "fxs" else ""

    @property
    def telling_port(self) -> PortId | None:
        """Audio port in which the telephone is told who calls, while it is."""
        return self._teller.port

    @property
    def reachable(self) -> bool:
        """Whether the port can be dialled now."""
        hung_up = not isinstance(self._machine, FxsPort) or self._machine.hung_up
        return self.up and hung_up and self.phase == "idle"

    async def run(self, ports: DevicePorts) -> None:
        """Keep the port open until cancelled; a failing one is tried again, ever later."""
        self._ports = ports
        try:
            while True:
                try:
                    await self._work()
                except DriverError as error:
                    missing = isinstance(error, DeviceMissing)
                    pause = self.backoff.absent() if missing else self.backoff.failed(self._now())
                    await self._failed(error, pause)
                    self._tried.set()
                    await asyncio.sleep(pause)
        finally:
            self._stop_timers()
            await self._quiet()
            self._device.close()

    async def tried(self) -> None:
        """Wait until the port was opened once, or failed to."""
        await self._tried.wait()

    async def dial(self, number: str, *, ani: str = "", name: str = "") -> None:
        """Place a call; a telephone is told who calls, an exchange cannot be."""
        await self.dial_with(number, CallDetails(), ani=ani, name=name)

    async def dial_with(
        self, number: str, details: CallDetails, *, ani: str = "", name: str = ""
    ) -> None:
        """Like ``dial``; a telephone is told that a number is withheld, too."""
        if not self.up:
            raise LinkLost(f"{self.id}: out of service")
        self._check_digits(number)
        calling = Caller(number=ani, name=name, restricted=details.restricted)
        await self._control(PortInput.DIAL, number=number, calling=calling)

    async def answer(self) -> None:
        """Go off-hook; Answered follows."""
        await self._control(PortInput.ANSWER)

    async def release(self, cause: Cause | None = None) -> None:
        """Go on-hook in any state; an analogue line cannot tell the cause."""
        await self._control(PortInput.RELEASE)

    async def hold(self) -> None:
        """Boards cannot hold: NotCapable; the bridge is what changes."""
        raise NotCapable(f"{self.id}: a board port cannot hold")

    async def retrieve(self) -> None:
        """Boards cannot hold: NotCapable."""
        raise NotCapable(f"{self.id}: a board port cannot hold")

    async def send_digits(self, digits: str) -> None:
        """Send keys as tones made by the board."""
        if self.phase != "talking":
            raise NotCapable(f"{self.id}: no conversation to send keys in")
        self._check_digits(digits)
        await self._command(Request.DIAL, dahdi.pack_dial(digits, operation=dahdi.DIAL_APPEND))

    async def flash(self) -> None:
        """Flash the hook, as a telephone does to reach the exchange's functions."""
        await self._control(PortInput.FLASH)

    async def transfer(self, number: str) -> None:
        """Flash, dial and hang up: the exchange joins the caller and the number."""
        if not self.can & Capability.TRANSFER:
            raise NotCapable(f"{self.id}: a telephone port cannot transfer")
        self._check_digits(number)
        await self._control(PortInput.TRANSFER, number=number)

    async def set_lamp(self, *, on: bool) -> None:
        """Light or darken the telephone's message lamp."""
        if self.channel.kind != "fxs":
            raise NotCapable(f"{self.id}: only telephones have a lamp")
        await self._command(Request.VMWI, dahdi.pack_int(int(on)))

    def wake(self, *, lost: bool = False) -> None:
        """The media engine met an event on the descriptor, or its end: ask the board."""
        if lost:
            self._device.close()
        else:
            self._device.wake()

    def _check_digits(self, digits: str) -> None:
        if not 0 < len(digits) <= MOST_DIGITS or not set(digits) <= dahdi.DIAL_DIGITS:
            raise DriverError(f"{self.id}: {digits!r} cannot be dialled")

    async def _work(self) -> None:
        await self._device.open()
        await self._command(Request.HOOK, dahdi.pack_int(Hook.ONHOOK))
        self.backoff.worked(self._now())
        self.counts["opened"] += 1
        self._tell(LineUp(line=self.id))
        self._caller.listen(self._device.audio_fd)
        self._tried.set()
        async for event in self._device.events():
            await self._event(event)

    async def _event(self, event: int) -> None:
        digit = dahdi.digit_of(event)
        if digit is not None:
            self._digit(*digit)
            return
        cause = port.INPUT_OF_EVENT.get(event)
        if event == Event.RINGOFFHOOK:
            cause = PortInput.RING if self.channel.kind == "fxo" else PortInput.LIFTED
        if cause is None:
            self.counts[f"event_{event}"] += 1
            return
        async with self._lock:
            try:
                await self._perform(self._machine.handle(cause, self._now()))
            except IllegalTransition as error:
                self.counts["unexpected_events"] += 1
                log.info("board event out of place", line=self.id, what=str(error))
            except LinkLost:
                raise
            except DriverError as error:
                log.warning("board event without effect", line=self.id, why=str(error))
        if cause is PortInput.ON_HOOK and self.phase == "talking":
            self.counts["glitches"] += 1

    def _digit(self, key: str, down: bool) -> None:  # noqa: FBT001 - one pair of a table
        if down:
            return
        if self._options.digits != "device":
            self.counts["device_digits_dropped"] += 1
        elif self.phase == "talking":
            self._report(Digit(line=self.id, key=key, source="device"))
        elif self.phase == "idle":
            self._caller.key(key)

    async def _control(
        self, cause: PortInput, *, number: str = "", calling: Caller | None = None
    ) -> None:
        async with self._lock:
            try:
                effects = self._machine.handle(cause, self._now(), number=number)
            except IllegalTransition as error:
                kind = LineBusy if cause is PortInput.DIAL else NotCapable
                raise kind(f"{self.id}: {error}") from error
            self._calling = calling or self._calling
            try:
                await self._perform(effects)
            except LinkLost:
                # The reader of events sees the same loss and reports it.
                self._device.close()
                raise

    async def _perform(self, effects: list[port.Effect]) -> None:
        """Carry out what the machine asks for; a call for which that fails is given up."""
        self._arm()
        try:
            for effect in effects:
                await self._do(effect)
        except LinkLost:
            raise
        except DriverError as error:
            await self._give_up(error)
            raise

    async def _do(self, effect: port.Effect) -> None:
        match effect:
            case port.SetHook(hook):
                await self._set_hook(hook)
            case port.SendTones(digits):
                await self._command(Request.DIAL, dahdi.pack_dial(digits))
            case port.OpenAudio(needed=needed):
                await self._open_audio(needed=needed)
            case port.CloseAudio():
                self._close_audio()
            case port.ListenForTones(on):
                await self._listen(on=on)
            case port.TellCaller():
                self._teller.begin(self._ports, self._calling)
            case port.EndTelling():
                await self._teller.stop()
            case port.Report(event):
                self._tell(event)

    async def _give_up(self, error: DriverError) -> None:
        """Hang up; LinkLost when not even that works, so that the port is opened anew."""
        self.counts["calls_given_up"] += 1
        log.warning("call on a board port given up", line=self.id, why=str(error))
        effects = self._machine.handle(PortInput.RELEASE, self._now())
        self._arm()
        try:
            for effect in effects:
                await self._do(effect)
        except DriverError as again:
            raise LinkLost(str(again)) from again

    def _tell(self, event: LineEvent) -> None:
        if isinstance(event, LineUp | LineDown):
            self.up = isinstance(event, LineUp)
        name = type(event).__name__.lower()
        self.counts[name] += 1
        self._report(event)

    async def _set_hook(self, hook: Hook) -> None:
        await self._command(Request.HOOK, dahdi.pack_int(hook))
        taps = self._options.echo_taps if hook is Hook.OFFHOOK else 0
        if taps and not await cancel_echo(self._device, taps):
            # A board without a canceller works; the call has echo and this counts it.
            self.counts["no_echo_canceller"] += 1

    async def _command(self, request: Request, argument: bytes = b"") -> bytes:
        return await self._device.command(request, argument)

    async def _open_audio(self, *, needed: bool) -> None:
        if self._ports is None or self.port is not None:
            return
        await self._device.flush()
        try:
            self.port = self._ports.open_device(self._device.audio_fd, self._options.law)
        except DriverError:
            if needed:
                raise
            self.counts["callers_not_heard"] += 1

    def _close_audio(self) -> None:
        self._caller.listen(-1)
        if self._ports is not None and self.port is not None:
            self._ports.close(self.port)
        self.port = None

    async def _listen(self, *, on: bool) -> None:
        if on and not self._progress.listens:
            await self._device.flush()
        self._progress.listen(self._device.audio_fd if on else -1)

    async def _quiet(self) -> None:
        self._progress.listen(-1)
        await self._teller.drop()
        self._close_audio()

    def _heard(self, cause: PortInput) -> None:
        self.counts["tone_" + cause.name.lower()] += 1
        self._later(cause)

    def _arm(self) -> None:
        idle = self.up and self.phase == "idle"
        self._caller.listen(self._device.audio_fd if idle else -1)
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        deadline = self._machine.deadline
        if deadline is not None:
            self._timer = asyncio.get_running_loop().call_at(deadline, self._later, None)

    def _later(self, cause: PortInput | None) -> None:
        task = asyncio.create_task(self._take(cause), name=f"{self.id} {cause}")
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _take(self, cause: PortInput | None) -> None:
        """Give the machine a tone, or None: its deadline."""
        async with self._lock:
            try:
                if cause is None:
                    effects = self._machine.expire(self._now())
                else:
                    effects = self._machine.handle(cause, self._now())
                await self._perform(effects)
            except IllegalTransition:
                self.counts["unexpected_tones"] += 1
            except LinkLost:
                self._device.close()
            except DriverError as error:
                log.warning("tone or time without effect", line=self.id, why=str(error))

    async def _failed(self, error: DriverError, pause: float) -> None:
        async with self._lock:
            self.counts["failures"] += 1
            await self._quiet()
            self._device.close()
            self._stop_timers()
            in_call = self.phase in PHASES_WITH_CALL
            self._machine.reset()
            quarantined = self.backoff.quarantined
        if in_call:
            out = Cause.DESTINATION_OUT_OF_ORDER
            self._tell(Released(line=self.id, cause=out, detail=str(error)))
        if self.up or self.counts["failures"] == 1 or quarantined:
            log.warning("board port is down", line=self.id, why=str(error), retry_s=pause)
            reason = f"quarantined after {self.backoff.failures} failures: " if quarantined else ""
            self._tell(LineDown(line=self.id, reason=reason + str(error)))

    def _stop_timers(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        for task in self._tasks:
            if task is not asyncio.current_task():
                task.cancel()

    def _now(self) -> float:
        return asyncio.get_running_loop().time()
