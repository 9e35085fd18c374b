"""Session timers (RFC 4028): both refreshers, 422 in both directions, refreshes that fail."""

import msgspec
import pytest

from cython_ext.sip_wire import Message
from drivers.events import Cause
from drivers.sip.core.call import Call, CallState
from drivers.sip.core.happenings import Ended
from tests.fakes.sip_bench import OFFER, OPTIONS, Bench, request, response

CONTACT = ("Contact", "<sip:far@192.0.2.9:5060>")
TIMER = ("Supported", "timer")


def expires(value: str) -> tuple[str, str]:
    return "Session-Expires", value


def answered(bench: Bench, *headers: tuple[str, str]) -> tuple[Call, Message]:
    """An outbound call whose 200 has these headers too."""
    call, invite = bench.dial()
    bench.send(response(invite, 200, headers=(CONTACT, *headers), body=OFFER))
    bench.happened()
    return call, invite


def later(bench: Bench, seconds: float) -> list[Message]:
    """What is sent meanwhile, without repetitions."""
    return list({one.raw: one for one in bench.pass_time(seconds)}.values())


def offered(bench: Bench, *headers: tuple[str, str]) -> list[Message]:
    """What an INVITE with these headers is answered with when we accept it."""
    sent = bench.send(request("INVITE", headers=headers, body=OFFER))
    bench.happened()
    if bench.calls:
        bench.core.accept(bench.calls[-1], "192.0.2.1", 6000)
    return sent + bench.out()


def test_invite_asks_for_the_interval_and_leaves_the_refresher_open() -> None:
    _, invite = Bench().dial()
    assert invite.header("Session-Expires") == "1800"
    assert "timer" in invite.headers("Supported")


def test_nothing_is_asked_when_switched_off() -> None:
    bench = Bench(msgspec.structs.replace(OPTIONS, session_expires_s=0))
    _, invite = bench.dial()
    assert invite.header("Session-Expires") is None
    assert "timer" not in invite.headers("Supported")
    assert offered(Bench(bench.core.options), TIMER, expires("600"))[0].header("x") is None


@pytest.mark.parametrize(
    ("headers", "answer", "required"),
    [
        ((TIMER,), "1800;refresher=uac", True),
        ((TIMER, expires("600")), "600;refresher=uac", True),
        ((TIMER, expires("600;refresher=uac")), "600;refresher=uac", True),
        ((TIMER, expires("600;refresher=uas")), "600;refresher=uas", False),
        ((TIMER, expires("7200")), "1800;refresher=uac", True),
        ((TIMER, ("x", "600;refresher=uas")), "600;refresher=uas", False),
        ((TIMER, expires("7200"), ("Min-SE", "3600")), "3600;refresher=uac", True),
        ((expires("600"),), "600;refresher=uas", False),
        ((expires("600;refresher=uac"),), "600;refresher=uas", False),
        ((expires("nonsense"), TIMER), "1800;refresher=uac", True),
        ((), None, False),
    ],
)
def test_200_settles_interval_and_refresher(
    headers: tuple[tuple[str, str], ...], answer: str | None, required: bool
) -> None:
    (ok,) = offered(Bench(), *headers)
    assert ok.status == 200
    assert ok.header("Session-Expires") == answer
    assert ("timer" in ok.headers("Require")) is required


def test_refreshes_too_often_are_refused_with_422() -> None:
    (refusal,) = offered(Bench(), TIMER, expires("60"))
    assert (refusal.status, refusal.header("Min-SE")) == (422, "90")


def test_client_without_the_extension_is_never_sent_422() -> None:
    (ok,) = offered(Bench(), expires("60"))
    assert (ok.status, ok.header("Session-Expires")) == (200, "90;refresher=uas")


def test_we_refresh_by_update_when_the_peer_takes_it() -> None:
    bench = Bench()
    call, invite = answered(bench, expires("600;refresher=uac"), ("Allow", "INVITE, UPDATE"))
    assert later(bench, 299.0) == []
    (update,) = later(bench, 1.5)
    assert (update.method, update.body) == ("UPDATE", b"")
    assert update.cseq.number == invite.cseq.number + 1
    assert update.header("Session-Expires") == "600;refresher=uac"
    bench.send(response(update, 200, headers=(CONTACT, expires("600;refresher=uac"))))
    later(bench, 299.0)
    (again,) = later(bench, 1.5)
    assert again.cseq.number == update.cseq.number + 1
    assert call.state is CallState.CONFIRMED


def test_we_refresh_by_reinvite_else_with_the_same_description() -> None:
    bench = Bench()
    _, invite = answered(bench, expires("600;refresher=uac"))
    (again,) = later(bench, 300.5)
    assert again.method == "INVITE"
    assert again.body == invite.body
    assert again.header("Session-Expires") == "600;refresher=uac"
    ok = response(again, 200, headers=(CONTACT, expires("600;refresher=uac")), body=OFFER)
    (ack,) = bench.send(ok)
    assert ack.method == "ACK"
    bench.happened()
    later(bench, 290.0)
    assert bench.names() == []


def test_peer_that_refuses_update_is_refreshed_by_reinvite() -> None:
    bench = Bench()
    answered(bench, expires("600;refresher=uac"), ("Allow", "UPDATE"))
    (update,) = later(bench, 300.5)
    (again,) = bench.send(response(update, 501))
    assert again.method == "INVITE"


