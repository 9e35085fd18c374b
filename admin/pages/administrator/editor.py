"""One editor for every kind of setting: list, form, save, delete, take back.

A kind says how its things are listed, stored and turned into fields; this module makes the
pages. A change is in force when the list appears again, with a button that takes it back.
"""

from collections.abc import Awaitable, Callable, Sequence
from typing import Any
from urllib.parse import quote, urlencode

import msgspec
from sanic import Blueprint, HTTPResponse
from sanic.response import redirect

from admin.auth import needs
from admin.context import ConsoleRequest
from admin.errors import BadRequest, PageMissing
from admin.forms import Field, edit_rows, read_form, skill_rows
from admin.rendering import page
from daemon.service.api import Service
from daemon.service.errors import ServiceError
from daemon.service.messages import Actor, Applied

Values = dict[str, Any]


class Kind(msgspec.Struct, frozen=True, kw_only=True):
    """How one kind of setting is listed, edited and stored."""

    name: str
    """Catalogue file and template name: queues, people, numbers, reasons."""
    path: str
    key: str
    """Field that names a thing in the address."""
    blank: msgspec.Struct
    fields: Callable[[ConsoleRequest], Awaitable[tuple[Field, ...]]]
    load: Callable[[Service], Awaitable[Sequence[Any]]]
    put: Callable[[Service, Actor, Any, Values], Awaitable[Applied]]
    delete: Callable[[Service, Actor, str], Awaitable[Applied]]
    values_of: Callable[[Any], Values] = msgspec.structs.asdict
    thing_of: Callable[[Any, Values], Any] = lambda old, values: msgspec.structs.replace(
        old, **values
    )
    consequence: Callable[[ConsoleRequest, str], tuple[str, int]] = lambda _request, _key: ("", 0)
    """Catalogue key and number of what a removal would hit; empty when nothing."""
    check: Callable[[Values], dict[str, str]] = lambda _values: {}
    """Faults that no field sees by itself, by field."""
    extras: Callable[[ConsoleRequest], Awaitable[Values]] | None = None
    """More values for the list's template."""
    readers: tuple[str, ...] = ("administrator",)


class Group(msgspec.Struct, frozen=True):
    """A section of a form."""

    name: str
    fields: tuple[Field, ...]
    faulty: bool


def faulty(faults: dict[str, str]) -> set[str]:
    """Names of the fields that have a fault, inside them or by themselves."""
    return {path.partition(".")[0] for path in faults}


def grouped(fields: Sequence[Field], faults: dict[str, str]) -> list[Group]:
    """Fields by their sections, in the order in which the sections begin."""
    wrong = faulty(faults)
    groups = []
    for name in dict.fromkeys(field.group for field in fields):
        inside = tuple(field for field in fields if field.group == name)
        groups.append(Group(name, inside, any(field.name in wrong for field in inside)))
    return groups


def editor(kind: Kind) -> Blueprint:
    """The blueprint with the pages of a kind; its name is the kind's."""
    blueprint = Blueprint(f"edit_{kind.name}")
    pages = _Pages(kind)
    read, write = needs(*kind.readers), needs("administrator")
    blueprint.add_route(read(pages.listing), kind.path, name="list")
    blueprint.add_route(write(pages.new), f"{kind.path}/new", name="new")
    blueprint.add_route(write(pages.create), f"{kind.path}/new", methods=["POST"], name="create")
    one = f"{kind.path}/<key:str>"
    blueprint.add_route(read(pages.edit), one, name="edit", unquote=True)
    blueprint.add_route(write(pages.save), one, methods=["POST"], name="save", unquote=True)
    blueprint.add_route(
        write(pages.delete), f"{one}/delete", methods=["POST"], name="delete", unquote=True
    )
    return blueprint


