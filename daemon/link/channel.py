"""A channel to media that reconnects: commands wait across the gap, events come once."""

import asyncio
import os
import secrets
import socket
from collections.abc import AsyncIterator, Sequence
from pathlib import Path
from typing import Final

import msgspec

from daemon.link.commands import Hello, Welcome
from daemon.link.errors import LinkClosed, MediaAway, MediaRefused, MessageError
from daemon.link.frames import Frame, build_frame, parse_frame
from daemon.link.messages import (
    Command,
    EventsLost,
    MediaEvent,
    MediaRestarted,
    Refused,
    Reply,
)
from daemon.link.packets import PacketSocket
from daemon.logs import get_logger

FIRST_RETRY: Final = 0.05  # s
LAST_RETRY: Final = 1.0  # s
WELCOME_LIMIT: Final = 2.0  # s

log = get_logger(__name__)


class Answer(msgspec.Struct, frozen=True):
    """A reply with the descriptors that came with it."""

    reply: Reply
    descriptors: list[int]


class _Waiting:
    """A command that has no reply yet."""

    __slots__ = ("ahead", "answer", "packet")

    def __init__(self, packet: bytes, answer: asyncio.Future[Answer], *, ahead: bool) -> None:
        self.packet = packet
        self.answer = answer
        self.ahead = ahead


class Channel:
    """Numbered commands and replies, and the stream of events."""

    def __init__(
        self,
        path: Path,
        *,
        patience_s: float,
        last_seen: tuple[int, int],
        waits_for_release: bool = False,
    ) -> None:
        self._path = path
        self._waits_for_release = waits_for_release
        self._holds_back = False
        """Another media process is there, and is to be told something ahead of the rest."""
        self._patience = patience_s
        self._session = secrets.randbits(63)
        self._instance, self._last_event = last_seen
        self._next_command = 1
        self._waiting: dict[int, _Waiting] = {}
        self._events: asyncio.Queue[MediaEvent | None] = asyncio.Queue()
        self._socket: PacketSocket | None = None
        self._welcomed = asyncio.Event()
        self._lost = asyncio.Event()
        self._task: asyncio.Task[None] | None = None

    @property
    def connected(self) -> bool:
        """Whether media is there at this moment."""
        return self._welcomed.is_set()

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
        for waiting in self._waiting.values():
            if not waiting.answer.done():
                waiting.answer.set_exception(LinkClosed("the link to media was closed"))
        self._waiting.clear()
        self._events.put_nowait(None)

    async def events(self) -> AsyncIterator[MediaEvent]:
        """Yield every event once and in order, until the channel is closed."""
        while (event := await self._events.get()) is not None:
            yield event

    def release(self) -> None:
        """Another media process has been told what comes first: send what waited."""
        self._holds_back = False
        if self.connected:
            self._send_waiting(ahead=False)

    async def ask(self, command: Command, *, ahead: bool = False) -> Answer:
        """Send a command and wait for its reply; MediaRefused, MediaAway, LinkClosed.

        With ``waits_for_release`` all but those ``ahead`` wait when media was started anew.
        """
        if self._task is None:
            raise LinkClosed("the link to media was closed")
        number = self._next_command
        self._next_command += 1
        packet = build_frame(Frame(number, command))  # first: it may refuse
        loop = asyncio.get_running_loop()
        answer: asyncio.Future[Answer] = loop.create_future()
        timer = loop.call_later(self._patience, _give_up, answer)
        self._waiting[number] = _Waiting(packet, answer, ahead=ahead)
        if self._socket is not None and self.connected and (ahead or not self._holds_back):
            self._socket.send(packet)
        try:
            found = await answer
        except TimeoutError as error:
            raise MediaAway(f"media did not answer {type(command).__name__}") from error
        finally:
            timer.cancel()
            self._waiting.pop(number, None)
        if isinstance(found.reply, Refused):
            raise MediaRefused(found.reply.code, found.reply.text)
        return found

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
        self._socket = PacketSocket(sock, on_packet=self._received, on_closed=self._lost.set)
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
        self._welcomed.clear()
        if self._socket is not None:
            self._socket.close()
            self._socket = None

    def _received(self, packet: bytes, descriptors: list[int]) -> None:
        try:
            frame = parse_frame(packet)
        except MessageError as error:
            log.error("media sent no message", reason=str(error))
            _close_all(descriptors)
            if self._socket is not None:
                self._socket.close()
            return
        match frame.body:
            case Welcome():
                self._greeted(frame.body)
            case MediaEvent():
                self._happened(frame.body)
            case Reply():
                self._answered(frame.number, Answer(frame.body, descriptors))
                return
            case _:
                log.error("media sent an unexpected message", kind=type(frame.body).__name__)
        _close_all(descriptors)

    def _greeted(self, welcome: Welcome) -> None:
        if self._instance not in (0, welcome.instance):
            self._events.put_nowait(MediaRestarted())
            self._last_event = 0
            self._holds_back = self._waits_for_release
        elif self._instance == 0:
            self._last_event = welcome.last_event
        self._instance = welcome.instance
        if welcome.missed:
            self._events.put_nowait(EventsLost(missed=welcome.missed))
        self._welcomed.set()
        self._send_waiting(ahead=True)
        if not self._holds_back:
            self._send_waiting(ahead=False)

    def _send_waiting(self, *, ahead: bool) -> None:
        for number in sorted(self._waiting):
            if self._socket is not None and self._waiting[number].ahead is ahead:
                self._socket.send(self._waiting[number].packet)

    def _happened(self, event: MediaEvent) -> None:
        if event.number > self._last_event:
            self._last_event = event.number
            self._events.put_nowait(event)

    def _answered(self, number: int, answer: Answer) -> None:
        waiting = self._waiting.get(number)
        if waiting is None or waiting.answer.done():
            # The command was given up, or was sent twice and answered twice.
            _close_all(answer.descriptors)
            return
        waiting.answer.set_result(answer)


def _give_up(answer: asyncio.Future[Answer]) -> None:
    if not answer.done():
        answer.set_exception(TimeoutError())


def _close_all(descriptors: Sequence[int]) -> None:
    for number in descriptors:
        os.close(number)
