"""baresip, a telephone that others wrote, over TLS and TCP."""

import asyncio
import os
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from drivers.events import Answered, Cause, Released, StationDown, StationUp
from drivers.sip.streams.tls import Certificate
from tests.e2e.softphone import Softphone


@pytest.fixture
def phone(tmp_path: Path) -> Iterator[Softphone]:
    if shutil.which("baresip") is None:
        (pytest.fail if os.environ.get("CI") else pytest.skip)("baresip is not installed")
    made = Softphone(tmp_path / "phone")
    yield made
    made.stop()


@pytest.mark.parametrize("transport", ["tcp", "tls"])
async def test_telephone_registers_is_called_and_leaves(
    open_driver, authority, phone: Softphone, transport: str
) -> None:
    certificate, key = authority.issue("pbx", "127.0.0.1")
    running = await open_driver(
        f"{transport}:127.0.0.1:0",
        certificates=(Certificate(certificate=certificate, private_key=key),),
        trunks=(),
    )
    trust = f"sip_cafile {authority.folder / authority.file}\n"
    place = f"127.0.0.1:{running.driver.port}"
    phone.start("2001", "s3cret", place, transport=transport, config=trust)
    up = await running.wait_for(StationUp)
    assert f"transport={transport}" in up.contact
    line = running.driver.station_line("2001")
    await line.dial("", ani="5550100")
    await running.wait_for(Answered)
    await line.release()
    assert (await running.wait_for(Released)).cause is Cause.NORMAL
    counters = running.driver.counters()
    assert counters[f"{transport}_accepted"] == 1
    assert counters.get(f"{transport}_opened", 0) == 0
    await asyncio.to_thread(phone.stop)
    await running.wait_for(StationDown)
