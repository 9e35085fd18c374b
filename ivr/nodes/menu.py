"""Ask the caller to choose, by key or by speech."""

from collections import Counter
from collections.abc import Iterator
from typing import Annotated

import msgspec

from ivr.actions import Collect
from ivr.errors import Wording
from ivr.inputs import DigitsEntered, FlowInput, Heard, TimedOut
from ivr.node import Ask, Leave, Move, Name, Node, NodeId, Phrases, Prompt, Talk, node

Key = Annotated[
    str,
    msgspec.Meta(
        pattern="[0-9*#]{1,4}",
        description="one to four of the keys 0-9 * #",
        extra={"zh": "一到四个按键（0-9 * #）"},
    ),
]
Seconds = Annotated[float, msgspec.Meta(ge=0.5, le=120)]


class Choice(msgspec.Struct, frozen=True, kw_only=True):
    """One choice: its key, what may be said instead, and where it leads."""

    key: Key
    next: NodeId
    phrases: Phrases = Phrases()
    value: str = ""
    """What ``into`` becomes; the key when left out."""


@node("menu")
class Menu(Node, frozen=True, kw_only=True):
    """Asks until one choice is made, at most ``retries`` times more, then takes ``failed``."""

    say: tuple[Prompt, ...]
    choices: tuple[Choice, ...]
    failed: NodeId
    """Taken when nothing usable came in the end."""
    no_input: tuple[Prompt, ...] = ()
    """Said before the question is asked again after silence."""
    no_match: tuple[Prompt, ...] = ()
    """Said before the question is asked again after a wrong key or words not known."""
    retries: Annotated[int, msgspec.Meta(ge=0, le=9)] = 2
    timeout_s: Seconds = 5.0
    between_s: Seconds = 2.0
    barge_in: bool = True
    into: Name | None = None
    """Variable for the choice made."""

    def exits(self) -> dict[str, str]:
        ways: dict[str, str] = {choice.key: choice.next for choice in self.choices}
        return {**ways, "failed": self.failed}

    def problems(self) -> Iterator[Wording]:
        if not self.choices:
            yield Wording("choices: at least one is needed", "choices：至少需要一个选项")
        for key, count in Counter(choice.key for choice in self.choices).items():
            if count > 1:
                yield Wording(
                    f"choices: key {key} is given {count} times; give each choice its own",
                    f"choices：按键 {key} 出现 {count} 次；请给每个选项不同的按键",
                )
        spoken = Counter(
            (language, phrase)
            for choice in self.choices
            for language, phrases in choice.phrases.texts.items()
            for phrase in phrases
        )
        for (language, phrase), count in spoken.items():
            if count > 1:
                yield Wording(
                    f"choices: {phrase!r} ({language}) is given {count} times; keep one",
                    f"choices：{phrase!r}（{language}）出现 {count} 次；请只保留一个",
                )

    def enter(self, talk: Talk) -> Move:
        longest = max(len(choice.key) for choice in self.choices)
        if len(talk.typed) >= longest:
            chosen, talk.typed = talk.typed[:longest], talk.typed[longest:]
            return self.told(talk, DigitsEntered(digits=chosen))
        return self._ask(talk, ())

    def told(self, talk: Talk, event: FlowInput) -> Move:
        if isinstance(event, TimedOut):
            return self._again(talk, self.no_input)
        if isinstance(event, DigitsEntered):
            chosen = event.digits
        elif isinstance(event, Heard):
            chosen = event.value
        else:
            return Node.told(self, talk, event)
        for choice in self.choices:
            if choice.key == chosen:
                if self.into:
                    talk.variables[self.into] = choice.value or choice.key
                return Leave(choice.key)
        return self._again(talk, self.no_match)

    def _again(self, talk: Talk, first: tuple[Prompt, ...]) -> Move:
        talk.tries, talk.typed = talk.tries + 1, ""
        return Leave("failed") if talk.tries > self.retries else self._ask(talk, first)

    def _ask(self, talk: Talk, first: tuple[Prompt, ...]) -> Move:
        phrases = {
            phrase: choice.key
            for choice in self.choices
            for phrase in choice.phrases.texts.get(talk.language, ())
        }
        collect = Collect(
            node=talk.node,
            prompts=talk.say(*first, *self.say),
            typed=talk.typed,
            language=talk.language,
            max_digits=max(len(choice.key) for choice in self.choices),
            phrases=phrases,
            first_timeout_s=self.timeout_s,
            between_timeout_s=self.between_s,
            barge_in=self.barge_in,
        )
        return Ask((collect,))
