"""The agent's desk and what supervisors do to it: states, cards, wrong moments."""

from acd_core.ids import to_text
from daemon.control.calls.call import Phase
from tests.fakes.facade_rig import ANN, BOB, SUE, FacadeRig
from tests.fakes.refusals import refused


async def test_day_of_an_agent(hotline: FacadeRig) -> None:
    service = hotline.service
    assert (await service.my_desk(ANN)).state == "logged_out"
    assert await service.list_stations(ANN) == ["2001", "2002", "2003"]
    desk = await service.agent_log_in(ANN, "")
    assert (desk.state, desk.reason, desk.station) == ("paused", "login", "2001")
    desk = await service.ready(ANN)
    assert (desk.state, desk.why_idle, desk.queues) == ("ready", "no-callers", ("sales",))
    desk = await service.pause(ANN, "lunch")
    assert (desk.state, desk.reason, desk.why_idle) == ("paused", "lunch", "paused")
    assert (await service.agent_log_out(ANN)).state == "logged_out"
    assert [act[1:] for act in await hotline.acts()] == [
        ("agent.log-in", ""),
        ("agent.ready", ""),
        ("agent.pause", "lunch"),
        ("agent.log-out", ""),
    ]


async def test_unknown_pause_reason_is_refused(hotline: FacadeRig) -> None:
    await hotline.seat(ANN)
    fault = await refused(hotline.service.pause(ANN, "siesta"))
    assert (fault.code, fault.fields) == ("invalid", {"reason": "unknown"})
    fault = await refused(hotline.service.set_agent_paused(SUE, "ann", "siesta"))
    assert fault.code == "invalid"


async def test_seat_can_be_taken_once(hotline: FacadeRig) -> None:
    await hotline.seat(ANN, "2003")
    assert (await refused(hotline.service.agent_log_in(BOB, "2003"))).code == "conflict"
    assert await hotline.service.list_stations(BOB) == ["2001", "2002"]
    assert (await refused(hotline.service.agent_log_in(BOB, "2999"))).code == "not-found"


async def test_second_log_in_leaves_the_agent_where_he_sits(hotline: FacadeRig) -> None:
    await hotline.seat(ANN, "2001")
    assert (await refused(hotline.service.agent_log_in(ANN, "2003"))).code == "wrong-state"
    assert hotline.rig.controller.seats == {"2001": 1}
    await hotline.seat(BOB, "2003")
    assert (await hotline.service.my_desk(BOB)).station == "2003"


async def test_agent_without_a_registered_phone_is_unreachable_until_it_is_there(
    hotline: FacadeRig,
) -> None:
    hotline.driver.registered.discard("2001")
    await hotline.seat(ANN)
    desk = await hotline.service.my_desk(ANN)
    assert (desk.state, desk.why_idle) == ("unreachable", "unreachable")
    hotline.driver.register("2001")
    await hotline.settle()
    assert (await hotline.service.my_desk(ANN)).state == "ready"


async def test_card_shows_the_caller_and_his_history_before_the_answer(
    hotline: FacadeRig,
) -> None:
    first, _ = await hotline.talk(ANN, ani="5550100")
    await hotline.rig.hang_up(first)
    await hotline.to_database()
    await hotline.service.end_wrap_up(ANN)
    await hotline.rig.call_sales(ani="5550100", name="Mr Brown")
    desk = await hotline.service.my_desk(ANN)
    assert desk.call is None
    card = desk.offer
    assert card is not None
    assert (card.ani, card.name, card.dnis, card.queue) == ("5550100", "Mr Brown", "100", "sales")
    assert card.path == ("menu", "sales")
    assert card.answers == {"choice": "sales"}
    assert card.history_count == 1
    assert [(past.agent, past.outcome, past.queue) for past in card.history] == [
        ("ann", "answered", "sales")
    ]
    await hotline.rig.answer("2001")
    desk = await hotline.service.my_desk(ANN)
    assert (desk.state, desk.offer, desk.answered_today) == ("talking", None, 2)
    assert desk.call is not None
    assert desk.call.call == card.call


async def test_card_stays_while_the_agent_wraps_up(hotline: FacadeRig) -> None:
    line, _ = await hotline.talk(ANN, ani="5550100")
    talking = (await hotline.service.my_desk(ANN)).call
    await hotline.rig.hang_up(line)
    desk = await hotline.service.my_desk(ANN)
    assert desk.state == "wrap_up"
    assert desk.call is not None
    assert talking is not None
    assert desk.call.call == talking.call
    desk = await hotline.service.end_wrap_up(ANN)
    assert (desk.state, desk.call) == ("ready", None)


async def test_agent_rejects_an_offer(hotline: FacadeRig) -> None:
    await hotline.seat(ANN)
    line = await hotline.rig.call_sales()
    assert (await refused(hotline.service.accept(ANN))).code == "wrong-state"
    await hotline.service.reject(ANN)
    await hotline.settle()
    assert hotline.rig.phase(line) is Phase.WAITING
    assert (await hotline.service.my_desk(ANN)).reason == "declined"
    assert (await refused(hotline.service.reject(ANN))).code == "wrong-state"


async def test_agent_holds_and_hangs_up_at_the_desk(hotline: FacadeRig) -> None:
    line, phone = await hotline.talk(ANN)
    await hotline.service.hold(ANN, on=True)
    await hotline.settle()
    assert (await hotline.service.my_desk(ANN)).state == "on_hold"
    await hotline.service.hold(ANN, on=False)
    await hotline.settle()
    assert (await hotline.service.my_desk(ANN)).state == "talking"
    await hotline.service.hang_up(ANN)
    await hotline.settle()
    assert line.released_with
    assert phone.released_with
    assert (await hotline.service.my_desk(ANN)).state == "wrap_up"


