"""The engine compiled and plain: the same history gives the same commands, byte for byte."""

import os
import shutil
import subprocess
import sys
from importlib.machinery import EXTENSION_SUFFIXES
from pathlib import Path

import pytest

from cython_ext.compiled_modules import FOLDER, LIBRARY, MODULES, ROOT, CompiledFinder, digest

HISTORY = """
import hashlib, msgspec
from acd_core import engine, events
from acd_core.agent import AgentConfig
from acd_core.call_queue import CallRule, NoAgents, QueueConfig
from acd_core.errors import AcdError
from acd_core.routing.registry import strategies
from acd_core.simulation.load import Draw
from acd_core.skills import Requirement

AGENTS, QUEUES = 12, 6
draw, acd, seen, now = Draw(7), engine.AcdEngine(), hashlib.sha256(), 1e9
refused, offered = 0, 0
rules, call_rules = sorted(strategies()), list(CallRule)
SIMPLE = [
    events.AgentLoggedOut, events.AgentReady, events.AgentReady, events.AgentUnreachable,
    events.AgentReachable, events.AgentBusy, events.AgentFree, events.WrapUpEnded,
]
OFFERS = [events.OfferRinging, events.OfferAccepted, events.OfferAccepted, events.CallAnswered,
          events.CallAnswered, events.OfferRejected]
CALLS = [events.CallAbandoned, events.CallHeld, events.CallRetrieved, events.CallEnded,
         events.CallEnded]

def queue(number):
    return events.QueueConfigured(version=1, config=QueueConfig(
        queue=number, required=(Requirement(number % 4, 1 + draw.below(4)),),
        strategy=rules[draw.below(len(rules))], call_rule=call_rules[draw.below(len(call_rules))],
        call_share=1 + number, wrap_up_s=float(draw.below(3) * 4), shares={1: 1, 2: 3},
        max_waiting=(None, 9)[draw.below(2)], max_wait_s=(None, 90.0)[draw.below(2)],
        no_agents=list(NoAgents)[draw.below(3)], misses_to_pause=draw.below(3)))

def agent(number):
    skills = {draw.below(4): 1 + draw.below(10) for _ in range(3)}
    return events.AgentConfigured(version=1, config=AgentConfig(agent=number, skills=skills))

def events_of_a_day():
    yield from map(queue, range(QUEUES))
    for number in range(AGENTS):
        yield agent(number)
        yield events.AgentLoggedIn(agent=number, station=f"station:{number}")
        yield events.AgentReady(agent=number)
    for call in range(1200):
        who, which = draw.below(AGENTS), draw.below(QUEUES)
        yield events.CallOffered(call=call, queue=which, priority=draw.below(3),
            preferred=(None, who)[draw.below(5) == 0], preferred_limit_s=float(draw.below(20)))
        for _ in range(4):
            who, recent = draw.below(AGENTS), call - draw.below(30)
            yield SIMPLE[draw.below(len(SIMPLE))](agent=who)
            yield CALLS[draw.below(len(CALLS))](call=recent)
            for record in list(acd.snapshot(now).agents):
                if record.call is not None:
                    told = OFFERS[draw.below(len(OFFERS))]
                    yield told(call=record.call, agent=record.agent)
        if draw.below(40) == 0:
            yield agent(who)
            yield queue(which)
            yield events.AgentPaused(agent=who, reason="break")
            yield events.AgentLoggedIn(agent=who, station=f"station:{who}")
        while (due := acd.next_deadline()) is not None and due <= now:
            yield events.DeadlineReached()
    yield events.DayBegan()

for event in events_of_a_day():
    now += 0.25 * draw.below(4)
    try:
        commands = acd.handle(event, now)
    except AcdError as error:
        refused, commands = refused + 1, str(error)
    offered += "Offer" in str(commands)
    seen.update(msgspec.msgpack.encode((event, now, commands, acd.next_deadline())))
seen.update(msgspec.msgpack.encode(acd.snapshot(now)))
print(seen.hexdigest(), refused, offered, engine.__file__.endswith(".py"))
"""


def played(*, plain: bool) -> list[str]:
    environment = {**os.environ, "HOOKFLASH_PURE_PYTHON": "1" if plain else ""}
    done = subprocess.run(
        [sys.executable, "-c", HISTORY],
        cwd=ROOT,
        env=environment,
        capture_output=True,
        text=True,
        check=True,
    )
    return done.stdout.split()


def test_compiled_and_plain_engine_decide_the_same() -> None:
    plain, compiled = played(plain=True), played(plain=False)
    assert plain[-1] == "True"
    assert compiled[:-1] == plain[:-1]
    # It went through refusals and assignments in plenty.
    assert int(plain[1]) > 1000
    assert int(plain[2]) > 1000


@pytest.fixture
def copied(tmp_path: Path) -> Path:
    shutil.copytree(ROOT / "acd_core", tmp_path / "acd_core")
    return tmp_path


def test_a_changed_source_has_another_digest(copied: Path) -> None:
    before = digest(copied)
    assert before == digest(copied) == digest(ROOT)
    source = copied / "acd_core" / "floor" / "lines.py"
    source.write_text(source.read_text() + "# changed\n")
    assert digest(copied) != before


def test_half_a_set_of_compiled_modules_is_not_used(tmp_path: Path) -> None:
    suffix = EXTENSION_SUFFIXES[0]
    for name in MODULES:
        (tmp_path / f"{name.replace('.', '_')}{suffix}").touch()
    assert not CompiledFinder(tmp_path).complete
    (tmp_path / f"{LIBRARY}{suffix}").touch()
    finder = CompiledFinder(tmp_path)
    assert finder.complete
    found = finder.find_spec("acd_core.engine", None)
    assert found is not None
    assert found.origin == str(tmp_path / f"acd_core_engine{suffix}")
    assert finder.find_spec("acd_core.events", None) is None


def test_a_build_leaves_one_whole_set() -> None:
    folders = [folder for folder in (ROOT / FOLDER).iterdir() if folder.is_dir()]
    assert [CompiledFinder(folder).complete for folder in folders] == [True]
