"""REFER in both directions, and calls that another telephone takes over (Replaces)."""

import msgspec
import pytest

from cython_ext.sip_wire import Message
from drivers.events import Cause
from drivers.sip.core.call import Call, CallState
from drivers.sip.core.happenings import (
    Connected,
    Ended,
    MediaAgreed,
    Replaced,
    TransferAsked,
    TransferEnded,
)
from drivers.sip.in_call.replaces import parse_replaces
from drivers.sip.in_call.transfers import fragment_status
from tests.fakes.sip_bench import OFFER, OPTIONS, Bench, request, response

REFER_TO = ("Refer-To", "<sip:0305550@192.0.2.1>")


def trusting(**changes: object) -> Bench:
    trunk = msgspec.structs.replace(OPTIONS.trunks[0], **{"transfers": True, **changes})
    return Bench(msgspec.structs.replace(OPTIONS, trunks=(trunk,)))


def inside(
    call: Call, method: str, *headers: tuple[str, str], cseq: int = 2, body: bytes = b""
) -> bytes:
    return request(
        method,
        call_id=call.ref,
        cseq=cseq,
        branch=f"{call.ref}{method}{cseq}",
        from_tag=call.dialog.remote_tag if call.dialog else "far",
        to_tag=call.local_tag,
        headers=headers,
        body=body,
    )


def asked(bench: Bench, call: Call, *headers: tuple[str, str]) -> tuple[TransferAsked, Message]:
    """A transfer that was accepted, with its first NOTIFY answered."""
    accepted, notify = bench.send(inside(call, "REFER", *headers))
    assert accepted.status == 202
    bench.send(response(notify, 200))
    (happened,) = bench.happened()
    assert isinstance(happened, TransferAsked)
    return happened, notify


# A peer asks us


def test_blind_transfer_is_told_and_its_progress_reported() -> None:
    bench = trusting()
    call = bench.talk()
    happened, notify = asked(bench, call, REFER_TO, ("Referred-By", "<sip:2001@pbx>"))
    assert (happened.number, happened.other, happened.replaces) == ("0305550", None, "")
    assert happened.referred_by == "<sip:2001@pbx>"
    assert notify.body == b"SIP/2.0 100 Trying\r\n"
    assert notify.header("Event") == "refer;id=2"
    assert notify.header("Content-Type") == "message/sipfrag;version=2.0"
    assert (notify.header("Subscription-State") or "").startswith("active")
    bench.core.report_transfer(happened.transfer, None, rings=True)
    (rings,) = bench.out()
    assert rings.body == b"SIP/2.0 180 Ringing\r\n"
    bench.send(response(rings, 200))
    bench.core.report_transfer(happened.transfer, None)
    (done,) = bench.out()
    assert done.body == b"SIP/2.0 200 OK\r\n"
    assert done.header("Subscription-State") == "terminated;reason=noresource"
    assert done.cseq.number == rings.cseq.number + 1
    bench.core.report_transfer(happened.transfer, Cause.BUSY)
    assert bench.out() == []
    assert len(bench.core.in_dialog.transfers) == 0


def test_failed_transfer_is_reported_with_its_status() -> None:
    bench = trusting()
    happened, _ = asked(bench, bench.talk(), REFER_TO)
    bench.core.report_transfer(happened.transfer, Cause.BUSY)
    assert bench.out()[0].body == b"SIP/2.0 486 Busy Here\r\n"


def test_transfer_that_nobody_performs_is_reported_as_failed() -> None:
    bench = trusting()
    asked(bench, bench.talk(), REFER_TO)
    bench.pass_time(59.0)
    sent = bench.pass_time(1.5)
    assert sent[0].method == "NOTIFY"
    assert sent[0].body.startswith(b"SIP/2.0 480")


def test_outcome_still_reaches_who_hung_up_meanwhile() -> None:
    bench = trusting()
    call = bench.talk()
    happened, _ = asked(bench, call, REFER_TO)
    assert bench.send(inside(call, "BYE", cseq=3))[0].status == 200
    assert len(bench.core.calls) == 0
    bench.core.report_transfer(happened.transfer, None)
    (done,) = bench.out()
    assert (done.method, done.to_tag) == ("NOTIFY", "peer")


