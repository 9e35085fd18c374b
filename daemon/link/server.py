"""Media's end of the link: one control process at a time, events kept for the next.

A command that arrives again under the same session and number gets the reply it got; it is
not carried out twice. A new control process takes the place of an older connection.
"""

import asyncio
import contextlib
import os
import secrets
import socket
import struct
from collections import OrderedDict, deque
from collections.abc import Sequence
from pathlib import Path
from typing import Final, Protocol

import msgspec

from daemon.link.commands import Hello, HostCommand, Welcome, is_waited_for
from daemon.link.errors import MediaRefused, MessageError
from daemon.link.frames import Frame, Unreadable, build_frame, event_frame, parse_packet
from daemon.link.messages import (
    EVENTS_KEPT,
    Command,
    Done,
    HostAnswer,
    MediaEvent,
    PortsGranted,
    Refused,
    Reply,
    TapOpened,
    is_news,
)
from daemon.link.packets import UNHURRIED_S, PacketSocket
from daemon.logs import get_logger

REPLIES_KEPT: Final = 4096
BACKLOG: Final = 8
MOST_DONE: Final = 256  # commands that one reply tells of

log = get_logger(__name__)


class Carried(msgspec.Struct, frozen=True):
    """What came of a command: the reply, and descriptors that stay the handler's."""

    reply: Reply
    descriptors: Sequence[int] = ()


class Requests(Protocol):
    """What carries commands out; MediaRefused when it cannot."""

    def carry_out(self, command: Command) -> Carried:
        """Carry out a command at once."""

    async def ask_host(self, command: HostCommand) -> HostAnswer:
        """Pass a request to a driver, which may take its time."""

    def control_came(self, *, same: bool) -> None:
        """Control is there; ``same``: it is the process that was there last."""

    def control_went(self) -> None:
        """Control's connection is gone."""


class LinkServer:
    """Listens for control, answers its commands, numbers and keeps events."""

    def __init__(self, path: Path, requests: Requests) -> None:
        self._path = path
        self._requests = requests
        self.instance = secrets.randbits(62) + 1
        self._events: deque[tuple[int, bytes]] = deque(maxlen=EVENTS_KEPT)
        self._last_event = 0
        self._replies: OrderedDict[tuple[int, int], Reply] = OrderedDict()
        self._at_work: set[tuple[int, int]] = set()
        self._tasks: set[asyncio.Task[None]] = set()
        self._listener: socket.socket | None = None
        self._guests: set[_Guest] = set()
        self._control: _Guest | None = None
        self._session = 0

    @property
    def last_event(self) -> int:
        """Number of the newest event."""
        return self._last_event

    @property
    def connected(self) -> bool:
        """Whether a control process is there."""
        return self._control is not None

    def open(self) -> None:
        """Listen at the path; an old socket there is replaced."""
        with contextlib.suppress(FileNotFoundError):
            self._path.unlink()
        listener = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET | socket.SOCK_CLOEXEC)
        listener.setblocking(False)
        before = os.umask(0o177)
        try:
            listener.bind(str(self._path))
        finally:
            os.umask(before)
        listener.listen(BACKLOG)
        asyncio.get_running_loop().add_reader(listener.fileno(), self._accept)
        self._listener = listener

    async def close(self) -> None:
        """Stop listening and drop control; safe to call twice."""
        if self._listener is not None:
            asyncio.get_running_loop().remove_reader(self._listener.fileno())
            self._listener.close()
            self._listener = None
            self._path.unlink(missing_ok=True)
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        for guest in list(self._guests):
            guest.socket.close()

    def emit(self, event: MediaEvent) -> None:
        """Number an event, keep it, and send it when control is there."""
        self._last_event += 1
        packet = event_frame(msgspec.structs.replace(event, number=self._last_event))
        self._events.append((self._last_event, packet))
        if self._control is not None:
            self._control.send(packet, hurried=is_news(event))

    def _accept(self) -> None:
        if self._listener is None:
            return
        try:
            sock, _ = self._listener.accept()
        except (BlockingIOError, ConnectionError):
            return
        uid = _uid_of_peer(sock)
        if uid not in (os.getuid(), 0):
            log.warning("stranger at the media socket", uid=uid)
            sock.close()
            return
        self._guests.add(_Guest(self, sock))

    def greet(self, guest: "_Guest", hello: Hello) -> None:
        """A guest said hello: it is control from now on."""
        if self._control is not None and self._control is not guest:
            log.info("another control process takes over")
            self._control.socket.close()
        same = hello.session == self._session
        guest.session = self._session = hello.session
        self._control = guest
        known = hello.instance == self.instance
        # A control process that never saw us begins with a snapshot, not with old events.
        after = hello.last_event if known else (self._last_event if not hello.instance else 0)
        missed = self._missed(after)
        welcome = Welcome(instance=self.instance, last_event=self._last_event, missed=missed)
        guest.socket.send(build_frame(Frame(0, welcome)))
        for number, packet in self._events:
            if number > after:
                guest.socket.send(packet)
        self._requests.control_came(same=same)

    def _missed(self, after: int) -> int:
        oldest = self._events[0][0] if self._events else self._last_event + 1
        return max(oldest - after - 1, 0)

    def left(self, guest: "_Guest") -> None:
        """A connection is gone."""
        self._guests.discard(guest)
        if self._control is guest:
            self._control = None
            self._requests.control_went()

    def command(self, guest: "_Guest", number: int, command: Command) -> None:
        """Control sent a command, perhaps again."""
        key = (guest.session, number)
        known = self._replies.get(key)
        if known is not None:
            guest.send(_reply_frame(number, known))
            return
        if type(command) is HostCommand:
            if key in self._at_work:
                return
            self._at_work.add(key)
            task = asyncio.create_task(self._ask_host(key, command), name="host-command")
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)
            return
        carried = self._carry_out(command)
        reply = carried.reply
        hurried = is_waited_for(command) or type(reply) is Refused
        self._answer(key, reply, carried.descriptors, hurried=hurried)

    def _carry_out(self, command: Command) -> Carried:
        try:
            return self._requests.carry_out(command)
        except MediaRefused as error:
            return Carried(Refused(code=error.code, text=str(error)))
        except Exception:
            # One command must not take the calls of all others with it.
            log.exception("command failed", command=type(command).__name__)
            return Carried(Refused(code="internal", text="media failed inside; see its log"))

    async def _ask_host(self, key: tuple[int, int], command: HostCommand) -> None:
        reply: Reply
        try:
            reply = await self._requests.ask_host(command)
        except MediaRefused as error:
            reply = Refused(code=error.code, text=str(error))
        except Exception:
            log.exception("driver failed", host=command.host)
            reply = Refused(code="internal", text="the driver failed inside; see media's log")
        finally:
            self._at_work.discard(key)
        self._answer(key, reply)

    def _answer(
        self,
        key: tuple[int, int],
        reply: Reply,
        descriptors: Sequence[int] = (),
        *,
        hurried: bool = True,
    ) -> None:
        session, number = key
        # The descriptors of a tap cannot be kept; asking again gives the same tap. Grants end
        # with the connection, so that those of an earlier answer are worth nothing.
        if type(reply) not in (TapOpened, PortsGranted):
            self._replies[key] = reply
            if len(self._replies) > REPLIES_KEPT:
                self._replies.popitem(last=False)
        control = self._control
        if control is None or control.session != session:
            return
        if type(reply) is Done:
            control.done(number, hurried=hurried)
        else:
            control.send(_reply_frame(number, reply), descriptors, hurried=hurried)


