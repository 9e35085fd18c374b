"""100rel and PRACK (RFC 3262) in both directions, and offers and answers within them."""

import msgspec
import pytest

from cython_ext.sip_wire import Message
from drivers.events import Cause
from drivers.sip.core.call import Call, CallState
from drivers.sip.core.happenings import Connected, Ended, MediaAgreed
from tests.fakes.sip_bench import OFFER, OPTIONS, Bench, request, response

CONTACT = ("Contact", "<sip:far@192.0.2.9:5060>")
REQUIRED = ("Require", "100rel")
SUPPORTED = ("Supported", "100rel")


def reliable(number: int) -> tuple[tuple[str, str], ...]:
    return CONTACT, REQUIRED, ("RSeq", str(number)), ("Allow", "UPDATE")


def invited(bench: Bench, *headers: tuple[str, str], body: bytes = OFFER) -> Call:
    bench.send(request("INVITE", headers=headers, body=body))
    bench.happened()
    return bench.calls[-1]


def ringing(bench: Bench, *headers: tuple[str, str]) -> tuple[Call, Message]:
    call = invited(bench, *headers)
    bench.core.ring(call)
    return call, bench.out()[0]


def prack(call: Call, rack: str, *, cseq: int = 2, body: bytes = b"") -> bytes:
    return request(
        "PRACK",
        call_id=call.ref,
        cseq=cseq,
        branch=f"p{cseq}",
        to_tag=call.local_tag,
        headers=(("RAck", rack),),
        body=body,
    )


def accept(bench: Bench, call: Call) -> list[Message]:
    assert bench.core.accept(call, "192.0.2.1", 6000)
    return bench.out()


# Ours


def test_ringing_is_reliable_when_the_caller_requires_it() -> None:
    bench = Bench()
    call, ring = ringing(bench, REQUIRED)
    assert (ring.status, ring.headers("Require")) == (180, ["100rel"])
    rseq = int(ring.header("RSeq") or "")
    assert 1 <= rseq < 2**31
    assert [one.status for one in bench.pass_time(0.5)] == [180]
    assert [one.status for one in bench.pass_time(1.0)] == [180]
    (ok,) = bench.send(prack(call, f"{rseq} 1 INVITE"))
    assert (ok.status, ok.cseq.method) == (200, "PRACK")
    assert bench.pass_time(50.0) == []


def test_ringing_is_plain_for_callers_who_only_support_it() -> None:
    _, ring = ringing(Bench(), SUPPORTED)
    assert (ring.status, ring.header("RSeq")) == (180, None)


def test_trunk_can_want_it_reliable_for_all_who_support_it() -> None:
    trunk = msgspec.structs.replace(OPTIONS.trunks[0], reliable=True)
    options = msgspec.structs.replace(OPTIONS, trunks=(trunk,))
    assert ringing(Bench(options), SUPPORTED)[1].header("RSeq") is not None
    assert ringing(Bench(options))[1].header("RSeq") is None


def test_200_waits_for_the_prack() -> None:
    bench = Bench()
    call, ring = ringing(bench, REQUIRED)
    assert accept(bench, call) == []
    prack_ok, ok = bench.send(prack(call, f"{ring.header('RSeq')} 1 INVITE"))
    assert (prack_ok.cseq.method, ok.cseq.method) == ("PRACK", "INVITE")
    assert (ok.status, b"m=audio 6000 " in ok.body) == (200, True)


@pytest.mark.parametrize("rack", ["1 1 INVITE", "{rseq} 2 INVITE", "{rseq} 1 UPDATE", "x"])
def test_prack_of_nothing_we_sent_is_refused(rack: str) -> None:
    bench = Bench()
    call, ring = ringing(bench, REQUIRED)
    (refusal,) = bench.send(prack(call, rack.format(rseq=ring.header("RSeq"))))
    assert (refusal.status, refusal.cseq.method) == (481, "PRACK")
    assert bench.pass_time(0.6)[0].status == 180


def test_second_prack_of_the_same_response_is_refused() -> None:
    bench = Bench()
    call, ring = ringing(bench, REQUIRED)
    rack = f"{ring.header('RSeq')} 1 INVITE"
    assert bench.send(prack(call, rack))[0].status == 200
    assert bench.send(prack(call, rack, cseq=3))[0].status == 481


