"""Calls at a steady rate through a whole hotline while control is killed, and what is left of them.

Not a test by itself: ``make load`` runs it in full, ``test_killed_under_load.py`` a small one. SIPp is
everybody on the telephone. At any moment there are callers being answered, callers in a flow,
calls on hold, calls in a re-INVITE, agents' telephones that ring, conversations, and transfers.
"""

import argparse
import asyncio
import contextlib
import json
import os
import shutil
import signal
import sys
from collections import Counter
from pathlib import Path

import msgspec

from daemon.benchmark.hotline import Hotline, free_port
from daemon.benchmark.menu_calls import hum
from daemon.benchmark.queue_calls import register
from daemon.benchmark.sipp import Sipp, sipp
from daemon.benchmark.site_text import FLOW_NUMBER, QUEUE_NUMBER, Wishes, station
from daemon.control.checkpoint.store import checkpoints
from daemon.readiness import endpoints

SCENARIOS = Path(__file__).parent / "scenarios"
SERVING = 30  # agents who talk and hang up
TRANSFERRING = 10  # agents who send their callers on
TARGETS = 10  # stations that those are sent to; nobody is logged in there
RECORDS_S = 20.0  # for the rows of the last calls
END_S = 30.0  # for the last calls to end, after the last kill and its share of the load
FLOW = """\
version: 1
title: Load
languages: [en]
start: ask
nodes:
  ask:
    kind: collect
    say: {file: bench}
    into: digits
    timeout_s: 60
    next: bye
    failed: bye
  bye:
    kind: hang_up
"""


Caller = tuple[str, str]
"""Number that calls, and number called."""


class Killed(msgspec.Struct, kw_only=True):
    """What became of the calls."""

    calls: int
    rate_per_s: float
    kills: int
    lost: int
    """Callers whose call SIPp does not count as successful."""
    missing_records: int
    """Calls without an ended row in the database."""
    doubled_records: int
    """Rows of calls that nobody made: a call written twice."""
    open_segments: int
    record_faults: int
    outcomes: dict[str, int]
    away_s: list[float]
    """From each kill until control was ready again."""
    repeated: int
    """Messages that SIPp sent again."""
    checkpoints: int
    """Of the journal, that are there in the end; two are kept."""
    states_at_kills: list[dict[str, int]]
    errors: list[str]


async def run(
    *,
    calls: int,
    rate: float,
    kills: int,
    first_s: float,
    holds_ms: int = 3500,
    checkpoint_records: int = 20_000,
    keep: Path | None = None,
) -> Killed:
    """Make the calls, kill control so often, evenly from ``first_s`` on, and count.

    Those who hold wait ``holds_ms`` before each step, four times.
    """
    wishes = Wishes(
        agents=SERVING + TRANSFERRING + TARGETS,
        flow=FLOW,
        prompts={"bench.wav": hum(4.0)},
        max_calls=4000,
        checkpoint_records=checkpoint_records,
    )
    async with contextlib.AsyncExitStack() as stack:
        hotline = await stack.enter_async_context(Hotline(wishes))
        parts = await _agents(hotline, stack)
        holding, queued = calls * 15 // 100, calls * 5 // 100
        shares = {
            "plain": ("short_call", FLOW_NUMBER, calls - holding - queued, 2000),
            "holding": (str(SCENARIOS / "caller_holds.xml"), FLOW_NUMBER, holding, holds_ms),
            "queued": ("caller", QUEUE_NUMBER, queued, 0),
        }
        callers = {}
        for name, (scenario, number, count, pause_ms) in shares.items():
            words = ["-s", number, "-m", str(count), "-l", "4000", "-d", str(pause_ms)]
            words += ["-r", str(max(round(rate * count / calls * 10), 1)), "-rp", "10000"]
            folder = hotline.folder / name
            if keep is not None:
                words += ["-trace_msg", "-message_file", str(folder / "messages")]
            callers[name] = await stack.enter_async_context(
                sipp(scenario, hotline.target, *words, folder=folder)
            )
        lasts = calls / rate
        away, states = [], []
        began = asyncio.get_running_loop().time()
        for kill in range(kills):
            await asyncio.sleep(first_s if kill == 0 else (lasts - first_s) / kills)
            states.append(await _states(hotline))
            away.append(await _kill(hotline))
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout_at(began + lasts + END_S):
                await asyncio.gather(*(one.process.wait() for one in callers.values()))
        made = Counter(
            (f"0199{caller}", number)
            for _, number, count, _ in shares.values()
            for caller in range(1, count + 1)
        )
        found = await _recorded(hotline, made)
        if keep is not None:
            shutil.copytree(
                hotline.folder,
                keep,
                ignore_dangling_symlinks=True,
                ignore=shutil.ignore_patterns("*.sock", "run"),
            )
        return Killed(
            calls=calls,
            rate_per_s=rate,
            kills=kills,
            lost=sum(_lost(one, shares[name][2]) for name, one in callers.items()),
            missing_records=(made - found).total(),
            doubled_records=(found - made).total(),
            open_segments=hotline.rows("SELECT count(*) FROM segment WHERE ended_ms IS NULL")[0][0],
            record_faults=await _faults(hotline),
            outcomes=hotline.outcomes(),
            away_s=away,
            repeated=sum(one.statistics()["Retransmissions"] for one in callers.values()),
            checkpoints=len(checkpoints(hotline.path / "journal")),
            states_at_kills=states,
            errors=[text for one in (*callers.values(), *parts) if (text := one.errors())],
        )


