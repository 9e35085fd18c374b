"""What a rule compares agents by, besides idle time and number."""

from enum import IntEnum


class Group(IntEnum):
    """What decided between the best two; a rule names those it compares, in order."""

    SCORE = 1
    """Sum of the levels of the skills that the call needs."""
    IDLE_TIME = 2
    NUMBER = 3
    LEVEL = 4
    """Best level among the skills that the call needs."""
    OCCUPANCY = 5
    """Work as a share of the time at work, in thousandths, over a rolling window."""
    HANDLED = 6
    """Calls answered since log-in, or since the day began."""
    SHARE = 7
    """Calls of the queue answered, in thousandths of the agent's share."""
    TURN = 8
    """Whose turn it is after the agent offered last."""
    LOT = 9
    """A lot drawn."""
