"""End the call."""

from ivr.actions import HangUp as End
from ivr.actions import Play
from ivr.inputs import FlowInput, Played
from ivr.node import Ask, Move, Node, Prompt, Talk, node


@node("hang_up")
class HangUp(Node, frozen=True, kw_only=True):
    """Says its prompt, then ends the call."""

    say: tuple[Prompt, ...] = ()

    def enter(self, talk: Talk) -> Move:
        if self.say:
            return Ask((Play(node=talk.node, prompts=talk.say(*self.say)),))
        return Ask((End(node=talk.node),))

    def told(self, talk: Talk, event: FlowInput) -> Move:
        if isinstance(event, Played):
            return Ask((End(node=talk.node),))
        return Node.told(self, talk, event)
