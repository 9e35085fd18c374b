"""Let the caller wait for an agent."""

from collections.abc import Iterator
from typing import Annotated

import msgspec

from ivr.actions import EnterQueue as Enter
from ivr.errors import Wording
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


class CallbackChoice(msgspec.Struct, frozen=True, kw_only=True):
    """A key with which the caller hangs up without losing his place."""

    key: ExitKey
    next: NodeId
    """Where the flow goes when the place is kept; it should say so and hang up."""
    number: Template = Template("{ani}")
    """Where he is called; without a number the key is answered by a refusal."""


@node("enter_queue")
class EnterQueue(Node, frozen=True, kw_only=True):
    """Hands the call to a queue; the flow goes on when it comes back unanswered."""

    queue: Template
    """Slug of the queue; may hold variables."""
    timed_out: NodeId
    """Waited too long, or the last agent has gone."""
    refused: NodeId | None = None
    """The queue is full or has no agents; as ``timed_out`` when left out."""
    closed: NodeId | None = None
    """Outside its opening hours, or unattended; as ``refused`` when left out."""
    keys: dict[ExitKey, NodeId] = msgspec.field(default_factory=dict)
    """Keys with which the caller leaves the queue, and where they lead."""
    callback: CallbackChoice | None = None
    """Offers a call-back; the queue must take them."""
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
            **({"closed": self.closed} if self.closed else {}),
            **{f"key {key}": target for key, target in self.keys.items()},
            **({"callback": self.callback.next} if self.callback else {}),
            "next": self.next or "",
        }

    def problems(self) -> Iterator[Wording]:
        if self.callback is not None and self.callback.key in self.keys:
            key = self.callback.key
            yield Wording(
                f"callback.key: key {key} leads out of the queue already; choose another one",
                f"callback.key：按键 {key} 已用于离开队列；请另选一个",
            )

    def enter(self, talk: Talk) -> Move:
        offered = self.callback
        enter = Enter(
            node=talk.node,
            queue=talk.fill(self.queue),
            priority=self.priority,
            skills=self.skills,
            last_agent_s=self.last_agent_s,
            exit_keys="".join(self.keys),
            callback_key=offered.key if offered else "",
            callback_number=talk.fill(offered.number) if offered else "",
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
        if event.reason == "callback" and self.callback is not None:
            return Leave("callback")
        if event.reason == "closed" and self.closed:
            return Leave("closed")
        if event.reason in ("refused", "closed") and self.refused:
            return Leave("refused")
        return Leave("timed_out")
