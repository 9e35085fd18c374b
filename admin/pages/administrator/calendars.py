"""Calendars: opening hours of a week, holidays, and the zone they are meant in."""

from zoneinfo import available_timezones

import msgspec

from admin.context import ConsoleRequest
from admin.forms import Field
from admin.pages.administrator.editor import Kind, Values, editor
from daemon.service.api import Service
from daemon.service.messages import Actor, Applied
from daemon.service.settings import CalendarSettings

WEEKDAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")


async def _fields(request: ConsoleRequest) -> tuple[Field, ...]:
    zones = tuple((name, name) for name in sorted(available_timezones()))
    return (
        Field(name="name", kind="slug", required=True, fixed=True),
        Field(name="zone", kind="choice", choices=(("", "form.site_zone"), *zones)),
        Field(
            name="week",
            kind="parts",
            parts=tuple(Field(name=day, kind="intervals") for day in WEEKDAYS),
        ),
        Field(
            name="days",
            kind="rows",
            parts=(Field(name="day", kind="date"), Field(name="intervals", kind="intervals")),
        ),
    )


def _values(calendar: CalendarSettings) -> Values:
    days = [{"day": day, "intervals": calendar.days[day]} for day in sorted(calendar.days)]
    return msgspec.structs.asdict(calendar) | {"days": days}


def _calendar(old: CalendarSettings, values: Values) -> CalendarSettings:
    week = {day: intervals for day, intervals in values["week"].items() if intervals}
    days = {row["day"]: row["intervals"] for row in values["days"]}
    given = values | {"week": week, "days": days}
    return msgspec.convert(msgspec.structs.asdict(old) | given, CalendarSettings)


def _check(values: Values) -> dict[str, str]:
    days = [row["day"] for row in values["days"]]
    return {"days": "twice"} if len(set(days)) < len(days) else {}


async def _put(service: Service, actor: Actor, calendar: CalendarSettings, _: Values) -> Applied:
    return await service.put_calendar(actor, calendar)


async def _extras(request: ConsoleRequest) -> Values:
    """What uses each calendar."""
    service = request.console.service
    users: dict[str, list[tuple[str, str]]] = {}
    for queue in await service.list_queues():
        users.setdefault(queue.calendar, []).append((f"/queues/{queue.slug}", queue.name))
    for number in await service.list_numbers():
        users.setdefault(number.calendar, []).append((f"/numbers/{number.number}", number.number))
    return {"users": users, "weekdays": WEEKDAYS, "site_zone": str(request.console.options.zone)}


blueprint = editor(
    Kind(
        name="calendars",
        path="/calendars",
        key="name",
        blank=CalendarSettings(name=""),
        fields=_fields,
        load=lambda service: service.list_calendars(),
        put=_put,
        delete=lambda service, actor, name: service.delete_calendar(actor, name),
        values_of=_values,
        thing_of=_calendar,
        check=_check,
        extras=_extras,
    )
)
