"""What the records of the journal add up to: what was going on when control ended.

Reading is pure, and nothing in a record can make it raise. A start reads what came after the
newest checkpoint on top of what that holds; whoever writes the next checkpoint does the same.
"""

from collections.abc import Container, Iterable
from typing import Final

import msgspec
import structlog

from acd_core import events as acd_events
from acd_core.engine import AcdEngine
from acd_core.errors import AcdError
from acd_core.ids import from_text
from acd_core.state.image import restore, save
from daemon.control.calls.call import Call, Phase, decode_call, encode_call
from daemon.control.calls.places import GIVEN_UP_KIND as PLACE_OVER_KIND
from daemon.control.calls.places import JOURNAL_KIND as PLACE_KIND
from daemon.control.calls.places import KeptCaller, decode_place, encode_place
from daemon.control.checkpoint.quiet import read_checkpoint
from daemon.control.checkpoint.unsealing import Unseal, sealed_stays
from daemon.control.journaled.files import SNAPSHOT, Record
from daemon.control.journaled.kinds import ACD_KIND, CALL_KIND, DRIVER_KIND, PAIR_KIND
from daemon.control.journaled.rows import JOURNAL_KIND as ROW_KIND
from daemon.control.journaled.rows import decode_row, encode_row
from daemon.store.rows import HistoryRow, QueueVisitRow
from drivers.sip.journal.compaction import Compaction, Packed

log = structlog.get_logger()

MOST_ROWS: Final = 2000  # that are kept before it is looked which of them nobody needs
MOST_FORMS: Final = 16  # of one call, before the newest of them is read


class _Head(msgspec.Struct, gc=False):
    """What a call's record tells at once; most are replaced by a newer one and never read whole."""

    id: int
    phase: Phase = Phase.RINGING


_read_head: Final = msgspec.msgpack.Decoder(_Head).decode


class Recovered(msgspec.Struct, kw_only=True):
    """What the journal says was going on."""

    engine: AcdEngine
    calls: list[Call] = []
    """Calls that had not ended, oldest first."""
    driver_records: dict[str, list[Packed]] = {}
    """By driver name, in order: those that still count."""
    places: list[KeptCaller] = []
    """Callers who left with their place kept."""
    open_rows: list[HistoryRow] = []
    """The newest form of rows that are not complete."""
    unwritten: list[tuple[int, HistoryRow]] = []
    """Rows behind the database's sequence number."""
    events: int = 0
    """Of the distribution engine, told again."""
    faults: int = 0
    checkpoint: int = 0
    """Number of the last record that the checkpoint holds from which reading went on; 0 for none."""
    checkpoint_at: float = 0.0
    """When that record was written, in Unix seconds."""
    records: int = 0
    """Records read after it."""
    refused: int = 0
    """Newer checkpoints that could not be read."""


class Checkpoint(msgspec.Struct, frozen=True, kw_only=True):
    """What the journal's records add up to, up to one of them."""

    sequence: int
    at: float
    """When that record was written, in Unix seconds."""
    engine: bytes
    """``acd_core.state.image``."""
    calls: list[bytes]
    places: list[bytes]
    rows: list[bytes]
    drivers: dict[str, list[Packed]]


