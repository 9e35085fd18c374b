"""RFC 5118: what the parser makes of each of its 12 messages."""

from pathlib import Path

import pytest

from cython_ext.sip_wire import WireError, format_host

TORTURE = Path(__file__).parent / "torture_ipv6"
# Host and port of the request URI; None where only a layer above understands what is meant.
TARGETS = {
    "ipv6-good": ("2001:db8::10", None),  # 4.1
    "ipv6-bad": None,  # 4.2: no brackets, so what follows the first colon is no port
    "port-ambiguous": ("2001:db8::10:5070", None),  # 4.3: well-formed, the port is address
    "port-unambiguous": ("2001:db8::10", 5070),  # 4.4
    "via-received-param-with-delim": ("2001:db8::10", None),  # 4.5: tolerated
    "via-received-param-no-delim": ("2001:db8::10", None),  # 4.5
    "ipv6-in-sdp": ("2001:db8::10", None),  # 4.6
    "mult-ip-in-header": ("host.example.net", None),  # 4.7
    "mult-ip-in-sdp": ("2001:db8::10", None),  # 4.8
    "ipv4-mapped-ipv6": ("example.com", None),  # 4.9
    "ipv6-bug-abnf-3-colons": ("2001:db8::192.0.2.1", None),  # 4.10: must be tolerated
    "ipv6-correct-abnf-2-colons": ("2001:db8::192.0.2.1", None),  # 4.10
}


def read(sip, name):
    return sip.parse((TORTURE / f"{name}.dat").read_bytes())


def test_the_table_names_every_message():
    assert set(TARGETS) == {path.stem for path in TORTURE.glob("*.dat")}
    assert len(TARGETS) == 12


@pytest.mark.parametrize("name", sorted(TARGETS))
def test_message_parses_and_its_uri_means_what_it_should(sip, name):
    uri = read(sip, name).uri
    if TARGETS[name] is None:
        with pytest.raises(WireError) as caught:
            sip.parse_uri(uri)
        assert caught.value.status == 400
        return
    found = sip.parse_uri(uri)
    assert (found.host, found.port) == TARGETS[name]


@pytest.mark.parametrize("name", sorted(TARGETS))
def test_every_via_is_read_and_comes_back_with_brackets(sip, name):
    for value in read(sip, name).headers("Via"):
        via = sip.parse_via(value)
        shown = format_host(via.host, via.port)
        assert shown == value.split()[1].partition(";")[0]
        assert ("[" in shown) is (":" in via.host)


def test_received_is_kept_with_and_without_brackets(sip):
    names = ("via-received-param-with-delim", "via-received-param-no-delim")
    found = [read(sip, name).top_via.params["received"] for name in names]
    assert found == ["[2001:db8::9:255]", "2001:db8::9:255"]


def test_hosts_of_both_versions_stand_beside_each_other(sip):
    vias = [sip.parse_via(value) for value in read(sip, "mult-ip-in-header").headers("Via")]
    assert [(via.transport, via.host, via.port) for via in vias] == [
        ("UDP", "2001:db8::9:1", 6050),
        ("UDP", "192.0.2.1", None),
        ("TCP", "2001:db8::9:255", None),
    ]
    assert vias[2].params["received"] == "192.0.2.200"


def test_mapped_addresses_are_hosts(sip):
    message = read(sip, "ipv4-mapped-ipv6")
    contact = sip.parse_name_addr(message.headers("Contact")[0])
    assert (contact.display, sip.parse_uri(contact.uri).host) == (
        "T. desk phone", "::ffff:192.0.2.2",
    )  # fmt: skip
    assert (message.top_via.host, message.top_via.port) == ("::ffff:192.0.2.10", 19823)


@pytest.mark.parametrize(
    ("written", "host"),
    [
        ("[2001:db8:::192.0.2.1]", "2001:db8::192.0.2.1"),
        ("[:::192.0.2.1]", "::192.0.2.1"),
        ("[2001:DB8:::192.0.2.1]", "2001:db8::192.0.2.1"),
        # Nothing but the one colon too much before an IPv4 address is let pass.
        ("[2001:db8:::10]", None),
        ("[2001:db8::::192.0.2.1]", None),
        ("[2001::db8:::192.0.2.1]", None),
        ("[1:2:3:4:5:6:7:::192.0.2.1]", None),
        ("[2001:db8:::192.0.2]", None),
        ("[:::]", None),
        ("[:]", None),
        ("[.:.]", None),
        ("2001:db8:::192.0.2.1", None),
    ],
)
def test_third_colon_before_an_ipv4_address(sip, written, host):
    if host is None:
        with pytest.raises(WireError):
            sip.parse_uri(f"sip:user@{written}")
        return
    assert sip.parse_uri(f"sip:user@{written}:5070").host == host
    via = sip.parse_via(f"SIP/2.0/UDP {written} : 5070;branch=z9hG4bK1")
    assert (via.host.lower(), via.port) == (host, 5070)
