"""What a carrier learns of the inside: a call of an inner telephone goes on without its traces."""

import re

from cython_ext.sip_wire import Message, parse
from drivers.api import CallDetails, LineId
from drivers.events import Cause
from drivers.sip.auth import credentials
from drivers.sip.core.call import Call
from drivers.sip.core.happenings import Offered
from drivers.sip.line_events import ringing
from tests.fakes.sip_bench import OFFER, PHONE, Bench, request, response

INNER = b"10.9.8.7"
TRACES = (
    INNER.decode(),
    "198.51.100.7",
    "Yealink",
    "66.85.0.5",
    "inner-call",
    "inner-tag",
    "X-Internal",
    "secret-desk",
    "9f8e7d",
)


def outside(bench: Bench) -> Call:
    """A telephone inside calls; what its line tells goes on to the carrier, as control does it."""
    headers = (
        ("User-Agent", "Yealink SIP-T46S 66.85.0.5"),
        ("P-Asserted-Identity", "<sip:secret-desk@10.9.8.7>"),
        ("Diversion", "<sip:secret-desk@10.9.8.7>;reason=user-busy"),
        ("X-Internal", "9f8e7d"),
        ("Referred-By", "<sip:secret-desk@10.9.8.7>"),
        ("User-to-User", "9f8e7d;encoding=hex"),
        ("Organization", "secret-desk"),
        ("Record-Route", "<sip:10.9.8.7;lr>"),
    )
    data = request(
        "INVITE",
        call_id="inner-call@10.9.8.7",
        from_tag="inner-tag",
        uri="sip:0301234@192.0.2.1",
        contact="<sip:2001@10.9.8.7:5060>",
        via="10.9.8.7:5060",
        headers=headers,
        body=OFFER.replace(b"192.0.2.9", INNER).replace(b"o=peer", b"o=secret-desk"),
    )
    (asked,) = bench.send(data, PHONE)
    proof = credentials(
        asked.headers("Proxy-Authenticate"),
        user="2001",
        password="s3cret",
        method="INVITE",
        uri="sip:0301234@192.0.2.1",
        cnonce="c",
    )
    signed = data.replace(b"Max-Forwards", b"Proxy-Authorization: " + proof.encode() +
                          b"\r\nMax-Forwards").replace(b"z9hG4bKb1", b"z9hG4bKb2")  # fmt: skip
    bench.send(signed, PHONE)
    (offered,) = [one for one in bench.happened() if isinstance(one, Offered)]
    told = ringing(LineId("station:2001"), offered)
    details = CallDetails(
        restricted=told.restricted,
        redirecting=told.redirecting,
        reason=told.reason,
        uui=told.uui,
        headers=told.headers,
        hops=told.hops - 1,
    )
    return bench.core.dial_trunk(
        "carrier", told.dnis, line="carrier/1", ani="4930", details=details
    )


def test_a_carrier_learns_nothing_of_the_telephone_that_calls() -> None:
    bench = Bench().with_station()
    call = outside(bench)
    bench.core.start(call, name="", host="192.0.2.1", port=6002)
    sent = bench.core.take_out()
    invite = sent[-1][0]
    assert invite.startswith(b"INVITE sip:0301234@")
    (message,) = [one for one in _parsed(sent) if one.method == "INVITE"]
    bench.send(response(message, 200, body=OFFER))
    sent += bench.core.take_out()
    bench.core.release(call, Cause.NORMAL)
    sent += bench.core.take_out()
    to_carrier = [data.decode() for data, address in sent if address.host == "192.0.2.9"]
    assert [text.split()[0] for text in to_carrier] == ["INVITE", "BYE"]  # the ACK went at once
    for text in to_carrier:
        for trace in TRACES:
            assert trace not in text, text
        names_no_version(text)


def test_answers_to_a_carrier_name_no_version() -> None:
    bench = Bench()
    bench.talk()
    for method in ("OPTIONS", "PUBLISH", "REFER", "SUBSCRIBE"):
        data = request(method, call_id=f"t-{method}", branch=f"t-{method}")
        bench.core.receive(data, PHONE, bench.now)
        for answer, _ in bench.core.take_out():
            names_no_version(answer.decode())


def names_no_version(text: str) -> None:
    """Neither ours nor a telephone's."""
    for line in re.findall(r"^(?:Server|User-Agent): (.*)$", text, re.MULTILINE):
        assert line.strip() == "Hookflash"


def _parsed(sent: list) -> list[Message]:
    return [parse(data) for data, _ in sent]
