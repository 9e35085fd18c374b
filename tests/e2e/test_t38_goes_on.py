"""T.38 between two machines while things change: nobody there yet, a gateway, media killed.

One asks for T.38 before the other's telephone is answered, and waits. The other refuses, so a
gateway stands between them, and asks itself a moment later: then the page goes over as it is.
When media is killed, one conversation goes on at the same ports, and the one that began with a
gateway goes back to audio. When control is killed, who waits for its answer is put off.
"""

import asyncio
import re
import socket
from pathlib import Path

import pytest
from fax_machines import Ear, PacketMachine
from running_site import RunningSite, until
from test_fax import T38, TO_T38, Town, configure, sort

from daemon.fax.messages import OK
from daemon.fax.t38.recovery import UdptlSender
from drivers.sip.simulator.call import Call, Refused
from drivers.sip.simulator.packets import Media
from tests.fakes.fax_pages import dots

pytestmark = pytest.mark.e2e

SPEED = 5
WAITS = "T.38 waits for another leg"
FIRST, OTHER = "t38UDPRedundancy", "T38FaxMaxDatagram:200"


class Plain:
    """An end of T.38 that has no fax: its datagrams are numbered, and those it hears counted."""

    def __init__(self) -> None:
        self._socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self._socket.bind(("127.0.0.1", 0))
        self._socket.setblocking(False)
        self._sender = UdptlSender()
        self._to = ("", 0)

    @property
    def description(self) -> str:
        lines = [
            *("v=0", "o=fax 7 7 IN IP4 127.0.0.1", "s=-", "c=IN IP4 127.0.0.1", "t=0 0"),
            f"m=image {self._socket.getsockname()[1]} udptl t38",
        ]
        return "\r\n".join([*lines, ""])

    def meets(self, description: str) -> str:
        """Take what the hotline says of itself, and answer."""
        image = re.search(r"^m=image (\d+) udptl t38", description, re.MULTILINE)
        assert image is not None
        self._to = ("127.0.0.1", int(image[1]))
        return self.description

    def speak(self) -> None:
        self._socket.sendto(self._sender.send(b"\x00"), self._to)

    def hears(self) -> bool:
        """Whether anything has come since the last time."""
        heard = False
        while True:
            try:
                heard = bool(self._socket.recv(2048))
            except BlockingIOError:
                return heard

    def close(self) -> None:
        self._socket.close()


@pytest.mark.timeout(150)
async def test_t38_goes_on_whatever_changes(site: RunningSite, tmp_path: Path) -> None:
    site.init()
    town = Town(site, tmp_path)
    near, far = Plain(), Plain()
    await town.carrier.open("127.0.0.1")
    configure(site, town.carrier.address)
    site.start()
    try:
        called: dict[str, asyncio.Queue[Call]] = {T38: asyncio.Queue()}
        sorting = asyncio.create_task(sort(town.carrier, called))
        async with asyncio.timeout(90):
            upgraded = await page_goes_over(town, site, called[T38])
            standing = await two_talk(town, called[T38])
            standing[1].other_media = far.meets
            near.meets(await standing[0].offer(near.description))
            await hear_each_other(near, far)
            audio = [back_at_audio(call) for call in upgraded]
            await media_is_killed(site)
            await hear_each_other(near, far)
            for each in audio:
                await each.wait()
            for call in (upgraded[0], standing[0]):
                await call.hang_up()
            await question_outlives_control(town, site, near.description)
        sorting.cancel()
        await asyncio.gather(sorting, return_exceptions=True)
        t38 = "SELECT result, detail FROM segment WHERE kind = 't38' AND ended_ms IS NOT NULL"
        await until(lambda: len(site.rows(t38)) == 3)
        rows = site.rows(t38)
        assert sorted(result for result, _ in rows) == ["fax_failed", "gateway", "passed_on"]
        assert [result for result, detail in rows if "interrupted" in detail] == ["passed_on"]
    finally:
        near.close()
        far.close()
        await town.close()
    assert site.stop() == 0
    assert site.check_records()["faults"] == []


async def two_talk(town: Town, called: "asyncio.Queue[Call]") -> tuple[Call, Call]:
    """Somebody at the carrier, and whom the hotline calls there."""
    call = await town.call(town.carrier, TO_T38, Ear())
    await call.answered()
    outside = await called.get()
    ear = Ear()
    await town.answer(outside, ear)
    await until(lambda: ear.hears_anything)
    return call, outside


async def page_goes_over(
    town: Town, site: RunningSite, called: "asyncio.Queue[Call]"
) -> tuple[Call, Call]:
    sender = PacketMachine(town.page, send=True, station="777", speed=SPEED)
    receiver = PacketMachine(town.folder / "888.tif", send=False, station="888", speed=SPEED)
    town.closing += [sender.close, receiver.close]
    call = await town.call(town.carrier, TO_T38, Ear())
    call.other_media = sender.answer
    await call.answered()
    outside = await called.get()
    asking = asyncio.create_task(sender.change(call))
    await until(lambda: WAITS in site.log.read_text())
    assert not asking.done()
    await town.answer(outside, Ear())
    assert FIRST in await asking  # the other one refuses: a gateway
    outside.other_media = receiver.answer
    assert OTHER in await receiver.change(outside)
    await until(lambda: OTHER in sender.asked)
    await until(lambda: sender.terminal.code == receiver.terminal.code == OK, seconds=30)
    assert sender.terminal.figures().sent == receiver.terminal.figures().received == 1
    assert dots(receiver.page) == dots(town.page)
    return call, outside


async def hear_each_other(near: Plain, far: Plain) -> None:
    """Datagrams go both ways; those of before are heard no more."""
    near.hears()
    far.hears()
    for one, other in ((near, far), (far, near)):

        def arrives(one: Plain = one, other: Plain = other) -> bool:
            one.speak()
            return other.hears()

        await until(arrives)


def back_at_audio(call: Call) -> asyncio.Event:
    """Set when the hotline asks for audio in a call."""
    asked = asyncio.Event()

    def changed(_media: Media) -> None:
        asked.set()

    call.media_changed = changed
    return asked


async def question_outlives_control(town: Town, site: RunningSite, description: str) -> None:
    call = await town.call(town.carrier, TO_T38, Ear())
    await call.answered()
    asked = site.log.read_text().count(WAITS)
    asking = asyncio.create_task(call.offer(description))
    await until(lambda: site.log.read_text().count(WAITS) > asked)
    site.kill("control")
    with pytest.raises(Refused, match="491"):
        await asking
    await call.hang_up()


async def media_is_killed(site: RunningSite) -> None:
    before = site.pid("media")
    site.kill("media")
    await until(lambda: site.pid("media") != before)
