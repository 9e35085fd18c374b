"""The journal and what media holds, put together: the state before control ended.

``checkpoint/reading.py`` says what the journal adds up to; ``reconcile`` compares that with the
lines and the media process that lived on.
"""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from pathlib import Path
from typing import Final, Protocol

import msgspec
import structlog

from daemon.control.calls.call import Call, Phase
from daemon.control.calls.life import CallLife
from daemon.control.calls.resuming import count_lost_offers, left_busy
from daemon.control.controller import Controller
from daemon.control.records import Records
from daemon.link.messages import Snapshot
from daemon.recordings.audio_file import what_is_left
from drivers.api import LineId, PortId, RestartedAudio, RtpAddress, RtpFormat
from drivers.errors import DriverError
from drivers.events import Cause

log = structlog.get_logger()


class Standing(msgspec.Struct, frozen=True, kw_only=True):
    """What drivers know of calls from before; references are theirs (``Leg.ref``)."""

    lines: dict[LineId, PortId | None] = {}
    """Lines that carried a conversation when control began again, with their ports.

    Those whose call has ended since are of them: that is an event that nobody has read yet.
    """
    rings: frozenset[str] = frozenset()
    """Calls that wait to be answered: their drivers tell of them anew."""
    left: frozenset[str] = frozenset()
    """Calls that the far end ended before."""


class Reconciled(msgspec.Struct, frozen=True, kw_only=True):
    """Which calls go on, and what nobody owns any more."""

    alive: tuple[Call, ...]
    dead: tuple[Call, ...]
    """Calls whose caller's line or port is gone."""
    ringing: tuple[Call, ...]
    """Calls that nobody has answered yet; their drivers tell of them anew."""
    orphan_lines: tuple[LineId, ...]
    """Lines with a conversation that belongs to no call."""
    claimed: tuple[PortId, ...]
    """Ports of the calls that go on."""
    finished_recordings: tuple[int, ...]
    """Recordings that ended while nobody listened."""


BEFORE_ANSWER: Final = (Phase.RINGING, Phase.DIALLING)


def answered_unwritten(call: Call, restored: Standing) -> bool:
    """Whether control answered a caller and ended before it wrote that down.

    He rang when the call was written last, and his line has a conversation. One who called
    from inside is none of them: whom he called rings no more, so there is nobody to join him.
    """
    rang = call.phase is Phase.RINGING and call.direct is None
    return rang and call.caller.line in restored.lines


def reconcile(
    calls: Sequence[Call],
    restored: Standing,
    snapshot: Snapshot,
    open_recordings: Sequence[int],
) -> Reconciled:
    """Compare calls of the journal with what drivers restored and with what media holds."""
    ports = {port.port for port in snapshot.ports}
    alive, dead, ringing = list[Call](), list[Call](), list[Call]()
    owned, claimed = set[LineId](), list[PortId]()
    for call in calls:
        if call.phase is Phase.RINGING and call.caller.ref in restored.rings:
            ringing.append(call)
            continue
        if answered_unwritten(call, restored):
            call.caller.port = restored.lines[call.caller.line]
        elif call.phase in BEFORE_ANSWER:
            dead.append(call)
            continue
        if call.caller.line not in restored.lines or call.caller.port not in ports:
            dead.append(call)
            continue
        alive.append(call)
        legs = [call.caller]
        legs += [leg for leg in call.partners if leg.line in restored.lines and leg.port in ports]
        for leg in legs:
            owned.add(leg.line)
            if leg.port is not None:
                claimed.append(leg.port)
    running = {recording.recording for recording in snapshot.recordings}
    return Reconciled(
        alive=tuple(alive),
        dead=tuple(dead),
        ringing=tuple(ringing),
        orphan_lines=tuple(line for line in restored.lines if line not in owned),
        claimed=tuple(claimed),
        finished_recordings=tuple(r for r in open_recordings if r not in running),
    )


