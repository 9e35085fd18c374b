"""State tables of what people do with calls: consulting, parking, and calls of their own.

The tables say which moves there are; the modules beside this one make them.
"""

from enum import StrEnum
from typing import Final, TypeVar

State = TypeVar("State", bound=StrEnum)
Step = TypeVar("Step", bound=StrEnum)


class ConsultState(StrEnum):
    """Where an attended transfer stands, as the agent hears it."""

    RINGS = "rings"
    """The target's telephone rings; the caller hears music."""
    WITH_TARGET = "with_target"
    """Agent and target talk; the caller hears music."""
    WITH_CALLER = "with_caller"
    """Agent and caller talk; the target hears music."""
    OVER = "over"


class ConsultStep(StrEnum):
    """What moves it on."""

    ANSWER = "answer"
    SWAP = "swap"
    """The agent goes from one to the other (brokering)."""
    COMPLETE = "complete"
    """Caller and target are joined, the agent leaves."""
    JOIN = "join"
    """All three are joined (conference)."""
    CANCEL = "cancel"
    """The agent goes back to the caller, the target leaves."""


_C, _S = ConsultState, ConsultStep

CONSULT_TABLE: Final[dict[tuple[ConsultState, ConsultStep], ConsultState]] = {
    (_C.RINGS, _S.ANSWER): _C.WITH_TARGET,
    (_C.WITH_TARGET, _S.SWAP): _C.WITH_CALLER,
    (_C.WITH_CALLER, _S.SWAP): _C.WITH_TARGET,
    (_C.WITH_TARGET, _S.JOIN): _C.OVER,
    (_C.WITH_CALLER, _S.JOIN): _C.OVER,
    # Nobody need wait for the answer: then the caller hears it ring.
    **{(state, _S.COMPLETE): _C.OVER for state in _C if state is not _C.OVER},
    **{(state, _S.CANCEL): _C.OVER for state in _C if state is not _C.OVER},
}


class ParkState(StrEnum):
    """Where a parked caller stands."""

    RESTS = "rests"
    RETURNS = "returns"
    """Nobody came: the station that parked him rings."""


class ParkStep(StrEnum):
    """What moves him on, as long as nobody has taken him back."""

    DUE = "due"
    UNANSWERED = "unanswered"
    """The station that parked him does not take him either."""


PARK_TABLE: Final[dict[tuple[ParkState, ParkStep], ParkState]] = {
    (ParkState.RESTS, ParkStep.DUE): ParkState.RETURNS,
    (ParkState.RETURNS, ParkStep.UNANSWERED): ParkState.RESTS,
}


class DirectState(StrEnum):
    """Where a call stands that somebody inside began."""

    PHONE_RINGS = "phone_rings"
    """Begun with a click: his own telephone rings first (RFC 3725)."""
    TARGET_RINGS = "target_rings"
    JOINING = "joining"
    """The target has answered; his own telephone is being answered."""
    TALKS = "talks"


class DirectStep(StrEnum):
    """What moves it on."""

    PHONE_ANSWERS = "phone_answers"
    TARGET_ANSWERS = "target_answers"


_D, _P = DirectState, DirectStep

DIRECT_TABLE: Final[dict[tuple[DirectState, DirectStep], DirectState]] = {
    (_D.PHONE_RINGS, _P.PHONE_ANSWERS): _D.TARGET_RINGS,
    (_D.TARGET_RINGS, _P.TARGET_ANSWERS): _D.JOINING,
    (_D.JOINING, _P.PHONE_ANSWERS): _D.TALKS,
}


class IllegalMove(Exception):
    """Two people acted at once, or something is asked that cannot be done now."""

    def __init__(self, state: StrEnum, step: StrEnum) -> None:
        super().__init__(f"what is {state} cannot {step}")
        self.state = state
        self.step = step


def moved(table: dict[tuple[State, Step], State], state: State, step: Step) -> State:
    """The next state; IllegalMove when the table has none."""
    try:
        return table[state, step]
    except KeyError:
        raise IllegalMove(state, step) from None
