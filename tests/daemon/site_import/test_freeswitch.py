from contextlib import suppress
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from daemon.site_files.people import Person
from daemon.site_files.queues import QueueEntry, WideningEntry
from daemon.site_import.draft import SitePart, assemble
from daemon.site_import.freeswitch import read_freeswitch
from daemon.site_import.report import SourceError, Verdict
from daemon.site_import.xml_elements import DEPTH_LIMIT, SIZE_LIMIT, Element, read_xml

RULES = ("expert_longest_idle", "longest_idle", "least_occupied", "linear")
FRAME = '<configuration name="callcenter.conf">{}</configuration>'
AGENT = '<agent name="{0}@d" type="callback" contact="user/{0}@d" {1}/>'


def part_of(inside: str | bytes) -> SitePart:
    content = inside if isinstance(inside, bytes) else FRAME.format(inside).encode()
    source = read_freeswitch("callcenter.conf.xml", content)
    return assemble([source], rules=RULES, make_secret=lambda: "secret")


def one_queue(parameters: str = "", agents: str = "", tiers: str = "") -> SitePart:
    return part_of(
        f'<queues><queue name="q@d">{parameters}</queue></queues>'
        f"<agents>{agents}</agents><tiers>{tiers}</tiers>"
    )


def test_the_example_becomes_queues_and_people(data: Path) -> None:
    part = part_of((data / "callcenter.conf.xml").read_bytes())
    assert part.queues.queues == (
        QueueEntry(
            slug="support",
            name="support@default",
            skills={"support": 10},
            widening=(WideningEntry(after_s=30.0, skill_expression="support>=9"),),
            strategy="expert_longest_idle",
            ring_s=12.0,
            wrap_up_s=10.0,
            max_wait_s=600.0,
            misses_to_pause=3,
            record=True,
        ),
        QueueEntry(
            slug="billing",
            name="billing@default",
            skills={"billing": 1},
            strategy="least_occupied",
            ring_s=60.0,
            wrap_up_s=25.0,
            misses_to_pause=3,
            no_agents="leave",
            record=False,
        ),
    )
    assert part.people.people == (
        Person(login="1001", name="1001", station="1001", skills={"support": 10}),
        Person(login="1002", name="1002", station="1002", skills={"support": 9, "billing": 10}),
        Person(login="mobile", name="mobile", skills={"billing": 10}),
    )


def test_every_parameter_and_attribute_of_the_example_is_accounted_for(data: Path) -> None:
    content = (data / "callcenter.conf.xml").read_bytes()
    part = part_of(content)
    told = {(one.line, one.option) for one in part.findings}

    def check(element: Element) -> None:
        if element.tag == "param":
            assert (element.line, element.attributes["name"]) in told
        elif element.tag == "agent":
            for name in element.attributes.keys() - {"name"}:
                assert (element.line, name) in told, name
        elif element.tag in ("queue", "tier"):
            assert (element.line, element.tag) in told
        for child in element.children:
            check(child)

    check(read_xml("callcenter.conf.xml", content))
    for one in part.findings:
        assert one.target or (one.en and one.zh), one
        assert one.verdict is Verdict.MAPPED or (one.en and one.zh), one


def test_queue_settings_come_from_the_agents() -> None:
    agents = AGENT.format("1", 'wrap-up-time="5" max-no-answer="2"') + AGENT.format(
        "2", 'wrap-up-time="9"'
    )
    tiers = '<tier agent="1@d" queue="q@d"/><tier agent="2@d" queue="q@d"/>'
    part = one_queue(agents=agents, tiers=tiers)
    (queue,) = part.queues.queues
    assert (queue.wrap_up_s, queue.misses_to_pause, queue.ring_s) == (9.0, 0, 60.0)
    found = {one.option: one.verdict for one in part.findings if one.section == "1@d"}
    assert found["wrap-up-time"] is Verdict.APPROXIMATED
    assert found["contact"] is Verdict.MAPPED


def test_top_down_asks_by_tier_level_and_position() -> None:
    agents = "".join(AGENT.format(n, "") for n in "123")
    tiers = "".join(
        f'<tier agent="{n}@d" queue="q@d" level="{level}" position="{position}"/>'
        for n, level, position in (("1", 2, 1), ("2", 1, 2), ("3", 1, 1))
    )
    part = one_queue('<param name="strategy" value="top-down"/>', agents, tiers)
    assert part.queues.queues[0].strategy == "expert_longest_idle"
    levels = {one.login: one.skills["q"] for one in part.people.people}
    assert levels == {"3": 10, "2": 9, "1": 8}


def test_what_is_unknown_is_told() -> None:
    part = part_of(
        '<settings><param name="a" value="b" c="d"/></settings><new x="1"><y/></new>'
        '<queues><queue name="q" colour="red"><box/></queue></queues>'
        '<agents><agent name="1" hat="on"/></agents><tiers><tier agent="9" queue="q"/></tiers>'
    )
    found = {one.option for one in part.findings if one.verdict is Verdict.NOT_SUPPORTED}
    assert found == {"a", "c", "new", "y", "colour", "box", "hat", "tier"}


