"""What is kept of each stay of a call in a queue, and of each place kept for a caller."""

from typing import Final

from acd_core.commands import CallbackEnd
from acd_core.events import AcdEvent, CallOffered, Outcome
from acd_core.ids import AgentId, CallId
from acd_core.stats.service_level import Visit

Moment = tuple[float, int]
"""Time and place in the order of events, which decides at equal times."""

StayKey = tuple[CallId, int, int]
"""Call, times it was offered before, times it was moved since."""

ACCEPTED: Final = "accepted"


class Ring:
    """One offer to one agent."""

    __slots__ = ("accepted", "agent", "begun", "ended", "how", "reason")

    def __init__(self, agent: AgentId, begun: Moment) -> None:
        self.agent = agent
        self.begun = begun
        self.accepted: Moment | None = None
        self.ended: Moment | None = None
        self.how = ""
        """``accepted``, or why the offer was withdrawn; empty while it is out."""
        self.reason = ""
        """What the agent said who turned it down."""


class Stay:
    """One stay of a call in one queue, and the conversation that came of it."""

    __slots__ = (
        "agent",
        "answered",
        "ended",
        "entered",
        "holds",
        "left",
        "moved_to",
        "moves",
        "number",
        "offered",
        "outcome",
        "rings",
        "wrap_by",
        "wrapped",
    )

    def __init__(
        self, offered: CallOffered, number: int, entered: Moment, *, moves: int = 0
    ) -> None:
        self.offered = offered
        self.number = number
        """How often the call had been offered to a queue before."""
        self.moves = moves
        """How often the engine moved it on since then."""
        self.moved_to: Stay | None = None
        self.entered = entered
        self.rings: list[Ring] = []
        self.outcome: Outcome | None = None
        self.left: Moment | None = None
        """End of the wait."""
        self.agent: AgentId | None = None
        """Who answered."""
        self.answered: Moment | None = None
        self.holds: list[tuple[Moment, Moment | None]] = []
        self.ended: Moment | None = None
        self.wrapped: Moment | None = None
        self.wrap_by: AcdEvent | None = None
        """What ended the after-call work."""

    @property
    def key(self) -> "StayKey":
        """The same in the recorded day and in one played again."""
        return (self.offered.call, self.number, self.moves)

    @property
    def last(self) -> "Stay":
        """Where the engine moved the call to in the end."""
        stay = self
        while stay.moved_to is not None:
            stay = stay.moved_to
        return stay

    @property
    def wait_s(self) -> float:
        """Wait of this stay; 0 while it lasts."""
        return self.left[0] - self.entered[0] if self.left else 0.0

    def ring(self, agent: AgentId) -> Ring | None:
        """The offer that is out to this agent."""
        for ring in reversed(self.rings):
            if ring.agent == agent and not ring.how:
                return ring
        return None

    def visit(self) -> Visit:
        """The stay as figures count it."""
        held = sum(end[0] - begin[0] for begin, end in self.holds if end)
        talked = self.ended[0] - self.answered[0] - held if self.ended and self.answered else 0.0
        wrapped = self.wrapped[0] - self.ended[0] if self.wrapped and self.ended else 0.0
        return Visit(
            queue=self.offered.queue,
            call=self.offered.call,
            entered=self.entered[0],
            outcome=self.outcome,
            wait_s=self.wait_s,
            talk_s=talked,
            hold_s=held,
            wrap_up_s=wrapped,
            rings=sum(ring.how not in ("", ACCEPTED) for ring in self.rings),
        )


class Dial:
    """One attempt to call somebody back."""

    __slots__ = ("begun", "deadline", "failed")

    def __init__(self, begun: Moment, deadline: float) -> None:
        self.begun = begun
        self.deadline = deadline
        self.failed: Moment | None = None
        """When it was said that he was not reached; the deadline says it too."""


class Keep:
    """The place of a caller who was to be called, and what became of it."""

    __slots__ = ("begun", "by_dial", "cancelled", "dials", "number", "over", "returned", "stay")

    def __init__(self, stay: Stay, number: str, begun: Moment) -> None:
        self.stay = stay
        """In which he took it."""
        self.number = number
        self.begun = begun
        self.dials: list[Dial] = []
        self.returned: Stay | None = None
        """The stay of the call that took the place."""
        self.by_dial = False
        """That call was the answer to an attempt, and not one that he made himself."""
        self.cancelled: Moment | None = None
        self.over: CallbackEnd | None = None

    def ended(self, why: CallbackEnd, stay: Stay | None, moment: Moment) -> None:
        """The place is kept no more; ``stay`` is that of the call that took it."""
        self.over = why
        if why is CallbackEnd.CANCELLED:
            self.cancelled = moment
        elif why is CallbackEnd.SERVED:
            self.returned = stay
            dial = self.dials[-1] if self.dials else None
            self.by_dial = dial is not None and not dial.failed and moment[0] <= dial.deadline
