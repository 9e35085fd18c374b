"""``hookflash run SITE``: start a site's processes and keep them running."""

import argparse
import asyncio
import signal
import sys
from pathlib import Path

from daemon.command_line import command, site_path
from daemon.language import pick


@command("run", "Run a site until stopped", "运行站点，直到停止", site="argument")
def run(arguments: argparse.Namespace) -> int:
    """Check the site, start its processes, and stop them on SIGINT or SIGTERM."""
    from daemon.logs import set_up_logging

    set_up_logging("run")
    return asyncio.run(_run(site_path(arguments)))


async def _run(site: Path) -> int:
    from daemon.readiness import endpoints, notify
    from daemon.site_directory import SiteDirectory
    from daemon.supervisor import WRONG_CONFIGURATION, StartRefused, Supervisor, site_processes

    directory = SiteDirectory.open(site)
    supervisor = Supervisor(site_processes(site), directory.run_dir)
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, supervisor.request_stop)
    try:
        if await supervisor.start():
            web = endpoints(directory.run_dir, "web")
            sys.stderr.write(pick("console: ", "控制台：") + str(web.get("url", "")) + "\n")
            notify("READY=1")
        await supervisor.run()
    except StartRefused as error:
        sys.stderr.write(f"hookflash: {error}\n")
        return WRONG_CONFIGURATION
    except TimeoutError as error:
        sys.stderr.write(f"hookflash: {error}\n")
        return 1
    finally:
        notify("STOPPING=1")
        await supervisor.stop()
    return 0
