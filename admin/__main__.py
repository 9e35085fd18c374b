"""The web process: ``python -m admin --site DIR``, started by ``hookflash web``."""

import argparse
import asyncio
import signal
import socket
import ssl
import sys
from pathlib import Path
from zoneinfo import ZoneInfo

import structlog
import uvloop

from admin.app import create_console, served
from admin.context import ConsoleOptions
from admin.records import Records
from daemon.errors import ConfigError
from daemon.logs import set_up_logging
from daemon.readiness import announce
from daemon.service.socket_client import ServiceClient
from daemon.site_directory import SiteDirectory

log = structlog.get_logger(__name__)


def main(argv: list[str] | None = None) -> int:
    """Serve the console of a site until told to stop; 1 without its port, 2 when misconfigured."""
    parser = argparse.ArgumentParser(prog="admin", description="The web console of a site.")
    parser.add_argument("--site", type=Path, required=True, help="the site directory")
    arguments = parser.parse_args(argv)
    set_up_logging("web")
    try:
        site = SiteDirectory.open(arguments.site)
    except ConfigError as error:
        sys.stderr.write(f"{error}\n")
        return 2
    try:
        uvloop.run(_serve(site))
    except OSError as error:
        web = site.config.web
        sys.stderr.write(f"hookflash web: {web.address}:{web.port}: {error.strerror or error}\n")
        return 1
    return 0


async def _serve(site: SiteDirectory) -> None:
    web = site.config.web
    zone = ZoneInfo(site.config.site.timezone)
    tls = _tls(site)
    client = ServiceClient(site.socket("control"))
    app = create_console(
        client.service,
        Records(site.database, zone),
        ConsoleOptions(
            site=site.path,
            name=site.config.site.name,
            zone=zone,
            language=site.config.site.language,
            secure=tls is not None,
            metrics_from=web.metrics_from,
        ),
    )
    listening = _listen(web.address, web.port)
    port = listening.getsockname()[1]
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    async with served(app, listening, tls=tls):
        url = f"{'https' if tls else 'http'}://{_host(web.address)}:{port}/"
        log.info("console ready", url=url)
        announce(site.run_dir, "web", url=url, address=web.address, port=port)
        await stop.wait()
    await client.close()


def _listen(address: str, port: int) -> socket.socket:
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    listening = socket.socket(family, socket.SOCK_STREAM)
    listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    listening.bind((address, port))
    listening.listen(128)
    listening.setblocking(False)
    return listening


def _host(address: str) -> str:
    return f"[{address}]" if ":" in address else address


def _tls(site: SiteDirectory) -> ssl.SSLContext | None:
    web = site.config.web
    if not web.tls_certificate:
        return None
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.load_cert_chain(site.path / web.tls_certificate, site.path / web.tls_key)
    return context


if __name__ == "__main__":
    sys.exit(main())
