"""sipsak, a command for trying SIP: its OPTIONS, REGISTER, traceroute and trash."""

from pathlib import Path

import pytest

from drivers.events import StationDown, StationUp
from tests.drivers.sip.interop.terminal import Terminal, needs


@pytest.fixture
async def sipsak(tmp_path: Path):
    """Runs it to its end; exit status and what it printed."""
    needs("sipsak", "sipsak")
    made: list[Terminal] = []

    async def run(*arguments: str) -> tuple[int, str]:
        made.append(Terminal(tmp_path / f"sipsak-{len(made)}"))
        await made[-1].start("sipsak", *arguments)
        status = await made[-1].done()
        return status, made[-1].printed

    yield run
    for one in made:
        await one.close()


@pytest.mark.parametrize("transport", ["udp", "tcp"])
async def test_options_are_answered(open_driver, sipsak, transport: str) -> None:
    running = await open_driver(f"{transport}:127.0.0.1:0")
    target = f"sip:1000@127.0.0.1:{running.driver.port}"
    status, shown = await sipsak("-vv", "-E", transport, "-s", target)
    assert status == 0, shown
    assert "SIP/2.0 200 OK" in shown
    assert "Allow: INVITE, ACK, BYE, CANCEL" in shown


@pytest.mark.parametrize("password", ["s3cret", "wrong"])
async def test_registers_and_leaves(running, sipsak, password: str) -> None:
    target = f"sip:2001@127.0.0.1:{running.driver.port}"
    common = ("-U", "-i", "-v", "-u", "2001", "-a", password, "-s", target)
    status, shown = await sipsak("-C", "sip:2001@127.0.0.1:4999", "-x", "60", *common)
    assert (status == 0) is (password == "s3cret"), shown
    assert running.driver.reachable("2001") is (password == "s3cret")
    if password == "s3cret":
        up = await running.wait_for(StationUp)
        assert up.contact == "sip:2001@127.0.0.1:4999"
        status, shown = await sipsak("-C", "*", "-x", "0", *common)
        assert status == 0, shown
        await running.wait_for(StationDown)


async def test_too_short_a_registration_is_told_the_shortest(running, sipsak) -> None:
    target = f"sip:2001@127.0.0.1:{running.driver.port}"
    common = ("-U", "-i", "-vv", "-u", "2001", "-a", "s3cret", "-s", target)
    status, shown = await sipsak("-C", "sip:2001@127.0.0.1:4999", "-x", "5", *common)
    assert status != 0
    assert "423 Interval Too Brief" in shown
    assert "Min-Expires: 60" in shown


async def test_traceroute_ends_at_us(running, sipsak) -> None:
    target = f"sip:1000@127.0.0.1:{running.driver.port}"
    status, shown = await sipsak("-T", "-vv", "-s", target)
    assert status == 0, shown
    assert running.driver.counters()["received_options"] >= 1


async def test_trash_does_no_harm(open_driver, sipsak) -> None:
    """OPTIONS with more and more characters overwritten at random, one after the other."""
    running = await open_driver("udp:127.0.0.1:0")
    target = f"sip:1000@127.0.0.1:{running.driver.port}"
    await sipsak("-R", "-t", "60", "-Z", "50", "-i", "-v", "-s", target)
    counters = running.driver.counters()
    assert any(name.startswith(("received_", "malformed_", "keep_alives")) for name in counters)
    status, shown = await sipsak("-s", target)
    assert status == 0, shown
    assert running.told == []
