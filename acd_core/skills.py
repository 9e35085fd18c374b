"""Skills, levels, and what a call or a queue demands of an agent."""

from collections.abc import Iterable, Mapping
from typing import Final

import msgspec

from acd_core.errors import ConfigurationFault
from acd_core.ids import SkillId

LOWEST: Final = 1
BEST: Final = 10


class Requirement(msgspec.Struct, frozen=True, array_like=True):
    """One skill that an agent must have, and how well (1 to 10, 10 best)."""

    skill: SkillId
    level: int = LOWEST


Alternatives = tuple[tuple[Requirement, ...], ...]
"""An agent must satisfy every requirement of one of them; none at all wants nothing."""

MOST_ALTERNATIVES: Final = 64


def check_alternatives(alternatives: Alternatives, owner: str) -> None:
    """Raise ConfigurationFault for too many alternatives or a level out of range."""
    if len(alternatives) > MOST_ALTERNATIVES:
        raise ConfigurationFault(f"{owner}: more than {MOST_ALTERNATIVES} alternatives")
    for requirements in alternatives:
        merge(requirements)


def check_levels(levels: Mapping[SkillId, int], owner: str) -> None:
    """Raise ConfigurationFault unless every level lies within 1..10 and skills count from 0."""
    for skill, level in levels.items():
        if skill < 0:
            raise ConfigurationFault(f"{owner}: skill {skill} is below 0")
        if not LOWEST <= level <= BEST:
            raise ConfigurationFault(f"{owner}: level {level} of skill {skill} is not 1 to 10")


def merge(*groups: Iterable[Requirement]) -> tuple[tuple[int, int], ...]:
    """Join requirements to sorted (skill, level) pairs, the higher level of each skill."""
    needed: dict[int, int] = {}
    for group in groups:
        for requirement in group:
            if requirement.skill < 0:
                raise ConfigurationFault(f"skill {requirement.skill} is below 0")
            if not LOWEST <= requirement.level <= BEST:
                raise ConfigurationFault(
                    f"level {requirement.level} of skill {requirement.skill} is not 1 to 10"
                )
            needed[requirement.skill] = max(requirement.level, needed.get(requirement.skill, 0))
    return tuple(sorted(needed.items()))
