from itertools import islice

import pytest

from daemon.demo.script import MESSAGE_KEY, NOBODY_KEY, Wish, agent_hangs_up, plan_calls


def plans(calls, abandon=0, seed=1):
    return list(plan_calls(calls=calls, abandon=abandon, seed=seed))


def test_five_calls_hold_every_kind():
    five = plans(5)
    assert {plan.line for plan in five} == {"sip", "board"}
    assert {plan.wish for plan in five} == {Wish.TALK, Wish.MESSAGE}
    assert {plan.by_speech for plan in five} == {True, False}


def test_nobody_gives_up_unless_asked():
    assert all(plan.wish is not Wish.ABANDON for plan in plans(100))


@pytest.mark.parametrize(("calls", "abandon"), [(30, 3), (5, 5), (7, 1), (10, 9)])
def test_so_many_give_up(calls, abandon):
    found = plans(calls, abandon)
    assert len(found) == calls
    assert sum(plan.outcome == "abandoned" for plan in found) == abandon


def test_same_seed_is_the_same_script():
    assert plans(40) == plans(40)
    assert plans(40) != plans(40, seed=2)


def test_endless_script_goes_on():
    endless = plan_calls(calls=None, abandon=0, seed=1)
    assert [plan.number for plan in islice(endless, 1000)] == list(range(1, 1001))


def test_numbers_tell_callers_apart_and_who_hangs_up():
    found = plans(200)
    assert len({plan.ani for plan in found}) == 200
    assert {agent_hangs_up(plan.ani) for plan in found} == {True, False}
    assert not agent_hangs_up("anonymous")


def test_keys_follow_the_wish():
    keys = {plan.wish: plan.key for plan in plans(30, 3)}
    assert keys[Wish.MESSAGE] == MESSAGE_KEY
    assert keys[Wish.ABANDON] == NOBODY_KEY
    assert keys[Wish.TALK] in {"1", "2", "3"}
