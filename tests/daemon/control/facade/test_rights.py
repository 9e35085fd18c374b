"""Who may do what, what is noted of it, and how people prove who they are."""

from collections.abc import Awaitable, Callable

import pytest

from daemon.service.credentials import FAILURES_A_LOGIN, WINDOW_S
from daemon.service.messages import Actor, Text
from daemon.service.settings import (
    NumberSettings,
    PauseReason,
    PersonSettings,
    QueueSettings,
)
from tests.fakes.facade_rig import ANN, BOB, PASSWORD, ROOT, SUE, TINA, FacadeRig
from tests.fakes.refusals import refused

Ask = Callable[[FacadeRig, Actor], Awaitable[object]]
CALL = "0A03ZKR000402"
PERSON = PersonSettings(login="new", name="New")

AGENT: dict[str, Ask] = {
    "my_desk": lambda h, who: h.service.my_desk(who),
    "agent_log_in": lambda h, who: h.service.agent_log_in(who, ""),
    "agent_log_out": lambda h, who: h.service.agent_log_out(who),
    "ready": lambda h, who: h.service.ready(who),
    "pause": lambda h, who: h.service.pause(who, "lunch"),
    "end_wrap_up": lambda h, who: h.service.end_wrap_up(who),
    "accept": lambda h, who: h.service.accept(who),
    "reject": lambda h, who: h.service.reject(who),
    "hold": lambda h, who: h.service.hold(who, on=True),
    "pause_recording": lambda h, who: h.service.pause_recording(who, on=True),
    "hang_up": lambda h, who: h.service.hang_up(who),
    "set_disposition": lambda h, who: h.service.set_disposition(who, CALL, "sold", ""),
    "list_stations": lambda h, who: h.service.list_stations(who),
}
SUPERVISOR: dict[str, Ask] = {
    "release_call": lambda h, who: h.service.release_call(who, CALL),
    "set_agent_ready": lambda h, who: h.service.set_agent_ready(who, "ann"),
    "set_agent_paused": lambda h, who: h.service.set_agent_paused(who, "ann", "lunch"),
    "set_agent_logged_out": lambda h, who: h.service.set_agent_logged_out(who, "ann"),
    "check_records": lambda h, who: h.service.check_records(who),
}
ADMINISTRATOR: dict[str, Ask] = {
    "put_person": lambda h, who: h.service.put_person(who, PERSON, ""),
    "delete_person": lambda h, who: h.service.delete_person(who, "tina"),
    "put_queue": lambda h, who: h.service.put_queue(who, QueueSettings(slug="new", name="New")),
    "delete_queue": lambda h, who: h.service.delete_queue(who, "sales"),
    "put_number": lambda h, who: h.service.put_number(who, NumberSettings(number="1", flow="main")),
    "delete_number": lambda h, who: h.service.delete_number(who, "100"),
    "put_pause_reason": lambda h, who: h.service.put_pause_reason(
        who, PauseReason(slug="tea", text=Text("Tea"))
    ),
    "delete_pause_reason": lambda h, who: h.service.delete_pause_reason(who, "lunch"),
    "convert_prompt": lambda h, who: h.service.convert_prompt(who, "x.wav", "x"),
    "list_changes": lambda h, who: h.service.list_changes(who, 10),
    "undo_change": lambda h, who: h.service.undo_change(who, 1),
}
NOBODY = Actor(login="mallory")


@pytest.mark.parametrize("name", AGENT)
async def test_only_agents_act_as_agents(hotline: FacadeRig, name: str) -> None:
    for who in (SUE, TINA, ROOT, NOBODY):
        assert (await refused(AGENT[name](hotline, who))).code == "forbidden"
    assert await hotline.acts() == []


@pytest.mark.parametrize("name", SUPERVISOR)
async def test_only_supervisors_touch_other_peoples_work(hotline: FacadeRig, name: str) -> None:
    for who in (ANN, TINA, NOBODY):
        assert (await refused(SUPERVISOR[name](hotline, who))).code == "forbidden"
    assert await hotline.acts() == []


@pytest.mark.parametrize("name", ADMINISTRATOR)
async def test_only_administrators_change_settings(hotline: FacadeRig, name: str) -> None:
    for who in (ANN, SUE, TINA, NOBODY):
        assert (await refused(ADMINISTRATOR[name](hotline, who))).code == "forbidden"
    assert await hotline.acts() == []
    assert (await hotline.service.list_changes(ROOT, 10)) == []


async def test_an_administrator_may_do_what_a_supervisor_may(hotline: FacadeRig) -> None:
    assert (await hotline.service.check_records(ROOT)).ok
    await hotline.service.agent_log_in(ANN, "")
    await hotline.service.set_agent_ready(ROOT, "ann")
    assert await hotline.acts() == [
        ("ann", "agent.log-in", ""),
        ("root", "agent.ready", "ann"),
    ]


