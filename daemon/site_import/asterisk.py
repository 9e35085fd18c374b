"""Asterisk's queues.conf as queues and people of a site.

A penalty becomes a level of the queue's own skill. What lies in other files (telephones,
agents, the dial plan) is not read; the notes say what to do about it.
"""

import re
from typing import Final

import msgspec

from daemon.site_files import queues as queues_file
from daemon.site_import.announcements import asterisk_announcements
from daemon.site_import.asterisk_options import (
    ALIASES,
    ALWAYS_ABSENT,
    DEFAULT_STRATEGY,
    DEFAULTS,
    EMPTY_PLAIN,
    EMPTY_STATES,
    EMPTY_WORDS,
    GENERAL_OPTIONS,
    NO_STATE,
    ONE_LIST,
    QUEUE_OPTIONS,
    STRATEGIES,
    meaning_of,
)
from daemon.site_import.asterisk_text import Section, read_sections
from daemon.site_import.draft import QueueDraft, Source
from daemon.site_import.options import (
    OFF,
    SAME,
    TRUE,
    UNKNOWN,
    apply_option,
    default_settings,
    last_of_each,
)
from daemon.site_import.report import Finding, Origin, Verdict, Words, finding
from daemon.site_import.staff import Member, slug_of

GENERAL: Final = "general"
HIGHEST_PENALTY: Final = 1_000_000
NOTES: Final = (
    Words(
        "queues.conf has no longest wait: it is an argument of Queue() in the dial plan;"
        " set max_wait_s and on_timeout where there was one",
        "queues.conf 不含最长等待时间：它是拨号方案中 Queue() 的参数；"
        "原来有的，请设置 max_wait_s 和 on_timeout",
    ),
)
UNUSED_TEMPLATE: Final = Words("no queue inherits from this template", "没有队列继承此模板")
PHONE: Final = re.compile(r"(?i)(?:pj)?sip/([^/@&]+)")
LOCAL: Final = re.compile(r"(?i)local/([^/@&]+)@[^&]*")
HINT: Final = re.compile(r"(?i)hint:([^/@&]+)(?:@.*)?")
AGENT: Final = re.compile(r"(?i)agent/([^/@&:]+)")
BY_DIAL_PLAN: Final = Words(
    "was rung through the dial plan; here the telephone itself rings",
    "原经拨号方案振铃；本站直接振话机",
)
NO_PHONE: Final = Words(
    "this address is no telephone of the site; give the person a station",
    "此地址不是本站的话机；请为此人设置分机",
)
ANY_PHONE: Final = Words("chooses a station at log-in", "登录时选择分机")
MEMBER_EXTRAS: Final = Words(
    "ringinuse, wrapuptime and paused of one member are not taken over",
    "单个成员的 ringinuse、wrapuptime 和 paused 不转换",
)
BAD_PENALTY: Final = Words(
    "the penalty is not a number and counts as 0", "penalty 不是数字，按 0 计"
)


class _Address(msgspec.Struct, frozen=True):
    station: str
    verdict: Verdict = Verdict.MAPPED
    words: Words = Words()


def read_asterisk(file: str, content: bytes) -> Source:
    """Understand a queues.conf; SourceError with every fault of its form."""
    queues: list[QueueDraft] = []
    findings: list[Finding] = []
    for section in read_sections(file, content):
        if section.name == GENERAL:
            findings += _general(section)
        elif section.template:
            if not section.used:
                findings += [
                    finding(one, Verdict.OVERRIDDEN, words=UNUSED_TEMPLATE)
                    for one in section.options
                ]
        else:
            queues.append(_queue(file, section, findings))
    return Source(queues=tuple(queues), findings=tuple(findings), notes=NOTES if queues else ())


def _general(section: Section) -> list[Finding]:
    counting, findings = last_of_each(section.options, {})
    for name, origin in counting.items():
        findings.append(apply_option(origin, GENERAL_OPTIONS.get(name), {}, ""))
    return findings


def _queue(file: str, section: Section, findings: list[Finding]) -> QueueDraft:
    def unset(option: str, value: str) -> Origin:
        return Origin(file=file, line=0, section=section.name, option=option, value=value)

    slug = slug_of(section.name, f"queue-{section.line}")
    members = [one for one in section.options if one.option.lower() == "member"]
    options = [one for one in section.options if one.option.lower() != "member"]
    counting, overridden = last_of_each(options, ALIASES)
    findings += overridden
    strategy = counting.pop("strategy", None) or unset("strategy", DEFAULT_STRATEGY)
    weight = counting.pop("weight", None)
    draft = QueueDraft(
        origin=Origin(
            file=file, line=section.line, section=section.name, option="queue", value=section.name
        ),
        slug=slug,
        strategy=strategy,
        wish=STRATEGIES.get(strategy.value.lower()),
        settings=default_settings(DEFAULTS, QUEUE_OPTIONS),
        weight=weight,
    )
    findings += _empty(counting, draft)
    findings += asterisk_announcements(counting, draft.settings, slug)
    for name, value in DEFAULTS.items():
        counting.setdefault(name, unset(name, value))
    for name, origin in counting.items():
        findings.append(apply_option(origin, meaning_of(name), draft.settings, slug))
    for position, origin in enumerate(members):
        member = _member(origin, position)
        if member is None:
            findings.append(finding(origin, Verdict.NOT_SUPPORTED, words=UNKNOWN))
        else:
            draft.members.append(member)
    return draft


