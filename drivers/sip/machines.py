"""The four transaction machines of RFC 3261 section 17 with RFC 6026, as tables."""

from enum import Enum, IntEnum, auto
from typing import Final


class State(Enum):
    """Where a transaction stands; not every machine has every state."""

    __hash__ = object.__hash__  # each member is one object; the names need no hashing

    CALLING = auto()
    TRYING = auto()
    PROCEEDING = auto()
    COMPLETED = auto()
    CONFIRMED = auto()
    ACCEPTED = auto()
    """A 2xx passed; the transaction only absorbs repetitions (RFC 6026)."""
    TERMINATED = auto()


class Input(IntEnum):
    """What happens to a transaction: a message in its direction, or one of its timers."""

    REQUEST = auto()
    """The request came again (server)."""
    ACK = auto()
    PROVISIONAL = auto()
    """A 1xx: sent by a server's user, received by a client."""
    SUCCESS = auto()
    FAILURE = auto()
    """A 3xx to 6xx."""
    TIMER_A = auto()
    TIMER_B = auto()
    TIMER_D = auto()
    TIMER_E = auto()
    TIMER_F = auto()
    TIMER_G = auto()
    TIMER_H = auto()
    TIMER_I = auto()
    TIMER_J = auto()
    TIMER_K = auto()
    TIMER_L = auto()
    TIMER_M = auto()


class Action(Enum):
    """What a step does beside changing the state."""

    __hash__ = object.__hash__  # each member is one object; the names need no hashing

    SEND = auto()
    """Send a response and keep it for repetition."""
    REPEAT = auto()
    """Send the kept bytes again."""
    PASS = auto()
    """Hand the message up."""
    ACKNOWLEDGE = auto()
    """Send the ACK of a 3xx to 6xx; the user never sees it (17.1.1.3)."""
    TIME_OUT = auto()
    """Tell that nobody answered."""


Step = tuple[State, tuple[Action, ...], tuple[Input, ...]]
"""Next state, actions, and the timers that start."""


class Machine:
    """One of the four state machines: where it starts, with which timers, and its steps."""

    __slots__ = ("absorbs", "first", "steps", "timers")

    def __init__(
        self,
        first: State,
        timers: tuple[Input, ...],
        steps: dict[tuple[State, Input], Step],
        absorbs: dict[State, Input],
    ) -> None:
        self.first = first
        self.timers = timers
        self.steps = steps
        self.absorbs = absorbs
        """States that only wait for repetitions, and the timer that ends each: what is left of the
        transaction then is a ``Finished``, which does what the table says of that state."""


_S, _I, _A = State, Input, Action

INVITE_SERVER: Final = Machine(
    _S.PROCEEDING,
    (),
    {
        (_S.PROCEEDING, _I.REQUEST): (_S.PROCEEDING, (_A.REPEAT,), ()),
        (_S.PROCEEDING, _I.PROVISIONAL): (_S.PROCEEDING, (_A.SEND,), ()),
        (_S.PROCEEDING, _I.SUCCESS): (_S.ACCEPTED, (_A.SEND,), (_I.TIMER_L,)),
        (_S.PROCEEDING, _I.FAILURE): (_S.COMPLETED, (_A.SEND,), (_I.TIMER_G, _I.TIMER_H)),
        (_S.COMPLETED, _I.REQUEST): (_S.COMPLETED, (_A.REPEAT,), ()),
        (_S.COMPLETED, _I.TIMER_G): (_S.COMPLETED, (_A.REPEAT,), (_I.TIMER_G,)),
        (_S.COMPLETED, _I.TIMER_H): (_S.TERMINATED, (_A.TIME_OUT,), ()),
        (_S.COMPLETED, _I.ACK): (_S.CONFIRMED, (), (_I.TIMER_I,)),
        (_S.CONFIRMED, _I.REQUEST): (_S.CONFIRMED, (), ()),
        (_S.CONFIRMED, _I.ACK): (_S.CONFIRMED, (), ()),
        (_S.CONFIRMED, _I.TIMER_I): (_S.TERMINATED, (), ()),
        # The dialog repeats a 2xx itself, so a repeated INVITE is only absorbed here.
        (_S.ACCEPTED, _I.REQUEST): (_S.ACCEPTED, (), ()),
        (_S.ACCEPTED, _I.TIMER_L): (_S.TERMINATED, (), ()),
    },
    {_S.ACCEPTED: _I.TIMER_L, _S.CONFIRMED: _I.TIMER_I},
)

SERVER: Final = Machine(
    _S.TRYING,
    (),
    {
        (_S.TRYING, _I.REQUEST): (_S.TRYING, (), ()),
        (_S.TRYING, _I.PROVISIONAL): (_S.PROCEEDING, (_A.SEND,), ()),
        (_S.TRYING, _I.SUCCESS): (_S.COMPLETED, (_A.SEND,), (_I.TIMER_J,)),
        (_S.TRYING, _I.FAILURE): (_S.COMPLETED, (_A.SEND,), (_I.TIMER_J,)),
        (_S.PROCEEDING, _I.REQUEST): (_S.PROCEEDING, (_A.REPEAT,), ()),
        (_S.PROCEEDING, _I.PROVISIONAL): (_S.PROCEEDING, (_A.SEND,), ()),
        (_S.PROCEEDING, _I.SUCCESS): (_S.COMPLETED, (_A.SEND,), (_I.TIMER_J,)),
        (_S.PROCEEDING, _I.FAILURE): (_S.COMPLETED, (_A.SEND,), (_I.TIMER_J,)),
        (_S.COMPLETED, _I.REQUEST): (_S.COMPLETED, (_A.REPEAT,), ()),
        (_S.COMPLETED, _I.TIMER_J): (_S.TERMINATED, (), ()),
    },
    {_S.COMPLETED: _I.TIMER_J},
)

