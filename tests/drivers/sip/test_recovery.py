"""After a crash: a new core, built from the journal alone, goes on with the calls."""

import pytest

from drivers.events import Cause
from drivers.sip.core.call import Call, CallState
from drivers.sip.core.happenings import Connected, Ended, MediaAgreed, Offered
from tests.fakes.sip_bench import OFFER, Bench, request, response


def restarted(old: Bench) -> tuple[Bench, list[Call]]:
    """A core of another run with the old one's journal."""
    bench = Bench(seed=99, start=old.now + 2.0)
    calls = bench.core.restore(old.journal, bench.now)
    bench.core.resume()
    return bench, calls


def test_inbound_call_is_ended_by_the_caller() -> None:
    old = Bench()
    call = old.talk()
    bench, (again,) = restarted(old)
    assert (again.ref, again.local_tag, again.inbound) == (call.ref, call.local_tag, True)
    bye = request("BYE", branch="bye", cseq=2, to_tag=call.local_tag)
    (ok,) = bench.send(bye)
    assert ok.status == 200
    assert [type(one) for one in bench.happened()] == [Ended]
    assert restarted(bench)[1] == []


def test_inbound_call_is_ended_by_us() -> None:
    old = Bench()
    call = old.talk()
    bench, (again,) = restarted(old)
    bench.core.release(again, Cause.NORMAL)
    (bye,) = bench.out()
    assert (bye.method, bye.from_tag, bye.to_tag) == ("BYE", call.local_tag, "peer")
    assert bye.uri == "sip:peer@192.0.2.9:5060"


def test_outbound_call_is_ended_from_either_side() -> None:
    old = Bench()
    call, invite = old.dial()
    old.send(response(invite, 200, body=OFFER))
    for ours in (True, False):
        bench, (again,) = restarted(old)
        assert again.line == "carrier/1"
        if ours:
            bench.core.release(again, Cause.NORMAL)
            (bye,) = bench.out()
            assert (bye.method, bye.cseq.number) == ("BYE", invite.cseq.number + 1)
        else:
            theirs = request(
                "BYE", call_id=call.ref, branch="x", from_tag="far", to_tag=call.local_tag
            )
            (ok,) = bench.send(theirs)
            assert ok.status == 200
            assert "Ended" in bench.names()


def test_numbers_hold_and_versions_go_on() -> None:
    old = Bench()
    call = old.talk()
    old.core.set_hold(call, hold=True)
    (hold,) = old.out()
    old.send(response(hold, 200, body=OFFER.replace(b"sendrecv", b"recvonly")))
    bench, (again,) = restarted(old)
    assert again.session is not None
    assert again.session.on_hold
    bench.core.set_hold(again, hold=True)
    assert bench.out() == []
    bench.core.set_hold(again, hold=False)
    (back,) = bench.out()
    assert back.cseq.number == hold.cseq.number + 1
    assert version(back.body) == version(hold.body) + 1
    stale = request("INFO", branch="i", cseq=1, to_tag=call.local_tag)
    assert [one.status for one in bench.send(stale)] == [500]


def test_call_that_only_rang_rings_again_under_its_tag() -> None:
    old = Bench()
    call = old.offer_call()
    bench, calls = restarted(old)
    assert calls == []
    (offered,) = bench.happened()
    assert isinstance(offered, Offered)
    assert (offered.call.ref, offered.call.local_tag) == (call.ref, call.local_tag)
    bench.send(request("INVITE", body=OFFER))  # repeated: it is here already
    assert bench.names() == []
    bench.core.accept(offered.call, "192.0.2.1", 6000)
    ok = bench.out()[-1]
    assert (ok.status, ok.to_tag) == (200, call.local_tag)
    bench.send(request("ACK", branch="a", to_tag=call.local_tag))
    assert "Connected" in bench.names()
    assert restarted(bench)[1] != []


def test_call_that_rang_can_be_cancelled_after_the_restart() -> None:
    old = Bench()
    old.offer_call()
    bench, _ = restarted(old)
    bench.happened()
    bench.out()
    answers = bench.send(request("CANCEL"))
    assert sorted(one.status for one in answers) == [200, 487]
    assert bench.names() == ["Ended"]
    bench.send(request("ACK", to_tag=answers[0].to_tag))
    assert restarted(bench)[0].names() == []


@pytest.mark.parametrize("how", ["cancelled", "refused"])
def test_call_that_rang_and_is_over_does_not_ring_again(how: str) -> None:
    old = Bench()
    call = old.offer_call()
    if how == "cancelled":
        old.send(request("CANCEL"))
    else:
        old.core.release(call, Cause.BUSY)
    assert restarted(old)[0].names() == []


