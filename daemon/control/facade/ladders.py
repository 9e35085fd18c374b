"""The messages of one call as a ladder, from every driver that keeps some."""

from collections.abc import Sequence

from acd_core.errors import AcdError
from acd_core.ids import from_text
from daemon.control.controller import Controller
from daemon.service.errors import ServiceError
from daemon.service.messages import LadderRow
from drivers.api import Ladders


def ladder(controller: Controller, call: str) -> Sequence[LadderRow]:
    """The rows of a running call by its 13 characters, of any by Call-ID or number."""
    names, lines = [call], []
    try:
        life = controller.calls.get(from_text(call))
    except AcdError:
        life = None
    if life is not None:
        names = [leg.ref for leg in life.call.legs if leg.ref]
        lines = [leg.line for leg in life.call.legs]
    rows = [
        LadderRow(
            at=step.at,
            out=step.out,
            peer=step.peer,
            ref=step.ref,
            title=step.title,
            notes=step.notes,
        )
        for item in controller.lines.drivers
        if isinstance(item.driver, Ladders)
        for step in item.driver.ladder(names, lines)
    ]
    if not rows:
        raise ServiceError(
            "not-found",
            "No message of such a call is kept; name a running call, a Call-ID or a number.",
            "没有保留该通话的消息；请给出正在进行的通话编号、Call-ID 或号码。",
        )
    return sorted(rows, key=lambda row: row.at)
