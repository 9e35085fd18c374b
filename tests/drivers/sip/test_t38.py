"""Calls that change to T.38 and back: asked for by either side, refused, and what is described."""

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from cython_ext.sip_wire import Message
from daemon.fax.t38.far_end import FarEnd
from drivers.api import RtpAddress
from drivers.errors import ProtocolError
from drivers.sip.core.call import Call, CallState
from drivers.sip.core.happenings import T38Answered, T38Cancelled, T38Over, T38Wanted
from drivers.sip.fax.description import describe, own_terms, read_terms, runs_t38, wants_t38
from drivers.sip.fax.switching import T38Switching
from drivers.sip.sdp import parse_sdp
from drivers.t38 import T38Terms
from tests.fakes.sip_bench import OFFER, Bench, request, response

IMAGE = (
    b"v=0\r\no=peer 1 2 IN IP4 192.0.2.9\r\ns=-\r\nc=IN IP4 192.0.2.9\r\nt=0 0\r\n"
    b"m=image 4100 udptl t38\r\na=T38FaxVersion:0\r\na=T38MaxBitRate:9600\r\n"
    b"a=T38FaxFillBitRemoval:0\r\na=T38FaxRateManagement:transferredTCF\r\n"
    b"a=T38FaxMaxBuffer:200\r\na=T38FaxMaxDatagram:72\r\na=T38FaxUdpEC:t38UDPRedundancy\r\n"
)
TERMS = T38Terms(remote=RtpAddress("192.0.2.9", 4100), bit_rate=9600, most=72)
LOCAL = RtpAddress("192.0.2.1", 7000)


def switching(bench: Bench) -> T38Switching:
    bench.core.services.timers.now = bench.now
    return bench.core.in_dialog.offers.t38


def reinvite(bench: Bench, call: Call, body: bytes, *, cseq: int = 2) -> list[Message]:
    """The peer offers something else."""
    return bench.send(
        request("INVITE", branch=f"re{cseq}", cseq=cseq, to_tag=call.local_tag, body=body)
    )


def acknowledge(bench: Bench, call: Call, *, cseq: int = 2) -> None:
    """The peer has our 200."""
    bench.send(request("ACK", branch=f"ack{cseq}", cseq=cseq, to_tag=call.local_tag))


def test_peer_asks_and_is_told_where_we_listen() -> None:
    bench = Bench()
    call = bench.talk()
    [trying] = reinvite(bench, call, IMAGE)
    assert trying.status == 100
    assert bench.happened() == [T38Wanted(call, TERMS)]
    # It waits: another offer meets it, ours stays here, and its own copy is not asked twice.
    bench.core.set_hold(call, hold=True)
    assert bench.out() == []
    bench.core.set_hold(call, hold=False)
    assert switching(bench).accept(call, LOCAL)
    [ok] = bench.out()
    assert ok.status == 200
    sdp = parse_sdp(ok.body)
    assert wants_t38(sdp) == 0
    assert (sdp.media[0].port, sdp.media[0].host) == (7000, "192.0.2.1")
    assert sdp.media[0].attribute("T38FaxUdpEC") == "t38UDPRedundancy"
    acknowledge(bench, call)
    assert call.session is not None
    assert call.session.speaks_t38
    assert not switching(bench).accept(call, LOCAL)
    # A refresh of what stands is answered at once, in the same words.
    [again] = reinvite(bench, call, IMAGE, cseq=3)
    assert (again.status, again.body) == (200, ok.body)
    acknowledge(bench, call, cseq=3)
    assert bench.names() == []


@pytest.mark.parametrize(
    ("asked", "answered"),
    [
        ("t38UDPRedundancy", "t38UDPRedundancy"),
        ("t38UDPFEC", "t38UDPFEC"),
        ("T38udpNoEC", "t38UDPRedundancy"),
    ],
)
def test_peer_that_asks_for_parity_gets_it(asked: str, answered: str) -> None:
    bench = Bench()
    call = bench.talk()
    reinvite(bench, call, IMAGE.replace(b"t38UDPRedundancy", asked.encode()))
    assert switching(bench).accept(call, LOCAL)
    [ok] = bench.out()
    assert parse_sdp(ok.body).media[0].attribute("T38FaxUdpEC") == answered