class HoldingMedia(Protocol):
    """The part of the link to media that tells what it held, and takes claims."""

    async def snapshot(self) -> Snapshot: ...
    def claim(self, ports: Sequence[PortId]) -> Awaitable[None]: ...
    def connect_rtp(self, port: PortId, remote: RtpAddress, fmt: RtpFormat) -> Awaitable[None]: ...


class Recovery:
    """Makes the calls of the journal agree with lines and media, and starts them again."""

    def __init__(
        self,
        controller: Controller,
        media: HoldingMedia,
        records: Records,
        site: Path,
        restored: Callable[[], Standing],
    ) -> None:
        self._controller = controller
        self._media = media
        self._records = records
        self._site = site
        self._restored = restored
        self._snapshot: Snapshot | None = None
        self.lost_legs: list[tuple[int, LineId]] = []
        """Calls that go on without their agent, and the line that is gone."""

    async def look(self) -> None:
        """Take down what media holds, before the lines are open: calls may end from then on."""
        self._snapshot = await self._media.snapshot()

    async def sort_out(self, calls: Sequence[Call]) -> tuple[Call, ...]:
        """Claim what goes on, finish what does not; returns the calls that go on."""
        restored = self._restored()
        snapshot = self._snapshot or await self._media.snapshot()
        open_rows = {row.id: row for row in self._records.open_recordings()}
        found = reconcile(calls, restored, snapshot, tuple(open_rows))
        if found.claimed:
            await self._media.claim(found.claimed)
        for recording in found.finished_recordings:
            left = await asyncio.to_thread(what_is_left, self._site / open_rows[recording].path)
            self._records.recording_finished(recording, left)
        self._records.close_unknown(calls)
        count_lost_offers(calls, self._controller.acd.floor(), self._controller.clock())
        for call in found.alive:
            await self._connect(call)
            await self._controller.faxes.restored(call)
        for call in found.ringing:
            self._ring_again(call)
        for call in found.dead:
            await self._finish(call, restored)
        for line in found.orphan_lines:
            log.warning("conversation belongs to no call, releasing it", line=line)
            await self._release(line)
        for call in found.alive:
            for leg in call.partners:
                if leg.line not in restored.lines:
                    self.lost_legs.append((call.id, leg.line))
        for event in left_busy(found.alive, self._controller.acd.floor()):
            self._controller.acd.submit(event)
        if calls:
            log.info(
                "calls recovered",
                alive=len(found.alive),
                dead=len(found.dead),
                ringing=len(found.ringing),
            )
        return found.alive

    async def _connect(self, call: Call) -> None:
        """Set the streams of a call once more: its end may have come before that was done.

        The link learns them by this, for a media process that has to be told.
        """
        for leg in call.legs:
            try:
                line = self._controller.line(leg.line)
                stream = line.stream if isinstance(line, RestartedAudio) else None
                if stream is not None and leg.port is not None:
                    await self._media.connect_rtp(leg.port, stream.remote, stream.fmt)
            except DriverError as error:
                log.warning("stream is not set", line=leg.line, why=str(error))

    def _ring_again(self, call: Call) -> None:
        """Let the call that its driver offers anew be this one; whom it rang rings no more."""
        now = self._controller.clock()
        for kind in tuple(call.segments):
            self._records.close_segment(call, kind, now, result="lost")
        self._controller.rang[call.caller.ref] = call

    async def _finish(self, call: Call, restored: Standing) -> None:
        life = CallLife(call, self._controller)
        if call.caller.answered and call.caller.ref in restored.left:
            # He hung up, and control ended between hearing that and writing it down.
            await life.end(Cause.NORMAL, by="caller", caller_released=True)
            return
        gone = call.caller.line not in restored.lines
        await life.end(Cause.TEMPORARY_FAILURE, by="system", failed=True, caller_released=gone)

    async def _release(self, line: LineId) -> None:
        try:
            await self._controller.line(line).release(Cause.NORMAL)
        except DriverError as error:
            log.warning("line cannot be released", line=line, why=str(error))
