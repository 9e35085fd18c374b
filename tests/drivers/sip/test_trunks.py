"""Trunks: number rules, gateways and failover, guards, identity in and out."""

import random
from collections import Counter

import msgspec
import pytest

from cython_ext.sip_wire import Message, parse
from drivers.api import CallDetails
from drivers.events import Cause
from drivers.sip.core.call import Call, CallState
from drivers.sip.core.happenings import Ended, Identity, Offered
from drivers.sip.options import SipOptions, TrunkOptions
from drivers.sip.transport.address import Address
from drivers.sip.trunks.gateways import Gateway, in_order
from drivers.sip.trunks.guards import Guard, NotAllowed
from drivers.sip.trunks.plan import GatewayOptions, NumberRule, rewrite
from tests.fakes.sip_bench import OFFER, OPTIONS, TRUNK, Bench, request, response

SECOND, THIRD = Address("192.0.2.10", 5060), Address("192.0.2.11", 5060)
SPARE = (GatewayOptions(target="192.0.2.10:5060"), GatewayOptions(target="192.0.2.11:5060"))


def bench_with(emergency: tuple[str, ...] = (), **changes: object) -> Bench:
    trunk = msgspec.structs.replace(OPTIONS.trunks[0], **changes)
    return Bench(msgspec.structs.replace(OPTIONS, trunks=(trunk,), emergency=emergency))


def dial(bench: Bench, number: str = "0301234", ani: str = "", **said: object) -> Call:
    details = CallDetails(**said) if said else None
    bench.core.services.timers.now = bench.now
    call = bench.core.dial_trunk("carrier", number, line="carrier/1", ani=ani, details=details)
    bench.core.start(call, name="Desk", host="192.0.2.1", port=6002)
    return call


def sent(bench: Bench) -> list[tuple[Message, Address]]:
    return [(parse(data), address) for data, address in bench.core.take_out()]


# Numbers


@pytest.mark.parametrize(
    ("number", "becomes"),
    [
        ("0301234", "+49301234"),
        ("00441234", "+441234"),
        ("112", "112"),
        ("+491", "+491"),
        ("9110", ""),
    ],
)
def test_first_rule_that_matches_the_whole_number_counts(number: str, becomes: str) -> None:
    rules = (
        NumberRule(match="9110", replace=""),
        NumberRule(match="00(.*)", replace=r"+\1"),
        NumberRule(match="0([1-9].*)", replace=r"+49\1"),
    )
    assert rewrite(rules, number) == becomes


def test_outgoing_numbers_are_rewritten_both() -> None:
    bench = bench_with(
        dial_rules=(NumberRule(match="0([1-9].*)", replace=r"+49\1"),),
        caller_rules=(NumberRule(match="2(0..)", replace=r"+4930555\1"),),
    )
    dial(bench, "0301234", "2001")
    ((invite, _),) = sent(bench)
    assert invite.uri == "sip:+49301234@192.0.2.9:5060"
    assert "sip:+4930555001@" in (invite.header("From") or "")


def test_caller_that_a_rule_empties_is_withheld() -> None:
    bench = bench_with(caller_rules=(NumberRule(match=".*", replace=""),))
    dial(bench, "0301234", "2001")
    ((invite, _),) = sent(bench)
    assert "sip:anonymous@anonymous.invalid" in (invite.header("From") or "")


def test_incoming_numbers_are_rewritten_both() -> None:
    bench = bench_with(
        ani_rules=(NumberRule(match="030(.*)", replace=r"+4930\1"),),
        dnis_rules=(NumberRule(match="1(000)", replace=r"\1"),),
    )
    bench.send(request("INVITE", body=OFFER))
    (offered,) = bench.happened()
    assert isinstance(offered, Offered)
    assert (offered.identity.ani, offered.identity.dnis) == ("+4930555", "000")


