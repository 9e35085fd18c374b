"""Several calls of one telephone, and lamps of what is no station."""

import asyncio
import xml.etree.ElementTree as ET

import pytest

from drivers.api import LineId
from drivers.errors import LineBusy
from drivers.events import Cause, Released, Ringing
from drivers.sip.auth import hash_secret
from drivers.sip.options import StationAccount
from drivers.sip.simulator.agent import UserAgent
from drivers.sip.simulator.packets import Media
from drivers.sip.stations.lines import MOST, names
from tests.drivers.sip.test_watching import (
    DIALOG,
    NS,
    SIGHT,
    lamps,
    notices,
    office,
    signed,
    subscribe,
)
from tests.fakes.sip_bench import response


def test_names_of_a_telephones_lines() -> None:
    assert names("2001")[:2] == [LineId("station:2001"), LineId("station:2001#2")]
    assert len(set(names("2001"))) == MOST


async def test_telephone_makes_several_calls_and_is_rung_in_none(running) -> None:
    driver = running.driver
    account = StationAccount("2001", hash_secret("2001", "hookflash", "s"), realm="hookflash")
    driver.set_stations([account])
    phone = await UserAgent("2001", "s").open("127.0.0.1")
    hotline = ("127.0.0.1", driver.port)
    try:
        assert await phone.register(hotline, "hookflash", 300) == 200
        media = Media("127.0.0.1", 4000)
        for number in range(MOST):
            phone.call(f"70{number}", hotline, media)
        await running.wait_for(Ringing, MOST)
        async with asyncio.timeout(5):
            one_more = phone.call("704", hotline, media)
            await one_more.settled.wait()
        assert one_more.status == 486
        rung = [event.line for event in running.told if isinstance(event, Ringing)]
        assert sorted(rung) == names("2001")
        await driver.line(LineId("station:2001")).release(Cause.BUSY)
        await running.wait_for(Released)
        with pytest.raises(LineBusy):
            driver.station_line("2001")  # it has other calls
        for name in names("2001")[1:]:
            await driver.line(name).release(Cause.BUSY)
        assert driver.station_line("2001").id == "station:2001"
    finally:
        await phone.close()


def test_lamp_of_a_parking_slot_is_watched_and_changes() -> None:
    bench = office()
    (unknown,) = signed(bench, subscribe(DIALOG, user="*51"), SIGHT)
    assert unknown.status == 404
    bench.core.watching.show("*51", busy=False)
    ok, first = signed(bench, subscribe(DIALOG, user="*51", call_id="s2"), SIGHT)
    assert (ok.status, lamps(first)) == (200, (0, []))
    bench.send(response(first, 200), SIGHT)
    bench.core.watching.show("*51", busy=True)
    (lit,) = notices(bench)
    assert lamps(lit)[1] == ["confirmed"]
    root = ET.fromstring(lit.body)
    assert (root.get("entity") or "").startswith("sip:*51@")
    assert root.find(f"{NS}dialog") is not None
    bench.core.watching.show("*51", busy=True)
    assert notices(bench) == []  # nothing has changed
    bench.core.watching.show("*51", busy=False)
    (dark,) = notices(bench)
    assert lamps(dark)[1] == []