def test_terms_of_somebody_else_are_passed_on() -> None:
    like = T38Terms(
        remote=RtpAddress("198.51.100.7", 9), bit_rate=9600, most=200, correction="parity"
    )
    passed = T38Terms(remote=LOCAL, bit_rate=9600, most=200, correction="parity")
    bench = Bench()
    call = bench.talk()
    reinvite(bench, call, IMAGE)
    assert switching(bench).accept(call, LOCAL, like)
    [ok] = bench.out()
    assert read_terms(parse_sdp(ok.body), 0, own_host="", signalled_from="") == passed
    other = Bench()
    call, invite = other.dial()
    other.send(response(invite, 200, body=OFFER))
    other.out()
    assert switching(other).offer(call, LOCAL, like)
    [asked] = other.out()
    assert read_terms(parse_sdp(asked.body), 0, own_host="", signalled_from="") == passed


def test_peer_is_known_by_its_address_however_it_writes_it() -> None:
    body = IMAGE.replace(b"IN IP4 192.0.2.9", b"IN IP6 2001:DB8:0::9")
    terms = read_terms(parse_sdp(body), 0, own_host="::1", signalled_from="")
    assert terms is not None
    assert FarEnd((terms.remote.host, 4100)).sent(("2001:db8::9", 4100))


def test_call_that_must_be_encrypted_stays_with_audio() -> None:
    bench = Bench()
    call = bench.talk()
    assert call.session is not None
    call.session.terms = msgspec.structs.replace(call.session.terms, srtp="required")
    [refusal] = reinvite(bench, call, IMAGE)
    assert refusal.status == 488
    assert not switching(bench).offer(call, LOCAL)


def test_peer_that_asks_in_vain_keeps_its_audio() -> None:
    bench = Bench()
    call = bench.talk()
    reinvite(bench, call, IMAGE)
    switching(bench).refuse(call)
    [refusal] = bench.out()
    assert refusal.status == 488
    assert call.state is CallState.CONFIRMED
    assert call.session is not None
    assert not call.session.speaks_t38


def test_peer_that_asks_too_early_may_ask_again() -> None:
    bench = Bench()
    call = bench.talk()
    reinvite(bench, call, IMAGE)
    bench.core.set_hold(call, hold=True)  # and what waited meanwhile is done
    switching(bench).refuse(call, later=True)
    later, ours = bench.out()
    assert (later.status, ours.method) == (491, "INVITE")
    assert parse_sdp(ours.body).media[0].kind == "audio"


def test_peer_on_t38_is_told_terms_of_somebody_else() -> None:
    bench = Bench()
    call, asked = ask(bench)
    bench.send(response(asked, 200, body=IMAGE))
    bench.happened()
    like = T38Terms(
        remote=RtpAddress("198.51.100.7", 9), bit_rate=9600, most=200, correction="parity"
    )
    told = msgspec.structs.replace(like, remote=LOCAL)
    switching(bench).retell(call, like)
    [again] = bench.out()
    sdp = parse_sdp(again.body)
    assert read_terms(sdp, 0, own_host="", signalled_from="") == told
    assert sdp.origin.version == parse_sdp(asked.body).origin.version + 1
    switching(bench).retell(call, like)  # one after the other
    assert bench.out() == []
    bench.send(response(again, 200, body=IMAGE))
    assert bench.happened() == []
    assert call.session is not None
    assert call.session.speaks_t38


