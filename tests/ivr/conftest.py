"""Flows written into tests."""

from collections.abc import Callable
from textwrap import dedent, indent

import pytest

from ivr.errors import FlowError, FlowFault
from ivr.flow import Flow, load_flow


@pytest.fixture
def flow_of() -> Callable[..., Flow]:
    """Load a flow from its nodes; the first line of the file's head is fixed."""

    def load(nodes: str, *, start: str = "a", languages: str = "[en]", more: str = "") -> Flow:
        head = f"version: 1\nlanguages: {languages}\nstart: {start}\n{dedent(more)}nodes:\n"
        return load_flow(head + indent(dedent(nodes), "  "), "test.yaml")

    return load


@pytest.fixture
def faults_of() -> Callable[[str], list[FlowFault]]:
    """All faults of a file; empty for a valid one."""

    def faults(text: str | bytes) -> list[FlowFault]:
        try:
            load_flow(dedent(text) if isinstance(text, str) else text, "test.yaml")
        except FlowError as error:
            return list(error.faults)
        return []

    return faults
