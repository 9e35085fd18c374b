"""Registering at carriers, and watching their gateways."""

import itertools

import msgspec
import pytest

from cython_ext.sip_wire import Message, parse
from drivers.sip.auth import digest_response, hash_secret
from drivers.sip.core.happenings import Offered
from drivers.sip.transport.address import Address
from drivers.sip.trunks.plan import GatewayOptions
from drivers.sip.trunks.registration import REGISTRATION_TABLE, Registration, RegistrationState
from tests.fakes.sip_bench import OFFER, OPTIONS, TRUNK, Bench, request, response

SPARE = Address("192.0.2.10", 5060)
ASKED = (("WWW-Authenticate", 'Digest realm="r", nonce="n1", qop="auth", algorithm=SHA-256'),)


def begun(**changes: object) -> tuple[Bench, Registration]:
    bench = started(**changes)
    return bench, bench.core.registrations["carrier"]


def started(**changes: object) -> Bench:
    wanted = {
        "register": True,
        "username": "4930",
        "password": "s3cret",
        "addresses": (),
        "domain": "carrier.example",
        "gateways": (GatewayOptions(target="192.0.2.10:5060"),),
    }
    trunk = msgspec.structs.replace(OPTIONS.trunks[0], **{**wanted, **changes})
    bench = Bench(msgspec.structs.replace(OPTIONS, trunks=(trunk,)))
    bench.core.services.timers.now = bench.now
    bench.core.begin()
    return bench


def sent(bench: Bench, seconds: float = 0.0) -> list[tuple[Message, Address]]:
    bench.now += seconds
    bench.core.advance(bench.now)
    return [(parse(data), address) for data, address in bench.core.take_out()]


def registered(expires: str = "600") -> tuple[Bench, Registration, Message]:
    bench, registration = begun()
    ((first, _),) = sent(bench)
    bench.core.receive(response(first, 401, headers=ASKED), TRUNK, bench.now)
    ((second, _),) = sent(bench)
    contact = (("Contact", f"<sip:4930@192.0.2.1:5060>;expires={expires}"),)
    bench.core.receive(response(second, 200, headers=contact), TRUNK, bench.now)
    return bench, registration, second


def test_every_state_of_the_table_is_reached_and_left() -> None:
    reached = {RegistrationState.OFF} | set(REGISTRATION_TABLE.values())
    assert reached == set(RegistrationState)
    assert {state for state, _ in REGISTRATION_TABLE} == set(RegistrationState)


def test_registration_answers_the_challenge() -> None:
    bench, registration, second = registered()
    assert registration.state is RegistrationState.REGISTERED
    assert second.uri == "sip:carrier.example"
    assert second.header("To") == "<sip:4930@carrier.example>"
    assert second.header("Contact") == "<sip:4930@192.0.2.1:5060>;expires=600"
    assert second.cseq.number == 2
    value = second.header("Authorization") or ""
    parameters = dict(
        part.strip().split("=", 1) for part in value.removeprefix("Digest ").split(", ")
    )
    plain = {name: text.strip('"') for name, text in parameters.items()}
    ha1 = hash_secret("4930", "r", "s3cret", algorithm="SHA-256")
    wanted = digest_response(ha1, "REGISTER", plain, algorithm="SHA-256")
    assert plain["response"] == wanted
    assert bench.names() == []


def test_registration_is_renewed_in_time_with_the_same_call_id() -> None:
    bench, _, second = registered("100")
    assert sent(bench, 69.0) == []
    renewals = sent(bench, 17.0)
    assert renewals[0][0].method == "REGISTER"
    assert renewals[0][0].call_id == second.call_id
    assert renewals[0][0].cseq.number == 3


def test_wrong_password_is_not_tried_again_at_once() -> None:
    bench, registration = begun()
    ((first, _),) = sent(bench)
    bench.core.receive(response(first, 401, headers=ASKED), TRUNK, bench.now)
    ((second, _),) = sent(bench)
    bench.core.receive(response(second, 401, headers=ASKED), TRUNK, bench.now)
    assert registration.state is RegistrationState.WAITING
    assert sent(bench, 599.0) == []
    assert len(sent(bench, 1.5)) >= 1


def test_too_brief_registration_is_asked_for_longer() -> None:
    bench, _ = begun()
    ((first, _),) = sent(bench)
    brief = response(first, 423, headers=(("Min-Expires", "1800"),))
    bench.core.receive(brief, TRUNK, bench.now)
    ((second, _),) = sent(bench)
    assert (second.header("Contact") or "").endswith(";expires=1800")
    bench.core.receive(response(second, 423, headers=brief_again()), TRUNK, bench.now)
    assert sent(bench) == []


def brief_again() -> tuple[tuple[str, str], ...]:
    return (("Min-Expires", "1800"),)


@pytest.mark.parametrize("status", [503, 0])
def test_next_gateway_is_tried_when_one_fails(status: int) -> None:
    bench, registration = begun()
    ((first, place),) = sent(bench)
    assert place == TRUNK
    if status:
        bench.core.receive(response(first, status), TRUNK, bench.now)
        ((second, place),) = sent(bench)
    else:
        second, place = sent(bench, 33.0)[-1]
    assert (second.method, place) == ("REGISTER", SPARE)
    bench.core.receive(response(second, 200), SPARE, bench.now)
    assert registration.state is RegistrationState.REGISTERED


