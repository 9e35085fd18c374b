"""Flows: the graph of a call, from a YAML file, with every fault found at once."""

from typing import Annotated, Any, Final

import msgspec

from ivr.document import Mapping, Scalar, Value, parse
from ivr.errors import FlowError, FlowFault, Wording
from ivr.graph import graph_faults
from ivr.node import Name, Node, NodeId, kinds
from ivr.reader import Reader, Unusable

VERSION: Final = 1
LANGUAGES: Final = ("en", "zh")


class Expectation(msgspec.Struct, frozen=True, kw_only=True):
    """What a test demands of a call; keys left out are not compared."""

    path: tuple[str, ...] = ()
    """Every node visited, in order."""
    queue: str = ""
    """The queue entered last."""
    mailbox: str = ""
    transfer: str = ""
    ends: str = ""
    """``queue``, ``transfer``, ``hang_up``, ``caller_left`` or ``waiting``."""
    variables: dict[str, str] = {}


class FlowTest(msgspec.Struct, frozen=True, kw_only=True):
    """One test of a flow: what the caller does, and where he must arrive."""

    name: str
    language: str = ""
    variables: dict[str, str] = {}
    inputs: tuple[str, ...] = ()
    """In order: keys as ``"12#"``, or ``say PHRASE``, ``silence``, ``record SECONDS``,
    ``queue REASON [KEY]``, ``finished``, ``transfer failed``, ``hang up``."""
    expect: Expectation = Expectation()


class Flow(msgspec.Struct, frozen=True, kw_only=True):
    """A valid flow, ready to be run."""

    name: str
    title: str
    languages: tuple[str, ...]
    """The first one is spoken unless the call says otherwise."""
    start: str
    variables: dict[str, str]
    nodes: dict[str, Node]
    lines: dict[str, int]
    """Where each node begins in the file."""
    tests: tuple[FlowTest, ...]
    fax: str = ""
    """The node at which callers go on that are fax machines; empty: nobody listens for them."""


class _Outline(msgspec.Struct, frozen=True, kw_only=True):
    """The keys of a flow file beside its nodes and tests."""

    version: Annotated[int, msgspec.Meta(ge=VERSION, le=VERSION)]
    languages: tuple[str, ...]
    start: NodeId
    title: str = ""
    fax: NodeId | None = None
    variables: dict[Name, str] = {}


def load_flow(text: str | bytes, name: str) -> Flow:
    """Read a flow; ``name`` is the file's name in faults.

    Raises FlowError, whose ``faults`` are all the faults of the file, in line order.
    """
    faults: list[FlowFault] = []
    document = parse(text, name, faults)
    flow = _Builder(name, faults).flow(document) if document is not None else None
    if flow is not None and not faults:
        starts = (flow.start, flow.fax) if flow.fax else (flow.start,)
        faults.extend(graph_faults(flow.nodes, starts, flow.lines, name))
    if faults or flow is None:
        ordered = tuple(sorted(set(faults)))
        count = "1 fault" if len(ordered) == 1 else f"{len(ordered)} faults"
        raise FlowError(
            f"{name}: {count}: {ordered[0]}",
            f"{name}：{len(ordered)} 个错误：{ordered[0].text('zh')}",
            ordered,
        )
    return flow


class _Builder:
    """Turns a document into a flow and notes every fault on the way."""

    def __init__(self, name: str, faults: list[FlowFault]) -> None:
        self._name = name
        self._reader = Reader(name, faults)

    def flow(self, document: Mapping) -> Flow | None:
        """Return the flow; None when its outline cannot be used."""
        self._languages(document)
        outline = self._struct(_Outline, document, skip=frozenset({"nodes", "tests"}))
        nodes = self._nodes(document)
        tests = self._tests(document)
        self._check_targets(document)
        if outline is None:
            return None
        node = nodes.get(outline.fax or "")
        if node is not None and not isinstance(node, kinds()["fax"]):
            en, zh = "fax: a node of kind fax is needed", "fax：需要 kind 为 fax 的节点"
            self._reader.fault(document.key_lines["fax"], en, zh)
        return Flow(
            name=self._name,
            title=outline.title,
            languages=outline.languages,
            start=outline.start,
            variables=outline.variables,
            nodes=nodes,
            lines={name: self._line(document, name) for name in nodes},
            tests=tests,
            fax=outline.fax or "",
        )

    def _struct(self, kind: type[Any], value: Value, *, skip: frozenset[str]) -> Any:
        try:
            return self._reader.struct(kind, value, skip=skip)
        except Unusable:
            return None

    def _languages(self, document: Mapping) -> None:
        """Read the languages first: every text is checked against them."""
        value = document.items.get("languages")
        if value is None:
            return
        try:
            languages = Reader(self._name, []).read(tuple[str, ...], value, "languages")
        except Unusable:
            return
        for language in languages:
            if language not in LANGUAGES:
                known = ", ".join(LANGUAGES)
                self._reader.fault(
                    value.line,
                    f"languages: {language!r} is not one of {known}",
                    f"languages：不支持 {language!r}；可选：{known}",
                )
        if not languages or len(set(languages)) < len(languages):
            en, zh = "languages: name each language once", "languages：每种语言请写一次"
            self._reader.fault(value.line, en, zh)
        self._reader.languages = languages

    def _nodes(self, document: Mapping) -> dict[str, Node]:
        nodes: dict[str, Node] = {}
        value = document.items.get("nodes")
        if not isinstance(value, Mapping) or not value.items:
            line = value.line if value is not None else document.line
            en, zh = "nodes: at least one node is needed", "nodes：至少需要一个节点"
            self._reader.fault(line, en, zh)
            return nodes
        for name, body in value.items.items():
            self._reader.node = name
            node = self._node(body, value.key_lines[name])
            if node is not None:
                nodes[name] = node
        self._reader.node = ""
        return nodes

    def _node(self, body: Value, line: int) -> Node | None:
        kind = body.items.get("kind") if isinstance(body, Mapping) else None
        known = kinds()
        if not isinstance(kind, Scalar) or kind.text not in known:
            what = (
                Wording(f"kind {kind.text!r} is unknown", f"未知的 kind {kind.text!r}")
                if isinstance(kind, Scalar)
                else Wording("kind is missing", "缺少 kind")
            )
            self._reader.fault(
                kind.line if kind else line,
                f"{what.en}; known are {', '.join(known)}",
                f"{what.zh}；可选：{', '.join(known)}",
            )
            return None
        node: Node | None = self._struct(known[kind.text], body, skip=frozenset({"kind"}))
        for problem in node.problems() if node is not None else ():
            self._reader.fault(line, *problem)
        return node

    def _tests(self, document: Mapping) -> tuple[FlowTest, ...]:
        value = document.items.get("tests")
        if value is None:
            return ()
        try:
            tests: tuple[FlowTest, ...] = self._reader.read(tuple[FlowTest, ...], value, "tests")
        except Unusable:
            return ()
        return tests

    def _check_targets(self, document: Mapping) -> None:
        value = document.items.get("nodes")
        names = value.items if isinstance(value, Mapping) else {}
        for node, target, line in self._reader.targets:
            if target not in names:
                self._reader.node = node
                en, zh = f"there is no node {target!r}", f"没有节点 {target!r}"
                self._reader.fault(line, en, zh)
        self._reader.node = ""

    @staticmethod
    def _line(document: Mapping, name: str) -> int:
        nodes = document.items["nodes"]
        return nodes.key_lines[name] if isinstance(nodes, Mapping) else 1
