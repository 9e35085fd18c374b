"""Members of queues to people with skills: a penalty becomes a level, a strategy a rule."""

import re
import unicodedata
from collections.abc import Collection, Iterable, Sequence
from typing import Final

import msgspec

from daemon.site_import.report import Origin, Verdict, Words

BEST: Final = 10
LEVELS: Final = 10
_OUTSIDE: Final = re.compile(r"[^A-Za-z0-9._-]+")
EXPERT: Final = ("expert_longest_idle", "most_skilled")
"""Rules by which the better level comes first and idle time decides between equals."""


class Member(msgspec.Struct, frozen=True, kw_only=True):
    """One agent of one queue as the source has it."""

    origin: Origin
    key: str
    """Tells people apart: the same key in two queues is one person."""
    login: str
    """Wished login, not yet a slug."""
    name: str = ""
    station: str = ""
    """Phone of the agent; empty when the source's address is no phone of this site."""
    penalty: int = 0
    """0 and up; the lowest is asked first."""
    position: int = 0
    """Order among equals."""
    verdict: Verdict = Verdict.MAPPED
    words: Words = Words()
    """About the address, where it needs words."""


class RuleWish(msgspec.Struct, frozen=True, kw_only=True):
    """Which rules stand for a strategy, the best first; the first one known is taken."""

    even: tuple[str, ...]
    """When all members have the same penalty."""
    tiered: tuple[str, ...] = EXPERT
    """When penalties differ."""
    exact: tuple[str, ...] = ()
    """Those among them that do what the strategy did."""
    in_order: bool = False
    """Members are asked in the order of the file."""
    words: Words = Words()
    """What differs when the rule is not exact."""


class Choice(msgspec.Struct, frozen=True):
    """The rule of a queue, whether it does the same, and each member's level by key."""

    rule: str
    exact: bool
    levels: dict[str, int]


ONE_AT_A_TIME: Final = Words(
    "one telephone rings at a time, the longest idle first",
    "每次只振一部话机，空闲最久者优先",
)
TIERS_FIRST: Final = Words(
    "the better level comes first, among equals the longest idle",
    "级别高者优先，同级中空闲最久者优先",
)
RING_ALL: Final = RuleWish(
    even=("ring_all", "longest_idle"), exact=("ring_all",), words=ONE_AT_A_TIME
)
LONGEST_IDLE: Final = RuleWish(even=("longest_idle",), exact=("longest_idle", *EXPERT))
FEWEST_CALLS: Final = RuleWish(
    even=("fewest_calls", "longest_idle"), exact=("fewest_calls",), words=TIERS_FIRST
)
RANDOM: Final = RuleWish(even=("random", "longest_idle"), exact=("random",), words=TIERS_FIRST)
WEIGHTED_RANDOM: Final = RuleWish(
    even=("weighted_random", "random", "longest_idle"),
    tiered=("weighted_random", *EXPERT),
    exact=(),
    words=Words(
        "chances follow the level, not the penalty's own formula",
        "概率按级别计算，而不按 penalty 的公式",
    ),
)
ROUND_ROBIN: Final = RuleWish(
    even=("round_robin", "longest_idle"), exact=("round_robin",), words=TIERS_FIRST
)
LINEAR: Final = RuleWish(
    even=("linear", *EXPERT), exact=("linear", *EXPERT), in_order=True, words=TIERS_FIRST
)


def choose_rule(wish: RuleWish, members: Sequence[Member], rules: Collection[str]) -> Choice:
    """The rule that comes nearest, with the levels it needs."""
    penalties = {member.penalty for member in members}
    tiered = len(penalties) > 1
    rule = next(name for name in (wish.tiered if tiered else wish.even) if name in rules)
    exact = rule in wish.exact
    if wish.in_order and rule != "linear":
        ranks = {
            member.key: rank
            for rank, member in enumerate(sorted(members, key=lambda m: (m.penalty, m.position)))
        }
        found, kept = levels(ranks.values())
        return Choice(rule, exact and kept, {key: found[rank] for key, rank in ranks.items()})
    found, kept = levels(penalties)
    return Choice(rule, exact and kept, {member.key: found[member.penalty] for member in members})


def levels(penalties: Iterable[int]) -> tuple[dict[int, int], bool]:
    """Level of each penalty, the lowest gets 10; False when different ones had to share.

    Penalties 0 to 9 become 10 to 1; greater ones keep their order as long as there are
    at most ten different ones.
    """
    distinct = sorted(set(penalties))
    if not distinct or (distinct[0] >= 0 and distinct[-1] < LEVELS):
        return {penalty: BEST - penalty for penalty in distinct}, True
    fits = len(distinct) <= LEVELS
    return {
        penalty: BEST - (rank if fits else rank * LEVELS // len(distinct))
        for rank, penalty in enumerate(distinct)
    }, fits


def slug_of(text: str, fallback: str) -> str:
    """A name that the site accepts as slug: ASCII, at most 60 characters."""
    ascii_text = unicodedata.normalize("NFKD", text).encode("ascii", "ignore").decode()
    slug = _OUTSIDE.sub("-", ascii_text).strip("-._")[:60].rstrip("-._")
    return slug or fallback


def unused(slug: str, taken: Collection[str]) -> str:
    """The slug, with a number behind it when it is taken."""
    number, found = 2, slug
    while found in taken:
        found = f"{slug}-{number}"
        number += 1
    return found


def at_least(skill: str, level: int) -> str:
    """The skill expression that asks for one level of a skill."""
    name = f'"{skill}"' if skill.lower() in ("and", "or", "not") else skill
    return f"{name}>={level}"
