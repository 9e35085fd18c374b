"""Keys of a caller as RTP events: what SIPp sends reaches the port that was negotiated."""

import asyncio
import os

import pytest

from drivers.events import Answered, LineEvent, Released, Ringing


@pytest.mark.skipif(os.geteuid() != 0, reason="SIPp plays keys through a raw socket")
async def test_keys_arrive_at_the_port_of_the_line(running, sipp) -> None:
    async def react(event: LineEvent) -> None:
        if isinstance(event, Ringing):
            await running.driver.line(event.line).answer()

    running.react = react
    target = f"127.0.0.1:{running.driver.port}"
    caller = await sipp("uac_digits", target, "-s", "1", "-m", "1", "-key", "keys", "7#")
    answered = await running.wait_for(Answered)
    line = running.driver.line(answered.line)
    assert line.port is not None
    sock, keys = running.ports.open[line.port], []
    loop = asyncio.get_running_loop()
    async with asyncio.timeout(10):
        while len(keys) < 2:
            packet = await loop.sock_recv(sock, 2048)
            event, end = packet[12], packet[13] & 0x80
            if packet[1] & 0x7F == 96 and end and keys[-1:] != [event]:
                keys.append(event)
    assert keys == [7, 11]
    await line.release()
    await running.wait_for(Released)
    await caller.done()
