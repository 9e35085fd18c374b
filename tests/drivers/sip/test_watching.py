"""Busy lamps and message lamps by subscription, telephones behind proxies, and reboot storms."""

import hashlib
import random
import xml.etree.ElementTree as ET

import msgspec
import pytest

from cython_ext.sip_wire import Message, parse
from drivers.events import Cause
from drivers.sip.auth import Challenger, Verdict, credentials, digest_response, hash_secret
from drivers.sip.core.call import Call
from drivers.sip.journal.records import BindingRecord
from drivers.sip.options import StationAccount
from drivers.sip.transport.address import Address
from tests.fakes.sip_bench import OFFER, OPTIONS, Bench, request, response

DESK, SIGHT = Address("198.51.100.7", 5062), Address("198.51.100.8", 5062)
DIALOG = ("Event", "dialog")
NS = "{urn:ietf:params:xml:ns:dialog-info}"


def office() -> Bench:
    """Two telephones: 2001 at its desk, 2002 with the lamps."""
    bench = Bench()
    accounts = [StationAccount(name, hash_secret(name, "pbx.example", "s")) for name in PHONES]
    bench.core.set_stations(accounts)
    bench.core.registrar.restore(
        BindingRecord(
            station=name,
            contact=f"sip:{name}@{place.host}:5062",
            source=place,
            call_id=name,
            cseq=1,
            expires=bench.now + 90_000,
        )
        for name, place in PHONES.items()
    )
    bench.core.services.timers.now = bench.now
    return bench


PHONES = {"2001": DESK, "2002": SIGHT}


def subscribe(
    *headers: tuple[str, str],
    user: str = "2001",
    cseq: int = 1,
    to_tag: str = "",
    call_id: str = "s1",
) -> bytes:
    return request(
        "SUBSCRIBE",
        call_id=call_id,
        branch=f"{call_id}.{cseq}",
        cseq=cseq,
        to_tag=to_tag,
        uri=f"sip:{user}@192.0.2.1",
        contact="<sip:2002@198.51.100.8:5062>",
        headers=headers,
        via="198.51.100.8:5062",
    )


def signed(bench: Bench, data: bytes, source: Address) -> list[Message]:
    """What a request is answered with once its sender has said who it is."""
    (asked,) = bench.send(data, source)
    assert asked.status in (401, 407)
    name = "Proxy-Authenticate" if asked.status == 407 else "WWW-Authenticate"
    message = parse(data)
    user = next(user for user, place in PHONES.items() if place == source)
    value = credentials(
        asked.headers(name),
        user=user,
        password="s",
        method=message.method,
        uri=message.uri,
        cnonce="c",
    )
    field = "Proxy-Authorization" if asked.status == 407 else "Authorization"
    head, _, body = data.partition(b"\r\n\r\n")
    head = head.replace(b"branch=z9hG4bK", b"branch=z9hG4bKs")
    again = f"{head.decode()}\r\n{field}: {value}\r\n\r\n".encode() + body
    return bench.send(again, source)


def watching(bench: Bench) -> tuple[Message, Message]:
    """The answer to a SUBSCRIBE, and the first NOTIFY, which is answered."""
    ok, notify = signed(bench, subscribe(DIALOG, ("Expires", "600")), SIGHT)
    assert (ok.status, ok.header("Expires")) == (200, "600")
    bench.send(response(notify, 200), SIGHT)
    return ok, notify


def notices(bench: Bench) -> list[Message]:
    """NOTIFYs that are due after the driver took what happened; all are answered."""
    bench.happened()
    found = [one for one in bench.out() if one.method == "NOTIFY"]
    for one in found:
        bench.send(response(one, 200), SIGHT)
    return found


def lamps(notify: Message) -> tuple[int, list[str]]:
    """Version of a dialog-info document, and the states in it."""
    root = ET.fromstring(notify.body)
    assert (root.tag, root.get("state")) == (f"{NS}dialog-info", "full")
    states = [one.findtext(f"{NS}state") or "" for one in root.findall(f"{NS}dialog")]
    return int(root.get("version") or -1), states


def ring(bench: Bench) -> tuple[Call, Message]:
    call = bench.core.dial_station("2001", line="station:2001", ani="030<1>")
    bench.core.start(call, name="", host="192.0.2.1", port=6002)
    (invite,) = bench.out()
    return call, invite


