"""baresip as an agent's telephone that is steered: it calls, holds and transfers.

Registering over TCP and TLS is in ``transport/test_baresip.py``, its audio in ``tests/e2e``.
"""

import asyncio
import json
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from drivers.events import (
    Answered,
    Cause,
    Held,
    Released,
    Retrieved,
    Ringing,
    StationUp,
    Transferred,
)
from tests.drivers.sip.interop.terminal import PATIENCE_S, needs
from tests.drivers.sip.transport.conftest import answering
from tests.e2e.softphone import Softphone

CONTROL = "module_app ctrl_tcp.so\nctrl_tcp_listen 127.0.0.1:{port}\n"


class Steered:
    """The telephone with the connection that gives it commands."""

    def __init__(self, phone: Softphone, writer: asyncio.StreamWriter) -> None:
        self.phone = phone
        self._writer = writer

    def do(self, command: str, parameters: str = "") -> None:
        text = json.dumps({"command": command, "params": parameters})
        self._writer.write(f"{len(text)}:{text},".encode())

    async def shows(self, text: str) -> None:
        """Wait until it has printed this."""
        async with asyncio.timeout(PATIENCE_S):
            while text not in self.phone.log:
                await asyncio.sleep(0.02)

    def close(self) -> None:
        self._writer.close()
        self.phone.stop()


@pytest.fixture
async def phone(running, tmp_path: Path, free_pair) -> AsyncIterator[Steered]:
    needs("baresip", "baresip-core")
    made, port = Softphone(tmp_path / "phone"), free_pair()
    place = f"127.0.0.1:{running.driver.port}"
    made.start("2001", "s3cret", place, config=CONTROL.format(port=port))
    await running.wait_for(StationUp)
    _, writer = await asyncio.open_connection("127.0.0.1", port)
    steered = Steered(made, writer)
    yield steered
    await asyncio.to_thread(steered.close)


async def test_agent_calls_holds_and_hangs_up(running, phone: Steered) -> None:
    running.react = answering(running)
    phone.do("dial", f"sip:1000@127.0.0.1:{running.driver.port}")
    ringing = await running.wait_for(Ringing)
    assert (ringing.ani, ringing.dnis) == ("2001", "1000")
    await running.wait_for(Answered)
    await phone.shows("Call established")
    phone.do("hold")
    await running.wait_for(Held)
    phone.do("resume")
    await running.wait_for(Retrieved)
    phone.do("hangup")
    assert (await running.wait_for(Released)).cause is Cause.NORMAL


@pytest.mark.parametrize("cause", [None, Cause.BUSY], ids=["well", "busy"])
async def test_agent_transfers(running, phone: Steered, cause: Cause | None) -> None:
    running.react = answering(running)
    phone.do("dial", f"sip:1000@127.0.0.1:{running.driver.port}")
    await running.wait_for(Answered)
    await phone.shows("Call established")
    phone.do("transfer", "sip:777@127.0.0.1")
    asked = await running.wait_for(Transferred)
    assert asked.to == "777"
    await running.driver.transfer_rings(asked.transfer)
    await running.driver.transfer_ended(asked.transfer, cause)
    if cause is None:  # it hangs up by itself: the caller is somebody else's now
        assert (await running.wait_for(Released)).cause is Cause.NORMAL
    else:
        await phone.shows("486 Busy Here")
        phone.do("hangup")
        await running.wait_for(Released)


async def test_agent_holds_while_we_hold_it(running, phone: Steered) -> None:
    """Both sides hold: neither hears the other until both have taken the call back."""
    running.react = answering(running)
    phone.do("dial", f"sip:1000@127.0.0.1:{running.driver.port}")
    answered = await running.wait_for(Answered)
    await phone.shows("Call established")
    line = running.driver.line(answered.line)
    await line.hold()
    phone.do("hold")
    await running.wait_for(Held)
    await line.retrieve()
    phone.do("resume")
    await running.wait_for(Retrieved)
    await line.release()
    assert (await running.wait_for(Released)).cause is Cause.NORMAL
