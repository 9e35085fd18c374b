"""Let the caller wait for an agent."""

from typing import Annotated

import msgspec

from ivr.actions import EnterQueue as Enter
from ivr.inputs import Finished, FlowInput, QueueLeft
from ivr.node import Ask, Leave, Move, Node, NodeId, Prompt, Talk, Template, node

ExitKey = Annotated[
    str,
    msgspec.Meta(
        pattern="[0-9*#]",
        description="one of the keys 0-9 * #",
        extra={"zh": "一个按键（0-9 * #）"},
    ),
]
Level = Annotated[int, msgspec.Meta(ge=1, le=10)]


@node("enter_queue")
class EnterQueue(Node, frozen=True, kw_only=True):
    """Hands the call to a queue; the flow goes on when it comes back unanswered."""

    queue: Template
    """Slug of the queue; may hold variables."""
    timed_out: NodeId
    """Waited too long, or the last agent has gone."""
    refused: NodeId | None = None
    """The queue is full or has no agents; as ``timed_out`` when left out."""
    keys: dict[ExitKey, NodeId] = msgspec.field(default_factory=dict)
    """Keys with which the caller leaves the queue, and where they lead."""
    next: NodeId | None = None
    """After the agent hung up and the caller stayed; the call ends when left out."""
    priority: Annotated[int, msgspec.Meta(ge=-100, le=100)] = 0
    skills: dict[str, Level] = msgspec.field(default_factory=dict)
    last_agent_s: Annotated[float, msgspec.Meta(ge=0, le=3600)] = 0.0
    """How long to wait for the agent who served this caller last."""
    waiting: tuple[Prompt, ...] = ()
    repeat_s: Annotated[float, msgspec.Meta(ge=5, le=3600)] = 30.0

    def exits(self) -> dict[str, str]:
        return {
            "timed_out": self.timed_out,
            **({"refused": self.refused} if self.refused else {}),
            **{f"key {key}": target for key, target in self.keys.items()},
            "next": self.next or "",
        }

    def enter(self, talk: Talk) -> Move:
        enter = Enter(
            node=talk.node,
            queue=talk.fill(self.queue),
            priority=self.priority,
            skills=self.skills,
            last_agent_s=self.last_agent_s,
            exit_keys="".join(self.keys),
            waiting=talk.say(*self.waiting),
            repeat_s=self.repeat_s,
        )
        return Ask((enter,))

    def told(self, talk: Talk, event: FlowInput) -> Move:
        if isinstance(event, Finished):
            return Leave()
        if not isinstance(event, QueueLeft):
            return Node.told(self, talk, event)
        if event.reason == "key" and event.key in self.keys:
            return Leave(f"key {event.key}")
        return Leave("refused" if self.refused and event.reason == "refused" else "timed_out")
