"""What the telephones are told, and what they tell: one line of JSON each way."""

from typing import Literal

import msgspec


class Order(msgspec.Struct, frozen=True, kw_only=True):
    """What to do."""

    do: Literal["register", "call", "talk", "hang_up", "state"]
    stations: tuple[str, ...] = ()
    """register: the telephones of agents; each answers at once."""
    calls: int = 0
    rate: float = 100.0
    """call: calls begun in a second; the answer comes when the last one has begun."""
    number: str = ""
    keys: str = ""
    """call: pressed after ``wait_s``; empty: the caller stays until somebody hangs up."""
    wait_s: float = 0.0
    talk_s: float = 0.0
    """talk: agents hang up after that long; 0: they stay."""
    spread: bool = False
    """talk: those who talk already hang up one after the other within ``talk_s``."""


class State(msgspec.Struct, kw_only=True):
    """How it stands."""

    registered: int = 0
    begun: int = 0
    standing: int = 0
    """Callers who were answered and are connected."""
    completed: int = 0
    """Callers whose call came to its end."""
    failed: int = 0
    refusal: str = ""
    """First line of the last answer that was a refusal."""
    talking: int = 0
    """Agents' calls that are connected."""
    rung: int = 0
    repeated: int = 0
    """Messages sent again because nothing was heard."""
    hand_overs_ms: list[float] = []
    """From an agent's BYE until the kernel has the next INVITE for the same telephone."""
