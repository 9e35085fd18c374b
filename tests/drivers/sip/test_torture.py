"""RFC 4475 and 5118: how the whole stack reacts to each of their 49 and 12 messages."""

from pathlib import Path

import pytest

from cython_ext.sip_wire import parse
from drivers.events import Cause
from drivers.sip.core.call import CallState
from tests.fakes.sip_bench import PHONE, TRUNK, Bench, request

FOLDER = Path(__file__).parents[2] / "cython_ext"
OFFERED, IGNORED = "offered to the site", "ignored"
# The status sent, or what happens without one. The messages of a registrar are asked for
# credentials first; what they lead to with credentials is REGISTERED below.
REACTIONS = {
    # 3.1.1: strange and valid
    "wsinv": 481,  # its To has a tag: a call that we do not know
    "intmeth": 405, "esc01": OFFERED, "escnull": 401, "esc02": 405, "lwsdisp": 200,
    "longreq": OFFERED, "dblreq": 401, "semiuri": 200, "transports": 200, "mpart01": 405,
    "unreason": IGNORED, "noreason": IGNORED,  # responses to nothing that we sent
    # 3.1.2: invalid
    "badinv01": 400, "clerr": 400, "ncl": 400, "scalar02": 400, "scalarlg": IGNORED,
    "quotbal": 400, "ltgtruri": 400, "lwsruri": 400, "lwsstart": 400, "trws": 400,
    "escruri": OFFERED,  # headers in a request URI are passed over
    "baddate": OFFERED,  # nobody looks at Date
    "regbadct": 401, "badaspec": 200, "baddn": 400, "badvers": 505, "mismatch01": 400,
    "mismatch02": 400, "bigcode": IGNORED,
    # 3.2 and 3.3: transactions and applications
    "badbranch": 200,  # matched as RFC 2543 did
    "insuf": 400, "unkscm": 416, "novelsc": 416, "unksm2": 401, "bext01": 420, "invut": 415,
    "regaut01": 401, "multi01": 400, "mcl01": 400, "bcast": IGNORED,
    "zeromf": 200,  # a user agent answers, a proxy would not pass it on
    "cparam01": 401, "cparam02": 401, "regescrt": 401, "sdp01": 406,
    "inv2543": OFFERED,  # 3.4
}  # fmt: skip
IPV6 = {
    "ipv6-good": 401, "ipv6-bad": 400, "port-ambiguous": 401, "port-unambiguous": 401,
    "via-received-param-with-delim": 481, "via-received-param-no-delim": 200,
    "ipv6-in-sdp": 488,  # G.726 and video alone: understood, not carried
    "mult-ip-in-header": 481, "mult-ip-in-sdp": OFFERED, "ipv4-mapped-ipv6": 488,
    "ipv6-bug-abnf-3-colons": 200, "ipv6-correct-abnf-2-colons": 200,
}  # fmt: skip
FILES = {
    **{name: FOLDER / "torture" / f"{name}.dat" for name in REACTIONS},
    **{name: FOLDER / "torture_ipv6" / f"{name}.dat" for name in IPV6},
}
# Statuses of the registrar, once the sender has proved who it is, and the Contacts it then lists.
REGISTERED = {
    "escnull": (200, ["<sip:%00@host5.example.com>", "<sip:%00%00@host5.example.com>"]),
    "dblreq": (200, ["<sip:j.user@host.example.com>"]),
    "regbadct": (400, []),  # headers in a Contact without brackets
    "cparam01": (200, ["<sip:+19725552222@gw1.example.net>"]),  # the parameter is the header's
    "cparam02": (200, ["<sip:+19725552222@gw1.example.net;unknownparam>"]),  # ... the URI's
    "regescrt": (200, ["<sip:user@example.com?Route=%3Csip:sip.example.com%3E>"]),
    "regaut01": (200, []),  # only a question
    "ipv6-good": (200, ["<sip:caller@[2001:db8::1]>"]),
    "port-unambiguous": (200, ["<sip:caller@[2001:db8::1]>"]),
}


def test_the_tables_name_every_message() -> None:
    for folder, table in (("torture", REACTIONS), ("torture_ipv6", IPV6)):
        assert set(table) == {path.stem for path in (FOLDER / folder).glob("*.dat")}
    assert (len(REACTIONS), len(IPV6)) == (49, 12)


@pytest.mark.parametrize("name", [*REACTIONS, *IPV6])
def test_message_gets_its_reaction(name: str) -> None:
    bench = Bench().with_station()
    bench.core.receive(FILES[name].read_bytes(), TRUNK, bench.now)
    # A refusal may echo what no parser accepts, so that only its first line is read.
    sent = [int(data[8:11]) for data, _ in bench.core.take_out()]
    told = bench.names()
    expected = (REACTIONS | IPV6)[name]
    if isinstance(expected, int):
        assert (sent, told) == ([expected], [])
    else:
        assert (sent, told) == ([], ["Offered"] if expected is OFFERED else [])
    for call in bench.calls:
        bench.core.release(call, Cause.REJECTED)
    bench.pass_time(400.0)
    assert not bench.core.services.transactions.servers


@pytest.mark.parametrize("name", sorted(REGISTERED))
def test_register_of_who_has_credentials(name: str) -> None:
    bench = Bench()
    status, contacts = REGISTERED[name]
    reply = bench.core.registrar.register("2001", parse(FILES[name].read_bytes()), PHONE)
    listed = [value.partition(";expires=")[0] for key, value in reply.headers if key == "Contact"]
    assert (reply.status, listed) == (status, contacts)


def test_call_of_rfc_2543_is_talked_through_and_ended() -> None:
    """No branch, no tag in From, no Contact: the caller is whom From names."""
    bench = Bench()
    data = FILES["inv2543"].read_bytes()
    bench.core.receive(data, TRUNK, bench.now)
    bench.happened()
    call = bench.calls[-1]
    assert bench.send(data) == []  # sent again: the same call
    assert bench.core.accept(call, "192.0.2.1", 6000)
    (ok,) = bench.out()
    assert ok.status == 200
    assert call.dialog is not None
    assert call.dialog.target == "sip:+13035551111@ift.client.example.net;user=phone"
    ack = request("ACK", call_id=call.ref, cseq=56, to_tag=call.local_tag, from_tag="x")
    bench.send(ack.replace(b";tag=x", b""))
    assert call.state is CallState.CONFIRMED
    bye = request("BYE", call_id=call.ref, cseq=57, branch="e", to_tag=call.local_tag, from_tag="x")
    (ended,) = bench.send(bye.replace(b";tag=x", b""))
    assert ended.status == 200