def test_lamp_follows_the_calls_of_a_station() -> None:
    bench = office()
    _, first = watching(bench)
    assert lamps(first) == (0, [])
    assert first.header("Subscription-State") == "active;expires=600"
    call, invite = ring(bench)
    bench.send(response(invite, 180), DESK)
    (early,) = notices(bench)
    assert lamps(early) == (1, ["early"])
    bench.send(response(invite, 200, body=OFFER), DESK)
    assert lamps(notices(bench)[-1])[1] == ["confirmed"]
    bench.core.release(call, Cause.NORMAL)
    last = notices(bench)[-1]
    assert lamps(last)[1] == []
    assert last.cseq.number > early.cseq.number


def test_lamp_names_the_dialog_so_that_it_can_be_picked_up() -> None:
    bench = office()
    watching(bench)
    call, invite = ring(bench)
    bench.send(response(invite, 180), DESK)
    (early,) = notices(bench)
    (dialog,) = ET.fromstring(early.body)
    assert dialog.get("direction") == "recipient"
    assert dialog.findtext(f"{NS}remote/{NS}identity") == "sip:030<1>@192.0.2.1:5060"
    # Telephones write the tags of the one they watch; both orders are understood.
    for to_tag, from_tag in (("x", call.local_tag), (call.local_tag, "x")):
        value = f"{dialog.get('call-id')};to-tag={to_tag};from-tag={from_tag}"
        pick = request(
            "INVITE",
            call_id=f"pick{to_tag}",
            branch=f"pick{to_tag}",
            headers=(("Replaces", value),),
            body=OFFER,
            via="198.51.100.8:5062",
        )
        statuses = [one.status for one in signed(bench, pick, SIGHT) if not one.is_request]
        assert statuses[0] == (200 if to_tag == "x" else 603)


def test_call_from_a_watched_station_lights_the_lamp_too() -> None:
    bench = office()
    watching(bench)
    signed(bench, request("INVITE", body=OFFER, via="198.51.100.7:5062"), DESK)
    assert lamps(notices(bench)[-1])[1] == ["early"]


def test_subscription_is_renewed_and_ends() -> None:
    bench = office()
    ok, first = watching(bench)
    tag = ok.to_tag
    bench.pass_time(300.0)
    again, notify = bench.send(subscribe(DIALOG, ("Expires", "600"), cseq=2, to_tag=tag), SIGHT)
    assert (again.status, lamps(notify)[0]) == (200, lamps(first)[0] + 1)
    bench.send(response(notify, 200), SIGHT)
    assert bench.pass_time(599.0) == []
    over = bench.pass_time(1.5)[0]
    assert over.header("Subscription-State") == "terminated;reason=timeout"
    assert len(bench.core.watching) == 0
    (gone,) = bench.send(subscribe(DIALOG, cseq=3, to_tag=tag), SIGHT)
    assert gone.status == 481


def test_subscription_for_no_time_is_a_single_look() -> None:
    bench = office()
    ok, notify = signed(bench, subscribe(DIALOG, ("Expires", "0")), SIGHT)
    assert ok.status == 200
    assert (notify.header("Subscription-State") or "").startswith("terminated")
    assert len(bench.core.watching) == 0


@pytest.mark.parametrize("status", [481, 0])
def test_telephone_that_forgot_its_subscription_loses_it(status: int) -> None:
    bench = office()
    _, notify = signed(bench, subscribe(DIALOG), SIGHT)
    if status:
        bench.send(response(notify, status), SIGHT)
    else:
        bench.pass_time(33.0)
    assert len(bench.core.watching) == 0


@pytest.mark.parametrize(
    ("data", "status"),
    [
        (subscribe(("Event", "presence")), 489),
        (subscribe(), 489),
        (subscribe(DIALOG, ("Expires", "5")), 423),
        (subscribe(DIALOG, user="9999"), 404),
        (subscribe(DIALOG, to_tag="none"), 481),
    ],
)
def test_subscription_that_cannot_be_is_refused(data: bytes, status: int) -> None:
    bench = office()
    within = bool(parse(data).to_tag)
    (refusal,) = bench.send(data, SIGHT) if within else signed(bench, data, SIGHT)
    assert refusal.status == status
    assert len(bench.core.watching) == 0


def test_strangers_are_asked_who_they_are() -> None:
    bench = office()
    (asked,) = bench.send(subscribe(DIALOG), Address("203.0.113.1", 5060))
    assert asked.status == 401
    assert [one.status for one in Bench().send(subscribe(DIALOG), SIGHT)] == [403]


def test_message_lamp_by_subscription() -> None:
    bench = office()
    event = ("Event", "message-summary")
    _, notify = signed(bench, subscribe(event, user="2002"), SIGHT)
    assert notify.body.startswith(b"Messages-Waiting: no\r\n")
    bench.send(response(notify, 200), SIGHT)
    bench.core.lamps.set_lamp("2002", on=True)
    bench.core.watching.changed("2002", "message-summary")
    within = [one for one in bench.out() if one.to_tag == notify.to_tag]
    assert within[0].body.startswith(b"Messages-Waiting: yes\r\n")


