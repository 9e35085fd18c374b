"""The figures of ``hookflash bench sip``: one measure a key, in the order of the result.

Two kinds: the SIP driver alone in this process (``drivers/sip/bench``), and a whole hotline in
processes of its own (the modules beside this one).
"""

from collections.abc import Awaitable, Callable, Iterable
from typing import Any, Final

import msgspec

from cython_ext import sip_wire
from cython_ext.sip_wire.bench import microseconds
from daemon.benchmark import (
    flooding,
    handing_over,
    highest_rate,
    menu_calls,
    queue_calls,
    standing_calls,
)
from daemon.benchmark.queue_calls import QueueLoad
from daemon.errors import CommandError
from daemon.language import pick
from drivers.errors import DriverError
from drivers.sip.bench import calling, calls, loads

Figure = Any
"""A number, or for some keys an object of numbers."""

PARSED: Final = 20_000  # messages in a pass of the parser
UNAVAILABLE: Final = 1950  # of the two thousand agents, fifty of whom are ready
DRIVER_RATE: Final = 200
LONGEST_FLOOD_S: Final = 60.0


class Load(msgspec.Struct, frozen=True, kw_only=True):
    """The conditions; what is left out is chosen for each measure."""

    seconds: float | None = None
    rate: int | None = None
    """Calls begun in a second."""
    talk_s: float | None = None
    agents: int | None = None
    recording: bool = False
    watched: bool = False
    say: Callable[[str], None]
    """Told what is being done."""

    def lasting(self, usual: float) -> float:
        """Seconds of a measure that usually takes ``usual``."""
        return usual if self.seconds is None else self.seconds

    @property
    def alone(self) -> int:
        """Calls in a second where the driver is alone."""
        return DRIVER_RATE if self.rate is None else self.rate

    def queue(self, unavailable: int = 0) -> QueueLoad:
        """Conditions of calls through a queue."""
        usual = QueueLoad()
        return QueueLoad(
            ready=usual.ready if self.agents is None else self.agents,
            unavailable=unavailable,
            talk_s=usual.talk_s if self.talk_s is None else self.talk_s,
            rate=usual.rate if self.rate is None else self.rate,
            recording=self.recording,
        )


class Measured(msgspec.Struct, frozen=True):
    """One figure and what else was counted."""

    figure: Figure
    details: dict[str, Any] = {}


Measure = Callable[[Load], Awaitable[Measured]]


async def run(load: Load, keys: Iterable[str]) -> dict[str, Figure]:
    """Measure the keys one after the other; CommandError when one cannot be measured."""
    found: dict[str, Figure] = {}
    details: dict[str, Any] = {}
    for key in keys:
        load.say(key)
        try:
            measured = await MEASURES[key](load)
        except DriverError as error:
            raise CommandError(f"{key}: {error}") from error
        except TimeoutError as error:
            what = pick("took too long; give a lower rate", "耗时过长；请降低速率")
            raise CommandError(f"{key}: {what}") from error
        found[key] = measured.figure
        if measured.details:
            details[key] = measured.details
    return found | ({"details": details} if details else {})


async def _single_leg(load: Load) -> Measured:
    number = max(int(load.alone * load.lasting(5.0)), 1)
    row = await calls.run(calls=number, rate=load.alone)
    return Measured(row.pop("cpu_s_per_1000_single_leg"), row)


async def _outgoing_leg(load: Load) -> Measured:
    number = max(int(load.alone * load.lasting(5.0)), 1)
    row = await calling.run(calls=number, rate=load.alone)
    return Measured(row.pop("cpu_s_per_1000"), row)


async def _acd_call(load: Load) -> Measured:
    row = await queue_calls.measure(load.lasting(15.0), load.queue())
    return Measured(row["cpu_s_per_1000"], row)


async def _acd_call_many_agents(load: Load) -> Measured:
    row = await queue_calls.measure(load.lasting(15.0), load.queue(UNAVAILABLE))
    return Measured(row["cpu_s_per_1000"], row)


async def _menu_call(load: Load) -> Measured:
    rate = menu_calls.RATE if load.rate is None else float(load.rate)
    row = await menu_calls.measure(load.lasting(15.0), rate=rate)
    return Measured(row["cpu_s_per_1000"], row)


async def _hand_over(load: Load) -> Measured:
    row = await handing_over.measure(load.lasting(20.0), watched=load.watched)
    return Measured(row["handover_p99_ms"], row)


async def _highest_rate(load: Load) -> Measured:
    row = await highest_rate.measure(load.lasting(5.0), tried=load.say)
    return Measured(row["max_rate_held"], row)


async def _register(load: Load) -> Measured:
    return Measured(await loads.registrations())


async def _parse(load: Load) -> Measured:
    return Measured(round(microseconds(sip_wire.parse, PARSED), 3))


async def _memory(load: Load) -> Measured:
    row = await standing_calls.measure()
    return Measured(row["bytes_per_call"], {**row, "driver_alone": await loads.memory()})


async def _flood(load: Load) -> Measured:
    seconds = min(load.lasting(30.0), LONGEST_FLOOD_S)
    row = await flooding.measure(seconds)
    return Measured(row, {"driver_alone": await loads.flood(seconds=seconds)})


async def _by_transport(load: Load) -> Measured:
    number = max(int(load.alone * load.lasting(5.0)), 1)
    return Measured(await loads.by_transport(calls=number, rate=load.alone))


MEASURES: Final[dict[str, Measure]] = {
    "cpu_s_per_1000_single_leg": _single_leg,
    "cpu_s_per_1000_outgoing_leg": _outgoing_leg,
    "cpu_s_per_1000_acd_call": _acd_call,
    "cpu_s_per_1000_acd_call_2000_agents": _acd_call_many_agents,
    "cpu_s_per_1000_menu_call": _menu_call,
    "handover_p99_ms": _hand_over,
    "max_rate_held": _highest_rate,
    "cpu_s_per_1000_register": _register,
    "parse_us": _parse,
    "bytes_per_call": _memory,
    "flood": _flood,
    "by_transport": _by_transport,
}
