"""Queues and people of one or several sources, put together to a part of a site."""

from collections.abc import Callable, Collection, Sequence
from typing import Final

import msgspec

from daemon.errors import Fault
from daemon.language import pick
from daemon.site_files import people, queues
from daemon.site_files.people import PeopleFile, Person, SkillEntry, StationEntry
from daemon.site_files.queues import QueueEntry, QueuesFile, WideningEntry
from daemon.site_import.options import DAY_S, NOT_A_NUMBER, number_of, plain
from daemon.site_import.report import Finding, Origin, SourceError, Verdict, Words, finding
from daemon.site_import.staff import (
    Choice,
    Member,
    RuleWish,
    at_least,
    choose_rule,
    levels,
    slug_of,
    unused,
)

HIGHEST_PRIORITY: Final = 10
LONGEST_NAME: Final = 128  # characters, what the database keeps
WRITTEN_SO: Final = Words(
    "names have letters, digits, dot, dash and underscore here", "本站名称只用字母、数字、点、横线"
)
PENALTIES_SHARED: Final = Words(
    "there are more than ten different penalties for ten levels", "penalty 多于十种，而级别只有十级"
)
ORDER_OF_WEIGHTS: Final = Words("only the order of weights is kept", "只保留权重的先后顺序")
ORDER_DIFFERS: Final = Words(
    "the rule follows the order of people.toml, which differs in this queue",
    "规则按 people.toml 中的顺序，与此队列的顺序不同",
)


class TierWait(msgspec.Struct, frozen=True, kw_only=True):
    """When a caller may reach agents of later tiers (mod_callcenter's tier rules)."""

    wait_s: float
    multiply: bool
    """The wait counts once for each level of a tier; else one wait opens all."""
    skip: bool
    """Tiers where nobody is logged in are not waited for."""


class QueueDraft(msgspec.Struct, kw_only=True):
    """One queue of a source, before names, levels and priorities of all are known."""

    origin: Origin
    """Its section or element; ``value`` is its name."""
    slug: str
    strategy: Origin
    wish: RuleWish | None
    """None when the source names a strategy that nobody knows."""
    settings: dict[str, object] = {}
    """Keys of ``QueueEntry``."""
    members: list[Member] = []
    weight: Origin | None = None
    tiers: TierWait | None = None
    """None asks every tier from the start."""


class SitePart(msgspec.Struct, frozen=True, kw_only=True):
    """What an import adds to a site, and the account of it."""

    people: PeopleFile
    queues: QueuesFile
    findings: tuple[Finding, ...]
    notes: tuple[Words, ...] = ()


class Source(msgspec.Struct, frozen=True, kw_only=True):
    """One file as it was understood."""

    queues: tuple[QueueDraft, ...]
    findings: tuple[Finding, ...]
    notes: tuple[Words, ...] = ()


def assemble(
    sources: Sequence[Source], *, rules: Collection[str], make_secret: Callable[[], str]
) -> SitePart:
    """Put sources together; SourceError when two queues have the same name.

    ``rules`` are the routing rules that exist; ``make_secret`` gives a phone's password.
    """
    drafts = [queue for source in sources for queue in source.queues]
    _check_names(drafts)
    findings = [one for source in sources for one in source.findings]
    staff = _Staff(drafts)
    entries = []
    priorities, kept = _priorities(drafts)
    for draft in drafts:
        members, doubled = _each_once(draft)
        findings += doubled
        choice = _choice(draft, members, rules)
        if draft.tiers is not None:
            draft.settings |= _by_tier(draft.slug, draft.tiers, members, choice)
        entries.append(_entry(draft, choice, priorities, findings, weights_kept=kept))
        findings.append(_strategy_finding(draft, choice, in_order=staff.in_order(members)))
        for member in members:
            level = choice.levels[member.key]
            findings.append(staff.employ(member, draft.slug, level))
    skills = tuple(
        SkillEntry(name=draft.slug, title=draft.origin.value[:LONGEST_NAME]) for draft in drafts
    )
    return SitePart(
        people=PeopleFile(
            people=staff.people(),
            stations=tuple(
                StationEntry(name=name, secret=make_secret()) for name in staff.stations
            ),
            skills=skills,
        ),
        queues=QueuesFile(queues=tuple(entries)),
        findings=tuple(sorted(findings, key=lambda one: (one.file, one.line, one.section))),
        notes=tuple(dict.fromkeys(note for source in sources for note in source.notes)),
    )


