import pytest

from cython_ext.sip_wire import Auth, CSeq, NameAddr, Uri, Via, WireError, bench

MINIMAL = (
    b"OPTIONS sip:a@b SIP/2.0\r\nv: SIP/2.0/UDP h:5070;rport;branch=z9hG4bKx\r\n"
    b"f: <sip:c@d>;tag=1\r\nt: <sip:a@b>\r\ni: 9\r\nCSeq: 4 OPTIONS\r\n"
)


def request(more=b"", method=b"OPTIONS", body=b""):
    return MINIMAL.replace(b"OPTIONS", method) + more + b"\r\n" + body


def refusal(sip, data):
    with pytest.raises(WireError) as caught:
        sip.parse(data)
    return caught.value


def test_invite_gives_what_every_message_needs(sip):
    found = sip.parse(bench.message())
    assert found.is_request
    assert (found.method, found.uri) == ("INVITE", "sip:5551000@203.0.113.7:5060")
    assert (found.status, found.reason) == (0, "")
    assert found.call_id == "9d1b7c20-55aa-4e0f-8a51-2f6c7d1b0e44"
    assert (found.from_tag, found.to_tag) == ("7f0c1d9b5e", "")
    assert found.cseq == CSeq(24817, "INVITE")
    assert found.max_forwards == 70
    assert found.top_via == Via(
        "UDP", "198.51.100.20", 5060, {"rport": None, "branch": "z9hG4bKPj3c0f9ad1b5c84f1a"}
    )
    assert found.body.startswith(b"v=0\r\n")
    assert found.raw == bench.message()
    assert found.headers("allow")[:2] == ["INVITE", "ACK"]
    assert found.header("content-type") == found.header("c") == "application/sdp"
    assert found.header("X-Nothing") is None
    assert found.headers("X-Nothing") == []


def test_response_gives_status_and_reason(sip):
    found = sip.parse(MINIMAL.replace(b"OPTIONS sip:a@b SIP/2.0", b"SIP/2.0 180 Ringing") + b"\r\n")
    assert not found.is_request
    assert (found.status, found.reason, found.method) == (180, "Ringing", "")
    assert found.cseq.method == "OPTIONS"


def test_compact_and_odd_spellings_are_one_header(sip):
    found = sip.parse(request(b"m : <sip:x@y>\r\nCONTACT: <sip:z@y>,<sip:q@y>\r\nX-Own: 1\r\n"))
    assert found.headers("Contact") == ["<sip:x@y>", "<sip:z@y>", "<sip:q@y>"]
    assert found.header("x-OWN") == "1"
    assert ("Contact", "<sip:x@y>") in found.all_headers()
    assert found.max_forwards is None


def test_only_list_headers_are_split(sip):
    found = sip.parse(request(b"Subject: a, b\r\nSupported: x,,y ,\r\n"))
    assert found.headers("Subject") == ["a, b"]
    assert found.headers("Supported") == ["x", "y"]


def test_more_headers_than_fit_inside(sip):
    many = b"".join(b"X-%d: %d\r\n" % (n, n) for n in range(120))
    found = sip.parse(request(many))
    assert found.header("X-119") == "119"
    too_many = b"".join(b"X-%d: %d\r\n" % (n, n) for n in range(300))
    assert refusal(sip, request(too_many)).status == 513


def test_message_equals_itself_only(sip):
    first, second = sip.parse(request()), sip.parse(request())
    assert first == second
    assert hash(first) == hash(second)
    assert first != sip.parse(request(b"Subject: x\r\n"))
    assert first != "x"
    assert "OPTIONS" in repr(first)


def test_keep_alive_is_dropped(sip):
    for data in (b"", b"\r\n\r\n"):
        assert refusal(sip, data).status == 0


def test_leading_line_ends_are_skipped(sip):
    assert sip.parse(b"\r\n\r\n" + request()).method == "OPTIONS"