async def _agents(hotline: Hotline, stack: contextlib.AsyncExitStack) -> list[Sipp]:
    """Telephones of three kinds, and the agents at two of them."""
    targets = hotline.folder / "targets.csv"
    others = map(station, range(SERVING + TRANSFERRING, SERVING + TRANSFERRING + TARGETS))
    targets.write_text("\n".join(["SEQUENTIAL", *others]) + "\n")
    kinds = (
        ("agent", range(SERVING), ("-d", "2000")),
        (
            str(SCENARIOS / "agent_transfers.xml"),
            range(SERVING, SERVING + TRANSFERRING),
            ("-d", "300", "-inf", str(targets)),
        ),
        (
            "agent",
            range(SERVING + TRANSFERRING, SERVING + TRANSFERRING + TARGETS),
            ("-d", "1000"),
        ),
    )
    parts = []
    for number, (scenario, stations, words) in enumerate(kinds):
        port = free_port()
        await register(hotline, stations, port)
        folder = hotline.folder / f"agents{number}"
        part = await stack.enter_async_context(
            sipp(scenario, hotline.target, *words, folder=folder, port=port)
        )
        parts.append(part)
    await hotline.seat(range(SERVING + TRANSFERRING))
    return parts


async def _kill(hotline: Hotline) -> float:
    """Kill control and wait until it is back; seconds that took."""
    before, began = hotline.pid("control"), asyncio.get_running_loop().time()
    os.kill(before, signal.SIGKILL)
    async with asyncio.timeout(60.0):
        while endpoints(hotline.run_dir, "control").get("pid") in (before, None):
            await asyncio.sleep(0.02)
    return round(asyncio.get_running_loop().time() - began, 2)


async def _states(hotline: Hotline) -> dict[str, int]:
    """Calls by state, as the live picture has them."""
    live = await hotline.live()
    found: dict[str, int] = {}
    for call in live.calls:
        found[call.state] = found.get(call.state, 0) + 1
    return found


async def _recorded(hotline: Hotline, made: Counter[Caller]) -> Counter[Caller]:
    """Who has an ended row in the database, once all have, or after a while."""
    give_up = asyncio.get_running_loop().time() + RECORDS_S
    ended = "SELECT ani_verbatim, dnis FROM call WHERE ended_ms IS NOT NULL"
    while True:
        found = Counter[Caller](await asyncio.to_thread(hotline.rows, ended))
        if found >= made or asyncio.get_running_loop().time() > give_up:
            return found
        await asyncio.sleep(0.1)


def _lost(part: Sipp, calls: int) -> int:
    return calls - part.statistics()["SuccessfulCall"]


async def _faults(hotline: Hotline) -> int:
    words = ("check", str(hotline.path), "--records", "--json")
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "daemon", *words, stdout=asyncio.subprocess.PIPE
    )
    said, _ = await process.communicate()
    checked = json.loads(said)
    return len(checked["faults"]) + len(checked["records"]["faults"])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--calls", type=int, default=10_000)
    parser.add_argument("--rate", type=float, default=150.0, help="calls a second")
    parser.add_argument("--kills", type=int, default=5)
    parser.add_argument("--keep", type=Path, help="copy the site and what SIPp wrote to there")
    wishes = parser.parse_args()
    found = asyncio.run(
        run(calls=wishes.calls, rate=wishes.rate, kills=wishes.kills, first_s=6.0, keep=wishes.keep)
    )
    sys.stdout.write(msgspec.json.format(msgspec.json.encode(found)).decode() + "\n")
    wrong = found.lost + found.missing_records + found.doubled_records + found.open_segments
    sys.exit(1 if wrong + found.record_faults else 0)


if __name__ == "__main__":
    main()
