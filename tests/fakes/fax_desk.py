"""Faxes of a hotline in memory: what is sent waits until a test moves it on."""

from collections.abc import Callable
from typing import Any

import msgspec

from daemon.service.errors import ServiceError
from daemon.service.fax.faxes import Fax, FaxPage, FaxState
from daemon.service.messages import Actor


class FakeFaxes:
    """``FaxService`` over a dictionary."""

    def __init__(self, clock: Callable[[], float]) -> None:
        self.faxes: dict[str, Fax] = {}
        self.fax_files: list[str] = []
        """What was handed over, relative to the site."""
        self.next: list[dict[str, Any]] = []
        """What happens to the fax that is asked for, one after the other."""
        self._fax_clock = clock

    async def send_fax(self, actor: Actor, incoming: str, name: str, to: str) -> Fax:
        if not to.startswith("0"):
            raise ServiceError(
                "conflict",
                f"{to} may not be called.",
                f"不允许呼叫 {to}。",
                fields={"to": "not-allowed"},
            )
        self.fax_files.append(incoming)
        made = Fax(
            fax=f"0FAX{len(self.faxes):09}",
            direction="out",
            state=FaxState.WAITING,
            number=to,
            name=name,
            by=actor.login,
            created=self._fax_clock(),
        )
        self.faxes[made.fax] = made
        return made

    async def list_faxes(self, actor: Actor, limit: int, offset: int = 0) -> FaxPage:
        seen = [each for each in reversed(self.faxes.values()) if self._sees(actor, each)]
        listed = tuple(seen[offset : offset + limit])
        return FaxPage(faxes=listed, total=len(seen), offset=offset)

    async def fax(self, actor: Actor, fax: str) -> Fax:
        """A fax; what was told to happen to it next has happened when it is asked for again."""
        found = self._find(actor, fax)
        if self.next:
            self.faxes[fax] = msgspec.structs.replace(found, **self.next.pop(0))
        return found

    def _find(self, actor: Actor, fax: str) -> Fax:
        found = self.faxes.get(fax)
        if found is None or not self._sees(actor, found):
            raise ServiceError("not-found", "There is no such fax.", "没有这份传真。")
        return found

    async def fax_read(self, actor: Actor, fax: str) -> str:
        self._find(actor, fax)
        return f"faxes/outgoing/{fax}.pdf"

    async def cancel_fax(self, actor: Actor, fax: str) -> Fax:
        found = self._find(actor, fax)
        if found.state is FaxState.SENT:
            raise ServiceError("wrong-state", "The fax is over already.", "该传真已结束。")
        self.faxes[fax] = msgspec.structs.replace(found, state=FaxState.CANCELLED)
        return self.faxes[fax]

    def _sees(self, actor: Actor, fax: Fax) -> bool:
        return actor.login == fax.by or not actor.login.startswith("ann")