INVITE_CLIENT: Final = Machine(
    _S.CALLING,
    (_I.TIMER_A, _I.TIMER_B),
    {
        (_S.CALLING, _I.TIMER_A): (_S.CALLING, (_A.REPEAT,), (_I.TIMER_A,)),
        (_S.CALLING, _I.TIMER_B): (_S.TERMINATED, (_A.TIME_OUT,), ()),
        (_S.CALLING, _I.PROVISIONAL): (_S.PROCEEDING, (_A.PASS,), ()),
        (_S.CALLING, _I.SUCCESS): (_S.ACCEPTED, (_A.PASS,), (_I.TIMER_M,)),
        (_S.CALLING, _I.FAILURE): (_S.COMPLETED, (_A.ACKNOWLEDGE, _A.PASS), (_I.TIMER_D,)),
        (_S.PROCEEDING, _I.PROVISIONAL): (_S.PROCEEDING, (_A.PASS,), ()),
        (_S.PROCEEDING, _I.SUCCESS): (_S.ACCEPTED, (_A.PASS,), (_I.TIMER_M,)),
        (_S.PROCEEDING, _I.FAILURE): (_S.COMPLETED, (_A.ACKNOWLEDGE, _A.PASS), (_I.TIMER_D,)),
        (_S.COMPLETED, _I.FAILURE): (_S.COMPLETED, (_A.ACKNOWLEDGE,), ()),
        (_S.COMPLETED, _I.TIMER_D): (_S.TERMINATED, (), ()),
        (_S.ACCEPTED, _I.SUCCESS): (_S.ACCEPTED, (_A.PASS,), ()),
        (_S.ACCEPTED, _I.TIMER_M): (_S.TERMINATED, (), ()),
    },
    {_S.COMPLETED: _I.TIMER_D},
)

CLIENT: Final = Machine(
    _S.TRYING,
    (_I.TIMER_E, _I.TIMER_F),
    {
        (_S.TRYING, _I.TIMER_E): (_S.TRYING, (_A.REPEAT,), (_I.TIMER_E,)),
        (_S.TRYING, _I.TIMER_F): (_S.TERMINATED, (_A.TIME_OUT,), ()),
        (_S.TRYING, _I.PROVISIONAL): (_S.PROCEEDING, (_A.PASS,), ()),
        (_S.TRYING, _I.SUCCESS): (_S.COMPLETED, (_A.PASS,), (_I.TIMER_K,)),
        (_S.TRYING, _I.FAILURE): (_S.COMPLETED, (_A.PASS,), (_I.TIMER_K,)),
        (_S.PROCEEDING, _I.TIMER_E): (_S.PROCEEDING, (_A.REPEAT,), (_I.TIMER_E,)),
        (_S.PROCEEDING, _I.TIMER_F): (_S.TERMINATED, (_A.TIME_OUT,), ()),
        (_S.PROCEEDING, _I.PROVISIONAL): (_S.PROCEEDING, (_A.PASS,), ()),
        (_S.PROCEEDING, _I.SUCCESS): (_S.COMPLETED, (_A.PASS,), (_I.TIMER_K,)),
        (_S.PROCEEDING, _I.FAILURE): (_S.COMPLETED, (_A.PASS,), (_I.TIMER_K,)),
        (_S.COMPLETED, _I.TIMER_K): (_S.TERMINATED, (), ()),
    },
    {_S.COMPLETED: _I.TIMER_K},
)

CROSSING: Final = frozenset({_I.TIMER_E, _I.TIMER_F})
"""Timers that go on when a 1xx moves TRYING to PROCEEDING (17.1.2.2)."""

REPEATING: Final = frozenset({_I.TIMER_A, _I.TIMER_E, _I.TIMER_G})
"""Timers that send again; they never start on a reliable transport (17.1.1.2, 17.1.2.2, 17.2.1)."""


ABSORBING: Final = frozenset({_I.TIMER_D, _I.TIMER_I, _I.TIMER_J, _I.TIMER_K})
"""Timers that wait for repetitions; 0 s on a reliable transport."""


def delays(t1: float, t4: float) -> dict[Input, float]:
    """Seconds after which each timer runs out the first time (RFC 3261 appendix A, RFC 6026)."""
    return {
        **dict.fromkeys(REPEATING, t1),
        **dict.fromkeys((_I.TIMER_B, _I.TIMER_F, _I.TIMER_H), 64 * t1),
        **dict.fromkeys((_I.TIMER_J, _I.TIMER_L, _I.TIMER_M), 64 * t1),
        **dict.fromkeys((_I.TIMER_I, _I.TIMER_K), t4),
        _I.TIMER_D: max(32.0, 64 * t1),
    }
