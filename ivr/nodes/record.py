"""Record a message for a mailbox."""

from typing import Annotated

import msgspec

from ivr.actions import Play, RecordMessage
from ivr.inputs import FlowInput, Played, Recorded
from ivr.node import Ask, Leave, Move, Node, NodeId, Prompt, Talk, Template, node


@node("record")
class Record(Node, frozen=True, kw_only=True):
    """Says its prompt, then records; ``recording`` and ``recording_s`` tell of the message."""

    mailbox: Template
    next: NodeId
    say: tuple[Prompt, ...] = ()
    empty: NodeId | None = None
    """Taken when the message is shorter than ``min_s``; as ``next`` when left out."""
    min_s: Annotated[float, msgspec.Meta(ge=0, le=60)] = 1.0
    max_s: Annotated[float, msgspec.Meta(ge=1, le=3600)] = 120.0
    silence_s: Annotated[float, msgspec.Meta(ge=0.5, le=60)] = 4.0
    beep: bool = True

    def exits(self) -> dict[str, str]:
        return {"next": self.next, **({"empty": self.empty} if self.empty else {})}

    def enter(self, talk: Talk) -> Move:
        if self.say:
            return Ask((Play(node=talk.node, prompts=talk.say(*self.say)),))
        return self._record(talk)

    def told(self, talk: Talk, event: FlowInput) -> Move:
        if isinstance(event, Played):
            return self._record(talk)
        if not isinstance(event, Recorded):
            return Node.told(self, talk, event)
        talk.variables["recording"] = event.file
        talk.variables["recording_s"] = f"{event.duration_s:.1f}"
        return Leave("empty" if self.empty and event.duration_s < self.min_s else "next")

    def _record(self, talk: Talk) -> Move:
        record = RecordMessage(
            node=talk.node,
            mailbox=talk.fill(self.mailbox),
            beep=self.beep,
            max_s=self.max_s,
            silence_s=self.silence_s,
        )
        return Ask((record,))
