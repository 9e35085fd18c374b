"""What the whole hotline costs: CPU-seconds of its processes per 1000 calls through a queue.

Not a test: ``.venv/bin/python tests/e2e/measure_hotline.py --help``. SIPp is callers and agents, on
loopback, with as many calls as asked for. Only the four processes of the site count, by
the operating system's own accounts; SIPp, and the workers of speech, do not.
"""

import argparse
import asyncio
import json
import os
import re
import sys
import tempfile
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[2]))

from running_site import RunningSite, seat_agents, sipp
from test_sipp_calls import SCENARIOS, finish, free_port, register, what_failed

PROCESSES = ("control", "media", "speech", "web")
NUMBER = "7000"


def cpu_seconds(pid: int) -> float:
    """User and system time of a process so far, proc(5)."""
    fields = Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def prepare(site: RunningSite, wishes: argparse.Namespace) -> None:
    site.init()
    site.add_agents(wishes.agents)
    site.set_queue(wrap_up_s=0.0)
    numbers = site.path / "numbers.toml"
    straight = f'\n[[numbers]]\nnumber = "{NUMBER}"\nqueue = "sales"\n'
    numbers.write_text(numbers.read_text() + straight)
    main = site.path / "hookflash.toml"
    main.write_text(main.read_text().replace("max_calls = 60", "max_calls = 600"))
    if wishes.no_recording:
        queues = site.path / "queues.toml"
        queues.write_text(queues.read_text().replace("[[queues]]", "[[queues]]\nrecord = false"))


async def measure(folder: Path, wishes: argparse.Namespace) -> dict[str, object]:
    site = RunningSite(folder)
    prepare(site, wishes)
    site.start()
    try:
        stations = [str(3001 + number) for number in range(wishes.agents)]
        port, target = free_port(), f"127.0.0.1:{site.sip_port}"
        register(site, stations, port, folder)
        count = ("-m", str(wishes.calls))
        talk = ("-d", str(wishes.talk_ms), "-p", str(port), "-mp", str(free_port()))
        agents = sipp(SCENARIOS / "uas_talks.xml", target, *talk, *count, folder=folder / "agents")
        await seat_agents(site, [(f"a{name}", name) for name in stations])
        caller = folder / "caller.xml"
        menu = (SCENARIOS / "uac_menu.xml").read_text()
        caller.write_text(
            re.sub(r'<pause milliseconds="1500"/>\s*<nop>.*?</nop>', "", menu, flags=re.S)
        )
        pids = {name: site.pid(name) for name in PROCESSES}
        before = {name: cpu_seconds(pid) for name, pid in pids.items()}
        rate = ("-s", NUMBER, "-r", str(wishes.rate), "-l", "500")
        ports = ("-p", str(free_port()), "-mp", str(free_port()))
        callers = sipp(caller, target, *rate, *count, *ports, folder=folder / "callers")
        try:
            code = await asyncio.to_thread(callers.wait, 110)
            assert code == 0, what_failed(folder / "callers")
        finally:
            finish(callers)
            finish(agents)
        spent = {name: cpu_seconds(pid) - before[name] for name, pid in pids.items()}
    finally:
        site.stop()
    faults = site.check_records()["faults"]
    per_1000 = {name: round(value * 1000 / wishes.calls, 2) for name, value in spent.items()}
    return {
        "cpu_s_per_1000": per_1000 | {"together": round(sum(per_1000.values()), 2)},
        "outcomes": dict(site.rows("SELECT outcome, count(*) FROM call GROUP BY outcome")),
        "recordings": site.rows("SELECT count(*) FROM recording")[0][0],
        "record_faults": len(faults),
        **vars(wishes),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--calls", type=int, default=300)
    parser.add_argument("--rate", type=int, default=15, help="calls a second")
    parser.add_argument("--agents", type=int, default=50)
    parser.add_argument("--talk-ms", type=int, default=3000)
    parser.add_argument("--no-recording", action="store_true")
    wishes = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        found = asyncio.run(measure(Path(folder), wishes))
    sys.stdout.write(json.dumps(found) + "\n")


if __name__ == "__main__":
    main()
