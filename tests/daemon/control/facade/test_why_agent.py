"""Why a call went where it went, and why an agent gets none, through the facade."""

from acd_core.ids import to_text
from tests.fakes.facade_rig import ANN, BOB, SUE, TINA, FacadeRig
from tests.fakes.refusals import refused


async def test_an_agent_asks_for_himself(hotline: FacadeRig) -> None:
    said = await hotline.service.why_agent(ANN, "ann")
    assert said[0].en.startswith("logged out for ")
    await hotline.seat(ANN)
    said = await hotline.service.why_agent(ANN, "ann")
    assert said[0].en.startswith("ready for ")
    assert said[0].zh.startswith("已就绪 ")
    assert "queue sales: nobody waits" in [text.en for text in said]


async def test_who_is_idle_longer_is_named(hotline: FacadeRig) -> None:
    await hotline.seat(BOB)
    await hotline.seat(ANN)
    said = [text.en for text in await hotline.service.why_agent(SUE, "ann")]
    assert "queue sales: 1 others are idle longer: bob" in said


async def test_only_supervisors_ask_for_others(hotline: FacadeRig) -> None:
    for actor in (BOB, TINA):
        assert (await refused(hotline.service.why_agent(actor, "ann"))).code == "forbidden"
    assert (await refused(hotline.service.why_agent(SUE, "nobody"))).code == "not-found"


async def test_decisions_are_put_into_words(hotline: FacadeRig) -> None:
    line, _ = await hotline.talk(ANN)
    call = to_text(hotline.rig.call_on(line).id)
    await hotline.to_database()
    [decision] = await hotline.service.why(SUE, call)
    assert any("longest idle" in text.en for text in decision.words)
    assert any("空闲最久" in text.zh for text in decision.words)
    assert any(text.en.startswith("ann: score") for text in decision.words)