def test_peer_that_does_not_like_other_terms_stays_with_those_of_before() -> None:
    bench = Bench()
    call, asked = ask(bench)
    bench.send(response(asked, 200, body=IMAGE))
    bench.happened()
    assert call.session is not None
    before = call.session.description
    switching(bench).retell(call, T38Terms(remote=LOCAL, most=200))
    [again] = bench.out()
    bench.send(response(again, 488))
    assert (bench.happened(), call.session.description) == ([], before)
    assert call.session.speaks_t38


def test_peer_that_answers_other_terms_with_audio_is_back_at_audio() -> None:
    bench = Bench()
    call, asked = ask(bench)
    bench.send(response(asked, 200, body=IMAGE))
    bench.happened()
    switching(bench).retell(call, T38Terms(remote=LOCAL, most=200))
    [again] = bench.out()
    sent = bench.send(response(again, 200, body=OFFER))
    assert bench.happened() == [T38Over(call)]
    assert [each.method for each in sent] == ["ACK", "INVITE"]
    assert parse_sdp(sent[1].body).media[0].kind == "audio"


def test_peer_goes_back_to_audio() -> None:
    bench = Bench()
    call = bench.talk()
    reinvite(bench, call, IMAGE)
    switching(bench).accept(call, LOCAL)
    bench.out()
    acknowledge(bench, call)
    bench.happened()
    [ok] = reinvite(bench, call, OFFER.replace(b"peer 1 1", b"peer 1 3"), cseq=3)
    assert ok.status == 200
    assert parse_sdp(ok.body).media[0].kind == "audio"
    assert bench.names() == ["MediaAgreed", "T38Over"]
    assert call.session is not None
    assert not call.session.speaks_t38


def test_audio_that_is_switched_off_beside_keeps_its_place() -> None:
    bench = Bench()
    call = bench.talk()
    both = IMAGE.replace(b"m=image", b"m=audio 0 RTP/AVP 8\r\nm=image")
    reinvite(bench, call, both)
    switching(bench).accept(call, LOCAL)
    [ok] = bench.out()
    media = parse_sdp(ok.body).media
    assert [(each.kind, each.port) for each in media] == [("audio", 0), ("image", 7000)]


def test_peer_that_takes_its_question_back_keeps_its_audio() -> None:
    bench = Bench()
    call = bench.talk()
    reinvite(bench, call, IMAGE)
    sent = bench.send(request("CANCEL", branch="re2", cseq=2, to_tag=call.local_tag))
    assert [(each.status, each.cseq.method) for each in sent] == [(200, "CANCEL"), (487, "INVITE")]
    assert bench.happened() == [T38Wanted(call, TERMS), T38Cancelled(call)]
    assert not switching(bench).accept(call, LOCAL)
    assert call.state is CallState.CONFIRMED
    assert call.session is not None
    assert not call.session.speaks_t38
    assert reinvite(bench, call, IMAGE, cseq=3)[0].status == 100


def test_call_that_ends_answers_who_waits() -> None:
    bench = Bench()
    call = bench.talk()
    reinvite(bench, call, IMAGE)
    switching(bench).forget(call)
    [over] = bench.out()
    assert over.status == 487


def ask(bench: Bench) -> tuple[Call, Message]:
    """A call that we made, in which we ask for T.38."""
    call, invite = bench.dial()
    bench.send(response(invite, 200, body=OFFER))
    bench.happened()
    bench.out()
    assert switching(bench).offer(call, LOCAL)
    [asked] = bench.out()
    return call, asked


def test_we_ask_and_the_peer_agrees() -> None:
    bench = Bench()
    call, asked = ask(bench)
    sdp = parse_sdp(asked.body)
    assert wants_t38(sdp) == 0
    assert not switching(bench).offer(call, LOCAL)
    [ack] = bench.send(response(asked, 200, body=IMAGE))
    assert ack.method == "ACK"
    assert bench.happened() == [T38Answered(call, TERMS)]
    # And back: the version rises with each description.
    switching(bench).leave(call)
    [back] = bench.out()
    audio = parse_sdp(back.body)
    assert audio.media[0].kind == "audio"
    assert audio.origin.version == sdp.origin.version + 1
    bench.send(response(back, 200, body=OFFER))
    assert bench.names() == ["MediaAgreed"]
    assert call.session is not None
    assert not call.session.speaks_t38
    switching(bench).leave(call)
    assert bench.out() == []


