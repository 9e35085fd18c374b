"""Options: each fault is found, names its key and says what to write."""

from typing import Any

import msgspec
import pytest

from drivers.errors import OptionsError
from drivers.sip.options import SipOptions, TimerOptions, TrunkOptions
from drivers.sip.transport.targets import host_and_port


def keys(options: SipOptions) -> list[str]:
    return [fault.key for fault in options.faults()]


def trunk(**changed: Any) -> TrunkOptions:
    return TrunkOptions(name="a", target="192.0.2.1", **changed)


def test_defaults_have_no_fault() -> None:
    SipOptions().check()


def test_required_encryption_is_no_fault_where_keys_are_not_readable() -> None:
    SipOptions(trunks=(trunk(srtp="required", transport="tls"),)).check()
    SipOptions(trunks=(trunk(srtp="required"),), srtp_in_clear=True).check()
    SipOptions(station_srtp={"tls": "required", "udp": "off"}).check()


@pytest.mark.parametrize(
    ("options", "key"),
    [
        (SipOptions(listen="localhost"), "listen"),
        (SipOptions(offices=("the office",)), "offices"),
        (SipOptions(offices=("::/0",)), "offices"),
        (SipOptions(listen="0.0.0.0"), "advertise"),
        (SipOptions(advertise="pbx"), "advertise"),
        (SipOptions(port=70000), "port"),
        (SipOptions(realm='a"b'), "realm"),
        (SipOptions(user_agent="a\r\nb"), "user_agent"),
        (SipOptions(digest_algorithms=("MD4",)), "digest_algorithms"),
        (SipOptions(expires_min_s=100, expires_max_s=50), "expires_min_s"),
        (SipOptions(max_contacts=0), "max_contacts"),
        (SipOptions(station_codecs=("G729",)), "station_codecs"),
        (SipOptions(station_codecs=()), "station_codecs"),
        (SipOptions(timers=TimerOptions(t1=0.0)), "timers.t1"),
        (SipOptions(trunks=(TrunkOptions(name="a/b", target="192.0.2.1"),)), "trunks[0].name"),
        (SipOptions(trunks=(TrunkOptions(name="a"),)), "trunks[0].addresses"),
        (SipOptions(trunks=(TrunkOptions(name="a", addresses=("x",)),)), "trunks[0].addresses"),
        (SipOptions(trunks=(TrunkOptions(name="a", target="x:5060"),)), "trunks[0].target"),
        (
            SipOptions(trunks=(TrunkOptions(name="a", target="192.0.2.1", max_calls=0),)),
            "trunks[0].max_calls",
        ),
        (
            SipOptions(trunks=(TrunkOptions(name="a", target="192.0.2.1", codecs=("X",)),)),
            "trunks[0].codecs",
        ),
        (SipOptions(station_codecs=("OPUS", "PCMA")), "station_codecs"),
        (SipOptions(station_srtp="sometimes"), "station_srtp"),
        (SipOptions(station_srtp={"sctp": "off"}), "station_srtp"),
        (SipOptions(station_srtp={"udp": "required"}), "station_srtp"),
        (SipOptions(trunks=(trunk(srtp="yes"),)), "trunks[0].srtp"),
        (SipOptions(trunks=(trunk(srtp="required"),)), "trunks[0].srtp"),
        (SipOptions(trunks=(trunk(ptime_ms=25),)), "trunks[0].ptime_ms"),
    ],
)
def test_fault_names_its_key(options: SipOptions, key: str) -> None:
    assert key in keys(options)
    with pytest.raises(OptionsError, match=key.partition("[")[0]):
        options.check()


def test_transcoded_opus_may_stand_first() -> None:
    codecs = ("OPUS", "PCMA")
    options = SipOptions(
        station_codecs=codecs,
        station_transcode_opus=True,
        trunks=(trunk(codecs=codecs, transcode_opus=True),),
    )
    assert keys(options) == []
    assert options.terms("", "udp").transcode
    assert options.terms(options.trunks[0].name, "udp").transcode
    assert not SipOptions().terms("", "udp").transcode


def test_two_trunks_of_one_name_are_a_fault() -> None:
    trunk = TrunkOptions(name="a", addresses=("192.0.2.1",))
    assert "trunks[1].name" in keys(SipOptions(trunks=(trunk, trunk)))


def test_whole_internet_is_no_trunk_but_on_loopback_it_may_be() -> None:
    trunk = TrunkOptions(name="a", addresses=("0.0.0.0/0",))
    assert keys(SipOptions(trunks=(trunk,))) == []
    assert keys(SipOptions(listen="192.0.2.1", trunks=(trunk,))) == ["trunks[0].addresses"]


def test_unknown_key_is_refused() -> None:
    with pytest.raises(msgspec.ValidationError, match="lissten"):
        msgspec.convert({"lissten": "127.0.0.1"}, SipOptions)


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("192.0.2.1", ("192.0.2.1", None)),
        ("192.0.2.1:5080", ("192.0.2.1", 5080)),
        ("[2001:db8::1]:5080", ("2001:db8::1", 5080)),
        ("[2001:db8::1]", ("2001:db8::1", None)),
        ("2001:db8::1", ("2001:db8::1", None)),
        ("SIP.Carrier.example.", ("sip.carrier.example", None)),
        ("sip.carrier.example:5070", ("sip.carrier.example", 5070)),
    ],
)
def test_host_and_port(text: str, found: tuple[str, int | None]) -> None:
    assert host_and_port(text) == found


@pytest.mark.parametrize("text", ["", "host", "192.0.2.1:0", "192.0.2.1:x", "192.0.2.1:99999"])
def test_host_and_port_refuses(text: str) -> None:
    with pytest.raises(ValueError, match=r"."):
        host_and_port(text)