def test_invite_is_refused_when_no_prack_comes() -> None:
    bench = Bench()
    ringing(bench, REQUIRED)
    sent = [one.status for _ in range(70) for one in bench.pass_time(0.5)]
    # 0.5, 1, 2, 4, 8, 16 s after one another, without the cap of T2
    assert sent.count(180) == 6
    assert next(status for status in sent if status >= 300) == 408
    assert [one.cause for one in bench.happened() if isinstance(one, Ended)] == [
        Cause.TIMER_EXPIRED
    ]


def test_early_audio_is_answered_reliably_once() -> None:
    bench = Bench()
    call = invited(bench, REQUIRED)
    assert bench.core.open_early(call, "192.0.2.1", 6000)
    (progress,) = bench.out()
    assert (progress.status, progress.header("RSeq") is not None) == (183, True)
    assert b"m=audio 6000 " in progress.body
    assert bench.names() == ["MediaAgreed"]
    assert not bench.core.open_early(call, "192.0.2.1", 6000)
    bench.send(prack(call, f"{progress.header('RSeq')} 1 INVITE"))
    (ok,) = accept(bench, call)
    assert (ok.status, ok.body) == (200, b"")
    bench.send(request("ACK", branch="ack", to_tag=call.local_tag))
    assert bench.names() == ["Connected"]


def test_early_audio_without_100rel_is_repeated_in_the_200() -> None:
    bench = Bench()
    call = invited(bench)
    assert bench.core.open_early(call, "192.0.2.1", 6000)
    (progress,) = bench.out()
    (ok,) = accept(bench, call)
    assert progress.header("RSeq") is None
    assert ok.body == progress.body


def test_early_offer_of_ours_is_answered_by_the_prack() -> None:
    bench = Bench()
    call = invited(bench, SUPPORTED, body=b"")
    assert bench.core.open_early(call, "192.0.2.1", 6000)
    (progress,) = bench.out()
    assert b"m=audio 6000 " in progress.body
    rack = f"{progress.header('RSeq')} 1 INVITE"
    (ok,) = bench.send(prack(call, rack, body=OFFER))
    assert ok.status == 200
    assert isinstance(bench.happened()[-1], MediaAgreed)
    (final,) = accept(bench, call)
    assert final.body == b""
    bench.send(request("ACK", branch="ack", to_tag=call.local_tag))
    assert [type(one) for one in bench.happened()] == [Connected]


def test_early_offer_whose_answer_is_of_no_use_refuses_the_call() -> None:
    bench = Bench()
    call = invited(bench, SUPPORTED, body=b"")
    bench.core.open_early(call, "192.0.2.1", 6000)
    (progress,) = bench.out()
    rack = f"{progress.header('RSeq')} 1 INVITE"
    sent = bench.send(prack(call, rack, body=OFFER.replace(b"0 8 101", b"18")))
    assert [one.status for one in sent] == [488, 488]
    assert "Ended" in bench.names()
    assert len(bench.core.calls) == 0


def test_delayed_offer_without_100rel_gets_no_early_audio() -> None:
    bench = Bench()
    call = invited(bench, body=b"")
    assert not bench.core.open_early(call, "192.0.2.1", 6000)


def test_offer_in_a_prack_is_answered_in_its_200() -> None:
    bench = Bench()
    call = invited(bench, REQUIRED)
    bench.core.open_early(call, "192.0.2.1", 6000)
    (progress,) = bench.out()
    rack = f"{progress.header('RSeq')} 1 INVITE"
    moved = OFFER.replace(b"4000", b"4010")
    (ok,) = bench.send(prack(call, rack, body=moved))
    assert (ok.status, b"m=audio 6000 " in ok.body) == (200, True)
    media = bench.happened()[-1]
    assert isinstance(media, MediaAgreed)
    assert media.remote.port == 4010


# Theirs