@pytest.mark.parametrize("status", [488, 415, 606, 491, 500])
def test_we_ask_and_audio_stands(status: int) -> None:
    bench = Bench()
    call, asked = ask(bench)
    [ack] = bench.send(response(asked, status))
    assert ack.method == "ACK"
    assert bench.happened() == [T38Answered(call, None)]
    assert call.state is CallState.CONFIRMED
    assert call.session is not None
    assert not call.session.speaks_t38


def test_we_ask_and_the_answer_is_something_else() -> None:
    bench = Bench()
    call, asked = ask(bench)
    sent = bench.send(response(asked, 200, body=OFFER))
    assert bench.happened() == [T38Answered(call, None)]
    assert [each.method for each in sent] == ["ACK", "INVITE"]
    assert parse_sdp(sent[1].body).media[0].kind == "audio"


def test_call_that_stands_on_t38_is_known_after_a_restart() -> None:
    bench = Bench()
    call, asked = ask(bench)
    bench.send(response(asked, 200, body=IMAGE))
    again = Bench()
    [restored] = again.core.restore(bench.journal, again.now)
    assert restored.ref == call.ref
    assert restored.session is not None
    assert restored.session.speaks_t38


@pytest.mark.parametrize(
    ("old", "new"),
    [
        (b"192.0.2.9\r\nt=0", b"0.0.0.0\r\nt=0"),
        (b"192.0.2.9\r\nt=0", b"fax.example\r\nt=0"),
        (b"transferredTCF", b"localTCF"),
        (b"udptl t38", b"TCP t38"),
        (b"4100", b"0"),
    ],
)
def test_t38_that_we_cannot_speak_is_refused(old: bytes, new: bytes) -> None:
    bench = Bench()
    call = bench.talk()
    [refusal] = reinvite(bench, call, IMAGE.replace(old, new))
    assert refusal.status == 488
    assert bench.names() == []


@given(
    st.integers(0, 3),
    st.lists(st.sampled_from([("audio", "RTP/AVP", "8"), ("video", "RTP/AVP", "34")]), max_size=3),
    st.sampled_from(["192.0.2.1", "2001:db8::1"]),
)
def test_what_is_described_is_read(
    place: int, others: list[tuple[str, str, str]], host: str
) -> None:
    place = min(place, len(others))
    ours = own_terms(RtpAddress(host, 7000))
    text = describe(7, host, place=place, others=tuple(others), terms=ours)
    assert runs_t38(text)
    sdp = parse_sdp(text)
    assert len(sdp.media) == len(others) + 1
    assert wants_t38(sdp) == place
    terms = read_terms(sdp, place, own_host=host, signalled_from="")
    assert terms == ours == T38Terms(remote=RtpAddress(host, 7000), most=1472)
    assert not runs_t38(text.replace(b"m=image 7000", b"m=image 0"))


@given(st.binary(max_size=60), st.integers(0, len(IMAGE)), st.integers(0, 40))
def test_changed_descriptions_are_refused_or_read(junk: bytes, at: int, cut: int) -> None:
    bench = Bench()
    call = bench.talk()
    body = IMAGE[:at] + junk + IMAGE[at + cut :]
    sent = reinvite(bench, call, body)
    assert call.state is CallState.CONFIRMED
    if sent and sent[0].status == 100:
        switching(bench).refuse(call)
        assert [each.status for each in bench.out()] == [488]
    try:
        sdp = parse_sdp(body)
    except ProtocolError:
        return
    place = wants_t38(sdp)
    if place is not None:
        read_terms(sdp, place, own_host="192.0.2.1", signalled_from="")
