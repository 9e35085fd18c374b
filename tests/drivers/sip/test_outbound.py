"""Calls that go out: answers, CANCEL races, forks, credentials, hold and glare."""

import pytest

from drivers.events import Cause
from drivers.sip.core.call import CALL_TABLE, Call, CallState
from drivers.sip.core.happenings import Ended, HoldChanged, MediaAgreed
from drivers.sip.options import SipOptions, TrunkOptions
from tests.fakes.sip_bench import OFFER, OPTIONS, Bench, request, response


def standing(bench: Bench) -> Call:
    """An outbound call that stands."""
    call, invite = bench.dial()
    bench.send(response(invite, 200, body=OFFER))
    bench.happened()
    return call


def test_every_call_state_leads_to_the_end() -> None:
    states = {state for state, _ in CALL_TABLE}
    assert states == set(CallState) - {CallState.ENDED}
    for state in states:
        here = {state}
        for _ in CallState:
            here |= {after for (at, _), after in CALL_TABLE.items() if at in here}
        assert CallState.ENDED in here


def test_invite_names_the_caller_for_the_agent_phone() -> None:
    _, invite = Bench().dial()
    assert (invite.header("From") or "").startswith('"Desk" <sip:4930123@192.0.2.1:5060>;tag=')


def test_caller_name_cannot_break_out_of_its_header() -> None:
    bench = Bench()
    call = bench.core.dial_trunk("carrier", "0301\r\nEvil: 1", line="carrier/1", ani='4"\r\nXy: 1')
    bench.core.start(call, name='A"\\B\r\nEvil: 1', host="192.0.2.1", port=6000)
    (invite,) = bench.out()
    assert invite.header("Evil") is None
    assert invite.header("Xy") is None


@pytest.mark.parametrize(
    ("status", "cause"),
    [
        (486, Cause.BUSY),
        (603, Cause.REJECTED),
        (404, Cause.UNALLOCATED),
        (480, Cause.NO_ANSWER),
        (503, Cause.CONGESTION),
        (488, Cause.INCOMPATIBLE),
        (302, Cause.NO_ROUTE),
        (499, Cause.INTERWORKING),
        (599, Cause.TEMPORARY_FAILURE),
        (699, Cause.TEMPORARY_FAILURE),
    ],
)
def test_refusal_ends_the_call_with_its_cause_and_is_acknowledged(
    status: int, cause: Cause
) -> None:
    bench = Bench()
    _, invite = bench.dial()
    (ack,) = bench.send(response(invite, status))
    assert (ack.method, ack.top_via.branch) == ("ACK", invite.top_via.branch)
    assert ack.to_tag == "far"
    assert ack.cseq.number == invite.cseq.number
    assert [one.cause for one in bench.happened() if isinstance(one, Ended)] == [cause]
    assert len(bench.core.calls) == 0


def test_no_response_at_all_ends_the_call() -> None:
    bench = Bench()
    bench.dial()
    bench.pass_time(31.9)
    assert bench.happened() == []
    bench.pass_time(0.2)
    assert [one.cause for one in bench.happened() if isinstance(one, Ended)] == [
        Cause.NO_USER_RESPONDING
    ]


def test_ringing_too_long_cancels() -> None:
    bench = Bench()
    _, invite = bench.dial()
    bench.send(response(invite, 180))
    assert bench.names() == ["Progressed"]
    out = bench.pass_time(180.0)
    assert [message.method for message in out] == ["CANCEL"]
    assert bench.names() == ["Ended"]


def test_cancel_waits_for_a_provisional_and_names_its_reason() -> None:
    bench = Bench()
    call, invite = bench.dial()
    bench.core.release(call, Cause.ANSWERED_ELSEWHERE)
    assert bench.out() == []
    assert bench.names() == ["Ended"]
    (cancel,) = bench.send(response(invite, 100, tag=""))
    assert (cancel.method, cancel.top_via.branch) == ("CANCEL", invite.top_via.branch)
    assert cancel.cseq.number == invite.cseq.number
    assert "Call completed elsewhere" in (cancel.header("Reason") or "")
    assert bench.send(response(invite, 180)) == []
    bench.send(response(cancel, 200))
    (ack,) = bench.send(response(invite, 487))
    assert ack.method == "ACK"
    assert len(bench.core.calls) == 0
    assert bench.happened() == []


