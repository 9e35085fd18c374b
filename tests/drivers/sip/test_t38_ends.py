"""Questions for T.38 that outlive a restart, and peers that do not go back to audio."""

import pytest

from cython_ext.sip_wire import Message
from drivers.events import Cause
from drivers.sip.core.call import Call, CallState
from drivers.sip.core.happenings import Ended, T38Answered, T38Over, T38Wanted
from drivers.sip.fax.description import wants_t38
from drivers.sip.fax.switching import LEAVES_AGAIN_S, LEAVES_S
from drivers.sip.sdp import parse_sdp
from drivers.sip.transport.address import Address
from tests.drivers.sip.test_compaction import compacted
from tests.drivers.sip.test_recovery import restarted
from tests.drivers.sip.test_t38 import (
    IMAGE,
    LOCAL,
    TERMS,
    acknowledge,
    ask,
    reinvite,
    switching,
)
from tests.fakes.sip_bench import OFFER, Bench, request, response

AUDIO_OFF = OFFER.replace(b"m=audio 4000", b"m=audio 0")


def asked_before() -> tuple[Bench, Call]:
    """A call whose peer has our 100 for its question."""
    bench = Bench()
    call = bench.talk()
    assert [each.status for each in reinvite(bench, call, IMAGE)] == [100]
    return bench, call


def test_peer_whose_question_outlived_us_is_put_off_and_asks_again() -> None:
    old, call = asked_before()
    bench, (again,) = restarted(old)
    [later] = bench.out()
    assert (later.status, later.cseq.number, later.to_tag) == (491, 2, call.local_tag)
    # Until it is acknowledged it is sent again, as any refusal of an INVITE.
    assert [each.status for each in bench.pass_time(0.6)] == [491]
    bench.send(request("ACK", branch="re2", cseq=2, to_tag=call.local_tag))
    assert bench.pass_time(5) == []
    [trying] = reinvite(bench, again, IMAGE, cseq=3)
    assert trying.status == 100
    assert bench.happened() == [T38Wanted(again, TERMS)]
    assert restarted(bench)[0].out()[0].cseq.number == 3


def test_question_is_in_the_shorter_journal_too() -> None:
    old, call = asked_before()
    for records in (
        old.core.snapshot(),
        compacted(old.journal, every=1, wanted=set()),
        compacted(old.journal, every=1000, wanted=set()),
    ):
        bench = Bench(seed=99, start=old.now + 2.0)
        bench.core.restore(records, bench.now)
        bench.core.resume()
        assert [(each.status, each.to_tag) for each in bench.out()] == [(491, call.local_tag)]


@pytest.mark.parametrize("how", ["refused", "later", "accepted", "cancelled", "released", "gone"])
def test_question_that_had_its_answer_has_no_other_one(how: str) -> None:
    old, call = asked_before()
    if how == "accepted":
        assert switching(old).accept(call, LOCAL)
    elif how == "cancelled":
        old.send(request("CANCEL", branch="re2", cseq=2, to_tag=call.local_tag))
    elif how == "released":
        old.core.release(call, Cause.NORMAL)
        switching(old).forget(call)
    elif how == "gone":
        old.send(request("BYE", branch="bye", cseq=3, to_tag=call.local_tag))
    else:
        switching(old).refuse(call, later=how == "later")
    for records in (old.journal, compacted(old.journal, every=1, wanted=set())):
        bench = Bench(seed=99, start=old.now + 2.0)
        bench.core.restore(records, bench.now)
        bench.core.resume()
        assert not any(each.status == 491 for each in bench.out())
        assert bench.core.calls.questions == {}


def test_question_that_comes_again_before_we_are_ready_is_answered_once() -> None:
    old, call = asked_before()
    bench = Bench(seed=99, start=old.now + 2.0)
    bench.core.restore(old.journal, bench.now)
    [trying] = reinvite(bench, call, IMAGE)
    assert trying.status == 100
    bench.core.resume()
    assert bench.out() == []


def test_question_that_came_over_a_connection_is_not_kept() -> None:
    old = Bench()
    call = old.talk()
    data = request("INVITE", branch="re2", cseq=2, to_tag=call.local_tag, body=IMAGE)
    old.send(data, Address("192.0.2.9", 5060, "tcp", 7))
    assert restarted(old)[0].out() == []


