"""Bans, scanners, the limit of new calls, and the nftables script; time is passed in."""

from collections import Counter

import pytest

from drivers.sip.transport.bans import DOUBLINGS, KEPT, REMEMBERED_S, Bans, nftables
from drivers.sip.transport.guard import (
    REFUSED_KEPT,
    REFUSED_S,
    CallLimit,
    FloodGuard,
    Guard,
    is_scanner,
)
from tests.fakes.sip_bench import request

GOOD = request("OPTIONS")


def bans(after: int = 3, may_ban=lambda host: True) -> Bans:
    return Bans(after=after, seconds=60.0, may_ban=may_ban)


def test_source_is_banned_after_enough_offences_and_forgiven_in_time() -> None:
    made = bans()
    assert [made.blame("h", now) for now in (1.0, 2.0)] == [False, False]
    assert not made.is_banned("h", 2.0)
    assert made.blame("h", 3.0)
    assert not made.blame("h", 3.5)  # banned already: nothing new
    assert made.is_banned("h", 62.9)
    assert [(ban.name, ban.since, ban.until) for ban in made.active(60.0)] == [("h", 3.0, 63.0)]
    assert not made.is_banned("h", 63.0)
    assert made.active(63.0) == []


def test_offences_far_apart_do_not_add_up() -> None:
    made = bans()
    times = [0.0, 1.0, 60.0 + 1, 60.0 + 2]
    assert not any(made.blame("h", now) for now in times)
    assert made.blame("h", 60.0 + 3)


def test_success_wipes_out_offences() -> None:
    made = bans()
    made.blame("h", 0.0)
    made.blame("h", 0.0)
    made.pardon("h")
    assert not made.blame("h", 0.0)


def test_who_must_not_be_banned_is_not() -> None:
    made = bans(may_ban=lambda host: False)
    assert not any(made.blame("h", 0.0) for _ in range(10))


def test_each_further_ban_is_twice_as_long_up_to_a_limit() -> None:
    made, now = bans(after=1), 0.0
    for times in range(1, DOUBLINGS + 4):
        assert made.blame("h", now, reason="wrong password")
        (ban,) = made.active(now)
        assert (ban.times, ban.reason) == (times, "wrong password")
        assert ban.until - now == 60.0 * 2 ** min(times - 1, DOUBLINGS)
        now = ban.until + 1.0
    now += REMEMBERED_S
    assert made.blame("h", now)
    assert made.left("h", now) == 60.0


def test_released_name_is_heard_and_begins_anew() -> None:
    made = bans(after=2)
    made.blame("h", 0.0)
    made.blame("h", 0.0)
    assert made.release("h")
    assert not made.release("h")
    assert not made.is_banned("h", 0.0)
    assert not made.blame("h", 1.0)
    assert made.blame("h", 1.0)
    assert made.active(1.0)[0].times == 1


def test_zero_means_never() -> None:
    made = bans(after=0)
    assert not any(made.blame("h", 0.0) for _ in range(100))


def test_memory_is_bounded_however_many_sources_there_are() -> None:
    made = bans(after=2)
    for number in range(3 * KEPT):
        made.blame(f"a{number}", 0.0)
        made.blame(f"b{number}", 0.0)
        made.blame(f"b{number}", 0.0)
    assert len(made.active(0.0)) == KEPT
    assert made.is_banned(f"b{3 * KEPT - 1}", 1.0)


@pytest.mark.parametrize(
    "agent", ["friendly-scanner", "SIPVicious", "sipcli/v1.8", "VaxSIPUserAgent/3.1", "Sundayddr"]
)
def test_scanners_are_known_by_their_name(agent: str) -> None:
    assert is_scanner(request("OPTIONS", headers=(("User-Agent", agent),)))


def test_scanner_is_known_by_its_from() -> None:
    data = GOOD.replace(b"From: Ann <sip:030555@", b'From: "sipvicious"<sip:100@')
    assert is_scanner(data)


@pytest.mark.parametrize("agent", ["Yealink SIP-T46S 66.85.0.5", "baresip v1.0", "Cisco sipcli-x"])
def test_telephones_are_no_scanners(agent: str) -> None:
    assert not is_scanner(request("OPTIONS", headers=(("User-Agent", agent),)))
    assert not is_scanner(GOOD)
    assert not is_scanner(b"")
    assert not is_scanner(request("INFO", body=b"User-Agent: sipcli\r\n"))


def guard(trunks: set[str], told: list[tuple[str, str]], counts: Counter[str]) -> Guard:
    return Guard(
        FloodGuard(lambda host: 10.0, burst=3),
        bans(after=5),
        is_trunk=lambda host: host in trunks,
        count=lambda name: counts.update([name]),
        banned=lambda host, reason: told.append((host, reason)),
        awaits=lambda request: request == "z9hG4bKours INVITE",
    )