@pytest.mark.parametrize(
    ("changes", "key"),
    [
        ({"dial_rules": (NumberRule(match="(", replace=""),)}, "trunks[0].dial_rules[0]"),
        ({"ani_rules": (NumberRule(match="0.*", replace=r"\1"),)}, "trunks[0].ani_rules[0]"),
        ({"allowed": ("abc",)}, "trunks[0].allowed"),
        ({"headers": ("Via",)}, "trunks[0].headers"),
        ({"headers": ("X Y",)}, "trunks[0].headers"),
        ({"redirection": "post"}, "trunks[0].redirection"),
        ({"register": True}, "trunks[0].register"),
        ({"gateways": (GatewayOptions(target="x y"),)}, "trunks[0].gateways[0].target"),
        ({"gateways": (GatewayOptions(target="1.2.3.4", weight=-1),)}, "trunks[0].gateways[0]"),
    ],
)
def test_fault_in_the_options_is_named(changes: dict[str, object], key: str) -> None:
    trunk = msgspec.structs.replace(OPTIONS.trunks[0], **changes)
    faults = msgspec.structs.replace(OPTIONS, trunks=(trunk,)).faults()
    assert [fault.key for fault in faults] == [key]
    assert faults[0].zh


# Gateways


def gateways(*options: GatewayOptions) -> list[Gateway]:
    return [Gateway(one, one.target, 5060, Address(one.target, 5060)) for one in options]


def test_gateways_are_tried_by_priority_and_by_weight_within_it() -> None:
    few = gateways(
        GatewayOptions(target="a", priority=1),
        GatewayOptions(target="b", priority=0, weight=3),
        GatewayOptions(target="c", priority=0, weight=1),
        GatewayOptions(target="d", priority=0, weight=0),
    )
    rng = random.Random(1)
    firsts: Counter[str] = Counter()
    for _ in range(4000):
        order = [one.host for one in in_order(few, 0.0, rng)]
        assert order[2:] == ["d", "a"]
        firsts[order[0]] += 1
    assert set(firsts) == {"b", "c"}
    assert 2.6 < firsts["b"] / firsts["c"] < 3.4


def test_gateway_that_is_down_comes_last_and_a_full_one_not_at_all() -> None:
    down, full, good = gateways(
        GatewayOptions(target="down"),
        GatewayOptions(target="full", max_calls=2),
        GatewayOptions(target="good", priority=9),
    )
    down.failed(100.0)
    full.calls = 2
    rng = random.Random(1)
    assert [one.host for one in in_order([down, full, good], 110.0, rng)] == ["good", "down"]
    assert len(in_order([down, full, good], 110.0, rng, even_full=True)) == 3
    assert in_order([down, good], 131.0, rng)[0] is down
    down.failed(100.0, retry_after=5.0)
    assert down.is_up(105.0)


def test_call_goes_on_to_the_next_gateway_and_avoids_the_failed_one_afterwards() -> None:
    bench = bench_with(gateways=SPARE[:1])
    call = dial(bench)
    ((first, place),) = sent(bench)
    assert place == TRUNK
    bench.core.receive(response(first, 503), TRUNK, bench.now)
    (_, ack_place), (second, place) = sent(bench)
    assert (ack_place, place) == (TRUNK, SECOND)
    assert second.uri == "sip:0301234@192.0.2.10:5060"
    assert second.call_id == first.call_id
    assert second.top_via.branch != first.top_via.branch
    bench.core.receive(response(second, 200, body=OFFER), SECOND, bench.now)
    assert call.state is CallState.CONFIRMED
    sent(bench)
    dial(bench)
    assert sent(bench)[0][1] == SECOND
    bench.pass_time(31.0)
    dial(bench)
    assert sent(bench)[0][1] == TRUNK


@pytest.mark.parametrize("status", [486, 404, 603, 488])
def test_refusal_of_the_number_is_not_the_gateways_fault(status: int) -> None:
    bench = bench_with(gateways=SPARE)
    dial(bench)
    ((invite, _),) = sent(bench)
    bench.core.receive(response(invite, status), TRUNK, bench.now)
    assert [message.method for message, _ in sent(bench)] == ["ACK"]
    assert bench.core.trunks["carrier"].gateways[0].is_up(bench.now)


def test_silent_gateway_is_passed_over_soon() -> None:
    bench = bench_with(gateways=SPARE)
    dial(bench)
    sent(bench)
    bench.core.advance(bench.now + 4.1)
    places = {place for _, place in sent(bench)}
    assert len(places) == 2
    bench.core.advance(bench.now + 8.2)
    bench.core.advance(bench.now + 60.0)
    assert [one.cause for one in bench.happened() if isinstance(one, Ended)] == [
        Cause.NO_USER_RESPONDING
    ]
    assert not bench.core.services.transactions.clients


