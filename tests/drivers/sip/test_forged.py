"""A stranger who knows a part of a dialog is in none (RFC 3261 12.2.2): all three must be right."""

import pytest

from drivers.sip.core.call import Call, CallState
from drivers.sip.dialog import Dialog
from drivers.sip.transport.address import Address
from tests.fakes.sip_bench import OFFER, Bench, request, response

METHODS = ("BYE", "INVITE", "UPDATE", "INFO", "REFER", "PRACK", "OPTIONS", "MESSAGE", "NOTIFY")


def two_calls() -> tuple[Bench, Call, Call]:
    bench = Bench()
    first = bench.talk()
    second = bench.talk(call_id="c2", branch="b2")
    bench.happened()
    return bench, first, second


@pytest.mark.parametrize("restored", [False, True])
def test_part_of_a_dialog_is_no_dialog(restored: bool) -> None:
    bench, first, second = two_calls()
    if restored:
        again = Bench(seed=99, start=bench.now + 2.0)
        first, second = again.core.restore(bench.journal, again.now)
        again.core.resume()
        again.out()
        bench = again
    forged = [
        {"call_id": "c2", "to_tag": first.local_tag},  # our tag of another call
        {"call_id": "c1", "to_tag": second.local_tag},
        {"call_id": "c1x", "to_tag": first.local_tag},
        {"call_id": "C1", "to_tag": first.local_tag},
        {"call_id": "c1", "to_tag": first.local_tag.upper() + "x"},
        {"call_id": "c1", "to_tag": first.local_tag, "from_tag": "other"},
        {"call_id": "c1", "to_tag": first.local_tag, "from_tag": "Peer"},
        {"call_id": "c1", "to_tag": first.local_tag, "from_tag": "eer"},  # the header ends so
        {"call_id": "c1", "to_tag": first.local_tag, "from_tag": "xpeer"},
    ]
    for number, fields in enumerate(forged):
        for method in METHODS:
            branch = f"{method}{number}"
            body = OFFER if method in ("INVITE", "UPDATE") else b""
            answers = bench.send(request(method, branch=branch, cseq=50, body=body, **fields))
            assert {one.status for one in answers} <= {400, 405, 481}, (method, fields)
        assert bench.send(request("ACK", branch=f"a{number}", cseq=50, **fields)) == []
    assert bench.happened() == []
    assert [call.state for call in (first, second)] == [CallState.CONFIRMED] * 2
    bye = request("BYE", branch="last", cseq=2, to_tag=first.local_tag)
    assert [one.status for one in bench.send(bye)] == [200]
    assert bench.names() == ["Ended"]


def test_answers_with_our_tag_and_another_call_id_change_nothing() -> None:
    bench = Bench()
    call, invite = bench.dial()
    bench.send(response(invite, 200, body=OFFER))
    bench.happened()
    forged = response(invite, 200, tag="thief", body=OFFER)
    forged = forged.replace(f"Call-ID: {call.ref}".encode(), b"Call-ID: another")
    sent = bench.send(forged)
    assert [one.method for one in sent if one.call_id == call.ref] == []
    assert bench.happened() == []
    assert call.state is CallState.CONFIRMED
    assert call.dialog is not None
    assert call.dialog.remote_tag == "far"


@pytest.mark.parametrize(
    "header", ["<sip:a@b>;tag=x1", "<sip:a@b>;tag=x1;x1=1", "<sip:x1@b>", "x1"]
)
@pytest.mark.parametrize("tag", ["x1", ""])
def test_the_peers_tag_is_kept_wherever_it_stands(header: str, tag: str) -> None:
    dialog = Dialog("c", "us", "t", header, tag, 0, 1, "sip:a@b", (), Address("", 0), False)
    assert dialog.remote_tag == tag
    assert Dialog.restore(dialog.record()).remote_tag == tag
