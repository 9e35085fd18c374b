"""Encrypted audio by SDES in offer and answer: rules, profiles, keys over re-offers."""

from random import Random

import msgspec
import pytest

from drivers.api import SrtpKeys
from drivers.sip.journal.records import SessionRecord
from drivers.sip.negotiation.crypto import SUITES, Crypto, usable
from drivers.sip.negotiation.description import Media
from drivers.sip.negotiation.session import Session
from drivers.sip.negotiation.terms import NotAcceptable, NotEncrypted, Terms, srtp_over
from drivers.sip.sdp import parse_sdp

CM = "AES_CM_128_HMAC_SHA1_80"
SHORT = "AES_CM_128_HMAC_SHA1_32"
GCM = "AEAD_AES_128_GCM"
THEIRS = bytes(range(30))


def session(srtp: str, *, seed: int = 1, rtcp_mux: bool = False) -> Session:
    return Session(
        host="192.0.2.1",
        port=6000,
        terms=Terms(("PCMA",), srtp, 20, rtcp_mux),
        session_id=7,
        new_key=Random(seed).randbytes,
    )


def theirs(*lines: str, profile: str = "RTP/SAVP") -> bytes:
    text = ["v=0", "o=- 1 1 IN IP4 192.0.2.9", "s=-", "c=IN IP4 192.0.2.9", "t=0 0"]
    return "\r\n".join([*text, f"m=audio 4000 {profile} 8", *lines, ""]).encode()


def crypto(tag: str = "1", suite: str = CM, key: bytes = THEIRS) -> str:
    return f"a=crypto:{Crypto(tag, suite, key[: SUITES[suite]]).value()}"


def answer(ours: Session, body: bytes) -> Media:
    ours.consider(body)
    return parse_sdp(ours.answer()).media[0]


def keys_of(media: Media) -> list[Crypto]:
    return usable(media.attributes)


def agreed(ours: Session) -> SrtpKeys | None:
    assert ours.fmt is not None
    return ours.fmt.srtp


def both(srtp: str, other: str) -> tuple[Session, Session]:
    """Two of ours that have talked: the first one offered."""
    a, b = session(srtp, seed=1), session(other, seed=2)
    b.consider(a.offer())
    a.accept(b.answer())
    return a, b


def journaled(ours: Session) -> SessionRecord:
    packed = msgspec.msgpack.encode(ours.fields())
    return msgspec.msgpack.decode(packed, type=SessionRecord)


def test_answer_repeats_the_tag_of_the_strongest_line_with_a_key_of_its_own() -> None:
    ours = session("allowed")
    media = answer(ours, theirs(crypto("1", SHORT), crypto("2", CM), crypto("7", GCM)))
    assert media.protocol == "RTP/SAVP"
    (own,) = keys_of(media)
    assert (own.tag, own.suite) == ("7", GCM)
    keys = agreed(ours)
    assert keys == SrtpKeys(GCM, THEIRS[:28], own.key)
    assert keys.outward != keys.inward


@pytest.mark.parametrize(
    ("srtp", "other", "profile", "encrypted"),
    [
        ("off", "off", "RTP/AVP", False),
        ("off", "allowed", "RTP/AVP", False),
        ("allowed", "off", "RTP/AVP", False),
        ("allowed", "allowed", "RTP/AVP", True),
        ("allowed", "required", "RTP/AVP", True),
        ("required", "allowed", "RTP/SAVP", True),
        ("required", "required", "RTP/SAVP", True),
    ],
)
def test_two_sides_agree(srtp: str, other: str, profile: str, *, encrypted: bool) -> None:
    a, b = both(srtp, other)
    assert parse_sdp(a.described()).media[0].protocol == profile
    first, second = agreed(a), agreed(b)
    assert (first is not None) is (second is not None) is encrypted
    if first is not None and second is not None:
        assert (first.suite, first.inward, first.outward) == (GCM, second.outward, second.inward)


@pytest.mark.parametrize(
    ("srtp", "body"),
    [
        ("required", theirs(profile="RTP/AVP")),
        ("required", theirs()),
        ("allowed", theirs()),
        ("off", theirs(crypto())),
        ("required", theirs("a=crypto:1 UNKNOWN inline:abc")),
        ("impossible", theirs(crypto())),
        ("impossible", theirs(profile="RTP/AVP")),
        ("allowed", theirs(crypto(), profile="RTP/XYZ")),
    ],
)
def test_offer_against_the_rule_is_refused_as_such(srtp: str, body: bytes) -> None:
    ours = session(srtp)
    with pytest.raises(NotEncrypted) as refused:
        ours.consider(body)
    assert refused.value.warning[0] == 302


def test_unknown_codec_is_refused_as_such() -> None:
    with pytest.raises(NotAcceptable) as refused:
        session("required").consider(theirs(crypto()).replace(b"SAVP 8", b"SAVP 18"))
    assert refused.value.warning[0] == 305