def _check_names(drafts: Sequence[QueueDraft]) -> None:
    faults, seen = [], dict[str, Origin]()
    for draft in drafts:
        before = seen.setdefault(draft.slug, draft.origin)
        if before is not draft.origin:
            what = pick(
                f"queue {draft.slug} is in {before.file}:{before.line} too",
                f"队列 {draft.slug} 也在 {before.file}:{before.line}",
            )
            faults.append(Fault(file=draft.origin.file, line=draft.origin.line, what=what))
    if faults:
        raise SourceError(faults)


class _Staff:
    """People by the source's own key; a person of several queues is one person."""

    def __init__(self, drafts: Sequence[QueueDraft]) -> None:
        self._people: dict[str, Person] = {}
        self.stations: dict[str, str] = {}
        """Station -> the key of the person who sits there."""
        for draft in drafts:
            for member in draft.members:
                self._meet(member)

    def _meet(self, member: Member) -> None:
        known = self._people.get(member.key)
        if known is None:
            taken = {person.login for person in self._people.values()}
            fallback = slug_of(member.station, f"agent-{len(taken) + 1}")
            login = unused(slug_of(member.login, fallback).lower(), taken)
            known = Person(login=login, name=member.name)
        station = known.station or slug_of(member.station, "")
        # Two people cannot have the same telephone as their own.
        if station and self.stations.setdefault(station, member.key) != member.key:
            station = ""
        self._people[member.key] = msgspec.structs.replace(
            known,
            name=known.name or member.name,
            station=station,
        )

    def in_order(self, members: Sequence[Member]) -> bool:
        """Whether people.toml has these people in the queue's own order."""
        order = {key: number for number, key in enumerate(self._people)}
        asked = sorted(members, key=lambda member: (member.penalty, member.position))
        numbers = [order[member.key] for member in asked]
        return numbers == sorted(numbers)

    def employ(self, member: Member, skill: str, level: int) -> Finding:
        """Give a person the skill of a queue."""
        person = self._people[member.key]
        person = msgspec.structs.replace(person, skills=person.skills | {skill: level})
        self._people[member.key] = person
        target = f"{people.FILE} {person.login} skills.{skill} = {level}"
        if person.station:
            target += f", station = {plain(person.station)}"
        return finding(member.origin, member.verdict, target=target, words=member.words)

    def people(self) -> tuple[Person, ...]:
        return tuple(self._people.values())


def _each_once(draft: QueueDraft) -> tuple[list[Member], list[Finding]]:
    """Members of a queue, the last line of each counts; the place of the first is kept."""
    members: dict[str, Member] = {}
    findings = []
    for member in draft.members:
        before = members.get(member.key)
        if before is not None:
            words = Words(
                f"{member.origin.file}:{member.origin.line} counts",
                f"以 {member.origin.file}:{member.origin.line} 为准",
            )
            findings.append(finding(before.origin, Verdict.OVERRIDDEN, words=words))
        members[member.key] = member
    return list(members.values()), findings


def _choice(draft: QueueDraft, members: Sequence[Member], rules: Collection[str]) -> Choice:
    if draft.wish is not None:
        return choose_rule(draft.wish, members, rules)
    found, _kept = levels(member.penalty for member in members)
    return Choice("longest_idle", False, {one.key: found[one.penalty] for one in members})


