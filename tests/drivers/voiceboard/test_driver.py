import asyncio
import os
import socket
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from drivers.api import Capability, LineId
from drivers.errors import DeviceMissing, DriverError, LineBusy, LinkLost, NotCapable
from drivers.events import (
    Answered,
    Cause,
    Digit,
    Flashed,
    LineDown,
    LineUp,
    Progress,
    Released,
    Ringing,
    Seized,
)
from drivers.registry import available
from drivers.voiceboard.driver import VoiceBoardDriver
from drivers.voiceboard.simulator import SimulatedBoard, SimulatedTrunk
from drivers.voiceboard.socket_device import SocketDevice

Make = Callable[..., Any]
SPOKEN = bytes(range(160))


async def read_chunk(fd: int, wanted: bytes) -> None:
    """Read 20 ms chunks until the wanted one comes."""
    loop = asyncio.get_running_loop()
    readable = asyncio.Event()
    loop.add_reader(fd, readable.set)
    try:
        async with asyncio.timeout(5):
            while True:
                await readable.wait()
                readable.clear()
                if os.read(fd, 160) == wanted:
                    return
    finally:
        loop.remove_reader(fd)


async def test_call_rings_is_answered_and_the_caller_hangs_up(bench: Any) -> None:
    bench.trunk.ring()
    ringing = await bench.happens(Ringing)
    assert (ringing.line, ringing.dnis) == ("board/1", "5551000")
    assert bench.line().phase == "ringing"
    await bench.line().answer()
    await bench.happens(Answered)
    assert bench.trunk.board_off_hook
    assert bench.line().port in bench.ports.open
    bench.trunk.hang_up()
    released = await bench.happens(Released)
    assert released.cause is Cause.NORMAL
    assert bench.line().port is None
    assert bench.ports.open == {}
    await bench.trunk.board_hangs_up()


async def test_audio_goes_both_ways_through_the_descriptor(bench: Any) -> None:
    heard = asyncio.Event()
    bench.trunk.ring()
    bench.trunk.source = lambda: SPOKEN
    bench.trunk.heard = lambda chunk: heard.set() if chunk == SPOKEN[::-1] else None
    await bench.happens(Ringing)
    await bench.line().answer()
    fd = bench.ports.open[bench.line().port]
    await read_chunk(fd, SPOKEN)
    os.write(fd, SPOKEN[::-1])
    async with asyncio.timeout(5):
        await heard.wait()


async def test_a_call_begins_without_old_audio(bench: Any) -> None:
    bench.trunk.ring()
    await bench.happens(Ringing)
    await bench.line().answer()
    fd = bench.ports.open[bench.line().port]
    waiting = 0
    try:
        while os.read(fd, 160):
            waiting += 1
    except BlockingIOError:
        pass
    assert waiting <= 1


async def test_call_without_an_audio_port_is_given_up(bench: Any) -> None:
    bench.ports.full = True
    bench.trunk.ring()
    await bench.happens(Ringing)
    with pytest.raises(DriverError, match="no more ports"):
        await bench.line().answer()
    await bench.happens(Released)
    await bench.trunk.board_hangs_up()
    assert bench.line().up
    bench.phone.lift()
    await bench.happens(Ringing)
    bench.phone.hang_up()
    await bench.happens(Released)
    line = bench.driver.station_line("301")
    await line.dial("301")
    await bench.phone.rings()
    bench.phone.lift()
    assert isinstance(await bench.happens(object), Seized)
    while not isinstance(await bench.happens(object), Released):
        continue
    assert line.up


@pytest.mark.parametrize("number", ["", "555x", "1" * 65])
async def test_number_that_cannot_be_dialled(bench: Any, number: str) -> None:
    with pytest.raises(DriverError, match="dialled"):
        await bench.line().dial(number)


async def test_caller_who_gives_up_is_released(make_bench: Make) -> None:
    bench = make_bench(timing={"ring_gap": 0.4})
    await bench.open()
    bench.trunk.ring()
    await bench.happens(Ringing)
    bench.trunk.hang_up()
    released = await bench.happens(Released)
    assert released.detail == "the caller gave up"
    assert bench.line().phase == "idle"


async def test_call_that_is_not_wanted_rings_out(make_bench: Make) -> None:
    bench = make_bench(timing={"ring_gap": 0.4})
    await bench.open()
    bench.trunk.ring()
    await bench.happens(Ringing)
    await bench.line().release()
    await bench.happens(Released)
    with pytest.raises(LineBusy):
        await bench.line().dial("123")
    bench.trunk.hang_up()
    async with asyncio.timeout(5):
        while not bench.line().reachable or bench.line()._machine.deadline:
            await asyncio.sleep(0.02)


async def test_release_hangs_up(bench: Any) -> None:
    bench.trunk.ring()
    await bench.happens(Ringing)
    await bench.line().answer()
    await bench.happens(Answered)
    await bench.line().release()
    await bench.happens(Released)
    await bench.trunk.board_hangs_up()
    await bench.line().release()


