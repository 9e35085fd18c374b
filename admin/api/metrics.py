"""``/metrics`` for Prometheus: with a technician's token, or from addresses that may ask.

A request that a proxy passed on is never judged by its address, for that is the proxy's.
"""

import ipaddress
from typing import Final

from sanic import Blueprint, HTTPResponse

from admin.context import ConsoleRequest
from admin.metrics.exposition import CONTENT_TYPE, exposition
from admin.metrics.families import families, up_family
from daemon.service.errors import ServiceError

blueprint = Blueprint("metrics")

ROLES: Final = frozenset({"technician", "administrator"})
PROXIED: Final = ("forwarded", "x-forwarded-for", "x-real-ip", "via")


@blueprint.get("/metrics")
async def metrics(request: ConsoleRequest) -> HTTPResponse:
    """All figures; 401 without a token, 403 with one of somebody else's role."""
    if not request.roles & ROLES and not _may_ask(request):
        status = 401 if request.ctx.person is None else 403
        return HTTPResponse(
            "A token of a technician is needed, or metrics_from in hookflash.toml.\n",
            status=status,
            headers={"WWW-Authenticate": "Bearer"} if status == 401 else {},
            content_type="text/plain; charset=utf-8",
        )
    console = request.console
    try:
        found = families(
            await console.service.status(),
            await console.service.live(),
            await console.service.figures(),
        )
    except ServiceError as error:
        if error.code != "unavailable":
            raise
        found = [up_family(up=False)]
    return HTTPResponse(exposition(found), content_type=CONTENT_TYPE)


def _may_ask(request: ConsoleRequest) -> bool:
    """Whether the address itself is enough."""
    if any(name in request.headers for name in PROXIED):
        return False
    try:
        address = ipaddress.ip_address(request.ip)
    except ValueError:
        return False
    return any(
        address in ipaddress.ip_network(text, strict=False)
        for text in request.console.options.metrics_from
    )