def test_late_answer_of_a_gateway_that_was_passed_over_is_hung_up() -> None:
    bench = bench_with(gateways=SPARE[:1])
    dial(bench)
    ((first, _),) = sent(bench)
    bench.core.receive(response(first, 503), TRUNK, bench.now)
    second = sent(bench)[-1][0]
    bench.core.receive(response(second, 200, body=OFFER), SECOND, bench.now)
    sent(bench)
    late = response(first, 200, tag="late", body=OFFER)
    bench.pass_time(40.0)
    bench.core.receive(late, TRUNK, bench.now)
    assert [(one.method, one.to_tag) for one, _ in sent(bench)] == [
        ("ACK", "late"),
        ("BYE", "late"),
    ]


def test_gateway_counts_its_calls_and_gives_them_back() -> None:
    bench = bench_with(gateways=(msgspec.structs.replace(SPARE[0], max_calls=1),), target="")
    call = dial(bench)
    gateway = bench.core.trunks["carrier"].gateways[0]
    assert gateway.calls == 1
    with pytest.raises(NotAllowed, match="full"):
        dial(bench)
    bench.core.release(call, Cause.NORMAL)
    bench.pass_time(70.0)
    assert gateway.calls == 0
    dial(bench)


# Guards


def test_only_allowed_prefixes_are_called_and_emergencies_always() -> None:
    bench = bench_with(emergency=("112",), allowed=("030", "+49"), max_outgoing=1)
    with pytest.raises(NotAllowed, match="prefixes"):
        dial(bench, "0900123")
    dial(bench, "030123")
    with pytest.raises(NotAllowed, match="carries 1 outgoing"):
        dial(bench, "030124")
    dial(bench, "112")
    assert sent(bench)[-1][0].uri == "sip:112@192.0.2.9:5060"


def test_emergency_number_is_sent_as_it_is() -> None:
    rules = (NumberRule(match="(.*)", replace=r"+49\1"),)
    bench = bench_with(emergency=("112",), dial_rules=rules)
    dial(bench, "112")
    assert sent(bench)[0][0].uri == "sip:112@192.0.2.9:5060"


def test_calls_of_an_hour_are_counted_as_it_passes() -> None:
    guard = Guard("t", allowed=(), at_once=0, per_hour=2)
    guard.admit("1", 0.0, emergency=False)
    guard.admit("1", 1800.0, emergency=False)
    with pytest.raises(NotAllowed, match="last hour"):
        guard.admit("1", 3599.0, emergency=False)
    guard.admit("1", 3600.0, emergency=False)
    with pytest.raises(NotAllowed):
        guard.admit("1", 5399.0, emergency=False)
    guard.admit("1", 5400.0, emergency=False)


def test_refused_call_takes_up_nothing() -> None:
    bench = bench_with(max_outgoing=1)
    call = dial(bench)
    bench.core.release(call, Cause.NORMAL)
    bench.pass_time(70.0)
    assert bench.core.trunks["carrier"].guard.open == 0
    assert dial(bench).seat is not None


def test_call_without_hops_left_is_not_placed() -> None:
    with pytest.raises(NotAllowed, match="too many"):
        dial(bench_with(), hops=0)


# Identity


def test_call_details_reach_a_trusted_trunk() -> None:
    bench = bench_with(assert_identity=True, redirection="both", headers=("X-Account",))
    dial(
        bench,
        ani="4930111",
        redirecting="4930999",
        reason="cfb",
        uui="6869;encoding=hex",
        headers={"x-account": "7", "X-Other": "8"},
        replaces="a@b;to-tag=1;from-tag=2",
        referred_by="<sip:2001@pbx>",
        hops=12,
    )
    ((invite, _),) = sent(bench)
    assert invite.header("P-Asserted-Identity") == "<sip:4930111@192.0.2.1:5060>"
    assert invite.header("Diversion") == "<sip:4930999@192.0.2.1:5060>;reason=user-busy"
    assert invite.headers("History-Info") == [
        "<sip:4930999@192.0.2.1:5060>;index=1",
        "<sip:0301234@192.0.2.9:5060;cause=486>;index=1.1;mp=1",
    ]
    assert invite.header("User-to-User") == "6869;encoding=hex"
    assert invite.header("X-Account") == "7"
    assert invite.header("X-Other") is None
    assert invite.header("Replaces") == "a@b;to-tag=1;from-tag=2"
    assert invite.header("Referred-By") == "<sip:2001@192.0.2.1:5060>"
    assert invite.max_forwards == 12


