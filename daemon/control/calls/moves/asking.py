"""What people ask of a call beside talking, and what that needs of the control process."""

import asyncio
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Protocol

import msgspec

from daemon.config import TelephoneOptions
from daemon.control.calls.call import Call, Leg
from daemon.control.calls.moves.tables import ConsultStep
from drivers.api import LineId, Transfers

if TYPE_CHECKING:
    from daemon.control.calls.life import CallLife


class CallRequest(msgspec.Struct, frozen=True, kw_only=True):
    """Base of what people ask of a call."""


class MoveRequest(CallRequest, frozen=True, kw_only=True):
    """Base of what this package does."""


class ConsultRequest(MoveRequest, frozen=True, kw_only=True):
    """Ring somebody whom the agent asks while the caller waits."""

    to: str
    by: str


class ConsultStepRequest(MoveRequest, frozen=True, kw_only=True):
    """Swap, complete, join or cancel."""

    step: ConsultStep


class ConsultDue(MoveRequest, frozen=True, kw_only=True):
    """Who is asked rang long enough."""

    leg: int


class ParkRequest(MoveRequest, frozen=True, kw_only=True):
    """Let the caller rest in a slot; an empty one means the first that is free."""

    slot: str
    by: str
    """The station that parks him."""


class ParkDue(MoveRequest, frozen=True, kw_only=True):
    """Nobody took the caller back in time."""

    since: float


class GiveLeg(MoveRequest, frozen=True, kw_only=True):
    """End this call, and give whoever is not ``line`` in it to another call.

    ``take`` changes the other call, whose life waits for ``done``; False: it cannot be.
    """

    line: LineId
    """Whose part in the call is over; that of nobody else."""
    to: "CallLife"
    take: Callable[[Leg], None]
    done: "asyncio.Future[bool]"


class Moving(Protocol):
    """The control process as far as moves between calls need it."""

    telephones: TelephoneOptions

    def station_at(self, line: LineId) -> str:
        """The station whose line this is; empty for any other line."""

    def seat_of(self, station: str) -> int:
        """Key of the agent who sits at a station; 0 for nobody."""

    def serves(self, agent: int, queue: int) -> bool:
        """Whether an agent gets calls of a queue."""

    def shares_queue(self, agent: int, station: str) -> bool:
        """Whether an agent and whoever belongs to a station get calls of a common queue."""

    def name_of(self, agent: int, station: str = "") -> str:
        """Login of an agent; the station where there is none."""

    def transfers_at(self, line: LineId) -> Transfers | None:
        """Whom to tell how a transfer goes that the far end of a line asked for."""

    def life_on(self, line: LineId) -> "CallLife | None":
        """The call that a line is part of."""

    def port_left(self, leg: Leg) -> None:
        """Keys heard on the port of a leg are no caller's any more."""

    def lives(self) -> "Iterable[CallLife]":
        """Every call, oldest first."""

    def may_call_outside(self, number: str, station: str) -> bool:
        """Whether a telephone may call a number outside now; counts it when it may."""

    def in_dial_plan(self, number: str) -> bool:
        """Whether a number is one of the hotline's own, in so many digits."""

    def keep_together(self, one: Call, other: Call) -> None:
        """Journal two calls in one record: either both are as they are now, or none."""

    def slot_changed(self, slot: str, *, taken: bool) -> None:
        """Light or darken the lamp of a parking slot."""
