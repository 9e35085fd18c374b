"""Several phones of one station that ring together, and INVITEs that come twice or come back."""

import pytest

from cython_ext.sip_wire import Message, parse
from drivers.events import Cause
from drivers.sip.core.call import Call, CallState
from drivers.sip.core.happenings import AnsweredBy, Connected, Ended, Progressed
from drivers.sip.journal.records import BindingRecord
from drivers.sip.transport.address import Address
from tests.fakes.sip_bench import OFFER, PHONE, Bench, request, response

DESK, DOOR, SOFT = (Address(f"198.51.100.{n}", 5062) for n in (7, 8, 9))


def ringing(*places: Address) -> tuple[Bench, Call, dict[str, Message]]:
    """A call to a station with these phones; its INVITEs by host."""
    bench = Bench().with_station()
    bench.core.registrar.restore(
        BindingRecord(
            station="2001",
            contact=f"sip:2001@{place.host}:5062",
            source=place,
            call_id=place.host,
            cseq=1,
            expires=bench.now + 600,
        )
        for place in places
    )
    bench.core.services.timers.now = bench.now
    call = bench.core.dial_station("2001", line="station:2001", ani="030")
    bench.core.start(call, name="", host="192.0.2.1", port=6002)
    sent = bench.core.take_out()
    return bench, call, {address[0]: parse(data) for data, address in sent}


def ended(bench: Bench) -> list[tuple[Call, Cause]]:
    return [(one.call, one.cause) for one in bench.happened() if isinstance(one, Ended)]


def test_every_phone_rings_and_the_driver_is_told_once() -> None:
    bench, call, invites = ringing(DESK, DOOR, SOFT)
    assert set(invites) == {"198.51.100.7", "198.51.100.8", "198.51.100.9"}
    assert len({invite.call_id for invite in invites.values()}) == 3
    for invite in invites.values():
        bench.send(response(invite, 180), PHONE)
    (progress,) = bench.happened()
    assert isinstance(progress, Progressed)
    assert progress.call is call


def test_first_answer_has_the_call_and_the_others_learn_that_it_was_answered() -> None:
    bench, call, invites = ringing(DESK, DOOR)
    for invite in invites.values():
        bench.send(response(invite, 180), PHONE)
    bench.happened()
    won = next(one for one in invites.values() if one.call_id != call.ref)
    lost = invites[next(host for host, one in invites.items() if one.call_id == call.ref)]
    sent = bench.send(response(won, 200, body=OFFER))
    assert sorted(one.method for one in sent) == ["ACK", "CANCEL"]
    cancel = next(one for one in sent if one.method == "CANCEL")
    assert cancel.call_id == lost.call_id
    assert cancel.header("Reason") == 'SIP;cause=200;text="Call completed elsewhere"'
    changed, _, connected = bench.happened()
    assert isinstance(changed, AnsweredBy)
    assert (changed.call, changed.by.ref) == (call, won.call_id)
    assert isinstance(connected, Connected)
    assert connected.call is changed.by
    bench.send(response(cancel, 200))
    bench.send(response(lost, 487))
    assert bench.happened() == []
    assert len(bench.core.calls) == 1


def test_two_answers_at_once_leave_one_call() -> None:
    bench, _, invites = ringing(DESK, DOOR)
    first, second = invites.values()
    bench.send(response(first, 200, body=OFFER))
    sent = bench.send(response(second, 200, body=OFFER))
    assert [one.method for one in sent] == ["ACK", "BYE"]
    bench.send(response(sent[1], 200))
    assert len(bench.core.calls) == 1
    assert ended(bench) == []


def test_one_busy_phone_does_not_stop_the_others() -> None:
    bench, call, invites = ringing(DESK, DOOR)
    first, second = invites.values()
    bench.send(response(first, 486))
    assert bench.happened() == []
    bench.send(response(second, 480))
    assert ended(bench) == [(call, Cause.BUSY)]
    assert len(bench.core.calls) == 0


def test_one_phone_can_decline_for_all() -> None:
    bench, call, invites = ringing(DESK, DOOR)
    first, second = invites.values()
    bench.send(response(second, 180))
    bench.happened()
    sent = bench.send(response(first, 603))
    assert sorted(one.method for one in sent) == ["ACK", "CANCEL"]
    assert ended(bench) == [(call, Cause.REJECTED)]


def test_withdrawn_offer_stops_every_phone() -> None:
    bench, call, invites = ringing(DESK, DOOR)
    for invite in invites.values():
        bench.send(response(invite, 180))
    bench.happened()
    bench.core.release(call, Cause.ANSWERED_ELSEWHERE)
    cancels = bench.out()
    assert [one.method for one in cancels] == ["CANCEL", "CANCEL"]
    assert all("elsewhere" in (one.header("Reason") or "") for one in cancels)
    assert ended(bench) == [(call, Cause.ANSWERED_ELSEWHERE)]
    for cancel in cancels:
        bench.send(response(cancel, 200))
    for invite in invites.values():
        bench.send(response(invite, 487))
    bench.pass_time(40.0)
    assert len(bench.core.calls) == 0
    assert bench.happened() == []


def test_call_given_up_before_it_is_sent_leaves_nothing() -> None:
    bench = Bench().with_station()
    bench.core.registrar.restore(
        BindingRecord(
            station="2001",
            contact=f"sip:2001@{place.host}",
            source=place,
            call_id="x",
            cseq=1,
            expires=bench.now + 600,
        )
        for place in (DESK, DOOR)
    )
    call = bench.core.dial_station("2001", line="station:2001", ani="")
    bench.core.release(call, Cause.RESOURCE_UNAVAILABLE)
    assert bench.out() == []
    assert ended(bench) == [(call, Cause.RESOURCE_UNAVAILABLE)]


def test_answered_phone_is_recovered_on_the_line() -> None:
    bench, call, invites = ringing(DESK, DOOR)
    other = next(one for one in invites.values() if one.call_id != call.ref)
    bench.send(response(other, 200, body=OFFER))
    again = Bench(seed=9, start=bench.now)
    (found,) = again.core.restore(bench.journal, again.now)
    assert (found.line, found.ref) == ("station:2001", other.call_id)


@pytest.mark.parametrize(("number", "status"), [("0301234", 482), ("4930999", 100)])
def test_own_invite_that_comes_back_is_a_loop_unless_it_was_sent_elsewhere(
    number: str, status: int
) -> None:
    bench = Bench()
    _, invite = bench.dial()
    back = request(
        "INVITE",
        call_id=invite.call_id,
        branch="loop",
        from_tag=invite.from_tag,
        uri=f"sip:{number}@192.0.2.1",
        body=OFFER,
    )
    sent = bench.send(back) or bench.pass_time(0.3)
    assert sent[0].status == status


def test_merged_request_is_refused_after_the_dialog_stands_too() -> None:
    bench = Bench()
    bench.talk()
    (refusal,) = bench.send(request("INVITE", branch="other", body=OFFER))
    assert refusal.status == 482


def test_cancel_that_comes_after_the_200_changes_nothing() -> None:
    bench = Bench()
    call = bench.offer_call()
    bench.core.accept(call, "192.0.2.1", 6000)
    bench.out()
    (ok,) = bench.send(request("CANCEL"))
    assert (ok.status, ok.cseq.method) == (200, "CANCEL")
    assert call.state is CallState.ACCEPTED
