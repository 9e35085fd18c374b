"""Ask the caller for digits: an order number, an account."""

from collections.abc import Iterator
from typing import Annotated

import msgspec

from ivr.actions import Collect as CollectDigits
from ivr.errors import Wording
from ivr.inputs import DigitsEntered, FlowInput, Heard, TimedOut
from ivr.node import Ask, Leave, Move, Name, Node, NodeId, Prompt, Talk, node
from ivr.nodes.menu import Seconds

Count = Annotated[int, msgspec.Meta(ge=1, le=64)]
EndKey = Annotated[
    str,
    msgspec.Meta(
        pattern="[*#]|none", description="'#', '*' or none", extra={"zh": "'#'、'*' 或 none"}
    ),
]


@node("collect")
class Collect(Node, frozen=True, kw_only=True):
    """Asks for ``min`` to ``max`` digits, at most ``retries`` times more."""

    say: tuple[Prompt, ...]
    into: Name
    """Variable for the digits."""
    next: NodeId
    failed: NodeId
    no_input: tuple[Prompt, ...] = ()
    no_match: tuple[Prompt, ...] = ()
    """Said before the question is asked again after too few or too many digits."""
    min: Count = 1
    max: Count = 20
    end_key: EndKey = "#"
    retries: Annotated[int, msgspec.Meta(ge=0, le=9)] = 2
    timeout_s: Seconds = 6.0
    between_s: Seconds = 4.0

    def exits(self) -> dict[str, str]:
        return {"next": self.next, "failed": self.failed}

    def problems(self) -> Iterator[Wording]:
        if self.min > self.max:
            yield Wording(
                f"min {self.min} is above max {self.max}; lower min or raise max",
                f"min {self.min} 大于 max {self.max}；请减小 min 或增大 max",
            )

    def enter(self, talk: Talk) -> Move:
        # "none" is no key, so it is never found among the keys typed.
        digits, ended, rest = talk.typed.partition(self.end_key)
        if ended or len(digits) >= self.max:
            talk.typed = rest if ended else digits[self.max :]
            return self.told(talk, DigitsEntered(digits=digits[: self.max]))
        return self._ask(talk, ())

    def told(self, talk: Talk, event: FlowInput) -> Move:
        if isinstance(event, TimedOut):
            return self._again(talk, self.no_input)
        if isinstance(event, Heard):
            return self._again(talk, self.no_match)
        if not isinstance(event, DigitsEntered):
            return Node.told(self, talk, event)
        if event.digits.isdecimal() and self.min <= len(event.digits) <= self.max:
            talk.variables[self.into] = event.digits
            return Leave()
        return self._again(talk, self.no_match)

    def _again(self, talk: Talk, first: tuple[Prompt, ...]) -> Move:
        talk.tries, talk.typed = talk.tries + 1, ""
        return Leave("failed") if talk.tries > self.retries else self._ask(talk, first)

    def _ask(self, talk: Talk, first: tuple[Prompt, ...]) -> Move:
        collect = CollectDigits(
            node=talk.node,
            prompts=talk.say(*first, *self.say),
            typed=talk.typed,
            language=talk.language,
            max_digits=self.max,
            end_key="" if self.end_key == "none" else self.end_key,
            first_timeout_s=self.timeout_s,
            between_timeout_s=self.between_s,
        )
        return Ask((collect,))
