"""Lamps after a restart of control: told once how things are, with numbers that go on."""

from drivers.events import Cause
from drivers.sip.journal.lamps import LAMP_KIND, SUBSCRIPTION_KIND
from drivers.sip.stations.watching import TOLD_WITHIN_S
from drivers.sip.transport.address import Address
from tests.drivers.sip.test_watching import (
    DESK,
    DIALOG,
    SIGHT,
    lamps,
    notices,
    office,
    ring,
    signed,
    subscribe,
    watching,
)
from tests.fakes.sip_bench import OFFER, Bench, response


def restarted(old: Bench, *, after_s: float = 2.0, shorter: bool = False) -> Bench:
    """The same office after a crash; it has the journal, or the snapshot that replaced it."""
    bench = office()
    bench.now = old.now + after_s
    bench.core.restore(old.core.snapshot() if shorter else old.journal, bench.now)
    bench.core.resume()
    return bench


def told(bench: Bench) -> list:
    """NOTIFYs once every telephone was told."""
    found = []
    for _ in range(int(TOLD_WITHIN_S * 10) + 1):
        for one in bench.pass_time(0.1):
            if one.method == "NOTIFY":
                found.append(one)
                bench.send(response(one, 200), SIGHT)
    return found


def test_watcher_is_told_after_a_restart_and_goes_on() -> None:
    for shorter in (False, True):
        old = office()
        ok, first = watching(old)
        call, invite = ring(old)
        old.send(response(invite, 200, body=OFFER), DESK)
        before = notices(old)[-1]
        assert lamps(before)[1] == ["confirmed"]
        bench = restarted(old, shorter=shorter)
        (notify,) = told(bench)
        assert (notify.call_id, notify.to_tag) == (first.call_id, first.to_tag)
        assert notify.cseq.number > before.cseq.number
        assert lamps(notify)[0] > lamps(before)[0]
        assert lamps(notify)[1] == ["confirmed"]
        left = int((notify.header("Subscription-State") or "").partition("expires=")[2])
        assert 580 <= left <= 598
        # What changes later is told as before; the telephone renews in the same dialog.
        (again,) = [one for one in bench.core.calls.all() if one.ref == call.ref]
        bench.core.release(again, Cause.NORMAL)
        assert lamps(notices(bench)[-1])[1] == []
        renewal = subscribe(DIALOG, ("Expires", "600"), cseq=2, to_tag=ok.to_tag)
        answer, _ = bench.send(renewal, SIGHT)
        assert answer.status == 200


def test_subscription_that_ended_or_ran_out_is_not_taken_up() -> None:
    old = office()
    ok, _ = watching(old)
    old.send(subscribe(DIALOG, ("Expires", "0"), cseq=2, to_tag=ok.to_tag), SIGHT)
    assert len(restarted(old).core.watching) == 0
    late = office()
    watching(late)
    assert len(restarted(late, after_s=601.0).core.watching) == 0


def test_subscription_ends_in_its_time_after_a_restart() -> None:
    old = office()
    watching(old)
    bench = restarted(old)
    told(bench)
    over = [one for one in bench.pass_time(600.0) if one.method == "NOTIFY"]
    assert over[0].header("Subscription-State") == "terminated;reason=timeout"
    assert len(bench.core.watching) == 0


def test_message_lamp_is_lit_as_before() -> None:
    old = office()
    old.core.lamps.set_lamp("2002", on=True)
    old.out()
    event = ("Event", "message-summary")
    _, notify = signed(old, subscribe(event, user="2002"), SIGHT)
    old.send(response(notify, 200), SIGHT)
    bench = restarted(old)
    assert told(bench)[-1].body.startswith(b"Messages-Waiting: yes\r\n")
    bench.core.lamps.set_lamp("2002", on=False)
    third = restarted(bench, shorter=True)
    assert b"Messages-Waiting: no" in third.core.lamps.summary("2002")


def test_telephone_on_a_lost_connection_is_told_when_it_registers_again() -> None:
    before, after = (
        Address("198.51.100.8", 5062, "tls", 7),
        Address("198.51.100.8", 40123, "tls", 9),
    )
    old = office()
    watching(old)
    (kept,) = old.core.watching.by_tag.values()
    kept.dialog.move(before)
    bench = office()
    bench.now = old.now + 2.0
    bench.core.services.is_open = lambda address: address == after
    bench.core.restore(old.core.snapshot(), bench.now)
    bench.core.resume()
    assert told(bench) == []
    bench.core.watching.changed("2001")
    assert bench.out() == []  # nothing is said into the void, and nothing is forgotten
    # Another telephone of the same office comes first: the lamps of this one are not its own.
    bench.core.watching.came("2001", after)
    assert bench.out() == []
    bench.core.watching.came("2002", after)
    ((data, address),) = bench.core.take_out()
    assert data.startswith(b"NOTIFY ")
    assert address == after
    bench.core.watching.came("2002", after)
    assert bench.core.take_out() == []  # it was told


def test_unreadable_records_are_counted() -> None:
    bench = office()
    bench.core.restore([(SUBSCRIPTION_KIND, b"\xc1"), (LAMP_KIND, b"x")], bench.now)
    assert bench.core.services.counters["journal_unreadable"] == 2
    assert len(bench.core.watching) == 0


def test_thousands_are_not_told_at_once() -> None:
    old = office()
    for number in range(60):
        data = subscribe(DIALOG, ("Expires", "600"), call_id=f"s{number}")
        _, notify = signed(old, data, SIGHT)
        old.send(response(notify, 200), SIGHT)
    bench = restarted(old)
    assert [one for one in bench.pass_time(0.9) if one.method == "NOTIFY"] == []
    each = [
        len({one.call_id for one in bench.pass_time(1.0) if one.cseq.method == "NOTIFY"})
        for _ in range(5)
    ]
    assert max(each) < 60
    assert bench.core.services.counters["sent_notify"] >= 60
