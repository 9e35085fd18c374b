from collections import Counter
from contextlib import suppress
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from daemon.site_files.people import Person
from daemon.site_files.queue_options import AnnouncementsEntry
from daemon.site_files.queues import QueueEntry
from daemon.site_import.announcements import ASTERISK
from daemon.site_import.asterisk import read_asterisk
from daemon.site_import.asterisk_options import GENERAL_OPTIONS, QUEUE_OPTIONS, STRATEGIES
from daemon.site_import.draft import SitePart, assemble
from daemon.site_import.report import SourceError, Verdict
from daemon.site_import.staff import levels

EVERY_HALF_MINUTE = AnnouncementsEntry(first_s=0.0, every_s=30.0, on_progress=True, estimate=False)
RULES = ("expert_longest_idle", "longest_idle", "linear", "round_robin", "random")


def part_of(text: str, rules: tuple[str, ...] = RULES) -> SitePart:
    return assemble(
        [read_asterisk("queues.conf", text.encode())], rules=rules, make_secret=lambda: "secret"
    )


def queue_of(text: str, rules: tuple[str, ...] = RULES) -> QueueEntry:
    (queue,) = part_of(text, rules).queues.queues
    return queue


def person(part: SitePart, login: str) -> Person:
    return next(one for one in part.people.people if one.login == login)


def verdict_of(part: SitePart, option: str) -> tuple[Verdict, str]:
    (found,) = (one for one in part.findings if one.option == option)
    return found.verdict, found.target


def test_the_example_becomes_queues_and_people(data: Path) -> None:
    content = (data / "queues.conf").read_bytes()
    part = assemble([read_asterisk("queues.conf", content)], rules=RULES, make_secret=lambda: "s")
    assert part.queues.queues == (
        QueueEntry(
            slug="sales",
            name="sales",
            skills={"sales": 1},
            strategy="expert_longest_idle",
            priority=3,
            ring_s=18.0,
            wrap_up_s=15.0,
            max_waiting=20,
            misses_to_pause=1,
            service_level_s=40.0,
            no_agents="refuse",
            absent=("paused",),
            record=True,
            announcements=EVERY_HALF_MINUTE,
        ),
        QueueEntry(
            slug="support",
            name="support",
            skills={"support": 1},
            strategy="expert_longest_idle",
            ring_s=25.0,
            wrap_up_s=15.0,
            misses_to_pause=0,
            service_level_s=40.0,
            no_agents="refuse",
            absent=("paused",),
            record=False,
            announcements=EVERY_HALF_MINUTE,
        ),
        QueueEntry(
            slug="front-desk",
            name="front desk",
            skills={"front-desk": 1},
            strategy="linear",
            ring_s=15.0,
            wrap_up_s=0.0,
            misses_to_pause=0,
            record=False,
        ),
    )
    assert person(part, "anna-berg") == Person(
        login="anna-berg", name="Anna Berg", station="2101", skills={"sales": 10, "support": 1}
    )
    assert person(part, "chen").station == "2103"
    assert person(part, "desk-in-the-hall").station == ""
    assert [one.name for one in part.people.stations] == ["2101", "2102", "2103", "2201", "2202"]


def test_every_line_of_the_example_is_accounted_for(data: Path) -> None:
    content = (data / "queues.conf").read_bytes()
    part = assemble([read_asterisk("queues.conf", content)], rules=RULES, make_secret=lambda: "s")
    told = {one.line for one in part.findings}
    comments = 0
    for number, line in enumerate(content.decode().splitlines(), 1):
        comments += line.count(";-- ") - line.count("--;")
        text = line.split(";")[0]
        if "=" in text and not comments:
            assert number in told, line
    verdicts = Counter(one.verdict for one in part.findings)
    assert set(verdicts) == set(Verdict)
    assert verdict_of(part, "mysterious")[0] is Verdict.NOT_SUPPORTED
    for one in part.findings:
        if one.verdict is not Verdict.MAPPED:
            assert one.en
            assert one.zh
        assert one.target or one.en, one


