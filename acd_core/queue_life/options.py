"""What a queue does for callers who wait, beside finding an agent; durations in seconds."""

from enum import StrEnum
from typing import Final

import msgspec

from acd_core.errors import ConfigurationFault
from acd_core.ids import QueueId

MOST_OVERFLOWS: Final = 10
MOST_TARGETS: Final = 32


class Closing(StrEnum):
    """What becomes of callers who wait when the opening hours end."""

    SERVE = "serve"
    """They are served; only new ones are refused."""
    LEAVE = "leave"
    """They leave, as those do who waited too long."""


class Overflow(msgspec.Struct, frozen=True, kw_only=True):
    """When a caller moves to another queue, and to which: the one with the shortest wait."""

    to: tuple[QueueId, ...]
    """Queues to choose from; one that he has been in already is left out."""
    after_s: float | None = None
    """Wait in this queue after which he moves; None not by time."""
    when_refused: bool = False
    """Also at once, when this queue refuses him (full, too long a wait, closed ...)."""
    when_nobody: bool = False
    """Also at once, when nobody who could serve him is logged in."""
    improve_s: float = 0.0
    """By time, he moves only if his estimated wait is shorter there by as much."""


class Announcements(msgspec.Struct, frozen=True, kw_only=True):
    """What callers are told while they wait."""

    first_s: float = 10.0
    """Wait before the first one."""
    every_s: float = 60.0
    """From one to the next; 0 only the first."""
    min_gap_s: float = 15.0
    """Silence between any two, also when a place becomes better."""
    position: bool = True
    """Tell the place in the queue; never a higher one than before."""
    on_progress: bool = False
    """Also whenever the place became better."""
    most_position: int = 0
    """Higher places are not told; 0 tells all."""
    estimate: bool = True
    """Tell the estimated wait, while it is good enough to be told."""
    prompt: str = ""
    """Prompt played each time besides, from the site's prompts; empty for none."""


class CallbackRules(msgspec.Struct, frozen=True, kw_only=True):
    """How a caller may hang up, keep his place, and be called when his turn comes."""

    dial_ahead_s: float = 30.0
    """He is called when his turn is predicted within as many seconds."""
    ring_s: float = 30.0
    """How long his telephone rings."""
    retry_s: float = 300.0
    """After an attempt in vain: once more, as much later."""
    grace_s: float = 600.0
    """After the last attempt his place is kept for him to call in himself."""
    most_waiting: int = 100
    """More call-backs than these are not taken at a time."""
    longest_s: float = 14_400.0
    """A place is kept for as long at most."""


def check_overflow(overflow: tuple[Overflow, ...], owner: str) -> None:
    """Raise ConfigurationFault when a way of overflow cannot work."""
    for way in overflow:
        if not way.to or len(way.to) > MOST_TARGETS:
            raise ConfigurationFault(f"{owner}: an overflow needs 1 to {MOST_TARGETS} queues")
        if way.after_s is None and not way.when_refused and not way.when_nobody:
            raise ConfigurationFault(f"{owner}: an overflow needs a time or an occasion")
        if way.after_s is not None and not 0 < way.after_s < float("inf"):
            raise ConfigurationFault(f"{owner}: an overflow's after_s must be above 0")
        if not 0 <= way.improve_s < float("inf"):
            raise ConfigurationFault(f"{owner}: an overflow's improve_s must not be below 0")


def check_announcements(rules: Announcements, owner: str) -> None:
    """Raise ConfigurationFault for times that are out of range."""
    for name in ("first_s", "every_s", "min_gap_s"):
        if not 0 <= getattr(rules, name) < float("inf"):
            raise ConfigurationFault(f"{owner}: announcements' {name} must not be below 0")
    if rules.every_s and rules.every_s < rules.min_gap_s:
        raise ConfigurationFault(f"{owner}: announcements' every_s is shorter than min_gap_s")
    if rules.most_position < 0:
        raise ConfigurationFault(f"{owner}: announcements' most_position must not be below 0")


def check_callback(rules: CallbackRules, owner: str) -> None:
    """Raise ConfigurationFault for times or counts that are out of range."""
    for name in ("dial_ahead_s", "grace_s"):
        if not 0 <= getattr(rules, name) < float("inf"):
            raise ConfigurationFault(f"{owner}: call-back's {name} must not be below 0")
    for name in ("ring_s", "retry_s", "longest_s"):
        if not 0 < getattr(rules, name) < float("inf"):
            raise ConfigurationFault(f"{owner}: call-back's {name} must be above 0")
    if rules.most_waiting < 1:
        raise ConfigurationFault(f"{owner}: call-back's most_waiting must be 1 or more")
