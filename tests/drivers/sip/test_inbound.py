"""Calls that come in: who may call, who is calling, races, refusals."""

import pytest

from drivers.events import Cause
from drivers.sip.core.call import CallState
from drivers.sip.core.happenings import Connected, Ended, KeyPressed, MediaAgreed, Offered
from drivers.sip.transport.address import Address
from tests.fakes.sip_bench import OFFER, PHONE, Bench, request

SDP_NO_KEYS = OFFER.replace(b" 101", b"").replace(b"a=rtpmap:101 telephone-event/8000\r\n", b"")


def statuses(messages) -> list[int]:
    return [message.status for message in messages]


def test_invite_from_a_stranger_gets_403_and_nobody_is_told() -> None:
    bench = Bench()
    assert statuses(bench.send(request("INVITE", body=OFFER), ("203.0.113.5", 5060))) == [403]
    assert bench.happened() == []
    assert bench.core.services.counters["invite_from_stranger"] == 1


def test_invite_from_a_stranger_is_challenged_when_there_are_stations() -> None:
    bench = Bench().with_station()
    (challenge,) = bench.send(request("INVITE", body=OFFER), PHONE)
    assert challenge.status == 407
    assert [
        v.partition("algorithm=")[2].partition(",")[0]
        for v in challenge.headers("Proxy-Authenticate")
    ] == ["MD5", "SHA-256"]
    assert bench.happened() == []


def test_identity_comes_from_the_trunk_headers() -> None:
    bench = Bench()
    headers = (
        ("P-Asserted-Identity", '"Real" <sip:+4930777@carrier>, <tel:+4930777>'),
        ("Diversion", "<sip:2000@x>;reason=no-answer, <sip:1999@x>;reason=user-busy"),
    )
    bench.send(request("INVITE", headers=headers, body=OFFER))
    (offered,) = bench.happened()
    assert isinstance(offered, Offered)
    identity = offered.identity
    assert (identity.ani, identity.name, identity.dnis) == ("+4930777", "Real", "1000")
    assert (identity.redirecting, identity.reason) == ("2000", "cfna")
    assert not identity.restricted


def test_identity_is_withheld_when_privacy_is_asked_for() -> None:
    bench = Bench()
    headers = (("P-Asserted-Identity", "<sip:+4930777@carrier>"), ("Privacy", "id;critical"))
    bench.send(request("INVITE", headers=headers, body=OFFER))
    (offered,) = bench.happened()
    assert isinstance(offered, Offered)
    assert (offered.identity.ani, offered.identity.restricted) == ("", True)


@pytest.mark.parametrize(
    ("cause", "status"),
    [
        (Cause.BUSY, 486),
        (Cause.REJECTED, 603),
        (Cause.NO_ROUTE, 404),
        (Cause.CONGESTION, 503),
        (Cause.TEMPORARY_FAILURE, 480),
        (Cause.NORMAL, 480),
    ],
)
def test_release_before_answer_sends_the_status_of_the_cause(cause: Cause, status: int) -> None:
    bench = Bench()
    call = bench.offer_call()
    bench.core.release(call, cause)
    (refusal,) = bench.out()
    assert refusal.status == status
    assert refusal.header("Reason") == f"Q.850;cause={int(cause)}"
    assert (refusal.header("Retry-After") is not None) is (status == 503)
    assert [one.cause for one in bench.happened() if isinstance(one, Ended)] == [cause]
    bench.core.release(call, cause)
    assert bench.out() == []
    assert bench.happened() == []


def test_100_leaves_only_when_the_driver_takes_its_time() -> None:
    bench = Bench()
    assert bench.send(request("INVITE", body=OFFER)) == []
    assert bench.pass_time(0.19) == []
    assert statuses(bench.pass_time(0.01)) == [100]
    bench = Bench()
    bench.offer_call()
    assert bench.pass_time(1.0) == []


