"""The journal and what media holds, put together: the state before control ended.

Reading is pure; ``reconcile`` compares with the lines and the media process that lived on.
"""

import asyncio
from collections import defaultdict
from collections.abc import Awaitable, Callable, Iterable, Iterator, Sequence
from pathlib import Path
from typing import Final, Protocol

import msgspec
import structlog

from acd_core import events as acd_events
from acd_core.engine import AcdEngine
from acd_core.errors import AcdError
from acd_core.ids import from_text
from daemon.control.acd_runner import JOURNAL_KIND as ACD_KIND
from daemon.control.calls.call import Call, Phase, decode_call
from daemon.control.calls.life import CallLife
from daemon.control.calls.moves.switchboard import PAIR_KIND
from daemon.control.calls.places import GIVEN_UP_KIND as PLACE_OVER_KIND
from daemon.control.calls.places import JOURNAL_KIND as PLACE_KIND
from daemon.control.calls.places import KeptCaller, decode_place
from daemon.control.calls.resuming import left_busy
from daemon.control.checkpoint import read_checkpoint
from daemon.control.controller import JOURNAL_KIND as CALL_KIND
from daemon.control.controller import Controller
from daemon.control.journaled.files import SNAPSHOT, Record
from daemon.control.journaled.rows import JOURNAL_KIND as ROW_KIND
from daemon.control.journaled.rows import decode_row
from daemon.control.records import Records
from daemon.link.messages import Snapshot
from daemon.recordings.audio_file import what_is_left
from daemon.store.rows import HistoryRow, QueueVisitRow
from drivers.api import LineId, PortId, RestartedAudio, RtpAddress, RtpFormat
from drivers.errors import DriverError
from drivers.events import Cause

log = structlog.get_logger()

DRIVER_KIND: Final = "driver:"
"""Prefix of the journal kind of a driver's records; its name and kind follow."""


class Recovered(msgspec.Struct, kw_only=True):
    """What the journal says was going on."""

    calls: list[Call] = []
    """Calls that had not ended, oldest first."""
    driver_records: dict[str, list[tuple[str, bytes]]] = {}
    """By driver name, in order."""
    places: list[KeptCaller] = []
    """Callers who left with their place kept."""
    open_rows: list[HistoryRow] = []
    """The newest form of rows that are not complete."""
    unwritten: list[tuple[int, HistoryRow]] = []
    """Rows behind the database's sequence number."""
    events: int = 0
    faults: int = 0


def read_back(
    records: Iterable[Record], engine: AcdEngine, applied: int, since: int = 0
) -> Recovered:
    """Replay the journal into a fresh engine and collect the rest; never raises on content.

    ``applied`` is the last sequence number whose rows the database holds. Of records up to
    ``since``, which a checkpoint replaces, only rows count that the database has not.
    """
    recovered = Recovered()
    calls: dict[int, Call] = {}
    places: dict[int, KeptCaller] = {}
    rows: dict[tuple[str, int], HistoryRow] = {}
    driver_records: defaultdict[str, list[tuple[str, bytes]]] = defaultdict(list)
    for record in _unfold(records):
        kind = record.kind
        try:
            # Most frequent first: a long day is millions of records, and callers wait.
            if kind == ROW_KIND:
                row = decode_row(record.payload)
                if record.sequence > since:
                    _keep_open(rows, row)
                if record.sequence > applied:
                    recovered.unwritten.append((record.sequence, row))
            elif record.sequence <= since:
                continue
            elif kind == CALL_KIND:
                _keep_call(calls, record.payload)
            elif kind.startswith(DRIVER_KIND):
                name, _, inner = kind.removeprefix(DRIVER_KIND).partition(":")
                driver_records[name].append((inner, record.payload))
            elif kind == ACD_KIND:
                recovered.events += 1
                _replay(engine, record)
            elif kind == PAIR_KIND:
                for each in msgspec.msgpack.decode(record.payload, type=list[bytes]):
                    _keep_call(calls, each)
            elif kind == PLACE_KIND:
                caller = decode_place(record.payload)
                places[caller.call] = caller
            elif kind == PLACE_OVER_KIND:
                places.pop(from_text(record.payload.decode()), None)
        except (msgspec.DecodeError, AcdError, UnicodeDecodeError) as error:
            recovered.faults += 1
            log.error("journal record not understood", sequence=record.sequence, why=str(error))
    recovered.calls = sorted(calls.values(), key=lambda call: call.id)
    recovered.places = list(places.values())
    recovered.driver_records = dict(driver_records)
    recovered.open_rows = list(rows.values())
    return recovered


def _keep_call(calls: dict[int, Call], payload: bytes) -> None:
    call = decode_call(payload)
    calls[call.id] = call
    if call.phase is Phase.ENDED:
        del calls[call.id]


def _unfold(records: Iterable[Record]) -> Iterator[Record]:
    """Yield records with checkpoints replaced by what is in them."""
    for record in records:
        if record.kind != SNAPSHOT:
            yield record
            continue
        try:
            inside = read_checkpoint(record.payload)
        except msgspec.DecodeError:
            # Told as one record that nobody understands, and counted where those are.
            yield Record(record.sequence, CALL_KIND, record.payload, record.at)
            continue
        for inner in inside:
            yield Record(record.sequence, inner.kind, inner.payload, inner.at)


def _replay(engine: AcdEngine, record: Record) -> None:
    event = acd_events.decode(record.payload)
    try:
        engine.handle(event, record.at)
    except AcdError:
        # It was refused then as well: the journal holds what was asked, not what was done.
        log.debug("event refused in replay", sequence=record.sequence)


def _keep_open(rows: dict[tuple[str, int], HistoryRow], row: HistoryRow) -> None:
    ended = getattr(row, "ended_ms", None)
    left = getattr(row, "left_ms", None)
    key = (row.table, row.id)
    if ended is None and (not isinstance(row, QueueVisitRow) or left is None or row.agent_id):
        rows[key] = row
    else:
        rows.pop(key, None)


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
        for call in found.alive:
            await self._connect(call)
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
