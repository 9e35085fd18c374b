"""``make soak``: a million events through the distribution kernel under the sanitizers.

The C files that the last build left are compiled once more, into a temporary folder, with the
address and undefined-behaviour sanitizers, and a seeded history runs through them. Any finding
ends the process at once; at the end memory must be where it was half way.
"""

import argparse
import os
import random
import shutil
import subprocess
import sys
import sysconfig
import tempfile
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[3]
KERNEL = Path("cython_ext", "acd")
MODULES = ("_acd", "_deadlines", "_pools", "_waiting")
SANITIZE = ("-fsanitize=address,undefined", "-fno-sanitize-recover=undefined")
EVENTS = 1_000_000
AGENTS, CALLS, PROFILES, DEMANDS, HANDLES = 2_000, 3_000, 300, 200, 500
GROWTH = 8 << 20  # bytes of the process between the middle and the end


class Floor:
    """A floor of agents, waiting calls and deadlines, and what may happen on it."""

    def __init__(self, seed: int) -> None:
        from cython_ext.acd import IDLE, Deadlines, Matcher

        self.idle = IDLE
        self.draw = random.Random(seed)
        self.matcher = Matcher()
        self.deadlines = Deadlines()
        self.now = 0.0
        self.key = 0
        self.agents: list[int] = []
        self.calls: list[int] = []
        self.served = 0
        self.steps = [
            *(self.add_call,) * 8,
            *(self.ready,) * 6,
            *(self.serve,) * 5,
            *(self.set_deadline,) * 3,
            self.add_agent,
            self.drop_agent,
            self.drop_call,
            self.hold,
            self.change,
            self.choose,
            self.reach,
            self.nonsense,
        ]

    def play(self, events: int) -> None:
        for _ in range(events):
            self.now += 0.01
            self.draw.choice(self.steps)()

    def profile(self) -> int:
        number = self.draw.randrange(PROFILES)
        order = [(1 + (number + i) % 9, i) for i in range(number % 4)]
        levels = {(number + i * 7) % 12: 1 + (number * 3 + i) % 10 for i in range(number % 5)}
        return self.matcher.profile(levels.items(), order=order, only=number % 29 == 1)

    def demand(self) -> int:
        # Half of all calls want one of four things: long lines, whose blocks split and join.
        number = self.draw.randrange(self.draw.choice((4, DEMANDS)))
        ways = [[((number + i * 5) % 12, 1 + number % 6)] for i in range(number % 3)] or [[]]
        return self.matcher.demand_of(ways, line=number % 10)

    def add_agent(self) -> None:
        if len(self.agents) < AGENTS:
            self.key += 1
            self.agents.append(self.matcher.add_agent(self.key, self.profile()))

    def drop_agent(self) -> None:
        if self.agents and self.draw.random() < 0.5:
            place = self.draw.randrange(len(self.agents))
            self.agents[place], last = self.agents[-1], self.agents[place]
            self.agents.pop()
            self.matcher.drop_agent(last)

    def ready(self) -> None:
        if self.agents:
            agent = self.draw.choice(self.agents)
            self.matcher.set_state(agent, self.idle, self.now)

    def add_call(self) -> None:
        if len(self.calls) < CALLS:
            self.key += 1
            arrival = self.now - self.draw.randrange(5)
            priority = self.draw.randrange(3)
            self.calls.append(self.matcher.add_call(self.key, self.demand(), priority, arrival))

    def drop_call(self) -> None:
        if self.calls:
            place = self.draw.randrange(len(self.calls))
            self.calls[place], last = self.calls[-1], self.calls[place]
            self.calls.pop()
            self.matcher.drop_call(last)

    def serve(self) -> None:
        if not self.agents:
            return
        agent = self.draw.choice(self.agents)
        call = self.matcher.best_call(self.matcher.profile_of(agent), self.now)
        if call >= 0:
            self.calls.remove(call)
            self.matcher.set_state(agent, 4, self.now)
            self.matcher.drop_call(call)
            self.served += 1

    def hold(self) -> None:
        if self.calls:
            self.matcher.hold_call(self.draw.choice(self.calls))
            self.matcher.release_call(self.draw.choice(self.calls))

    def change(self) -> None:
        if self.agents:
            agent = self.draw.choice(self.agents)
            self.matcher.set_profile(agent, self.profile())
            self.matcher.set_ranks(agent, self.draw.random(), self.draw.randrange(9))
        self.matcher.set_urgency(self.demand(), float(self.draw.randrange(3)))
        self.matcher.set_weight(self.demand(), 0.5 + self.draw.random())

    def choose(self) -> None:
        demand = self.demand()
        known = {self.matcher.best_agent(demand, rule) for rule in range(8)}
        known.add(self.matcher.next_agent(demand, self.draw.randrange(self.key + 1)))
        known.add(self.matcher.draw_agent(demand, self.draw.getrandbits(64), by_score=True))
        idle = self.matcher.idle_agents(demand)
        assert known <= {*idle, -1}
        assert len(idle) == self.matcher.tally(demand)[self.idle]

    def set_deadline(self) -> None:
        self.deadlines.set(self.draw.randrange(HANDLES), self.now + self.draw.random() * 60)
        self.deadlines.cancel(self.draw.randrange(HANDLES))

    def reach(self) -> None:
        while self.deadlines.pop(self.now) >= 0:
            pass

    def nonsense(self) -> None:
        for wrong in (
            lambda: self.matcher.drop_call(1 << 20),
            lambda: self.matcher.set_state(0, 99, 0.0),
            lambda: self.matcher.best_call(-1),
            lambda: self.deadlines.set(1 << 30, 0.0),
        ):
            try:
                wrong()
            except ValueError:
                continue
            raise AssertionError("nonsense was taken")