@pytest.mark.parametrize(
    ("option", "key", "value", "verdict"),
    [
        ("timeout = 30", "ring_s", 30.0, Verdict.MAPPED),
        ("timeout = 0", "ring_s", 600.0, Verdict.APPROXIMATED),
        ("timeout = 9999", "ring_s", 600.0, Verdict.APPROXIMATED),
        ("timeout = soon", "ring_s", 15.0, Verdict.NOT_SUPPORTED),
        ("wrapuptime = 12", "wrap_up_s", 12.0, Verdict.MAPPED),
        ("wrapuptime = ?", "wrap_up_s", 0.0, Verdict.NOT_SUPPORTED),
        ("maxlen = 7", "max_waiting", 7, Verdict.MAPPED),
        ("weight = 4", "priority", 4, Verdict.MAPPED),
        ("weight = 40", "priority", 1, Verdict.APPROXIMATED),
        ("weight = x", "priority", 0, Verdict.NOT_SUPPORTED),
        ("servicelevel = 60", "service_level_s", 60.0, Verdict.MAPPED),
        ("servicelevel = 0", "service_level_s", 20.0, Verdict.APPROXIMATED),
        ("autopause = all", "misses_to_pause", 1, Verdict.MAPPED),
        ("autopause = yes", "misses_to_pause", 1, Verdict.APPROXIMATED),
        ("autopause = no", "misses_to_pause", 0, Verdict.MAPPED),
        ("monitor-format = wav", "record", True, Verdict.APPROXIMATED),
    ],
)
def test_an_option_becomes_a_key(option: str, key: str, value: object, verdict: Verdict) -> None:
    part = part_of(f"[q]\n{option}\n")
    (queue,) = part.queues.queues
    assert getattr(queue, key) == value
    assert verdict_of(part, option.split()[0])[0] is verdict


def test_without_options_the_defaults_of_asterisk_count() -> None:
    queue = queue_of("[q]\n")
    assert (queue.ring_s, queue.wrap_up_s, queue.misses_to_pause) == (15.0, 0.0, 0)
    assert (queue.record, queue.max_waiting, queue.max_wait_s) == (False, 0, 0.0)


A, M, N = Verdict.APPROXIMATED, Verdict.MAPPED, Verdict.NOT_SUPPORTED


@pytest.mark.parametrize(
    ("join", "leave", "no_agents", "absent", "verdicts"),
    [
        ("yes", "no", "wait", (), (M, M)),
        ("strict", "no", "refuse", ("paused",), (M, M)),
        ("strict", "strict", "leave", ("paused",), (M, M)),
        ("yes", "strict", "leave", ("paused",), (A, A)),
        ("no", "no", "refuse", ("paused",), (A, M)),
        ("loose", "loose", "leave", (), (A, A)),
        (
            "strict",
            "wrapup,unavailable,inuse",
            "leave",
            ("talking", "on_hold", "busy", "wrap_up"),
            (A, A),
        ),
        ("ringing, unavailable", "no", "refuse", ("reserved", "ringing"), (M, M)),
        ("dreaming", "no", "wait", (), (N, M)),
        ("paused,dreaming,unavailable", "no", "refuse", ("paused",), (N, M)),
    ],
)
def test_who_counts_as_nobody(
    join: str,
    leave: str,
    no_agents: str,
    absent: tuple[str, ...],
    verdicts: tuple[Verdict, Verdict],
) -> None:
    part = part_of(f"[q]\njoinempty={join}\nleavewhenempty={leave}\n")
    (queue,) = part.queues.queues
    assert (queue.no_agents, queue.absent) == (no_agents, absent)
    found = verdict_of(part, "joinempty")[0], verdict_of(part, "leavewhenempty")[0]
    assert found == verdicts


@pytest.mark.parametrize("option", ["joinempty=yes", "leavewhenempty=no", "ringinuse=no"])
def test_what_the_site_does_anyway_is_mapped(option: str) -> None:
    assert verdict_of(part_of(f"[q]\n{option}\n"), option.split("=")[0])[0] is Verdict.MAPPED


def test_the_last_line_of_an_option_counts() -> None:
    part = part_of("[q]\nmusic = a\ntimeout = 10\nTIMEOUT = 20\nmusicclass = b\n")
    assert part.queues.queues[0].ring_s == 20.0
    overridden = [one.line for one in part.findings if one.verdict is Verdict.OVERRIDDEN]
    assert overridden == [2, 3]


