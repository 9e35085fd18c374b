"""The administrator's requests: who may ask, what is noted, and who does it."""

from collections.abc import Sequence
from typing import Final

from daemon.control.facade.accounts import Accounts
from daemon.control.facade.audit_log import AuditLog
from daemon.control.facade.flow_settings import FlowSettings
from daemon.control.facade.settings.administration import Administration
from daemon.service.messages import Actor, Applied, ChangeEntry, FlowInfo, PromptInfo
from daemon.service.settings import (
    CalendarSettings,
    NumberSettings,
    PauseReason,
    PersonSettings,
    QueueSettings,
    StationSettings,
    TierSettings,
)

ADMINISTRATOR: Final = ("administrator",)


class AdministratorRequests:
    """``AdministratorService``: each change is allowed, audited and stored."""

    def __init__(
        self,
        accounts: Accounts,
        audit: AuditLog,
        administration: Administration,
        flows: FlowSettings,
    ) -> None:
        self._accounts = accounts
        self._audit = audit
        self._administration = administration
        self._flows = flows

    def _as_administrator(self, actor: Actor, action: str, subject: str) -> None:
        self._accounts.require(actor, *ADMINISTRATOR)
        self._audit.note(actor, action, subject)

    async def list_people(self) -> Sequence[PersonSettings]:
        """Everybody."""
        return await self._administration.list_people()

    async def put_person(self, actor: Actor, person: PersonSettings, password: str) -> Applied:
        """Add or change a person."""
        self._as_administrator(actor, "person.put", person.login)
        applied = await self._administration.put_person(actor, person, password)
        await self._accounts.reload()
        return applied

    async def delete_person(self, actor: Actor, login: str) -> Applied:
        """Remove a person."""
        self._as_administrator(actor, "person.delete", login)
        applied = await self._administration.delete_person(actor, login)
        await self._accounts.reload()
        return applied

    async def list_queues(self) -> Sequence[QueueSettings]:
        """All queues."""
        return await self._administration.list_queues()

    async def put_queue(self, actor: Actor, queue: QueueSettings) -> Applied:
        """Add or change a queue."""
        self._as_administrator(actor, "queue.put", queue.slug)
        return await self._administration.put_queue(actor, queue)

    async def delete_queue(self, actor: Actor, slug: str) -> Applied:
        """Remove a queue."""
        self._as_administrator(actor, "queue.delete", slug)
        return await self._administration.delete_queue(actor, slug)

    async def list_tiers(self) -> Sequence[TierSettings]:
        """All tiers of callers."""
        return await self._administration.list_tiers()

    async def put_tier(self, actor: Actor, tier: TierSettings) -> Applied:
        """Add or change a tier."""
        self._as_administrator(actor, "tier.put", tier.slug)
        return await self._administration.put_tier(actor, tier)

    async def delete_tier(self, actor: Actor, slug: str) -> Applied:
        """Remove a tier."""
        self._as_administrator(actor, "tier.delete", slug)
        return await self._administration.delete_tier(actor, slug)

    async def list_calendars(self) -> Sequence[CalendarSettings]:
        """All calendars."""
        return await self._administration.list_calendars()

    async def put_calendar(self, actor: Actor, calendar: CalendarSettings) -> Applied:
        """Add or change opening hours."""
        self._as_administrator(actor, "calendar.put", calendar.name)
        return await self._administration.put_calendar(actor, calendar)

    async def delete_calendar(self, actor: Actor, name: str) -> Applied:
        """Remove a calendar."""
        self._as_administrator(actor, "calendar.delete", name)
        return await self._administration.delete_calendar(actor, name)

    async def list_station_settings(self) -> Sequence[StationSettings]:
        """All stations."""
        return await self._administration.list_station_settings()

    async def put_station(self, actor: Actor, station: StationSettings, secret: str) -> Applied:
        """Add or change a station."""
        self._as_administrator(actor, "station.put", station.name)
        return await self._administration.put_station(actor, station, secret)

    async def set_mailbox_pin(self, actor: Actor, station: str, pin: str) -> None:
        """What opens the mailbox of a telephone from elsewhere."""
        self._as_administrator(actor, "station.pin", station)
        await self._administration.set_mailbox_pin(station, pin)

    async def delete_station(self, actor: Actor, name: str) -> Applied:
        """Remove a station."""
        self._as_administrator(actor, "station.delete", name)
        return await self._administration.delete_station(actor, name)

    async def list_numbers(self) -> Sequence[NumberSettings]:
        """All numbers."""
        return await self._administration.list_numbers()

    async def put_number(self, actor: Actor, number: NumberSettings) -> Applied:
        """Add or change what a called number leads to."""
        self._as_administrator(actor, "number.put", number.number)
        return await self._administration.put_number(actor, number)

    async def delete_number(self, actor: Actor, number: str) -> Applied:
        """Remove a number."""
        self._as_administrator(actor, "number.delete", number)
        return await self._administration.delete_number(actor, number)

    async def list_pause_reasons(self) -> Sequence[PauseReason]:
        """All pause reasons."""
        return await self._administration.list_pause_reasons()

    async def put_pause_reason(self, actor: Actor, reason: PauseReason) -> Applied:
        """Add or change a pause reason."""
        self._as_administrator(actor, "pause-reason.put", reason.slug)
        return await self._administration.put_pause_reason(actor, reason)

    async def delete_pause_reason(self, actor: Actor, slug: str) -> Applied:
        """Remove a pause reason."""
        self._as_administrator(actor, "pause-reason.delete", slug)
        return await self._administration.delete_pause_reason(actor, slug)

    async def list_skills(self) -> Sequence[str]:
        """Names of all skills."""
        return await self._administration.list_skills()

    async def list_flows(self) -> Sequence[FlowInfo]:
        """Flows that numbers and queues can name."""
        return await self._flows.list_flows()

    async def list_prompts(self) -> Sequence[PromptInfo]:
        """Recorded prompts ready for use."""
        return await self._flows.list_prompts()

    async def convert_prompt(self, actor: Actor, incoming: str, name: str) -> PromptInfo:
        """Make a prompt of an uploaded file."""
        self._as_administrator(actor, "prompt.put", name)
        return await self._flows.convert_prompt(incoming, name)

    async def list_changes(self, actor: Actor, limit: int) -> Sequence[ChangeEntry]:
        """The change ledger, newest first."""
        self._accounts.require(actor, *ADMINISTRATOR)
        return await self._administration.list_changes(actor, limit)

    async def undo_change(self, actor: Actor, change: int) -> Applied:
        """Put the thing back as it was before."""
        self._as_administrator(actor, "change.undo", str(change))
        applied = await self._administration.undo_change(actor, change)
        await self._accounts.reload()
        return applied
