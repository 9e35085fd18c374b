"""The audio of a conversation for an analyser: rights, both sides, losses, and the call's end."""

import asyncio
import os
import struct
from collections.abc import AsyncIterator

import pytest

from acd_core.ids import to_text
from daemon.control.facade.sight.facade import SightFacade
from daemon.service.errors import ServiceError
from daemon.service.messages import Actor, AudioPiece
from drivers.api import PortId
from tests.fakes.facade_rig import ANN, SUE, TINA, FacadeRig
from tests.fakes.line import FakeLine
from tests.fakes.link import FakeTap
from tests.fakes.refusals import refused

CAPACITY = 65_536


class Rings:
    """Media whose taps are rings that a test writes, as the engine does."""

    def __init__(self) -> None:
        self.open: dict[PortId, int] = {}
        self.written: dict[PortId, int] = {}

    async def tap(self, port: PortId, *, rate: int = 8000) -> FakeTap:
        if port not in self.open:
            memfd = os.memfd_create("ring")
            os.ftruncate(memfd, 64 + 2 * CAPACITY)
            os.pwrite(memfd, struct.pack("<4sIII", b"HFTP", 1, rate, CAPACITY), 0)
            self.open[port], self.written[port] = memfd, 0
        return FakeTap(os.dup(self.open[port]), os.eventfd(0))

    async def untap(self, port: PortId, *, rate: int = 8000) -> None:
        os.close(self.open.pop(port))

    def say(self, port: PortId, value: int, samples: int) -> None:
        begun = self.written[port]
        for at in range(begun, begun + samples, 160):
            sound = struct.pack("<h", value) * 160
            os.pwrite(self.open[port], sound, 64 + at % CAPACITY // 160 * 320)
        self.written[port] = begun + samples
        os.pwrite(self.open[port], struct.pack("<Q", begun + samples), 16)


async def next_piece(hotline: FacadeRig, pieces: AsyncIterator[AudioPiece]) -> AudioPiece | None:
    coming = asyncio.ensure_future(anext(pieces, None))
    await hotline.rig.later(0.3)
    return await coming


def text_of(hotline: FacadeRig, line: FakeLine) -> str:
    return to_text(hotline.rig.call_on(line).id)


def listened(hotline: FacadeRig, rings: Rings) -> SightFacade:
    return SightFacade(hotline.rig.controller, rings, dict, hotline.clock)


async def begin(
    hotline: FacadeRig, pieces: AsyncIterator[AudioPiece]
) -> asyncio.Future[AudioPiece | None]:
    coming = asyncio.ensure_future(anext(pieces, None))
    await hotline.settle()
    return coming


async def test_both_sides_are_heard_until_the_agent_has_left(hotline: FacadeRig) -> None:
    line, phone = await hotline.talk(ANN)
    call, rings = hotline.rig.call_on(line), Rings()
    pieces = listened(hotline, rings).listen(text_of(hotline, line))
    coming = await begin(hotline, pieces)
    caller, agent = call.caller.port, call.agent_leg.port
    assert set(rings.open) == {caller, agent}
    rings.say(caller, 100, 1600)
    await hotline.rig.later(0.3)
    assert await coming == AudioPiece(side="caller", pcm=struct.pack("<h", 100) * 1600)
    rings.say(agent, -7, 12_000)
    found = [await next_piece(hotline, pieces) for _ in range(2)]
    assert [(piece.side, len(piece.pcm)) for piece in found] == [
        ("agent", 16_000),
        ("agent", 8_000),
    ]
    await hotline.rig.hang_up(phone)
    assert await next_piece(hotline, pieces) is None


async def test_who_reads_late_loses_and_the_ring_goes_with_its_last_reader(
    hotline: FacadeRig,
) -> None:
    line, _ = await hotline.talk(ANN)
    port, rings = hotline.rig.call_on(line).caller.port, Rings()
    sight = listened(hotline, rings)
    first, second = (sight.listen(text_of(hotline, line)) for _ in range(2))
    comings = [await begin(hotline, pieces) for pieces in (first, second)]
    rings.say(port, 5, 160 * 1000)
    await hotline.rig.later(0.3)
    for coming in comings:
        piece = await coming
        assert piece is not None
        assert piece.lost == 160_000 - CAPACITY * 7 // 8
    await first.aclose()
    assert set(rings.open) >= {port}
    await second.aclose()
    assert rings.open == {}


async def test_only_supervisors_listen_and_it_is_written_down(hotline: FacadeRig) -> None:
    line, _ = await hotline.talk(ANN)
    call = text_of(hotline, line)

    async def listen(who: Actor, what: str) -> None:
        async for _ in hotline.service.listen(who, what):
            pass

    for who in (ANN, TINA):
        assert (await refused(listen(who, call))).code == "forbidden"
    assert (await refused(listen(SUE, "06WM3RZ8Q0001"))).code == "not-found"
    assert (await refused(listen(SUE, call))).code == "unavailable"  # the rig has no media here
    assert not [act for act in await hotline.acts() if act[1] == "call.audio"]
    hotline.service._sight = listened(hotline, Rings())
    pieces = hotline.service.listen(SUE, call)
    coming = await begin(hotline, pieces)
    coming.cancel()
    await asyncio.gather(coming, return_exceptions=True)
    assert (SUE.login, "call.audio", call) in await hotline.acts()


async def test_a_wide_ring_is_asked_for_and_no_other_rate(hotline: FacadeRig) -> None:
    line, _ = await hotline.talk(ANN)
    call, rings = hotline.rig.call_on(line), Rings()
    sight = listened(hotline, rings)
    with pytest.raises(ServiceError) as wrong:
        sight.listen(text_of(hotline, line), 44_100)
    assert wrong.value.code == "invalid"
    pieces = sight.listen(text_of(hotline, line), 16_000)
    coming = await begin(hotline, pieces)
    rings.say(call.caller.port, 9, 1600)
    await hotline.rig.later(0.3)
    assert await coming == AudioPiece(side="caller", pcm=struct.pack("<h", 9) * 1600)
    await pieces.aclose()
    assert rings.open == {}