def test_offer_by_update_waits_for_the_question() -> None:
    bench, call = asked_before()
    update = request("UPDATE", branch="up", cseq=3, to_tag=call.local_tag, body=OFFER)
    [refusal] = bench.send(update)
    assert refusal.status == 500
    assert refusal.header("Retry-After") is not None


def on_t38() -> tuple[Bench, Call, Message]:
    """A call that stands on T.38 and whose peer is asked to go back to audio."""
    bench = Bench()
    call, asked = ask(bench)
    bench.send(response(asked, 200, body=IMAGE))
    bench.happened()
    switching(bench).leave(call)
    [back] = bench.out()
    return bench, call, back


def offers(sent: list[Message]) -> list[Message]:
    return [each for each in sent if each.method == "INVITE"]


@pytest.mark.parametrize("status", [488, 491, 500])
def test_peer_that_refuses_audio_is_asked_again(status: int) -> None:
    bench, call, back = on_t38()
    assert [each.method for each in bench.send(response(back, status))] == ["ACK"]
    assert call.session is not None
    assert call.session.speaks_t38
    restored = restarted(bench)[1][0].session
    assert restored is not None
    assert restored.speaks_t38
    again, *_ = offers(bench.pass_time(LEAVES_AGAIN_S + 0.1))
    assert parse_sdp(again.body).media[0].kind == "audio"
    bench.send(response(again, 200, body=OFFER))
    assert bench.names() == ["MediaAgreed"]
    assert not call.session.speaks_t38
    assert offers(bench.pass_time(2 * LEAVES_S)) == []
    assert (bench.names(), call.state) == ([], CallState.CONFIRMED)


@pytest.mark.parametrize("answered", [False, True])
def test_peer_that_is_asked_for_audio_when_we_end_is_asked_again(*, answered: bool) -> None:
    """What it has answered meanwhile nobody knows; audio that it took already harms nothing."""
    old, call, back = on_t38()
    assert call.session is not None
    assert not call.session.speaks_t38
    if answered:
        old.send(response(back, 200, body=OFFER))
    bench, (again,) = restarted(old)
    assert again.session is not None
    assert again.session.speaks_t38 is not answered
    switching(bench).leave(again)
    asked = offers(bench.out())
    assert len(asked) == (not answered)
    for each in asked:
        sdp = parse_sdp(each.body)
        assert sdp.origin.version == parse_sdp(back.body).origin.version + 1
        assert each.cseq.number == back.cseq.number + 1
        bench.send(response(each, 200, body=OFFER))
        assert not again.session.speaks_t38


def test_peer_that_never_goes_back_to_audio_is_hung_up() -> None:
    bench, call, back = on_t38()
    asked, sent = 0, [back]
    for _ in range(100):
        if call.state is not CallState.CONFIRMED:
            break
        for each in offers(sent):
            asked += 1
            bench.send(response(each, 488))
        sent = bench.pass_time(0.5)
    assert asked == LEAVES_S // LEAVES_AGAIN_S
    assert bench.happened() == [Ended(call, Cause.INCOMPATIBLE, "does not leave T.38")]
    assert [each.method for each in sent] == ["BYE"]


def test_peer_that_says_yes_to_audio_and_has_none_is_asked_again() -> None:
    bench, call, back = on_t38()
    bench.send(response(back, 200, body=AUDIO_OFF))
    assert call.session is not None
    assert call.session.speaks_t38
    again, *_ = offers(bench.pass_time(LEAVES_AGAIN_S + 0.1))
    bench.send(response(again, 200, body=OFFER))
    assert not call.session.speaks_t38


def test_peer_that_refuses_audio_and_goes_back_by_itself_stays() -> None:
    bench, call, back = on_t38()
    bench.send(response(back, 488))
    theirs = request(
        "INVITE",
        call_id=call.ref,
        from_tag="far",
        branch="re1",
        to_tag=call.local_tag,
        body=OFFER.replace(b"peer 1 1", b"peer 1 3"),
    )
    assert [each.status for each in bench.send(theirs)] == [200]
    assert T38Over(call) in bench.happened()
    ack = request("ACK", call_id=call.ref, from_tag="far", branch="a", to_tag=call.local_tag)
    bench.send(ack)
    assert offers(bench.pass_time(2 * LEAVES_S)) == []
    assert call.state is CallState.CONFIRMED