def _strategy_finding(draft: QueueDraft, choice: Choice, *, in_order: bool) -> Finding:
    target = f'{queues.FILE} {draft.slug} strategy = "{choice.rule}"'
    if draft.wish is None:
        words = Words(
            "unknown strategy; the longest idle agent is asked first",
            "未知策略；空闲最久的坐席优先",
        )
        return finding(draft.strategy, Verdict.NOT_SUPPORTED, target=target, words=words)
    if not choice.exact:
        exact_rule = choice.rule in draft.wish.exact
        words = PENALTIES_SHARED if exact_rule else draft.wish.words
        return finding(draft.strategy, Verdict.APPROXIMATED, target=target, words=words)
    if choice.rule in ("linear", "round_robin") and not in_order:
        return finding(draft.strategy, Verdict.APPROXIMATED, target=target, words=ORDER_DIFFERS)
    return finding(draft.strategy, Verdict.MAPPED, target=target)


def _priorities(drafts: Sequence[QueueDraft]) -> tuple[dict[str, int], bool]:
    """Priority of each weight text: itself up to 10, else its rank among all."""
    weights = {draft.weight.value: _weight(draft.weight) for draft in drafts if draft.weight}
    distinct = sorted(set(weights.values()) | {0})
    if distinct[-1] <= HIGHEST_PRIORITY:
        return weights, True
    ranks = {weight: min(rank, HIGHEST_PRIORITY) for rank, weight in enumerate(distinct)}
    return {text: ranks[weight] for text, weight in weights.items()}, False


def _weight(origin: Origin) -> int:
    return max(int(number_of(origin.value) or 0), 0)


def _entry(
    draft: QueueDraft,
    choice: Choice,
    priorities: dict[str, int],
    findings: list[Finding],
    *,
    weights_kept: bool,
) -> QueueEntry:
    target = f"{queues.FILE} {draft.slug}"
    if draft.slug == draft.origin.value:
        findings.append(finding(draft.origin, Verdict.MAPPED, target=target))
    else:
        findings.append(
            finding(draft.origin, Verdict.APPROXIMATED, target=target, words=WRITTEN_SO)
        )
    settings = dict(draft.settings)
    if draft.weight is not None:
        priority = settings["priority"] = priorities[draft.weight.value]
        findings.append(
            _weight_finding(draft.weight, f"{target} priority = {priority}", kept=weights_kept)
        )
    demands = {"skills": {draft.slug: 1}} | settings
    return QueueEntry(
        slug=draft.slug,
        name=draft.origin.value[:LONGEST_NAME],
        strategy=choice.rule,
        **demands,  # type: ignore[arg-type]
    )


def _by_tier(
    skill: str, tiers: TierWait, members: Sequence[Member], choice: Choice
) -> dict[str, object]:
    """The level of the first tier, and the steps by which the others come in.

    A tier comes in when the wait has reached its level times the time between tiers, or
    with one wait for all of them.
    """
    penalties = sorted({member.penalty for member in members})
    floors = [
        min(choice.levels[one.key] for one in members if one.penalty <= penalty)
        for penalty in penalties
    ]
    if len(set(floors)) < 2:
        return {}
    steps: list[WideningEntry] = []
    last = (-1.0, floors[0])
    for penalty, floor in zip(penalties[1:], floors[1:], strict=True):
        after_s = tiers.wait_s * (penalty + 1 if tiers.multiply else 1)
        if floor == last[1] or after_s > DAY_S:
            continue
        step = WideningEntry(
            after_s=after_s, skill_expression=at_least(skill, floor), when_nobody=tiers.skip
        )
        if after_s == last[0]:
            steps.pop()
        steps.append(step)
        last = (after_s, floor)
    return {"skills": {skill: floors[0]}, "widening": tuple(steps)}


def _weight_finding(origin: Origin, target: str, *, kept: bool) -> Finding:
    if number_of(origin.value) is None:
        return finding(origin, Verdict.NOT_SUPPORTED, target=target, words=NOT_A_NUMBER)
    if not kept:
        return finding(origin, Verdict.APPROXIMATED, target=target, words=ORDER_OF_WEIGHTS)
    return finding(origin, Verdict.MAPPED, target=target)
