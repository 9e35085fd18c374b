"""Control's end of the speech process: prompts, uploads, grammars, listening."""

import asyncio
import itertools
import random
import socket
from collections.abc import AsyncGenerator
from pathlib import Path
from typing import Any, Self

import msgspec
import structlog

from speech.api import EngineDown, Final, Grammar, Limits, NoInput, SpeechEvent, TooLong
from speech.errors import SpeechError, SpeechUnavailable, TextRefused, by_name
from speech.link.channel import Channel, MessageTooLarge, close_all
from speech.link.messages import (
    CheckRequest,
    ConvertRequest,
    Heard,
    ListenRequest,
    PathReply,
    ProblemsReply,
    PromptRequest,
    Refused,
    Reply,
    Request,
    StatusReply,
    StatusRequest,
    StopListening,
    decode_reply,
    encode,
)

log = structlog.get_logger(__name__)

FIRST_RETRY = 0.1  # s between attempts to connect, doubled up to LAST_RETRY
LAST_RETRY = 2.0  # s
PROMPT_TIME = 60.0  # s; the longest text takes pyttsx3 about ten
AWAY = "the speech process is not running; `hookflash speech` starts it"


class SpeechClient:
    """One connection to ``speech.sock``; it reconnects by itself.

    While the process is away ``listen`` yields EngineDown and everything else raises
    SpeechUnavailable, so a call goes on with keys.
    """

    def __init__(self, socket_path: Path | str) -> None:
        self._path = str(socket_path)
        self._channel: Channel | None = None
        self._ids = itertools.count(1)
        self._replies: dict[int, asyncio.Future[Reply]] = {}
        self._listening: dict[int, asyncio.Queue[SpeechEvent]] = {}
        self._keeper: asyncio.Task[None] | None = None
        self._lost = asyncio.Event()

    @property
    def connected(self) -> bool:
        """Whether the speech process can be asked right now."""
        return self._channel is not None and not self._channel.closed

    async def open(self) -> None:
        """Start keeping the connection; does not wait for the speech process."""
        if self._keeper is None:
            self._connect()
            self._keeper = asyncio.create_task(self._keep(), name="speech connection")

    async def close(self) -> None:
        """End the connection and everything waiting on it."""
        keeper, self._keeper = self._keeper, None
        if keeper is not None:
            keeper.cancel()
            await asyncio.gather(keeper, return_exceptions=True)
        if self._channel is not None:
            self._channel.close()
        self._on_closed()

    async def __aenter__(self) -> Self:
        await self.open()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()

    async def prompt(self, text: str, language: str, voice: str = "") -> str:
        """Path, relative to the site, of ``text`` spoken as raw 16-bit 8 kHz; made once.

        Ask again before each use rather than keeping the path: the cache has a limit. Raises
        VoiceMissing, TextRefused, SpeechUnavailable or another SpeechError.
        """
        reply = await self._ask(PromptRequest(next(self._ids), text, language, voice))
        return _path(reply)

    async def convert(self, upload_path_relative: str, name: str) -> str:
        """Path, relative to the site, of an uploaded file as raw 16-bit 8 kHz.

        It is kept until somebody removes it. Raises AudioRefused or another SpeechError.
        """
        reply = await self._ask(ConvertRequest(next(self._ids), upload_path_relative, name))
        return _path(reply)

    async def check_grammar(self, grammar: Grammar, language: str) -> list[str]:
        """What is wrong with the phrases, as sentences; empty when all can be heard."""
        request = CheckRequest(next(self._ids), dict(grammar.phrases), language)
        reply = await self._ask(request)
        if not isinstance(reply, ProblemsReply):
            raise SpeechError(f"unexpected answer {type(reply).__name__}")
        return reply.problems

    async def status(self) -> dict[str, Any]:
        """Engines with versions and processes, streams, cache, load figures."""
        reply = await self._ask(StatusRequest(next(self._ids)))
        if not isinstance(reply, StatusReply):
            raise SpeechError(f"unexpected answer {type(reply).__name__}")
        return reply.status

    async def listen(
        self, memfd: int, eventfd: int, grammar: Grammar, language: str, limits: Limits
    ) -> AsyncGenerator[SpeechEvent, None]:
        """Listen to a tap until Final, NoInput, TooLong or EngineDown, which ends the iteration.

        Both descriptors stay the caller's. Leaving early stops the recogniser; use
        ``contextlib.aclosing`` where it must stop at once.
        """
        if self._channel is None:
            yield EngineDown(AWAY)
            return
        session = next(self._ids)
        queue: asyncio.Queue[SpeechEvent] = asyncio.Queue()
        self._listening[session] = queue
        event: SpeechEvent | None = None
        try:
            request = ListenRequest(session, dict(grammar.phrases), language, limits)
            self._send(request, (memfd, eventfd))
            while not isinstance(event, Final | NoInput | TooLong | EngineDown):
                event = await queue.get()
                yield event
        finally:
            del self._listening[session]
            if not isinstance(event, Final | NoInput | TooLong | EngineDown) and self.connected:
                self._send(StopListening(session))

    async def _ask(self, request: Request) -> Reply:
        reply: asyncio.Future[Reply] = asyncio.get_running_loop().create_future()
        self._replies[request.id] = reply
        try:
            self._send(request)
            async with asyncio.timeout(PROMPT_TIME):
                answer = await reply
        except TimeoutError:
            raise SpeechUnavailable(f"no answer in {PROMPT_TIME:.0f} s") from None
        finally:
            del self._replies[request.id]
        if isinstance(answer, Refused):
            raise by_name(answer.error, answer.message)
        return answer

    def _send(self, request: Request, descriptors: tuple[int, ...] = ()) -> None:
        if self._channel is None or self._channel.closed:
            raise SpeechUnavailable(AWAY)
        try:
            self._channel.send(encode(request), descriptors)
        except UnicodeEncodeError as error:
            raise TextRefused(f"the text holds half a character: {error.reason}") from None
        except MessageTooLarge as error:
            raise SpeechError(f"the request is too large: {error}") from None

    def _connect(self) -> None:
        sock = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        try:
            sock.connect(self._path)
        except OSError as error:
            sock.close()
            log.debug("speech process not reachable", path=self._path, error=str(error))
            return
        self._lost.clear()
        self._channel = Channel(sock, self._on_message, self._on_closed)

    async def _keep(self) -> None:
        delay = FIRST_RETRY
        while True:
            if self._channel is not None:
                await self._lost.wait()
                log.warning("speech process lost, reconnecting", path=self._path)
                delay = FIRST_RETRY
            self._connect()
            if self._channel is None:
                # Spread out, so that many processes do not knock at the same moment.
                await asyncio.sleep(delay * random.uniform(0.8, 1.2))  # noqa: S311
                delay = min(2 * delay, LAST_RETRY)
            else:
                log.info("speech process connected", path=self._path)

    def _on_closed(self) -> None:
        self._channel = None
        self._lost.set()
        for reply in self._replies.values():
            if not reply.done():
                reply.set_exception(SpeechUnavailable(AWAY))
        for queue in self._listening.values():
            queue.put_nowait(EngineDown(AWAY))

    def _on_message(self, data: bytes, descriptors: list[int]) -> None:
        close_all(descriptors)
        try:
            message = decode_reply(data)
        except msgspec.DecodeError as error:
            # Happens only when the two processes are of different versions.
            log.error("message not understood", error=str(error), data=data[:64].hex(" "))
            return
        if isinstance(message, Heard):
            queue = self._listening.get(message.id)
            if queue is not None:
                queue.put_nowait(message.event)
            return
        reply = self._replies.get(message.id)
        if reply is not None and not reply.done():
            reply.set_result(message)


def _path(reply: Reply) -> str:
    if not isinstance(reply, PathReply):
        raise SpeechError(f"unexpected answer {type(reply).__name__}")
    return reply.path