def test_reliable_ringing_is_acknowledged_in_its_early_dialog() -> None:
    bench = Bench()
    _, invite = bench.dial()
    assert "100rel" in invite.headers("Supported")
    (ack,) = bench.send(response(invite, 180, headers=reliable(77)))
    assert (ack.method, ack.header("RAck"), ack.to_tag) == ("PRACK", "77 1 INVITE", "far")
    assert ack.uri == "sip:far@192.0.2.9:5060"
    assert ack.cseq.number == invite.cseq.number + 1
    assert bench.send(response(invite, 180, headers=reliable(77))) == []
    assert bench.send(response(invite, 180, headers=reliable(79))) == []
    (second,) = bench.send(response(invite, 180, headers=reliable(78)))
    assert second.header("RAck") == "78 1 INVITE"


def test_100_is_never_acknowledged() -> None:
    bench = Bench()
    _, invite = bench.dial()
    assert bench.send(response(invite, 100, headers=reliable(5))) == []


def test_200_without_a_body_stands_on_the_early_answer() -> None:
    bench = Bench()
    call, invite = bench.dial()
    (ack,) = bench.send(response(invite, 183, headers=reliable(9), body=OFFER))
    assert bench.names() == ["MediaAgreed", "Progressed"]
    bench.send(response(ack, 200))
    (final_ack,) = bench.send(response(invite, 200))
    assert (final_ack.method, final_ack.cseq.number) == ("ACK", 1)
    assert bench.names() == ["MediaAgreed", "Connected"]
    bench.core.release(call, Cause.NORMAL)
    (bye,) = bench.out()
    assert bye.cseq.number == ack.cseq.number + 1


def test_200_of_a_phone_that_never_answered_the_offer_ends_the_call() -> None:
    bench = Bench()
    _, invite = bench.dial()
    bench.send(response(invite, 183, tag="a", headers=reliable(9), body=OFFER))
    sent = bench.send(response(invite, 200, tag="b"))
    assert [one.method for one in sent] == ["ACK", "BYE"]
    assert {one.to_tag for one in sent} == {"b"}


def test_each_phone_that_rings_has_its_own_numbers_and_answer() -> None:
    bench = Bench()
    _, invite = bench.dial()
    other = OFFER.replace(b"4000", b"5000")
    (one,) = bench.send(response(invite, 183, tag="a", headers=reliable(9), body=OFFER))
    (two,) = bench.send(response(invite, 183, tag="b", headers=reliable(3), body=other))
    assert [(m.to_tag, m.header("RAck")) for m in (one, two)] == [
        ("a", "9 1 INVITE"),
        ("b", "3 1 INVITE"),
    ]
    bench.happened()
    bench.send(response(invite, 200, tag="b"))
    media, connected = bench.happened()
    assert isinstance(media, MediaAgreed)
    assert media.remote.port == 5000
    assert isinstance(connected, Connected)


def test_peer_updates_the_audio_before_it_answers() -> None:
    bench = Bench()
    call, invite = bench.dial()
    bench.send(response(invite, 183, headers=reliable(9), body=OFFER))
    bench.happened()
    update = request(
        "UPDATE",
        call_id=call.ref,
        branch="u",
        from_tag="far",
        to_tag=call.local_tag,
        body=OFFER.replace(b"4000", b"4444"),
    )
    (ok,) = bench.send(update)
    assert (ok.status, b"m=audio 6002 " in ok.body) == (200, True)
    media = bench.happened()[-1]
    assert isinstance(media, MediaAgreed)
    assert media.remote.port == 4444
    bench.send(response(invite, 200))
    assert call.state is CallState.CONFIRMED
    assert call.session is not None
    assert call.session.remote is not None
    assert call.session.remote.port == 4444


def test_cancelled_call_that_rang_reliably_leaves_nothing_behind() -> None:
    bench = Bench()
    call, invite = bench.dial()
    (ack,) = bench.send(response(invite, 180, headers=reliable(9)))
    bench.core.release(call, Cause.NO_ANSWER)
    (cancel,) = bench.out()
    bench.send(response(cancel, 200))
    bench.send(response(invite, 487))
    bench.send(response(ack, 487))
    bench.pass_time(200.0)
    assert len(bench.core.calls) == 0
    assert not bench.core.services.transactions.clients
