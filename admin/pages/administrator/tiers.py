"""Tiers of callers who come before others: the green channel."""

import msgspec

from admin.context import ConsoleRequest
from admin.forms import Field
from admin.pages.administrator.editor import Kind, Values, editor
from daemon.service.api import Service
from daemon.service.messages import Actor, Applied
from daemon.service.settings import TierSettings


async def _fields(request: ConsoleRequest) -> tuple[Field, ...]:
    people = await request.console.service.list_people()
    agents = tuple((one.login, one.name) for one in people if "agent" in one.roles)
    return (
        Field(name="slug", kind="slug", required=True, fixed=True),
        Field(name="name", required=True),
        Field(name="enabled", kind="switch"),
        Field(name="numbers", kind="lines"),
        Field(name="priority", kind="integer", minimum=-10, maximum=10),
        Field(name="agents", kind="ordered", choices=agents),
        Field(name="limit_s", kind="number", minimum=0, maximum=86_400, unit="s"),
        Field(name="keep_lines", kind="integer", minimum=0, maximum=10_000),
    )


def _tier(old: TierSettings, values: Values) -> TierSettings:
    return msgspec.convert(msgspec.structs.asdict(old) | values, TierSettings)


async def _put(service: Service, actor: Actor, tier: TierSettings, _: Values) -> Applied:
    return await service.put_tier(actor, tier)


blueprint = editor(
    Kind(
        name="tiers",
        path="/tiers",
        key="slug",
        blank=TierSettings(slug=""),
        fields=_fields,
        load=lambda service: service.list_tiers(),
        put=_put,
        delete=lambda service, actor, slug: service.delete_tier(actor, slug),
        thing_of=_tier,
    )
)
