"""A channel to media that reconnects: commands wait across the gap, events come once."""

import asyncio
import math
import os
import secrets
import socket
from collections import deque
from collections.abc import AsyncIterator, Callable, Sequence
from pathlib import Path
from typing import Any, Final

from daemon.link.asking.stock import Stock
from daemon.link.asking.waiting import Failed, Read, Waiting
from daemon.link.commands import GrantPorts, Hello, Welcome, is_hurried
from daemon.link.errors import LinkClosed, LinkError, MediaAway, MediaRefused, MessageError
from daemon.link.frames import Frame, Unreadable, build_frame, parse_packet
from daemon.link.messages import (
    EVENTS_KEPT,
    Command,
    Done,
    EventsLost,
    MediaEvent,
    MediaRestarted,
    PortsGranted,
    PortsWithdrawn,
    Refused,
    Reply,
)
from daemon.link.packets import PacketSocket, nothing
from daemon.logs import get_logger

FIRST_RETRY: Final = 0.05  # s
LAST_RETRY: Final = 1.0  # s
WELCOME_LIMIT: Final = 2.0  # s
MOST_EVENTS: Final = 4 * EVENTS_KEPT
"""Events that wait for a slow reader; he loses what comes behind them, and is told so."""

log = get_logger(__name__)


Note = Callable[[Command, Reply], None]
Hear = Callable[[MediaEvent], MediaEvent | None]
"""Makes of an event what the reader gets; None: nothing."""

DONE: Final = Done()


