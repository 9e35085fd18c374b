"""The flows that calls use: active versions, by name."""

from collections.abc import Iterable

import msgspec

from ivr.flow import Flow, load_flow

QUEUE_ONLY = """\
version: 1
title: {slug}
languages: [en, zh]
start: queue
nodes:
  queue:
    kind: enter_queue
    queue: {slug}
    timed_out: goodbye
  goodbye:
    kind: hang_up
"""
"""The flow of a number that leads straight into a queue."""


class ActiveFlow(msgspec.Struct, frozen=True):
    """One flow and which version of it is active."""

    flow: Flow
    version: int
    text: str


class ActiveFlows:
    """Every flow that a call may run."""

    def __init__(self, flows: Iterable[ActiveFlow]) -> None:
        self._flows = {item.flow.name: item for item in flows}
        self._earlier: dict[tuple[str, int], ActiveFlow] = {}
        self._queue_only: dict[str, ActiveFlow] = {}

    def get(self, name: str, version: int = 0) -> ActiveFlow | None:
        """The active version of a flow, or the one that a call began with; None without it."""
        if version:
            return self._earlier.get((name, version)) or self._flows.get(name)
        return self._flows.get(name)

    def keep(self, flow: ActiveFlow) -> None:
        """Keep an earlier version for the calls that began with it."""
        self._earlier[flow.flow.name, flow.version] = flow

    def names(self) -> list[str]:
        """Names of all active flows, sorted."""
        return sorted(self._flows)

    def queue_only(self, slug: str) -> ActiveFlow:
        """A flow that does nothing but enter a queue; made once, YAML is slow to read."""
        if slug not in self._queue_only:
            text = QUEUE_ONLY.format(slug=slug)
            self._queue_only[slug] = ActiveFlow(load_flow(text, f"queue:{slug}"), 0, text)
        return self._queue_only[slug]
