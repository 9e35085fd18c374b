"""The parts of ``queues.toml`` about callers who wait: overflow, announcements, call-back.

Defaults are those of ``acd_core.queue_life.options``; a duration of 0 means never or no limit.
"""

from collections.abc import Sequence
from typing import Annotated, Final

import msgspec

from acd_core.queue_life.options import MOST_TARGETS, Announcements, CallbackRules
from daemon.language import pick
from daemon.site_files.people import Slug
from daemon.site_files.toml_lines import Path
from daemon.site_files.toml_table import TomlFile

Seconds = Annotated[float, msgspec.Meta(ge=0, le=86_400)]
SomeSeconds = Annotated[float, msgspec.Meta(ge=1, le=86_400)]
LONGEST_KEPT: Final = 604_800  # s, a week
_SAID: Final = Announcements()
_CALLED: Final = CallbackRules()


class OverflowEntry(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """``[[queues.overflow]]``: when a caller moves to another queue, and to which."""

    to: tuple[Slug, ...]
    """Queues to choose from: the one with the shortest estimated wait is taken."""
    after_s: Seconds = 0.0
    """Wait in this queue after which the caller moves; 0 not by time."""
    when_refused: bool = False
    """Also at once, when this queue refuses the caller: full, closed, too long a wait."""
    when_nobody: bool = False
    """Also at once, when nobody who could serve the caller is logged in."""
    improve_s: Seconds = 0.0
    """By time, only to a queue where the estimated wait is shorter by as much."""


class AnnouncementsEntry(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """``[queues.announcements]``: what callers are told while they wait."""

    first_s: Seconds = _SAID.first_s
    """Wait before the first one."""
    every_s: Seconds = _SAID.every_s
    """From one to the next; 0 only the first."""
    min_gap_s: Seconds = _SAID.min_gap_s
    """Silence between any two."""
    position: bool = _SAID.position
    """Tell the place in the queue; never a higher one than before."""
    on_progress: bool = _SAID.on_progress
    """Also whenever the place became better."""
    most_position: Annotated[int, msgspec.Meta(ge=0, le=10_000)] = _SAID.most_position
    """Higher places are not told; 0 tells all."""
    estimate: bool = _SAID.estimate
    """Tell the estimated wait, while it is good enough to be told."""
    prompt: Annotated[str, msgspec.Meta(max_length=255)] = _SAID.prompt
    """Prompt played each time besides, from ``prompts/``; empty for none."""


class CallbackEntry(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """``[queues.callback]``: how callers may hang up, keep their place, and be called."""

    dial_ahead_s: Seconds = _CALLED.dial_ahead_s
    """A caller is called when the turn is predicted within as many seconds."""
    ring_s: Annotated[float, msgspec.Meta(ge=5, le=600)] = _CALLED.ring_s
    """How long the caller's telephone rings."""
    retry_s: SomeSeconds = _CALLED.retry_s
    """After an attempt in vain: once more, as much later."""
    grace_s: Seconds = _CALLED.grace_s
    """After the last attempt the place is kept for the caller to call in."""
    most_waiting: Annotated[int, msgspec.Meta(ge=1, le=100_000)] = _CALLED.most_waiting
    """More call-backs than these are not taken at a time."""
    longest_s: Annotated[float, msgspec.Meta(ge=60, le=LONGEST_KEPT)] = _CALLED.longest_s
    """A place is kept for as long at most."""


def check_overflow(toml: TomlFile, path: Path, ways: Sequence[OverflowEntry], slug: str) -> None:
    """Note ways of overflow of the queue ``slug`` that lead nowhere or never count."""
    for index, way in enumerate(ways):
        here = (*path, "overflow", index)
        if not way.to or len(way.to) > MOST_TARGETS:
            toml.fault(
                (*here, "to"),
                pick(f"must name 1 to {MOST_TARGETS} queues", f"须给出 1 到 {MOST_TARGETS} 个队列"),
                pick('write: to = ["other-queue"]', '请写：to = ["other-queue"]'),
            )
        if slug in way.to:
            toml.fault(
                (*here, "to"),
                pick(f"{slug!r} is this queue itself", f"{slug!r} 就是本队列"),
                pick("name other queues", "请给出其他队列"),
            )
        if not (way.after_s or way.when_refused or way.when_nobody):
            toml.fault(
                (*here, "after_s"),
                pick(
                    "is missing: nothing ever moves a caller this way",
                    "缺少：没有任何情况会走这条溢出",
                ),
                pick(
                    "set after_s, when_refused or when_nobody",
                    "请设 after_s、when_refused 或 when_nobody",
                ),
            )


def check_announcements(toml: TomlFile, path: Path, rules: AnnouncementsEntry | None) -> None:
    """Note times that contradict each other, and announcements that say nothing."""
    if rules is None:
        return
    here = (*path, "announcements")
    if rules.every_s and rules.every_s < rules.min_gap_s:
        toml.fault(
            (*here, "every_s"),
            pick("is shorter than min_gap_s", "短于 min_gap_s"),
            pick("make min_gap_s smaller", "请减小 min_gap_s"),
        )
    if not (rules.position or rules.estimate or rules.prompt):
        toml.fault(
            here,
            pick("announces nothing", "没有可播报的内容"),
            pick(
                "set position, estimate or prompt, or leave the table out",
                "请设 position、estimate 或 prompt，或删去此表",
            ),
        )
