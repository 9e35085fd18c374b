"""Connect the caller with a number or a station."""

from typing import Annotated

import msgspec

from ivr.actions import Play
from ivr.actions import Transfer as Connect
from ivr.inputs import Finished, FlowInput, Played, TransferFailed
from ivr.node import Ask, Leave, Move, Node, NodeId, Prompt, Talk, Template, node


@node("transfer")
class Transfer(Node, frozen=True, kw_only=True):
    """Says its prompt and dials; ``failed`` when nobody takes the call."""

    to: Template
    failed: NodeId
    next: NodeId | None = None
    """After the other side hung up and the caller stayed; the call ends when left out."""
    say: tuple[Prompt, ...] = ()
    timeout_s: Annotated[float, msgspec.Meta(ge=1, le=300)] = 30.0

    def exits(self) -> dict[str, str]:
        return {"next": self.next or "", "failed": self.failed}

    def enter(self, talk: Talk) -> Move:
        if self.say:
            return Ask((Play(node=talk.node, prompts=talk.say(*self.say)),))
        return self._connect(talk)

    def told(self, talk: Talk, event: FlowInput) -> Move:
        if isinstance(event, Played):
            return self._connect(talk)
        if isinstance(event, TransferFailed):
            return Leave("failed")
        return Leave() if isinstance(event, Finished) else Node.told(self, talk, event)

    def _connect(self, talk: Talk) -> Move:
        connect = Connect(node=talk.node, to=talk.fill(self.to), timeout_s=self.timeout_s)
        return Ask((connect,))
