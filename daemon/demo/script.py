"""What the demo's callers intend, and what callers and agents report."""

import itertools
import random
from collections.abc import Iterator
from enum import StrEnum
from typing import Final, Literal

import msgspec

ChosenBy = Literal["", "key", "speech"]
LineKind = Literal["sip", "board"]
DEPARTMENTS: Final = {"sales": "1", "support": "2", "billing": "3"}
NOBODY_KEY: Final = "4"  # leads to a queue that no agent serves
MESSAGE_KEY: Final = "9"
MAILBOX: Final = "2001"  # as in main.yaml; the exchange lights its lamp
SIP_NUMBER: Final = "5551000"
# Ten calls as they come; what is in the first five is in every demo of five calls.
_MIXTURE: Final = (
    "key", "speech", "board", "message", "key", "speech", "key", "board", "key", "speech",
)  # fmt: skip


class Wish(StrEnum):
    """What a caller wants."""

    TALK = "talk"
    MESSAGE = "message"
    ABANDON = "abandon"


class CallPlan(msgspec.Struct, frozen=True, kw_only=True):
    """One call as its script intends it."""

    number: int
    wish: Wish = Wish.TALK
    line: LineKind = "sip"
    by_speech: bool = False
    """Says the department's name instead of pressing its key."""
    department: str = "sales"
    think_s: float = 1.0
    """Time between the greeting and the choice; patience of those who abandon."""
    talk_s: float = 3.0

    @property
    def ani(self) -> str:
        """The caller's number; it is how the records of a call are found."""
        return f"20255{self.number:05d}"

    @property
    def key(self) -> str:
        """What is pressed in the menu."""
        if self.wish is Wish.MESSAGE:
            return MESSAGE_KEY
        return NOBODY_KEY if self.wish is Wish.ABANDON else DEPARTMENTS[self.department]

    @property
    def outcome(self) -> str:
        """The outcome that the records must show."""
        outcomes = {Wish.TALK: "answered", Wish.MESSAGE: "voicemail", Wish.ABANDON: "abandoned"}
        return outcomes[self.wish]


def agent_hangs_up(ani: str) -> bool:
    """Whether the agent ends this call; both sides know it from the number."""
    return ani[-1:].isdigit() and int(ani[-1:]) % 3 == 0


class CallResult(msgspec.Struct, frozen=True, kw_only=True, tag="call"):
    """What a caller lived through."""

    plan: CallPlan
    outcome: str = "failed"
    """answered, voicemail, abandoned or failed."""
    chosen_by: ChosenBy = ""
    heard: int | None = None
    """Tone pair of the agent that was heard."""
    wait_s: float = 0.0
    error: str = ""


class AgentResult(msgspec.Struct, frozen=True, kw_only=True, tag="agent"):
    """What an agent lived through in one call."""

    agent: int
    ani: str
    heard: int | None = None
    """Tone pair of the caller that was heard."""
    error: str = ""


class Ready(msgspec.Struct, frozen=True, kw_only=True, tag="ready"):
    """A process is ready for calls."""

    detail: str = ""


class Problem(msgspec.Struct, frozen=True, kw_only=True, tag="problem"):
    """A process cannot go on."""

    error: str


Report = CallResult | AgentResult | Ready | Problem


class AgentStation(msgspec.Struct, frozen=True, kw_only=True):
    """An agent's phone."""

    number: int
    login: str
    station: str
    secret: str


class CallersSetup(msgspec.Struct, frozen=True, kw_only=True):
    """The first line that the callers' process reads; plans follow."""

    host: str
    """Address the callers call from; the trunk is known by it."""
    hotline: tuple[str, int]
    device: str
    """The exchange's end of the serial link."""
    board: str
    """Socket of the simulated board."""
    channels: int
    t1: float = 0.5


class AgentsSetup(msgspec.Struct, frozen=True, kw_only=True):
    """The first line that the agents' process reads."""

    host: str
    hotline: tuple[str, int]
    realm: str
    stations: tuple[AgentStation, ...]
    seed: int = 1


def plan_calls(*, calls: int | None, abandon: int, seed: int) -> Iterator[CallPlan]:
    """The calls of a demo in order, endless without ``calls``; ``abandon`` of them give up."""
    chance = random.Random(seed)  # noqa: S311 - a script, not a secret
    number = 0
    abandoning = _spread(abandon, calls) if calls else set()
    kinds = itertools.cycle(_MIXTURE)
    while calls is None or number < calls:
        number += 1
        if number in abandoning:
            yield CallPlan(number=number, wish=Wish.ABANDON, think_s=2.5)
            continue
        yield _plan(number, next(kinds), chance)


def _plan(number: int, kind: str, chance: random.Random) -> CallPlan:
    departments = list(DEPARTMENTS)
    return CallPlan(
        number=number,
        wish=Wish.MESSAGE if kind == "message" else Wish.TALK,
        line="board" if kind == "board" else "sip",
        by_speech=kind == "speech",
        department=chance.choice(departments),
        think_s=round(chance.uniform(0.5, 2.0), 2),
        talk_s=round(chance.uniform(2.0, 4.0), 2),
    )


def _spread(count: int, calls: int) -> set[int]:
    """Numbers of ``count`` calls, evenly over all, the last ones first when all abandon."""
    return {calls - (n * calls) // count for n in range(count)} if count else set()