async def test_roles_count_from_the_moment_they_change(hotline: FacadeRig) -> None:
    sue = next(p for p in await hotline.service.list_people() if p.login == "sue")
    await hotline.service.put_person(
        ROOT, PersonSettings(login="sue", name="Sue", roles=("agent",), version=sue.version), ""
    )
    assert (await refused(hotline.service.check_records(SUE))).code == "forbidden"
    assert (await hotline.service.my_desk(SUE)).login == "sue"


async def test_log_in_opens_a_session_that_ends(hotline: FacadeRig) -> None:
    grant = await hotline.service.log_in("ann", PASSWORD, "127.0.0.1")
    assert grant.session.roles == ("agent",)
    assert (await hotline.service.session(grant.secret)).login == "ann"
    await hotline.service.log_out(grant.secret)
    await hotline.service.log_out(grant.secret)
    assert (await refused(hotline.service.session(grant.secret))).code == "signed-out"
    assert ("ann", "session.open", "ann") in await hotline.acts()


async def test_session_is_prolonged_by_use_and_runs_out_without(hotline: FacadeRig) -> None:
    grant = await hotline.service.log_in("ann", PASSWORD, "")
    hotline.clock.now += 5 * 3600
    await hotline.service.session(grant.secret)
    hotline.clock.now += 5 * 3600
    await hotline.service.session(grant.secret)
    hotline.clock.now += 9 * 3600
    assert (await refused(hotline.service.session(grant.secret))).code == "signed-out"


async def test_guessing_passwords_is_stopped_for_a_while(hotline: FacadeRig) -> None:
    for _ in range(FAILURES_A_LOGIN):
        wrong = await refused(hotline.service.log_in("ann", "guess", "127.0.0.1"))
        assert wrong.code == "wrong-login"
    limited = await refused(hotline.service.log_in("ann", PASSWORD, "127.0.0.1"))
    assert limited.code == "rate-limited"
    assert 0 < limited.retry_s <= WINDOW_S
    assert (await hotline.service.log_in("bob", PASSWORD, "127.0.0.1")).session.login == "bob"
    hotline.clock.now += WINDOW_S
    assert (await hotline.service.log_in("ann", PASSWORD, "127.0.0.1")).session.login == "ann"
    acts = await hotline.acts()
    assert acts.count(("ann", "session.refuse", "ann")) == FAILURES_A_LOGIN


async def test_unknown_person_and_wrong_password_look_alike(hotline: FacadeRig) -> None:
    unknown = await refused(hotline.service.log_in("nobody", PASSWORD, ""))
    wrong = await refused(hotline.service.log_in("ann", "guess", ""))
    assert (unknown.code, unknown.en, unknown.zh) == (wrong.code, wrong.en, wrong.zh)


async def test_own_password_is_changed_and_other_sessions_end(hotline: FacadeRig) -> None:
    grant = await hotline.service.log_in("ann", PASSWORD, "")
    fault = await refused(hotline.service.change_password(ANN, "guess", "a better password"))
    assert fault.fields == {"old": "wrong-password"}
    weak = await refused(hotline.service.change_password(ANN, PASSWORD, "short"))
    assert list(weak.fields.values()) == ["password-too-short"]
    await hotline.service.change_password(ANN, PASSWORD, "a better password")
    assert (await refused(hotline.service.session(grant.secret))).code == "signed-out"
    await hotline.service.log_in("ann", "a better password", "")
    assert ("ann", "password.change", "ann") in await hotline.acts()


async def test_tokens_are_ones_own_and_end(hotline: FacadeRig) -> None:
    grant = await hotline.service.create_token(ANN, "wallboard", 3600)
    assert (await hotline.service.token_session(grant.secret)).login == "ann"
    assert (await refused(hotline.service.create_token(ANN, "wallboard", 0))).code == "invalid"
    assert [t.slug for t in await hotline.service.list_tokens(BOB)] == []
    assert [t.owner for t in await hotline.service.list_tokens(ROOT)] == ["ann"]
    assert (await refused(hotline.service.revoke_token(BOB, "wallboard"))).code == "not-found"
    hotline.clock.now += 3601
    assert (await refused(hotline.service.token_session(grant.secret))).code == "signed-out"
    await hotline.service.revoke_token(ROOT, "wallboard")
    assert await hotline.service.list_tokens(ANN) == []


async def test_language_is_remembered(hotline: FacadeRig) -> None:
    await hotline.service.set_language(ANN, "zh")
    assert (await hotline.service.log_in("ann", PASSWORD, "")).session.language == "zh"
    assert (await refused(hotline.service.set_language(ANN, "fr"))).code == "invalid"