def test_too_large_message_is_513(sip):
    assert refusal(sip, request(body=b"x" * 70_000)).status == 513


def test_ack_is_never_answered(sip):
    assert refusal(sip, request(b"To: again\r\n", method=b"ACK")).status == 0
    assert refusal(sip, request(b"To: again\r\n")).status == 400


@pytest.mark.parametrize(
    "more",
    [
        b"Max-Forwards: 256\r\n", b"Max-Forwards: x\r\n", b"Max-Forwards:\r\n",
        b"Content-Length: 5\r\n", b"Content-Length: +0\r\n", b"no colon\r\n", b": x\r\n",
        b"X: a\rb\r\n", b"X: a\nb\r\n", b"Call-ID: other\r\n", b"CSeq: 4 OPTIONS\r\n",
    ],
)  # fmt: skip
def test_bad_header_is_400(sip, more):
    assert refusal(sip, request(more)).status == 400


@pytest.mark.parametrize("missing", [b"v: ", b"f: ", b"t: ", b"i: ", b"CSeq: "])
def test_missing_header_is_400(sip, missing):
    lines = request().split(b"\r\n")
    data = b"\r\n".join(line for line in lines if not line.startswith(missing))
    assert refusal(sip, data).status == 400


def test_refusal_echoes_what_was_readable(sip):
    fault = refusal(sip, request(b"Content-Length: 99\r\n"))
    assert fault.echo == (
        ("Via", "SIP/2.0/UDP h:5070;rport;branch=z9hG4bKx"),
        ("From", "<sip:c@d>;tag=1"),
        ("To", "<sip:a@b>"),
        ("Call-ID", "9"),
        ("CSeq", "4 OPTIONS"),
    )


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("sip:a@b", Uri("sip", "a", host="b")),
        ("sip:B.Example:5070", Uri("sip", host="b.example", port=5070)),
        ("sips:%41:p%40@[2001:DB8::1]:5061;lr;Transport=tcp?Subject=a%20b&x=",
         Uri("sips", "A", "p@", "2001:db8::1", 5061, {"lr": None, "transport": "tcp"},
             {"Subject": "a b", "x": ""})),
        ("tel:+1-201-555-0123;phone-context=x.example",
         Uri("tel", "+1-201-555-0123", params={"phone-context": "x.example"})),
        ("sip:%E4%BD%A0@h", Uri("sip", "你", host="h")),
    ],
)  # fmt: skip
def test_uri(sip, text, wanted):
    assert sip.parse_uri(text) == wanted


@pytest.mark.parametrize(
    "text",
    [
        "", "sip:", "sip", "sip:@h", "sip:a@", "sip:a@b@c", "sip:a@h:", "sip:a@h:99999", "sip:%4@h",
        "sip:%zz@h", "sip:a@[::1", "sip:a@[1::2::3]", "sip:a@h;", "sip:a@h;=x", "sip:a@h;x=",
        "sip:a@h?", "sip:a@h?x", "sip:a b@h", "sip:a@h\r\n", "sip:é@h", "tel:", "sip::p@h",
    ],
)  # fmt: skip
def test_bad_uri(sip, text):
    with pytest.raises(WireError):
        sip.parse_uri(text)


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("<sip:a@b>", NameAddr("", "sip:a@b")),
        ("sip:a@b;tag=x", NameAddr("", "sip:a@b", {"tag": "x"})),
        ("Ann Lee <sip:a@b>;Tag = x", NameAddr("Ann Lee", "sip:a@b", {"tag": "x"})),
        ('"A \\"B\\" \\\\" <sip:a@b;c=d>;e', NameAddr('A "B" \\', "sip:a@b;c=d", {"e": None})),
        ('"<sip:no@x>, " <sip:a@b>', NameAddr("<sip:no@x>, ", "sip:a@b")),
        ('<sip:a@b>;x="a;b,\\"c"', NameAddr("", "sip:a@b", {"x": 'a;b,"c'})),
        ("陈 <sip:a@b>", NameAddr("陈", "sip:a@b")),
        ("*", NameAddr("", "*")),
    ],
)
def test_name_addr(sip, text, wanted):
    assert sip.parse_name_addr(text) == wanted


