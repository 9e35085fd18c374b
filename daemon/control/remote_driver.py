"""A device driver that runs in media, as the ``Driver`` and ``Line`` that control knows.

Media keeps the lines over a restart of control: ``open`` asks for every line as it is, and
``restored_calls`` tells which of them carry a call.
"""

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from typing import Final, Protocol

import msgspec

from daemon.link import lines as ask
from daemon.link.errors import LinkError
from daemon.link.lines import HostRequest, LineState
from daemon.logs import get_logger
from drivers.api import AudioPorts, CallDetails, Capability, Line, LineId, PortId
from drivers.ctilink.details import CallDetail
from drivers.ctilink.details import CallDetails as LinkDetails
from drivers.errors import DriverError, LineBusy, LinkLost, ProtocolError
from drivers.events import Cause, LineDown, LineEvent, LineUp, Released, Ringing

OPEN_S: Final = 10.0
OPEN_RETRY_S: Final = 0.1

log = get_logger(__name__)


class HostLink(Protocol):
    """The part of the link to media that carries requests to a driver."""

    async def host(self, host: str, payload: bytes) -> bytes: ...


class RestoredCall(msgspec.Struct, frozen=True):
    """A call that media kept while control was away."""

    line: LineId
    port: PortId | None
    ref: str
    phase: str
    """dialling or talking."""
    dnis: str = ""


class RemoteLine:
    """A line whose device is in media; its state follows the events of the host."""

    def __init__(self, driver: "RemoteDriver", state: LineState) -> None:
        self._driver = driver
        self._state = state

    @property
    def id(self) -> LineId:
        """Name of the line."""
        return LineId(self._state.line)

    @property
    def can(self) -> Capability:
        """What the line can do."""
        return Capability(self._state.can)

    @property
    def port(self) -> PortId | None:
        """Audio port from Answered to Released."""
        return None if self._state.port is None else PortId(self._state.port)

    @property
    def state(self) -> LineState:
        """The line as media told it last."""
        return self._state

    def update(self, state: LineState) -> None:
        """Take a picture of the line, unless it is older than ours."""
        if state.serial >= self._state.serial:
            self._state = state

    async def dial(self, number: str, *, ani: str = "", name: str = "") -> None:
        """Place a call; a telephone at a board is told ``ani`` and ``name``."""
        await self._ask(ask.DialLine(line=self.id, number=number, ani=ani, name=name))

    async def dial_with(
        self, number: str, details: CallDetails, *, ani: str = "", name: str = ""
    ) -> None:
        """Like ``dial``, with whether the caller withholds the number."""
        restricted = details.restricted
        await self._ask(
            ask.DialLine(line=self.id, number=number, ani=ani, name=name, restricted=restricted)
        )

    async def answer(self) -> None:
        """Answer the ringing call; Answered follows."""
        await self._ask(ask.AnswerLine(line=self.id))

    async def release(self, cause: Cause | None = None) -> None:
        """End the call in any state; Released follows."""
        await self._ask(ask.ReleaseLine(line=self.id, cause=cause or Cause.NORMAL))

    async def hold(self) -> None:
        """Put the far end on hold, where the line can."""
        await self._ask(ask.HoldLine(line=self.id, on=True))

    async def retrieve(self) -> None:
        """Take the far end back from hold."""
        await self._ask(ask.HoldLine(line=self.id, on=False))

    async def send_digits(self, digits: str) -> None:
        """Send keys."""
        await self._ask(ask.SendLineDigits(line=self.id, digits=digits))

    async def flash(self) -> None:
        """Flash the hook."""
        await self._ask(ask.FlashLine(line=self.id))

    async def transfer(self, number: str) -> None:
        """Transfer the call by what the line can do; Released follows when it worked."""
        await self._ask(ask.TransferLine(line=self.id, number=number))

    async def _ask(self, request: HostRequest) -> None:
        reply = await self._driver.ask(request)
        if isinstance(reply, ask.Done) and reply.state is not None:
            self.update(reply.state)


