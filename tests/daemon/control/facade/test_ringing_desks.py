"""Every agent whose telephone rings sees the caller; who does not get him is rid of him."""

import msgspec

from acd_core.events import QueueConfigured
from acd_core.ids import to_text
from daemon.service.messages import Text
from tests.fakes.facade_rig import ANN, BOB, SUE, FacadeRig


async def ring_both(hotline: FacadeRig) -> None:
    """Ann and Bob are ready, and the queue rings all."""
    [sales] = hotline.rig.queues
    changed = msgspec.structs.replace(sales.config, strategy="ring_all")
    hotline.rig.controller.acd.submit(QueueConfigured(config=changed, version=2))
    await hotline.seat(ANN)
    await hotline.seat(BOB)


async def test_both_desks_show_the_offer_until_one_answers(hotline: FacadeRig) -> None:
    await ring_both(hotline)
    line = await hotline.rig.call_sales(ani="5550100")
    call = to_text(hotline.rig.call_on(line).id)
    for actor in (ANN, BOB):
        desk = await hotline.service.my_desk(actor)
        assert desk.offer is not None
        assert (desk.offer.call, desk.offer.ani) == (call, "5550100")
    [live] = (await hotline.service.live()).calls
    assert (live.state, live.agent, live.agent_name) == ("offered", "ann", "Ann, Bob")
    await hotline.rig.answer("2002")
    ann, bob = [await hotline.service.my_desk(actor) for actor in (ANN, BOB)]
    assert (ann.state, ann.offer, ann.call) == ("ready", None, None)
    assert bob.call is not None
    assert (bob.state, bob.offer, bob.call.call) == ("talking", None, call)
    [live] = (await hotline.service.live()).calls
    assert (live.agent, live.agent_name) == ("bob", "Bob")
    await hotline.rig.hang_up(line)


async def test_one_desk_rejects_and_the_other_rings_on(hotline: FacadeRig) -> None:
    await ring_both(hotline)
    line = await hotline.rig.call_sales()
    await hotline.service.reject(ANN)
    await hotline.settle()
    ann, bob = [await hotline.service.my_desk(actor) for actor in (ANN, BOB)]
    assert (ann.state, ann.reason, ann.offer) == ("paused", "declined", None)
    assert bob.offer is not None
    assert hotline.driver.telephone("2001").released_with
    assert not hotline.driver.telephone("2002").released_with
    await hotline.rig.hang_up(line)


async def test_why_tells_each_offer_of_a_call(hotline: FacadeRig) -> None:
    await ring_both(hotline)
    line = await hotline.rig.call_sales()
    call = to_text(hotline.rig.call_on(line).id)
    rows = [await hotline.service.why(SUE, call)]
    await hotline.rig.answer("2001")
    await hotline.rig.hang_up(line)
    await hotline.to_database()
    rows.append(await hotline.service.why(SUE, call))
    for decisions in rows:
        assert [(one.agent, one.rule) for one in decisions] == [
            ("ann", "ring_all"),
            ("bob", "ring_all"),
        ]
        assert Text("rings beside 1 more (ann)", "已有 1 名坐席振铃（ann）") in decisions[1].words
