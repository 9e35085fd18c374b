"""Queues: who serves them, in which order, their limits, and what callers get meanwhile."""

import msgspec

from admin.context import ConsoleRequest
from admin.pages.administrator.editor import Kind, Values, editor
from admin.pages.administrator.queue_fields import queue_fields
from daemon.service.api import Service
from daemon.service.messages import Actor, Applied
from daemon.service.settings import QueueSettings


def _values(queue: QueueSettings) -> Values:
    values: Values = msgspec.to_builtins(queue)
    return values


def _queue(old: QueueSettings, values: Values) -> QueueSettings:
    return msgspec.convert(_values(old) | values, QueueSettings)


async def _put(service: Service, actor: Actor, queue: QueueSettings, _: Values) -> Applied:
    return await service.put_queue(actor, queue)


def _waiting(request: ConsoleRequest, slug: str) -> tuple[str, int]:
    for queue in request.console.hub.state().queues:
        if queue.slug == slug and queue.callers:
            return "queues.waiting_now", queue.callers
    return "", 0


async def _extras(request: ConsoleRequest) -> Values:
    return {"live": {queue.slug: queue for queue in request.console.hub.state().queues}}


blueprint = editor(
    Kind(
        name="queues",
        path="/queues",
        key="slug",
        blank=QueueSettings(slug="", name=""),
        fields=queue_fields,
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