MEMBERS = "member => SIP/1,{}\nmember => SIP/2,{}\n"


@pytest.mark.parametrize(
    ("strategy", "penalties", "rules", "rule", "verdict"),
    [
        ("leastrecent", (0, 0), RULES, "longest_idle", Verdict.MAPPED),
        ("leastrecent", (0, 3), RULES, "expert_longest_idle", Verdict.MAPPED),
        ("leastrecent", (0, 3), ("longest_idle", "most_skilled"), "most_skilled", Verdict.MAPPED),
        ("ringall", (0, 0), RULES, "longest_idle", Verdict.APPROXIMATED),
        ("ringall", (0, 0), (*RULES, "ring_all"), "ring_all", Verdict.MAPPED),
        ("fewestcalls", (0, 0), RULES, "longest_idle", Verdict.APPROXIMATED),
        ("fewestcalls", (0, 0), (*RULES, "fewest_calls"), "fewest_calls", Verdict.MAPPED),
        ("random", (0, 0), RULES, "random", Verdict.MAPPED),
        ("rrmemory", (0, 0), RULES, "round_robin", Verdict.MAPPED),
        ("rrmemory", (0, 1), RULES, "expert_longest_idle", Verdict.APPROXIMATED),
        ("linear", (0, 0), RULES, "linear", Verdict.MAPPED),
        ("linear", (1, 0), RULES, "expert_longest_idle", Verdict.MAPPED),
        ("wrandom", (0, 0), RULES, "random", Verdict.APPROXIMATED),
        ("telepathy", (0, 0), RULES, "longest_idle", Verdict.NOT_SUPPORTED),
    ],
)
def test_a_strategy_becomes_the_nearest_rule_there_is(
    strategy: str,
    penalties: tuple[int, int],
    rules: tuple[str, ...],
    rule: str,
    verdict: Verdict,
) -> None:
    part = part_of(f"[q]\nstrategy={strategy}\n" + MEMBERS.format(*penalties), rules)
    assert part.queues.queues[0].strategy == rule
    assert verdict_of(part, "strategy") == (verdict, f'queues.toml q strategy = "{rule}"')


def test_linear_with_penalties_asks_in_order_of_penalty_then_of_the_file() -> None:
    lines = "".join(f"member => SIP/{n},{p}\n" for n, p in ((1, 5), (2, 0), (3, 5), (4, 0)))
    part = part_of(f"[q]\nstrategy=linear\n{lines}")
    found = {one.login: one.skills["q"] for one in part.people.people}
    assert found == {"2": 10, "4": 9, "1": 8, "3": 7}


def test_linear_is_approximated_when_people_come_in_another_order() -> None:
    part = part_of(
        "[a]\nmember=>SIP/1\nmember=>SIP/2\n[b]\nstrategy=linear\nmember=>SIP/2\nmember=>SIP/1\n"
    )
    found = [one for one in part.findings if one.section == "b" and one.option == "strategy"]
    assert [(one.verdict, "order" in one.en) for one in found] == [(Verdict.APPROXIMATED, True)]


@given(st.lists(st.integers(0, 1000), min_size=1, max_size=30))
def test_a_lower_penalty_never_gets_a_lower_level(penalties: list[int]) -> None:
    found, exact = levels(penalties)
    assert set(found.values()) <= set(range(1, 11))
    ordered = [found[penalty] for penalty in sorted(found)]
    assert ordered == sorted(ordered, reverse=True)
    assert exact == (len(set(ordered)) == len(ordered))
    assert max(penalties) > 9 or all(found[penalty] == 10 - penalty for penalty in penalties)


