"""The parts of one call's life: made when they are first needed, let go while the call rests."""

from typing import TYPE_CHECKING, Final, cast

from daemon.control.audio.attention import Attention
from daemon.control.calls.call import Call
from daemon.control.calls.context import CallContext, CallPart
from daemon.control.calls.conversation import Conversation
from daemon.control.calls.moves.moves import Moves
from daemon.control.calls.offering import Offering
from daemon.control.calls.onward import GoingOnward
from daemon.control.calls.supervising import Supervising
from daemon.control.flows.visits import Visits

if TYPE_CHECKING:
    from daemon.control.calls.life import CallLife

PARTS: Final[dict[str, type[CallPart]]] = {
    "attention": Attention,
    "conversation": Conversation,
    "moves": Moves,
    "offering": Offering,
    "onward": GoingOnward,
    "supervising": Supervising,
    "visits": Visits,
}


class CallParts:
    """Holds the parts of a call: most calls need few of them, and while people talk none."""

    __slots__ = ("__weakref__", "_context", "_made", "call", *PARTS)

    attention: Attention
    conversation: Conversation
    moves: Moves
    offering: Offering
    onward: GoingOnward
    supervising: Supervising
    visits: Visits

    def __init__(self, call: Call, context: CallContext) -> None:
        self.call = call
        self._context = context
        self._made: tuple[str, ...] = ()
        """Names of the parts that are there."""

    def __getattr__(self, name: str) -> CallPart:
        """Make a part that is not there; asked for those that are, nobody comes here."""
        kind = PARTS.get(name)
        if kind is None:
            raise AttributeError(name)
        part = kind(cast("CallLife", self), self._context)
        setattr(self, name, part)
        self._made = (*self._made, name)
        return part

    def let_go(self) -> None:
        """Let go of the parts that know nothing by themselves: they can be made again."""
        kept = []
        for name in self._made:
            part: CallPart = getattr(self, name)
            if part.is_spare:
                delattr(self, name)
            else:
                kept.append(name)
        self._made = tuple(kept)
