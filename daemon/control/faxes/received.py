"""Faxes that came in, or are coming in, as people see them: out of the records."""

from collections.abc import Mapping, Sequence

from tortoise.exceptions import BaseORMException

from acd_core.ids import to_text
from daemon.control.faxes.written import KIND
from daemon.fax.texts import text_of
from daemon.service.fax.faxes import Fax, FaxState
from daemon.store.history import Call, Recording, Segment


async def received_ids(most: int) -> tuple[list[int], int]:
    """The newest ones by number, and how many there are; none where there are no records."""
    try:
        rows = Recording.filter(kind=KIND)
        found = await rows.order_by("-id").limit(most).values_list("id", flat=True)
        return [int(str(each)) for each in found], await rows.count()
    except BaseORMException:
        return [], 0


async def received_faxes(
    numbers: Sequence[int], running: Mapping[int, Mapping[str, str]]
) -> dict[int, Fax]:
    """Faxes by number; ``running`` is what is known of those that come in now."""
    if not numbers:
        return {}
    try:
        rows = await Recording.filter(id__in=numbers)
        calls = {row.id: row for row in await Call.filter(id__in=[row.call_id for row in rows])}
        # The segment of a fax has the number of its recording.
        parts = {row.id: row for row in await Segment.filter(id__in=numbers)}
    except BaseORMException:
        return {}
    found = {}
    for row in rows:
        part, live = parts.get(row.id), running.get(row.id)
        detail = {**(part.detail if part is not None else {}), **(live or {})}
        found[row.id] = _shown(row, calls.get(row.call_id), detail, live=live is not None)
    return found


def _shown(row: Recording, call: Call | None, detail: Mapping[str, object], *, live: bool) -> Fax:
    code = _count(detail, "code")
    over = row.ended_ms is not None
    state = FaxState.RECEIVED if over and not code else FaxState.FAILED
    return Fax(
        fax=to_text(row.id),
        direction="in",
        state=state if over and not live else FaxState.RECEIVING,
        number=call.ani if call is not None else "",
        name=row.mailbox,
        created=row.started_ms / 1000,
        ended=row.ended_ms / 1000 if row.ended_ms is not None else None,
        pages=_count(detail, "pages"),
        call=to_text(row.call_id),
        station=str(detail.get("station") or ""),
        rate=_count(detail, "rate"),
        ecm=bool(detail.get("ecm")),
        t38=bool(detail.get("t38")),
        slips=_count(detail, "slips"),
        gaps=_count(detail, "gaps"),
        code=code,
        why_en=text_of(code, language="en") if code else "",
        why_zh=text_of(code, language="zh") if code else "",
        readable=over and row.duration_ms > 0 and row.deleted_ms is None,
    )


def _count(detail: Mapping[str, object], name: str) -> int:
    return int(str(detail.get(name) or 0))
