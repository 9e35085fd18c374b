"""People: agents with skills and stations, and everybody else who signs in."""

from admin.context import ConsoleRequest
from admin.forms import Field
from admin.pages.administrator.editor import Kind, Values, editor
from daemon.service.api import Service
from daemon.service.messages import ROLES, Actor, Applied
from daemon.service.settings import PersonSettings

LANGUAGE_CHOICES = (("en", "form.language_en"), ("zh", "form.language_zh"))


async def _fields(_: ConsoleRequest) -> tuple[Field, ...]:
    return (
        Field(name="login", kind="slug", required=True, fixed=True),
        Field(name="name", required=True),
        Field(name="enabled", kind="switch"),
        Field(
            name="roles",
            kind="choices",
            required=True,
            choices=tuple((role, f"role.{role}") for role in ROLES),
        ),
        Field(name="station"),
        Field(name="skills", kind="skills"),
        Field(name="language", kind="choice", choices=LANGUAGE_CHOICES),
        Field(name="password", kind="password"),
    )


def _values(person: PersonSettings) -> Values:
    return {name: getattr(person, name) for name in person.__struct_fields__} | {"password": ""}


def _person(old: PersonSettings, values: Values) -> PersonSettings:
    kept: Values = {name: getattr(old, name) for name in old.__struct_fields__}
    given = {name: value for name, value in values.items() if name != "password"}
    return PersonSettings(**kept | given)


async def _put(service: Service, actor: Actor, person: PersonSettings, values: Values) -> Applied:
    return await service.put_person(actor, person, str(values.get("password", "")))


def _in_call(request: ConsoleRequest, login: str) -> tuple[str, int]:
    for agent in request.console.hub.state().agents:
        if agent.login == login and agent.call:
            return "people.in_call_now", 1
    return "", 0


async def _extras(request: ConsoleRequest) -> Values:
    reasons = await request.console.service.list_pause_reasons()
    language = request.ctx.language
    return {
        "live": {agent.login: agent for agent in request.console.hub.state().agents},
        "reasons": [(reason.slug, reason.text.of(language)) for reason in reasons],
    }


blueprint = editor(
    Kind(
        name="people",
        path="/agents",
        key="login",
        blank=PersonSettings(login="", name=""),
        fields=_fields,
        load=lambda service: service.list_people(),
        put=_put,
        delete=lambda service, actor, login: service.delete_person(actor, login),
        values_of=_values,
        thing_of=_person,
        consequence=_in_call,
        extras=_extras,
        readers=("supervisor", "administrator"),
    )
)
