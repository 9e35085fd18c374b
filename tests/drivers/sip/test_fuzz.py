"""Damaged, torn and hostile messages through the whole core: nothing is ever raised."""

import random
from pathlib import Path

from drivers.events import Cause
from drivers.sip.core.happenings import Offered
from tests.fakes.sip_bench import OFFER, PHONE, TRUNK, Bench, request, response

TORTURE = sorted((Path(__file__).parents[2] / "cython_ext").glob("torture*/*.dat"))
ROUNDS = 4000


def test_torture_messages_are_answered_or_dropped() -> None:
    assert len(TORTURE) == 49 + 12
    for path in TORTURE:
        for source in (TRUNK, PHONE):
            bench = Bench().with_station()
            bench.core.receive(path.read_bytes(), source, bench.now)
            assert all(
                400 <= status_of(data) < 700 or status_of(data) < 300
                for data, _ in bench.core.take_out()
            )
            bench.pass_time(40.0)


def test_damaged_messages_never_raise() -> None:
    rng = random.Random(7)
    bench = Bench().with_station()
    seeds = [path.read_bytes() for path in TORTURE]
    for number in range(ROUNDS):
        if number % 10 == 0:
            seeds = seeds[:70] + conversation(bench, number)
        data = damage(rng, rng.choice(seeds))
        bench.core.receive(data, rng.choice([TRUNK, PHONE]), bench.now)
        for one in bench.core.take_happenings():
            if isinstance(one, Offered):
                act(rng, bench, one)
        bench.now += rng.choice([0.0, 0.01, 1.0])
        bench.core.advance(bench.now)
        bench.core.take_out()
    bench.pass_time(400.0)
    assert not bench.core.services.transactions.servers
    assert not bench.core.services.transactions.clients


def status_of(data: bytes) -> int:
    """Status of a refusal; it may echo headers that no parser accepts."""
    assert data.startswith(b"SIP/2.0 ")
    return int(data[8:11])


def act(rng: random.Random, bench: Bench, offered: Offered) -> None:
    choice = rng.randrange(4)
    if choice:
        bench.core.ring(offered.call)
    if choice > 1:
        bench.core.accept(offered.call, "192.0.2.1", 6000)
    if choice != 2:
        bench.core.release(offered.call, Cause.NORMAL)


def conversation(bench: Bench, number: int) -> list[bytes]:
    """Messages that fit calls of the core, so that damage reaches deep."""
    call = bench.talk(call_id=f"f{number}", branch=f"f{number}")
    out_call, invite = bench.dial()
    bench.core.set_hold(call, hold=True)
    inside = {"call_id": call.ref, "to_tag": call.local_tag}
    found = [
        request("INVITE", call_id=f"g{number}", branch=f"g{number}", body=OFFER),
        request("INVITE", cseq=5, branch=f"r{number}", body=OFFER, **inside),
        request("BYE", cseq=6, branch=f"e{number}", **inside),
        request(
            "INFO",
            cseq=7,
            branch=f"i{number}",
            **inside,
            body=b"Signal=1\r\n",
            headers=(("Content-Type", "application/dtmf-relay"),),
        ),
        request("CANCEL", call_id=f"g{number}", branch=f"g{number}"),
        request(
            "INVITE",
            call_id=f"p{number}",
            branch=f"p{number}",
            headers=(("Require", "100rel"), ("Session-Expires", "90;refresher=uas")),
            body=OFFER,
        ),
        request("PRACK", cseq=8, branch=f"k{number}", headers=(("RAck", "1 1 INVITE"),), **inside),
        request("UPDATE", cseq=9, branch=f"u{number}", body=OFFER, **inside),
        request(
            "REFER",
            cseq=10,
            branch=f"t{number}",
            headers=(("Refer-To", "<sip:7@h?Replaces=a%3Bto-tag%3D1%3Bfrom-tag%3D2>"),),
            **inside,
        ),
        request(
            "NOTIFY",
            cseq=11,
            branch=f"n{number}",
            headers=(("Event", "refer"), ("Subscription-State", "terminated")),
            body=b"SIP/2.0 200 OK\r\n",
            **inside,
        ),
        request("SUBSCRIBE", call_id=f"s{number}", branch=f"s{number}"),
        request(
            "INVITE",
            call_id=f"x{number}",
            branch=f"x{number}",
            headers=(
                ("Replaces", f"{call.ref};to-tag={call.local_tag};from-tag=peer"),
                ("History-Info", "<sip:1@h>;index=1, <sip:2@h;cause=302>;index=1.1"),
            ),
            body=OFFER,
        ),
        response(
            invite,
            183,
            headers=(("Contact", "<sip:f@h>"), ("Require", "100rel"), ("RSeq", "7")),
            body=OFFER,
        ),
        response(invite, 422, headers=(("Min-SE", "1800"),)),
        request("ACK", **inside),
        request("REGISTER", call_id=f"h{number}", branch=f"h{number}"),
        response(invite, 183, body=OFFER),
        response(invite, 200, body=OFFER),
        response(invite, 407, headers=(("Proxy-Authenticate", 'Digest realm="r", nonce="n"'),)),
        response(invite, 486),
    ]
    for message in bench.out():
        if message.is_request:
            found += [response(message, 200, body=OFFER), response(message, 491)]
    bench.core.release(out_call, Cause.NO_ANSWER)
    return found


def damage(rng: random.Random, data: bytes) -> bytes:
    """Cut, repeat, swap or overwrite a few places."""
    text = bytearray(data)
    for _ in range(rng.randrange(0, 4)):
        if not text:
            break
        start = rng.randrange(len(text))
        end = min(len(text), start + rng.randrange(1, 12))
        kind = rng.randrange(5)
        if kind == 0:
            del text[start:end]
        elif kind == 1:
            text[start:end] = bytes(rng.randrange(256) for _ in range(end - start))
        elif kind == 2:
            text[start:start] = text[start:end]
        elif kind == 3:
            text[start] = rng.choice(b'\r\n\0";:<>@%,=\xff')
        else:
            del text[start:]
    return bytes(text)
