"""After a crash: telephones that ring for a dead INVITE are cancelled from the journal alone."""

import asyncio

import msgspec
import pytest

from cython_ext.sip_wire import Message
from drivers.api import CallDetails
from drivers.events import Cause, Released
from drivers.sip.core.call import Call
from drivers.sip.core.calls import INVITE_KIND, MARK_KIND
from drivers.sip.journal.records import BindingRecord
from drivers.sip.simulator.agent import UserAgent
from drivers.sip.transport.address import Address
from tests.drivers.sip.conftest import LIMIT_S
from tests.fakes.sip_bench import OFFER, OPTIONS, PHONE, TRUNK, Bench, response

SAME = ("Via", "From", "To", "Call-ID", "Route", "Max-Forwards")
"""What a CANCEL repeats from its INVITE (RFC 3261 9.1)."""
ELSEWHERE = 'SIP;cause=200;text="Call completed elsewhere"'
RINGS_S = 120.0  # longer than any deadline of a call that was given up


def restarted(
    old: Bench, journal: list[tuple[str, bytes]] | None = None
) -> tuple[Bench, list[Message]]:
    """A core of another run with the old one's journal, and what it sends at once."""
    bench = Bench(seed=99, start=old.now + 2.0)
    records = old.journal if journal is None else journal
    assert bench.core.restore(records, bench.now) == []
    bench.core.resume()
    bench.journal[:0] = records
    return bench, bench.out()


def is_forgotten(bench: Bench) -> bool:
    """Nothing is left of the call, here and after another restart."""
    later, sent = restarted(bench)
    core, services = bench.core, bench.core.services
    bench.pass_time(RINGS_S)
    left = (len(core.calls), len(services.transactions.clients), len(later.core.calls))
    return not sent and left == (0, 0, 0) and bench.happened() == []


def binding(contact: str, source: Address = PHONE, path: tuple[str, ...] = ()) -> BindingRecord:
    return BindingRecord(
        station="2001",
        contact=contact,
        source=source,
        call_id=contact,
        cseq=1,
        expires=9000.0,
        path=path,
    )


def ring_station(bench: Bench, *bindings: BindingRecord) -> tuple[Call, list[Message]]:
    """A call to all telephones of a station; returns its lead and the INVITEs."""
    bench.core.registrar.restore(bindings)
    call = bench.core.dial_station("2001", line="station:2001", ani="030555")
    bench.core.services.timers.now = bench.now
    bench.core.start(call, name="Ann", host="192.0.2.1", port=6000)
    invites = bench.out()
    for invite in invites:
        bench.send(response(invite, 180), PHONE)
    return call, invites


def test_ringing_call_is_cancelled_and_its_487_acknowledged() -> None:
    old = Bench()
    _, invite = old.dial()
    old.send(response(invite, 180))
    bench, (cancel,) = restarted(old)
    assert (cancel.method, cancel.uri) == ("CANCEL", invite.uri)
    assert [cancel.headers(name) for name in SAME] == [invite.headers(name) for name in SAME]
    assert (cancel.cseq.number, cancel.to_tag) == (invite.cseq.number, "")
    assert cancel.headers("Reason") == []  # as when a call is withdrawn without a restart
    assert bench.send(response(cancel, 200)) == []
    (ack,) = bench.send(response(invite, 487))
    assert (ack.method, ack.top_via.branch) == ("ACK", invite.top_via.branch)
    assert (ack.cseq.number, ack.to_tag) == (invite.cseq.number, "far")
    (again,) = bench.send(response(invite, 487))
    assert again.raw == ack.raw
    assert is_forgotten(bench)


def test_cancel_is_repeated_until_it_is_answered() -> None:
    old = Bench()
    old.dial()
    bench, (cancel,) = restarted(old)
    (repeated,) = bench.pass_time(0.5)
    assert repeated.raw == cancel.raw
    bench.pass_time(RINGS_S)  # nobody ever answers
    assert is_forgotten(bench)


