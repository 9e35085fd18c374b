"""What a call costs that goes through a queue to an agent: two legs, journal and records.

SIPp is the callers and the agents' telephones and sends no audio. All processes of the site
count. An agent rings for a tenth of a second, talks, and hangs up.
"""

import asyncio
import math
from pathlib import Path
from typing import Any, Final

import msgspec

from daemon.benchmark import costs
from daemon.benchmark.hotline import Hotline, free_port
from daemon.benchmark.sipp import STATISTICS_S, Sipp, find_sipp, sipp
from daemon.benchmark.site_text import QUEUE_NUMBER, Wishes, secret, station
from daemon.errors import CommandError
from daemon.language import pick

Row = dict[str, Any]

WARM_S: Final = 4.0  # of calls before those that count
LATE_S: Final = 40.0  # after the last call has begun
STANDING: Final = 2000  # calls at once, at most


class QueueLoad(msgspec.Struct, frozen=True, kw_only=True):
    """The conditions, which say as much as the figure: other ones cost otherwise."""

    ready: int = 50
    """Agents who are ready."""
    unavailable: int = 0
    """Agents beside them who are logged out, paused, or at a telephone that is not there."""
    talk_s: float = 0.2
    rate: float = 100.0
    """Calls begun in a second."""
    recording: bool = False


async def measure(seconds: float, load: QueueLoad) -> Row:
    """Processor seconds per 1000 calls, by process and together."""
    calls, warm = max(math.ceil(seconds * load.rate), 1), max(math.ceil(WARM_S * load.rate), 1)
    find_sipp()
    wishes = Wishes(agents=load.ready + load.unavailable, recording=load.recording)
    async with Hotline(wishes) as hotline:
        telephones = free_port()
        await register(hotline, range(load.ready), telephones)
        talk = ("-d", str(round(load.talk_s * 1000)), "-m", str(warm + calls))
        folder = hotline.folder / "agents"
        async with sipp("agent", hotline.target, *talk, folder=folder, port=telephones) as agents:
            await hotline.seat(range(load.ready))
            await _unavailable(hotline, range(load.ready, wishes.agents))
            idle = await costs.idle(hotline)
            await _call(hotline, warm, load.rate, hotline.folder / "warm")
            await hotline.recorded(warm)
            before = hotline.cpu()
            callers = await _call(hotline, calls, load.rate, hotline.folder / "callers")
            outcomes = await hotline.recorded(warm + calls)
            after = hotline.cpu()
            await asyncio.sleep(STATISTICS_S)
            counted = [callers.statistics(), agents.statistics()]
    if outcomes != {"answered": warm + calls}:
        raise CommandError(
            pick(f"not every call was answered: {outcomes}", f"并非每个呼叫都被接听：{outcomes}")
        )
    return {
        **costs.per_call(before, after, calls),
        "idle_cpu_per_s": idle,
        "calls": calls,
        "failed": sum(each["FailedCall"] for each in counted),
        "retransmissions": sum(each["Retransmissions"] for each in counted),
        **msgspec.structs.asdict(load),
    }


async def register(hotline: Hotline, agents: range, port: int) -> None:
    """Register the telephones of agents, all at one address."""
    names = [station(number) for number in agents]
    accounts = hotline.folder / "accounts.csv"
    rows = [f"{name};[authentication username={name} password={secret(name)}]" for name in names]
    accounts.write_text("\n".join(["SEQUENTIAL", *rows]) + "\n")
    words = ("-inf", str(accounts), "-m", str(len(names)), "-r", "100")
    folder = hotline.folder / f"register {port}"
    async with sipp("register", hotline.target, *words, folder=folder, port=port) as phones:
        await phones.done(len(names) / 100 + LATE_S)


async def _call(hotline: Hotline, calls: int, rate: float, folder: Path) -> Sipp:
    # Rates of less than one in a second are given as calls in a longer time.
    pace = ("-r", str(round(rate * 10)), "-rp", "10000")
    words = ("-s", QUEUE_NUMBER, *pace, "-l", str(STANDING), "-m", str(calls))
    async with sipp("caller", hotline.target, *words, folder=folder) as callers:
        await callers.done(calls / rate + LATE_S)
    return callers


async def _unavailable(hotline: Hotline, agents: range) -> None:
    """A third each is logged out, paused, and ready at a telephone that is not there."""
    await hotline.seat(agents[1::3], state="paused")
    await hotline.seat(agents[2::3])
