"""What can go wrong with a call flow, as a tree.

FlowError               a flow has faults; ``faults`` lists all of them
├── ConditionError      a condition or a template that cannot be read
└── InputRefused        the session was told something that it did not ask for

Every text is written in English and Chinese side by side; who shows it chooses the language.
"""

from typing import NamedTuple

import msgspec


class Wording(NamedTuple):
    """One text for people in both languages."""

    en: str
    zh: str

    def text(self, language: str) -> str:
        """The text in ``zh``, else in English."""
        return self.zh if language == "zh" else self.en


class FlowFault(msgspec.Struct, frozen=True, order=True):
    """One fault of a flow file: where it is, and what to do about it."""

    file: str
    line: int
    """Counted from 1."""
    node: str
    """Identifier of the node; empty outside of nodes."""
    message: str
    """In English."""
    zh: str
    """The message in Chinese."""

    def text(self, language: str) -> str:
        """Say the fault with its place, in ``zh`` or else in English."""
        where = f"{self.file}:{self.line}: "
        if language == "zh":
            return where + (f"节点 {self.node}：" if self.node else "") + self.zh
        return where + (f"node {self.node}: " if self.node else "") + self.message

    def __str__(self) -> str:
        return self.text("en")


class FlowError(Exception):
    """A flow cannot be used; as a plain string it is English."""

    def __init__(self, en: str, zh: str, faults: tuple[FlowFault, ...] = ()) -> None:
        super().__init__(en)
        self.wording = Wording(en, zh)
        self.faults = faults


class ConditionError(FlowError):
    """A condition or a template cannot be read."""


class InputRefused(FlowError):
    """A session was told something that it did not ask for."""