async def test_outgoing_call_by_tones(bench: Any) -> None:
    bench.trunk.source = lambda: SPOKEN
    await bench.line().dial("5551234")
    await bench.happens(Seized)
    assert await bench.trunk.dialled.get() == "5551234"
    progress = await bench.happens(Progress)
    assert progress.tone == "ringback"
    await bench.happens(Answered)
    assert bench.line().port is not None


async def test_outgoing_call_to_a_busy_number(bench: Any) -> None:
    bench.trunk.plan = lambda _number: "busy"
    await bench.line().dial("5551234")
    await bench.happens(Seized)
    assert (await bench.happens(Progress)).tone == "busy"
    assert (await bench.happens(Released)).cause is Cause.BUSY
    await bench.trunk.board_hangs_up()


async def test_outgoing_call_without_dial_tone(make_bench: Make) -> None:
    bench = make_bench(timing={"dial_tone": 0.2})
    await bench.open()
    bench.trunk.play = lambda _name: None
    await bench.line().dial("5551234")
    await bench.happens(Seized)
    released = await bench.happens(Released)
    assert released.detail == "no dial tone"


async def test_outgoing_call_answered_by_reversal(make_bench: Make) -> None:
    bench = make_bench(answered_by="polarity", wait_dial_tone=False)
    bench.trunk._reverses = True
    await bench.open()
    await bench.line().dial("55")
    await bench.happens(Seized)
    await bench.happens(Progress)
    await bench.happens(Answered)


async def test_outgoing_call_assumed_to_be_answered(make_bench: Make) -> None:
    bench = make_bench(answered_by="time", wait_dial_tone=False)
    await bench.open()
    await bench.line().dial("55")
    await bench.happens(Seized)
    await bench.happens(Answered)


async def test_line_in_use_cannot_be_dialled(bench: Any) -> None:
    await bench.line().dial("55")
    with pytest.raises(LineBusy):
        await bench.line().dial("56")


async def test_dial_right_after_a_call_waits_for_the_exchange(bench: Any) -> None:
    await bench.line().dial("55")
    await bench.happens(Seized)
    await bench.line().release()
    await bench.happens(Released)
    await bench.line().dial("56")
    await bench.happens(Seized)


async def test_blind_transfer_flashes_dials_and_hangs_up(make_bench: Make) -> None:
    bench = make_bench()
    await bench.open()
    bench.trunk.ring()
    await bench.happens(Ringing)
    await bench.line().answer()
    await bench.happens(Answered)
    await bench.line().transfer("301")
    assert await bench.trunk.dialled.get() == "301"
    assert bench.trunk.flashes == 1
    assert (await bench.happens(Released)).detail == "transferred"


async def test_keys_are_sent_as_tones_of_the_board(bench: Any) -> None:
    bench.trunk.ring()
    await bench.happens(Ringing)
    with pytest.raises(NotCapable):
        await bench.line().send_digits("1")
    await bench.line().answer()
    await bench.line().send_digits("12#")
    assert await bench.trunk.dialled.get() == "12#"


async def test_telephone_rings_and_is_answered(bench: Any) -> None:
    line = bench.driver.station_line("301")
    await line.dial("301")
    await bench.happens(Seized)
    await bench.phone.rings()
    await bench.happens(Progress)
    assert not bench.driver.reachable("301")
    bench.phone.lift()
    await bench.happens(Answered)
    assert line.port is not None
    bench.phone.flash()
    await bench.happens(Flashed)
    bench.phone.hang_up()
    await bench.happens(Released)
    assert bench.driver.reachable("301")


async def test_telephone_that_is_not_answered_stops_ringing(bench: Any) -> None:
    line = bench.driver.station_line("301")
    await line.dial("301")
    await bench.phone.rings()
    await line.release()
    assert not bench.phone.ringing


async def test_telephone_calls_us(bench: Any) -> None:
    bench.phone.lift()
    ringing = await bench.happens(Ringing)
    assert ringing.ani == "301"
    await bench.line(3).answer()
    await bench.happens(Answered)
    await bench.line(3).release()
    await bench.happens(Released)
    with pytest.raises(LineBusy):
        bench.driver.station_line("301")
    bench.phone.hang_up()
    async with asyncio.timeout(5):
        while not bench.driver.reachable("301"):
            await asyncio.sleep(0.01)


@pytest.mark.parametrize(("digits", "count"), [("device", 1), ("inband", 0)])
async def test_keys_of_the_board_count_only_when_it_is_their_source(
    make_bench: Make, digits: str, count: int
) -> None:
    bench = make_bench(digits=digits)
    await bench.open()
    bench.phone.lift()
    await bench.happens(Ringing)
    await bench.line(3).answer()
    await bench.happens(Answered)
    bench.phone.press("5")
    bench.phone.flash()
    if count:
        digit = await bench.happens(Digit)
        assert (digit.key, digit.source) == ("5", "device")
    await bench.happens(Flashed)


async def test_cable_out_and_back(bench: Any) -> None:
    bench.trunk.ring()
    await bench.happens(Ringing)
    bench.trunk.alarm(on=True)
    assert (await bench.happens(Released)).cause is Cause.DESTINATION_OUT_OF_ORDER
    await bench.happens(LineDown)
    with pytest.raises(LinkLost):
        await bench.line().dial("1")
    bench.trunk.alarm(on=False)
    await bench.happens(LineUp)
    assert bench.line().up


