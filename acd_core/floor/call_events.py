"""What is told of calls: they come, are offered, answered, held, and end."""

from collections.abc import Callable
from math import inf
from typing import Any, Final

from acd_core import events as told
from acd_core.agent import AgentStep, Medium, PauseReason
from acd_core.call_queue import HIGHEST_PRIORITY
from acd_core.commands import WithdrawReason as Why
from acd_core.errors import AcdError, IllegalTransition
from acd_core.events import Outcome, Preference
from acd_core.floor.contact import WITH_AGENT, Contact, ContactState, ContactStep
from acd_core.floor.lines import Lines
from acd_core.floor.offers import Offers
from acd_core.floor.records import AgentRecord
from acd_core.floor.roster import Roster
from acd_core.ids import CallId

MOST_CREDIT_S: Final = 315_360_000.0  # ten years; reasons tell it in milliseconds

# Members by names of their own: Python 3.11 finds Kind.MEMBER ten times as slowly.
_CALL_ACCEPTED: Final = ContactState.ACCEPTED
_CALL_OFFERED: Final = ContactState.OFFERED
_CALL_STEP_ANSWER: Final = ContactStep.ANSWER
_CALL_STEP_END: Final = ContactStep.END
_CALL_STEP_HOLD: Final = ContactStep.HOLD
_CALL_STEP_RETRIEVE: Final = ContactStep.RETRIEVE
_MEDIUM_CALL: Final = Medium.CALL
_OUTCOME_ABANDONED: Final = Outcome.ABANDONED
_OUTCOME_ANSWERED: Final = Outcome.ANSWERED
_OUTCOME_REFUSED: Final = Outcome.REFUSED
_PREFERENCE_NAMED: Final = Preference.NAMED
_STEP_ANSWER: Final = AgentStep.ANSWER
_STEP_END: Final = AgentStep.END
_STEP_HOLD: Final = AgentStep.HOLD
_STEP_RETRIEVE: Final = AgentStep.RETRIEVE
_STEP_RING: Final = AgentStep.RING