class Reading:
    """Takes records in order."""

    def __init__(self, unseal: Unseal, engine: AcdEngine | None = None) -> None:
        self.engine = AcdEngine() if engine is None else engine
        self.unwritten: list[tuple[int, HistoryRow]] = []
        self.events = self.faults = self.records = self.began = 0
        self.began_at = 0.0
        self._unseal = unseal
        self._at = 0.0
        self._calls: dict[int, list[tuple[int, bytes]]] = {}
        """Of those that have not ended, the numbers of their records and what these say."""
        self._places: dict[int, KeptCaller] = {}
        self._rows: dict[tuple[str, int], HistoryRow] = {}
        self._most_rows = MOST_ROWS
        self._drivers: dict[str, Compaction] = {}

    @classmethod
    def after(cls, checkpoint: Checkpoint, unseal: Unseal) -> "Reading":
        """Go on from a checkpoint; AcdError or msgspec.DecodeError when it cannot be read."""
        reading = cls(unseal, restore(checkpoint.engine))
        reading.began, reading.began_at = checkpoint.sequence, checkpoint.at
        reading._at = checkpoint.at
        for payload in checkpoint.calls:
            reading._calls[decode_call(payload).id] = [(checkpoint.sequence, payload)]
        for caller in map(decode_place, checkpoint.places):
            reading._places[caller.call] = caller
        for row in map(decode_row, checkpoint.rows):
            reading._rows[row.table, row.id] = row
        for name, records in checkpoint.drivers.items():
            for record in records:
                reading._driver(name).take(record)
        return reading

    def take_all(self, records: Iterable[Record], *, applied: int, since: int = 0) -> None:
        """Take records; of those up to ``since`` only rows count that the database has not.

        ``applied`` is the last number whose rows the database holds.
        """
        for record in records:
            if record.kind == SNAPSHOT:
                self._quiet(record, applied, since)
            else:
                self._take(record, applied, since)
            self.records += record.sequence > since
            self._at = record.at

    def _take(self, record: Record, applied: int, since: int) -> None:
        kind = record.kind
        try:
            # Most frequent first: a long day is millions of records, and callers wait.
            if kind == ROW_KIND:
                self._row(record, applied, since)
            elif record.sequence <= since:
                return
            elif kind == CALL_KIND:
                self._keep_call(record.sequence, record.payload)
            elif kind.startswith(DRIVER_KIND):
                name, _, inner = kind.removeprefix(DRIVER_KIND).partition(":")
                self._driver(name).take((inner, record.payload))
            elif kind == ACD_KIND:
                self.events += 1
                self._replay(record)
            elif kind == PAIR_KIND:
                for each in msgspec.msgpack.decode(record.payload, type=list[bytes]):
                    self._keep_call(record.sequence, each)
            elif kind == PLACE_KIND:
                caller = decode_place(record.payload)
                self._places[caller.call] = caller
            elif kind == PLACE_OVER_KIND:
                self._places.pop(from_text(record.payload.decode()), None)
        except (msgspec.DecodeError, AcdError, UnicodeDecodeError) as error:
            self._fault(record.sequence, error)

    def _quiet(self, record: Record, applied: int, since: int) -> None:
        """Take a quiet floor, which stands for all records before it."""
        try:
            inside = read_checkpoint(record.payload)
        except msgspec.DecodeError as error:
            self._fault(record.sequence, error)
            return
        if record.sequence > since:
            self.engine = AcdEngine()
            for kept in (self._calls, self._places, self._rows, self._drivers):
                kept.clear()
        for inner in inside:
            self._take(Record(record.sequence, inner.kind, inner.payload, inner.at), applied, since)

    def _fault(self, sequence: int, error: Exception) -> None:
        self.faults += 1
        log.error("journal record not understood", sequence=sequence, why=str(error))

    @property
    def calls(self) -> int:
        """How many have not ended."""
        return len(self._calls)

    def recovered(self) -> Recovered:
        """What it all adds up to."""
        self._drop_visits()
        calls = self._newest_calls()
        return Recovered(
            engine=self.engine,
            calls=sorted(calls, key=lambda call: call.id),
            driver_records=self._driver_records(calls),
            places=list(self._places.values()),
            open_rows=list(self._rows.values()),
            unwritten=self.unwritten,
            events=self.events,
            faults=self.faults,
            checkpoint=self.began,
            checkpoint_at=self.began_at,
            records=self.records,
        )

    def checkpoint(self, sequence: int) -> Checkpoint:
        """The same for the disk; ``sequence`` is the last record that was taken."""
        self._drop_visits()
        calls = self._newest_calls()
        return Checkpoint(
            sequence=sequence,
            at=self._at,
            engine=save(self.engine),
            calls=[encode_call(call) for call in calls],
            places=[encode_place(caller) for caller in self._places.values()],
            rows=[encode_row(row) for row in self._rows.values()],
            drivers=self._driver_records(calls),
        )

    def _driver(self, name: str) -> Compaction:
        found = self._drivers.get(name)
        if found is None:
            found = self._drivers[name] = Compaction(self._unseal)
        return found

    def _driver_records(self, calls: list[Call]) -> dict[str, list[Packed]]:
        legs: Container[str] = {leg.ref for call in calls for leg in call.legs}
        return {name: driver.records(legs) for name, driver in self._drivers.items()}

    def _row(self, record: Record, applied: int, since: int) -> None:
        row = decode_row(record.payload)
        if record.sequence > since:
            self._keep_open(row)
        if record.sequence > applied:
            self.unwritten.append((record.sequence, row))

    def _keep_call(self, sequence: int, payload: bytes) -> None:
        head = _read_head(payload)
        if head.phase is Phase.ENDED:
            self._calls.pop(head.id, None)
            return
        forms = self._calls.setdefault(head.id, [])
        forms.append((sequence, payload))
        if len(forms) > MOST_FORMS:
            self._newest(forms)

    def _newest_calls(self) -> list[Call]:
        newest = {number: self._newest(forms) for number, forms in self._calls.items()}
        for number, call in newest.items():
            if call is None:
                del self._calls[number]
        return [call for call in newest.values() if call is not None]

    def _newest(self, forms: list[tuple[int, bytes]]) -> Call | None:
        """The newest form that can be read, which is the only one left then."""
        while forms:
            sequence, payload = forms[-1]
            try:
                call = decode_call(payload)
            except (msgspec.DecodeError, UnicodeDecodeError) as error:
                self._fault(sequence, error)
                forms.pop()
            else:
                forms[:] = [(sequence, payload)]
                return call
        return None

    def _keep_open(self, row: HistoryRow) -> None:
        if isinstance(row, QueueVisitRow):
            is_open = row.left_ms is None or row.agent_id is not None
        else:
            is_open = row.ended_ms is None
        key = (row.table, row.id)
        if is_open:
            self._rows[key] = row
            if len(self._rows) > self._most_rows:
                self._drop_visits()
                self._most_rows = MOST_ROWS + 2 * len(self._rows)
        else:
            self._rows.pop(key, None)

    def _drop_visits(self) -> None:
        """Forget answered visits once nobody talks, and nobody does after-call work for them."""
        rows = self._rows.values()
        named = (getattr(row, "call_id", 0) for row in rows if not isinstance(row, QueueVisitRow))
        busy = {*self._calls, *named}
        self._rows = {
            key: row
            for key, row in self._rows.items()
            if not isinstance(row, QueueVisitRow) or row.left_ms is None or row.call_id in busy
        }

    def _replay(self, record: Record) -> None:
        event = acd_events.decode(record.payload)
        try:
            self.engine.handle(event, record.at)
        except AcdError:
            # It was refused then as well: the journal holds what was asked, not what was done.
            log.debug("event refused in replay", sequence=record.sequence)


def read_back(
    records: Iterable[Record], applied: int, since: int = 0, *, unseal: Unseal = sealed_stays
) -> Recovered:
    """What records add up to that no checkpoint goes before; see ``Reading.take_all``."""
    reading = Reading(unseal)
    reading.take_all(records, applied=applied, since=since)
    return reading.recovered()
