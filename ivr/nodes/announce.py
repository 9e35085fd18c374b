"""Say something and go on."""

from ivr.actions import Play
from ivr.inputs import DigitsEntered, FlowInput, Played
from ivr.node import Ask, Leave, Move, Node, NodeId, Prompt, Talk, node


@node("announce")
class Announce(Node, frozen=True, kw_only=True):
    """Plays prompts; with ``barge_in`` a key goes on at once and answers the next question."""

    say: tuple[Prompt, ...]
    next: NodeId
    barge_in: bool = False

    def exits(self) -> dict[str, str]:
        return {"next": self.next}

    def enter(self, talk: Talk) -> Move:
        return Ask((Play(node=talk.node, prompts=talk.say(*self.say), barge_in=self.barge_in),))

    def told(self, talk: Talk, event: FlowInput) -> Move:
        if isinstance(event, Played):
            return Leave()
        if self.barge_in and isinstance(event, DigitsEntered):
            talk.typed += event.digits
            return Leave()
        return Node.told(self, talk, event)