class RemoteDriver:
    """A ``Driver``, ``Stations`` and ``MessageLamps`` whose lines are in the media process.

    Whoever reads the link's events gives ``HostEvent`` payloads of this driver to
    ``happened``, and calls ``resync`` after ``MediaRestarted`` or ``EventsLost``.
    """

    def __init__(self, name: str, link: HostLink) -> None:
        self.name = name
        self._link = link
        self._lines: dict[LineId, RemoteLine] = {}
        self._events: asyncio.Queue[LineEvent | None] = asyncio.Queue()
        self._counters: dict[str, int] = {}

    async def open(self, ports: AudioPorts | None = None) -> Sequence[Line]:
        """Ask for every line with its state; LinkLost when media does not answer.

        A line that rings is reported again: the call is new to this control process.
        """
        for state in await self._first_list():
            self._take(state)
            if state.phase == "ringing":
                self._events.put_nowait(
                    Ringing(line=LineId(state.line), ani=state.ani, dnis=state.dnis, ref=state.ref)
                )
        return tuple(self._lines.values())

    async def close(self) -> None:
        """Stop listening; the lines and their calls stay in media."""
        self._events.put_nowait(None)

    async def events(self) -> AsyncIterator[LineEvent]:
        """Yield what happens on the lines, in order, until closed."""
        while (event := await self._events.get()) is not None:
            yield event

    def line(self, line: LineId) -> RemoteLine:
        """Find a line by its name; KeyError when there is none."""
        return self._lines[line]

    def lines(self) -> Sequence[RemoteLine]:
        """Every line of the driver."""
        return tuple(self._lines.values())

    def counters(self) -> dict[str, int]:
        """Counters as of the last ``read_counters``."""
        return dict(self._counters)

    async def read_counters(self) -> dict[str, int]:
        """Ask media for the driver's counters."""
        reply = await self.ask(ask.ReadCounters())
        if isinstance(reply, ask.Counters):
            self._counters = reply.counters
        return self.counters()

    def happened(self, payload: bytes) -> None:
        """Take a HostEvent of this driver; what cannot be read is logged and dropped."""
        try:
            event, state = ask.decode_event(payload)
        except msgspec.DecodeError as error:
            log.error("event of a driver not understood", driver=self.name, why=str(error))
            return
        if state is not None:
            self._take(state)
        elif isinstance(event, LineDown) and event.line in self._lines:
            self._put_down(self._lines[event.line])
        self._events.put_nowait(event)

    async def resync(self, *, restarted: bool) -> None:
        """Take a new picture of every line and report the calls that are gone.

        ``restarted``: media is a new process, so every call it had is gone.
        """
        before = {line.id: line.state for line in self._lines.values()}
        states = {state.line: state for state in await self._first_list()}
        for name, old in before.items():
            new = states.pop(name, None)
            line = self._lines[name]
            if new is None:
                self._put_down(line)
            else:
                line.update(new)
            self._report_difference(name, old, line.state, restarted=restarted)
        for state in states.values():
            self._take(state)

    def restored_calls(self) -> list[RestoredCall]:
        """Conversations that were there when ``open`` asked, and calls being dialled."""
        return [
            RestoredCall(line.id, line.port, line.state.ref, line.state.phase, line.state.dnis)
            for line in self._lines.values()
            if line.state.phase in ("dialling", "talking")
        ]

    def station_line(self, station: str) -> RemoteLine:
        """The line of a telephone that can be rung; LinkLost or LineBusy when it cannot."""
        for line in self._lines.values():
            if line.state.station == station:
                if not line.state.up:
                    raise LinkLost(f"{line.id}: out of service")
                if line.state.phase != "idle":
                    raise LineBusy(f"{line.id}: the telephone is in use")
                return line
        raise LinkLost(f"no telephone port for station {station}")

    def reachable(self, station: str) -> bool:
        """Whether the station's telephone can be rung now."""
        try:
            self.station_line(station)
        except DriverError:
            return False
        return True

    async def set_lamp(self, station: str, *, on: bool) -> None:
        """Light or darken the lamp of a telephone at one of our ports; others are not ours."""
        for line in self._lines.values():
            if line.state.station == station:
                await self.ask(ask.SetLineLamp(line=line.id, on=on))

    async def call_detail(
        self, line: LineId, links: Mapping[str, LinkDetails], wait_s: float | None = None
    ) -> CallDetail | None:
        """Ask the serial link that knows this port why and from whom it rings.

        ``links`` are the site's serial links by name. None when the port has no terminal,
        its link is not there, or nothing came in time.
        """
        state = self._lines[line].state
        if not state.terminal:
            return None
        link = links.get(state.link) if state.link else next(iter(links.values()), None)
        return None if link is None else await link.wait_for(state.terminal, wait_s)

    async def ask(self, request: HostRequest) -> ask.Reply:
        """Send a request and return its reply; DriverError as the driver raised it."""
        try:
            payload = await self._link.host(self.name, ask.encode(request))
        except LinkError as error:
            raise LinkLost(f"{self.name}: {error}") from error
        try:
            reply = ask.decode_reply(payload)
        except msgspec.DecodeError as error:
            raise ProtocolError(f"{self.name}: answer not understood: {error}") from error
        if isinstance(reply, ask.Failed):
            raise ask.error_of(reply)
        return reply

    async def _first_list(self) -> tuple[LineState, ...]:
        """Media answers on the link before it has opened its drivers: ask until it has."""
        why = f"{self.name}: media does not answer"
        try:
            async with asyncio.timeout(OPEN_S):
                while True:
                    try:
                        return await self._list()
                    except LinkLost as error:
                        why = str(error)
                    await asyncio.sleep(OPEN_RETRY_S)
        except TimeoutError as error:
            raise LinkLost(why) from error

    async def _list(self) -> tuple[LineState, ...]:
        reply = await self.ask(ask.ListLines())
        return reply.lines if isinstance(reply, ask.Lines) else ()

    def _take(self, state: LineState) -> None:
        line = self._lines.get(LineId(state.line))
        if line is None:
            self._lines[LineId(state.line)] = RemoteLine(self, state)
        else:
            line.update(state)

    def _put_down(self, line: RemoteLine) -> None:
        down = msgspec.structs.replace(line.state, up=False, phase="idle", port=None, ref="")
        line.update(down)

    def _report_difference(
        self, name: LineId, old: LineState, new: LineState, *, restarted: bool
    ) -> None:
        tell: Callable[[LineEvent], None] = self._events.put_nowait
        if old.phase != "idle" and (restarted or old.ref != new.ref):
            gone = Cause.TEMPORARY_FAILURE
            tell(Released(line=name, cause=gone, detail="lost while media was away"))
        if old.up and not new.up:
            tell(LineDown(line=name, reason="lost while media was away"))
        elif new.up and not old.up:
            tell(LineUp(line=name))
