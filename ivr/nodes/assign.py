"""Set variables; ``language`` is one of them and changes what is spoken from now on."""

from ivr.node import Leave, Move, Name, Node, NodeId, Talk, Template, node


@node("assign")
class Assign(Node, frozen=True, kw_only=True):
    """Fills templates into variables, in the order written."""

    set: dict[Name, Template]
    next: NodeId

    def exits(self) -> dict[str, str]:
        return {"next": self.next}

    def enter(self, talk: Talk) -> Move:
        for name, template in self.set.items():
            talk.variables[name] = talk.fill(template)
        return Leave()

    def silent(self) -> bool:
        return True
