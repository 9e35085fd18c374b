"""Every mailbox of the site, and what calls do there."""

import asyncio
from collections.abc import Callable, Iterable
from datetime import UTC, tzinfo
from typing import Final, Protocol

import structlog
from tortoise.exceptions import BaseORMException

from acd_core.ids import to_text
from daemon.control.calls.call import Call
from daemon.control.flows.hooks import Signals
from daemon.control.mailboxes.messages import TAKEN_BACK_MS, Messages
from daemon.control.mailboxes.pins import Pins
from daemon.control.mailboxes.telephone import MailboxCall, MailboxContext
from daemon.control.records import Records
from daemon.service.messages import Actor
from drivers.api import LineId
from ivr.actions import MailboxAction, OpenMailbox
from ivr.inputs import FlowInput

log = structlog.get_logger()

SYSTEM: Final = Actor(login="system", via="telephone")


class MailboxControl(MailboxContext, Protocol):
    """The control process, as far as mailboxes need it."""

    records: Records

    def station_at(self, line: LineId) -> str:
        """The station whose line this is; empty for any other line."""


class Mailboxes:
    """Who is in which mailbox; ``audit`` and ``zone`` are the site's once it has begun."""

    def __init__(self, control: MailboxControl) -> None:
        self.audit: Callable[[Actor, str, str], None] = _nowhere
        self.zone: tzinfo = UTC
        self._control = control
        self._messages = Messages(control.prompts.site, control.records, control.clock)
        self._pins = Pins(control.clock)
        self._deleted: dict[int, list[set[int]]] = {}
        """By call, what its visits have deleted, until it is over."""
        self._removing: set[asyncio.Task[None]] = set()

    async def visit(self, call: Call, action: MailboxAction, signals: Signals) -> FlowInput:
        """Do for a call what its flow asks of a mailbox."""
        there = MailboxCall(
            call,
            signals,
            context=self._control,
            messages=self._messages,
            audit=self.audit,
        )
        if isinstance(action, OpenMailbox):
            station = self._control.station_at(call.caller.line)
            return await there.open(action, station, self._pins)
        self._deleted.setdefault(call.id, []).append(there.deleted)
        return await there.hear(action, self.zone)

    def over(self, call: Call) -> None:
        """The caller has hung up: what he deleted cannot be taken back any more."""
        deleted = self._deleted.pop(call.id, ())
        if any(deleted):
            work = self._remove(set().union(*deleted))
            removing = asyncio.create_task(work, name="messages deleted")
            self._removing.add(removing)
            removing.add_done_callback(self._removing.discard)

    async def darken(self, mailbox: str) -> None:
        """Let a mailbox's lamp go out when nothing in it is new."""
        if mailbox and not await self._messages.any_new(mailbox):
            self._control.message_lamp(mailbox, on=False)

    async def run(self) -> None:
        """Remove what visitors had deleted when control was killed, until cancelled."""
        while True:
            await self.clear()
            await asyncio.sleep(TAKEN_BACK_MS / 1000)

    async def clear(self) -> None:
        """Remove the files of messages that nobody can take back any more."""
        try:
            left = await self._messages.left_behind()
        except BaseORMException as error:
            log.error("deleted messages stay: database away", why=str(error))
            return
        visited = [deleted for each in self._deleted.values() for deleted in each]
        await self._remove(set(left).difference(*visited))

    async def _remove(self, recordings: Iterable[int]) -> None:
        try:
            for recording in sorted(recordings):
                if await self._messages.remove(recording):
                    self.audit(SYSTEM, "recording.delete", to_text(recording))
        except BaseORMException as error:
            log.error("deleted messages stay: database away", why=str(error))


def _nowhere(_: Actor, action: str, subject: str) -> None:
    log.info("mailbox", action=action, subject=subject)
