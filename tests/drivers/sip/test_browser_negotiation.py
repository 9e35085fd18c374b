"""What browsers say and hear in descriptions: DTLS, ICE-lite, bundles, roles, restarts."""

from random import Random

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from drivers.api import DtlsOffer, DtlsPeer, RtpAddress
from drivers.sip.journal.records import SessionRecord
from drivers.sip.negotiation.description import Media
from drivers.sip.negotiation.session import Session
from drivers.sip.negotiation.terms import NotAcceptable, NotEncrypted, Terms
from drivers.sip.sdp import SdpError, parse_sdp

PRINT = "sha-256 " + ":".join(["AB"] * 32)
OTHER = "sha-256 " + ":".join(["CD"] * 32)
ENGINE = DtlsOffer("sha-256 " + ":".join(["EF"] * 32), "ours", "p" * 22)
OFFER = "\r\n".join(
    [
        "v=0",
        "o=- 46117317 2 IN IP4 127.0.0.1",
        "s=-",
        "t=0 0",
        "a=group:BUNDLE audio",
        "a=msid-semantic: WMS",
        "m=audio 9 UDP/TLS/RTP/SAVPF 111 63 8 0 101 110",
        "c=IN IP4 0.0.0.0",
        "a=rtcp:9 IN IP4 0.0.0.0",
        "a=candidate:1 1 udp 2113937151 1f4712db-ea17.local 54400 typ host",
        "a=ice-ufrag:EsAw",
        "a=ice-pwd:bP+XJMM09aR8AiX1jdukzR6Y",
        "a=ice-options:trickle",
        f"a=fingerprint:{PRINT}",
        "a=setup:actpass",
        "a=mid:audio",
        "a=sendrecv",
        "a=rtcp-mux",
        "a=rtpmap:111 opus/48000/2",
        "a=rtcp-fb:111 transport-cc",
        "a=fmtp:111 minptime=10;useinbandfec=1",
        "a=rtpmap:63 red/48000/2",
        "a=rtpmap:8 PCMA/8000",
        "a=rtpmap:0 PCMU/8000",
        "a=rtpmap:110 telephone-event/48000",
        "a=rtpmap:101 telephone-event/8000",
        "a=ssrc:3463951252 cname:sTjtznXLCNH7nbRw",
        "",
    ]
)


def session(terms: Terms = Terms(("PCMA", "PCMU"), dtls=True)) -> Session:  # noqa: B008 - frozen
    made = Session(
        host="192.0.2.1", port=6000, terms=terms, session_id=7, new_key=Random(1).randbytes
    )
    return made


def answered(ours: Session, offer: str = OFFER) -> Media:
    ours.consider(offer.encode())
    if ours.wants_dtls:
        ours.prepare_dtls(ENGINE)
    (media,) = parse_sdp(ours.answer()).media
    return media


def of(media: Media, name: str) -> list[str]:
    return [value for found, value in media.attributes if found == name]


def agreed(ours: Session) -> DtlsPeer:
    assert ours.fmt is not None
    assert ours.fmt.dtls is not None
    return ours.fmt.dtls


def journaled(ours: Session) -> SessionRecord:
    packed = msgspec.msgpack.encode(ours.fields())
    return msgspec.msgpack.decode(packed, type=SessionRecord)


def test_browser_is_answered_with_our_side_of_dtls_and_ice() -> None:
    ours = session()
    ours.consider(OFFER.encode())
    assert (ours.wants_dtls, ours.wants_ice) == (True, True)
    with pytest.raises(NotAcceptable):
        ours.answer()
    ours = session()
    media = answered(ours)
    assert (media.protocol, media.port, media.formats) == (
        "UDP/TLS/RTP/SAVPF",
        6000,
        ("8", "101"),
    )
    assert of(media, "fingerprint") == [ENGINE.fingerprint]
    assert of(media, "setup") == ["passive"]
    assert (of(media, "ice-ufrag"), of(media, "ice-pwd")) == (["ours"], ["p" * 22])
    assert of(media, "candidate") == ["1 1 UDP 2130706431 192.0.2.1 6000 typ host"]
    assert (of(media, "mid"), of(media, "rtcp-mux")) == (["audio"], [""])
    whole = parse_sdp(ours.described())
    assert whole.attributes == (("ice-lite", ""), ("group", "BUNDLE audio"))
    # The address 0.0.0.0 is no hold here, and nobody sends there.
    assert not ours.peer_holds
    assert ours.remote == RtpAddress("", 0)
    assert agreed(ours) == DtlsPeer(client=False, fingerprints=(PRINT,), ufrag="EsAw")


@pytest.mark.parametrize(
    ("theirs", "ours", "client"),
    [("actpass", "passive", False), ("active", "passive", False), ("passive", "active", True)],
)
def test_who_begins_the_handshake(theirs: str, ours: str, *, client: bool) -> None:
    made = session()
    media = answered(made, OFFER.replace("setup:actpass", f"setup:{theirs}"))
    assert of(media, "setup") == [ours]
    assert agreed(made).client is client
    # An offer of ours leaves the choice open, the peer's next one changes nothing.
    assert "a=setup:actpass" in made.offer().decode()
    made.withdraw()
    assert of(answered(made), "setup") == [ours]
    assert agreed(made).client is client


