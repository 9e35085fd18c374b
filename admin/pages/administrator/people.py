"""People: agents with skills and stations, and everybody else who signs in."""

import msgspec

from admin.context import ConsoleRequest
from admin.forms import Field
from admin.pages.administrator.editor import Kind, Values, editor
from admin.pages.administrator.queue_fields import MEDIA
from daemon.service.api import Service
from daemon.service.messages import ROLES, Actor, Applied
from daemon.service.settings import PersonSettings

LANGUAGE_CHOICES = (("en", "form.language_en"), ("zh", "form.language_zh"))


async def _fields(request: ConsoleRequest) -> tuple[Field, ...]:
    service = request.console.service
    stations = tuple((one.name, one.name) for one in await service.list_station_settings())
    known = {name for name, _ in stations}
    # A telephone that was removed stays to be seen with those who usually sat there.
    gone = {person.station for person in await service.list_people()} - known - {""}
    queues = tuple((one.slug, one.name or one.slug) for one in await service.list_queues())
    skills = tuple((name, name) for name in await service.list_skills())
    return (
        Field(name="login", kind="slug", group="person", required=True, fixed=True),
        Field(name="name", group="person", required=True),
        Field(name="enabled", kind="switch", group="person"),
        Field(
            name="roles",
            kind="choices",
            group="person",
            required=True,
            choices=tuple((role, f"role.{role}") for role in ROLES),
        ),
        Field(name="language", kind="choice", group="person", choices=LANGUAGE_CHOICES),
        Field(name="password", kind="password", group="person"),
        Field(
            name="station",
            kind="choice",
            group="person",
            choices=(("", "form.no_station"), *stations, *((name, name) for name in sorted(gone))),
        ),
        Field(name="skills", kind="skills", group="agent_skills"),
        Field(
            name="reserve", kind="choices", group="agent_skills", choices=skills, beside="skills"
        ),
        Field(name="queues", kind="ordered", group="agent_work", choices=queues),
        Field(name="only_queues", kind="switch", group="agent_work"),
        Field(
            name="capacity",
            kind="amounts",
            group="agent_work",
            choices=tuple((medium, f"medium.{medium}") for medium in MEDIA),
            minimum=0,
            maximum=100,
        ),
        Field(
            name="interruptible",
            kind="choices",
            group="agent_work",
            choices=tuple((medium, f"medium.{medium}") for medium in MEDIA if medium != "call"),
        ),
    )


def _values(person: PersonSettings) -> Values:
    return msgspec.structs.asdict(person) | {"password": ""}


def _person(old: PersonSettings, values: Values) -> PersonSettings:
    given = {name: value for name, value in values.items() if name != "password"}
    return msgspec.convert(msgspec.structs.asdict(old) | given, PersonSettings)


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