def test_scanner_gets_silence_from_its_first_message_on() -> None:
    told: list[tuple[str, str]] = []
    counts: Counter[str] = Counter()
    made = guard({"t"}, told, counts)
    bad = request("OPTIONS", headers=(("User-Agent", "friendly-scanner"),))
    assert not made.passes(bad, "h", 0.0)
    assert not made.passes(GOOD, "h", 1.0)
    assert told == [("h", "scanner")]
    assert counts == {"scanner_dropped": 1, "sources_banned": 1, "banned_dropped": 1}
    # A trunk cannot be cut off by a datagram that somebody forged in its name.
    assert made.passes(bad, "t", 0.0)
    made.blame("t", 0.0, "forged", offences=100)
    assert made.passes(GOOD, "t", 0.0)


def test_flood_is_dropped_before_anything_is_read() -> None:
    told: list[tuple[str, str]] = []
    made = guard(set(), told, Counter())
    assert [made.passes(GOOD, "h", 0.0) for _ in range(5)] == [True] * 3 + [False] * 2
    assert made.flood.dropped == 2
    assert made.passes(GOOD, "h", 0.1)


def test_answer_to_a_request_of_ours_passes_every_limit_and_ban() -> None:
    told: list[tuple[str, str]] = []
    made = guard(set(), told, Counter())
    start = b"SIP/2.0 180 Ringing\r\n"
    ours = start + b"v: SIP/2.0/UDP h:5060;rport ; branch=z9hG4bKours;received=192.0.2.1\r\n"
    answer = ours + b"CSEQ : 12 INVITE\r\n\r\n"
    others = (
        answer.replace(b"ours", b"other"),
        answer.replace(b"INVITE", b"BYE"),
        ours + b"\r\n",
        start + b"\r\n",
        b"INVITE sip:x@h " + answer,
    )
    made.blame("h", 0.0, "garbage", offences=100)
    assert all(made.passes(answer, "h", 0.0) for _ in range(20))
    assert not any(made.passes(other, "h", 0.0) for other in others)
    assert made.flood.dropped == 0  # a ban comes before the limit
    # A trunk may have a limit of its own: it too is asked as often as we like.
    limited = guard({"t"}, told, Counter())
    assert all(limited.passes(answer, "t", 0.0) for _ in range(20))
    assert [limited.passes(others[0], "t", 0.0) for _ in range(5)] == [True] * 3 + [False] * 2


def test_new_calls_are_limited_evenly() -> None:
    limit = CallLimit(300.0)
    offered = [limit.takes(str(number), 1000.0 + number / 3000) for number in range(30_000)]  # 10 s
    taken = sum(offered)
    assert 2990 <= taken <= 3000 + 60
    assert sum(offered[-3000:]) == pytest.approx(300, abs=2)


def test_no_limit_takes_every_call() -> None:
    limit = CallLimit(0.0)
    assert all(limit.takes("again", 0.0) for _ in range(1000))


def test_a_call_that_was_refused_is_not_taken_when_it_is_repeated() -> None:
    limit = CallLimit(1.0)
    assert [limit.takes(name, 100.0) for name in ("first", "second")] == [True, False]
    assert [limit.takes(name, 110.0) for name in ("second", "third")] == [False, True]


def test_refused_calls_are_remembered_within_bounds() -> None:
    limit = CallLimit(1.0)
    assert limit.takes("taken", 100.0)
    for number in range(3 * REFUSED_KEPT):
        assert not limit.takes(str(number), 100.0)
    assert len(limit._refused) + len(limit._refused_before) <= 2 * REFUSED_KEPT
    assert not limit.takes(str(3 * REFUSED_KEPT - 1), 110.0)
    # The first of them is forgotten; nobody repeats an INVITE behind so many others.
    assert limit.takes("0", 111.0)
    for late in (1, 2):
        for name in ("taken", "refused", "refused too"):
            limit.takes(f"{name}{late}", 111.0 + 2 * late * REFUSED_S)
    assert len(limit._refused) == len(limit._refused_before) == 2


def test_nftables_script_names_both_sets() -> None:
    text = nftables([("198.51.100.7", 59.6), ("2001:db8::7", 0.2), ("fe80::1%eth0", 5)])
    assert text.splitlines() == [
        "add table inet hookflash",
        "add set inet hookflash sip_banned_v4 { type ipv4_addr; flags timeout; }",
        "flush set inet hookflash sip_banned_v4",
        "add element inet hookflash sip_banned_v4 { 198.51.100.7 timeout 60s }",
        "add set inet hookflash sip_banned_v6 { type ipv6_addr; flags timeout; }",
        "flush set inet hookflash sip_banned_v6",
        "add element inet hookflash sip_banned_v6 { 2001:db8::7 timeout 1s, fe80::1 timeout 5s }",
    ]
    assert "add element" not in nftables([])
