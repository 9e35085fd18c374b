"""Called numbers: which flow or queue each of them leads to."""

from admin.context import ConsoleRequest
from admin.forms import Field
from admin.pages.administrator.editor import Kind, Values, editor
from admin.pages.administrator.people import LANGUAGE_CHOICES
from daemon.service.api import Service
from daemon.service.messages import Actor, Applied
from daemon.service.settings import NumberSettings


async def _fields(request: ConsoleRequest) -> tuple[Field, ...]:
    service = request.console.service
    flows = tuple((flow.name, flow.name) for flow in await service.list_flows())
    queues = tuple((queue.slug, queue.name) for queue in await service.list_queues())
    calendars = tuple((entry.name, entry.name) for entry in await service.list_calendars())
    return (
        Field(name="number", kind="dialled", required=True, fixed=True),
        Field(name="name"),
        Field(name="enabled", kind="switch"),
        Field(name="flow", kind="choice", choices=(("", "form.no_flow"), *flows)),
        Field(name="queue", kind="choice", choices=(("", "form.no_queue"), *queues)),
        Field(name="calendar", kind="choice", choices=(("", "form.always_open"), *calendars)),
        Field(name="closed_flow", kind="choice", choices=(("", "form.hang_up"), *flows)),
        Field(name="language", kind="choice", choices=LANGUAGE_CHOICES),
    )


async def _put(service: Service, actor: Actor, number: NumberSettings, _: Values) -> Applied:
    return await service.put_number(actor, number)


blueprint = editor(
    Kind(
        name="numbers",
        path="/numbers",
        key="number",
        blank=NumberSettings(number=""),
        fields=_fields,
        load=lambda service: service.list_numbers(),
        put=_put,
        delete=lambda service, actor, number: service.delete_number(actor, number),
    )
)
