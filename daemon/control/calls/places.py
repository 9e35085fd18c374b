"""Places that are kept for callers who hung up: calling them when their turn comes.

The distribution engine keeps the place and says when to dial; here is who the caller was,
written to the journal, and the search for a line that can reach him.
"""

import asyncio
import re
from collections.abc import Callable, Container, Iterable
from typing import Final, Protocol

import msgspec
import structlog

from acd_core.commands import CallbackEnd, CallbackOver, DialCallback
from acd_core.events import CallbackFailed
from acd_core.ids import CallId, to_text
from daemon.config import OutgoingOptions
from daemon.control.acd_runner import AcdRunner
from daemon.control.calls.call import Call, Leg, Phase
from daemon.control.journal import Journal
from drivers.api import Line

log = structlog.get_logger()

JOURNAL_KIND: Final = "place"
GIVEN_UP_KIND: Final = "place-over"
LINE_RETRY: Final = 1.0  # s between two looks for a free line
DIALLABLE: Final = re.compile(r"\+?[0-9]{3,20}")


ANY_LINE: Final = OutgoingOptions()


class KeptCaller(msgspec.Struct, frozen=True, kw_only=True):
    """Who left with his place kept."""

    call: int
    number: str
    queue: int
    language: str = "en"
    name: str = ""
    dnis: str = ""
    data: dict[str, str] = {}


class Dialling(Protocol):
    """The control process, as far as a call-back needs it."""

    clock: Callable[[], float]
    ids: Callable[[], int]
    acd: AcdRunner

    def free_trunk(self) -> Line | None:
        """A trunk line on which we may call somebody now."""

    def start_call(self, call: Call) -> None:
        """Let a new call begin its life."""

    def stop_dialling(self, place: int) -> None:
        """Give up the call to somebody whose place it is, unless he has answered."""


_encoder = msgspec.msgpack.Encoder()
_decoder: msgspec.msgpack.Decoder[KeptCaller] = msgspec.msgpack.Decoder(KeptCaller)


def decode_place(payload: bytes) -> KeptCaller:
    """Read what the journal holds of a kept place; msgspec.DecodeError on anything else."""
    return _decoder.decode(payload)


def encode_place(caller: KeptCaller) -> bytes:
    """Write it for the journal."""
    return _encoder.encode(caller)


class KeptPlaces:
    """Callers whose place is kept, and the calls made to them."""

    def __init__(self, journal: Journal, control: Dialling) -> None:
        self.kept: dict[int, KeptCaller] = {}
        """By the call that they hung up."""
        self._journal = journal
        self._control = control
        self._searches: dict[int, asyncio.Task[None]] = {}

    def restore(self, kept: Iterable[KeptCaller], held: Container[int]) -> None:
        """Know again whom the process before this one knew, and the engine still holds.

        Control may have been killed between the two of them: then the engine is right.
        """
        for caller in kept:
            self.kept[caller.call] = caller
            if caller.call not in held:
                self.give_up(caller.call)

    def keep(self, call: Call, number: str) -> None:
        """Note a caller before the engine is asked to keep his place."""
        caller = KeptCaller(
            call=call.id,
            number=number,
            queue=call.queue,
            language=call.language,
            name=call.name,
            dnis=call.dnis,
            data=dict(call.data),
        )
        self.kept[call.id] = caller
        self._journal.append(JOURNAL_KIND, encode_place(caller), self._control.clock())

    def give_up(self, call: int) -> None:
        """Forget a caller whose place is kept no more."""
        if self.kept.pop(call, None) is not None:
            self._journal.append(GIVEN_UP_KIND, to_text(call).encode(), self._control.clock())
        search = self._searches.pop(call, None)
        if search is not None:
            search.cancel()

    def of(self, number: str, queue: int) -> int | None:
        """The place of somebody who calls in himself, in the queue that he left."""
        if not number or not self.kept:
            return None
        found = (c.call for c in self.kept.values() if c.number == number and c.queue == queue)
        return next(found, None)

    def of_call(self, call: Call, queue: int) -> CallId | None:
        """The place of the caller whom we called, or who calls in himself before we do."""
        if call.callback:
            return CallId(call.callback)
        kept = self.of(call.ani, queue)
        return None if kept is None else CallId(kept)

    def perform(self, command: DialCallback | CallbackOver) -> None:
        """Do what the engine says of a place."""
        if isinstance(command, CallbackOver):
            log.info("place is kept no more", call=to_text(command.call), why=command.why)
            self.give_up(command.call)
            if command.why is not CallbackEnd.SERVED:
                self._control.stop_dialling(command.call)
            return
        search = asyncio.create_task(self._search(command), name=f"call-back {command.call}")
        self._searches[command.call] = search
        search.add_done_callback(lambda _: self._searches.pop(command.call, None))

    async def _search(self, command: DialCallback) -> None:
        """Look for a free line until the attempt is over, and call there."""
        control, caller = self._control, self.kept.get(command.call)
        if caller is None:
            log.error("call-back to nobody we know", call=to_text(command.call))
            control.acd.submit(CallbackFailed(call=command.call, reason="unknown"))
            return
        while (line := control.free_trunk()) is None:
            if control.clock() >= command.deadline:
                log.warning("call-back finds no line", call=to_text(command.call))
                control.acd.submit(CallbackFailed(call=command.call, reason="no_line"))
                return
            await asyncio.sleep(LINE_RETRY)
        now = control.clock()
        log.info(
            "caller is called back",
            call=to_text(command.call),
            line=line.id,
            attempt=command.attempt,
        )
        control.start_call(
            Call(
                id=control.ids(),
                started=now,
                since=now,
                caller=Leg(id=control.ids(), line=line.id),
                phase=Phase.DIALLING,
                direction="out",
                ani=caller.number,
                ani_verbatim=caller.number,
                dnis=caller.dnis,
                name=caller.name,
                language=caller.language,
                queue=caller.queue,
                data=dict(caller.data),
                callback=CallId(command.call),
            )
        )
        await asyncio.sleep(max(command.deadline - control.clock(), 0.0))
        control.stop_dialling(command.call)