def test_200_that_crosses_the_cancel_is_acknowledged_and_hung_up() -> None:
    bench = Bench()
    call, invite = bench.dial()
    bench.send(response(invite, 180))
    bench.core.release(call, Cause.NO_ANSWER)
    bench.out()
    ack, bye = bench.send(response(invite, 200, body=OFFER))
    assert (ack.method, bye.method) == ("ACK", "BYE")
    bench.send(response(bye, 200))
    assert len(bench.core.calls) == 0
    assert [one.cause for one in bench.happened() if isinstance(one, Ended)] == [Cause.NO_ANSWER]


def test_cancelled_call_without_a_final_response_is_forgotten() -> None:
    bench = Bench()
    call, invite = bench.dial()
    bench.send(response(invite, 180))
    bench.core.release(call, Cause.NO_ANSWER)
    bench.pass_time(33.0)
    assert len(bench.core.calls) == 0


def test_repeated_200_is_acknowledged_each_time() -> None:
    bench = Bench()
    _, invite = bench.dial()
    (first,) = bench.send(response(invite, 200, body=OFFER))
    (second,) = bench.send(response(invite, 200, body=OFFER))
    assert first.raw == second.raw
    assert bench.names() == ["MediaAgreed", "Connected"]


def test_second_phone_that_answers_is_hung_up() -> None:
    bench = Bench()
    call, invite = bench.dial()
    bench.send(response(invite, 180, tag="a"))
    bench.send(response(invite, 180, tag="b"))
    bench.send(response(invite, 200, tag="a", body=OFFER))
    ack, bye = bench.send(response(invite, 200, tag="b", body=OFFER))
    assert (ack.method, ack.to_tag) == ("ACK", "b")
    assert (bye.method, bye.to_tag) == ("BYE", "b")
    (again,) = bench.send(response(invite, 200, tag="b", body=OFFER))
    assert again.method == "ACK"
    assert call.state is CallState.CONFIRMED


def test_answer_without_contact_is_acknowledged_all_the_same() -> None:
    bench = Bench()
    call, invite = bench.dial()
    (ack,) = bench.send(response(invite, 200, body=OFFER, headers=()))
    assert (ack.method, ack.uri) == ("ACK", call.uri)
    assert call.state is CallState.CONFIRMED


def test_answer_that_cannot_be_used_ends_the_call() -> None:
    bench = Bench()
    _, invite = bench.dial()
    body = OFFER.replace(b"RTP/AVP 0 8 101", b"RTP/AVP 18")
    ack, bye = bench.send(response(invite, 200, body=body))
    assert (ack.method, bye.method) == ("ACK", "BYE")
    assert [one.cause for one in bench.happened() if isinstance(one, Ended)] == [Cause.INCOMPATIBLE]


def test_trunk_that_asks_gets_credentials_once() -> None:
    trunk = TrunkOptions(
        name="carrier",
        addresses=("192.0.2.9",),
        target="192.0.2.9:5060",
        username="u",
        password="p",
    )
    bench = Bench(SipOptions(listen="192.0.2.1", trunks=(trunk,)))
    call, invite = bench.dial()
    asked = (("Proxy-Authenticate", 'Digest realm="r", nonce="n1", qop="auth", algorithm=MD5'),)
    ack, again = bench.send(response(invite, 407, headers=asked))
    assert (ack.method, again.method) == ("ACK", "INVITE")
    assert again.cseq.number == invite.cseq.number + 1
    assert (again.call_id, again.from_tag) == (invite.call_id, invite.from_tag)
    assert 'username="u"' in (again.header("Proxy-Authorization") or "")
    (ack,) = bench.send(response(again, 407, headers=asked))
    assert ack.header("Proxy-Authorization") is not None
    assert [one.cause for one in bench.happened() if isinstance(one, Ended)] == [Cause.REJECTED]
    assert call.state is CallState.ENDED


def test_hold_and_retrieve_by_reinvite() -> None:
    bench = Bench()
    call = standing(bench)
    bench.core.set_hold(call, hold=True)
    (hold,) = bench.out()
    assert hold.method == "INVITE"
    assert b"a=sendonly\r\n" in hold.body
    answer = OFFER.replace(b"a=sendrecv", b"a=recvonly")
    (ack,) = bench.send(response(hold, 200, body=answer))
    assert (ack.method, ack.cseq.number) == ("ACK", hold.cseq.number)
    (media,) = bench.happened()
    assert isinstance(media, MediaAgreed)
    assert (media.fmt.send, media.fmt.receive) == (True, False)
    bench.core.set_hold(call, hold=False)
    (back,) = bench.out()
    assert b"a=sendrecv\r\n" in back.body
    bench.send(response(back, 200, body=OFFER))
    (media,) = bench.happened()
    assert isinstance(media, MediaAgreed)
    assert (media.fmt.send, media.fmt.receive) == (True, True)


