"""The messages of one call as a ladder, from every driver that keeps some."""

from collections.abc import Sequence
from typing import Final

from acd_core.errors import AcdError
from acd_core.ids import from_text
from daemon.control.controller import Controller
from daemon.service.errors import ServiceError
from daemon.service.messages import LadderRow
from daemon.store.history import Call, Segment
from drivers.api import Ladders, LineId, LineSpan

AFTER_S: Final = 3.0  # s by which a leg may outlive its segment: BYE and its answer


async def ladder(controller: Controller, call: str) -> Sequence[LadderRow]:
    """The rows of a call by its 13 characters, or of any by Call-ID or number."""
    names, lines, past = [call], list[LineId](), list[LineSpan]()
    try:
        number = from_text(call)
    except AcdError:
        number = 0
    life = controller.calls.get(number)
    if life is not None:
        names = [leg.ref for leg in life.call.legs if leg.ref]
        lines = [leg.line for leg in life.call.legs]
    if number:
        past = await _past(number)
    rows = [
        LadderRow(
            at=step.at,
            out=step.out,
            peer=step.peer,
            ref=step.ref,
            title=step.title,
            notes=step.notes,
            text=step.text,
        )
        for item in controller.lines.drivers
        if isinstance(item.driver, Ladders)
        for step in item.driver.ladder(names, lines, past)
    ]
    if not rows:
        raise ServiceError(
            "not-found",
            "No message of such a call is kept; name a call, a Call-ID or a number.",
            "没有保留该通话的消息；请给出通话编号、Call-ID 或号码。",
        )
    return sorted(rows, key=lambda row: row.at)


async def _past(call: int) -> list[LineSpan]:
    """Where legs of a call ended, as its records have it: the caller's, and the others'."""
    rows = await Segment.filter(call_id=call, line__not="").values_list(
        "line", "started_ms", "ended_ms"
    )
    rows += await Call.filter(id=call).values_list("line", "started_ms", "ended_ms")
    spans: dict[str, tuple[float, float]] = {}
    for line, started, ended in rows:
        since, until = spans.get(line, (started / 1000, 0.0))
        over = (ended or started) / 1000 + AFTER_S
        spans[line] = min(since, started / 1000), max(until, over)
    return [LineSpan(LineId(line), *span) for line, span in spans.items()]
