"""What is told of call-backs: they are taken, fail, and are given up."""

from collections.abc import Callable
from typing import Any, Final

from acd_core import events as told
from acd_core.commands import CallbackEnd
from acd_core.commands import WithdrawReason as Why
from acd_core.errors import IllegalTransition
from acd_core.events import Outcome
from acd_core.floor.contact import ContactStep
from acd_core.floor.lines import Lines
from acd_core.floor.offers import Offers
from acd_core.queue_life.kept_place import PlaceState

_CALL_STEP_LEAVE: Final = ContactStep.LEAVE


class CallbackEvents:
    """Handles every event about one kept place."""

    def __init__(self, lines: Lines, offers: Offers) -> None:
        self._lines = lines
        self._offers = offers
        self._callbacks = lines.life.callbacks

    def handlers(self) -> dict[type[Any], Callable[[Any, float], None]]:
        """Which event goes where."""
        return {
            told.CallbackTaken: self._callback_taken,
            told.CallbackFailed: self._callback_failed,
            told.CallbackCancelled: self._callback_cancelled,
        }

    def _callback_taken(self, event: told.CallbackTaken, now: float) -> None:
        contact = self._lines.calls.find(event.call)
        contact.next_state(_CALL_STEP_LEAVE)
        self._callbacks.check(contact, event.number)
        self._offers.drop(contact, Outcome.CALLBACK_TAKEN, Why.CALL_WITHDRAWN, now)
        self._callbacks.keep(contact, event.number, now)

    def _callback_failed(self, event: told.CallbackFailed, now: float) -> None:
        place = self._callbacks.find(event.call)
        if place.state is not PlaceState.DIALLED:
            raise IllegalTransition(place.state, "CallbackFailed", f"call {event.call}")
        self._callbacks.failed(place, now)

    def _callback_cancelled(self, event: told.CallbackCancelled, _now: float) -> None:
        self._callbacks.end(self._callbacks.find(event.call), CallbackEnd.CANCELLED)
