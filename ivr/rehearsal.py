"""A flow's own tests: callers in words, where they arrive, and what of the flow they reached."""

from typing import Final

import msgspec

from ivr.actions import (
    EnterQueue,
    FlowAction,
    HangUp,
    MailboxAction,
    Play,
    ReceiveFax,
    RecordMessage,
    Transfer,
)
from ivr.errors import FlowError, InputRefused, Wording
from ivr.flow import Expectation, Flow, FlowTest
from ivr.inputs import (
    KEYS,
    CallerLeft,
    DigitsEntered,
    FaxFailed,
    FaxHeard,
    FaxReceived,
    Finished,
    FlowInput,
    Heard,
    MailboxOpened,
    MailboxRefused,
    MessagesHeard,
    Played,
    QueueLeft,
    Recorded,
    TimedOut,
    TransferFailed,
)
from ivr.interpreter import IvrSession

_KNOWN: Final = (
    "12#, say PHRASE, silence, record SECONDS, fax heard, fax PAGES, fax failed, "
    "mailbox NAME, mailbox refused, messages heard, queue REASON [KEY], finished, transfer failed, "
    "hang up"
)
"""Words of a test's inputs; the first stands for keys."""


class TestResult(msgspec.Struct, frozen=True, kw_only=True):
    """How one test went."""

    name: str
    path: tuple[str, ...]
    failures: tuple[str, ...]
    """In English; empty when the test passed."""
    failures_zh: tuple[str, ...] = ()
    """The same failures in Chinese."""

    def told(self, language: str) -> tuple[str, ...]:
        """The failures in ``zh``, else in English."""
        return self.failures_zh if language == "zh" else self.failures


class Rehearsal(msgspec.Struct, frozen=True, kw_only=True):
    """How all tests of a flow went, and what they reached."""

    flow: str
    results: tuple[TestResult, ...]
    nodes: int
    nodes_reached: int
    exits: int
    exits_reached: int
    missed: tuple[str, ...]
    """Nodes, and exits as ``node -> exit``, that no test reached."""

    @property
    def passed(self) -> bool:
        """Whether every test passed."""
        return not any(result.failures for result in self.results)


def rehearse(flow: Flow) -> Rehearsal:
    """Run every test of a flow."""
    nodes: set[str] = set()
    exits: set[tuple[str, str]] = set()
    results = []
    for test in flow.tests:
        session = IvrSession(flow, test.variables, test.language)
        results.append(_run(session, test))
        nodes.update(session.path)
        exits.update(session.exits)
    every = [(name, way) for name, node in flow.nodes.items() for way in node.exits()]
    missed = [name for name in flow.nodes if name not in nodes]
    missed += [f"{name} -> {way}" for name, way in every if (name, way) not in exits]
    return Rehearsal(
        flow=flow.name,
        results=tuple(results),
        nodes=len(flow.nodes),
        nodes_reached=len(nodes),
        exits=len(every),
        exits_reached=len(exits),
        missed=tuple(missed),
    )


def _run(session: IvrSession, test: FlowTest) -> TestResult:
    failures: list[Wording] = []
    seen: list[FlowAction] = []
    left = False
    try:
        _hear(session, session.start(), seen)
        for place, line in enumerate(test.inputs, 1):
            event = read_input(line, session)
            if session.ended:
                over = Wording(
                    f"input {place} ({line}): the call is already over; remove what follows",
                    f"第 {place} 个输入（{line}）：通话已经结束；请删除其后的输入",
                )
                failures.append(over)
                break
            left = isinstance(event, CallerLeft)
            _hear(session, session.handle(event), seen)
    except (InputRefused, FlowError) as error:
        failures.append(error.wording)
    else:
        failures += _compare(session, test.expect, seen, left=left)
    return TestResult(
        name=test.name,
        path=tuple(session.path),
        failures=tuple(failure.en for failure in failures),
        failures_zh=tuple(failure.zh for failure in failures),
    )


