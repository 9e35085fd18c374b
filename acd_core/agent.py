"""Agents: configuration, states, and the table of what may follow what."""

from enum import StrEnum
from typing import Final

import msgspec

from acd_core.errors import ConfigurationFault, IllegalTransition
from acd_core.ids import AgentId, QueueId, SkillId
from acd_core.skills import check_levels

MOST_CONTACTS: Final = 100  # of a medium at a time


class AgentState(StrEnum):
    """What an agent is doing."""

    LOGGED_OUT = "logged_out"
    READY = "ready"
    RESERVED = "reserved"
    """Chosen for a call; the station does not ring yet."""
    RINGING = "ringing"
    TALKING = "talking"
    ON_HOLD = "on_hold"
    WRAP_UP = "wrap_up"
    PAUSED = "paused"
    BUSY = "busy"
    """On a call that no queue gave, or with as many contacts as he has room for."""
    UNREACHABLE = "unreachable"
    """Logged in, but the station does not answer to us."""


class Medium(StrEnum):
    """What a contact is made of; agents have room for so many of each at a time."""

    CALL = "call"
    CHAT = "chat"
    MAIL = "mail"


class AgentConfig(msgspec.Struct, frozen=True, kw_only=True):
    """Everything the engine knows about one agent before he logs in."""

    agent: AgentId
    name: str = ""
    skills: dict[SkillId, int] = {}
    """Level of each skill, 1 to 10, 10 best."""
    reserve: tuple[SkillId, ...] = ()
    """Skills that he lends only while a queue's service is below its limit."""
    queues: dict[QueueId, int] = {}
    """His own order: calls of a queue with a lower number come first to him, then the rest."""
    only_queues: bool = False
    """He serves no other queues than those."""
    capacity: dict[Medium, int] = {}
    """How many contacts of a medium he has at a time; one call and nothing else by default."""
    interruptible: tuple[Medium, ...] = ()
    """Media in spite of which, while he has some, calls are offered to him."""


def check_agent(agent: AgentConfig) -> None:
    """Raise ConfigurationFault when an agent cannot work as configured."""
    owner = f"agent {agent.agent}"
    if not 0 <= agent.agent < 1 << 63:
        raise ConfigurationFault(f"{owner}: the number is out of range")
    check_levels(agent.skills, owner)
    for medium, most in agent.capacity.items():
        highest = 1 if medium is Medium.CALL else MOST_CONTACTS
        if not 0 <= most <= highest:
            raise ConfigurationFault(f"{owner}: capacity for {medium} must be 0 to {highest}")
    if agent.capacity and not any(agent.capacity.values()):
        raise ConfigurationFault(f"{owner}: capacity leaves room for nothing")
    if Medium.CALL in agent.interruptible:
        raise ConfigurationFault(f"{owner}: nothing is offered beside a call")


class PauseReason(StrEnum):
    """Reasons the engine itself gives; sites add their own texts."""

    LOGIN = "login"
    """Logged in and not ready yet."""
    RONA = "rona"
    """Missed offers: the station rang and nobody answered."""
    DECLINED = "declined"
    """Offers were turned down."""


class AgentStep(StrEnum):
    """What may happen to an agent, as the table sees it."""

    LOG_IN = "log_in"
    LOG_OUT = "log_out"
    GET_READY = "get_ready"
    PAUSE = "pause"
    LOSE_STATION = "lose_station"
    REGAIN_STATION = "regain_station"
    SEIZE = "seize"
    """Another call takes the agent."""
    FREE = "free"
    """That call, or a contact beside others, takes him no more."""
    RESERVE = "reserve"
    RING = "ring"
    GO_BACK = "go_back"
    """The offer ends without a conversation."""
    ANSWER = "answer"
    JOIN = "join"
    """A contact is his that goes beside others: a chat, a mail."""
    HOLD = "hold"
    RETRIEVE = "retrieve"
    END = "end"
    FINISH = "finish"
    """After-call work is done."""


class Rest(StrEnum):
    """A target that depends: where the agent rests when he has no work."""

    REST = "rest"
    """Logged out, unreachable, busy, paused or ready, as his circumstances say."""
    AFTER_CALL = "after_call"
    """Wrap-up when the queue has it, else rest."""
    SAME = "same"
    """No change now; the new circumstance counts at the next rest."""


_S, _T = AgentState, AgentStep
_RESTING: Final = (_S.READY, _S.PAUSED, _S.BUSY, _S.UNREACHABLE)
_OFFERED: Final = (_S.RESERVED, _S.RINGING)
_WORKING: Final = (_S.TALKING, _S.ON_HOLD, _S.WRAP_UP)
_CIRCUMSTANCES: Final = (
    _T.LOG_OUT,
    _T.GET_READY,
    _T.PAUSE,
    _T.LOSE_STATION,
    _T.REGAIN_STATION,
    _T.SEIZE,
    _T.FREE,
)

TABLE: Final[dict[tuple[AgentState, AgentStep], AgentState | Rest]] = {
    (_S.LOGGED_OUT, _T.LOG_IN): Rest.REST,
    **{(state, step): Rest.REST for state in _RESTING for step in _CIRCUMSTANCES},
    **{(state, step): Rest.SAME for state in _WORKING for step in _CIRCUMSTANCES},
    (_S.WRAP_UP, _T.GET_READY): Rest.REST,
    # Whatever takes the agent away while his station rings sends the call back first.
    **{(state, step): Rest.REST for state in _OFFERED for step in _CIRCUMSTANCES},
    **{(state, _T.GET_READY): Rest.SAME for state in _OFFERED},
    **{(state, _T.REGAIN_STATION): Rest.SAME for state in _OFFERED},
    **{(state, _T.FREE): Rest.SAME for state in _OFFERED},
    (_S.READY, _T.RESERVE): _S.RESERVED,
    (_S.RESERVED, _T.RING): _S.RINGING,
    (_S.RINGING, _T.RING): Rest.SAME,
    **{(state, _T.GO_BACK): Rest.REST for state in _OFFERED},
    **{(state, _T.ANSWER): _S.TALKING for state in _OFFERED},
    **{(state, _T.JOIN): Rest.REST for state in _OFFERED},
    (_S.TALKING, _T.HOLD): _S.ON_HOLD,
    (_S.ON_HOLD, _T.RETRIEVE): _S.TALKING,
    (_S.TALKING, _T.END): Rest.AFTER_CALL,
    (_S.ON_HOLD, _T.END): Rest.AFTER_CALL,
    (_S.WRAP_UP, _T.FINISH): Rest.REST,
}


def follow(state: AgentState, step: AgentStep) -> AgentState | Rest:
    """Look a step up in the table; raise IllegalTransition when it cannot happen."""
    try:
        return TABLE[state, step]
    except KeyError:
        raise IllegalTransition(state, step) from None
