"""What can go wrong in the distribution engine, as a tree.

AcdError
├── IdFault             text or number that is no identifier
├── ClockFault          time is not a number, or it runs backwards
├── ConfigurationFault  a queue or an agent that cannot work
├── UnknownAgent        no agent is configured under that key
├── UnknownQueue        no queue is configured under that key
├── UnknownTier         no tier of callers is configured under that key
├── UnknownCall         the call is in no queue and with no agent
├── UnknownRule         no routing rule has that name
├── DuplicateCall       the call is already in a queue or with an agent
├── StationTaken        another agent sits at that station
├── ImageFault          bytes that no engine can be made of
├── ForecastFault       a demand or a goal that nothing can be computed for
└── IllegalTransition   the event cannot happen in this state

An event that raises has changed nothing.
"""


class AcdError(Exception):
    """The distribution engine cannot do what it was told."""


class IdFault(AcdError):
    """A text or a number is not an identifier."""


class ClockFault(AcdError):
    """The time passed in is not a number, or lies before the last one."""


class ConfigurationFault(AcdError):
    """A queue or an agent is configured in a way that cannot work."""


class UnknownAgent(AcdError):
    """No agent is configured under that key."""


class UnknownQueue(AcdError):
    """No queue is configured under that key."""


class UnknownTier(AcdError):
    """No tier of callers is configured under that key."""


class UnknownCall(AcdError):
    """The call is in no queue and with no agent."""


class UnknownRule(AcdError):
    """No routing rule has that name."""


class DuplicateCall(AcdError):
    """The call is already in a queue or with an agent."""


class StationTaken(AcdError):
    """Another agent already sits at that station."""


class ImageFault(AcdError):
    """No engine can be made of an image: it is damaged, or of another version."""


class ForecastFault(AcdError):
    """Nothing can be computed for such a demand, or no number of agents meets the goal."""


class IllegalTransition(AcdError):
    """The event cannot happen in this state."""

    def __init__(self, state: object, event: object, detail: str = "") -> None:
        super().__init__(f"{event} in state {state}" + (f": {detail}" if detail else ""))
        self.state = state
        self.event = event
