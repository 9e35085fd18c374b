"""Calls with encrypted audio: who gets one, who is refused, and what the journal holds."""

import base64

import msgspec
import pytest

from cython_ext.sip_wire import Message, parse
from drivers.api import SrtpKeys
from drivers.sip.core.call import Call
from drivers.sip.journal.records import Peer
from drivers.sip.journal.sealing import SealBroken, Sealer
from drivers.sip.negotiation.crypto import usable
from drivers.sip.options import SipOptions
from drivers.sip.sdp import parse_sdp
from drivers.sip.transport.address import Address
from drivers.sip.trunks.guards import NotAllowed
from tests.fakes.sip_bench import OFFER, OPTIONS, PHONE, TRUNK, Bench, request, response

SUITE = "AES_CM_128_HMAC_SHA1_80"
KEY = bytes(range(100, 130))
CODED = base64.b64encode(KEY).decode()
LINE = f"a=crypto:1 {SUITE} inline:{CODED}\r\n".encode()
ENCRYPTED = OFFER.replace(b"RTP/AVP", b"RTP/SAVP") + LINE


def options(srtp: str, *, in_clear: bool = True, transport: str = "") -> SipOptions:
    (trunk,) = OPTIONS.trunks
    changed = msgspec.structs.replace(trunk, srtp=srtp, transport=transport)
    site: SipOptions = msgspec.structs.replace(
        OPTIONS, trunks=(changed,), station_srtp=srtp, srtp_in_clear=in_clear
    )
    return site


def keys(call: Call) -> SrtpKeys:
    assert call.session is not None
    assert call.session.fmt is not None
    assert call.session.fmt.srtp is not None
    return call.session.fmt.srtp


@pytest.mark.parametrize("direction", [b"sendrecv", b"sendonly", b"recvonly", b"inactive"])
def test_stream_is_known_before_the_answer_unless_our_key_is_still_to_be_made(
    direction: bytes,
) -> None:
    bench = Bench(options("allowed"))
    call, sealed, later = (
        bench.offer_call(call_id=name, branch=name, body=body)
        for name, body in (
            ("c1", OFFER.replace(b"sendrecv", direction)),
            ("c2", ENCRYPTED),
            ("c3", b""),
        )
    )
    for other in (sealed, later):
        assert other.session is not None
        assert other.session.expected() is None
    session = call.session
    assert session is not None
    stream = session.expected()
    bench.core.accept(call, "192.0.2.1", 6000)
    assert stream is not None
    assert (stream.remote, stream.fmt) == (session.remote, session.fmt)
    assert session.expected() is None


def test_encrypted_offer_is_answered_with_a_key() -> None:
    bench = Bench(options("allowed"))
    call = bench.offer_call(body=ENCRYPTED)
    bench.core.accept(call, "192.0.2.1", 6000)
    (ok,) = bench.out()
    (media,) = parse_sdp(ok.body).media
    assert media.protocol == "RTP/SAVP"
    (ours,) = usable(media.attributes)
    assert keys(call) == SrtpKeys(SUITE, KEY, ours.key)


@pytest.mark.parametrize(
    ("rule", "in_clear", "body", "warning"),
    [
        ("required", True, OFFER, "302"),
        ("off", True, ENCRYPTED, "302"),
        ("required", False, ENCRYPTED, "302"),
        ("required", False, b"", "302"),
        ("required", True, ENCRYPTED.replace(b"0 8 101", b"18"), "305"),
    ],
)
def test_call_against_the_rule_gets_488(
    rule: str, body: bytes, warning: str, *, in_clear: bool
) -> None:
    bench = Bench(options(rule, in_clear=in_clear))
    (refusal,) = bench.send(request("INVITE", body=body))
    assert refusal.status == 488
    assert (refusal.header("Warning") or "").startswith(warning)
    assert len(bench.core.calls) == 0


def test_station_over_tls_needs_no_more_than_the_rule() -> None:
    bench = Bench(
        msgspec.structs.replace(OPTIONS, station_srtp={"tls": "required", "udp": "off"})
    ).with_station()
    terms = bench.core.services.terms
    station = Peer("2001", True, ())
    assert terms(station, "tls").srtp == "required"
    assert terms(station, "udp").srtp == "off"
    assert terms(station, "wss").srtp == "allowed"
    assert terms(station, "ws").srtp == "off"
    assert [terms(station, way).browser for way in ("udp", "tls", "ws", "wss")] == [
        False,
        False,
        True,
        True,
    ]
    assert [terms(station, way).dtls for way in ("udp", "tls", "ws")] == [False, True, True]


