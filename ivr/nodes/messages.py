"""Let somebody hear the messages of a mailbox."""

from ivr.actions import HearMessages, OpenMailbox, Play
from ivr.inputs import FlowInput, MailboxOpened, MailboxRefused, MessagesHeard, Played
from ivr.node import Ask, Leave, Move, Node, NodeId, Prompt, Talk, Template, node


@node("messages")
class Messages(Node, frozen=True, kw_only=True):
    """Says its prompt, opens a mailbox and plays its messages; keys keep, delete and move.

    The station of a mailbox opens it at once, everybody else with number and PIN.
    ``messages_new`` and ``messages_left`` tell how many are unheard, and how many there are.
    """

    next: NodeId
    mailbox: Template = Template("")
    """The mailbox; left out: that of the station that calls, else the caller is asked."""
    refused: NodeId | None = None
    """Taken when it was not opened, ``mailbox_error`` says why; as ``next`` when left out."""
    always_pin: bool = False
    """The station of the mailbox needs its PIN, too."""
    say: tuple[Prompt, ...] = ()

    def exits(self) -> dict[str, str]:
        return {"next": self.next, **({"refused": self.refused} if self.refused else {})}

    def enter(self, talk: Talk) -> Move:
        if self.say:
            return Ask((Play(node=talk.node, prompts=talk.say(*self.say)),))
        return self._open(talk)

    def told(self, talk: Talk, event: FlowInput) -> Move:
        match event:
            case Played():
                return self._open(talk)
            case MailboxOpened(mailbox=mailbox):
                hear = HearMessages(node=talk.node, mailbox=mailbox, language=talk.language)
                return Ask((hear,))
            case MailboxRefused(reason=reason):
                talk.variables["mailbox_error"] = reason
                return Leave("refused" if self.refused else "next")
            case MessagesHeard(new=new, left=left):
                talk.variables["messages_new"] = str(new)
                talk.variables["messages_left"] = str(left)
                return Leave()
            case _:
                return Node.told(self, talk, event)

    def _open(self, talk: Talk) -> Move:
        asked = OpenMailbox(
            node=talk.node,
            mailbox=talk.fill(self.mailbox),
            language=talk.language,
            always_pin=self.always_pin,
        )
        return Ask((asked,))