def test_180_is_sent_again_each_minute_while_it_rings() -> None:
    bench = Bench()
    bench.offer_call()
    assert bench.pass_time(59.0) == []
    assert statuses(bench.pass_time(1.0)) == [180]
    assert statuses(bench.pass_time(60.0)) == [180]


def test_refused_strangers_leave_nothing_behind() -> None:
    bench = Bench().with_station()
    for number in range(50):
        names = {"call_id": f"x{number}", "branch": f"x{number}"}
        for method in ("INVITE", "REGISTER", "OPTIONS", "BYE", "MESSAGE", "CANCEL"):
            bench.send(request(method, **names), PHONE)
    assert not bench.core.services.transactions.servers
    assert bench.core.next_deadline() is None


def test_repeated_refusal_without_a_transaction_has_the_same_tag() -> None:
    bench = Bench()
    stranger = ("203.0.113.5", 5060)
    (first,), (second,) = (bench.send(request("INVITE", body=OFFER), stranger) for _ in range(2))
    assert first.to_tag == second.to_tag != ""


def test_name_in_latin_1_is_read_and_can_be_journaled() -> None:
    bench = Bench()
    data = request("INVITE", body=OFFER).replace(b"From: Ann", b'From: "J\xfcrgen"')
    bench.send(data)
    (offered,) = bench.happened()
    assert isinstance(offered, Offered)
    assert offered.identity.name == "J\u00fcrgen"
    assert bench.core.accept(offered.call, "192.0.2.1", 6000)
    assert bench.journal


def test_journal_has_the_call_before_the_200_leaves() -> None:
    bench = Bench()
    call = bench.offer_call()
    seen: list[int] = []
    bench.core.services.journal = lambda kind, payload: seen.append(len(bench.core.services.out))
    bench.core.accept(call, "192.0.2.1", 6000)
    assert seen == [0]
    assert statuses(bench.out()) == [200]


def test_200_is_repeated_until_the_ack_and_then_bye() -> None:
    bench = Bench()
    call = bench.offer_call()
    bench.core.accept(call, "192.0.2.1", 6000)
    bench.out()
    sent = {}
    for moment in (0.5, 1.5, 3.5, 7.5, 11.5, 15.5, 19.5, 23.5, 27.5, 31.5):
        before = bench.pass_time(1000.0 + moment - bench.now - 0.01)
        sent[moment] = statuses(before), statuses(bench.pass_time(0.02))
    assert all(found == ([], [200]) for found in sent.values())
    (bye,) = bench.pass_time(0.5)
    assert bye.method == "BYE"
    ended = [one for one in bench.happened() if isinstance(one, Ended)]
    assert [one.cause for one in ended] == [Cause.TIMER_EXPIRED]


def test_late_cancel_after_200_changes_nothing() -> None:
    bench = Bench()
    call = bench.offer_call()
    bench.core.accept(call, "192.0.2.1", 6000)
    bench.out()
    (response,) = bench.send(request("CANCEL"))
    assert (response.status, response.cseq.method) == (200, "CANCEL")
    bench.happened()
    bench.send(request("ACK", branch="a", to_tag=call.local_tag))
    assert bench.names() == ["Connected"]


def test_cancel_without_its_invite_gets_481() -> None:
    assert statuses(Bench().send(request("CANCEL", branch="none"))) == [481]


def test_cancel_says_that_another_took_the_call() -> None:
    bench = Bench()
    bench.offer_call()
    reason = (("Reason", 'SIP ;cause=200 ;text="Call completed elsewhere"'),)
    bench.send(request("CANCEL", headers=reason))
    (ended,) = bench.happened()
    assert isinstance(ended, Ended)
    assert ended.cause is Cause.ANSWERED_ELSEWHERE


def test_answer_after_cancel_tells_that_the_caller_is_gone() -> None:
    bench = Bench()
    call = bench.offer_call()
    bench.send(request("CANCEL"))
    assert bench.core.accept(call, "192.0.2.1", 6000) is False