class _Guest:
    """A connection; it is control once it has said hello."""

    def __init__(self, server: LinkServer, sock: socket.socket) -> None:
        self._server = server
        self.session = 0
        self.socket = PacketSocket(
            sock, on_packet=self._received, on_closed=lambda: server.left(self)
        )
        self._done: list[int] = []
        """Commands that were carried out, of which one reply will tell."""
        self._tell_done: asyncio.TimerHandle | None = None

    def send(self, frame: bytes, descriptors: Sequence[int] = (), *, hurried: bool = True) -> None:
        """Send a frame behind the replies that wait: what control hears keeps its order."""
        if self._done:
            self._send_done()
        self.socket.send(frame, descriptors, hurried=hurried)

    def done(self, number: int, *, hurried: bool) -> None:
        """Tell that a command was carried out, with others when that is not hurried."""
        self._done.append(number)
        if hurried or len(self._done) == MOST_DONE:
            self._send_done()
        elif self._tell_done is None:
            later = asyncio.get_running_loop().call_later
            self._tell_done = later(UNHURRIED_S, self._send_done)

    def _send_done(self) -> None:
        if self._tell_done is not None:
            self._tell_done.cancel()
            self._tell_done = None
        *also, number = self._done
        self._done = []
        self.socket.send(build_frame(Frame(number, Done(also=tuple(also)))))

    def _received(self, packet: bytes, descriptors: list[int]) -> None:
        for number in descriptors:
            os.close(number)
        try:
            frames = parse_packet(packet)
        except MessageError as error:
            log.error("control sent no message", reason=str(error))
            self.socket.close()
            return
        for frame in frames:
            if isinstance(frame.body, Command) and self.session:
                self._server.command(self, frame.number, frame.body)
            else:
                self._take(frame)

    def _take(self, frame: Frame) -> None:
        """Take what is no command: once a connection, or never."""
        if isinstance(frame.body, Hello):
            self._server.greet(self, frame.body)
        elif isinstance(frame.body, Unreadable) and self.session:
            reason = frame.body.reason
            log.error("a command was not understood", number=frame.number, reason=reason)
            refused = Refused(code="bad-command", text=reason)
            self.socket.send(build_frame(Frame(frame.number, refused)))
        else:
            log.error("control spoke out of turn", kind=type(frame.body).__name__)
            self.socket.close()


def _reply_frame(number: int, reply: Reply) -> bytes:
    try:
        return build_frame(Frame(number, reply))
    except MessageError as error:
        return build_frame(Frame(number, Refused(code="too-long", text=str(error))))


def _uid_of_peer(sock: socket.socket) -> int:
    size = struct.calcsize("3i")
    raw = sock.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, size)
    uid: int = struct.unpack("3i", raw)[1]
    return uid