def test_peer_that_is_to_leave_t38_and_asks_for_it_is_heard() -> None:
    """What stands has no socket any more: it is no refresh."""
    bench = Bench()
    call = bench.talk()
    reinvite(bench, call, IMAGE)
    switching(bench).accept(call, LOCAL)
    bench.out()
    acknowledge(bench, call)
    bench.happened()
    switching(bench).leave(call)
    [back] = bench.out()
    bench.send(response(back, 488))
    assert [each.status for each in reinvite(bench, call, IMAGE, cseq=3)] == [100]
    assert bench.happened() == [T38Wanted(call, TERMS)]
    assert bench.pass_time(LEAVES_S + 1) == []  # its question comes first
    assert switching(bench).accept(call, LOCAL)
    assert [each.status for each in bench.out()] == [200]
    acknowledge(bench, call, cseq=3)
    assert offers(bench.pass_time(2 * LEAVES_S)) == []
    assert call.state is CallState.CONFIRMED


def test_refresh_of_what_stands_is_no_answer_to_a_question() -> None:
    bench = Bench()
    call, asked = ask(bench)
    bench.send(response(asked, 200, body=IMAGE))
    assert bench.happened() == [T38Answered(call, TERMS)]
    assert bench.core.in_dialog.offers.refresh(call)
    [refresh] = bench.out()
    assert [each.method for each in bench.send(response(refresh, 200, body=IMAGE))] == ["ACK"]
    assert bench.happened() == []


def standing() -> tuple[Bench, Call]:
    """A call that stands on T.38, as its peer wanted."""
    bench = Bench()
    call = bench.talk()
    reinvite(bench, call, IMAGE)
    switching(bench).accept(call, LOCAL)
    bench.out()
    acknowledge(bench, call)
    bench.happened()
    return bench, call


@pytest.mark.parametrize("answer", [IMAGE, OFFER, AUDIO_OFF, b"nonsense"])
def test_peer_that_wants_an_offer_while_t38_stands_gets_t38(answer: bytes) -> None:
    bench, call = standing()
    [ok] = reinvite(bench, call, b"", cseq=3)
    assert wants_t38(parse_sdp(ok.body)) == 0
    sent = bench.send(request("ACK", branch="ack3", cseq=3, to_tag=call.local_tag, body=answer))
    assert call.session is not None
    if answer is IMAGE:
        assert (sent, bench.happened()) == ([], [])
        assert call.session.speaks_t38
        return
    assert bench.happened() == [T38Over(call)]
    [back] = offers(sent)
    bench.send(response(back, 200, body=OFFER))
    assert not call.session.speaks_t38
    assert call.state is CallState.CONFIRMED


def test_peer_that_wants_an_offer_while_it_is_to_leave_t38_gets_audio() -> None:
    bench, call = standing()
    switching(bench).leave(call)
    [back] = bench.out()
    bench.send(response(back, 488))
    [ok] = reinvite(bench, call, b"", cseq=3)
    assert parse_sdp(ok.body).media[0].kind == "audio"
    bench.send(request("ACK", branch="ack3", cseq=3, to_tag=call.local_tag, body=OFFER))
    assert bench.names() == ["MediaAgreed"]
    assert offers(bench.pass_time(2 * LEAVES_S)) == []
    assert call.state is CallState.CONFIRMED


@pytest.mark.parametrize(("body", "told"), [(IMAGE, []), (OFFER, ["MediaAgreed", "T38Over"])])
def test_update_says_t38_again_or_goes_back_to_audio(body: bytes, told: list[str]) -> None:
    bench, call = standing()
    update = request("UPDATE", branch="up", cseq=3, to_tag=call.local_tag, body=body)
    [ok] = bench.send(update)
    assert ok.status == 200
    assert bench.names() == told
    assert call.session is not None
    assert call.session.speaks_t38 is (body is IMAGE)