class CallEvents:
    """Handles every event about one call."""

    def __init__(self, roster: Roster, lines: Lines, offers: Offers) -> None:
        self._roster = roster
        self._lines = lines
        self._offers = offers

    def handlers(self) -> dict[type[Any], Callable[[Any, float], None]]:
        """Which event goes where."""
        return {
            told.CallOffered: self._call_offered,
            told.CallAbandoned: self._call_abandoned,
            told.CallWithdrawn: self._call_withdrawn,
            told.OfferRinging: self._offer_ringing,
            told.OfferAccepted: self._offer_accepted,
            told.OfferRejected: self._offer_rejected,
            told.CallAnswered: self._call_answered,
            told.CallHeld: self._call_held,
            told.CallRetrieved: self._call_retrieved,
            told.CallEnded: self._call_ended,
        }

    def _call_offered(self, event: told.CallOffered, now: float) -> None:
        if not 0 <= event.waited_s <= MOST_CREDIT_S:
            raise AcdError(f"call {event.call}: waited_s must be 0 to {MOST_CREDIT_S:.0f}")
        if not 0 <= event.preferred_limit_s < inf:
            raise AcdError(f"call {event.call}: preferred_limit_s must not be below 0")
        if not 0 <= event.call < 1 << 63 or abs(event.priority) > HIGHEST_PRIORITY:
            raise AcdError(f"call {event.call}: number or priority is out of range")
        if event.preferred is not None and not 0 <= event.preferred < 1 << 63:
            raise AcdError(f"call {event.call}: preferred agent {event.preferred} is out of range")
        if event.callback is not None:
            self._lines.life.callbacks.come_back(event, now)
            return
        named = event.preference is _PREFERENCE_NAMED and event.preferred_limit_s > 0
        awaited = named and event.preferred in self._roster.agents
        self._lines.enter(event, now, awaited=awaited)

    def _call_abandoned(self, event: told.CallAbandoned, now: float) -> None:
        contact = self._lines.calls.find(event.call)
        self._offers.drop(contact, _OUTCOME_ABANDONED, Why.CALLER_LEFT, now)

    def _call_withdrawn(self, event: told.CallWithdrawn, now: float) -> None:
        contact = self._lines.calls.find(event.call)
        if event.outcome in (_OUTCOME_ANSWERED, _OUTCOME_REFUSED):
            raise IllegalTransition(contact.state, event.outcome, f"call {event.call}")
        self._offers.drop(contact, event.outcome, Why.CALL_WITHDRAWN, now)

    def _offer_ringing(self, event: told.OfferRinging, now: float) -> None:
        contact, record = self._offered(event)
        if contact.state is not _CALL_OFFERED:
            raise IllegalTransition(contact.state, "OfferRinging", f"call {event.call}")
        self._roster.step(record, _STEP_RING, now, until=record.until)

    def _offer_accepted(self, event: told.OfferAccepted, now: float) -> None:
        contact, record = self._offered(event)
        self._offers.accept(contact, record, now)

    def _offer_rejected(self, event: told.OfferRejected, now: float) -> None:
        contact, record = self._offered(event)
        if contact.state is _CALL_ACCEPTED:
            self._offers.take_back(contact, record, Why.NOT_CONNECTED, now)
        else:
            self._offers.take_back(
                contact, record, Why.REJECTED, now, blame=event.reason or PauseReason.DECLINED
            )

    def _call_answered(self, event: told.CallAnswered, now: float) -> None:
        contact, record = self._offered(event)
        contact.next_state(_CALL_STEP_ANSWER)
        self._lines.leave(contact, _CALL_STEP_ANSWER, _OUTCOME_ANSWERED, now)
        contact.answered = now
        queue = contact.queue
        queue.talking += 1
        queue.given[event.agent] = queue.given.get(event.agent, 0) + 1
        record.misses = 0
        record.handled += 1
        if contact.medium is _MEDIUM_CALL:
            self._roster.step(record, _STEP_ANSWER, now)
        else:
            self._roster.take_beside(record, contact, now)

    def _call_held(self, event: told.CallHeld, now: float) -> None:
        self._talking(event.call, _CALL_STEP_HOLD, _STEP_HOLD, now)

    def _call_retrieved(self, event: told.CallRetrieved, now: float) -> None:
        self._talking(event.call, _CALL_STEP_RETRIEVE, _STEP_RETRIEVE, now)

    def _call_ended(self, event: told.CallEnded, now: float) -> None:
        contact = self._lines.calls.find(event.call)
        contact.next_state(_CALL_STEP_END)
        record = contact.agent
        assert record is not None  # the table lets only answered calls end
        contact.queue.talking -= 1
        contact.queue.estimates.completed(contact.answered - contact.entered)
        self._lines.calls.remove(contact)
        contact.follow(_CALL_STEP_END)
        if record.contact is contact:
            record.contact, record.wrapping = None, contact
            self._roster.step(record, _STEP_END, now)
        else:
            self._roster.end_beside(record, contact, now)

    def _talking(self, call: CallId, step: ContactStep, agent_step: AgentStep, now: float) -> None:
        contact = self._lines.calls.find(call)
        contact.follow(step)
        record = contact.agent
        assert record is not None  # the table lets only answered calls be held
        if record.contact is contact:
            self._roster.step(record, agent_step, now)

    def _offered(self, event: Any) -> tuple[Contact, AgentRecord]:
        """Find call and agent of an event about an offer that is out between the two."""
        contact = self._lines.calls.find(event.call)
        record = self._roster.find(event.agent)
        # The usual case first: one station rings.
        rings = contact.agent is record or contact.rings(record)
        if contact.state not in WITH_AGENT or not rings:
            name = type(event).__name__
            detail = f"call {event.call} is not offered to agent {event.agent}"
            raise IllegalTransition(contact.state, name, detail)
        return contact, record