def _hear(session: IvrSession, actions: tuple[FlowAction, ...], seen: list[FlowAction]) -> None:
    """Let the caller listen to everything that is only played."""
    seen.extend(actions)
    while actions and isinstance(actions[-1], Play):
        actions = session.handle(Played())
        seen.extend(actions)


def read_input(line: str, session: IvrSession) -> FlowInput:
    """Read one line of a test's ``inputs``; raise FlowError for words not known."""
    word, _, rest = line.partition(" ")
    if line and all(letter in KEYS for letter in line):
        return DigitsEntered(digits=line)
    if word == "say":
        return _heard(rest, session)
    if word == "record":
        return Recorded(file="messages/test.wav", duration_s=_seconds(rest, line))
    if word == "queue":
        reason, _, key = rest.partition(" ")
        return QueueLeft(reason=reason, key=key)
    fixed: dict[str, FlowInput] = {
        "silence": TimedOut(),
        "finished": Finished(),
        "fax heard": FaxHeard(),
        "fax failed": FaxFailed(reason="test"),
        "mailbox refused": MailboxRefused(reason="wrong"),
        "messages heard": MessagesHeard(),
        "transfer failed": TransferFailed(reason="test"),
        "hang up": CallerLeft(),
    }
    if word == "mailbox" and rest and rest != "refused":
        return MailboxOpened(mailbox=rest)
    if word == "fax" and rest.isdecimal():
        return FaxReceived(file="faxes/test.tif", pages=int(rest))
    if line not in fixed:
        raise FlowError(
            f"input {line!r} is unknown; known are {_KNOWN}",
            f"未知的输入 {line!r}；可选：{_KNOWN}",
        )
    return fixed[line]


def _seconds(text: str, line: str) -> float:
    try:
        return float(text)
    except ValueError:
        raise FlowError(
            f"input {line!r}: record SECONDS is expected", f"输入 {line!r}：应为 record SECONDS"
        ) from None


def _heard(phrase: str, session: IvrSession) -> Heard:
    """What a recogniser with the node's grammar would report."""
    for action in session.pending:
        phrases = getattr(action, "phrases", {})
        if phrase in phrases:
            return Heard(text=phrase, phrase=phrase, value=phrases[phrase], score=1.0)
    return Heard(text=phrase)


def _compare(
    session: IvrSession, expect: Expectation, seen: list[FlowAction], *, left: bool
) -> list[Wording]:
    found = {
        "path": tuple(session.path),
        "queue": next((a.queue for a in reversed(seen) if isinstance(a, EnterQueue)), ""),
        "mailbox": next(
            (
                a.mailbox
                for a in reversed(seen)
                if isinstance(a, RecordMessage | ReceiveFax | MailboxAction)
            ),
            "",
        ),
        "transfer": next((a.to for a in reversed(seen) if isinstance(a, Transfer)), ""),
        "ends": _ending(session, left=left),
    }
    wanted = {name: getattr(expect, name) for name in found}
    failures = [
        Wording(
            f"{name}: expected {_words(wanted[name])}, got {_words(found[name])}",
            f"{name}：应为 {_words(wanted[name])}，实为 {_words(found[name])}",
        )
        for name in found
        if wanted[name] and wanted[name] != found[name]
    ]
    for name, value in expect.variables.items():
        if session.variables.get(name, "") != value:
            got = session.variables.get(name, "")
            failures.append(
                Wording(
                    f"variable {name}: expected {value!r}, got {got!r}",
                    f"变量 {name}：应为 {value!r}，实为 {got!r}",
                )
            )
    return failures


def _ending(session: IvrSession, *, left: bool) -> str:
    if left:
        return "caller_left"
    endings = {EnterQueue: "queue", Transfer: "transfer", HangUp: "hang_up"}
    return endings.get(type(session.pending[-1]), "waiting")


def _words(value: object) -> str:
    return " > ".join(value) if isinstance(value, tuple) else repr(value)