class _Factors(msgspec.Struct, frozen=True):
    """States in which members do not count, as one of the two options names them."""

    origin: Origin
    asked: bool
    """False: the option keeps nobody out."""
    names: tuple[str, ...] = ()


def _empty(counting: dict[str, Origin], draft: QueueDraft) -> list[Finding]:
    """``joinempty`` and ``leavewhenempty`` together make ``no_agents`` and ``absent``."""
    found = {
        name: _factors(counting.pop(name), joining=name == "joinempty")
        for name in ("joinempty", "leavewhenempty")
        if name in counting
    }
    join, leave = found.get("joinempty"), found.get("leavewhenempty")
    asked = [one for one in (leave, join) if one is not None and one.asked]
    findings = []
    if asked:
        states = [state for name in asked[0].names for state in EMPTY_STATES.get(name, ())]
        draft.settings["no_agents"] = "leave" if asked[0] is leave else "refuse"
        draft.settings["absent"] = tuple(dict.fromkeys(states))
    target = f'{queues_file.FILE} {draft.slug} no_agents = "{draft.settings.get("no_agents")}"'
    for one in found.values():
        if not set(one.names) <= EMPTY_STATES.keys():
            verdict, words = Verdict.NOT_SUPPORTED, NO_STATE
        elif not asked or (not one.asked and one is leave):
            findings.append(finding(one.origin, Verdict.MAPPED, words=SAME))
            continue
        elif asked[0] is leave and (join is None or not join.asked or join.names != leave.names):
            verdict, words = Verdict.APPROXIMATED, ONE_LIST
        elif "unavailable" not in one.names:
            verdict, words = Verdict.APPROXIMATED, ALWAYS_ABSENT
        else:
            verdict, words = Verdict.MAPPED, Words()
        shown = target if asked else ""
        findings.append(finding(one.origin, verdict, target=shown, words=words))
    return findings


def _factors(origin: Origin, *, joining: bool) -> _Factors:
    value = origin.value.strip().lower()
    if value in (OFF if not joining else TRUE):
        return _Factors(origin, False)
    if value in (OFF | TRUE):
        return _Factors(origin, True, EMPTY_PLAIN)
    if value in EMPTY_WORDS:
        return _Factors(origin, True, EMPTY_WORDS[value])
    names = tuple(sorted({name.strip() for name in value.split(",")} - {""}))
    return _Factors(origin, bool(set(names) & EMPTY_STATES.keys()), names)


def _member(origin: Origin, position: int) -> Member | None:
    """``interface[,penalty[,name[,state interface[,ringinuse[,wrapuptime[,paused]]]]]]``."""
    fields = [field.strip() for field in _split(origin.value)]
    fields += [""] * (7 - len(fields))
    interface, penalty_text, name, state = fields[:4]
    if not interface:
        return None
    address = _address(interface, state)
    verdict, words = address.verdict, address.words
    digits = penalty_text.removeprefix("-")
    penalty = 0
    if digits.isascii() and digits.isdigit():
        # Negative ones count as 0 there too, unless negative_penalty_invalid says otherwise.
        penalty = 0 if penalty_text.startswith("-") else min(int(digits[:9]), HIGHEST_PENALTY)
    elif penalty_text:
        verdict, words = Verdict.APPROXIMATED, _joined(words, BAD_PENALTY)
    if any(fields[4:]):
        verdict = max(verdict, Verdict.APPROXIMATED, key=_WORSE.index)
        words = _joined(words, MEMBER_EXTRAS)
    return Member(
        origin=origin,
        # One telephone is one person, however the queues reach it.
        key=f"station {address.station}" if address.station else interface.lower(),
        login=name or address.station or interface.partition("/")[2] or interface,
        name=name[:128],
        station=address.station,
        penalty=penalty,
        position=position,
        verdict=verdict,
        words=words,
    )


_WORSE: Final = (Verdict.MAPPED, Verdict.APPROXIMATED, Verdict.NOT_SUPPORTED)


def _address(interface: str, state: str) -> _Address:
    """The telephone behind an interface, where it is one that can register here."""
    if found := PHONE.fullmatch(interface):
        return _Address(found[1])
    behind = HINT.fullmatch(state) or PHONE.fullmatch(state)
    if found := LOCAL.fullmatch(interface):
        station = behind[1] if behind else found[1]
        return _Address(station, Verdict.APPROXIMATED, BY_DIAL_PLAN)
    if behind:
        return _Address(behind[1], Verdict.APPROXIMATED, BY_DIAL_PLAN)
    if AGENT.fullmatch(interface):
        return _Address("", Verdict.APPROXIMATED, ANY_PHONE)
    return _Address("", Verdict.NOT_SUPPORTED, NO_PHONE)


def _split(value: str) -> list[str]:
    """Fields of a member without their quotes; commas inside quotes belong to the name."""
    fields, quoted = [""], False
    for character in value:
        if character == '"':
            quoted = not quoted
        elif character == "," and not quoted:
            fields.append("")
        else:
            fields[-1] += character
    return fields


def _joined(first: Words, second: Words) -> Words:
    if not first.en:
        return second
    return Words(f"{first.en}; {second.en}", f"{first.zh}；{second.zh}")
