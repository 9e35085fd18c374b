"""Faults of the graph: nodes nobody reaches, and loops that never stop for the caller."""

from collections.abc import Iterable, Iterator, Mapping

from ivr.errors import FlowFault
from ivr.node import Node


def graph_faults(
    nodes: Mapping[str, Node], starts: Iterable[str], lines: Mapping[str, int], file: str
) -> Iterator[FlowFault]:
    """Find every fault of a graph whose targets all exist."""
    for name in nodes.keys() - _reached(nodes, starts):
        en = "no way leads here; lead an exit of another node to it, or remove it"
        zh = "没有路径通向此节点；请让其他节点的出口通向它，或删除它"
        yield FlowFault(file, lines[name], name, en, zh)
    for name in _silent_loops(nodes):
        en = (
            "goes round for ever without asking the caller; "
            "put a node that speaks or asks into the loop"
        )
        zh = "循环中从不询问来电者，会无限循环；请在循环中加入播报或询问的节点"
        yield FlowFault(file, lines[name], name, en, zh)


def _reached(nodes: Mapping[str, Node], starts: Iterable[str]) -> set[str]:
    reached = set(starts)
    todo = list(reached)
    while todo:
        for target in nodes[todo.pop()].exits().values():
            if target and target not in reached:
                reached.add(target)
                todo.append(target)
    return reached


def _silent_loops(nodes: Mapping[str, Node]) -> Iterator[str]:
    """Name the nodes from which nodes that never wait lead back to themselves."""
    silent = {name: node for name, node in nodes.items() if node.silent()}
    for name in silent:
        seen: set[str] = set()
        todo = [target for target in silent[name].exits().values() if target in silent]
        while todo:
            target = todo.pop()
            if target not in seen:
                seen.add(target)
                todo.extend(t for t in silent[target].exits().values() if t in silent)
        if name in seen:
            yield name
