"""What a start after a long day costs: with the whole journal, and with a checkpoint.

``python -m tests.load.long_day --calls N`` writes the journal of a day of N calls through a queue,
lets the worker make a checkpoint of it, and prints what control reads at its start without and
with it: processor seconds, and the most memory that the process had. The records are those that
control and the SIP driver wrote for one call on fake lines, with other identifiers each time.
"""

import argparse
import asyncio
import os
import re
import resource
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from itertools import pairwise
from pathlib import Path
from typing import Final, TextIO

import msgspec

from acd_core.ids import to_text
from daemon.control.checkpoint.store import checkpoints, recover
from daemon.control.checkpoint.worker import Written
from daemon.control.journal import Journal
from daemon.control.journaled.files import Record, read_journal, segments
from daemon.control.journaled.kinds import DRIVER_KIND
from tests.fakes.control_rig import ControlRig, make_queue
from tests.fakes.sip_bench import Bench, request
from tests.fakes.virtual_time import VirtualTimePolicy

LONG: Final = 1 << 40  # identifiers are greater, and no other number of a record is
APART_S: Final = 3.0  # between the beginnings of two calls in the journal
SIZE: Final = 64  # identifiers that a call may have
Part = bytes | tuple[bool, int, bool]
"""Bytes, or an identifier: whether it is the call's before, which one, and whether as text."""


class Start(msgspec.Struct, frozen=True, kw_only=True):
    """What a start read."""

    cpu_s: float
    memory_mb: float
    records: int
    calls: int
    answered: int
    faults: int
    checkpoint: int


async def three_calls(folder: Path) -> tuple[list[Record], list[list[Record]]]:
    """What control writes before the first call, and for each of three."""
    rig = ControlRig(folder, queues=[make_queue(wrap_up_s=1.0)])
    await rig.start()
    await rig.seat("ann")
    ends = [rig.journal.last_sequence]
    for _ in range(3):
        line = await rig.call_sales()
        rig.driver.progress("2001")
        await rig.later(0.1)
        await rig.answer("2001")
        await rig.later(0.5)
        await rig.hang_up(line)
        await rig.later(1.5)
        ends.append(rig.journal.last_sequence)
    await rig.crash()
    records = list(read_journal(folder / "journal"))
    calls = [records[begin:end] for begin, end in pairwise(ends)]
    return records[: ends[0]], calls


def sip_leg(number: int) -> list[tuple[str, bytes]]:
    """What the SIP driver writes for one leg."""
    bench: Bench = Bench(seed=number)
    call = bench.talk(call_id=f"{number:016d}")
    bench.send(
        request("BYE", branch="bye", cseq=2, call_id=f"{number:016d}", to_tag=call.local_tag)
    )
    return list(bench.journal)


def identifiers(records: list[Record]) -> list[int]:
    """Those in the records, in the order in which they come."""
    found: dict[int, None] = {}

    def look(value: object) -> None:
        if isinstance(value, int) and value > LONG:
            found[value] = None
        elif isinstance(value, dict):
            for pair in value.items():
                look(pair)
        elif isinstance(value, list | tuple):
            for each in value:
                look(each)

    for record in records:
        if record.kind not in ("acd-decided", "acd-began"):
            look(msgspec.msgpack.decode(record.payload, strict=False))
    return list(found)


class Pattern:
    """The records of one call, to be written again with other identifiers."""

    def __init__(self, first: list[Record], before: list[Record], call: list[Record]) -> None:
        own, fresh, of_before = identifiers(call), new_in(call, before), new_in(before, first)
        # Each call goes on from the one before it, as an agent's state does.
        assert len(fresh) == len(of_before) < SIZE
        names: dict[bytes, Part] = {}
        for number in own:
            old = number not in fresh
            place = of_before.index(number) if old else fresh.index(number)
            names[b"\xcf" + number.to_bytes(8)] = (old, place, False)
            names[to_text(number).encode()] = (old, place, True)
        split = re.compile(b"(" + b"|".join(map(re.escape, names)) + b")")
        self.records = [
            (
                record.kind,
                [names.get(part, part) for part in split.split(record.payload)],
            )
            for record in call
        ]
        self.legs = [Leg(1), Leg(2)]

    def again(self, number: int) -> Iterator[tuple[str, bytes]]:
        """The records of one more call."""
        own, earlier = (1 << 60) + number * SIZE, (1 << 60) + (number - 1) * SIZE
        for kind, parts in self.records:
            yield kind, b"".join([written(part, own, earlier) for part in parts])
        for place, leg in enumerate(self.legs):
            yield from leg.again(number * 2 + place)


def new_in(call: list[Record], before: list[Record]) -> list[int]:
    """Identifiers of a call that the one before it did not have."""
    known = identifiers(before)
    return [number for number in identifiers(call) if number not in known]


def written(part: Part, own: int, earlier: int) -> bytes:
    """A part of a record, for a call whose identifiers begin at ``own``."""
    if isinstance(part, bytes):
        return part
    old, place, as_text = part
    number = (earlier if old else own) + place
    return to_text(number).encode() if as_text else b"\xcf" + number.to_bytes(8)


