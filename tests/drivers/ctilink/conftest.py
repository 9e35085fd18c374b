from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from drivers.ctilink.driver import CtiLinkDriver
from drivers.ctilink.options import CtiLinkOptions
from drivers.ctilink.simulator import SimulatedSwitch

TRANSCRIPTS = Path(__file__).parent.parent.parent / "transcripts" / "ctilink"


@pytest.fixture
def transcripts() -> Path:
    return TRANSCRIPTS


@pytest.fixture
async def switch(tmp_path: Path) -> AsyncIterator[SimulatedSwitch]:
    switch = SimulatedSwitch(link=tmp_path / "exchange")
    switch.start()
    yield switch
    switch.stop()


@pytest.fixture
async def link(switch: SimulatedSwitch) -> AsyncIterator[CtiLinkDriver]:
    driver = CtiLinkDriver(CtiLinkOptions(device=switch.device, wait_s=2.0))
    await driver.open()
    await anext(driver.events())
    yield driver
    await driver.close()


@pytest.fixture
def samples() -> dict[str, bytes]:
    """Records by name: name | hex | readable."""
    found = {}
    for line in (TRANSCRIPTS / "messages.txt").read_text().splitlines():
        if line and not line.startswith("#"):
            name, data, _ = (part.strip() for part in line.split(" | ", 2))
            found[name] = bytes.fromhex(data)
    return found
