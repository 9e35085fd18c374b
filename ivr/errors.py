"""What can go wrong with a call flow, as a tree.

FlowError               a flow has faults; ``faults`` lists all of them
├── ConditionError      a condition or a template that cannot be read
└── InputRefused        the session was told something that it did not ask for
"""

import msgspec


class FlowFault(msgspec.Struct, frozen=True, order=True):
    """One fault of a flow file: where it is, and what to do about it."""

    file: str
    line: int
    """Counted from 1."""
    node: str
    """Identifier of the node; empty outside of nodes."""
    message: str

    def __str__(self) -> str:
        where = f"{self.file}:{self.line}: "
        return where + (f"node {self.node}: " if self.node else "") + self.message


class FlowError(Exception):
    """A flow cannot be used."""

    def __init__(self, message: str, faults: tuple[FlowFault, ...] = ()) -> None:
        super().__init__(message)
        self.faults = faults


class ConditionError(FlowError):
    """A condition or a template cannot be read."""


class InputRefused(FlowError):
    """A session was told something that it did not ask for."""