def test_refresh_with_too_small_an_interval_is_sent_again_with_theirs() -> None:
    bench = Bench()
    answered(bench, expires("600;refresher=uac"), ("Allow", "UPDATE"))
    (update,) = later(bench, 300.5)
    (again,) = bench.send(response(update, 422, headers=(("Min-SE", "900"),)))
    assert again.header("Session-Expires") == "900;refresher=uac"
    assert again.header("Min-SE") == "900"


@pytest.mark.parametrize(("status", "sent"), [(481, []), (408, ["BYE"])])
def test_refresh_of_a_lost_dialog_ends_the_call(status: int, sent: list[str]) -> None:
    bench = Bench()
    answered(bench, expires("600;refresher=uac"), ("Allow", "UPDATE"))
    (update,) = later(bench, 300.5)
    assert [one.method for one in bench.send(response(update, status))] == sent
    assert bench.names() == ["Ended"]


def test_refresh_that_nobody_answers_ends_the_call() -> None:
    bench = Bench()
    answered(bench, expires("600;refresher=uac"), ("Allow", "UPDATE"))
    later(bench, 300.5)
    out = later(bench, 33.0)
    assert out[-1].method == "BYE"
    assert bench.names() == ["Ended"]


def test_refresh_refused_for_a_while_is_tried_again_and_ends_the_call_at_last() -> None:
    bench = Bench()
    answered(bench, expires("600;refresher=uac"), ("Allow", "UPDATE"))
    sent: list[str] = []
    (update,) = later(bench, 300.5)
    for _ in range(40):
        for one in bench.send(response(update, 503)) + later(bench, 10.1):
            sent.append(one.method)
            if one.method == "UPDATE":
                update = one
        if "BYE" in sent:
            break
    assert sent.count("UPDATE") > 10
    assert sent[-1] == "BYE"
    assert [one.cause for one in bench.happened() if isinstance(one, Ended)] == [
        Cause.TIMER_EXPIRED
    ]


def test_peer_that_does_not_refresh_is_hung_up_shortly_before_the_end() -> None:
    bench = Bench()
    answered(bench, expires("600;refresher=uas"))
    assert later(bench, 567.0) == []
    (bye,) = later(bench, 1.5)
    assert bye.method == "BYE"
    (ended,) = bench.happened()
    assert isinstance(ended, Ended)
    assert (ended.cause, ended.detail) == (Cause.TIMER_EXPIRED, "session expired")


def test_peer_that_refreshes_keeps_its_call() -> None:
    bench = Bench()
    call = bench.talk()
    inside = {"call_id": call.ref, "to_tag": call.local_tag}
    for number in range(2, 8):
        later(bench, 500.0)
        update = request(
            "UPDATE",
            cseq=number,
            branch=f"u{number}",
            headers=(TIMER, expires("600;refresher=uac")),
            **inside,
        )
        (ok,) = bench.send(update)
        assert (ok.status, ok.header("Session-Expires")) == (200, "600;refresher=uac")
        assert ok.body == b""
    assert bench.names() == []
    (bye,) = later(bench, 570.0)
    assert bye.method == "BYE"


def test_2xx_without_the_header_means_that_the_session_does_not_expire() -> None:
    bench = Bench()
    call, _ = answered(bench)
    assert later(bench, 100_000.0) == []
    assert call.state is CallState.CONFIRMED


def test_422_to_our_invite_is_followed_once() -> None:
    bench = Bench()
    _, invite = bench.dial()
    brief = response(invite, 422, headers=(("Min-SE", "3600"),))
    ack, again = bench.send(brief)
    assert (ack.method, again.method) == ("ACK", "INVITE")
    assert (again.header("Session-Expires"), again.header("Min-SE")) == ("3600", "3600")
    assert again.cseq.number == invite.cseq.number + 1
    assert (again.call_id, again.from_tag) == (invite.call_id, invite.from_tag)
    (ack,) = bench.send(response(again, 422, headers=(("Min-SE", "3600"),)))
    assert ack.method == "ACK"
    assert bench.names() == ["Ended"]


def test_hold_keeps_who_refreshes() -> None:
    bench = Bench()
    call, _ = answered(bench, expires("600;refresher=uas"))
    bench.core.set_hold(call, hold=True)
    (hold,) = bench.out()
    assert hold.header("Session-Expires") == "600;refresher=uas"


def test_timer_goes_on_after_a_restart() -> None:
    old = Bench()
    answered(old, expires("600;refresher=uac"), ("Allow", "UPDATE"))
    bench = Bench(seed=5, start=old.now + 2.0)
    bench.core.restore(old.journal, bench.now)
    bench.core.resume()
    (update,) = later(bench, 80.0)
    assert update.method == "UPDATE"
    bench.send(response(update, 200, headers=(CONTACT, expires("600;refresher=uac"))))
    silent = Bench(seed=6, start=bench.now + 1.0)
    silent.core.restore(old.journal + bench.journal, silent.now)
    silent.core.resume()
    next_one = later(silent, 80.0)[0]
    assert next_one.cseq.number == update.cseq.number + 1