def test_call_that_rang_too_long_ago_is_let_go() -> None:
    old = Bench()
    old.offer_call()
    bench = Bench(seed=99, start=old.now + 121.0)
    bench.core.restore(old.journal, bench.now)
    bench.core.resume()
    assert bench.names() == []


def test_call_that_rings_is_in_the_shorter_journal_too() -> None:
    old = Bench()
    call = old.offer_call()
    bench = Bench(seed=99, start=old.now + 2.0)
    bench.core.restore(old.core.snapshot(), bench.now)
    bench.core.resume()
    (offered,) = bench.happened()
    assert isinstance(offered, Offered)
    assert offered.call.local_tag == call.local_tag


def test_keys_of_a_call_that_rings_are_not_in_the_journal() -> None:
    old = Bench()
    keyed = OFFER.replace(
        b"a=sendrecv",
        b"a=crypto:1 AES_CM_128_HMAC_SHA1_80 "
        b"inline:WVNfX19zZW1jdGwgKCkgewkyMjA7fQp9CnVubGVz\r\na=sendrecv",
    )
    old.send(request("INVITE", body=keyed))
    assert not any(b"WVNfX19z" in payload for _, payload in old.journal)
    bench, _ = restarted(old)
    assert bench.names() == ["Offered"]


def test_answered_call_without_its_ack_goes_on_when_the_ack_comes() -> None:
    old = Bench()
    call = old.offer_call()
    old.core.accept(call, "192.0.2.1", 6000)
    (ok,) = old.out()
    bench, (again,) = restarted(old)
    assert again.state is CallState.ACCEPTED
    assert bench.send(request("INVITE", body=OFFER)) == []  # absorbed, not a second call
    (repeated,) = bench.pass_time(0.5)
    assert repeated.raw == ok.raw
    bench.send(request("ACK", branch="a", to_tag=call.local_tag))
    assert [type(one) for one in bench.happened()] == [Connected]
    assert bench.pass_time(40.0) == []


def test_answered_call_whose_ack_never_comes_is_ended() -> None:
    old = Bench()
    call = old.offer_call()
    old.core.accept(call, "192.0.2.1", 6000)
    bench, _ = restarted(old)
    bench.pass_time(31.9)
    (bye,) = [one for one in bench.pass_time(0.2) if one.is_request]
    assert bye.method == "BYE"
    assert [type(one) for one in bench.happened()] == [Ended]


def test_delayed_offer_is_answered_after_the_restart() -> None:
    old = Bench()
    call = old.offer_call(body=b"")
    old.core.accept(call, "192.0.2.1", 6000)
    bench, _ = restarted(old)
    bench.send(request("ACK", branch="a", to_tag=call.local_tag, body=OFFER))
    assert [type(one) for one in bench.happened()] == [MediaAgreed, Connected]


def test_bye_that_may_be_lost_is_sent_again() -> None:
    old = Bench()
    call = old.talk()
    old.core.release(call, Cause.NORMAL)
    (lost,) = old.out()
    bench, calls = restarted(old)
    assert calls == []
    (bye,) = bench.out()
    assert (bye.method, bye.cseq.number) == ("BYE", lost.cseq.number + 1)
    bench.send(response(bye, 481))
    assert len(bench.core.calls) == 0
    assert restarted(bench)[0].out() == []


def test_200_repeated_over_the_restart_is_acknowledged() -> None:
    old = Bench()
    _, invite = old.dial()
    answer = response(invite, 200, body=OFFER)
    old.send(answer)
    bench, _ = restarted(old)
    (ack,) = bench.send(answer)
    assert (ack.method, ack.cseq.number) == ("ACK", invite.cseq.number)


def test_snapshot_says_the_same_as_the_journal() -> None:
    old = Bench()
    old.talk()
    ended = old.talk(call_id="c2", branch="b2")
    old.core.release(ended, Cause.NORMAL)
    shorter = Bench(seed=5)
    calls = shorter.core.restore(old.core.snapshot(), 1000.0)
    assert [call.ref for call in calls] == ["c1"]


@pytest.mark.parametrize("record", [("sip.call", b"\xc1"), ("sip.mark", b""), ("other", b"x")])
def test_unreadable_record_is_counted_and_passed_over(record: tuple[str, bytes]) -> None:
    old = Bench()
    old.talk()
    old.journal.insert(0, record)
    bench, calls = restarted(old)
    assert len(calls) == 1
    assert bench.core.services.counters.get("journal_unreadable", 0) == (record[0] != "other")


