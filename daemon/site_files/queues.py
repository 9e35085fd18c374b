"""``queues.toml``: the queues, who may serve them, and their limits."""

from typing import Annotated, Final

import msgspec

from daemon.site_files.people import Level, Slug
from daemon.site_files.toml_table import TomlFile

FILE: Final = "queues.toml"
Seconds = Annotated[float, msgspec.Meta(ge=0, le=86_400)]


class QueueEntry(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """``[[queues]]``: one queue; durations in seconds, 0 means no limit."""

    slug: Slug
    name: str = ""
    skills: dict[Slug, Level] = {}
    """Skill -> least level; none means every agent."""
    strategy: str = "longest_idle"
    """Name of a rule: longest_idle, most_skilled."""
    priority: Annotated[int, msgspec.Meta(ge=-10, le=10)] = 0
    ring_s: Annotated[float, msgspec.Meta(ge=1, le=600)] = 15.0
    wrap_up_s: Seconds = 20.0
    max_wait_s: Seconds = 0.0
    max_waiting: Annotated[int, msgspec.Meta(ge=0)] = 0
    on_timeout: str = ""
    """Flow for callers who waited too long; empty hangs up."""
    on_full: str = ""
    """Flow for callers who are refused; empty hangs up."""
    last_agent_s: Seconds = 0.0
    """How long a caller is kept for the agent of the last call; 0 switches it off."""
    misses_to_pause: Annotated[int, msgspec.Meta(ge=0)] = 1
    """Offers missed in a row after which an agent is paused; 0 never."""
    music: str = ""
    """Prompt played to waiting callers, from ``prompts/``."""
    service_level_s: Seconds = 20.0
    service_level_target: Annotated[float, msgspec.Meta(ge=0, le=1)] = 0.8
    short_abandon_s: Seconds = 5.0
    record: bool = True
    enabled: bool = True


class QueuesFile(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """All of ``queues.toml``."""

    queues: tuple[QueueEntry, ...] = ()


def read_queues(toml: TomlFile) -> QueuesFile | None:
    """Check and convert; faults stay in ``toml``, None when there are any."""
    found = toml.table((), QueuesFile)
    if found is None or toml.repeated("queues", "slug"):
        return None
    return found