def test_answer_that_crosses_the_cancel_is_acknowledged_and_hung_up() -> None:
    old = Bench()
    _, invite = old.dial()
    old.send(response(invite, 180))
    bench, (cancel,) = restarted(old)
    ack, bye = bench.send(response(invite, 200, body=OFFER))
    assert (ack.method, ack.cseq.number) == ("ACK", invite.cseq.number)
    assert (bye.method, bye.cseq.number) == ("BYE", invite.cseq.number + 1)
    assert (bye.from_tag, bye.to_tag) == (invite.from_tag, "far")
    (once_more,) = bench.send(response(invite, 200, body=OFFER))
    assert once_more.raw == ack.raw  # and no second BYE
    bench.send(response(cancel, 481))
    # Killed once more before the BYE was answered: it leaves again.
    _, (second,) = restarted(bench)
    assert (second.method, second.cseq.number) == ("BYE", bye.cseq.number + 1)
    bench.send(response(bye, 200))
    assert is_forgotten(bench)


def test_record_is_small_and_precedes_its_invite() -> None:
    old = Bench()
    call = old.core.dial_trunk("carrier", "0301234", line="carrier/1", ani="4930123")
    old.core.services.timers.now = old.now
    old.core.start(call, name="Desk", host="192.0.2.1", port=6002)
    ((kind, payload),) = old.journal  # and nothing was taken out to be sent yet
    assert kind == INVITE_KIND
    assert len(payload) < 300
    (invite,) = old.out()
    assert invite.top_via.branch.encode() in payload


@pytest.mark.parametrize("status", [486, 503, 603])
def test_refused_call_is_forgotten_with_one_mark(status: int) -> None:
    old = Bench()
    _, invite = old.dial()
    old.send(response(invite, status))
    assert [kind for kind, _ in old.journal] == [INVITE_KIND, MARK_KIND]
    assert restarted(old)[1] == []


def test_answered_call_is_not_cancelled() -> None:
    old = Bench()
    _, invite = old.dial()
    old.send(response(invite, 200, body=OFFER))
    bench = Bench(seed=99, start=old.now)
    assert len(bench.core.restore(old.journal, bench.now)) == 1
    bench.core.resume()
    assert bench.out() == []


def test_invite_that_came_again_with_credentials_is_the_one_cancelled() -> None:
    trunk = msgspec.structs.replace(OPTIONS.trunks[0], username="u", password="p")
    old = Bench(msgspec.structs.replace(OPTIONS, trunks=(trunk,)))
    _, first = old.dial()
    asked = ("WWW-Authenticate", 'Digest realm="far", nonce="1", qop="auth"')
    _, second = old.send(response(first, 401, headers=(asked,)))
    assert second.top_via.branch != first.top_via.branch
    _, (cancel,) = restarted(old)
    assert cancel.top_via.branch == second.top_via.branch
    assert cancel.cseq.number == second.cseq.number == first.cseq.number + 1


def test_every_telephone_of_a_station_is_cancelled_through_its_proxies() -> None:
    old = Bench().with_station()
    path = ("<sip:edge.example;lr>",)
    here, there = Address("198.51.100.7", 5062), Address("198.51.100.8", 5062)
    _, invites = ring_station(
        old, binding("sip:a@198.51.100.7", here, path), binding("sip:b@198.51.100.8", there)
    )
    bench = Bench(seed=99, start=old.now + 2.0)
    bench.core.restore(old.journal, bench.now)
    bench.core.resume()
    places = [address for _, address in bench.core.services.out]
    cancels = bench.out()
    assert places == [here, there]
    for cancel, invite in zip(cancels, invites, strict=True):
        assert cancel.method == "CANCEL"
        assert [cancel.headers(name) for name in SAME] == [invite.headers(name) for name in SAME]
    assert cancels[0].headers("Route") == list(path)