def test_nothing_is_called_where_keys_would_be_readable() -> None:
    bench = Bench(options("required", in_clear=False))
    with pytest.raises(NotAllowed):
        bench.core.dial_trunk("carrier", "0301234", line="carrier/1", ani="")
    assert bench.core.trunks["carrier"].guard.open == 0
    bench.with_station()
    phone = "<sip:2001@198.51.100.7:5062>"
    bench.core.registrar.register("2001", _register(phone), PHONE)
    with pytest.raises(KeyError):
        bench.core.dial_station("2001", line="station:2001", ani="")
    secure = Address(PHONE.host, PHONE.port, "tls", 3)
    bench.core.registrar.register("2001", _register(phone, call_id="r2"), secure)
    call = bench.core.dial_station("2001", line="station:2001", ani="")
    assert call.address == secure


def _register(contact: str, call_id: str = "r1") -> Message:
    return parse(request("REGISTER", call_id=call_id, contact=contact))


def test_outgoing_call_is_encrypted_and_its_key_stays_over_hold() -> None:
    bench = Bench(options("required"))
    call, invite = bench.dial()
    (offered, *_) = [
        one for one in usable(parse_sdp(invite.body).media[0].attributes) if one.suite == SUITE
    ]
    answer = ENCRYPTED.replace(b"crypto:1", f"crypto:{offered.tag}".encode())
    bench.send(response(invite, 200, body=answer))
    assert keys(call) == SrtpKeys(SUITE, KEY, offered.key)
    before = keys(call)
    bench.core.set_hold(call, hold=True)
    (hold,) = bench.out()
    (again,) = usable(parse_sdp(hold.body).media[0].attributes)
    assert again.key == offered.key
    held = ENCRYPTED.replace(b"sendrecv", b"recvonly")
    bench.send(response(hold, 200, body=held))
    assert keys(call) == before


def test_call_whose_answer_is_plain_although_that_is_forbidden_is_ended() -> None:
    bench = Bench(options("required"))
    _, invite = bench.dial()
    sent = bench.send(response(invite, 200, body=OFFER))
    assert [message.method for message in sent] == ["ACK", "BYE"]
    assert "Ended" in bench.names()


def test_journal_holds_no_key_in_the_clear_and_gives_the_call_back() -> None:
    bench = Bench(options("allowed"))
    call = bench.talk(body=ENCRYPTED)
    before = keys(call)
    whole = b"".join(payload for _, payload in bench.journal + bench.core.snapshot())
    for key in (before.inward, before.outward):
        assert key not in whole
        assert base64.b64encode(key) not in whole
    kinds = [kind for kind, _ in bench.journal]
    assert "sip.keyed" in kinds
    assert "sip.call" not in kinds
    for records in (bench.journal, bench.core.snapshot()):
        again = Bench(options("allowed"), seed=5)
        (restored,) = again.core.restore(records, again.now)
        assert keys(restored) == before


def test_sealed_call_is_counted_as_unreadable_with_another_key() -> None:
    bench = Bench(options("allowed"))
    bench.talk(body=ENCRYPTED)
    again = Bench(options("allowed"))
    again.core.services.sealer = Sealer(b"another", again.core.services.random.randbytes)
    assert again.core.restore(bench.journal, again.now) == []
    assert again.core.services.counters["journal_unreadable"] == 2  # its INVITE, and its 200


def test_plain_call_is_not_sealed() -> None:
    bench = Bench(options("allowed"))
    bench.talk()
    assert "sip.keyed" not in [kind for kind, _ in bench.journal]


@pytest.mark.parametrize("cut", [0, 5, 12, 20])
def test_changed_seal_is_broken(cut: int) -> None:
    sealer = Sealer(b"key", lambda size: b"n" * size)
    sealed = sealer.seal(b"payload")
    assert sealer.open(sealed) == b"payload"
    with pytest.raises(SealBroken):
        sealer.open(sealed[:cut])
    with pytest.raises(SealBroken):
        sealer.open(sealed[:-1] + bytes([sealed[-1] ^ 1]))


def test_trunk_that_is_called_by_udp_has_no_keys_but_calls_go_on() -> None:
    bench = Bench(options("allowed", in_clear=False))
    _, invite = bench.dial()
    (media,) = parse_sdp(invite.body).media
    assert media.protocol == "RTP/AVP"
    assert usable(media.attributes) == []
    assert TRUNK.transport == "udp"