def test_a_whole_document_is_read() -> None:
    inside = FRAME.format('<queues><queue name="q"/></queues>')
    document = f'<document type="freeswitch/xml"><section name="c">{inside}</section></document>'
    assert [one.slug for one in part_of(document.encode()).queues.queues] == ["q"]


ENTITY = '<!DOCTYPE c [<!ENTITY x SYSTEM "file:///etc/hostname">]>'


@pytest.mark.parametrize(
    ("text", "line", "words"),
    [
        ("<configuration>\n<queues>", 2, "is not XML"),
        ("words", 1, "is not XML"),
        (f"\n{ENTITY}<configuration>&x;</configuration>", 2, "DOCTYPE"),
        ('<!DOCTYPE c SYSTEM "http://127.0.0.1/x.dtd"><configuration/>', 1, "DOCTYPE"),
        ("<a>" * (DEPTH_LIMIT + 1), 1, "too many elements"),
        ("<other/>", 1, "has 0 configurations"),
        (f"<a>{FRAME}{FRAME}</a>", 1, "has 2 configurations"),
        (FRAME.format('\n<X-PRE-PROCESS cmd="include" data="x.xml"/>'), 2, "include is not"),
        (FRAME.format("<queues>\n<queue/></queues>"), 2, "has no name"),
        (FRAME.format("<agents><agent name='a'/>\n<agent name='a'/></agents>"), 2, "twice"),
        ('<?xml version="1.0" encoding="klingon"?><configuration/>', 1, "is not XML"),
    ],
)
def test_faults_have_file_and_line(text: str, line: int, words: str) -> None:
    with pytest.raises(SourceError) as found:
        part_of(text.encode())
    (fault,) = found.value.faults
    assert (fault.file, fault.line) == ("callcenter.conf.xml", line)
    assert words in fault.what


def test_expanding_entities_are_refused_before_they_expand() -> None:
    entities = "".join(f'<!ENTITY e{n} "{f"&e{n - 1};" * 10}">' for n in range(1, 12))
    bomb = f'<!DOCTYPE c [<!ENTITY e0 "ha">{entities}]><c>&e11;</c>'
    with pytest.raises(SourceError, match="DOCTYPE"):
        read_xml("bomb.xml", bomb.encode())


def test_too_large_a_file_is_refused() -> None:
    with pytest.raises(SourceError, match="4 MiB"):
        read_xml("big.xml", b" " * (SIZE_LIMIT + 1))


def test_cut_anywhere_it_is_refused_by_its_own_error(data: Path) -> None:
    content = (data / "callcenter.conf.xml").read_bytes().rstrip()
    for length in range(0, len(content) - 1, 11):
        with pytest.raises(SourceError):
            part_of(content[:length])


@given(st.binary(max_size=200) | st.text(max_size=200).map(lambda text: f"<a>{text}".encode()))
def test_any_bytes_give_elements_or_its_own_error(content: bytes) -> None:
    with suppress(SourceError):
        read_xml("any.xml", content)


ATTRIBUTES = st.dictionaries(
    st.sampled_from(
        ["name", "value", "queue", "agent", "level", "position", "contact", "wrap-up-time"]
    ),
    st.sampled_from(
        [
            "q@d",
            "1@d",
            "0",
            "7",
            "-1",
            "x",
            "strategy",
            "top-down",
            "user/5@d",
            "",
            "true",
            "tier-rules-apply",
            "tier-rule-wait-second",
            "announce-sound",
            "announce-frequency",
        ]
    ),
)
ELEMENTS = st.recursive(
    st.builds(lambda tag, a: (tag, a, []), st.sampled_from(["param", "tier", "agent"]), ATTRIBUTES),
    lambda inner: st.builds(
        lambda tag, a, children: (tag, a, children),
        st.sampled_from(["queues", "queue", "agents", "tiers", "settings"]),
        ATTRIBUTES,
        st.lists(inner, max_size=4),
    ),
    max_leaves=12,
)


def written(element: tuple[str, dict[str, str], list[object]]) -> str:
    tag, attributes, children = element
    shown = "".join(f' {name}="{value}"' for name, value in attributes.items())
    inside = "".join(written(child) for child in children)  # type: ignore[arg-type]
    return f"<{tag}{shown}>{inside}</{tag}>"


@given(st.lists(ELEMENTS, max_size=6))
def test_any_configuration_is_accounted_for_or_refused(elements: list[object]) -> None:
    try:
        part = part_of("".join(written(one) for one in elements))  # type: ignore[arg-type]
    except SourceError:
        return
    for queue in part.queues.queues:
        assert 1 <= queue.ring_s <= 600
        assert queue.wrap_up_s >= 0
        assert queue.strategy in RULES