# Telephones behind proxies, and storms


def register(bench: Bench, number: int, *headers: tuple[str, str], expires: int = 600) -> Message:
    data = request(
        "REGISTER",
        call_id=f"r{number}",
        branch=f"r{number}",
        contact=f"<sip:2001@10.0.0.{number % 200 + 1}:5062>;expires={expires}",
        headers=headers,
    ).replace(b"sip:1000@192.0.2.1", b"sip:2001@pbx.example")
    message = parse(data)
    reply = bench.core.registrar.register("2001", message, DESK)
    answer = response(message, reply.status, headers=reply.headers)
    return parse(answer)


def test_calls_go_back_by_the_path_of_the_registration() -> None:
    bench = office()
    path = (("Path", "<sip:edge2.example;lr>, <sip:edge1.example;lr>"),)
    ok = register(bench, 1, *path)
    assert ok.headers("Path") == ["<sip:edge2.example;lr>", "<sip:edge1.example;lr>"]
    call = bench.core.dial_station("2001", line="station:2001", ani="")
    bench.core.start(call, name="", host="192.0.2.1", port=6002)
    invites = [one for one in bench.out() if one.headers("Route")]
    assert invites[0].headers("Route") == ["<sip:edge2.example;lr>", "<sip:edge1.example;lr>"]


@pytest.mark.parametrize("value", ["nonsense", "<tel:1>", ", ".join(["<sip:a;lr>"] * 9)])
def test_unusable_path_is_refused(value: str) -> None:
    assert register(office(), 1, ("Path", value)).status == 400


def test_registrations_that_begin_together_do_not_end_together() -> None:
    options = msgspec.structs.replace(OPTIONS, expires_spread_percent=20)
    bench = Bench(options)
    bench.core.services.timers.now = bench.now
    granted = set()
    for number in range(300):
        ok = register(bench, number, expires=3600)
        ours = [one for one in ok.headers("Contact") if f"10.0.0.{number % 200 + 1}:" in one]
        granted.add(int(ours[0].rpartition("=")[2]))
    assert len(granted) > 100
    assert min(granted) >= 2880
    assert max(granted) <= 3600
    short = register(bench, 7, expires=60)
    assert any(one.endswith("expires=60") for one in short.headers("Contact"))


# auth-int


@pytest.mark.parametrize("algorithm", ["MD5", "SHA-256"])
def test_auth_int_covers_the_body(algorithm: str) -> None:
    kind = hashlib.sha256 if algorithm == "SHA-256" else hashlib.md5

    def hashed(text: str) -> str:
        return kind(text.encode()).hexdigest()

    ha1 = hash_secret("2001", "r", "p", algorithm=algorithm)
    assert ha1 == hashed("2001:r:p")
    params = {"nonce": "n", "uri": "sip:x", "qop": "auth-int", "nc": "00000001", "cnonce": "c"}
    ha2 = hashed(f"INVITE:sip:x:{hashed('body')}")
    wanted = hashed(f"{ha1}:n:00000001:c:auth-int:{ha2}")
    found = digest_response(ha1, "INVITE", params, algorithm=algorithm, body=b"body")
    assert found == wanted


def test_changed_body_is_noticed_where_auth_int_is_asked_for() -> None:
    guard = Challenger("r", secret=b"k", rng=random.Random(1), qop=("auth-int",))
    accounts = {"2001": StationAccount("2001", hash_secret("2001", "r", "p"))}
    asked = guard.challenges(1000.0)
    assert all('qop="auth-int"' in value for value in asked)

    def answer(body: bytes, challenge: str = asked[-1]) -> str:
        value = credentials(
            [challenge],
            user="2001",
            password="p",
            method="REGISTER",
            uri="sip:r",
            cnonce="c",
            body=body,
        )
        assert value is not None
        return value

    same = guard.check([answer(b"one")], "REGISTER", "sip:r", accounts, 1000.0, b"one")
    assert same.verdict is Verdict.GOOD
    other = guard.check([answer(b"one")], "REGISTER", "sip:r", accounts, 1000.0, b"two")
    assert other.verdict is Verdict.WRONG
    weaker = answer(b"", asked[-1].replace("auth-int", "auth"))
    talked = guard.check([weaker], "REGISTER", "sip:r", accounts, 1000.0, b"")
    assert talked.verdict is Verdict.WRONG
