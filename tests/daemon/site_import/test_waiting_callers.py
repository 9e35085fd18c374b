"""Announcements, tiers, ring-all and progressive ringing of both sources become queue settings."""

from pathlib import Path

import pytest

from acd_core.routing.registry import strategies
from acd_core.routing.skill_expression import parse
from daemon.site_files.queue_options import AnnouncementsEntry
from daemon.site_files.queues import QueueEntry, QueuesFile, WideningEntry
from daemon.site_files.site_tables import SiteTables, parse_tables, write_tables
from daemon.site_import.asterisk import read_asterisk
from daemon.site_import.draft import SitePart, assemble
from daemon.site_import.freeswitch import read_freeswitch
from daemon.site_import.report import Verdict
from daemon.site_import.staff import at_least

M, A, N = Verdict.MAPPED, Verdict.APPROXIMATED, Verdict.NOT_SUPPORTED


def part_of(name: str, content: bytes) -> SitePart:
    read = read_freeswitch if name.endswith(".xml") else read_asterisk
    return assemble([read(name, content)], rules=strategies(), make_secret=lambda: "secret")


def queues_of(part: SitePart) -> dict[str, QueueEntry]:
    return {queue.slug: queue for queue in part.queues.queues}


def verdicts(part: SitePart, section: str) -> dict[str, Verdict]:
    return {one.option: one.verdict for one in part.findings if one.section == section}


@pytest.mark.parametrize("name", ["announcing-queues.conf", "tiers-callcenter.conf.xml"])
def test_what_is_imported_is_a_site_that_starts(data: Path, name: str) -> None:
    part = part_of(name, (data / name).read_bytes())
    tables = SiteTables(people=part.people, queues=part.queues)
    assert parse_tables(write_tables(tables), ()) == tables


@pytest.mark.parametrize("name", ["announcing-queues.conf", "tiers-callcenter.conf.xml"])
def test_every_option_has_a_verdict_with_words(data: Path, name: str) -> None:
    part = part_of(name, (data / name).read_bytes())
    assert not [one for one in part.findings if one.verdict is N]
    for one in part.findings:
        assert one.target or (one.en and one.zh), one
        if one.verdict is A:
            assert one.en, one
            assert one.zh, one


def test_places_waits_and_a_periodic_announcement_of_asterisk(data: Path) -> None:
    part = part_of("q", (data / "announcing-queues.conf").read_bytes())
    reception = queues_of(part)["reception"]
    assert (reception.strategy, reception.priority) == ("ring_all", 2)
    assert reception.music == "clinic-hold"
    assert reception.announcements == AnnouncementsEntry(
        first_s=0.0,
        every_s=45.0,
        min_gap_s=20.0,
        position=True,
        on_progress=True,
        most_position=8,
        estimate=True,
        prompt="please-wait",
    )
    found = verdicts(part, "reception")
    for option, verdict in (
        ("strategy", M),
        ("announce-frequency", M),
        ("min-announce-frequency", M),
        ("announce-position", M),
        ("announce-position-limit", M),
        ("announce-position-only-up", M),
        ("announce-to-first-user", M),
        ("announce-holdtime", A),
        ("announce-round-seconds", A),
        ("periodic-announce", A),
        ("periodic-announce-frequency", A),
        ("random-periodic-announce", A),
        ("musicclass", A),
        ("weight", M),
    ):
        assert (option, found[option]) == (option, verdict)


def test_periodic_announcement_alone_has_its_own_timer(data: Path) -> None:
    part = part_of("q", (data / "announcing-queues.conf").read_bytes())
    assert queues_of(part)["surgery"].announcements == AnnouncementsEntry(
        first_s=30.0,
        every_s=90.0,
        position=False,
        estimate=False,
        prompt="emergency",
    )
    found = verdicts(part, "surgery")
    assert found["periodic-announce-startdelay"] is M
    assert found["relative-periodic-announce"] is A
    assert found["announce-holdtime"] is M


def test_nothing_is_announced_without_a_frequency(data: Path) -> None:
    part = part_of("q", (data / "announcing-queues.conf").read_bytes())
    assert queues_of(part)["archive"].announcements is None
    assert verdicts(part, "archive")["announce-holdtime"] is M


