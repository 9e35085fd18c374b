"""What technicians and monitors are told: ladders and who may see them, figures."""

import contextlib

from acd_core.ids import to_text
from daemon.control.facade.sight.facade import SightFacade
from daemon.link.errors import MediaAway
from daemon.service.messages import Actor, CaptureWish
from drivers.api import BanEntry
from tests.fakes.facade_rig import ANN, ROOT, SUE, TINA, FacadeRig
from tests.fakes.refusals import refused


class Border:
    """One ban, as a driver keeps it."""

    def __init__(self) -> None:
        self.entries = [BanEntry("source", "203.0.113.9", 1.0, 2.0, 2, "scanner")]

    def banned(self) -> list[BanEntry]:
        return self.entries

    def release(self, name: str) -> bool:
        before = len(self.entries)
        self.entries = [entry for entry in self.entries if entry.name != name]
        return len(self.entries) < before


class CountedMedia:
    """Media that tells its load, or is away."""

    def __init__(self) -> None:
        self.away = False

    async def counters(self) -> dict[str, float]:
        if self.away:
            raise MediaAway("media did not answer")
        return {"load": 0.25, "late_ticks": 3.0}


async def test_ladder_is_for_technicians_and_administrators(hotline: FacadeRig) -> None:
    for who in (TINA, ROOT):
        assert (await refused(hotline.service.ladder(who, "nobody"))).code == "not-found"
        assert (await refused(hotline.service.ladder(who, "06WM3RZ8Q0001"))).code == "not-found"
    for who in (ANN, SUE):
        assert (await refused(hotline.service.ladder(who, "nobody"))).code == "forbidden"


async def test_figures_sum_the_streams_that_ended(hotline: FacadeRig) -> None:
    line, _ = await hotline.talk(ANN)
    port = hotline.rig.call_on(line).caller.port
    for _ in range(2):
        hotline.rig.media.stream_ended(port, 4.0)
    await hotline.settle()
    figures = await hotline.service.figures()
    assert figures.streams["streams"] == 2
    assert (figures.streams["packets_in"], figures.streams["lost"]) == (1000, 2)
    assert figures.stations > 0
    assert figures.records["failures"] == 0
    assert figures.media == {}


async def test_figures_come_without_media_when_it_is_away(hotline: FacadeRig) -> None:
    media = CountedMedia()
    sight = SightFacade(hotline.rig.controller, media, dict, hotline.clock)
    assert (await sight.figures()).media == {"load": 0.25, "late_ticks": 3.0}
    media.away = True
    assert (await sight.figures()).media == {}


async def test_bans_are_seen_and_released_by_technicians(hotline: FacadeRig) -> None:
    hotline.driver.border = Border()
    (row,) = await hotline.service.bans(TINA)
    assert (row.driver, row.kind, row.name, row.times) == (
        hotline.driver.name,
        "source",
        "203.0.113.9",
        2,
    )
    assert (await refused(hotline.service.bans(SUE))).code == "forbidden"
    assert (await refused(hotline.service.release_ban(ANN, row.name))).code == "forbidden"
    await hotline.service.release_ban(TINA, row.name)
    assert await hotline.service.bans(TINA) == []
    assert (await refused(hotline.service.release_ban(TINA, row.name))).code == "not-found"
    assert ("tina", "ban.release", row.name) in await hotline.acts()


async def captured(hotline: FacadeRig, who: Actor, **wish: object) -> bytes:
    """The first piece of a capture that is then given up."""
    blocks = hotline.service.capture(who, CaptureWish(**wish))
    async with contextlib.aclosing(blocks):
        return await anext(blocks)


async def test_audio_is_captured_by_administrators_only(hotline: FacadeRig) -> None:
    await with_media(hotline)
    line, _ = await hotline.talk(ANN)
    call = to_text(hotline.rig.call_on(line).id)
    for who, media in ((TINA, True), (SUE, False), (SUE, True), (ANN, False)):
        refusal = await refused(captured(hotline, who, call=call, media=media))
        assert refusal.code == "forbidden"
    head = await captured(hotline, TINA, call=call)
    assert head.startswith(b"\x0a\x0d\x0d\x0a")
    assert await captured(hotline, ROOT, peer="192.0.2.9", media=True)
    assert [act for act in await hotline.acts() if act[1].startswith("capture")] == [
        ("tina", "capture.messages", f"{call} 60 s"),
        ("root", "capture.audio", "192.0.2.9 60 s"),
    ]


async def test_wrong_wishes_are_refused(hotline: FacadeRig) -> None:
    await with_media(hotline)
    for wish, code in (
        ({}, "invalid"),
        ({"call": "06WM3RZ8Q0001", "peer": "192.0.2.9"}, "invalid"),
        ({"peer": "carrier.example"}, "invalid"),
        ({"peer": "192.0.2.9", "seconds": 0}, "invalid"),
        ({"peer": "192.0.2.9", "seconds": 4000}, "invalid"),
        ({"call": "06WM3RZ8Q0001"}, "not-found"),
        ({"call": "?"}, "not-found"),
    ):
        assert (await refused(captured(hotline, ROOT, **wish))).code == code


async def test_one_capture_at_a_time_and_the_next_when_its_reader_has_gone(
    hotline: FacadeRig,
) -> None:
    await with_media(hotline)
    first = hotline.service.capture(ROOT, CaptureWish(peer="192.0.2.9", seconds=600))
    assert await anext(first)
    refusal = await refused(captured(hotline, TINA, peer="192.0.2.8"))
    assert refusal.code == "conflict"
    assert "root" in refusal.en
    await first.aclose()
    assert await captured(hotline, TINA, peer="192.0.2.8")


async def with_media(hotline: FacadeRig) -> None:
    """Let the facade have media that could copy packets; no line here has any."""
    hotline.service._sight._media = CountedMedia()
