"""Tiers of callers: the green channel.

A call of a tier has the tier's priority besides its own. While its limit lasts it waits for the
tier's own agents alone, as long as one of them who meets its demands is at work; then it falls
through to the normal rules, and its wait counts in full.
"""

from collections.abc import Callable
from typing import Any

from acd_core import events as told
from acd_core.call_queue import CallerTier, check_tier
from acd_core.errors import UnknownTier
from acd_core.floor.contact import Contact
from acd_core.floor.lines import Lines
from acd_core.floor.roster import Roster
from acd_core.ids import TierId


class TierEvents:
    """Handles every event about one tier."""

    def __init__(self, roster: Roster, lines: Lines) -> None:
        self._roster = roster
        self._lines = lines

    def handlers(self) -> dict[type[Any], Callable[[Any, float], None]]:
        """Which event goes where."""
        return {
            told.TierConfigured: self._tier_configured,
            told.TierRemoved: self._tier_removed,
        }

    def _tier_configured(self, event: told.TierConfigured, now: float) -> None:
        tier = event.config
        check_tier(tier)
        self._lines.tiers[tier.tier] = tier
        self._change(tier.tier, tier, now)

    def _tier_removed(self, event: told.TierRemoved, now: float) -> None:
        if event.tier not in self._lines.tiers:
            raise UnknownTier(f"tier {event.tier} is not configured")
        del self._lines.tiers[event.tier]
        self._change(event.tier, None, now)

    def _change(self, key: TierId, tier: CallerTier | None, now: float) -> None:
        """Let a change count for the agents of a tier and for its callers who wait."""
        self._roster.set_tier(key, frozenset(tier.agents if tier is not None else ()))
        for queue in self._lines.queues.values():
            changed: list[Contact] = [
                contact for contact in queue.calls.values() if contact.event.tier == key
            ]
            for contact in changed:
                self._lines.change_tier(contact, tier, now)
            if changed and queue.lively:
                self._lines.life.configure(queue, now)
        for place in self._lines.life.callbacks.places.values():
            # They are sorted anew before the next one is called.
            if place.contact.event.tier == key:
                place.contact.tier = tier
