"""Random stories of faxes: each ends once, and nothing stays behind."""

import asyncio
import contextlib
import os
import random
import signal
import sys
from collections import Counter
from pathlib import Path

import pytest

from cython_ext.implementation import PURE_PYTHON
from daemon.fax import messages as fax
from daemon.fax.messages import FaxEnded, OpenT38, PassT38, StartFax, StopFax, T38Peer
from tests.fakes.fax_bench import FaxBench

pytestmark = pytest.mark.skipif(PURE_PYTHON, reason="there is no audio in pure mode")

WORKER = """\
import json, os, sys
told = dict(word[2:].partition("=")[::2] for word in sys.argv[1:])
number, audio = int(told["fax"]), int(told["audio"])
if number % 7 == 0:
    sys.exit(3)
print('{"type":"WorkerReady"}', flush=True)
for _ in range(number % 5 * 4 or 10**9):
    try:
        if not os.read(audio, 320):
            break
    except ConnectionResetError:
        break
if number % 11 == 0:
    print("nonsense", flush=True)
elif number % 3:
    print(json.dumps({"type": "FaxEnded", "fax": number, "code": 0, "pages": 1}), flush=True)
"""
"""Ends by itself, at the end of its audio, with or without a word, or never starts."""
FAXES = 24


def descriptors() -> int:
    return len(os.listdir("/proc/self/fd"))


@pytest.fixture
def at_once() -> int:
    return 6


@pytest.mark.parametrize("seed", range(3))
async def test_each_fax_ends_once_and_leaves_nothing(bench: FaxBench, seed: int) -> None:
    bench.host._worker = (sys.executable, "-S", "-c", WORKER)
    await bench.ask(StartFax(fax=0, path="nowhere"))
    before, tasks = descriptors(), len(asyncio.all_tasks())
    chance = random.Random(seed)
    begun: set[int] = set()
    await asyncio.gather(*(_story(bench, number, chance, begun) for number in range(1, FAXES)))
    if seed % 2:
        await bench.host.control_gone()
    for number in range(1, FAXES):
        for each in (number, 1000 + number, 2000 + number):
            await bench.ask(StopFax(fax=each))
    async with asyncio.timeout(30):
        for number in begun:
            await bench.ended(number, within=30)
        while bench.host._faxes or bench.host._starting or len(asyncio.all_tasks()) > tasks:
            await asyncio.sleep(0.01)
        while descriptors() > before:  # what the engine gave up it closes a moment later
            await asyncio.sleep(0.01)
    codes = {each.fax: Counter() for each in ends(bench)}  # type: ignore[var-annotated]
    for each in ends(bench):
        codes[each.fax][each.code, each.pages] += 1
    # Told again to who asks again, but always the same.
    assert all(len(kinds) == 1 for kinds in codes.values()), codes
    assert codes.keys() >= begun
    assert bench.media.engine.ports() == []
    assert not list(bench.site.rglob("*.part"))


def ends(bench: FaxBench) -> list[FaxEnded]:
    return [each for each in bench.told if isinstance(each, FaxEnded)]


async def _story(bench: FaxBench, number: int, chance: random.Random, begun: set[int]) -> None:
    path = f"faxes/{number}.tif"
    for _ in range(4):
        match chance.randrange(7):
            case 0 | 1:
                reply = await bench.ask(StartFax(fax=number, path=path))
                if isinstance(reply, fax.FaxStarted):
                    begun.add(number)
            case 2:
                # Whoever asks may go at any moment.
                payload = fax.encode(StartFax(fax=number, path=path))
                asking = asyncio.create_task(bench.host.handle(payload))
                await asyncio.sleep(chance.random() * 0.05)
                asking.cancel()
            case 3:
                await bench.ask(OpenT38(fax=number))
                peer = T38Peer(host="127.0.0.1", port=9 + chance.randrange(2))
                reply = await bench.ask(StartFax(fax=number, path=path, t38=peer))
                # One that was replaced and finds none in its place is refused: that is its end.
                begun.add(number) if isinstance(reply, fax.FaxStarted) else begun.discard(number)
            case 4:
                stopped = await bench.ask(StopFax(fax=number))
                assert isinstance(stopped, fax.FaxStopped)
                if stopped.ends:
                    await bench.ended(number, within=30)
            case 5:
                running = bench.host._faxes.get(number)
                if running is not None:
                    with contextlib.suppress(ProcessLookupError):
                        os.kill(running.process.pid, signal.SIGKILL)
            case 6:
                near, far = 1000 + number, 2000 + number
                await bench.ask(OpenT38(fax=near))
                await bench.ask(OpenT38(fax=far))
                peer = T38Peer(host="127.0.0.1", port=9)
                join = PassT38(fax=near, peer=peer, other=far, other_peer=peer)
                reply = await bench.ask(join)
                if isinstance(reply, fax.FaxStarted):
                    begun.add(near)


async def test_stop_of_one_that_starts_is_its_end(bench: FaxBench, tmp_path: Path) -> None:
    start = fax.encode(StartFax(fax=2, path="faxes/a.tif"))
    asking = asyncio.create_task(bench.host.handle(start))
    while 2 not in bench.host._starting:
        await asyncio.sleep(0)
    asking.cancel()
    stopped = await bench.ask(StopFax(fax=2))
    assert stopped == fax.FaxStopped(ends=True)
    assert (await bench.ended(2)).code == fax.DROPPED
    assert bench.media.engine.ports() == []
    assert not (bench.site / "faxes/a.tif").exists()
    assert await bench.ask(StopFax(fax=3)) == fax.FaxStopped(ends=False)