def test_nothing_is_notified_to_who_wants_nothing() -> None:
    bench = trusting()
    call = bench.talk()
    (accepted,) = bench.send(inside(call, "REFER", REFER_TO, ("Refer-Sub", "false")))
    assert (accepted.status, accepted.header("Refer-Sub")) == (202, "false")
    (happened,) = bench.happened()
    assert isinstance(happened, TransferAsked)
    bench.core.report_transfer(happened.transfer, None)
    assert bench.out() == []


def test_attended_transfer_names_the_other_call() -> None:
    bench = trusting()
    first = bench.talk(call_id="one", branch="one")
    second = bench.talk(call_id="two", branch="two")
    named = f"two%3Bto-tag%3D{second.local_tag}%3Bfrom-tag%3Dpeer"
    happened, _ = asked(bench, first, ("Refer-To", f"<sip:1000@192.0.2.1?Replaces={named}>"))
    assert happened.other is second
    assert happened.replaces == ""


def test_attended_transfer_to_a_call_elsewhere_passes_the_dialog_on() -> None:
    bench = trusting()
    named = "far%40away%3Bto-tag%3D1%3Bfrom-tag%3D2"
    happened, _ = asked(
        bench, bench.talk(), ("Refer-To", f"<sip:77@198.51.100.1?Replaces={named}>")
    )
    assert (happened.number, happened.other) == ("77", None)
    assert happened.replaces == "far@away;to-tag=1;from-tag=2"


def test_nobody_transfers_to_a_call_of_others() -> None:
    bench = trusting().with_station()
    call = bench.talk()
    foreign, invite = bench.dial()
    bench.send(response(invite, 200, body=OFFER))
    bench.happened()
    foreign.peer = msgspec.structs.replace(foreign.peer, name="other")
    named = f"{foreign.ref}%3Bto-tag%3D{foreign.local_tag}%3Bfrom-tag%3Dfar"
    (refusal,) = bench.send(inside(call, "REFER", ("Refer-To", f"<sip:1@h?Replaces={named}>")))
    assert refusal.status == 403
    assert bench.happened() == []


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ((), 400),
        ((REFER_TO, REFER_TO), 400),
        ((("Refer-To", "<mailto:a@b>"),), 416),
        ((("Refer-To", "nonsense"),), 400),
        ((("Refer-To", "<sip:192.0.2.1>"),), 404),
        ((("Refer-To", "<sip:1@h;method=BYE>"),), 603),
        ((("Refer-To", "<sip:1@h?Replaces=nothing>"),), 400),
    ],
)
def test_refer_we_cannot_follow_is_refused(
    headers: tuple[tuple[str, str], ...], status: int
) -> None:
    bench = trusting()
    call = bench.talk()
    (refusal,) = bench.send(inside(call, "REFER", *headers))
    assert refusal.status == status
    assert bench.happened() == []


def test_trunk_that_is_not_trusted_may_not_transfer() -> None:
    bench = Bench()
    (refusal,) = bench.send(inside(bench.talk(), "REFER", REFER_TO))
    assert refusal.status == 603


def test_second_transfer_waits_for_the_first() -> None:
    bench = trusting()
    call = bench.talk()
    asked(bench, call, REFER_TO)
    (refusal,) = bench.send(inside(call, "REFER", REFER_TO, cseq=3))
    assert refusal.status == 491


def test_refer_outside_a_call_is_refused() -> None:
    bench = trusting()
    (refusal,) = bench.send(request("REFER", headers=(REFER_TO,)))
    assert refusal.status == 403


def test_refer_before_the_answer_is_refused() -> None:
    bench = trusting()
    call = bench.offer_call()
    (refusal,) = bench.send(inside(call, "REFER", REFER_TO))
    assert refusal.status == 481


# We ask a peer


def notify(call: Call, body: bytes, state: str, cseq: int = 2) -> bytes:
    headers = (
        ("Event", "refer"),
        ("Subscription-State", state),
        ("Content-Type", "message/sipfrag"),
    )
    return inside(call, "NOTIFY", *headers, cseq=cseq, body=body)


def outcome(bench: Bench) -> list[Cause | None]:
    return [one.cause for one in bench.happened() if isinstance(one, TransferEnded)]


