"""Go different ways, as conditions on variables say."""

import msgspec

from ivr.node import Condition, Leave, Move, Node, NodeId, Talk, node
from ivr.variables import compile_condition


class Case(msgspec.Struct, frozen=True, kw_only=True, rename={"when": "if"}):
    """One way and its condition."""

    when: Condition
    next: NodeId


@node("branch")
class Branch(Node, frozen=True, kw_only=True):
    """Takes the first case that is true, else ``otherwise``."""

    cases: tuple[Case, ...]
    otherwise: NodeId

    def exits(self) -> dict[str, str]:
        ways: dict[str, str] = {
            f"case {place}": case.next for place, case in enumerate(self.cases, 1)
        }
        return {**ways, "otherwise": self.otherwise}

    def enter(self, talk: Talk) -> Move:
        for place, case in enumerate(self.cases, 1):
            if compile_condition(case.when)(talk.variables):
                return Leave(f"case {place}")
        return Leave("otherwise")

    def silent(self) -> bool:
        return True
