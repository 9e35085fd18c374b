"""The kept messages: bounded, found by reference, number or line, without secrets."""

from drivers.events import Cause
from drivers.sip.ladder import MessageLog
from tests.fakes.sip_bench import OFFER, Bench, request, response


def titles(bench: Bench, *names: str) -> list[tuple[bool, str]]:
    return [(step.out, step.title) for step in bench.core.log.ladder(names)]


def test_ladder_shows_every_message_of_the_call_and_no_other() -> None:
    bench = Bench()
    call = bench.talk(call_id="one", branch="one")
    bench.talk(call_id="two", branch="two")
    bench.core.release(call, Cause.BUSY)
    (bye,) = bench.out()
    bench.send(response(bye, 200))
    steps = bench.core.log.ladder(["one"])
    assert {step.ref for step in steps} == {"one"}
    assert [(step.out, step.title) for step in steps] == [
        (False, "INVITE"),
        (True, "180 Ringing"),
        (True, "200 OK"),
        (False, "ACK"),
        (True, "BYE"),
        (False, "200 Whatever"),
    ]
    assert steps[0].peer == "udp 192.0.2.9:5060"
    assert steps[0].notes == "1 INVITE, SDP"
    assert "Q.850;cause=17" in steps[4].notes


def test_call_is_found_by_the_number_of_a_party() -> None:
    bench = Bench()
    bench.dial()
    bench.talk(call_id="in", branch="in")
    assert titles(bench, "0301234")[0] == (True, "INVITE")
    assert titles(bench, "030555")[0] == (False, "INVITE")
    assert titles(bench, "nobody") == []
    assert titles(bench) == []


def test_log_forgets_the_oldest() -> None:
    log = MessageLog(3)
    for number in range(10):
        log.keep((float(number), False, "h", 1, "udp", request("OPTIONS", call_id=f"c{number}")))
    assert len(log) == 3
    assert log.ladder(["c1"]) == []
    assert [step.at for step in log.ladder(["c9"])] == [9.0]


def test_nothing_is_kept_when_switched_off_and_garbage_is_passed_over() -> None:
    assert len(MessageLog(0)) == 0
    log = MessageLog(5)
    log.keep((1.0, False, "h", 1, "udp", b"garbage c1"))
    assert log.ladder(["c1"]) == []


def test_secrets_are_not_shown() -> None:
    bench = Bench()
    secret = ("Authorization", 'Digest username="u", response="0123456789"')
    bench.send(request("INVITE", call_id="s", headers=(secret,), body=OFFER))
    (step, *_) = bench.core.log.ladder(["s"])
    assert step.text.startswith("INVITE ")
    assert 'username="u"' in step.text
    assert "m=audio" in step.text
    assert all("0123456789" not in step.notes + step.text for step in bench.core.log.ladder(["s"]))