def test_release_before_the_ack_waits_with_the_bye() -> None:
    bench = Bench()
    call = bench.offer_call()
    bench.core.accept(call, "192.0.2.1", 6000)
    bench.out()
    bench.core.release(call, Cause.NORMAL)
    assert bench.out() == []
    assert "Ended" in bench.names()
    (bye,) = bench.send(request("ACK", branch="a", to_tag=call.local_tag))
    assert bye.method == "BYE"
    assert bench.names() == []


def test_bye_before_the_ack_ends_the_call_and_the_repeating() -> None:
    bench = Bench()
    call = bench.offer_call()
    bench.core.accept(call, "192.0.2.1", 6000)
    bench.out()
    bye = request("BYE", branch="bye", cseq=2, to_tag=call.local_tag)
    assert statuses(bench.send(bye)) == [200]
    assert bench.names() == ["MediaAgreed", "Connected", "Ended"]
    assert bench.pass_time(40.0) == []


def test_bye_in_an_early_dialog_ends_the_invite() -> None:
    bench = Bench()
    call = bench.offer_call()
    bye = request("BYE", branch="bye", cseq=2, to_tag=call.local_tag)
    assert statuses(bench.send(bye)) == [200, 487]
    assert bench.names() == ["Ended"]


def test_ack_with_the_branch_of_the_invite_counts_too() -> None:
    bench = Bench()
    call = bench.offer_call()
    bench.core.accept(call, "192.0.2.1", 6000)
    bench.out()
    bench.happened()
    bench.send(request("ACK", branch="b1", to_tag=call.local_tag))
    assert bench.names() == ["Connected"]


def test_merged_invite_gets_482() -> None:
    bench = Bench()
    bench.send(request("INVITE", branch="one", body=OFFER))
    assert statuses(bench.send(request("INVITE", branch="two", body=OFFER))) == [482]
    assert bench.names() == ["Offered"]


def test_repeated_invite_gets_the_last_response_and_no_second_call() -> None:
    bench = Bench()
    bench.offer_call()
    assert statuses(bench.send(request("INVITE", body=OFFER))) == [180]
    assert bench.happened() == []


@pytest.mark.parametrize(
    ("data", "status"),
    [
        (request("BYE", to_tag="nobody"), 481),
        (request("INVITE", to_tag="nobody", body=OFFER), 481),
        (request("INFO", to_tag="nobody"), 481),
        (request("INFO"), 481),
        (request("PUBLISH"), 405),
        (request("REFER"), 403),
        (request("NEWMETHOD"), 405),
        (request("INVITE", uri="mailto:a@b", body=OFFER), 416),
        (request("INVITE", headers=(("Require", "precondition, 100rel"),), body=OFFER), 420),
        (request("INVITE", headers=(("Content-Type", "text/plain"),), body=b"hi"), 415),
        (request("INVITE", headers=(("Content-Encoding", "gzip"),), body=OFFER), 415),
        (request("INVITE", headers=(("Accept", "text/plain"),), body=OFFER), 406),
        (request("INVITE", body=b"v=0\r\nnonsense\r\n"), 488),
        (request("INVITE", contact="*", body=OFFER), 400),
        (request("OPTIONS"), 200),
        (
            b"INVITE sip:a@b SIP/3.0\r\nVia: SIP/2.0/UDP h;branch=z9hG4bKq\r\nFrom: <sip:a@b>;tag=1\r\n"
            b"To: <sip:a@b>\r\nCall-ID: c\r\nCSeq: 1 INVITE\r\n\r\n",
            505,
        ),
    ],
)
def test_unusable_request_gets_its_status(data: bytes, status: int) -> None:
    bench = Bench()
    responses = bench.send(data)
    assert statuses(responses) == [status]
    assert bench.happened() == []
    if status == 405:
        assert "INVITE" in (responses[0].header("Allow") or "")
    if status == 420:
        assert responses[0].header("Unsupported") == "precondition"


@pytest.mark.parametrize("data", [b"", b"\r\n\r\n", b"nonsense", b"SIP/2.0 200 OK\r\n\r\n"])
def test_garbage_is_dropped_and_counted(data: bytes) -> None:
    bench = Bench()
    assert bench.send(data) == []
    assert sum(bench.core.services.counters.values()) == 1


