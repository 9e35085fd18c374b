import asyncio
import os
import subprocess
import sys
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from daemon.commands._switchboard import Switchboard
from drivers.ctilink.details import TerminalKey
from drivers.ctilink.simulator import SimulatedSwitch
from drivers.errors import DriverError
from drivers.voiceboard.simulator import SimulatedTelephone, SimulatedTrunk

SITE = """
[site]
name = "bench"
run_dir = "{run_dir}"
[drivers.board]
driver = "voiceboard"
simulated = true
socket = "board.sock"
[[drivers.board.channels]]
channel = 1
number = "5000"
terminal = "1/7"
[[drivers.board.channels]]
channel = 2
kind = "fxs"
number = "301"
[drivers.exchange]
driver = "ctilink"
device = "{run_dir}/exchange.tty"
"""


@pytest.fixture
async def switch(tmp_path: Path) -> AsyncIterator[SimulatedSwitch]:
    switch = SimulatedSwitch(link=tmp_path / "exchange")
    switch.start()
    yield switch
    switch.stop()


@pytest.fixture
def board(switch: SimulatedSwitch) -> Switchboard:
    ports = {1: SimulatedTrunk(1), 2: SimulatedTelephone(2)}
    return Switchboard(ports, {1: TerminalKey("001", "0007")}, switch)


async def test_call_is_announced_and_rings(board: Switchboard, switch: SimulatedSwitch) -> None:
    reader = os.open(switch.device, os.O_RDONLY | os.O_NONBLOCK)
    assert "rings" in board.obey("call 1 5556789 5551234 cfna")
    assert os.read(reader, 100) == b"\r\nMD0010007N5551234 5556789 \r\n\x19"
    os.close(reader)
    assert "1 trunk ringing" in board.obey("ports")
    assert "in use" in board.obey("call 1")
    board.obey("hangup 1")
    assert "ringing" not in board.obey("ports")


@pytest.mark.parametrize(
    ("line", "answer"),
    [
        ("", "call CHANNEL"),
        ("dance", "call CHANNEL"),
        ("call", "call CHANNEL"),
        ("call 9", "no channel 9"),
        ("call x", "no channel x"),
        ("call 2", "telephone"),
        ("lift 1", "trunk"),
        ("call 1 1 2 never", "cfu"),
        ("alarm 1", "alarm CHANNEL"),
        ("lamps", "no lamp"),
    ],
)
async def test_wrong_commands_are_explained(board: Switchboard, line: str, answer: str) -> None:
    assert answer in board.obey(line)


async def test_lamps_are_shown(board: Switchboard, switch: SimulatedSwitch) -> None:
    writer = os.open(switch.device, os.O_WRONLY | os.O_NOCTTY)
    os.write(writer, b"OP:MWI 5551234!\x04")
    await switch.commands_seen(1)
    os.close(writer)
    assert board.obey("lamps") == "5551234 on"


async def test_simulated_exchange_does_not_take_a_real_device(tmp_path: Path) -> None:
    (tmp_path / "ttyS0").write_bytes(b"")
    for path in (tmp_path / "ttyS0", Path("/dev/ttyS99")):
        with pytest.raises(DriverError, match="real device"):
            SimulatedSwitch(link=path).start()


async def test_command_serves_the_site_and_stops_when_told(tmp_path: Path) -> None:
    (tmp_path / "hookflash.toml").write_text(SITE.format(run_dir=tmp_path / "run"))
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "daemon",
        "simulate-exchange",
        "--site",
        str(tmp_path),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        env=os.environ | {"HOOKFLASH_LANGUAGE": "en", "LANG": "C"},
    )
    async with asyncio.timeout(30):
        output, _ = await process.communicate(b"call 1 5556789\nports\nlift 2\nquit\n")
    text = output.decode()
    assert process.returncode == 0, text
    assert "channel 1 rings" in text
    assert "telephone 2 lifted" in text
    assert not (tmp_path / "run" / "board.sock").exists()
