"""The OpenAPI document of the REST interface, made from the endpoints and their structs.

Endpoints are declared with ``endpoint``; what is not declared is not in the document, and
a test compares the two.
"""

from collections.abc import Callable, Coroutine
from typing import Any, Final

import msgspec
from sanic import Blueprint, HTTPResponse

from admin.auth import needs
from admin.context import ConsoleRequest
from admin.errors import BadRequest, SignedOut

PREFIX: Final = "/api/v1"
EVERYBODY: Final = ("agent", "supervisor", "administrator", "technician")

blueprint = Blueprint("openapi")

Handler = Callable[..., Coroutine[Any, Any, Any]]


class Parameter(msgspec.Struct, frozen=True):
    """A query parameter."""

    name: str
    text: str
    kind: str = "string"


class Endpoint(msgspec.Struct, frozen=True, kw_only=True):
    """One operation of the interface."""

    method: str
    path: str
    summary: str
    summary_zh: str
    roles: tuple[str, ...]
    result: Any = None
    """Type of the reply; None for a reply without content."""
    body: Any = None
    """Type of the request's JSON."""
    body_types: tuple[str, ...] = ()
    """Content types of a request that is a file."""
    parameters: tuple[Parameter, ...] = ()
    content_type: str = "application/json"


ENDPOINTS: Final[list[Endpoint]] = []


def endpoint(
    blueprint: Blueprint,
    method: str,
    path: str,
    summary: str,
    summary_zh: str,
    *,
    roles: tuple[str, ...] = EVERYBODY,
    result: Any = None,
    body: Any = None,
    body_types: tuple[str, ...] = (),
    parameters: tuple[Parameter, ...] = (),
    content_type: str = "application/json",
) -> Callable[[Handler], Handler]:
    """Route a handler below /api/v1 and describe it; ``<name:str>`` in paths as in Sanic."""

    def decorate(handler: Handler) -> Handler:
        ENDPOINTS.append(
            Endpoint(
                method=method,
                path=path,
                summary=summary,
                summary_zh=summary_zh,
                roles=roles,
                result=result,
                body=body,
                body_types=body_types,
                parameters=parameters,
                content_type=content_type,
            )
        )
        blueprint.add_route(
            needs(*roles)(handler),
            PREFIX + path,
            methods=[method],
            name=f"{method.lower()}_{handler.__name__}",
            unquote=True,
        )
        return handler

    return decorate


def reply(value: object) -> HTTPResponse:
    """A struct as JSON."""
    return HTTPResponse(msgspec.json.encode(value), content_type="application/json")


def read_body(request: ConsoleRequest, kind: Any) -> Any:
    """The request's JSON as a struct; BadRequest when it does not fit."""
    try:
        return msgspec.json.decode(request.body or b"{}", type=kind)
    except msgspec.MsgspecError as error:
        raise BadRequest from error


def document(site: str) -> dict[str, Any]:
    """The OpenAPI 3.1 document."""
    kinds = [kind for e in ENDPOINTS for kind in (e.result, e.body) if kind is not None]
    schemas, components = msgspec.json.schema_components(
        kinds, ref_template="#/components/schemas/{name}"
    )
    schema_of = {id(kind): schema for kind, schema in zip(kinds, schemas, strict=True)}
    paths: dict[str, dict[str, Any]] = {}
    for found in ENDPOINTS:
        operations = paths.setdefault(PREFIX + _braced(found.path), {})
        operations[found.method.lower()] = _operation(found, schema_of)
    return {
        "openapi": "3.1.0",
        "info": {
            "title": f"Hookflash: {site}",
            "version": "1",
            "description": "Moments are seconds since 1970 UTC, durations end in _s, "
            "calls and recordings are 13-character texts.",
        },
        "servers": [{"url": "/"}],
        "security": [{"token": []}, {"session": []}],
        "paths": paths,
        "components": {
            "schemas": components,
            "securitySchemes": {
                "token": {"type": "http", "scheme": "bearer"},
                "session": {"type": "apiKey", "in": "cookie", "name": "hf_session"},
            },
        },
    }


def _operation(found: Endpoint, schema_of: dict[int, Any]) -> dict[str, Any]:
    made: dict[str, Any] = {
        "summary": found.summary,
        "tags": [found.path.split("/")[1]],
        "description": f"Roles: {', '.join(found.roles)}.",
        "parameters": [
            {"name": name, "in": "path", "required": True, "schema": {"type": "string"}}
            for name in _names(found.path)
        ]
        + [
            {
                "name": parameter.name,
                "in": "query",
                "description": parameter.text,
                "schema": {"type": parameter.kind},
            }
            for parameter in found.parameters
        ],
        "responses": {
            "4XX": {"description": "error: {code, text, fields}"},
            "200"
            if found.result is not None or found.content_type != "application/json"
            else "204": {"description": "done"},
        },
    }
    if found.result is not None:
        made["responses"]["200"]["content"] = {
            found.content_type: {"schema": schema_of[id(found.result)]}
        }
    elif found.content_type != "application/json":
        made["responses"]["200"]["content"] = {found.content_type: {}}
    if found.body is not None:
        made["requestBody"] = {
            "required": True,
            "content": {"application/json": {"schema": schema_of[id(found.body)]}},
        }
    if found.body_types:
        made["requestBody"] = {"required": True, "content": {kind: {} for kind in found.body_types}}
    return made


def _names(path: str) -> list[str]:
    return [part[1:].partition(":")[0] for part in path.split("/") if part.startswith("<")]


def _braced(path: str) -> str:
    return "/".join(
        f"{{{part[1:].partition(':')[0]}}}" if part.startswith("<") else part
        for part in path.split("/")
    )


@blueprint.get(f"{PREFIX}/openapi.json")
async def openapi(request: ConsoleRequest) -> HTTPResponse:
    """The document itself."""
    if request.ctx.person is None:
        raise SignedOut
    return reply(document(request.console.options.name))