def test_glare_is_refused_and_ours_tried_again_later() -> None:
    bench = Bench()
    call = standing(bench)
    bench.core.set_hold(call, hold=True)
    (hold,) = bench.out()
    theirs = request(
        "INVITE", call_id=call.ref, branch="g", from_tag="far", to_tag=call.local_tag, body=OFFER
    )
    (refusal,) = bench.send(theirs)
    assert refusal.status == 491
    (ack,) = bench.send(response(hold, 491))
    assert ack.method == "ACK"
    ack_theirs = request("ACK", call_id=call.ref, branch="g", from_tag="far", to_tag=call.local_tag)
    bench.send(ack_theirs)
    assert bench.pass_time(2.0) == []  # we own the Call-ID: 2.1 s at least
    again = bench.pass_time(2.1)[0]
    assert again.method == "INVITE"
    assert again.cseq.number == hold.cseq.number + 1
    assert b"a=sendonly\r\n" in again.body


def test_glare_retry_comes_sooner_when_the_peer_owns_the_call_id() -> None:
    bench = Bench()
    call = bench.talk()
    bench.core.set_hold(call, hold=True)
    (hold,) = bench.out()
    bench.send(response(hold, 491))
    again = bench.pass_time(2.0)[0]
    assert again.method == "INVITE"


def test_retrieve_while_the_hold_is_open_follows_it() -> None:
    bench = Bench()
    call = standing(bench)
    bench.core.set_hold(call, hold=True)
    (hold,) = bench.out()
    bench.core.set_hold(call, hold=False)
    assert bench.out() == []
    ack, back = bench.send(response(hold, 200, body=OFFER.replace(b"sendrecv", b"recvonly")))
    assert ack.method == "ACK"
    assert b"a=sendrecv\r\n" in back.body


def test_refused_hold_leaves_the_call_as_it_was() -> None:
    bench = Bench()
    call = standing(bench)
    bench.core.set_hold(call, hold=True)
    (hold,) = bench.out()
    bench.send(response(hold, 488))
    assert bench.happened() == []
    assert call.session is not None
    assert not call.session.on_hold
    assert bench.pass_time(10.0) == []


@pytest.mark.parametrize(("status", "sent"), [(481, ["ACK"]), (408, ["ACK", "BYE"])])
def test_lost_dialog_ends_the_call(status: int, sent: list[str]) -> None:
    bench = Bench()
    call = standing(bench)
    bench.core.set_hold(call, hold=True)
    (hold,) = bench.out()
    assert [one.method for one in bench.send(response(hold, status))] == sent
    assert bench.names() == ["Ended"]


def test_bye_while_our_reinvite_is_open_still_acknowledges_its_200() -> None:
    bench = Bench()
    call = standing(bench)
    bench.core.set_hold(call, hold=True)
    (hold,) = bench.out()
    bench.core.release(call, Cause.NORMAL)
    (bye,) = bench.out()
    assert bye.method == "BYE"
    (ack,) = bench.send(response(hold, 200, body=OFFER))
    assert ack.method == "ACK"


def test_byes_that_cross_end_the_call_once() -> None:
    bench = Bench()
    call = standing(bench)
    bench.core.release(call, Cause.NORMAL)
    (bye,) = bench.out()
    theirs = request("BYE", call_id=call.ref, branch="x", from_tag="far", to_tag=call.local_tag)
    (ok,) = bench.send(theirs)
    assert ok.status == 200
    bench.send(response(bye, 481))
    assert len(bench.core.calls) == 0
    assert [type(one) for one in bench.happened()] == [Ended]


def test_peer_holds_an_outbound_call() -> None:
    bench = Bench()
    call = standing(bench)
    theirs = request(
        "INVITE",
        call_id=call.ref,
        branch="h",
        from_tag="far",
        to_tag=call.local_tag,
        body=OFFER.replace(b"sendrecv", b"sendonly"),
    )
    (ok,) = bench.send(theirs)
    assert ok.status == 200
    assert [one.held for one in bench.happened() if isinstance(one, HoldChanged)] == [True]


def test_options_name_no_trunk_that_cannot_be_called() -> None:
    with pytest.raises(KeyError):
        Bench().core.dial_trunk("nobody", "1", line="x", ani="")
    assert OPTIONS.faults() == []
