"""What technicians and monitors are told: ladders and who may see them, figures."""

from daemon.control.facade.sight.facade import SightFacade
from daemon.link.errors import MediaAway
from tests.fakes.facade_rig import ANN, ROOT, SUE, TINA, FacadeRig
from tests.fakes.refusals import refused


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
