"""UPDATE and re-INVITE that meet each other (RFC 3311, 6337), hold styles, credentials within."""

import msgspec
import pytest

from drivers.events import Cause
from drivers.sip.core.call import Call
from drivers.sip.core.happenings import Ended, HoldChanged, MediaAgreed
from tests.fakes.sip_bench import OFFER, OPTIONS, Bench, request, response

ASKED = (("Proxy-Authenticate", 'Digest realm="r", nonce="n1", qop="auth", algorithm=MD5'),)


def inside(call: Call, method: str, cseq: int = 2, body: bytes = b"") -> bytes:
    return request(
        method,
        call_id=call.ref,
        cseq=cseq,
        branch=f"{method}{cseq}",
        to_tag=call.local_tag,
        body=body,
    )


def with_trunk(**changes: object) -> Bench:
    trunk = msgspec.structs.replace(OPTIONS.trunks[0], **changes)
    return Bench(msgspec.structs.replace(OPTIONS, trunks=(trunk,)))


def test_update_moves_the_audio_and_holds() -> None:
    bench = Bench()
    call = bench.talk()
    (ok,) = bench.send(inside(call, "UPDATE", body=OFFER.replace(b"sendrecv", b"sendonly")))
    assert (ok.status, b"a=recvonly" in ok.body) == (200, True)
    assert "UPDATE" in ok.headers("Allow")
    media, held = bench.happened()
    assert isinstance(media, MediaAgreed)
    assert isinstance(held, HoldChanged)
    assert held.held
    assert bench.pass_time(40.0) == []


def test_update_without_a_description_changes_the_target_only() -> None:
    bench = Bench()
    call = bench.talk()
    update = request(
        "UPDATE", cseq=2, branch="u", to_tag=call.local_tag, contact="<sip:new@192.0.2.9:5070>"
    )
    (ok,) = bench.send(update)
    assert (ok.status, ok.body) == (200, b"")
    bench.core.release(call, Cause.NORMAL)
    (bye,) = bench.out()
    assert bye.uri == "sip:new@192.0.2.9:5070"


def test_update_with_nothing_we_carry_is_refused_and_the_call_goes_on() -> None:
    bench = Bench()
    call = bench.talk()
    (refusal,) = bench.send(inside(call, "UPDATE", body=OFFER.replace(b"0 8 101", b"18")))
    assert refusal.status == 488
    assert bench.names() == []


def test_update_that_meets_our_offer_is_refused_with_491() -> None:
    bench = Bench()
    call = bench.talk()
    bench.core.set_hold(call, hold=True)
    bench.out()
    (refusal,) = bench.send(inside(call, "UPDATE", body=OFFER))
    assert refusal.status == 491


def test_update_before_the_first_answer_is_refused_with_500_and_a_wait() -> None:
    bench = Bench()
    call = bench.offer_call()
    (refusal,) = bench.send(inside(call, "UPDATE", body=OFFER))
    assert refusal.status == 500
    assert 0 <= int(refusal.header("Retry-After") or "") <= 10


def test_update_in_an_early_dialog_of_ours_before_its_answer_meets_our_offer() -> None:
    bench = Bench()
    call, invite = bench.dial()
    headers = (("Contact", "<sip:far@192.0.2.9>"), ("Require", "100rel"), ("RSeq", "1"))
    bench.send(response(invite, 180, headers=headers))
    update = request(
        "UPDATE",
        call_id=call.ref,
        branch="u",
        from_tag="far",
        to_tag=call.local_tag,
        body=OFFER,
    )
    assert [one.status for one in bench.send(update)] == [491]


def test_update_outside_any_dialog_gets_481() -> None:
    bench = Bench()
    assert [one.status for one in bench.send(request("UPDATE", to_tag="none"))] == [481]
    assert [one.status for one in bench.send(request("PRACK", to_tag="none", cseq=2))] == [481]


def test_reinvite_while_our_offer_waits_for_the_ack_meets_491() -> None:
    bench = Bench()
    bench.send(request("INVITE"))
    (call,) = bench.core.calls.all()
    bench.core.accept(call, "192.0.2.1", 6000)
    bench.out()
    (refusal,) = bench.send(inside(call, "INVITE", body=OFFER))
    assert refusal.status == 491