def test_encrypted_stream_is_taken_before_a_plain_one() -> None:
    ours = session("allowed")
    plain = theirs(profile="RTP/AVP")
    ours.consider(plain + b"m=audio 4002 RTP/SAVP 8\r\n" + crypto().encode() + b"\r\n")
    answered = parse_sdp(ours.answer())
    assert [media.port for media in answered.media] == [0, 6000]
    assert [media.protocol for media in answered.media] == ["RTP/AVP", "RTP/SAVP"]
    assert keys_of(answered.media[1])
    # The place and the lines stay where they are when we offer.
    again = parse_sdp(ours.offer())
    assert [media.port for media in again.media] == [0, 6000]
    assert keys_of(again.media[1])
    assert not keys_of(again.media[0])


def test_answer_in_another_profile_or_to_no_offered_key_is_none() -> None:
    for body in (
        theirs(profile="RTP/AVP"),
        theirs(crypto("9")),
        theirs(crypto("1", SHORT)),
        theirs(),
    ):
        ours = session("required")
        ours.offer()
        with pytest.raises(NotAcceptable):
            ours.accept(body)
    ours = session("off")
    ours.offer()
    with pytest.raises(NotAcceptable):
        ours.accept(theirs(crypto()))


def test_each_suite_is_offered_with_a_key_of_its_own() -> None:
    ours = session("allowed")
    offered = keys_of(parse_sdp(ours.offer()).media[0])
    assert [(one.tag, one.suite) for one in offered] == [("1", GCM), ("2", CM), ("3", SHORT)]
    assert len({one.key for one in offered}) == 3
    ours.withdraw()
    assert keys_of(parse_sdp(ours.offer()).media[0]) == offered  # the same INVITE once more


def test_hold_and_back_keep_the_keys_on_both_sides() -> None:
    a, b = both("required", "required")
    before = agreed(a), agreed(b)
    for who, other, held in ((a, b, True), (a, b, False), (b, a, True), (b, a, False)):
        who.on_hold = held
        other.consider(who.offer())
        who.accept(other.answer())
        assert (agreed(a), agreed(b)) == before


def test_new_key_of_the_peer_is_taken_and_ours_stays() -> None:
    ours = session("allowed")
    answer(ours, theirs(crypto()))
    first = agreed(ours)
    media = answer(ours, theirs(crypto("4", key=THEIRS[::-1])))
    second = agreed(ours)
    assert first is not None
    assert second == SrtpKeys(CM, THEIRS[::-1], first.outward)
    assert [one.tag for one in keys_of(media)] == ["4"]


def test_other_suite_of_the_peer_gets_a_new_key_of_ours() -> None:
    ours = session("allowed")
    answer(ours, theirs(crypto()))
    first = agreed(ours)
    answer(ours, theirs(crypto(suite=SHORT)))
    second = agreed(ours)
    assert first is not None
    assert second is not None
    assert second.suite == SHORT
    assert second.outward != first.outward


def test_refresh_says_the_same_under_the_same_version() -> None:
    ours = session("allowed")
    answer(ours, theirs(crypto("5")))
    described = ours.described()
    assert ours.offer_again() == described
    ours.accept(theirs(crypto("5")))
    keys = agreed(ours)
    assert keys is not None
    assert keys.inward == THEIRS


def test_restored_session_keeps_its_keys_and_knows_what_it_offered() -> None:
    ours = session("required")
    first = parse_sdp(ours.offer()).media[0]
    again = Session.restore(journaled(ours), Random(9).randbytes)
    assert again.holds_keys
    again.accept(theirs(crypto("2")))
    keys = agreed(again)
    assert keys is not None
    assert keys.outward == keys_of(first)[1].key


def test_peer_may_give_up_encryption_only_where_it_is_not_required() -> None:
    ours = session("allowed")
    answer(ours, theirs(crypto()))
    media = answer(ours, theirs(profile="RTP/AVP"))
    assert agreed(ours) is None
    assert keys_of(media) == []
    strict = session("required")
    answer(strict, theirs(crypto()))
    with pytest.raises(NotEncrypted):
        strict.consider(theirs(profile="RTP/AVP"))
    assert agreed(strict) is not None


@pytest.mark.parametrize(
    ("policy", "transport", "in_clear", "means"),
    [
        ("off", "tls", False, "off"),
        ("allowed", "tls", False, "allowed"),
        ("allowed", "wss", False, "allowed"),
        ("allowed", "udp", False, "off"),
        ("allowed", "ws", True, "allowed"),
        ("required", "tcp", False, "impossible"),
        ("required", "udp", True, "required"),
        ("required", "wss", False, "required"),
    ],
)
def test_keys_travel_only_where_nobody_reads_them(
    policy: str, transport: str, means: str, *, in_clear: bool
) -> None:
    assert srtp_over(policy, transport, in_clear=in_clear) == means


def test_no_offer_is_made_where_keys_would_be_readable() -> None:
    with pytest.raises(NotEncrypted):
        session("impossible").offer()
