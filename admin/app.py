"""Makes the console: a Sanic app around the facade, the records and the live mirror.

Every module of ``admin.pages`` and ``admin.api`` with a ``blueprint`` is part of it.
"""

import importlib
import pkgutil
import socket
import ssl
import time
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager
from typing import Any, Final

import msgspec
from sanic import Blueprint, Config

import admin.api
import admin.pages
from admin import auth, errors, security
from admin.context import ConsoleApp, ConsoleContext, ConsoleOptions, ConsoleRequest
from admin.live import LiveHub
from admin.records import Records
from admin.rendering import STATIC
from daemon.service.api import Service

STATIC_AGE_S: Final = 365 * 86_400


def create_console(
    service: Service,
    records: Records,
    options: ConsoleOptions,
    *,
    clock: Callable[[], float] = time.time,
    name: str = "hookflash",
) -> ConsoleApp:
    """Build the app; ``served`` runs it."""
    config = Config(
        {
            "REQUEST_MAX_SIZE": security.MOST_UPLOAD,
            "RESPONSE_TIMEOUT": 120,
            "KEEP_ALIVE_TIMEOUT": 30,
            "WEBSOCKET_MAX_SIZE": 64 << 10,
            "WEBSOCKET_PING_INTERVAL": 15,
            "WEBSOCKET_PING_TIMEOUT": 15,
            "FALLBACK_ERROR_FORMAT": "text",
            "MOTD": False,
            "INSPECTOR": False,
            "TOUCHUP": False,  # rewrites methods of Sanic in place; not for two apps in a process
        },
        env_prefix=None,
    )
    hub = LiveHub(service, clock)
    context = ConsoleContext(service, records, hub, options, clock)
    app: ConsoleApp = ConsoleApp(
        name,
        config=config,
        ctx=context,
        request_class=ConsoleRequest,  # type: ignore[arg-type]  # typed for the default context
        configure_logging=False,
        dumps=lambda value: msgspec.json.encode(value).decode(),
        loads=msgspec.json.decode,
    )
    security.register(app)
    auth.register(app)
    errors.register(app)
    for blueprint in blueprints():
        app.blueprint(blueprint)
    app.static("/static", STATIC, name="static")
    app.register_middleware(_keep_static, "response")

    async def start(_: ConsoleApp) -> None:
        hub.start()

    async def stop(_: ConsoleApp) -> None:
        await hub.stop()
        await records.close()

    app.register_listener(start, "after_server_start")
    app.register_listener(stop, "before_server_stop")
    return app


def blueprints() -> Iterator[Blueprint]:
    """The blueprint of every page and API module, in order of their names."""
    for package in (admin.pages, admin.api):
        for found in pkgutil.walk_packages(package.__path__, f"{package.__name__}."):
            module = importlib.import_module(found.name)
            blueprint = getattr(module, "blueprint", None)
            if isinstance(blueprint, Blueprint):
                yield blueprint


async def _keep_static(request: ConsoleRequest, response: Any) -> None:
    # the address holds a mark of the content, so a changed file has another address
    if request.path.startswith("/static/"):
        kept = f"public, max-age={STATIC_AGE_S}, immutable"
        response.headers["Cache-Control"] = kept if "v" in request.args else "no-cache"


@asynccontextmanager
async def served(
    app: ConsoleApp, listening: socket.socket, *, tls: ssl.SSLContext | None = None
) -> AsyncIterator[None]:
    """Serve the app on a bound socket, in this loop, until the block ends."""
    server: Any = await app.create_server(
        sock=listening, ssl=tls, return_asyncio_server=True, access_log=False
    )
    await server.startup()
    await server.before_start()
    await server.after_start()
    try:
        yield
    finally:
        await server.before_stop()
        await server.close()
        for connection in list(server.connections):
            connection.abort()
        await server.after_stop()