def test_we_transfer_blind_and_hear_of_the_answer() -> None:
    bench = Bench()
    call = bench.talk()
    assert bench.core.refer(call, "0309999", None)
    (refer,) = bench.out()
    assert refer.header("Refer-To") == "<sip:0309999@192.0.2.9:5060>"
    assert refer.header("Referred-By") == "<sip:192.0.2.1:5060>"
    assert not bench.core.refer(call, "1", None)
    # The first NOTIFY may come before the 202.
    assert bench.send(notify(call, b"SIP/2.0 100 Trying\r\n", "active"))[0].status == 200
    bench.send(response(refer, 202))
    assert outcome(bench) == []
    bench.send(notify(call, b"SIP/2.0 200 OK\r\n", "terminated;reason=noresource", 3))
    assert outcome(bench) == [None]
    assert bench.send(notify(call, b"SIP/2.0 200 OK\r\n", "terminated", 4))[0].status == 481


@pytest.mark.parametrize(
    ("body", "cause"),
    [(b"SIP/2.0 486 Busy\r\n", Cause.BUSY), (b"", Cause.TEMPORARY_FAILURE)],
)
def test_transfer_that_failed_leaves_the_call(body: bytes, cause: Cause) -> None:
    bench = Bench()
    call = bench.talk()
    bench.core.refer(call, "0309999", None)
    (refer,) = bench.out()
    bench.send(response(refer, 202))
    bench.send(notify(call, body, "terminated"))
    assert outcome(bench) == [cause]
    assert call.state is CallState.CONFIRMED


def test_refused_refer_is_told_at_once() -> None:
    bench = Bench()
    bench.core.refer(bench.talk(), "0309999", None)
    (refer,) = bench.out()
    bench.send(response(refer, 405))
    assert outcome(bench) == [Cause.NOT_IMPLEMENTED]


def test_refer_without_a_subscription_is_done_when_accepted() -> None:
    bench = Bench()
    bench.core.refer(bench.talk(), "0309999", None)
    (refer,) = bench.out()
    bench.send(response(refer, 200, headers=(("Refer-Sub", "false"),)))
    assert outcome(bench) == [None]


def test_attended_transfer_of_ours_names_the_dialog_as_the_target_knows_it() -> None:
    bench = Bench()
    first = bench.talk(call_id="one", branch="one")
    second, invite = bench.dial()
    bench.send(response(invite, 200, body=OFFER))
    assert bench.core.refer(first, "", second)
    refer = bench.out()[-1]
    named = f"{second.ref}%3Bto-tag%3Dfar%3Bfrom-tag%3D{second.local_tag}"
    assert refer.header("Refer-To") == f"<sip:far@192.0.2.9:5060?Replaces={named}>"


def test_notify_of_another_package_is_refused() -> None:
    bench = Bench()
    call = bench.talk()
    (refusal,) = bench.send(inside(call, "NOTIFY", ("Event", "presence")))
    assert refusal.status == 489


@pytest.mark.parametrize(
    ("body", "status"),
    [
        (b"SIP/2.0 200 OK", 200),
        (b"SIP/2.0 603 Decline\r\nx", 603),
        (b"SIP/2.0 2000 OK", 0),
        (b"HTTP/1.1 200 OK", 0),
        (b"SIP/2.0", 0),
        (b"", 0),
    ],
)
def test_status_of_a_fragment(body: bytes, status: int) -> None:
    assert fragment_status(body) == status


# Taken over


def take(call: Call, from_tag: str, *, suffix: str = "", body: bytes = OFFER) -> bytes:
    value = f"{call.ref};to-tag={call.local_tag};from-tag={from_tag}{suffix}"
    return request("INVITE", call_id="new", branch="new", headers=(("Replaces", value),), body=body)


def test_standing_call_goes_on_with_the_other_telephone() -> None:
    bench = Bench()
    old = bench.talk()
    old.line, old.port = "carrier/1", 77
    ok, bye = bench.send(take(old, "peer", body=OFFER.replace(b"4000", b"4100")))
    assert (ok.status, b"m=audio 6000 " in ok.body) == (200, True)
    assert (bye.method, bye.call_id) == ("BYE", "c1")
    replaced, media = bench.happened()
    assert isinstance(replaced, Replaced)
    assert isinstance(media, MediaAgreed)
    assert (replaced.call, media.remote.port) == (old, 4100)
    assert (replaced.by.line, replaced.by.port) == ("carrier/1", 77)
    bench.send(request("ACK", call_id="new", branch="a", to_tag=replaced.by.local_tag))
    bench.send(response(bye, 200))
    assert bench.happened() == []
    assert bench.core.calls.all() == [replaced.by]