def test_waits_grow_while_nothing_works() -> None:
    bench, _ = begun(gateways=())
    moments: list[float] = []
    seen: set[int] = set()
    for _ in range(2000):
        for message, place in sent(bench, 1.0):
            if message.cseq.number not in seen:  # else it is only repeated
                seen.add(message.cseq.number)
                moments.append(bench.now)
            bench.core.receive(response(message, 500), place, bench.now)
    gaps = [later - earlier for earlier, later in itertools.pairwise(moments)]
    assert 7.0 <= gaps[0] <= 16.0
    assert all(later > 0.5 * earlier for earlier, later in itertools.pairwise(gaps))
    assert 299.0 <= max(gaps) <= 601.0


def test_calls_from_where_we_register_are_the_trunks() -> None:
    bench, _, _ = registered()
    bench.core.receive(request("INVITE", body=OFFER), SPARE, bench.now)
    (offered,) = bench.happened()
    assert isinstance(offered, Offered)
    assert offered.call.peer.name == "carrier"


def watched() -> Bench:
    return started(register=False, options_every_s=30.0)


def test_gateways_are_asked_at_different_moments_and_by_address() -> None:
    bench = watched()
    found: dict[Address, float] = {}
    for _ in range(31):
        for message, place in sent(bench, 1.0):
            assert message.method == "OPTIONS"
            assert message.uri == f"sip:{place.host}:5060"
            found.setdefault(place, bench.now)
            bench.core.receive(response(message, 200), place, bench.now)
    assert set(found) == {TRUNK, SPARE}
    assert len(set(found.values())) == 2


@pytest.mark.parametrize("status", [503, 0, 404])
def test_gateway_that_is_sick_or_silent_is_avoided_until_it_is_well(status: int) -> None:
    bench = watched()
    gateway = bench.core.trunks["carrier"].gateways[0]
    for _ in range(80):
        for message, place in sent(bench, 1.0):
            if place == SPARE or status:
                answer = 200 if place == SPARE else status
                bench.core.receive(response(message, answer), place, bench.now)
    assert gateway.is_up(bench.now) is (status == 404)
    call = bench.core.dial_trunk("carrier", "1", line="carrier/1", ani="")
    assert call.address == (TRUNK if status == 404 else SPARE)
    for _ in range(40):
        for message, place in sent(bench, 1.0):
            bench.core.receive(response(message, 200), place, bench.now)
    assert gateway.is_up(bench.now)


WAY = "<sip:edge.carrier.example;lr>, <sip:core.carrier.example;lr>"


def with_service_route(value: str) -> tuple[Bench, Registration]:
    bench, registration = begun()
    ((first, _),) = sent(bench)
    bench.core.receive(
        response(first, 200, headers=(("Expires", "600"), ("Service-Route", value))),
        TRUNK,
        bench.now,
    )
    return bench, registration


def dialled(bench: Bench) -> tuple[Message, Address]:
    call = bench.core.dial_trunk("carrier", "0301", line="carrier/1", ani="")
    bench.core.start(call, name="", host="192.0.2.1", port=6000)
    (found,) = sent(bench)
    return found


def test_calls_out_take_the_service_route_of_the_registration() -> None:
    bench, _ = with_service_route(WAY)
    invite, place = dialled(bench)
    assert invite.headers("Route") == WAY.split(", ")
    assert (invite.uri, place) == ("sip:0301@192.0.2.9:5060", TRUNK)
    bench.core.receive(response(invite, 486), TRUNK, bench.now)
    ((ack, _),) = sent(bench)
    assert (ack.method, ack.headers("Route")) == ("ACK", WAY.split(", "))


def test_other_gateway_has_no_service_route() -> None:
    bench, _ = with_service_route(WAY)
    invite, _ = dialled(bench)
    bench.core.receive(response(invite, 503), TRUNK, bench.now)
    found = {message.method: (message, place) for message, place in sent(bench)}
    again, place = found["INVITE"]
    assert (place, again.headers("Route")) == (SPARE, [])


def test_service_route_ends_with_the_registration() -> None:
    bench, registration = with_service_route(WAY)
    ((renewal, _),) = [one for one in sent(bench, 599.0) if one[0].method == "REGISTER"][:1]
    bench.core.receive(response(renewal, 403), TRUNK, bench.now)
    assert registration.state is RegistrationState.WAITING
    assert dialled(bench)[0].headers("Route") == []


@pytest.mark.parametrize(
    "value",
    ["<sip:strict.example>", "<tel:+49301>;lr", "<sip:a;lr", ", ".join(["<sip:a.example;lr>"] * 9)],
)
def test_service_route_that_cannot_be_used_is_passed_over(value: str) -> None:
    bench, registration = with_service_route(value)
    assert registration.state is RegistrationState.REGISTERED
    assert dialled(bench)[0].headers("Route") == []
