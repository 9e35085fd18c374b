"""The audio of a conversation for programs that analyse it, over a WebSocket."""

import asyncio
import contextlib
from collections import deque
from collections.abc import AsyncIterator
from typing import Final

import msgspec
from sanic import Blueprint, Websocket

from admin.api.openapi import ENDPOINTS, PREFIX, Endpoint, Parameter
from admin.context import ConsoleRequest
from daemon.service.errors import ServiceError
from daemon.service.messages import AudioPiece

blueprint = Blueprint("api_audio")

LISTENERS: Final = ("supervisor", "administrator")
SIDES: Final = ("caller", "agent")
RATES: Final = (8000, 16_000)  # samples a second
WAITING_S: Final = 2  # of both sides
BYTES_PER_SAMPLE: Final = 2
OVER: Final = 1000
REFUSED: Final = 1008  # RFC 6455 section 7.4.1

ENDPOINTS.append(
    Endpoint(
        method="GET",
        path="/calls/<call:str>/audio",
        summary="WebSocket: what caller and agent say, 16 bit, as binary frames",
        summary_zh="WebSocket：来电者与座席的声音，16 位，二进制帧",
        roles=LISTENERS,
        parameters=(Parameter("rate", "samples a second, 8000 (usual) or 16000", "integer"),),
        content_type="application/octet-stream",
    )
)


class Backlog:
    """Pieces that wait for a reader; when it is slow the oldest go, and it is told."""

    def __init__(self, rate: int = RATES[0]) -> None:
        self._most = len(SIDES) * WAITING_S * rate * BYTES_PER_SAMPLE  # octets
        self._waiting: deque[AudioPiece] = deque()
        self._size = 0
        self._lost = dict.fromkeys(SIDES, 0)
        self._news = asyncio.Event()
        self._ended = False

    def put(self, piece: AudioPiece) -> None:
        """Keep a piece; never waits."""
        self._waiting.append(piece)
        self._size += len(piece.pcm)
        self._lost[piece.side] += piece.lost
        while self._size > self._most:
            oldest = self._waiting.popleft()
            self._size -= len(oldest.pcm)
            self._lost[oldest.side] += len(oldest.pcm) // BYTES_PER_SAMPLE
        self._news.set()

    def end(self) -> None:
        """Nothing more will come."""
        self._ended = True
        self._news.set()

    async def frames(self) -> AsyncIterator[str | bytes]:
        """What is to be sent: text that tells of losses, and audio."""
        while True:
            while self._waiting:
                for side, lost in self._lost.items():
                    if lost:
                        self._lost[side] = 0
                        yield msgspec.json.encode({"side": side, "lost": lost}).decode()
                if not self._waiting:  # while that was sent all of it went
                    break
                piece = self._waiting.popleft()
                self._size -= len(piece.pcm)
                yield bytes([SIDES.index(piece.side), 0]) + piece.pcm
            if self._ended:
                return
            self._news.clear()
            await self._news.wait()


@blueprint.websocket(f"{PREFIX}/calls/<call:str>/audio")  # type: ignore[untyped-decorator]
async def audio(request: ConsoleRequest, ws: Websocket, call: str) -> None:
    """First a text frame that tells the form; then audio until the conversation is over.

    A binary frame is the side (0 caller, 1 agent), a zero, and little-endian samples.
    """
    if request.ctx.person is None:  # the handshake is done: a close code takes a status' place
        await ws.close(REFUSED, "signed-out")
        return
    asked = str(request.args.get("rate", RATES[0]))
    rate = int(asked) if asked.isascii() and asked.isdigit() and len(asked) <= 5 else 0
    backlog = Backlog(rate)
    pieces = request.console.service.listen(request.actor, call, rate=rate)
    try:
        first = await anext(aiter(pieces), None)  # a refusal comes before anything is sent
    except ServiceError as refused:
        await ws.close(REFUSED, refused.code)
        return
    form = {"rate": rate, "bits": 16, "sides": SIDES}
    await ws.send(msgspec.json.encode(form).decode())
    reading = asyncio.create_task(_gather(first, pieces, backlog), name="call audio")
    try:
        async for frame in backlog.frames():
            await ws.send(frame)
        await ws.close(OVER, "over")
    finally:
        reading.cancel()
        await asyncio.gather(reading, return_exceptions=True)


async def _gather(
    first: AudioPiece | None, pieces: AsyncIterator[AudioPiece], backlog: Backlog
) -> None:
    """Take what comes as it comes, whatever its reader does."""
    try:
        if first is not None:
            backlog.put(first)
        with contextlib.suppress(ServiceError):  # control went away: the stream is over
            async for piece in pieces:
                backlog.put(piece)
    finally:
        backlog.end()