def test_ringing_call_is_picked_up() -> None:
    bench = Bench()
    old, invite = bench.dial()
    bench.send(response(invite, 180))
    bench.happened()
    ok, cancel = bench.send(take(old, "far", suffix=";early-only"))
    assert (ok.status, cancel.method) == (200, "CANCEL")
    assert "elsewhere" in (cancel.header("Reason") or "")
    replaced, _ = bench.happened()
    assert isinstance(replaced, Replaced)
    bench.send(request("ACK", call_id="new", branch="a", to_tag=replaced.by.local_tag))
    assert [type(one) for one in bench.happened()] == [Connected]
    bench.send(response(cancel, 200))
    bench.send(response(invite, 487))
    assert not any(isinstance(one, Ended) for one in bench.happened())


def test_call_that_took_over_is_recovered_in_its_place() -> None:
    bench = Bench()
    old = bench.talk()
    old.line, old.port = "carrier/1", 77
    bench.send(take(old, "peer"))
    again = Bench(seed=3, start=bench.now)
    (found,) = again.core.restore(bench.journal, again.now)
    assert (found.ref, found.line, found.port) == ("new", "carrier/1", 77)


@pytest.mark.parametrize(
    ("from_tag", "suffix", "status"),
    [("peer", ";early-only", 486), ("wrong", "", 481), ("peer", ";to-tag=twice", 400)],
)
def test_call_that_may_not_be_taken_over_goes_on(from_tag: str, suffix: str, status: int) -> None:
    bench = Bench()
    old = bench.talk()
    (refusal,) = bench.send(take(old, from_tag, suffix=suffix))
    assert refusal.status == status
    assert old.state is CallState.CONFIRMED
    assert bench.happened() == []


def test_call_nobody_knows_cannot_be_taken_over() -> None:
    bench = Bench()
    value = ("Replaces", "none;to-tag=1;from-tag=2")
    assert bench.send(request("INVITE", headers=(value,), body=OFFER))[0].status == 481
    twice = request("INVITE", branch="b2", call_id="c2", headers=(value, value), body=OFFER)
    assert bench.send(twice)[0].status == 400


def test_call_that_rings_at_us_is_not_ours_to_give() -> None:
    bench = Bench()
    old = bench.offer_call()
    assert bench.send(take(old, "peer"))[0].status == 481


def test_carrier_does_not_take_over_calls_of_others() -> None:
    bench = Bench()
    old = bench.talk()
    old.peer = msgspec.structs.replace(old.peer, name="2001", is_station=True)
    assert bench.send(take(old, "peer"))[0].status == 403


def test_offer_that_cannot_be_used_leaves_the_old_call() -> None:
    bench = Bench()
    old = bench.talk()
    body = OFFER.replace(b"0 8 101", b"18")
    assert bench.send(take(old, "peer", body=body))[0].status == 488
    assert old.state is CallState.CONFIRMED


def test_replaces_with_an_escaped_call_id_reads_back() -> None:
    named = parse_replaces("a@b ; to-tag=1;from-tag=2;early-only")
    assert (named.call_id, named.to_tag, named.from_tag, named.early_only) == (
        "a@b",
        "1",
        "2",
        True,
    )


def test_caller_is_sent_elsewhere_before_the_answer() -> None:
    bench = Bench()
    call = bench.offer_call()
    assert bench.core.redirect(call, "0309999")
    (moved,) = bench.out()
    assert moved.status == 302
    assert moved.header("Contact") == "<sip:0309999@192.0.2.1>"
    assert [one.cause for one in bench.happened() if isinstance(one, Ended)] == [Cause.NORMAL]
    assert not bench.core.redirect(call, "1")
    bench.send(request("ACK", to_tag=call.local_tag))
    bench.pass_time(40.0)
    assert not bench.core.services.transactions.servers