async def test_board_that_stops_in_a_call_comes_back(bench: Any) -> None:
    bench.trunk.ring()
    await bench.happens(Ringing)
    await bench.line().answer()
    await bench.happens(Answered)
    await bench.board.stop()
    kinds = [await bench.happens(object) for _ in range(4)]
    assert sum(isinstance(event, Released) for event in kinds) == 1
    assert sum(isinstance(event, LineDown) for event in kinds) == 3
    assert bench.ports.open == {}
    await bench.board.start()
    for _ in range(3):
        while not isinstance(await bench.happens(object), LineUp):
            continue


async def test_one_removed_port_leaves_the_others(bench: Any) -> None:
    bench.other.remove()
    assert (await bench.happens(LineDown)).line == "board/2"
    bench.trunk.ring()
    while not isinstance(event := await bench.happens(object), Ringing):
        assert event.line == "board/2"


async def test_port_that_keeps_failing_is_quarantined(make_bench: Make) -> None:
    bench = make_bench()
    await bench.board.start()
    other = SocketDevice(bench.path, 2)
    await other.open()
    await bench.driver.open(bench.ports)
    async with asyncio.timeout(5):
        while bench.driver.counters()["quarantined"] < 1:
            await asyncio.sleep(0.01)
    assert [line.up for line in bench.driver.lines()] == [True, False, True]
    assert bench.driver.counters()["failures board/2"] == 3
    other.close()


async def test_missing_board_is_looked_for_without_quarantine(make_bench: Make) -> None:
    bench = make_bench()
    await bench.driver.open(bench.ports)
    async with asyncio.timeout(5):
        while bench.line().counts["failures"] < 5:
            await asyncio.sleep(0.01)
    with pytest.raises(LinkLost):
        bench.driver.station_line("301")
    await bench.board.start()
    async with asyncio.timeout(5):
        while not all(line.up for line in bench.driver.lines()):
            await asyncio.sleep(0.01)
    assert bench.driver.counters()["quarantined"] == 0


async def test_second_owner_of_a_channel_is_refused(bench: Any) -> None:
    device = SocketDevice(bench.path, 1)
    with pytest.raises(LineBusy):
        await device.open()


async def test_channel_that_is_not_there(bench: Any) -> None:
    with pytest.raises(DeviceMissing):
        await SocketDevice(bench.path, 9).open()


async def test_board_server_that_is_not_there(tmp_path: Any) -> None:
    with pytest.raises(DeviceMissing, match="nobody listens"):
        await SocketDevice(tmp_path / "none.sock", 1).open()


async def test_closing_releases_calls(bench: Any) -> None:
    bench.trunk.ring()
    await bench.happens(Ringing)
    await bench.line().answer()
    await bench.driver.close()
    await bench.trunk.board_hangs_up()
    assert bench.ports.open == {}
    await bench.driver.close()


async def test_lines_say_what_they_can(bench: Any) -> None:
    assert bench.driver.line(LineId("board/1")).can & Capability.FLASH
    assert not bench.driver.line(LineId("board/3")).can & Capability.TRANSFER
    with pytest.raises(NotCapable):
        await bench.line().hold()
    with pytest.raises(KeyError):
        bench.driver.line(LineId("board/9"))


async def test_ring_is_in_the_cadence_of_the_exchange(tmp_path: Any, make_bench: Make) -> None:
    bench = make_bench()
    await bench.open(clock=False)
    bench.trunk.ring()
    for _ in range(60):
        bench.board.tick()
    assert list(bench.trunk._events) == [18, 2, 18, 2, 18]


def test_driver_is_registered_for_media() -> None:
    registration = available()["voiceboard"]
    assert registration.factory is VoiceBoardDriver
    assert registration.host == "media"


@given(st.lists(st.binary(max_size=300), max_size=5))
async def test_board_server_survives_any_bytes(tmp_path: Any, packets: list[bytes]) -> None:
    board = SimulatedBoard(tmp_path / "any.sock", (SimulatedTrunk(1),))
    await board.start(clock=False)
    with socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET) as peer:
        peer.connect(str(board.path))
        for packet in packets:
            try:
                peer.send(packet)
            except OSError:
                break
            await asyncio.sleep(0)
    device = SocketDevice(board.path, 1)
    await device.open()
    device.close()
    await board.stop()


@given(st.binary(min_size=1, max_size=300))
async def test_driver_survives_any_answer(tmp_path: Any, packet: bytes) -> None:
    path = tmp_path / f"odd{os.urandom(4).hex()}.sock"
    with socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET) as server:
        server.bind(str(path))
        server.listen(1)
        server.setblocking(False)
        device = SocketDevice(path, 1)
        opening = asyncio.create_task(device.open())
        await asyncio.sleep(0)
        peer, _ = server.accept()
        with peer:
            peer.send(packet)
        with pytest.raises(DriverError):
            await opening
    device.close()