class _Pages:
    """The handlers of one kind."""

    def __init__(self, kind: Kind) -> None:
        self._kind = kind

    async def listing(self, request: ConsoleRequest) -> HTTPResponse:
        kind = self._kind
        things = sorted(
            await kind.load(request.console.service),
            key=lambda thing: str(getattr(thing, kind.key)),
        )
        change = request.args.get("change") or "0"
        return await page(
            request,
            f"administrator/{kind.name}.html",
            things=things,
            saved=request.args.get("saved") or "",
            change=int(change) if change.isdigit() else 0,
            kind=kind,
            state=request.console.hub.state(),
            may_write="administrator" in request.roles,
            **(await kind.extras(request) if kind.extras else {}),
        )

    async def new(self, request: ConsoleRequest) -> HTTPResponse:
        return await self._form(request, self._kind.blank, self._kind.values_of(self._kind.blank))

    async def create(self, request: ConsoleRequest) -> HTTPResponse:
        return await self._store(request, self._kind.blank, new=True)

    async def edit(self, request: ConsoleRequest, key: str) -> HTTPResponse:
        thing = await self._find(request, key)
        return await self._form(request, thing, self._kind.values_of(thing), key=key)

    async def save(self, request: ConsoleRequest, key: str) -> HTTPResponse:
        return await self._store(request, await self._find(request, key), key=key)

    async def delete(self, request: ConsoleRequest, key: str) -> HTTPResponse:
        applied = await self._kind.delete(request.console.service, request.actor, key)
        return self._back(key, applied)

    async def _find(self, request: ConsoleRequest, key: str) -> Any:
        for thing in await self._kind.load(request.console.service):
            if getattr(thing, self._kind.key) == key:
                return thing
        raise PageMissing

    async def _store(
        self, request: ConsoleRequest, old: Any, *, key: str = "", new: bool = False
    ) -> HTTPResponse:
        fields = [field for field in await self._kind.fields(request) if new or not field.fixed]
        read = read_form(request.form, fields)
        if order := request.field("rows"):
            values = edit_rows(read.values, fields, order)
            return await self._form(request, old, values, key=key)
        faults = read.faults or self._kind.check(read.values)
        if faults:
            return await self._form(request, old, read.values, key=key, faults=faults)
        version = request.field("version")
        if not version.isdigit():
            raise BadRequest
        thing = self._kind.thing_of(old, read.values)
        thing = msgspec.structs.replace(thing, version=int(version))
        try:
            applied = await self._kind.put(
                request.console.service, request.actor, thing, read.values
            )
        except ServiceError as error:
            if error.code not in ("invalid", "conflict", "not-found"):
                raise
            return await self._form(
                request,
                old,
                read.values,
                key=key,
                faults=error.fields,
                fault=error.text(request.ctx.language),
            )
        return self._back(getattr(thing, self._kind.key), applied)

    def _back(self, key: str, applied: Applied) -> HTTPResponse:
        query = urlencode({"saved": key, "change": applied.change})
        return redirect(f"{self._kind.path}?{query}")

    async def _form(
        self,
        request: ConsoleRequest,
        thing: Any,
        values: Values,
        *,
        key: str = "",
        faults: dict[str, str] | None = None,
        fault: str = "",
    ) -> HTTPResponse:
        fields = await self._kind.fields(request)
        known = await request.console.service.list_skills()
        text, count = self._kind.consequence(request, key) if key else ("", 0)
        return await page(
            request,
            "administrator/form.html",
            status=422 if faults or fault else 200,
            kind=self._kind,
            fields=fields,
            groups=grouped(fields, faults or {}),
            wrong=faulty(faults or {}),
            values=self._kind.values_of(thing) | values,
            skills={
                field.name: skill_rows(values.get(field.name) or {}, known)
                for field in fields
                if field.kind == "skills"
            },
            key=key,
            action=f"{self._kind.path}/{quote(key, safe='') or 'new'}",
            version=thing.version,
            faults=faults or {},
            fault=fault,
            consequence=(text, count),
            may_write="administrator" in request.roles,
        )