@pytest.mark.parametrize(
    "text",
    [
        "", "a", "<sip:a@b", '"a <sip:a@b>', '"a" sip:a@b', "A, B <sip:a@b>", "<a>", "<>",
        "<sip:a@b>x", "<sip:a@b>;", "<sip:a@b>;=x", "<sip:a@b>;x=", '<sip:a@b>;x="', "sip:a@b?c=d",
        "<sip:a b>", "sip:a@b,sip:c@d", "<sip:a@b>\r\nX: y",
    ],
)  # fmt: skip
def test_bad_name_addr(sip, text):
    with pytest.raises(WireError):
        sip.parse_name_addr(text)


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("SIP/2.0/UDP h", Via("UDP", "h")),
        ("sip / 2.0 / tls  [2001:db8::9] : 5061 ; branch = x ; rport",
         Via("TLS", "2001:db8::9", 5061, {"branch": "x", "rport": None})),
        ("SIP/2.0/UDP 1.2.3.4;received=::1", Via("UDP", "1.2.3.4", None, {"received": "::1"})),
    ],
)  # fmt: skip
def test_via(sip, text, wanted):
    assert sip.parse_via(text) == wanted


@pytest.mark.parametrize(
    "text",
    ["", "SIP/2.0/UDP", "SIP/2.0 h", "SIP/3.0/UDP h", "HTTP/2.0/UDP h", "SIP/2.0/UDP h:", "ſIP/2.0/UDP h",
     "SIP/2.0/UDP h;", "SIP/2.0/UDP h x", "SIP/2.0/U/P h", "SIP/2.0/UDP h:1:2", "SIP/2.0/UDP [::g]"],
)  # fmt: skip
def test_bad_via(sip, text):
    with pytest.raises(WireError):
        sip.parse_via(text)


def test_auth(sip):
    found = sip.parse_auth(
        'Digest realm="a, \\"b\\"", qop="auth,auth-int", nc=00000001, URI="sip:x"'
    )
    assert found == Auth(
        "Digest", {"realm": 'a, "b"', "qop": "auth,auth-int", "nc": "00000001", "uri": "sip:x"}
    )


@pytest.mark.parametrize(
    "text", ["", "Dig est x", 'Digest a="b', 'Digest a="b"c', "Digest a=", "Digest =b"]
)
def test_bad_auth(sip, text):
    with pytest.raises(WireError):
        sip.parse_auth(text)


def test_build_owns_the_content_length(sip):
    data = sip.build_request(
        "INFO", "sip:a@b", [("l", "999"), ("Content-Length", "7"), ("Subject", "é")], b"12345"
    )
    assert data == ("INFO sip:a@b SIP/2.0\r\nSubject: é\r\nContent-Length: 5\r\n\r\n12345".encode())


@pytest.mark.parametrize(
    ("method", "uri", "headers"),
    [
        ("IN FO", "sip:a@b", []), ("", "sip:a@b", []), ("INFO", "", []), ("INFO", "sip:a b", []),
        ("INFO", "sip:a@b\r\n", []), ("INFO", "sip:a@b", [("X", "a\r\nEvil: b")]),
        ("INFO", "sip:a@b", [("X: y", "a")]), ("INFO", "sip:a@b", [("X", "\ud800")]),
    ],
)  # fmt: skip
def test_build_refuses_what_would_not_parse(sip, method, uri, headers):
    with pytest.raises(WireError):
        sip.build_request(method, uri, headers)


def test_build_response_refuses_a_broken_status_line(sip):
    for status, reason in ((99, "x"), (700, "x"), (200, "a\r\nb")):
        with pytest.raises(WireError):
            sip.build_response(status, reason, [])
