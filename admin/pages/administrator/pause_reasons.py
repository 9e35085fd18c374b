"""Reasons that agents may give for a pause."""

from admin.context import ConsoleRequest
from admin.forms import Field
from admin.pages.administrator.editor import Kind, Values, editor
from daemon.service.api import Service
from daemon.service.messages import Actor, Applied, Text
from daemon.service.settings import PauseReason


async def _fields(_: ConsoleRequest) -> tuple[Field, ...]:
    return (
        Field(name="slug", kind="slug", required=True, fixed=True),
        Field(name="text_en", required=True),
        Field(name="text_zh", required=True),
        Field(name="enabled", kind="switch"),
    )


def _values(reason: PauseReason) -> Values:
    return {
        "slug": reason.slug,
        "text_en": reason.text.en,
        "text_zh": reason.text.zh,
        "enabled": reason.enabled,
    }


def _reason(old: PauseReason, values: Values) -> PauseReason:
    return PauseReason(
        slug=values.get("slug", old.slug),
        text=Text(values["text_en"], values["text_zh"]),
        enabled=values["enabled"],
    )


async def _put(service: Service, actor: Actor, reason: PauseReason, _: Values) -> Applied:
    return await service.put_pause_reason(actor, reason)


blueprint = editor(
    Kind(
        name="reasons",
        path="/pause-reasons",
        key="slug",
        blank=PauseReason(slug="", text=Text("")),
        fields=_fields,
        load=lambda service: service.list_pause_reasons(),
        put=_put,
        delete=lambda service, actor, slug: service.delete_pause_reason(actor, slug),
        values_of=_values,
        thing_of=_reason,
    )
)
