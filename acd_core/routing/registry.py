"""Routing rules: how the agent for a call is chosen; one file a rule in this folder.

A rule is a function ``(matcher, demand) -> agent handle or -1`` decorated with ``@strategy``.
It is a total order: ties end at idle time and then at the agent's key.
"""

import importlib
import pkgutil
from collections.abc import Callable
from typing import Final

import msgspec

import acd_core.routing
from acd_core.errors import ConfigurationFault, UnknownRule
from cython_ext.acd import Matcher

Choose = Callable[[Matcher, int], int]


class Strategy(msgspec.Struct, frozen=True, kw_only=True):
    """One rule: its name in the configuration, and how it is called in reasons."""

    name: str
    number: int
    """Stands for the rule in reasons; never given to another one."""
    version: int
    """Rises when the rule decides differently than before."""
    en: str
    zh: str
    by_score: bool
    """Skill levels decide before idle time does."""
    choose: Choose


_strategies: Final[dict[str, Strategy]] = {}


def strategy(
    name: str, *, number: int, version: int, en: str, zh: str, by_score: bool = False
) -> Callable[[Choose], Choose]:
    """Register the decorated function as a rule."""

    def keep(choose: Choose) -> Choose:
        if any(number == other.number for other in _strategies.values()):
            raise ConfigurationFault(f"rule {name}: number {number} is taken")
        _strategies[name] = Strategy(
            name=name,
            number=number,
            version=version,
            en=en,
            zh=zh,
            by_score=by_score,
            choose=choose,
        )
        return choose

    return keep


def strategies() -> dict[str, Strategy]:
    """Return every rule by name; loads this folder once."""
    for module in pkgutil.iter_modules(acd_core.routing.__path__):
        importlib.import_module(f"acd_core.routing.{module.name}")
    return dict(sorted(_strategies.items()))


def find_strategy(name: str) -> Strategy:
    """Return one rule; raise UnknownRule."""
    known = strategies()
    if name not in known:
        raise UnknownRule(f"there is no rule {name!r}; known are {', '.join(known)}")
    return known[name]