@pytest.mark.parametrize(
    ("lines", "announcements", "option", "verdict"),
    [
        ("announce-frequency=soon", None, "announce-frequency", N),
        (
            "announce-frequency=30\nannounce-position=no",
            None,
            "announce-position",
            M,
        ),
        (
            "announce-frequency=30\nannounce-position=more",
            AnnouncementsEntry(
                first_s=0.0, every_s=30.0, on_progress=True, most_position=5, estimate=False
            ),
            "announce-position",
            A,
        ),
        (
            "announce-frequency=5",
            AnnouncementsEntry(
                first_s=0.0, every_s=5.0, min_gap_s=5.0, on_progress=True, estimate=False
            ),
            "announce-frequency",
            M,
        ),
        (
            "announce-frequency=30\nannounce-position-only-up=no",
            AnnouncementsEntry(first_s=0.0, every_s=30.0, on_progress=True, estimate=False),
            "announce-position-only-up",
            A,
        ),
        ("periodic-announce=x", None, "periodic-announce", M),
    ],
)
def test_an_option_of_announcements(
    lines: str, announcements: AnnouncementsEntry | None, option: str, verdict: Verdict
) -> None:
    part = part_of("queues.conf", f"[q]\n{lines}\n".encode())
    assert queues_of(part)["q"].announcements == announcements
    assert verdicts(part, "q")[option] is verdict


def test_later_tiers_of_freeswitch_come_in_after_their_wait(data: Path) -> None:
    part = part_of("x.xml", (data / "tiers-callcenter.conf.xml").read_bytes())
    nurses = queues_of(part)["nurses"]
    assert nurses.strategy == "expert_longest_idle"
    assert nurses.skills == {"nurses": 10}
    assert nurses.widening == (
        WideningEntry(after_s=40.0, skill_expression="nurses>=9", when_nobody=True),
        WideningEntry(after_s=80.0, skill_expression="nurses>=7", when_nobody=True),
    )
    levels = {one.login: one.skills.get("nurses") for one in part.people.people}
    assert levels == {"ada": 10, "bea": 9, "cyd": 7}
    assert nurses.announcements == AnnouncementsEntry(
        first_s=40.0, every_s=40.0, position=False, estimate=False, prompt="stay-on-the-line"
    )
    assert nurses.music == "nurses"
    found = verdicts(part, "nurses@clinic")
    assert {found[name] for name in found if name.startswith("tier-rule")} == {M}
    assert (found["announce-sound"], found["announce-frequency"]) == (A, M)


def test_telephones_ring_progressively_and_all_at_once(data: Path) -> None:
    part = part_of("x.xml", (data / "tiers-callcenter.conf.xml").read_bytes())
    porters, alarm = queues_of(part)["porters"], queues_of(part)["alarm"]
    assert (porters.strategy, porters.ring_step_s) == ("ring_progressively", 7.0)
    assert (porters.widening, porters.skills) == ((), {"porters": 1})
    assert alarm.strategy == "ring_all"
    assert verdicts(part, "porters@clinic")["strategy"] is M
    assert verdicts(part, "porters@clinic")["ring-progressively-delay"] is M
    assert verdicts(part, "alarm@clinic")["strategy"] is M


def test_one_wait_opens_all_tiers_where_it_does_not_multiply() -> None:
    text = (
        '<configuration name="callcenter.conf"><queues><queue name="q">'
        '<param name="tier-rules-apply" value="true"/>'
        '<param name="tier-rule-wait-second" value="25"/></queue></queues>'
        '<agents><agent name="a" contact="user/1"/><agent name="b" contact="user/2"/>'
        '<agent name="c" contact="user/3"/></agents><tiers>'
        '<tier agent="a" queue="q" level="1"/><tier agent="b" queue="q" level="2"/>'
        '<tier agent="c" queue="q" level="3"/></tiers></configuration>'
    )
    part = part_of("x.xml", text.encode())
    assert queues_of(part)["q"].widening == (WideningEntry(after_s=25.0, skill_expression="q>=8"),)
    assert verdicts(part, "q")["tier-rules-apply"] is A


@pytest.mark.parametrize("skill", ["sales", "and", "Or", "front-desk", "7"])
def test_any_skill_can_stand_in_an_expression(skill: str) -> None:
    assert parse(at_least(skill, 4)) == (((skill, 4),),)


def test_an_empty_import_is_an_empty_part() -> None:
    assert part_of("queues.conf", b"").queues == QueuesFile()