class Leg:
    """The records of a leg, to be written again with another Call-ID and another tag."""

    def __init__(self, number: int) -> None:
        records = sip_leg(number)
        tags = re.findall(rb"tag=([0-9a-zA-Z]+)", b"".join(payload for _, payload in records))
        (tag,) = {tag for tag in tags if tag != b"peer"}
        self._size = len(tag)
        self._split = [
            (
                f"{DRIVER_KIND}sip:{kind}",
                re.split(b"(" + re.escape(tag) + rb"|%016d)" % number, payload),
            )
            for kind, payload in records
        ]
        self._tag = tag

    def again(self, number: int) -> Iterator[tuple[str, bytes]]:
        """The records of one more leg."""
        tag = b"%0*x" % (self._size, number)
        ref = b"%016d" % number
        for kind, parts in self._split:
            told = [tag if part == self._tag else ref for part in parts[1::2]]
            parts[1::2] = told
            yield kind, b"".join(parts)
            parts[1::2] = [self._tag if part == tag else ref for part in told]


def write_day(folder: Path, calls: int, tail: int) -> tuple[int, int]:
    """Write the journal of a day of so many calls.

    Returns the number of the record with which a file ends about ``tail`` records before the
    last one, as for a checkpoint, and that of the last one.
    """
    with asyncio.Runner(loop_factory=VirtualTimePolicy().new_event_loop) as runner:
        before, calls_of = runner.run(three_calls(folder / "rig"))
    third = calls_of[-1]
    pattern = Pattern(*calls_of)
    clock = Clock(before[-1].at)
    journal = Journal.open(folder / "journal", clock=clock)
    for record in before:
        journal.append(record.kind, record.payload, clock.now)
    cut = 0
    for number in range(1, calls + 1):
        clock.now += APART_S
        began = third[0].at
        entries = list(pattern.again(number))
        for place, entry in enumerate(entries):
            at = third[place].at - began if place < len(third) else APART_S - 0.5
            journal.append(*entry, clock.now + at)
        if (calls - number) * len(entries) <= tail and not cut:
            cut = journal.begin_file()
    journal.close()
    return cut, journal.last_sequence


class Clock:
    """Stands at the beginning of a call."""

    def __init__(self, now: float) -> None:
        self.now = now

    def __call__(self) -> float:
        return self.now


def measure_start(folder: Path) -> Start:
    """Read what control reads at its start, in this very process."""

    def used() -> float:
        spent = resource.getrusage(resource.RUSAGE_SELF)
        return spent.ru_utime + spent.ru_stime

    began = used()
    journal = Journal.open(folder / "journal", clock=lambda: 0.0)
    found = recover(folder / "journal", journal, journal.last_sequence)
    spent = used() - began
    visits = [view.visits for view in found.engine.snapshot(found.engine.now).queues]
    return Start(
        cpu_s=round(spent, 3),
        memory_mb=round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024, 1),
        records=found.records,
        calls=len(found.calls),
        answered=sum(view.answered for view in visits),
        faults=found.faults + found.refused,
        checkpoint=found.checkpoint,
    )


def in_a_process(folder: Path) -> Start:
    """The same in a fresh process."""
    words = [sys.executable, "-m", "tests.load.long_day", "--start", str(folder)]
    done = subprocess.run(words, capture_output=True, check=True)
    return msgspec.json.decode(done.stdout.splitlines()[-1], type=Start)


def checkpoint(folder: Path, upto: int) -> Written:
    """Let the worker make a checkpoint."""
    words = [sys.executable, "-m", "daemon.control.checkpoint.worker"]
    done = subprocess.run(
        [*words, str(folder / "journal"), str(folder), str(upto)], capture_output=True, check=True
    )
    return msgspec.json.decode(done.stdout.splitlines()[-1], type=Written)


def run(folder: Path, calls: int, tail: int, tell: Callable[[str, msgspec.Struct], None]) -> None:
    """Write a day, and measure starts without and with a checkpoint ``tail`` records old."""
    cut, last = write_day(folder, calls, tail)
    tell("whole journal", in_a_process(folder))
    tell("first checkpoint", checkpoint(folder, cut))
    tell("with it", in_a_process(folder))
    tell("next checkpoint", checkpoint(folder, last))


def main(out: TextIO) -> None:
    """Measure what the command line asks for."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--calls", type=int, default=5_000)
    parser.add_argument("--tail", type=int, default=100_000, help="records after the checkpoint")
    parser.add_argument("--start", type=Path, help="only read the journal in this folder")
    parser.add_argument("--keep", type=Path, help="a new folder to write into, and leave there")
    wished = parser.parse_args()
    if wished.start is not None:
        out.write(msgspec.json.encode(measure_start(wished.start)).decode() + "\n")
        return

    def tell(what: str, found: msgspec.Struct) -> None:
        out.write(f"{what}: {msgspec.json.encode(found).decode()}\n")
        out.flush()

    if wished.keep is not None:
        wished.keep.mkdir()
        write_day(wished.keep, wished.calls, wished.tail)
        return
    with tempfile.TemporaryDirectory() as folder:
        run(Path(folder), wished.calls, wished.tail, tell)
        sizes = [path.stat().st_size for path in segments(Path(folder) / "journal")]
        out.write(f"journal: {sum(sizes) / 1e6:.0f} MB in {len(sizes)} files, ")
        newest = checkpoints(Path(folder) / "journal")[0].stat().st_size
        out.write(f"checkpoint: {newest / 1e3:.0f} kB, {os.cpu_count()} processors\n")


if __name__ == "__main__":
    main(sys.stdout)
