"""One step of a flow: what every kind of node has, and how kinds are found.

A kind is one file in ``ivr/nodes/``: a struct decorated with ``@node("kind")``. Its fields are
the keys in the flow file; its methods say what it asks of the call and which exit it takes.
"""

import importlib
import pkgutil
from collections.abc import Callable, Iterator
from typing import ClassVar, NewType, Protocol, TypeVar

import msgspec

import ivr.nodes
from ivr.actions import FlowAction, Speech
from ivr.errors import InputRefused, Wording
from ivr.inputs import FlowInput

NodeId = NewType("NodeId", str)
"""Where an exit leads; a field of this type must name a node of the flow."""
Template = NewType("Template", str)
"""Text with variables in braces, as ``{ani}`` or ``{order:digits}``."""
Name = NewType("Name", str)
"""A variable's name: small letters, digits and underscores."""
Condition = NewType("Condition", str)
"""An expression of ``ivr.variables``."""


class Prompt(msgspec.Struct, frozen=True):
    """What the caller hears: a text in each language of the flow, or an uploaded file."""

    texts: dict[str, str] = {}
    file: str = ""


class Phrases(msgspec.Struct, frozen=True):
    """What a caller may say for one choice, in each language of the flow."""

    texts: dict[str, tuple[str, ...]] = {}


class Ask(msgspec.Struct, frozen=True):
    """The node waits until the call answers these."""

    actions: tuple[FlowAction, ...]


class Leave(msgspec.Struct, frozen=True):
    """The node is done; the flow goes on through this exit, or ends when it leads nowhere."""

    exit: str = "next"


Move = Ask | Leave


class Talk(Protocol):
    """What a node sees of the running call."""

    node: str
    """Identifier of the node itself."""
    variables: dict[str, str]
    tries: int
    """Failed attempts since the node was entered; the node counts."""

    typed: str
    """Keys pressed before a question was asked; the next question takes them."""

    @property
    def language(self) -> str:
        """Language the caller hears now."""

    def say(self, *prompts: Prompt) -> tuple[Speech, ...]:
        """Fill in variables and choose the language."""

    def fill(self, template: str) -> str:
        """Fill variables into a template."""


class Node(msgspec.Struct, frozen=True, kw_only=True):
    """Base of all kinds."""

    kind: ClassVar[str] = ""

    def exits(self) -> dict[str, str]:
        """Name each exit with its target; an empty target ends the flow."""
        return {}

    def problems(self) -> Iterator[Wording]:
        """Say what no field alone shows to be wrong."""
        yield from ()

    def enter(self, talk: Talk) -> Move:
        """Begin the step; a kind that asks for nothing goes on at once."""
        return Leave()

    def told(self, talk: Talk, event: FlowInput) -> Move:
        """Go on after an answer; raise InputRefused for one that was not asked for."""
        told = type(event).__name__
        raise InputRefused(
            f"node {talk.node} ({self.kind}) was told {told}, for which it did not ask",
            f"节点 {talk.node}（{self.kind}）收到 {told}，但它没有要求此输入",
        )

    def silent(self) -> bool:
        """Whether the step never waits for the caller."""
        return False


Kind = TypeVar("Kind", bound=type[Node])
_kinds: dict[str, type[Node]] = {}


def node(kind: str) -> Callable[[Kind], Kind]:
    """Register the decorated struct as the nodes of ``kind``."""

    def keep(struct: Kind) -> Kind:
        struct.kind = kind
        _kinds[kind] = struct
        return struct

    return keep


def kinds() -> dict[str, type[Node]]:
    """Return every kind by name, in alphabetical order; loads ``ivr/nodes/`` once."""
    for name in _module_names():
        importlib.import_module(f"ivr.nodes.{name}")
    return dict(sorted(_kinds.items()))


def _module_names() -> Iterator[str]:
    for module in pkgutil.iter_modules(ivr.nodes.__path__):
        yield module.name
