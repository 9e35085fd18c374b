"""RFC 4475: what each of its 49 messages must lead to."""

from pathlib import Path

import pytest

from cython_ext.sip_wire import WireError

TORTURE = Path(__file__).parent / "torture"

# 3.1.1: strange and valid.
VALID = (
    "wsinv", "intmeth", "esc01", "escnull", "esc02", "lwsdisp", "longreq", "dblreq", "semiuri",
    "transports", "mpart01", "unreason", "noreason",
)  # fmt: skip
# 3.1.2 and the cases of 3.3 that no layer above needs to see; 0 = drop.
REFUSED = {
    "badinv01": 400, "clerr": 400, "ncl": 400, "scalar02": 400, "scalarlg": 0, "quotbal": 400,
    "ltgtruri": 400, "lwsruri": 400, "lwsstart": 400, "trws": 400, "baddn": 400, "badvers": 505,
    "mismatch01": 400, "mismatch02": 400, "bigcode": 0, "insuf": 400, "multi01": 400, "mcl01": 400,
}  # fmt: skip
# Good enough to parse; what they ask for is for the layers above.
PARSED = (
    "escruri", "baddate", "regbadct", "badaspec", "badbranch", "unkscm", "novelsc", "unksm2",
    "bext01", "invut", "regaut01", "bcast", "zeromf", "cparam01", "cparam02", "regescrt", "sdp01",
    "inv2543",
)  # fmt: skip


def message(name):
    return (TORTURE / f"{name}.dat").read_bytes()


def test_the_table_names_every_message():
    files = {path.stem for path in TORTURE.glob("*.dat")}
    assert files == {*VALID, *REFUSED, *PARSED}
    assert len(files) == 49


@pytest.mark.parametrize("name", [*VALID, *PARSED])
def test_message_is_accepted(sip, name):
    found = sip.parse(message(name))
    assert found.call_id
    assert found.cseq.method


@pytest.mark.parametrize("name", sorted(REFUSED))
def test_message_is_refused_with_its_status(sip, name):
    with pytest.raises(WireError) as caught:
        sip.parse(message(name))
    assert caught.value.status == REFUSED[name]


@pytest.mark.parametrize("name", sorted(name for name, status in REFUSED.items() if status))
def test_refusal_can_be_answered(sip, name):
    with pytest.raises(WireError) as caught:
        sip.parse(message(name))
    echo = dict(caught.value.echo)
    assert "Via" in echo
    assert "CSeq" in echo
    answer = sip.build_response(caught.value.status, "Refused", caught.value.echo)
    assert answer.startswith(b"SIP/2.0 ")
    assert answer.endswith(b"Content-Length: 0\r\n\r\n")


@pytest.mark.parametrize("name", [*VALID, *PARSED])
def test_accepted_message_survives_building(sip, name):
    first = sip.parse(message(name))
    again = sip.parse(rebuild(sip, first))
    drop = {"Content-Length"}
    assert [h for h in again.all_headers() if h[0] not in drop] == [
        h for h in first.all_headers() if h[0] not in drop
    ]
    assert (again.method, again.uri, again.status, again.reason, again.body) == (
        first.method, first.uri, first.status, first.reason, first.body,
    )  # fmt: skip


def rebuild(sip, message):
    if message.is_request:
        return sip.build_request(message.method, message.uri, message.all_headers(), message.body)
    return sip.build_response(message.status, message.reason, message.all_headers(), message.body)


def test_wsinv_is_read_through_its_folds(sip):
    found = sip.parse(message("wsinv"))
    assert found.max_forwards == 68
    assert found.cseq.number == 9
    assert found.to_tag == "1918181833n"
    assert found.from_tag == "98asjd8"
    assert found.header("Subject") == ""
    assert found.header("NewFangledHeader") == "newfangled value continued newfangled value"
    vias = [sip.parse_via(text) for text in found.headers("Via")]
    assert [(via.transport, via.host, via.branch) for via in vias] == [
        ("UDP", "192.0.2.2", "390skdjuw"),
        ("TCP", "spindle.example.com", "z9hG4bK9ikj8"),
        ("UDP", "192.168.255.111", "z9hG4bK30239"),
    ]
    contact = sip.parse_name_addr(found.headers("Contact")[0])
    assert contact.display == 'Quoted string ""'
    assert contact.params == {"newparam": "newvalue", "secondparam": None, "q": "0.33"}


def test_intmeth_keeps_every_strange_character(sip):
    found = sip.parse(message("intmeth"))
    assert found.method == "!interesting-Method0123456789_*+`.%indeed'~"
    to = sip.parse_name_addr(found.header("To"))
    assert to.display == "BEL:\a NUL:\0 DEL:\x7f"
    uri = sip.parse_uri(found.uri)
    assert uri.user == "1_unusual.URI~(to-be!sure)&isn't+it$/crazy?,/;;*"
    assert uri.password == "&it+has=1,weird!*pas$wo~d_too.(doesn't-it)"
    assert found.max_forwards == 255


def test_escapes_are_resolved_in_uris_only(sip):
    found = sip.parse(message("esc01"))
    assert sip.parse_uri(found.uri).user == "sips:user@example.com"
    contact = sip.parse_name_addr(found.headers("Contact")[0])
    assert sip.parse_uri(contact.uri).params == {"lr": None, "name": "value%41"}
    null = sip.parse(message("escnull"))
    assert sip.parse_uri(sip.parse_name_addr(null.header("To")).uri).user == "null-\0-null"
    named = sip.parse(message("esc02"))
    assert named.method == "RE%47IST%45R"
    assert sip.parse_name_addr(named.header("To")).display == "%Z%45"
    assert len(named.headers("Contact")) == 2


def test_octets_behind_the_body_are_not_part_of_it(sip):
    assert sip.parse(message("dblreq")).body == b""
    assert sip.parse(message("longreq")).body.startswith(b"v=0")


def test_long_request_keeps_all_its_vias(sip):
    found = sip.parse(message("longreq"))
    assert len(found.headers("Via")) == 34
    assert found.top_via.host == "sip33.example.com"


def test_contact_with_headers_needs_angle_brackets(sip):
    bad = sip.parse(message("regbadct"))
    with pytest.raises(WireError):
        sip.parse_name_addr(bad.headers("Contact")[0])
    good = sip.parse(message("regescrt"))
    uri = sip.parse_uri(sip.parse_name_addr(good.headers("Contact")[0]).uri)
    assert uri.headers == {"Route": "<sip:sip.example.com>"}


def test_parameters_belong_to_the_header_or_to_the_uri(sip):
    outside = sip.parse_name_addr(sip.parse(message("cparam01")).headers("Contact")[0])
    assert outside.params == {"unknownparam": None}
    inside = sip.parse_name_addr(sip.parse(message("cparam02")).headers("Contact")[0])
    assert inside.params == {}
    assert sip.parse_uri(inside.uri).params == {"unknownparam": None}


@pytest.mark.parametrize("name", ["unkscm", "novelsc"])
def test_unknown_scheme_is_for_416(sip, name):
    with pytest.raises(WireError) as caught:
        sip.parse_uri(sip.parse(message(name)).uri)
    assert caught.value.status == 416


def test_authorization_of_an_unknown_scheme_is_read(sip):
    found = sip.parse_auth(sip.parse(message("regaut01")).header("Authorization"))
    assert found.scheme == "NoOneKnowsThisScheme"
    assert found.params == {"opaque-data": "here"}
