"""Small parts of control: who served whom, lamps, lines found by name, details of calls."""

import asyncio
from collections.abc import Mapping

import pytest

from daemon.control.calls import last_agents
from daemon.control.calls.lamp_switch import LampSwitch
from daemon.control.calls.last_agents import VALID_S, LastAgents
from daemon.control.line_table import LineTable, OpenDriver
from drivers.api import LineId
from drivers.ctilink.details import CallDetail, CallDetails
from drivers.errors import DeviceMissing, LineBusy, LinkLost
from tests.fakes.line import FakeDriver
from tests.fakes.link import FakeMedia


def test_last_agent_counts_for_a_day() -> None:
    agents = LastAgents()
    agents.remember("5550100", 7, 1000.0)
    assert agents.find("5550100", 1000.0 + VALID_S) == 7
    assert agents.find("5550100", 1001.0 + VALID_S) is None
    assert agents.find("5550199", 1000.0) is None


def test_nobody_is_remembered_for_withheld_numbers() -> None:
    agents = LastAgents()
    agents.remember("", 7, 1.0)
    agents.remember("5550100", 0, 1.0)
    assert agents.find("", 1.0) is None
    assert agents.find("5550100", 1.0) is None


def test_memory_of_callers_is_bounded_and_keeps_the_newest(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(last_agents, "MOST_CALLERS", 2)
    agents = LastAgents()
    for number, ani in enumerate(("1", "2", "1", "3")):
        agents.remember(ani, number + 1, 1.0)
    assert [agents.find(ani, 1.0) for ani in ("1", "2", "3")] == [3, None, 4]


class Lamps:
    """Sets lamps, and fails for one station."""

    def __init__(self) -> None:
        self.set: list[tuple[str, bool]] = []

    async def set_lamp(self, station: str, *, on: bool) -> None:
        await asyncio.sleep(0)
        if station == "2009":
            raise LinkLost("the link is down")
        self.set.append((station, on))


class Site:
    """What the switch needs of the lines."""

    def __init__(self) -> None:
        self.first, self.second = Lamps(), Lamps()

    @property
    def lamps(self) -> list[Lamps]:
        return [self.first, self.second]


async def test_lamps_are_set_in_order_on_every_driver() -> None:
    site = Site()
    switch = LampSwitch(site)
    switch.set("2001", on=True)
    switch.set("sales", on=True)
    switch.set("2009", on=True)
    switch.set("2001", on=False)
    running = asyncio.create_task(switch.run())
    for _ in range(20):
        await asyncio.sleep(0)
    running.cancel()
    assert site.first.set == site.second.set == [("2001", True), ("2001", False)]


class DetailedDriver(FakeDriver):
    """A driver some of whose lines a serial link tells about."""

    async def call_detail(
        self, line: LineId, links: Mapping[str, CallDetails], wait_s: float | None = None
    ) -> CallDetail | None:
        return CallDetail(desk="001", terminal="0001", kind="N", reason="cfna", ani="5550100")


def table() -> tuple[LineTable, FakeDriver, FakeDriver]:
    media = FakeMedia()
    plain = FakeDriver(media, "plain", trunks=1, stations=("2001", "2002"))
    board = DetailedDriver(media, "board", trunks=1, stations=("2002",))
    opened = [
        OpenDriver(driver=plain, kind="fake", stations=plain),
        OpenDriver(driver=board, kind="fake", stations=board, lamps=board),
    ]
    return LineTable(opened), plain, board


def test_lines_are_found_by_name() -> None:
    lines, plain, _ = table()
    assert lines.line(LineId("plain/1")) is plain.line(LineId("plain/1"))
    with pytest.raises(DeviceMissing, match="nowhere/1"):
        lines.line(LineId("nowhere/1"))


def test_station_is_looked_for_at_every_driver() -> None:
    lines, plain, board = table()
    plain.registered.discard("2002")
    assert lines.station_line("2002") is board.telephone("2002")
    assert lines.reachable("2002")
    board.registered.discard("2002")
    assert not lines.reachable("2002")
    with pytest.raises(DeviceMissing, match="2002"):
        lines.station_line("2002")


async def test_station_in_use_is_busy_and_not_gone() -> None:
    lines, plain, _ = table()
    await plain.telephone("2001").talk()
    with pytest.raises(LineBusy):
        lines.station_line("2001")


async def test_details_are_asked_only_where_there_are_any() -> None:
    lines, _, _ = table()
    assert await lines.call_detail(LineId("plain/1")) is None
    detail = await lines.call_detail(LineId("board/1"))
    assert detail is not None
    assert detail.ani == "5550100"