class Channel:
    """Numbered commands and replies, and the stream of events."""

    def __init__(
        self,
        path: Path,
        *,
        patience_s: float,
        last_seen: tuple[int, int],
        waits_for_release: bool = False,
        settle: Callable[[], None] = nothing,
    ) -> None:
        self._path = path
        self._settle = settle
        self._waits_for_release = waits_for_release
        self.holds_back = False
        """Another media process is there, and is to be told something ahead of the rest."""
        self._patience = patience_s
        self._session = secrets.randbits(63)
        self._instance, self._last_event = last_seen
        self._next_command = 1
        self._waiting: dict[int, Waiting] = {}
        """By number, so the one that waits longest comes first."""
        self._loop = asyncio.get_running_loop()
        self._timer: asyncio.TimerHandle | None = None
        self.note: Note | None = None
        """Hears of every command that was carried out, but not of those ahead of the rest."""
        self.stock = Stock()
        """Ports that media has granted on this connection."""
        self.hear: Hear | None = None
        """Hears of every event that is kept for the reader, when it comes."""
        self._events: deque[MediaEvent] = deque()
        self._overflow = 0
        """Events that were dropped behind those that wait."""
        self.events_dropped = 0
        """All of them since the beginning."""
        self._news = asyncio.Event()
        """There are events, or no more will come."""
        self._ended = False
        self._socket: PacketSocket | None = None
        self.connected = False
        """Whether media is there at this moment."""
        self._welcomed = asyncio.Event()
        self._lost = asyncio.Event()
        self._task: asyncio.Task[None] | None = None

    @property
    def last_seen(self) -> tuple[int, int]:
        """Media process and number of the event received last."""
        return self._instance, self._last_event

    async def open(self) -> None:
        """Connect; MediaAway when media is not there within the patience."""
        self._task = asyncio.create_task(self._keep_connected(), name="media-link")
        try:
            async with asyncio.timeout(self._patience):
                await self._welcomed.wait()
        except TimeoutError as error:
            await self.close()
            raise MediaAway(f"no media process answers at {self._path}") from error

    async def close(self) -> None:
        """End the channel; waiting commands fail with LinkClosed."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)
            self._task = None
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        for waiting in self._waiting.values():
            waiting.fail(LinkClosed("the link to media was closed"))
        self._waiting.clear()
        self._ended = True
        self._news.set()

    async def events(self) -> AsyncIterator[MediaEvent]:
        """Yield every event once and in order, until the channel is closed.

        In the place of events that a slow reader has lost there is EventsLost.
        """
        while True:
            while self._events:
                yield self._events.popleft()
            if self._overflow:
                self._end_overflow()
                continue
            if self._ended:
                return
            self._news.clear()
            await self._news.wait()

    def release(self) -> None:
        """Another media process has been told what comes first: send what waited."""
        self.holds_back = False
        if self.connected:
            self._send_waiting(ahead=False)

    @property
    def silence_s(self) -> float:
        """How long media has left a command unanswered; infinite when it is not there."""
        if not self.connected or self.holds_back or self._socket is None or self._socket.closed:
            return math.inf
        if not self._waiting:
            return 0.0
        return self._loop.time() + self._patience - next(iter(self._waiting.values())).deadline

    def send_now(self) -> None:
        """Send what was asked so far before anything else leaves this process."""
        if self._socket is not None:
            self._socket.send_now()

    def ask(
        self, command: Command, read: Read | None = None, *, ahead: bool = False
    ) -> asyncio.Future[Any]:
        """Send a command; what ``read`` makes of the reply, or None of Done, comes by the future.

        Commands of one turn of the loop travel in one packet and are carried out in order.
        The future fails with MediaRefused, MediaAway, LinkClosed, or as ``read`` does;
        MessageError is raised at once when the command cannot be written. With
        ``waits_for_release`` all but those ``ahead`` wait when media was started anew.
        """
        answer: asyncio.Future[Any] = self._loop.create_future()
        if self._task is None:
            answer.set_exception(LinkClosed("the link to media was closed"))
            return answer
        self._ask(command, answer, read, ahead=ahead)
        return answer

    def tell(self, command: Command, failed: Failed, *, hurried: bool = True) -> None:
        """Send a command that nobody waits for; ``failed`` hears why it was not carried out."""
        self._ask(command, failed, None, hurried=hurried)

    def _ask(
        self,
        command: Command,
        answer: "asyncio.Future[Any] | Failed",
        read: Read | None,
        *,
        ahead: bool = False,
        hurried: bool = True,
    ) -> None:
        number = self._next_command
        frame = build_frame(Frame(number, command))
        self._next_command += 1
        deadline = self._loop.time() + self._patience
        self._waiting[number] = Waiting(command, frame, answer, read, deadline, ahead)
        if self._timer is None:
            self._timer = self._loop.call_at(deadline, self._give_up)
        if self._socket is not None and self.connected and (ahead or not self.holds_back):
            self._socket.send(frame, hurried=hurried and is_hurried(command))

    def _give_up(self) -> None:
        """Fail what has waited too long; every command has the same patience."""
        now = self._loop.time()
        while self._waiting:
            number, waiting = next(iter(self._waiting.items()))
            if waiting.deadline > now:
                self._timer = self._loop.call_at(waiting.deadline, self._give_up)
                return
            del self._waiting[number]
            kind = type(waiting.command).__name__
            waiting.fail(MediaAway(f"media did not answer {kind}"))
        self._timer = None

    async def _keep_connected(self) -> None:
        retry = FIRST_RETRY
        try:
            while True:
                if await self._connected_once():
                    retry = FIRST_RETRY
                await asyncio.sleep(retry)
                retry = min(retry * 2, LAST_RETRY)
        finally:
            self._drop()

    async def _connected_once(self) -> bool:
        """Serve one connection until it is lost; False when there was none."""
        sock = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET | socket.SOCK_CLOEXEC)
        try:
            sock.connect(str(self._path))
        except OSError:
            sock.close()
            return False
        self._lost.clear()
        self._socket = PacketSocket(
            sock, on_packet=self._received, on_closed=self._lost.set, settle=self._settle
        )
        hello = Hello(session=self._session, instance=self._instance, last_event=self._last_event)
        self._socket.send(build_frame(Frame(0, hello)))
        try:
            async with asyncio.timeout(WELCOME_LIMIT):
                await self._until_welcomed_or_lost()
        except TimeoutError:
            log.warning("media does not greet", path=str(self._path))
            self._drop()
            return False
        if not self.connected:
            self._drop()
            return False
        await self._lost.wait()
        log.warning("link to media lost", path=str(self._path))
        self._drop()
        return True

    async def _until_welcomed_or_lost(self) -> None:
        waits = [
            asyncio.create_task(self._welcomed.wait()),
            asyncio.create_task(self._lost.wait()),
        ]
        try:
            await asyncio.wait(waits, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for task in waits:
                task.cancel()

    def _drop(self) -> None:
        self.connected = False
        self.stock.clear()
        for number in [at for at, one in self._waiting.items() if type(one.command) is GrantPorts]:
            self._waiting.pop(number).fail(LinkClosed("grants end with the connection"))
        self._welcomed.clear()
        if self._socket is not None:
            self._socket.close()
            self._socket = None

    def _received(self, packet: bytes, descriptors: list[int]) -> None:
        try:
            frames = parse_packet(packet)
        except MessageError as error:
            log.error("media sent no message", reason=str(error))
            _close_all(descriptors)
            if self._socket is not None:
                self._socket.close()
            return
        for frame in frames:
            match frame.body:
                case Reply() as reply:
                    if type(reply) is Done:
                        for earlier in reply.also:
                            self._answered(earlier, DONE, [])
                    self._answered(frame.number, reply, descriptors)
                    descriptors = []
                case MediaEvent() as event:
                    self._happened(event)
                case Welcome():
                    self._greeted(frame.body)
                case Unreadable(reason=reason):
                    self._not_understood(frame.number, reason)
                case _:
                    kind = type(frame.body).__name__
                    log.error("media sent an unexpected message", kind=kind)
        _close_all(descriptors)

    def _greeted(self, welcome: Welcome) -> None:
        if self._instance not in (0, welcome.instance):
            self._tell(MediaRestarted())
            self._last_event = 0
            self.holds_back = self._waits_for_release
        elif self._instance == 0:
            self._last_event = welcome.last_event
        self._instance = welcome.instance
        if welcome.missed:
            self._tell(EventsLost(missed=welcome.missed))
        self.connected = True
        self._welcomed.set()
        self._send_waiting(ahead=True)
        if not self.holds_back:
            self._send_waiting(ahead=False)

    def _send_waiting(self, *, ahead: bool) -> None:
        for number in sorted(self._waiting):
            if self._socket is not None and self._waiting[number].ahead is ahead:
                self._socket.send(self._waiting[number].frame)

    def _happened(self, event: MediaEvent) -> None:
        if event.number > self._last_event:
            self._last_event = event.number
            if type(event) is PortsWithdrawn:
                self.stock.withdrawn(event.ports)
            else:
                self._tell(event)

    def _tell(self, event: MediaEvent) -> None:
        """Keep an event for the reader; once there were too many, until he has read all."""
        if type(event) is MediaRestarted:  # made here, seldom, and never to be missed
            self._end_overflow()
        elif self._overflow or len(self._events) >= MOST_EVENTS:
            if not self._overflow:
                log.error("events of media come faster than they are read", kept=MOST_EVENTS)
            self._overflow += event.missed if type(event) is EventsLost else 1
            return
        heard = event if self.hear is None else self.hear(event)
        if heard is None:
            return
        self._events.append(heard)
        self._news.set()

    def _end_overflow(self) -> None:
        """Say in its place what was dropped."""
        if self._overflow:
            self.events_dropped += self._overflow
            self._events.append(EventsLost(missed=self._overflow))
            self._overflow = 0

    def _not_understood(self, number: int, reason: str) -> None:
        """A reply fails its command; of an event no more can be said than that it was there."""
        log.error("a message of media was not understood", number=number, reason=reason)
        waiting = self._waiting.pop(number, None)
        if waiting is not None:
            waiting.fail(MessageError(reason))

    def _answered(self, number: int, reply: Reply, descriptors: list[int]) -> None:
        waiting = self._waiting.pop(number, None)
        if waiting is None:  # given up, or sent twice and answered twice
            if type(reply) is PortsGranted:  # late, but media keeps them for us
                self.stock.came(reply)
            _close_all(descriptors)
            return
        value = None
        try:
            if type(reply) is Refused:
                raise MediaRefused(reply.code, reply.text)
            if waiting.read is not None:
                value = waiting.read(reply, descriptors)
            elif type(reply) is not Done:
                raise unexpected(reply, Done)
        except LinkError as error:
            _close_all(descriptors)
            waiting.fail(error)
        else:
            if self.note is not None and not waiting.ahead:
                self.note(waiting.command, reply)
            if not isinstance(waiting.answer, asyncio.Future):
                return
            if waiting.answer.done():  # nobody waits any more, yet it was carried out
                _close_all(descriptors)
            else:
                waiting.answer.set_result(value)


def unexpected(reply: Reply, kind: type[Reply]) -> MessageError:
    """A reply of another kind; by their kinds: what they hold may be secret."""
    return MessageError(f"media answered {type(reply).__name__} where {kind.__name__} was due")


def _close_all(descriptors: Sequence[int]) -> None:
    for number in descriptors:
        os.close(number)
