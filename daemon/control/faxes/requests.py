"""What people ask of faxes: who may, what is noted, and what they see."""

from collections.abc import Sequence
from pathlib import Path
from typing import Final

from tortoise.exceptions import BaseORMException

from acd_core.errors import IdFault
from acd_core.ids import from_text, to_text
from daemon.control.calls.places import DIALLABLE
from daemon.control.controller import Controller
from daemon.control.facade.accounts import Accounts
from daemon.control.facade.audit_log import AuditLog
from daemon.control.faxes.spool import FaxJob, IllegalFaxState
from daemon.control.flows.faxing import KIND
from daemon.fax import messages as fax
from daemon.fax.texts import text_of
from daemon.service.errors import ServiceError
from daemon.service.faxes import Fax, FaxState
from daemon.service.messages import Actor
from daemon.store.history import Call as CallRow
from daemon.store.history import Recording, Segment

SENDERS: Final = ("agent", "supervisor", "administrator")
WATCHERS: Final = ("supervisor", "administrator")
INCOMING: Final = "incoming"
MOST_BYTES: Final = 64 << 20  # of a file; as much as the console takes
MOST_LISTED: Final = 500
MOST_WAITING: Final = 1000


class FaxRequests:
    """``FaxService`` on top of the outbox and the records."""

    def __init__(self, controller: Controller, accounts: Accounts, audit: AuditLog) -> None:
        self._controller = controller
        self._outbox = controller.faxes.outbox
        self._accounts = accounts
        self._audit = audit

    async def send_fax(self, actor: Actor, incoming: str, name: str, to: str) -> Fax:
        """Queue a file for a number."""
        self._accounts.require(actor, *SENDERS)
        number = "".join(to.split())
        if not DIALLABLE.fullmatch(number):
            raise _invalid(
                f"{to} is no number that can be dialled.", f"{to} 不是可拨打的号码。", to="unknown"
            )
        allowed = self._controller.telephones.allowed
        if not number.startswith(allowed):
            raise ServiceError(
                "conflict",
                f"{number} may not be called from here."
                " Administrators allow beginnings of numbers under [telephones] in hookflash.toml.",
                f"不允许从此处呼叫 {number}。"
                "管理员可在 hookflash.toml 的 [telephones] 中设置允许的号码开头。",
                fields={"to": "not-allowed"},
            )
        if sum(not job.over for job in self._outbox.jobs.values()) >= MOST_WAITING:
            raise ServiceError(
                "rate-limited", "Too many faxes wait to be sent.", "等待发送的传真过多。"
            )
        self._check_file(incoming)
        # It is shown in terminals, too, where a control character is a command.
        name = "".join(each for each in name if each.isprintable())
        self._audit.note(actor, "fax.send", f"{number} {name}")
        try:
            job = self._outbox.put(number, incoming, name[:100] or Path(incoming).name, actor.login)
        except OSError as error:
            raise ServiceError(
                "failed", f"The fax cannot be kept: {error}", f"无法保存传真：{error}"
            ) from error
        return shown(job)

    async def list_faxes(self, actor: Actor, limit: int) -> Sequence[Fax]:
        """Newest first."""
        self._accounts.require(actor, *SENDERS)
        most = max(1, min(limit, MOST_LISTED))
        mine = [shown(job) for job in self._outbox.jobs.values() if self._may_see(actor, job)]
        found = mine + (await self._received(most) if self._watches(actor) else [])
        return sorted(found, key=lambda each: each.created, reverse=True)[:most]

    async def fax(self, actor: Actor, fax: str) -> Fax:
        """One fax to be sent."""
        self._accounts.require(actor, *SENDERS)
        return shown(self._job(actor, fax))

    async def fax_read(self, actor: Actor, fax: str) -> str:
        """Where the PDF of a fax is, for somebody who reads it."""
        self._accounts.require(actor, *SENDERS)
        job = self._job(actor, fax)
        if not job.pages:
            raise _not_found(fax)
        self._audit.note(actor, "fax.read", fax)
        return str(Path(job.file).with_suffix(".pdf"))

    async def cancel_fax(self, actor: Actor, fax: str) -> Fax:
        """Give a fax up."""
        self._accounts.require(actor, *SENDERS)
        job = self._job(actor, fax)
        self._audit.note(actor, "fax.cancel", fax)
        try:
            self._outbox.cancel(job)
        except IllegalFaxState as error:
            raise ServiceError(
                "wrong-state", "The fax is over already.", "该传真已结束。"
            ) from error
        return shown(job)

    # -- what they see --------------------------------------------------------------------

    def _watches(self, actor: Actor) -> bool:
        try:
            self._accounts.require(actor, *WATCHERS)
        except ServiceError:
            return False
        return True

    def _may_see(self, actor: Actor, job: FaxJob) -> bool:
        return job.by == actor.login or self._watches(actor)

    def _job(self, actor: Actor, text: str) -> FaxJob:
        try:
            job = self._outbox.jobs.get(from_text(text))
        except IdFault:
            job = None
        # What one may not see is not there: its existence tells something, too.
        if job is None or not self._may_see(actor, job):
            raise _not_found(text)
        return job

    def _check_file(self, incoming: str) -> None:
        """A file below ``incoming/`` of a size that can be sent; ServiceError else."""
        folder = (self._controller.prompts.site / INCOMING).resolve()
        path = (self._controller.prompts.site / incoming).resolve()
        if not path.is_relative_to(folder) or not path.is_file():
            raise _invalid("There is no such file.", "没有这个文件。", file="unknown")
        if not 0 < path.stat().st_size <= MOST_BYTES:
            raise _invalid(
                f"The file is empty or larger than {MOST_BYTES >> 20} MiB.",
                f"文件为空或大于 {MOST_BYTES >> 20} MiB。",
                file="too-large",
            )

    async def _received(self, most: int) -> list[Fax]:
        """Faxes that came in, the newest first; those that are coming in as they stand."""
        try:
            rows = await Recording.filter(kind=KIND).order_by("-id").limit(most)
            calls = {
                row.id: row for row in await CallRow.filter(id__in=[row.call_id for row in rows])
            }
            # The segment of a fax has the number of its recording.
            parts = {row.id: row for row in await Segment.filter(id__in=[row.id for row in rows])}
        except BaseORMException:
            return []
        running = self._controller.faxes.running()
        found = []
        for row in rows:
            call, part = calls.get(row.call_id), parts.get(row.id)
            detail = dict(part.detail) if part is not None else {}
            live = running.get(row.id)
            detail |= live or {}
            code = int(str(detail.get("code") or 0))
            over = row.ended_ms is not None
            state = FaxState.RECEIVED if over and not code else FaxState.FAILED
            found.append(
                Fax(
                    fax=to_text(row.id),
                    direction="in",
                    state=state if over and live is None else FaxState.RECEIVING,
                    number=call.ani if call is not None else "",
                    name=row.mailbox,
                    created=row.started_ms / 1000,
                    ended=row.ended_ms / 1000 if row.ended_ms is not None else None,
                    pages=int(str(detail.get("pages") or 0)),
                    call=to_text(row.call_id),
                    station=str(detail.get("station") or ""),
                    rate=int(str(detail.get("rate") or 0)),
                    t38=bool(detail.get("t38")),
                    code=code,
                    why_en=text_of(code, language="en") if code else "",
                    why_zh=text_of(code, language="zh") if code else "",
                    readable=over and row.duration_ms > 0 and row.deleted_ms is None,
                )
            )
        return found


def shown(job: FaxJob) -> Fax:
    """A fax to be sent as people see it."""
    waits = job.state is FaxState.WAITING and job.next_try
    return Fax(
        fax=to_text(job.id),
        direction="out",
        state=job.state,
        number=job.number,
        name=job.name,
        by=job.by,
        created=job.created,
        ended=job.ended or None,
        pages=job.sent,
        of=job.pages,
        attempts=job.attempts,
        next_try=job.next_try if waits else None,
        call=to_text(job.call) if job.call else "",
        station=job.station,
        rate=job.rate,
        t38=job.t38,
        code=0 if job.code == fax.OK else job.code,
        why_en=job.why_en,
        why_zh=job.why_zh,
        readable=job.pages > 0,
    )


def _invalid(en: str, zh: str, **fields: str) -> ServiceError:
    return ServiceError("invalid", en, zh, fields=fields)


def _not_found(text: str) -> ServiceError:
    return ServiceError("not-found", f"There is no fax {text}.", f"没有传真 {text}。")
