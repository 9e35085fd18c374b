"""``python -m daemon.demo callers`` and ``agents``: what ``hookflash demo`` starts."""

import sys

import msgspec

from daemon.demo.agents import Agents
from daemon.demo.caller import Callers
from daemon.demo.lines import InputLines, standard_input
from daemon.demo.script import AgentsSetup, CallersSetup, CallPlan


async def _main(role: str) -> int:
    stream = await standard_input()
    first = await stream.readline()
    plans = InputLines(stream, CallPlan)
    if role == "callers":
        await Callers(msgspec.json.decode(first, type=CallersSetup)).run(plans)
    elif role == "agents":
        await Agents(msgspec.json.decode(first, type=AgentsSetup)).run(plans)
    else:
        sys.stderr.write("python -m daemon.demo: callers or agents\n")
        return 2
    return 0


if __name__ == "__main__":
    import uvloop

    raise SystemExit(uvloop.run(_main(sys.argv[1] if len(sys.argv) > 1 else "")))