def resident() -> int:
    pages = Path("/proc/self/statm").read_text().split()[1]
    return int(pages) * os.sysconf("SC_PAGE_SIZE")


def soak(events: int, seed: int, folder: str) -> None:
    """Play the history in this process, with the kernel of a folder."""
    from cython_ext.acd import _acd

    if not str(_acd.__file__).startswith(folder):
        raise SystemExit(f"another kernel was found: {_acd.__file__}")
    floor = Floor(seed)
    floor.play(events // 2)
    half, before = floor.matcher.memory(), resident()
    floor.play(events - events // 2)
    after = resident()
    if after - before > GROWTH:
        raise SystemExit(f"memory grew from {before >> 20} to {after >> 20} MiB")
    sys.stdout.write(
        f"{events} events, {floor.served} calls served, nothing found; kernel {half} then"
        f" {floor.matcher.memory()} bytes, process {before >> 20} then {after >> 20} MiB\n"
    )


def build(folder: Path) -> None:
    """Compile the kernel with the sanitizers, and copy what is plain."""
    (folder / KERNEL).mkdir(parents=True)
    for plain in ("__init__.py", "implementation.py", "acd/__init__.py", "acd/oracle.py"):
        shutil.copy(ROOT / "cython_ext" / plain, folder / "cython_ext" / plain)
    suffix = sysconfig.get_config_var("EXT_SUFFIX")
    include = sysconfig.get_path("include")
    for module in MODULES:
        target, source = folder / KERNEL / f"{module}{suffix}", ROOT / KERNEL / f"{module}.c"
        options = ("-shared", "-fPIC", "-O1", "-g", "-w", *SANITIZE, f"-I{include}")
        subprocess.run(["gcc", *options, source, "-o", target, "-lm"], check=True)


def library(name: str) -> str:
    found = subprocess.run(
        ["gcc", f"-print-file-name={name}"], check=True, capture_output=True, text=True
    )
    return found.stdout.strip()


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--events", type=int, default=EVENTS)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--here", help="in this process, with the kernel of this folder")
    arguments = parser.parse_args()
    if arguments.here:
        soak(arguments.events, arguments.seed, arguments.here)
        return 0
    with tempfile.TemporaryDirectory() as name:
        build(Path(name))
        environment: dict[str, Any] = {
            **os.environ,
            "HOOKFLASH_PURE_PYTHON": "",
            "PYTHONPATH": name,
            "PYTHONMALLOC": "malloc",
            "LD_PRELOAD": f"{library('libasan.so')} {library('libubsan.so')}",
            # Python itself leaves memory to the end of the process.
            "ASAN_OPTIONS": "detect_leaks=0:quarantine_size_mb=16:abort_on_error=0",
            "UBSAN_OPTIONS": "print_stacktrace=1",
        }
        words = ["--events", str(arguments.events), "--seed", str(arguments.seed), "--here", name]
        # -P: this folder is not on the path, so that only the temporary kernel can be found.
        command = [sys.executable, "-P", __file__, *words]
        return subprocess.run(command, env=environment, cwd=name).returncode


if __name__ == "__main__":
    sys.exit(main())
