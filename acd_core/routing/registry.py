"""Routing rules: how the agent for a call is chosen; one file a rule in this folder.

A rule is a function ``(matcher, demand, turn) -> agent handle or -1`` decorated with
``@strategy``. It is a total order: ties end at idle time and then at the agent's key. It
changes nothing, so that asked again after its choice is reserved it names the runner-up, or,
where several stations ring, the next one.
"""

import importlib
import pkgutil
from collections.abc import Callable, Mapping
from enum import StrEnum
from functools import cache
from typing import Final, Protocol

import msgspec

import acd_core.routing
from acd_core.errors import ConfigurationFault, UnknownRule
from acd_core.ids import AgentId
from acd_core.routing.measures import Group
from cython_ext.acd import Matcher


class Turn(Protocol):
    """What a queue remembers for rules that go by more than the agents themselves."""

    @property
    def last_offered(self) -> int:
        """Key of the agent who was offered a call last; -1 for none yet."""

    @property
    def lot(self) -> int:
        """64 bits drawn for this choice from the queue's seed."""

    @property
    def shares(self) -> Mapping[AgentId, int]:
        """Share of the queue's calls that each agent should get, by key."""

    @property
    def given(self) -> Mapping[AgentId, int]:
        """Calls of the queue that each agent has answered, by key."""


class Ring(StrEnum):
    """How many stations ring for one call."""

    ONE = "one"
    ALL = "all"
    """Every free agent who meets the demands, and who becomes free meanwhile."""
    PROGRESSIVELY = "progressively"
    """One, and one more after each ``ring_step_s`` of the queue."""


Choose = Callable[[Matcher, int, Turn], int]


class Strategy(msgspec.Struct, frozen=True, kw_only=True):
    """One rule: its name in the configuration, and how it is called in reasons."""

    name: str
    number: int
    """Stands for the rule in reasons; never given to another one."""
    version: int
    """Rises when the rule decides differently than before."""
    en: str
    zh: str
    by: tuple[Group, ...]
    """What decides before idle time does."""
    ring: Ring
    choose: Choose


_strategies: Final[dict[str, Strategy]] = {}


def strategy(
    name: str,
    *,
    number: int,
    version: int,
    en: str,
    zh: str,
    by: tuple[Group, ...] = (),
    ring: Ring = Ring.ONE,
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
            by=by,
            ring=ring,
            choose=choose,
        )
        return choose

    return keep


def strategies() -> dict[str, Strategy]:
    """Return every rule by name; loads this folder once."""
    _load()
    return dict(sorted(_strategies.items()))


@cache
def _load() -> None:
    for module in pkgutil.iter_modules(acd_core.routing.__path__):
        importlib.import_module(f"acd_core.routing.{module.name}")


def find_strategy(name: str) -> Strategy:
    """Return one rule; raise UnknownRule."""
    known = strategies()
    if name not in known:
        raise UnknownRule(f"there is no rule {name!r}; known are {', '.join(known)}")
    return known[name]