def test_hold_goes_on_with_the_same_credentials_and_a_restart_of_ice_with_others() -> None:
    ours = session()
    first = answered(ours)
    held = answered(ours, OFFER.replace("a=sendrecv", "a=sendonly"))
    assert ours.peer_holds
    assert of(held, "ice-ufrag") == of(first, "ice-ufrag")
    again = answered(ours, OFFER.replace("EsAw", "Other"))
    assert of(again, "ice-ufrag") != of(first, "ice-ufrag")
    assert of(again, "ice-pwd") != of(first, "ice-pwd")
    assert len(of(again, "ice-pwd")[0]) >= 22
    assert of(again, "fingerprint") == of(first, "fingerprint")
    assert agreed(ours).ufrag == "Other"


def test_our_offer_is_what_browsers_speak_and_nothing_else() -> None:
    ours = session(Terms(("PCMA", "PCMU"), "allowed", dtls=True, browser=True))
    assert (ours.wants_dtls, ours.wants_ice) == (True, True)
    with pytest.raises(NotAcceptable):
        ours.offer()
    ours.prepare_dtls(ENGINE)
    whole = parse_sdp(ours.offer())
    (media,) = whole.media
    assert whole.attributes == (("ice-lite", ""), ("group", "BUNDLE 0"))
    assert media.protocol == "UDP/TLS/RTP/SAVPF"
    assert (of(media, "setup"), of(media, "mid")) == (["actpass"], ["0"])
    assert of(media, "crypto") == []
    assert of(media, "rtcp-mux") == [""]
    answer = OFFER.replace("setup:actpass", "setup:active").replace("audio\r\na=sendrecv", "0")
    ours.accept(answer.encode())
    assert agreed(ours).client is False
    assert ours.fmt is not None
    assert ours.fmt.rtcp_mux
    with pytest.raises(NotAcceptable):
        ours.accept(OFFER.replace("UDP/TLS/RTP/SAVPF", "RTP/AVP").encode())


def test_dtls_without_ice_goes_to_the_address_of_the_description() -> None:
    plain = OFFER.replace("a=ice-ufrag:EsAw\r\n", "").replace("0.0.0.0", "192.0.2.9")
    ours = session()
    ours.consider(plain.replace("m=audio 9 ", "m=audio 4000 ").encode())
    assert (ours.wants_dtls, ours.wants_ice) == (True, False)
    ours.prepare_dtls(DtlsOffer(ENGINE.fingerprint, "", ""))
    (media,) = parse_sdp(ours.answer()).media
    assert (of(media, "candidate"), of(media, "ice-ufrag")) == ([], [])
    assert agreed(ours).remote == RtpAddress("192.0.2.9", 4000)


@pytest.mark.parametrize(
    ("terms", "offer"),
    [
        (Terms(("PCMA",)), OFFER),
        (Terms(("PCMA",), dtls=True), OFFER.replace(f"a=fingerprint:{PRINT}\r\n", "")),
        (Terms(("PCMA",), dtls=True), OFFER.replace("a=rtcp-mux\r\n", "")),
        (Terms(("PCMA",), dtls=True), OFFER.replace("EsAw", "E" * 300)),
    ],
)
def test_offer_that_cannot_be_secured_is_refused(terms: Terms, offer: str) -> None:
    with pytest.raises(NotEncrypted):
        session(terms).consider(offer.encode())


def test_keys_cannot_come_another_way_while_the_call_stands() -> None:
    plain = OFFER.replace("UDP/TLS/RTP/SAVPF", "RTP/AVP").replace("0.0.0.0", "192.0.2.9")
    ours = session()
    answered(ours)
    with pytest.raises(NotEncrypted):
        ours.consider(plain.encode())
    other = session()
    answered(other, plain)
    with pytest.raises(NotEncrypted):
        other.consider(OFFER.encode())


def test_session_goes_on_after_a_restart_of_control() -> None:
    ours = session()
    answered(ours)
    again = Session.restore(journaled(ours), Random(2).randbytes)
    assert again.holds_keys
    assert "p" * 22 not in repr(ours.own_dtls)
    assert of(answered(again), "ice-ufrag") == ["ours"]
    assert agreed(again) == agreed(ours)


def test_another_certificate_keeps_the_name_of_the_stream() -> None:
    ours = session()
    answered(ours)
    ours.prepare_dtls(DtlsOffer(OTHER, "next", "q" * 22))
    (media,) = parse_sdp(ours.offer()).media
    assert (of(media, "fingerprint"), of(media, "mid")) == ([OTHER], ["audio"])
    assert (of(media, "ice-ufrag"), of(media, "setup")) == (["next"], ["actpass"])


@given(st.integers(0, len(OFFER)), st.integers(0, len(OFFER)), st.text(max_size=4))
def test_damaged_offer_is_answered_or_refused(start: int, end: int, put: str) -> None:
    offer = OFFER[: min(start, end)] + put + OFFER[max(start, end) :]
    ours = session(Terms(("PCMA", "PCMU"), "allowed", dtls=True))
    try:
        ours.consider(offer.encode(errors="replace"))
    except (SdpError, NotAcceptable):
        return
    if ours.wants_dtls:
        ours.prepare_dtls(ENGINE)
    assert parse_sdp(ours.answer()).media
