"""Queues: who serves them, in which order, and their limits."""

from typing import Any

from acd_core.routing.registry import strategies
from admin.context import ConsoleRequest
from admin.forms import Field
from admin.language import rule_text
from admin.pages.administrator.editor import Kind, Values, editor
from daemon.service.api import Service
from daemon.service.messages import Actor, Applied
from daemon.service.settings import QueueSettings


async def _fields(request: ConsoleRequest) -> tuple[Field, ...]:
    language = request.ctx.language
    rules = tuple((name, rule_text(name, language).capitalize()) for name in strategies())
    flows = await request.console.service.list_flows()
    flow_choices = (("", "form.hang_up"), *((flow.name, flow.name) for flow in flows))
    return (
        Field(name="slug", kind="slug", required=True, fixed=True),
        Field(name="name", required=True),
        Field(name="enabled", kind="switch"),
        Field(name="skills", kind="skills"),
        Field(name="strategy", kind="choice", choices=rules),
        Field(name="priority", kind="integer", minimum=-10, maximum=10),
        Field(name="ring_s", kind="number", minimum=3, maximum=120, unit="s"),
        Field(name="wrap_up_s", kind="number", minimum=0, maximum=3600, unit="s"),
        Field(name="last_agent_s", kind="number", minimum=0, maximum=600, unit="s"),
        Field(name="misses_to_pause", kind="integer", minimum=0, maximum=20),
        Field(name="max_wait_s", kind="number", minimum=0, maximum=86_400, unit="s"),
        Field(name="on_timeout", kind="choice", choices=flow_choices),
        Field(name="max_waiting", kind="integer", minimum=0, maximum=10_000),
        Field(name="on_full", kind="choice", choices=flow_choices),
        Field(name="service_level_s", kind="number", minimum=1, maximum=3600, unit="s"),
        Field(name="service_level_target", kind="number", minimum=1, maximum=100, unit="%"),
        Field(name="short_abandon_s", kind="number", minimum=0, maximum=120, unit="s"),
        Field(name="record", kind="switch"),
    )


def _values(queue: QueueSettings) -> Values:
    values: Values = {name: getattr(queue, name) for name in queue.__struct_fields__}
    return values | {"service_level_target": round(queue.service_level_target * 100, 1)}


def _queue(old: QueueSettings, values: Values) -> QueueSettings:
    kept: dict[str, Any] = {name: getattr(old, name) for name in old.__struct_fields__}
    share = values["service_level_target"] / 100
    return QueueSettings(**kept | values | {"service_level_target": share})


async def _put(service: Service, actor: Actor, queue: QueueSettings, _: Values) -> Applied:
    return await service.put_queue(actor, queue)


def _waiting(request: ConsoleRequest, slug: str) -> tuple[str, int]:
    for queue in request.console.hub.state().queues:
        if queue.slug == slug and queue.waiting:
            return "queues.waiting_now", len(queue.waiting)
    return "", 0


async def _extras(request: ConsoleRequest) -> Values:
    return {"live": {queue.slug: queue for queue in request.console.hub.state().queues}}


blueprint = editor(
    Kind(
        name="queues",
        path="/queues",
        key="slug",
        blank=QueueSettings(slug="", name=""),
        fields=_fields,
        load=lambda service: service.list_queues(),
        put=_put,
        delete=lambda service, actor, slug: service.delete_queue(actor, slug),
        values_of=_values,
        thing_of=_queue,
        consequence=_waiting,
        extras=_extras,
        readers=("supervisor", "administrator"),
    )
)