def test_reinvite_after_a_complete_answer_stands_for_the_ack() -> None:
    bench = Bench()
    call = bench.offer_call()
    bench.core.accept(call, "192.0.2.1", 6000)
    bench.out()
    (ok,) = bench.send(inside(call, "INVITE", body=OFFER))
    assert ok.status == 200


@pytest.mark.parametrize(
    ("style", "found"),
    [
        ("sendonly", (b"a=sendonly", b"c=IN IP4 192.0.2.1")),
        ("inactive", (b"a=inactive", b"c=IN IP4 192.0.2.1")),
        ("address", (b"a=sendonly", b"c=IN IP4 0.0.0.0")),
    ],
)
def test_trunk_is_held_its_own_way(style: str, found: tuple[bytes, ...]) -> None:
    bench = with_trunk(hold=style)
    call = bench.talk()
    bench.core.set_hold(call, hold=True)
    (hold,) = bench.out()
    assert all(line in hold.body.split(b"\r\n") for line in found)
    bench.send(response(hold, 200, body=OFFER.replace(b"sendrecv", b"inactive")))
    bench.core.set_hold(call, hold=False)
    back = bench.out()[-1]
    assert b"c=IN IP4 192.0.2.1" in back.body
    assert b"a=sendrecv" in back.body


@pytest.mark.parametrize("body", [b"a=sendonly", b"a=inactive", b"zero"])
def test_peer_holds_in_every_style(body: bytes) -> None:
    bench = Bench()
    call = bench.talk()
    offer = (
        OFFER.replace(b"c=IN IP4 192.0.2.9", b"c=IN IP4 0.0.0.0")
        if body == b"zero"
        else OFFER.replace(b"a=sendrecv", body)
    )
    (ok,) = bench.send(inside(call, "INVITE", body=offer))
    assert ok.status == 200
    assert [one.held for one in bench.happened() if isinstance(one, HoldChanged)] == [True]
    bench.send(request("ACK", cseq=2, branch="a2", to_tag=call.local_tag))
    bench.send(inside(call, "INVITE", 3, OFFER))
    assert [one.held for one in bench.happened() if isinstance(one, HoldChanged)] == [False]


def test_challenged_bye_is_sent_again_with_credentials() -> None:
    bench = with_trunk(username="u", password="p")
    call = bench.talk()
    bench.core.release(call, Cause.NORMAL)
    (bye,) = bench.out()
    (again,) = bench.send(response(bye, 407, headers=ASKED))
    assert (again.method, again.cseq.number) == ("BYE", bye.cseq.number + 1)
    assert 'username="u"' in (again.header("Proxy-Authorization") or "")
    assert bench.send(response(again, 407, headers=ASKED)) == []
    assert len(bench.core.calls) == 0


def test_challenged_hold_is_sent_again_with_credentials() -> None:
    bench = with_trunk(username="u", password="p")
    call = bench.talk()
    bench.core.set_hold(call, hold=True)
    (hold,) = bench.out()
    asked = (("WWW-Authenticate", ASKED[0][1]),)
    ack, again = bench.send(response(hold, 401, headers=asked))
    assert (ack.method, again.method) == ("ACK", "INVITE")
    assert again.header("Authorization") is not None
    assert again.body == hold.body
    (ack,) = bench.send(response(again, 200, body=OFFER.replace(b"sendrecv", b"recvonly")))
    assert (ack.method, ack.cseq.number) == ("ACK", again.cseq.number)
    bench.core.set_hold(call, hold=False)
    assert bench.out()[0].method == "INVITE"


def test_challenge_nobody_has_credentials_for_is_a_refusal() -> None:
    bench = Bench()
    call = bench.talk()
    bench.core.set_hold(call, hold=True)
    (hold,) = bench.out()
    assert [one.method for one in bench.send(response(hold, 407, headers=ASKED))] == ["ACK"]
    assert not any(isinstance(one, Ended) for one in bench.happened())
