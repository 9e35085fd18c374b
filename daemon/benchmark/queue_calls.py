"""What a call costs that goes through a queue to an agent: two legs, journal and records.

SIPp is the callers and the agents' telephones and sends no audio; calls are not recorded. All
processes of the site count. The agent talks for three seconds and hangs up.
"""

import math
from pathlib import Path
from typing import Final

from daemon.benchmark.hotline import Hotline, free_port
from daemon.benchmark.sipp import find_sipp, sipp
from daemon.benchmark.site_text import QUEUE_NUMBER, Wishes, secret, station
from daemon.errors import CommandError
from daemon.language import pick

Row = dict[str, float | int]

SERVING: Final = 50  # agents who are ready
RATE: Final = 15  # calls in a second: that many agents, 3 s of talk and 0.1 s of ringing
TALK_MS: Final = 3000
WARM_S: Final = 4.0  # of calls before those that count
LATE_S: Final = 40.0  # after the last call has begun


async def measure(seconds: float, *, agents: int) -> Row:
    """Processor seconds per 1000 calls, by process and together."""
    calls, warm = max(math.ceil(seconds * RATE), RATE), math.ceil(WARM_S * RATE)
    find_sipp()
    async with Hotline(Wishes(agents=agents)) as hotline:
        telephones = free_port()
        await register(hotline, range(SERVING), telephones)
        talk = ("-d", str(TALK_MS), "-m", str(warm + calls))
        folder = hotline.folder / "agents"
        async with sipp("agent", hotline.target, *talk, folder=folder, port=telephones):
            await hotline.seat(range(SERVING))
            await _unavailable(hotline, range(SERVING, agents))
            await _call(hotline, warm, hotline.folder / "warm")
            await hotline.recorded(warm)
            before = hotline.cpu()
            await _call(hotline, calls, hotline.folder / "callers")
            outcomes = await hotline.recorded(warm + calls)
            after = hotline.cpu()
    if outcomes != {"answered": warm + calls}:
        raise CommandError(
            pick(f"not every call was answered: {outcomes}", f"并非每个呼叫都被接听：{outcomes}")
        )
    spent = {name: (after[name] - before[name]) * 1000 / calls for name in after}
    row: Row = {"cpu_s_per_1000": round(sum(spent.values()), 3)}
    row |= {name: round(value, 3) for name, value in spent.items()}
    return row | {"calls": calls, "rate_per_s": RATE, "agents": agents, "ready": SERVING}


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


async def _call(hotline: Hotline, calls: int, folder: Path) -> None:
    words = ("-s", QUEUE_NUMBER, "-r", str(RATE), "-l", "2000", "-m", str(calls))
    async with sipp("caller", hotline.target, *words, folder=folder) as callers:
        await callers.done(calls / RATE + LATE_S)


async def _unavailable(hotline: Hotline, agents: range) -> None:
    """A third each is logged out, paused, and ready at a telephone that is not there."""
    await hotline.seat(agents[1::3], state="paused")
    await hotline.seat(agents[2::3])