def test_response_goes_where_rport_says_and_else_to_the_via_port() -> None:
    bench = Bench()
    bench.core.receive(request("OPTIONS", via="10.0.0.5:5070"), Address("192.0.2.9", 1024), 1000.0)
    plain = request("OPTIONS", branch="p", call_id="p", via="10.0.0.5:5070").replace(b";rport", b"")
    bench.core.receive(plain, Address("192.0.2.9", 1024), 1000.0)
    (one, first), (other, second) = bench.core.take_out()
    assert (first[:2], second[:2]) == (("192.0.2.9", 1024), ("192.0.2.9", 5070))
    assert b";rport=1024;received=192.0.2.9\r\n" in one
    assert b";received=192.0.2.9\r\n" in other


def test_options_and_old_cseq_within_the_dialog() -> None:
    bench = Bench()
    call = bench.talk()
    ask = {"to_tag": call.local_tag}
    assert statuses(bench.send(request("OPTIONS", branch="o", cseq=5, **ask))) == [200]
    assert statuses(bench.send(request("INFO", branch="i", cseq=4, **ask))) == [500]
    wrong = request("INFO", branch="w", cseq=6, from_tag="other", **ask)
    assert statuses(bench.send(wrong)) == [481]


def test_info_is_the_digit_source_only_without_telephone_event() -> None:
    relay = (("Content-Type", "application/dtmf-relay"),)
    body = b"Signal=5\r\nDuration=160\r\n"
    bench = Bench()
    call = bench.talk(body=SDP_NO_KEYS)
    info = request("INFO", branch="i", cseq=2, to_tag=call.local_tag, headers=relay, body=body)
    assert statuses(bench.send(info)) == [200]
    assert [
        (one.key, one.duration_ms) for one in bench.happened() if isinstance(one, KeyPressed)
    ] == [("5", 160)]
    bench = Bench()
    call = bench.talk()
    info = request("INFO", branch="i", cseq=2, to_tag=call.local_tag, headers=relay, body=body)
    assert statuses(bench.send(info)) == [200]
    assert bench.happened() == []
    assert bench.core.services.counters["digit_other_source"] == 1


def test_delayed_offer_without_answer_ends_the_call() -> None:
    bench = Bench()
    call = bench.offer_call(body=b"")
    bench.core.accept(call, "192.0.2.1", 6000)
    bench.out()
    (bye,) = bench.send(request("ACK", branch="a", to_tag=call.local_tag))
    assert bye.method == "BYE"
    assert [type(one) for one in bench.happened()] == [Ended]


def test_media_is_told_before_the_call_stands() -> None:
    bench = Bench()
    call = bench.offer_call()
    bench.core.accept(call, "192.0.2.1", 6000)
    (media,) = bench.happened()
    assert isinstance(media, MediaAgreed)
    assert (media.remote.host, media.remote.port) == ("192.0.2.9", 4000)
    assert (media.fmt.codec, media.fmt.payload_type, media.fmt.dtmf_payload_type) == (
        "PCMA",
        8,
        101,
    )
    bench.send(request("ACK", branch="a", to_tag=call.local_tag))
    assert [type(one) for one in bench.happened()] == [Connected]
    assert call.state is CallState.CONFIRMED


def test_requests_go_to_the_source_when_the_contact_is_a_name() -> None:
    bench = Bench()
    bench.send(request("INVITE", contact="<sip:peer@pbx.invalid>", body=OFFER))
    bench.happened()
    call = bench.calls[-1]
    bench.core.accept(call, "192.0.2.1", 6000)
    bench.send(request("ACK", branch="a", to_tag=call.local_tag))
    bench.core.release(call, Cause.NORMAL)
    ((data, address),) = bench.core.take_out()
    assert data.startswith(b"BYE sip:peer@pbx.invalid SIP/2.0\r\n")
    assert address[:2] == ("192.0.2.9", 5060)
