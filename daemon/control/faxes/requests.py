"""What people ask of faxes: who may, what is noted, and what they see."""

from pathlib import Path
from typing import Final

from acd_core.errors import IdFault
from acd_core.ids import from_text, to_text
from daemon.control.calls.places import DIALLABLE
from daemon.control.controller import Controller
from daemon.control.facade.accounts import Accounts
from daemon.control.facade.audit_log import AuditLog
from daemon.control.faxes.received import received_faxes, received_ids
from daemon.control.faxes.spool import FaxJob, IllegalFaxState
from daemon.fax import messages as fax
from daemon.service.errors import ServiceError
from daemon.service.fax.faxes import Fax, FaxPage, FaxState
from daemon.service.messages import Actor

SENDERS: Final = ("agent", "supervisor", "administrator")
WATCHERS: Final = ("supervisor", "administrator")
INCOMING: Final = "incoming"
MOST_BYTES: Final = 64 << 20  # of a file; as much as the console takes
MOST_LISTED: Final = 500
MOST_OFFSET: Final = 100_000


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
        self._check_room(actor)
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

    async def list_faxes(self, actor: Actor, limit: int, offset: int = 0) -> FaxPage:
        """Newest first: numbers are given in the order of time."""
        self._accounts.require(actor, *SENDERS)
        first = max(0, min(offset, MOST_OFFSET))
        last = first + max(1, min(limit, MOST_LISTED))
        mine = {job.id: job for job in self._outbox.jobs.values() if self._may_see(actor, job)}
        came, total = await received_ids(last) if self._watches(actor) else ([], 0)
        wanted = sorted([*mine, *came], reverse=True)[first:last]
        received = await received_faxes(
            [each for each in wanted if each not in mine], self._controller.faxes.running()
        )
        found = (shown(mine[each]) if each in mine else received.get(each) for each in wanted)
        faxes = tuple(each for each in found if each is not None)
        return FaxPage(faxes=faxes, total=len(mine) + total, offset=first)

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

    def _check_room(self, actor: Actor) -> None:
        """No more may wait than the site wants; ServiceError else."""
        options, waiting = (
            self._outbox.options,
            [job.by for job in self._outbox.jobs.values() if not job.over],
        )
        own = waiting.count(actor.login)
        if own >= options.waiting_each:
            raise ServiceError(
                "rate-limited",
                f"{own} faxes of yours wait to be sent; that is as many as one person may have."
                " Wait, or cancel some; administrators set waiting_each under [fax].",
                f"您有 {own} 份传真等待发送，已达每人上限。"
                "请稍候或取消部分传真；管理员可在 [fax] 中设置 waiting_each。",
                fields={"file": "quota"},
            )
        if len(waiting) >= options.waiting:
            raise ServiceError(
                "rate-limited",
                f"{len(waiting)} faxes wait to be sent; more are not taken now."
                " Wait, or cancel some; administrators set waiting under [fax].",
                f"有 {len(waiting)} 份传真等待发送，暂不接受更多。"
                "请稍候或取消部分传真；管理员可在 [fax] 中设置 waiting。",
                fields={"file": "quota"},
            )

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
        ecm=job.ecm,
        t38=job.t38,
        slips=job.slips,
        gaps=job.gaps,
        code=0 if job.code == fax.OK else job.code,
        why_en=job.why_en,
        why_zh=job.why_zh,
        readable=job.pages > 0,
    )


def _invalid(en: str, zh: str, **fields: str) -> ServiceError:
    return ServiceError("invalid", en, zh, fields=fields)


def _not_found(text: str) -> ServiceError:
    return ServiceError("not-found", f"There is no fax {text}.", f"没有传真 {text}。")
