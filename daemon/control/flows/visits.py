"""Stays of one call in queues: how each ends, and where the caller goes from there."""

from typing import Final

from acd_core.commands import CallMoved, LeaveReason, RefuseReason
from daemon.control.calls.call import Step, Visit
from daemon.control.calls.context import CallPart
from ivr.inputs import QueueLeft

TOLD: Final = {
    LeaveReason.NO_AGENTS: "no_agents",
    LeaveReason.CLOSED: "closed",
    LeaveReason.UNATTENDED: "closed",
    RefuseReason.NO_AGENTS: "no_agents",
    RefuseReason.CLOSED: "closed",
    RefuseReason.UNATTENDED: "closed",
}
"""What a flow is told of the reasons for which a queue gives a call up."""


class Visits(CallPart):
    """The visits of one call."""

    __slots__ = ()

    async def left(self, outcome: str, reason: LeaveReason | RefuseReason) -> None:
        """The queue gave the call up: to the flow that the queue names, or back to its own."""
        call, now = self.call, self._context.clock()
        self.close(outcome, str(reason))
        call.step(Step.LEAVE_QUEUE, now)
        self._context.records.open_segment(call, "ivr", now)
        queue = self._context.queue_by_key(call.queue)
        follow = ""
        if queue is not None:
            follow = queue.on_full if outcome == "refused" else queue.on_timeout
        if follow and follow != call.flow and self._context.flows.get(follow) is not None:
            await self._life.flow.switch(follow)
        else:
            self._life.flow.signal(QueueLeft(reason=TOLD.get(reason, outcome)))

    def moved(self, command: CallMoved) -> None:
        """The engine put the call into another queue: one visit ended, another one began."""
        call, context, now = self.call, self._context, self._context.clock()
        before = call.visit
        self.close("overflowed", str(command.reason))
        call.queue = command.queue
        call.visit = Visit(
            id=context.ids(),
            queue=command.queue,
            entered=now,
            priority=before.priority if before is not None else 0,
        )
        context.records.open_segment(call, "wait", now)
        context.records.visit(call, call.visit)

    def close(self, outcome: str, detail: str = "") -> None:
        """End the present stay in a queue with its one outcome."""
        call, now = self.call, self._context.clock()
        records = self._context.records
        records.close_segment(call, "wait", now, result=outcome)
        if call.visit is not None and not call.visit.closed:
            call.visit.closed = True
            records.visit(call, call.visit, left=now, outcome=outcome, detail=detail)
            call.outcome = outcome