@pytest.mark.parametrize(
    ("member", "login", "station", "verdict"),
    [
        ("PJSIP/2101", "2101", "2101", Verdict.MAPPED),
        ('SIP/2101,0,"Berg, Anna"', "berg-anna", "2101", Verdict.MAPPED),
        ("Local/2101@ctx/n,0,Anna", "anna", "2101", Verdict.APPROXIMATED),
        ("Local/9@ctx/n,0,Anna,SIP/2101", "anna", "2101", Verdict.APPROXIMATED),
        ("Local/9@ctx,0,Anna,hint:2101@ctx", "anna", "2101", Verdict.APPROXIMATED),
        ("Agent/3001", "3001", "", Verdict.APPROXIMATED),
        ("SIP/carrier/5551", "carrier-5551", "", Verdict.NOT_SUPPORTED),
        ("DAHDI/g1/5551,0,陈", "agent-1", "", Verdict.NOT_SUPPORTED),
        ("SIP/2101,x", "2101", "2101", Verdict.APPROXIMATED),
        ("SIP/2101,0,Anna,,yes,30,no", "anna", "2101", Verdict.APPROXIMATED),
    ],
)
def test_a_member_becomes_a_person(member: str, login: str, station: str, verdict: Verdict) -> None:
    part = part_of(f"[q]\nmember => {member}\n")
    (only,) = part.people.people
    assert (only.login, only.station, only.skills) == (login, station, {"q": 10})
    assert verdict_of(part, "member")[0] is verdict


def test_one_telephone_is_one_person_in_every_queue() -> None:
    part = part_of("[a]\nmember=>SIP/1,0,Anna\n[b]\nmember=>Local/1@ctx/n,2\nmember=>SIP/1,4\n")
    (only,) = part.people.people
    assert only.skills == {"a": 10, "b": 6}
    assert [one.secret for one in part.people.stations] == ["secret"]


def test_an_unused_template_is_told() -> None:
    part = part_of("[t](!)\ntimeout = 1\n[q]\n")
    assert verdict_of(part, "queue")[0] is Verdict.MAPPED
    assert [one.line for one in part.findings if one.verdict is Verdict.OVERRIDDEN] == [2]


def test_two_queues_of_one_name_are_refused() -> None:
    with pytest.raises(SourceError, match="queue a-b"):
        part_of("[a b]\n[a-b]\n")


def test_every_text_of_the_tables_is_there_in_both_languages() -> None:
    for meaning in (*QUEUE_OPTIONS.values(), *GENERAL_OPTIONS.values(), *STRATEGIES.values()):
        words = getattr(meaning, "words", None)
        if words is not None:
            assert bool(words.en) == bool(words.zh)


ANY_LINE = st.one_of(
    st.sampled_from(["[q]", "[r](t)", "[t](!)", "[general]", "[q](+)", ";--", "--;", ""]),
    st.builds(
        "{} = {}".format,
        st.sampled_from(
            [
                *QUEUE_OPTIONS,
                *GENERAL_OPTIONS,
                "joinempty",
                "leavewhenempty",
                *ASTERISK,
                "strategy",
                "weight",
                "queue-x",
                "odd",
            ]
        ),
        st.one_of(
            st.sampled_from(
                [
                    "yes",
                    "no",
                    "all",
                    "strict",
                    "loose",
                    "paused,odd",
                    ",",
                    "0",
                    "15",
                    "-3",
                    "1e9",
                    *STRATEGIES,
                ]
            ),
            st.text(max_size=8),
        ),
    ),
    st.builds(
        "member => {},{},{}".format,
        st.sampled_from(["SIP/1", "PJSIP/2", "Local/3@c/n", "Agent/4", "", '"']),
        st.integers(-5, 10**12) | st.text(max_size=3),
        st.text(max_size=12),
    ),
)


@settings(deadline=None)
@given(st.lists(ANY_LINE, max_size=25))
def test_any_configuration_is_accounted_for_or_refused(lines: list[str]) -> None:
    try:
        part = part_of("\n".join(["[q]", *lines]))
    except SourceError:
        return
    for queue in part.queues.queues:
        assert 1 <= queue.ring_s <= 600
        assert queue.strategy in RULES
    assert all(1 <= level <= 10 for one in part.people.people for level in one.skills.values())
    logins = [one.login for one in part.people.people]
    assert len(set(logins)) == len(logins)


def test_cut_anywhere_it_is_understood_or_refused_by_its_own_error(data: Path) -> None:
    content = (data / "queues.conf").read_bytes()
    for length in range(0, len(content), 7):
        with suppress(SourceError):
            read_asterisk("queues.conf", content[:length])
