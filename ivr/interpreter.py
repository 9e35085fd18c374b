"""Runs one call through a flow: told what the call answers, it asks for the next thing.

No I/O and no clock: every time-out is control's, told as an input.
"""

from collections.abc import Mapping

from ivr.actions import FlowAction, HangUp, Play, Speech
from ivr.errors import FlowError, InputRefused
from ivr.flow import Flow
from ivr.inputs import CallerLeft, FaxHeard, FlowInput
from ivr.node import Ask, Leave, Move, Prompt
from ivr.variables import fill


class IvrSession:
    """One call in a flow.

    ``variables`` are the flow's own, overlaid with those given; ``language`` among them is
    what the caller hears. An action that is asked for stays asked for until it is answered;
    an input that answers nothing raises InputRefused and changes nothing.
    """

    __slots__ = (
        "ended",
        "exits",
        "flow",
        "node",
        "path",
        "pending",
        "tries",
        "typed",
        "variables",
    )

    def __init__(
        self, flow: Flow, variables: Mapping[str, str] | None = None, language: str = ""
    ) -> None:
        self.flow = flow
        self.variables: dict[str, str] = {**flow.variables, **(variables or {})}
        self.variables["language"] = self._known(language or self.variables.get("language", ""))
        self.path: list[str] = []
        """Nodes visited, in order."""
        self.exits: list[tuple[str, str]] = []
        """Node and exit of each step done."""
        self.pending: tuple[FlowAction, ...] = ()
        """What the flow waits for."""
        self.ended = False
        self.node = ""
        self.tries = 0
        self.typed = ""

    @property
    def language(self) -> str:
        """What the caller hears; an unknown one in the variables counts as the first."""
        return self._known(self.variables.get("language", ""))

    def start(self) -> tuple[FlowAction, ...]:
        """Enter the first node."""
        if self.path:
            name = self.flow.name
            raise InputRefused(f"{name} has already begun", f"{name} 已经开始")
        return self._go(self.flow.start)

    def resume(self, node: str, variables: Mapping[str, str]) -> tuple[FlowAction, ...]:
        """Enter a node again after a restart: what was asked there is asked once more."""
        if node not in self.flow.nodes:
            name = self.flow.name
            raise FlowError(f"{name} has no node {node!r}", f"{name} 没有节点 {node!r}")
        self.variables.update(variables)
        return self._go(node)

    def handle(self, event: FlowInput) -> tuple[FlowAction, ...]:
        """Go on after an answer; the result is what is asked for now."""
        if self.ended or not self.path:
            name, told = self.flow.name, type(event).__name__
            raise InputRefused(f"{name} is not running: {told}", f"{name} 没有在运行：{told}")
        if isinstance(event, CallerLeft):
            self.ended, self.pending = True, ()
            return ()
        if isinstance(event, FaxHeard):
            if not self.flow.fax:
                name = self.flow.name
                raise InputRefused(f"{name} takes no faxes", f"{name} 不接收传真")
            return self._go(self.flow.fax)
        return self._follow(self.flow.nodes[self.node].told(self, event))

    def say(self, *prompts: Prompt) -> tuple[Speech, ...]:
        """Fill in variables and choose the language."""
        language = self.language
        return tuple(
            Speech(file=prompt.file, language=language)
            if prompt.file
            else Speech(text=self.fill(prompt.texts[language]), language=language)
            for prompt in prompts
        )

    def fill(self, template: str) -> str:
        """Fill variables into a template."""
        return fill(template, self.variables, self.language)

    def _known(self, language: str) -> str:
        return language if language in self.flow.languages else self.flow.languages[0]

    def _go(self, node: str) -> tuple[FlowAction, ...]:
        return self._follow(self._enter(node))

    def _enter(self, node: str) -> Move:
        self.node, self.tries = node, 0
        self.path.append(node)
        return self.flow.nodes[node].enter(self)

    def _follow(self, move: Move) -> tuple[FlowAction, ...]:
        """Take exits until a node waits. load_flow refuses loops of nodes that never do."""
        while isinstance(move, Leave):
            self.exits.append((self.node, move.exit))
            target = self.flow.nodes[self.node].exits()[move.exit]
            move = self._enter(target) if target else Ask((HangUp(node=self.node),))
        if not isinstance(move.actions[-1], Play):
            # A question has taken what was typed ahead; nothing else is answered by keys.
            self.typed = ""
        self.pending = move.actions
        self.ended = isinstance(move.actions[-1], HangUp)
        return move.actions
