"""What becomes of a call-back that a machine answers, as ``[outgoing] answering_machine`` says."""

import asyncio
from typing import TYPE_CHECKING, Final

import structlog

from acd_core.events import CallbackCancelled
from acd_core.ids import CallId, to_text
from daemon.control.calls.call import Call
from daemon.link.errors import LinkError
from drivers.api import PortId
from ivr.actions import Speech
from speech.link.answering import MACHINE, greeting_over, who_answered
from speech.link.tap import Tap, TapError

if TYPE_CHECKING:
    from daemon.control.calls.context import CallContext

log = structlog.get_logger()

ANSWERED_BY: Final = "answered_by"
"""The call's variable that says who it was: person, machine or silent."""
OUTCOME: Final = "machine"
"""How such a call ended when nobody but the machine was spoken to."""
SPARE_S: Final = 0.5  # s behind a message before the line is given up


async def meet(call: Call, context: "CallContext") -> str:
    """Find out who has answered and do what is to be done to a machine.

    ``flow``: go on as with a person; ``agent``: to an agent without asking for a key;
    ``hang_up``: nothing more is to be said.
    """
    policy, port = context.outgoing.answering_machine, call.caller.port
    if policy == "ignore" or port is None:
        return "flow"
    try:
        fds = await context.media.tap(port)
        tap = Tap(fds.memfd, fds.eventfd, lookback=0)
    except (LinkError, TapError) as error:
        log.warning("nobody listens who answers", call=to_text(call.id), why=str(error))
        return "flow"
    try:
        call.data[ANSWERED_BY] = who = await who_answered(tap)
        log.info("call-back answered", call=to_text(call.id), by=who, policy=policy)
        context.records.call(call)
        if who != MACHINE or policy == "agent":
            return "agent" if who == MACHINE else "flow"
        call.outcome = OUTCOME
        if policy == "message" and await greeting_over(tap):
            await _leave_message(call, port, context)
        return "hang_up"
    finally:
        tap.close()
        try:
            await context.media.untap(port)
        except LinkError as error:
            log.info("tap is gone already", call=to_text(call.id), why=str(error))


async def _leave_message(call: Call, port: PortId, context: "CallContext") -> None:
    """Say it; whoever hears it knows, so his place is kept no more."""
    path = await context.prompts.path(Speech(file=context.outgoing.machine_message))
    if not path:
        return
    await context.media.play(port, context.ids(), (path,))
    await asyncio.sleep(await context.prompts.duration([path]) + SPARE_S)
    context.acd.submit(CallbackCancelled(call=CallId(call.callback)))
