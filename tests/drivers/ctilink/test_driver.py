import asyncio
from pathlib import Path

import pytest

from drivers.backoff import Backoff
from drivers.ctilink.driver import CtiLinkDriver
from drivers.ctilink.options import CtiLinkOptions
from drivers.ctilink.simulator import SimulatedSwitch, record, refusal, with_parity
from drivers.errors import OptionsError
from drivers.events import LineDown, LineUp
from drivers.registry import available


async def test_detail_is_there_when_the_port_rings(
    link: CtiLinkDriver, switch: SimulatedSwitch
) -> None:
    switch.call(1, 2, "A", forwarded_from="5551234", ani="5556789")
    found = await link.wait_for("001/0002")
    assert found is not None
    assert (found.ani, found.forwarded_from, found.reason) == ("5556789", "5551234", "cfu")


async def test_ring_waits_for_its_detail(link: CtiLinkDriver, switch: SimulatedSwitch) -> None:
    waiting = asyncio.create_task(link.wait_for("1/2"))
    await asyncio.sleep(0)
    switch.call(1, 3, "D", ani="5550000")
    switch.call(1, 2, "D", ani="5556789")
    found = await waiting
    assert found is not None
    assert found.ani == "5556789"


async def test_ring_without_detail_is_an_unknown_direct_call(link: CtiLinkDriver) -> None:
    assert await link.wait_for("1/2", 0.01) is None
    assert link.counters()["calls_without_detail"] == 1


async def test_record_in_pieces_with_parity_bits_and_noise(
    link: CtiLinkDriver, switch: SimulatedSwitch
) -> None:
    switch.noise()
    data = with_parity(record(1, 2, "N", "5551234", "5556789"))
    switch.send_in_pieces(data, range(1, len(data)), pause_s=0.001)
    found = await link.wait_for("1/2")
    assert found is not None
    assert (found.ani, found.reason) == ("5556789", "cfna")


async def test_record_without_any_end_is_taken_after_a_silence(
    link: CtiLinkDriver, switch: SimulatedSwitch
) -> None:
    switch.send(b"\r\nMD0010002D 5556789")
    found = await link.wait_for("1/2", 5.0)
    assert found is not None
    assert found.ani == "5556789"


async def test_lamp_goes_on_and_off(link: CtiLinkDriver, switch: SimulatedSwitch) -> None:
    await link.set_lamp("5551234", on=True)
    assert await switch.commands_seen(1) == [("5551234", True)]
    await link.set_lamp("5551234", on=False)
    await switch.commands_seen(2)
    assert switch.lamps == {"5551234": False}


async def test_lamp_commands_are_paced(link: CtiLinkDriver, switch: SimulatedSwitch) -> None:
    for station in ("100", "200", "300"):
        await link.set_lamp(station, on=True)
    await switch.commands_seen(3)
    first, _, third = switch.commands_at
    assert third - first >= 0.19


async def test_refused_lamp_raises_one_alarm(link: CtiLinkDriver, switch: SimulatedSwitch) -> None:
    switch.invalid |= {"100", "200"}
    await link.set_lamp("100", on=True)
    await link.set_lamp("200", on=True)
    async with asyncio.timeout(5):
        while set(link.lamp_states().values()) != {"refused"}:
            await asyncio.sleep(0.01)
    assert link.counters()["lamp_alarms"] == 1


async def test_blocked_lamp_is_kept_for_later(switch: SimulatedSwitch) -> None:
    switch.blocked_probability = 1.0
    driver = CtiLinkDriver(CtiLinkOptions(device=switch.device))
    await driver.open()
    await driver.set_lamp("100", on=True)
    async with asyncio.timeout(5):
        while driver.lamp_states() != {"100": "blocked"}:
            await asyncio.sleep(0.01)
    await driver.close()


async def test_probe_expects_a_refusal(switch: SimulatedSwitch) -> None:
    switch.invalid.add("9999999")
    driver = CtiLinkDriver(CtiLinkOptions(device=switch.device, probe_station="9999999"))
    await driver.open()
    await anext(driver.events())
    assert await driver.probe()
    await driver.close()


async def test_link_comes_back_and_sets_the_lamps_again(tmp_path: Path) -> None:
    switch = SimulatedSwitch(link=tmp_path / "exchange")
    options = CtiLinkOptions(device=str(tmp_path / "exchange"))
    driver = CtiLinkDriver(options, backoff=Backoff(first_s=0.02, longest_s=0.02))
    await driver.open()
    events = driver.events()
    assert isinstance(await anext(events), LineDown)
    switch.start()
    assert isinstance(await anext(events), LineUp)
    await driver.set_lamp("100", on=True)
    await switch.commands_seen(1)
    switch.stop()
    assert isinstance(await anext(events), LineDown)
    switch.start()
    assert isinstance(await anext(events), LineUp)
    assert await switch.commands_seen(2) == [("100", True), ("100", True)]
    await driver.close()
    switch.stop()


async def test_refusal_of_nothing_we_sent_is_harmless(
    link: CtiLinkDriver, switch: SimulatedSwitch
) -> None:
    switch.send(refusal("5550000", "INV", deletes=True))
    switch.call(1, 1, "D", ani="5556789")
    assert await link.wait_for("1/1") is not None
    assert link.counters()["lamps_refusals_ignored"] == 1


async def test_closing_twice_is_harmless(link: CtiLinkDriver) -> None:
    await link.close()
    await link.close()
    assert not link.is_up


def test_driver_is_registered_for_control() -> None:
    registration = available()["ctilink"]
    assert registration.factory is CtiLinkDriver
    assert registration.host == "control"


@pytest.mark.parametrize(
    ("key", "options"),
    [
        ("device", {"device": ""}),
        ("audit_at", {"device": "x", "audit_at": "24:00"}),
        ("probe_station", {"device": "x", "probe_station": "abc"}),
    ],
)
def test_wrong_option_is_named(key: str, options: dict[str, str]) -> None:
    (fault,) = CtiLinkOptions(**options).faults()
    assert fault.key == key
    with pytest.raises(OptionsError):
        CtiLinkDriver(CtiLinkOptions(**options))