def version(body: bytes) -> int:
    return int(body.split(b"o=- ")[1].split()[1])


def test_answer_to_a_call_that_no_journal_knows_is_hung_up() -> None:
    old = Bench()
    _, invite = old.dial()
    old.send(response(invite, 180))
    bench = Bench(seed=99, start=old.now + 2.0)
    ack, bye = bench.send(response(invite, 200, body=OFFER))
    assert (ack.method, bye.method) == ("ACK", "BYE")
    assert (bye.to_tag, bye.from_tag) == ("far", invite.from_tag)
    assert bye.cseq.number > invite.cseq.number
    bench.send(response(bye, 200))
    bench.pass_time(40.0)
    assert not bench.core.services.transactions.clients


def test_hold_refresh_and_transfer_go_on_after_a_crash() -> None:
    old = Bench()
    call, invite = old.dial()
    expires = ("Session-Expires", "600;refresher=uac")
    contact = ("Contact", "<sip:far@192.0.2.9:5060>")
    old.send(response(invite, 200, headers=(contact, expires), body=OFFER))
    old.core.set_hold(call, hold=True)
    (hold,) = old.out()  # the crash comes before its answer
    bench, (again,) = restarted(old)
    bench.core.set_hold(again, hold=False)
    sent = bench.out()
    assert [one.method for one in sent] == ["INVITE"]
    assert sent[0].cseq.number > hold.cseq.number
    (ack,) = bench.send(response(sent[0], 200, headers=(contact, expires), body=OFFER))
    assert ack.method == "ACK"
    assert bench.core.refer(again, "777", None)
    assert bench.out()[-1].method == "REFER"


def test_re_invite_is_answered_when_the_ack_of_the_one_before_was_lost_in_the_crash() -> None:
    old = Bench()
    call = old.talk()
    hold = request("INVITE", branch="hold", cseq=2, to_tag=call.local_tag, body=OFFER)
    assert [one.status for one in old.send(hold) if one.status != 100] == [200]
    bench, (again,) = restarted(old)
    assert again.ok
    back = request("INVITE", branch="back", cseq=3, to_tag=call.local_tag, body=OFFER)
    (ok,) = (one for one in bench.send(back) if one.status != 100)
    assert (ok.status, ok.cseq.number) == (200, 3)
    assert again.state is CallState.CONFIRMED
    bench.send(request("ACK", branch="ack", cseq=3, to_tag=call.local_tag))
    assert not again.ok


def test_200_of_a_re_invite_is_not_repeated_when_its_ack_came_before_the_crash() -> None:
    old = Bench()
    call = old.talk()
    old.send(request("INVITE", branch="hold", cseq=2, to_tag=call.local_tag, body=OFFER))
    old.send(request("ACK", branch="ack", cseq=2, to_tag=call.local_tag))
    bench, (again,) = restarted(old)
    assert not again.ok
    assert bench.pass_time(40.0) == []
    assert again.state is CallState.CONFIRMED


def test_caller_whose_ack_was_lost_was_connected_when_he_hangs_up() -> None:
    old = Bench()
    call = old.offer_call()
    old.core.accept(call, "192.0.2.1", 6000)
    bench, (again,) = restarted(old)
    (ok,) = bench.send(request("BYE", branch="bye", cseq=2, to_tag=call.local_tag))
    assert ok.status == 200
    assert [type(one) for one in bench.happened()] == [Connected, Ended]
    assert again.state is CallState.ENDED
    assert bench.pass_time(40.0) == []


@pytest.mark.parametrize("ours", [False, True])
def test_who_hung_up_before_the_crash_is_known(*, ours: bool) -> None:
    old = Bench()
    call = old.talk()
    if ours:
        old.core.release(call, Cause.NORMAL)
        (bye,) = old.out()
        old.send(response(bye, 200))
    else:
        old.send(request("BYE", branch="bye", cseq=2, to_tag=call.local_tag))
    bench, calls = restarted(old)
    assert calls == []
    assert list(bench.core.calls.left) == ([] if ours else [call.ref])


def test_caller_whose_first_ack_was_lost_is_connected_by_a_re_invite() -> None:
    old = Bench()
    invite = request("INVITE", branch="first", cseq=1, body=OFFER)
    old.send(invite)
    (call,) = old.core.calls.all()
    old.core.accept(call, "192.0.2.1", 4000)
    bench, (again,) = restarted(old)
    assert again.state is CallState.ACCEPTED
    bench.send(request("INVITE", branch="hold", cseq=2, to_tag=call.local_tag, body=OFFER))
    assert again.state is CallState.CONFIRMED
    assert "Connected" in bench.names()
