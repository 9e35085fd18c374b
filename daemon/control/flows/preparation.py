"""Before the first caller: speak every fixed text once, and ask what can be recognised.

What is missing is said here, with the command that mends it, and not in the middle of a
call. Calls do not wait for it: until a text is in the cache it is spoken when needed.
"""

from collections.abc import Awaitable, Iterator, Sequence
from typing import Any, Final, Protocol

import msgspec
import structlog

from daemon.control.flows.active import ActiveFlow, ActiveFlows
from daemon.control.flows.prompts import Prompts
from daemon.link.errors import LinkError
from ivr.actions import Speech
from ivr.flow import Flow
from ivr.node import Phrases, Prompt
from ivr.nodes.messages import Messages
from ivr.voicemail.words import fixed
from speech.api import Grammar
from speech.client import SpeechClient
from speech.errors import SpeechError

PLEASE_HOLD: Final = "please_hold"
"""Name of the file below ``prompts/`` that callers hear while control is away."""
ABSENT: Final = {
    "en": "Please hold the line. You are still connected.",
    "zh": "请不要挂机，您的电话仍在接通中。",
}

log = structlog.get_logger()


class AbsentMedia(Protocol):
    """The part of the link to media that is told what callers hear while we are away."""

    def say_while_away(self, files: Sequence[str]) -> Awaitable[None]: ...


async def prepare_flows(flows: ActiveFlows, speech: SpeechClient) -> None:
    """Fill the prompt cache and check every grammar; faults are logged, never raised."""
    for name in flows.names():
        active = flows.get(name)
        if active is not None:
            await _prepare(active, speech)


async def prepare_absence(prompts: Prompts, media: AbsentMedia, language: str) -> None:
    """Have media know what to say while we are away: ``prompts/please_hold``, else a text."""
    path = await prompts.path(Speech(file=PLEASE_HOLD)) if prompts.has(PLEASE_HOLD) else ""
    if not path:
        path = await prompts.path(Speech(text=ABSENT[language], language=language))
    if not path:
        return  # said in the log already; a short beep it is
    try:
        await media.say_while_away((path,))
    except LinkError as error:
        log.warning("what is said in our absence is not set", why=str(error))


async def _prepare(active: ActiveFlow, speech: SpeechClient) -> None:
    flow = active.flow
    for language in flow.languages:
        said: set[str] = set()
        for text in fixed_texts(flow, language):
            said.add(text)
            try:
                await speech.prompt(text, language)
            except SpeechError as error:
                log.warning("text cannot be spoken", flow=flow.name, text=text[:60], why=str(error))
                break
        for node, phrases in grammars(flow, language):
            try:
                problems = await speech.check_grammar(Grammar(phrases), language)
            except SpeechError as error:
                log.warning(
                    "menus take keys only", flow=flow.name, language=language, why=str(error)
                )
                break
            for problem in problems:
                log.warning("phrase cannot be heard", flow=flow.name, node=node, why=problem)
        log.info("flow prepared", flow=flow.name, language=language, texts=len(said))


def fixed_texts(flow: Flow, language: str) -> list[str]:
    """Texts of a flow without variables, in the order of its nodes, each once."""
    found = [
        prompt.texts[language]
        for node in flow.nodes.values()
        for prompt in _parts(node, Prompt)
        if prompt.texts.get(language) and "{" not in prompt.texts[language]
    ]
    if any(isinstance(node, Messages) for node in flow.nodes.values()):
        found += [said.text for said in fixed(language)]
    return list(dict.fromkeys(found))


def grammars(flow: Flow, language: str) -> list[tuple[str, dict[str, str]]]:
    """Node and phrases of each question that may be answered by speech."""
    asked = [
        (
            name,
            {text: text for part in _parts(node, Phrases) for text in part.texts.get(language, ())},
        )
        for name, node in flow.nodes.items()
    ]
    return [(name, phrases) for name, phrases in asked if phrases]


def _parts(thing: Any, kind: type[Any]) -> Iterator[Any]:
    """Every value of a kind inside a struct, however deep."""
    if isinstance(thing, kind):
        yield thing
    elif isinstance(thing, msgspec.Struct):
        for field in thing.__struct_fields__:
            yield from _parts(getattr(thing, field), kind)
    elif isinstance(thing, list | tuple):
        for item in thing:
            yield from _parts(item, kind)
