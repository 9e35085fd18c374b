"""What is remembered of a sender's Via says the same as the Via taken apart each time."""

from hypothesis import example, given
from hypothesis import strategies as st

from cython_ext.sip_wire import WireError, parse
from drivers.sip.core import request as requests
from drivers.sip.core.request import Received
from drivers.sip.transport.address import Address

SOURCES = [
    Address("192.0.2.9", 5060),
    Address("192.0.2.9", 6000),
    Address("198.51.100.7", 5060, "tcp", 3),
]
BRANCHES = [
    "z9hG4bKabc1",
    "z9hG4bK-d8754z-1",
    "z9hG4bK",
    "z9hG4bKx",
    "abc",
    'z9hG4bK"q"',
    "z9hG4bK%41~",
]
PARAMS = ["rport", "rport=5070", "received=192.0.2.1", "alias", "ttl=1", 'x="a;branch=z9hG4bKin"']
PARAMS += ["Branch=z9hG4bKother1", " rport", "rport ", "RPORT"]
PLACES = ["192.0.2.9:5060", "192.0.2.9", "pbx.example:5070", "[2001:db8::1]:5060"]


def message(via: str, method: str = "OPTIONS") -> bytes:
    return (
        f"{method} sip:a@b SIP/2.0\r\nVia: {via}\r\nVia: SIP/2.0/UDP other;branch=z9hG4bKfar\r\n"
        f"From: <sip:a@b>;tag=1\r\nTo: <sip:a@b>\r\nCall-ID: c\r\nCSeq: 1 {method}\r\n"
        "Max-Forwards: 70\r\nContent-Length: 0\r\n\r\n"
    ).encode()


def seen(data: bytes, source: Address) -> tuple[str, Address, list[tuple[str, str]]] | None:
    try:
        received = Received(parse(data), source)
    except WireError:
        return None
    return received.key, received.reply_to, received.echo


def slowly(data: bytes, source: Address) -> tuple[str, Address, list[tuple[str, str]]] | None:
    """The same by taking the Via apart."""
    try:
        parsed = parse(data)
    except WireError:
        return None
    via = parsed.top_via
    vias = parsed.headers("Via")
    vias[0] = requests._stamped(vias[0], via, source)
    echo = [*(("Via", one) for one in vias), ("From", parsed.header("From") or "")]
    return requests.server_key(parsed), requests._reply_to(via, source), echo


@given(
    st.lists(st.sampled_from(PARAMS), max_size=3),
    st.sampled_from(BRANCHES),
    st.lists(st.sampled_from(PARAMS), max_size=3),
    st.sampled_from(PLACES),
    st.sampled_from(SOURCES),
    st.sampled_from(["OPTIONS", "ACK", "BYE"]),
)
@example(["rport"], "z9hG4bKabc1", [], PLACES[0], SOURCES[1], "BYE")
@example([], "z9hG4bKabc1", ["rport"], PLACES[1], SOURCES[0], "ACK")
def test_known_senders_have_the_same_keys_and_echoes(
    before: list[str], branch: str, after: list[str], place: str, source: Address, method: str
) -> None:
    via = ";".join([f"SIP/2.0/UDP {place}", *before, f"branch={branch}", *after])
    data = message(via, method)
    assert seen(data, source) == slowly(data, source)
    assert seen(data, source) == slowly(data, source)


def test_another_branch_of_a_known_sender_changes_nothing_else() -> None:
    keys = set()
    for number in range(20):
        data = message(f"SIP/2.0/UDP 192.0.2.9:5060;rport;branch=z9hG4bK{number:08}")
        assert seen(data, SOURCES[1]) == slowly(data, SOURCES[1])
        found = seen(data, SOURCES[1])
        assert found is not None
        keys.add(found[0])
        assert found[2][0][1] == (
            f"SIP/2.0/UDP 192.0.2.9:5060;rport=6000;branch=z9hG4bK{number:08};received=192.0.2.9"
        )
    assert len(keys) == 20