def test_withheld_number_is_known_to_trusted_trunks_only() -> None:
    trusted = bench_with(assert_identity=True)
    dial(trusted, ani="4930111", restricted=True)
    ((invite, _),) = sent(trusted)
    assert "anonymous.invalid" in (invite.header("From") or "")
    assert (
        invite.header("Privacy"),
        "4930111" in (invite.header("P-Asserted-Identity") or ""),
    ) == (
        "id",
        True,
    )
    other = bench_with(assert_identity=True, trust_identity=False)
    dial(other, ani="4930111", restricted=True, redirecting="1", uui="x")
    ((invite, _),) = sent(other)
    assert b"4930111" not in invite.raw
    assert invite.header("Diversion") is None
    assert invite.header("User-to-User") is None


def test_what_would_end_a_header_is_not_sent() -> None:
    bench = bench_with(headers=("X-A",))
    dial(bench, uui="a\r\nEvil: 1", headers={"X-A": "b\r\nEvil: 1"}, redirecting='1"\r\nEvil: 1')
    ((invite, _),) = sent(bench)
    assert invite.header("Evil") is None


def offered(bench: Bench, *headers: tuple[str, str]) -> Identity:
    bench.send(request("INVITE", headers=headers, body=OFFER))
    (one,) = bench.happened()
    assert isinstance(one, Offered)
    return one.identity


def test_history_and_user_data_are_read_from_a_trusted_trunk() -> None:
    entries = "<sip:100@h>;index=1, <sip:200@h;cause=486>;index=1.1;mp=1, <sip:1000@h>;index=1.1.1"
    said = (
        ("History-Info", entries),
        ("User-to-User", "6869;encoding=hex"),
        ("X-Account", "7"),
        ("X-Other", "8"),
    )
    identity = offered(bench_with(headers=("X-Account",)), *said)
    assert (identity.redirecting, identity.reason) == ("100", "cfb")
    assert identity.uui == "6869;encoding=hex"
    assert identity.headers == {"X-Account": "7"}
    assert identity.hops == 69
    nothing = offered(bench_with(trust_identity=False), *said)
    assert (nothing.redirecting, nothing.uui) == ("", "")


@pytest.mark.parametrize(
    ("entries", "found"),
    [
        ("<sip:100@h?Reason=SIP%3Bcause%3D302>;index=1, <sip:1000@h>;index=1.1", ("100", "cfu")),
        ("<sip:100@h>;index=1, <sip:1000@h;cause=408>;index=1.1", ("100", "cfna")),
        ("<sip:100@h>;index=1, <sip:1000@h;cause=999>;index=1.1", ("100", "cf-unknown")),
        ("<sip:1000@h>;index=1", ("", "")),
        ("nonsense, <", ("", "")),
    ],
)
def test_reason_of_forwarding_is_read_where_it_stands(entries: str, found: tuple[str, str]) -> None:
    identity = offered(Bench(), ("History-Info", entries))
    assert (identity.redirecting, identity.reason) == found


def test_diversion_counts_before_history() -> None:
    identity = offered(
        Bench(),
        ("Diversion", "<sip:300@h>;reason=no-answer"),
        ("History-Info", "<sip:100@h>;index=1, <sip:1000@h>;index=1.1"),
    )
    assert (identity.redirecting, identity.reason) == ("300", "cfna")


def test_trunk_without_any_place_takes_no_outgoing_call() -> None:
    options = SipOptions(trunks=(TrunkOptions(name="in", addresses=("192.0.2.9",)),))
    with pytest.raises(KeyError):
        Bench(options).core.dial_trunk("in", "1", line="in/1", ani="")


def test_calls_that_a_restart_brings_back_are_counted_again() -> None:
    old = bench_with(max_outgoing=1)
    dial(old)
    ((invite, _),) = sent(old)
    old.core.receive(response(invite, 200, body=OFFER), TRUNK, old.now)
    again = bench_with(max_outgoing=1)
    (call,) = again.core.restore(old.journal, again.now)
    with pytest.raises(NotAllowed, match="carries 1 outgoing"):
        dial(again)
    again.core.release(call, Cause.NORMAL)
    ((bye, _),) = sent(again)
    again.core.receive(response(bye, 200), TRUNK, again.now)
    assert again.core.trunks["carrier"].gateways[0].calls == 0
    dial(again)
