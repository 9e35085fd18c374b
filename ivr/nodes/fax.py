"""Receive a fax for a mailbox."""

from ivr.actions import Play, ReceiveFax
from ivr.inputs import FaxFailed, FaxReceived, FlowInput, Played
from ivr.node import Ask, Leave, Move, Node, NodeId, Prompt, Talk, Template, node


@node("fax")
class Fax(Node, frozen=True, kw_only=True):
    """Says its prompt, then hears a fax; ``fax_file``, ``fax_pages`` and ``fax_station`` tell."""

    mailbox: Template
    received: NodeId
    failed: NodeId | None = None
    """Taken when the fax did not come through, ``fax_error`` says why; as ``received`` when
    left out. Whole pages that came are kept in any case."""
    say: tuple[Prompt, ...] = ()
    station: Template = Template("")
    """Our identification, shown on the sender's machine: the fax number."""

    def exits(self) -> dict[str, str]:
        return {"received": self.received, **({"failed": self.failed} if self.failed else {})}

    def enter(self, talk: Talk) -> Move:
        if self.say:
            return Ask((Play(node=talk.node, prompts=talk.say(*self.say)),))
        return self._receive(talk)

    def told(self, talk: Talk, event: FlowInput) -> Move:
        if isinstance(event, Played):
            return self._receive(talk)
        if not isinstance(event, FaxReceived | FaxFailed):
            return Node.told(self, talk, event)
        talk.variables["fax_pages"] = str(event.pages)
        talk.variables["fax_file"] = event.file if event.pages else ""
        talk.variables["fax_station"] = event.station
        if isinstance(event, FaxFailed):
            talk.variables["fax_error"] = event.reason
            return Leave("failed" if self.failed else "received")
        return Leave("received")

    def _receive(self, talk: Talk) -> Move:
        mailbox, station = talk.fill(self.mailbox), talk.fill(self.station)
        return Ask((ReceiveFax(node=talk.node, mailbox=mailbox, station=station),))
