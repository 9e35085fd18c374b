"""The speech process: answers control over ``speech.sock`` and owns the engines' processes."""

import asyncio
import os
import re
import signal
import socket
import time
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import Any

import msgspec
import structlog

from speech.api import EngineDown, Final, Grammar, Recognizer, SpeechEvent, Synthesizer
from speech.errors import EngineMissing, ModelMissing, SpeechError, VoiceMissing
from speech.link.channel import Channel, close_all
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
    decode_request,
    encode,
)
from speech.link.tap import Tap, TapError
from speech.models import find_model
from speech.options import POCKETSPHINX, SpeechOptions
from speech.prompt_cache import PromptCache
from speech.recognizers.listener import Listener
from speech.recognizers.remote import WorkerRecognizer
from speech.silent import SilentRecognizer
from speech.synthesizers.espeak import missing_voice
from speech.synthesizers.remote import EspeakSynthesizer, Pyttsx3Synthesizer

log = structlog.get_logger(__name__)

TRIM_EVERY = 3600.0  # s
SOCKET_MODE = 0o660
VOICE_NAME = re.compile(r"\w[\w+-]*(/[\w+-]+)*", re.ASCII)  # it is part of a file's path


class SpeechServer:
    """Prompts, uploads, grammars and listening for one site; start, then close."""

    def __init__(self, options: SpeechOptions, site: Path, socket_path: Path) -> None:
        self._options = options
        self._path = socket_path
        self._capacity = options.streams or options.streams_per_core * (os.cpu_count() or 1)
        self._espeak = EspeakSynthesizer()
        self._pyttsx3 = Pyttsx3Synthesizer()
        engines: list[Synthesizer] = [self._espeak]
        if options.synthesizer == "pyttsx3":
            engines.insert(0, self._pyttsx3)
        self._cache = PromptCache(site, options, engines)
        self._recognizers: dict[str, WorkerRecognizer] = {}
        self._clients: set[_Client] = set()
        self._tasks: set[asyncio.Task[None]] = set()
        self._socket: socket.socket | None = None
        self.listening = 0
        self.counts: dict[str, int] = {}
        """How listening ended, by kind of event and language."""
        self.lost_s = 0.0

    async def start(self) -> None:
        """Listen on the socket, then load the configured languages in the background."""
        self._socket = _bind(self._path)
        try:
            await self._espeak.start()
            # Its sound is the library's: a new library makes new prompts.
            self._pyttsx3.version += f" on {self._espeak.version}"
        except SpeechError as error:
            # Uploaded prompts, recognition and keys still work; every text prompt says why not.
            log.error("no synthesised prompts", reason=str(error))
        # Only now: the library's version is part of every prompt's name.
        asyncio.get_running_loop().add_reader(self._socket.fileno(), self._accept)
        for language in self._options.languages:
            self.spawn(self._load(language), f"load {language}")
        self.spawn(self._trim(), "trim the prompt cache")
        log.info("speech is ready", socket=str(self._path), streams=self._capacity)

    async def close(self) -> None:
        """End every session, every engine and the socket."""
        if self._socket is not None:
            asyncio.get_running_loop().remove_reader(self._socket.fileno())
            self._socket.close()
            self._path.unlink(missing_ok=True)
        for client in list(self._clients):
            client.close()
        for task in list(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await self._cache.close()
        for recognizer in self._recognizers.values():
            await recognizer.close()
        await self._pyttsx3.close()
        await self._espeak.close()

    async def recognizer(self, language: str) -> Recognizer:
        """The engine for a language, or one that says what is missing."""
        known = self._recognizers.get(language)
        if known is not None:
            return known
        configured = self._options.languages.get(language, "")
        try:
            # Looks at some hundred files, on a slow disk perhaps.
            arguments = await asyncio.to_thread(_choose, language, configured)
        except ModelMissing as error:
            return SilentRecognizer(language, error)
        # Another task may have been quicker.
        return self._recognizers.setdefault(
            language, WorkerRecognizer(arguments[0], language, arguments[1:])
        )

    async def prompt(self, request: PromptRequest) -> Reply:
        """Make a prompt."""
        voice = request.voice or self._options.voices.get(request.language, "")
        if not voice:
            raise VoiceMissing(
                f"no voice for {request.language!r}: "
                f'add {request.language} = "..." to [speech.voices]; `espeak-ng --voices` lists them'
            )
        if not VOICE_NAME.fullmatch(voice):
            raise VoiceMissing(missing_voice(voice))
        return PathReply(request.id, await self._cache.prompt(request.text, voice))

    async def convert(self, request: ConvertRequest) -> Reply:
        """Convert an upload."""
        return PathReply(request.id, await self._cache.convert(request.upload, request.name))

    async def check(self, request: CheckRequest) -> Reply:
        """Check a grammar."""
        recognizer = await self.recognizer(request.language)
        problems = await recognizer.check_grammar(Grammar(request.phrases))
        return ProblemsReply(request.id, problems)

    async def status(self, request: StatusRequest) -> Reply:
        """Collect health figures."""
        return StatusReply(request.id, self._status())

    async def listen(
        self, request: ListenRequest, tap: Tap, emit: Callable[[SpeechEvent], None]
    ) -> None:
        """Run one listening session on a tap, which stays the caller's to close."""

        def count(event: SpeechEvent) -> None:
            kind = type(event).__name__
            if isinstance(event, Final) and not event.phrase:
                kind = "NoMatch"
            key = f"{request.language} {kind}"
            self.counts[key] = self.counts.get(key, 0) + 1
            emit(event)

        self.listening += 1
        try:
            if self.listening > self._capacity:
                count(EngineDown(f"all {self._capacity} streams listen already (speech.streams)"))
                return
            recognizer = await self.recognizer(request.language)
            grammar = Grammar(request.phrases)
            await Listener(tap, recognizer, grammar, request.limits, count).run()
        finally:
            self.listening -= 1
            self.lost_s += tap.lost / tap.rate

    def spawn(self, work: Coroutine[Any, Any, None], name: str) -> asyncio.Task[None]:
        """Run a task that ends with the server at the latest."""
        task = asyncio.create_task(work, name=name)
        self._tasks.add(task)
        task.add_done_callback(self._ended)
        return task

    def forget(self, client: "_Client") -> None:
        """A client is gone."""
        self._clients.discard(client)

    def _ended(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        if not task.cancelled() and task.exception() is not None:
            log.error("a task failed", task=task.get_name(), exc_info=task.exception())

    def _accept(self) -> None:
        if self._socket is None:
            return
        try:
            connection, _ = self._socket.accept()
        except BlockingIOError:
            return
        self._clients.add(_Client(self, connection))

    async def _load(self, language: str) -> None:
        recognizer = await self.recognizer(language)
        if isinstance(recognizer, SilentRecognizer):
            log.error("no recognition", language=language, reason=str(recognizer.reason))
        elif isinstance(recognizer, WorkerRecognizer):
            try:
                await recognizer.worker.start()
            except SpeechError as error:
                log.error("no recognition", language=language, reason=str(error))

    async def _trim(self) -> None:
        while True:
            removed = await self._cache.trim(time.time())
            log.debug("prompt cache trimmed", removed=removed)
            await asyncio.sleep(TRIM_EVERY)

    def _status(self) -> dict[str, Any]:
        recognizers = {
            language: {
                "engine": recognizer.engine,
                "version": recognizer.worker.version,
                "pid": recognizer.worker.pid,
                "restarts": recognizer.worker.restarts,
                "audio_s": round(recognizer.audio_s, 1),
                "real_time_factor": round(recognizer.cost_s / max(recognizer.audio_s, 0.1), 3),
            }
            for language, recognizer in self._recognizers.items()
        }
        return {
            "pid": os.getpid(),
            "recognizers": recognizers,
            "synthesizer": self._options.synthesizer,
            "espeak_ng": {"version": self._espeak.version, "pid": self._espeak.pid},
            "pyttsx3": {"version": self._pyttsx3.version, "pids": self._pyttsx3.pids},
            "streams": {"in_use": self.listening, "most": self._capacity},
            "prompts": {"from_cache": self._cache.hits, "made": self._cache.made},
            "outcomes": dict(self.counts),
            "lost_audio_s": round(self.lost_s, 1),
        }


class _Client:
    """One connected control process; its sessions end with the connection."""

    def __init__(self, server: SpeechServer, connection: socket.socket) -> None:
        self._server = server
        self._channel = Channel(connection, self._on_message, self._on_closed)
        self._sessions: dict[int, asyncio.Task[None]] = {}
        self._answers: dict[type[Request], Callable[[Any], Coroutine[Any, Any, Reply]]] = {
            PromptRequest: server.prompt,
            ConvertRequest: server.convert,
            CheckRequest: server.check,
            StatusRequest: server.status,
        }

    def close(self) -> None:
        self._channel.close()
        self._on_closed()

    def _on_message(self, data: bytes, descriptors: list[int]) -> None:
        try:
            request = decode_request(data)
        except msgspec.DecodeError as error:
            log.error("message not understood", error=str(error), data=data[:64].hex(" "))
            close_all(descriptors)
            return
        if isinstance(request, ListenRequest):
            self._listen(request, descriptors)
            return
        close_all(descriptors)
        if isinstance(request, StopListening):
            session = self._sessions.get(request.id)
            if session is not None:
                session.cancel()
        else:
            self._server.spawn(self._answer(request), f"{type(request).__name__} {request.id}")

    def _listen(self, request: ListenRequest, descriptors: list[int]) -> None:
        def emit(event: SpeechEvent) -> None:
            self._channel.send(encode(Heard(request.id, event)))

        try:
            # Mapped at once, so that no audio is missed while an engine is being loaded.
            memfd, eventfd = descriptors
            tap = Tap(memfd, eventfd, lookback=request.limits.lookback_s, rate=None)
        except (TapError, ValueError) as error:
            close_all(descriptors)
            emit(EngineDown(f"no audio to listen to: {error}"))
            return
        work = self._server.listen(request, tap, emit)
        task = self._server.spawn(work, f"listen {request.id}")
        self._sessions[request.id] = task

        def over(_: asyncio.Task[None]) -> None:
            # Here and not in the task, which may be cancelled before its first line.
            tap.close()
            self._sessions.pop(request.id, None)

        task.add_done_callback(over)

    async def _answer(self, request: Request) -> None:
        try:
            reply = await self._answers[type(request)](request)
        except SpeechError as error:
            log.warning("refused", request=type(request).__name__, reason=str(error))
            reply = Refused(request.id, type(error).__name__, str(error))
        self._channel.send(encode(reply))

    def _on_closed(self) -> None:
        for session in list(self._sessions.values()):
            session.cancel()
        self._server.forget(self)


async def serve(
    options: SpeechOptions, site: Path, socket_path: Path, ready: Callable[[], None]
) -> None:
    """Run the speech process until SIGTERM or SIGINT; ``ready`` is called once it answers."""
    stop = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    server = SpeechServer(options, site, socket_path)
    try:
        await server.start()
        ready()
        await stop.wait()
    finally:
        await server.close()


def _choose(language: str, configured: str) -> list[str]:
    """Engine and its arguments for a language; raises ModelMissing."""
    if configured == POCKETSPHINX:
        return [POCKETSPHINX]
    try:
        return ["vosk", str(find_model(language, configured))]
    except ModelMissing:
        if language.split("-")[0] == "en" and not configured:
            return [POCKETSPHINX]
        raise


def _bind(path: Path) -> socket.socket:
    sock = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    try:
        sock.connect(str(path))
    except OSError:
        path.unlink(missing_ok=True)  # left behind by a process that was killed
    else:
        sock.close()
        raise EngineMissing(f"another speech process already serves {path}")
    sock.close()
    sock = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    sock.setblocking(False)
    sock.bind(str(path))
    path.chmod(SOCKET_MODE)
    sock.listen()
    return sock
