"""The flows that calls use: active versions, by name."""

from collections.abc import Iterable
from typing import Protocol

import msgspec

from daemon.control.flows.queue_words import confirmation
from drivers.errors import DriverError
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

CONFIRMS = "1"
"""The key by which somebody whom we call says that he is there."""
CALLED_BACK = """\
version: 1
title: {slug}
languages: [en, zh]
start: confirm
nodes:
  confirm:
    kind: menu
    say: {{en: "{en}", zh: "{zh}"}}
    retries: 2
    timeout_s: 6
    choices:
      - {{key: {key}, next: queue}}
    failed: goodbye
  queue:
    kind: enter_queue
    queue: {slug}
    timed_out: goodbye
  goodbye:
    kind: hang_up
"""
"""The flow of somebody who is called back: answering machines press no key."""


class ActiveFlow(msgspec.Struct, frozen=True):
    """One flow and which version of it is active."""

    flow: Flow
    version: int
    text: str


class FlowSource(Protocol):
    """Where active flows come from."""

    def get(self, name: str, version: int = 0) -> ActiveFlow | None:
        """The active version of a flow, or the one that a call began with."""

    def queue_only(self, slug: str) -> ActiveFlow:
        """The flow of a number that leads straight into a queue."""

    def called_back(self, slug: str) -> ActiveFlow:
        """The flow of somebody who is called back for a queue."""


def flow_named(flows: FlowSource, name: str, version: int = 0) -> ActiveFlow:
    """The flow that a call is in, as its record names it; DriverError when it is gone."""
    kind, _, slug = name.rpartition(":")
    if kind == "callback":
        return flows.called_back(slug)
    active = flows.queue_only(slug) if kind == "queue" else flows.get(slug, version)
    if active is None:
        raise DriverError(f"flow {name!r} is not active; check it with: hookflash flow check")
    return active


class ActiveFlows:
    """Every flow that a call may run."""

    def __init__(self, flows: Iterable[ActiveFlow]) -> None:
        self._flows = {item.flow.name: item for item in flows}
        self._earlier: dict[tuple[str, int], ActiveFlow] = {}
        self._made: dict[str, ActiveFlow] = {}

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
        """A flow that does nothing but enter a queue."""
        name = f"queue:{slug}"
        return self._made.get(name) or self._make(name, QUEUE_ONLY.format(slug=slug))

    def called_back(self, slug: str) -> ActiveFlow:
        """A flow that enters a queue once a person says that he is there."""
        text = CALLED_BACK.format(slug=slug, key=CONFIRMS, **confirmation())
        return self._make(f"callback:{slug}", text)

    def _make(self, name: str, text: str) -> ActiveFlow:
        """Read a flow of ours: once, for YAML is slow."""
        if name not in self._made:
            self._made[name] = ActiveFlow(load_flow(text, name), 0, text)
        return self._made[name]
