"""Telephones at which agents sit: those that register, and those at a board."""

from typing import Final

import msgspec

from admin.context import ConsoleRequest
from admin.forms import Field
from admin.pages.administrator.editor import Kind, Values, editor
from daemon.service.api import Service
from daemon.service.credentials import pin_fault
from daemon.service.errors import ServiceError
from daemon.service.messages import Actor, Applied
from daemon.service.settings import StationSettings

APART: Final = ("secret", "pin", "has_pin")
"""Fields that are stored by themselves."""


async def _fields(_: ConsoleRequest) -> tuple[Field, ...]:
    return (
        Field(name="name", required=True, fixed=True),
        Field(name="enabled", kind="switch"),
        Field(name="line"),
        Field(name="secret", kind="password"),
        Field(name="has_pin", kind="switch"),
        Field(name="pin", kind="password"),
        Field(name="realm"),
    )


def _values(station: StationSettings) -> Values:
    return msgspec.structs.asdict(station) | {"secret": "", "pin": ""}


def _station(old: StationSettings, values: Values) -> StationSettings:
    given = {name: value for name, value in values.items() if name not in APART}
    return msgspec.convert(msgspec.structs.asdict(old) | given, StationSettings)


async def _put(service: Service, actor: Actor, station: StationSettings, values: Values) -> Applied:
    pin, opens = str(values.get("pin", "")), bool(values.get("has_pin"))
    if opens and not pin and not station.has_pin:
        en, zh = "Its mailbox opens from elsewhere with a PIN only.", "在其他话机收听须有信箱密码。"
        raise ServiceError("invalid", en, zh, fields={"pin": "required"})
    applied = await service.put_station(actor, station, str(values.get("secret", "")))
    if pin or (station.has_pin and not opens):
        await service.set_mailbox_pin(actor, station.name, pin)
    return applied


def _faults(values: Values) -> dict[str, str]:
    """Before anything is stored: a PIN that is refused must leave no telephone half changed."""
    pin = str(values.get("pin", ""))
    fault = pin_fault(pin) if pin else ""
    return {"pin": fault} if fault else {}


async def _extras(request: ConsoleRequest) -> Values:
    """Who usually sits where, and who sits there now."""
    people = await request.console.service.list_people()
    status = await request.console.service.status()
    usual = {one.station: one for one in people if one.station}
    lines = {line.line.removeprefix("station:"): line for line in status.lines}
    agents = request.console.hub.state().agents
    seated = {one.station: one for one in agents if one.station and one.state != "logged_out"}
    return {"usual": usual, "lines": lines, "seated": seated}


blueprint = editor(
    Kind(
        name="stations",
        path="/stations",
        key="name",
        blank=StationSettings(name=""),
        fields=_fields,
        load=lambda service: service.list_station_settings(),
        put=_put,
        delete=lambda service, actor, name: service.delete_station(actor, name),
        values_of=_values,
        thing_of=_station,
        check=_faults,
        extras=_extras,
        readers=("technician", "administrator"),
    )
)