def test_those_that_were_too_late_are_told_so_after_a_crash_as_well() -> None:
    old = Bench().with_station()
    _, (early, late) = ring_station(
        old, binding("sip:a@198.51.100.7"), binding("sip:b@198.51.100.7")
    )
    old.send(response(early, 200, tag="won", body=OFFER), PHONE)  # the CANCEL of the other is lost
    for journal in (old.journal, old.core.snapshot()):
        bench = Bench(seed=99, start=old.now + 2.0)
        assert len(bench.core.restore(journal, bench.now)) == 1
        bench.core.resume()
        (cancel,) = bench.out()
        assert (cancel.method, cancel.uri) == ("CANCEL", late.uri)
        assert cancel.header("Reason") == ELSEWHERE


def test_shorter_journal_says_the_same_of_a_ringing_call() -> None:
    old = Bench()
    _, invite = old.dial()
    old.send(response(invite, 180))
    (from_all,) = restarted(old)[1]
    (from_snapshot,) = restarted(old, old.core.snapshot())[1]
    assert from_all.raw == from_snapshot.raw


def test_fewer_hops_are_kept() -> None:
    old = Bench()
    call = old.core.dial_trunk(
        "carrier", "0301234", line="carrier/1", ani="", details=CallDetails(hops=12)
    )
    old.core.start(call, name="", host="192.0.2.1", port=6002)
    _, (cancel,) = restarted(old)
    assert cancel.header("Max-Forwards") == "12"


def test_unreadable_invite_is_counted_and_passed_over() -> None:
    old = Bench()
    old.dial()
    bench, sent = restarted(old, [(INVITE_KIND, b"\xc1"), *old.journal])
    assert [one.method for one in sent] == ["CANCEL"]
    assert bench.core.services.counters["journal_unreadable"] == 1


def test_telephone_on_a_connection_is_cancelled_when_it_is_back() -> None:
    old = Bench(msgspec.structs.replace(OPTIONS, browsers=False)).with_station()
    before, after = PHONE._replace(transport="ws", flow=7), PHONE._replace(transport="ws", flow=9)
    _, (invite,) = ring_station(old, binding("sip:a@phone.invalid;transport=ws", before))
    bench, (cancel,) = restarted(old)
    bench.core.services.transactions.unreachable(before)
    assert bench.out() == []
    bench.core.flows.came(binding("sip:a@phone.invalid;transport=ws", after))
    places = [address for _, address in bench.core.services.out]
    (again,) = bench.out()
    assert (again.raw, places) == (cancel.raw, [after])
    (ack,) = bench.send(response(invite, 487), after)
    assert ack.method == "ACK"
    assert is_forgotten(bench)


def test_answer_from_a_trunk_that_already_was_refused_elsewhere_makes_nothing() -> None:
    old = Bench()
    _, invite = old.dial()
    bench, _ = restarted(old)
    bench.send(response(invite, 486))
    assert bench.send(response(invite, 180), TRUNK) == []
    assert bench.happened() == []


async def test_real_telephone_stops_ringing_when_the_driver_is_back(make_running) -> None:
    first = await make_running().open()
    phone = await UserAgent("2001", "s3cret").open()
    second = None
    try:
        place = ("127.0.0.1", first.driver.port)
        assert await phone.register(place) == 200
        await first.driver.station_line("2001").dial("2001", ani="030555")
        call = await asyncio.wait_for(phone.incoming.get(), LIMIT_S)
        call.ring()
        await first.die()
        options = msgspec.structs.replace(first.driver.options, port=first.driver.port)
        second = make_running(options)
        second.driver.restore(first.journal)
        assert second.driver.restored_calls() == []
        await second.open()
        await asyncio.wait_for(call.ended.wait(), LIMIT_S)
        assert call.ended_by == "remote"
        await second.driver.station_line("2001").dial("2001", ani="030556")
        anew = await asyncio.wait_for(phone.incoming.get(), LIMIT_S)
        assert anew.caller == "030556"
        anew.refuse(486)
        assert (await second.wait_for(Released)).cause is Cause.BUSY
    finally:
        await phone.close()
        if second is not None:
            await second.close()