async def test_agent_hands_the_caller_on_at_the_desk(hotline: FacadeRig) -> None:
    line, phone = await hotline.talk(ANN)
    for nobody in ("", "sip:x@y", "bob\n"):
        assert (await refused(hotline.service.transfer(ANN, nobody))).code == "conflict"
    await hotline.service.transfer(ANN, "bob")
    await hotline.settle()
    assert (await hotline.service.my_desk(ANN)).state == "talking"
    assert (await refused(hotline.service.transfer(ANN, "bob"))).code == "conflict"
    await hotline.rig.answer("2002")
    assert hotline.rig.phase(line) is Phase.OUTSIDE
    assert phone.released_with
    assert (await hotline.service.my_desk(ANN)).state == "wrap_up"


async def test_nothing_can_be_done_to_a_call_that_one_has_not(hotline: FacadeRig) -> None:
    await hotline.talk(ANN)
    await hotline.seat(BOB)
    service = hotline.service
    for asked in (service.hold(BOB, on=True), service.hang_up(BOB), service.transfer(BOB, "1")):
        assert (await refused(asked)).code == "wrong-state"
    assert (await refused(service.end_wrap_up(BOB))).code == "wrong-state"


async def test_nobody_leaves_the_seat_during_a_call(hotline: FacadeRig) -> None:
    await hotline.talk(ANN)
    assert (await refused(hotline.service.agent_log_out(ANN))).code == "wrong-state"
    fault = await refused(hotline.service.set_agent_logged_out(SUE, "ann"))
    assert fault.code == "wrong-state"


async def test_pause_during_a_call_counts_afterwards(hotline: FacadeRig) -> None:
    line, _ = await hotline.talk(ANN)
    desk = await hotline.service.pause(ANN, "lunch")
    assert (desk.state, desk.reason) == ("talking", "lunch")
    await hotline.rig.hang_up(line)
    desk = await hotline.service.end_wrap_up(ANN)
    assert (desk.state, desk.reason) == ("paused", "lunch")


async def test_supervisor_pauses_readies_and_logs_out(hotline: FacadeRig) -> None:
    await hotline.seat(ANN)
    await hotline.service.set_agent_paused(SUE, "ann", "lunch")
    assert (await hotline.service.my_desk(ANN)).state == "paused"
    await hotline.service.set_agent_ready(SUE, "ann")
    assert (await hotline.service.my_desk(ANN)).state == "ready"
    await hotline.service.set_agent_logged_out(SUE, "ann")
    assert (await hotline.service.my_desk(ANN)).state == "logged_out"
    assert hotline.rig.controller.seats == {}
    fault = await refused(hotline.service.set_agent_ready(SUE, "ann"))
    assert fault.code == "wrong-state"
    assert (await refused(hotline.service.set_agent_ready(SUE, "tina"))).code == "not-found"


async def test_supervisor_releases_a_call_once(hotline: FacadeRig) -> None:
    line, _ = await hotline.talk(ANN)
    call = to_text(hotline.rig.call_on(line).id)
    await hotline.service.release_call(SUE, call)
    await hotline.settle()
    assert line.released_with
    assert (await refused(hotline.service.release_call(SUE, call))).code == "not-found"
    assert (await refused(hotline.service.release_call(SUE, "no call"))).code == "not-found"
    assert ("sue", "call.release", call) in await hotline.acts()


async def test_disposition_during_the_call_and_after_it(hotline: FacadeRig) -> None:
    line, _ = await hotline.talk(ANN)
    call = to_text(hotline.rig.call_on(line).id)
    await hotline.service.set_disposition(ANN, call, "sold", "two of them")
    await hotline.rig.hang_up(line)
    [row] = hotline.rig.calls()
    assert (row.disposition, row.data["note"]) == ("sold", "two of them")
    await hotline.to_database()
    await hotline.service.set_disposition(ANN, call, "returned", "")
    fault = await refused(hotline.service.set_disposition(BOB, call, "mine", ""))
    assert fault.code == "not-found"


async def test_nobody_sets_the_disposition_of_another_agents_live_call(
    hotline: FacadeRig,
) -> None:
    line, _ = await hotline.talk(ANN)
    call = to_text(hotline.rig.call_on(line).id)
    fault = await refused(hotline.service.set_disposition(BOB, call, "mine", ""))
    assert fault.code == "not-found"
    assert hotline.rig.call_on(line).disposition == ""


async def test_why_tells_who_was_chosen_and_who_was_not(hotline: FacadeRig) -> None:
    await hotline.seat(BOB)
    line, _ = await hotline.talk(ANN)
    call = to_text(hotline.rig.call_on(line).id)
    await hotline.to_database()
    [decision] = await hotline.service.why(SUE, call)
    assert decision.queue == "sales"
    assert decision.rule == "longest_idle"
    assert decision.agent == "bob"
    assert {c.agent: c.chosen for c in decision.candidates} == {"bob": True, "ann": False}
    await hotline.rig.hang_up(line)
    await hotline.to_database()
    assert await hotline.service.why(SUE, call) == [decision]
    assert (await refused(hotline.service.why(SUE, "0000000000009"))).code == "not-found"


async def test_records_of_the_day_agree(hotline: FacadeRig) -> None:
    line, _ = await hotline.talk(ANN)
    for row in hotline.rig.media.recorded:
        path = hotline.site.path / row.path
        path.parent.mkdir(parents=True)
        path.write_bytes(b"RIFF")
    await hotline.rig.hang_up(line)
    waiting = await hotline.rig.call_sales()
    await hotline.to_database()
    check = await hotline.service.check_records(SUE)
    assert (check.ok, check.faults, check.calls, check.visits) == (True, (), 2, 2)
    await hotline.rig.hang_up(waiting)
