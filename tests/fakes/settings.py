"""The administrator's part of a hotline in memory: settings over dictionaries, with a ledger."""

from collections.abc import Callable, Sequence

import msgspec

from daemon.service.errors import ServiceError
from daemon.service.live import LiveAgent, QueueCounters
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
from tests.fakes.floor import PASSWORDS, FakeFloor


class FakeSettings(FakeFloor):
    """What administrators may list, store and remove."""

    def __init__(self, clock: Callable[[], float]) -> None:
        super().__init__(clock)
        self.numbers: dict[str, NumberSettings] = {}
        self.reasons: dict[str, PauseReason] = {}
        self.tiers: dict[str, TierSettings] = {}
        self.calendars = {"office": CalendarSettings(name="office", version=1)}
        self.telephones = {
            name: StationSettings(name=name, realm="hotline", has_secret=True, version=1)
            for name in ("2001", "2002", "2003")
        }
        self.changes: list[ChangeEntry] = []

    def _allow(self, actor: Actor, *roles: str) -> PersonSettings:
        person = self.people.get(actor.login)
        if person is None or not set(roles) & set(person.roles):
            raise ServiceError("forbidden", "Your roles do not allow it.", "您的角色不允许此操作。")
        return person

    def _put(
        self, store: dict, key: str, kind: str, actor: Actor, thing: msgspec.Struct
    ) -> Applied:
        self._allow(actor, "administrator")
        old = store.get(key)
        if thing.version != (old.version if old else 0):
            raise ServiceError("conflict", "Somebody else changed it.", "已被他人修改。")
        store[key] = msgspec.structs.replace(thing, version=thing.version + 1)
        return self._applied(actor, kind, key, old, store[key])

    def _delete(self, store: dict, key: str, kind: str, actor: Actor) -> Applied:
        self._allow(actor, "administrator")
        if key not in store:
            raise ServiceError("not-found", "There is no such thing.", "不存在。")
        return self._applied(actor, kind, key, store.pop(key), None)

    def _applied(self, actor: Actor, kind: str, key: str, old: object, new: object) -> Applied:
        self.version += 1
        number = len(self.changes) + 1
        texts = [msgspec.json.encode(thing).decode() if thing else "" for thing in (old, new)]
        self.changes.append(
            ChangeEntry(
                change=number,
                at=self.clock(),
                actor=actor.login,
                kind=kind,
                key=key,
                before=texts[0],
                after=texts[1],
            )
        )
        self.refresh()
        return Applied(getattr(new, "version", 0), number)

    async def list_people(self) -> Sequence[PersonSettings]:
        return list(self.people.values())

    async def put_person(self, actor: Actor, person: PersonSettings, password: str) -> Applied:
        applied = self._put(self.people, person.login, "person", actor, person)
        if password:
            self.hashes[person.login] = PASSWORDS.hash(password)
        if "agent" in person.roles and person.login not in self.agents:
            self.agents[person.login] = LiveAgent(
                login=person.login, name=person.name, state="logged_out", since=self.clock()
            )
            self.refresh()
        return applied

    async def delete_person(self, actor: Actor, login: str) -> Applied:
        applied = self._delete(self.people, login, "person", actor)
        self.agents.pop(login, None)
        self.refresh()
        return applied

    async def list_queues(self) -> Sequence[QueueSettings]:
        return list(self.queues.values())

    async def put_queue(self, actor: Actor, queue: QueueSettings) -> Applied:
        self.counters.setdefault(queue.slug, QueueCounters())
        return self._put(self.queues, queue.slug, "queue", actor, queue)

    async def delete_queue(self, actor: Actor, slug: str) -> Applied:
        return self._delete(self.queues, slug, "queue", actor)

    async def list_numbers(self) -> Sequence[NumberSettings]:
        return list(self.numbers.values())

    async def put_number(self, actor: Actor, number: NumberSettings) -> Applied:
        return self._put(self.numbers, number.number, "number", actor, number)

    async def delete_number(self, actor: Actor, number: str) -> Applied:
        return self._delete(self.numbers, number, "number", actor)

    async def list_pause_reasons(self) -> Sequence[PauseReason]:
        return list(self.reasons.values())

    async def put_pause_reason(self, actor: Actor, reason: PauseReason) -> Applied:
        return self._put(self.reasons, reason.slug, "pause_reason", actor, reason)

    async def delete_pause_reason(self, actor: Actor, slug: str) -> Applied:
        return self._delete(self.reasons, slug, "pause_reason", actor)

    async def list_skills(self) -> Sequence[str]:
        return ["english", "chinese", "billing"]

    async def list_calendars(self) -> Sequence[CalendarSettings]:
        return list(self.calendars.values())

    async def put_calendar(self, actor: Actor, calendar: CalendarSettings) -> Applied:
        return self._put(self.calendars, calendar.name, "calendar", actor, calendar)

    async def delete_calendar(self, actor: Actor, name: str) -> Applied:
        return self._delete(self.calendars, name, "calendar", actor)

    async def list_tiers(self) -> Sequence[TierSettings]:
        return list(self.tiers.values())

    async def put_tier(self, actor: Actor, tier: TierSettings) -> Applied:
        return self._put(self.tiers, tier.slug, "tier", actor, tier)

    async def delete_tier(self, actor: Actor, slug: str) -> Applied:
        return self._delete(self.tiers, slug, "tier", actor)

    async def list_station_settings(self) -> Sequence[StationSettings]:
        return list(self.telephones.values())

    async def put_station(self, actor: Actor, station: StationSettings, secret: str) -> Applied:
        kept = msgspec.structs.replace(station, has_secret=station.has_secret or bool(secret))
        return self._put(self.telephones, station.name, "station", actor, kept)

    async def set_mailbox_pin(self, actor: Actor, station: str, pin: str) -> None:
        self._allow(actor, "administrator")
        self.telephones[station] = msgspec.structs.replace(
            self.telephones[station], has_pin=bool(pin)
        )

    async def delete_station(self, actor: Actor, name: str) -> Applied:
        return self._delete(self.telephones, name, "station", actor)

    async def list_flows(self) -> Sequence[FlowInfo]:
        return [FlowInfo(name="main", version=3), FlowInfo(name="voicemail", version=1)]

    async def list_prompts(self) -> Sequence[PromptInfo]:
        return [PromptInfo(name="music", duration_s=30.0)]

    async def convert_prompt(self, actor: Actor, incoming: str, name: str) -> PromptInfo:
        self._allow(actor, "administrator")
        return PromptInfo(name=name, duration_s=1.0, path=incoming)

    async def list_changes(self, actor: Actor, limit: int) -> Sequence[ChangeEntry]:
        return self.changes[::-1][:limit]

    async def undo_change(self, actor: Actor, change: int) -> Applied:
        self._allow(actor, "administrator")
        entry = self.changes[change - 1]
        if entry.kind != "queue":
            raise ServiceError("conflict", "It has changed since.", "之后又有修改。")
        old = self.queues[entry.key]
        back = msgspec.json.decode(entry.before, type=QueueSettings)
        back = msgspec.structs.replace(back, version=old.version + 1)
        self.queues[entry.key] = back
        return self._applied(actor, "queue", entry.key, old, back)
