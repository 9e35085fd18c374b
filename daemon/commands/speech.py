"""``hookflash speech``: recognisers and voices of one site."""

import argparse
import asyncio

from daemon.command_line import command, site_path


@command("speech", "Run the speech process of a site", "运行站点的语音进程")
def speech(arguments: argparse.Namespace) -> int:
    """Run until SIGTERM; ``hookflash run`` starts it with the others."""
    from daemon.logs import set_up_logging
    from daemon.readiness import announce
    from daemon.site_directory import SiteDirectory
    from speech.server import serve

    set_up_logging("speech")
    site = SiteDirectory.open(site_path(arguments))
    asyncio.run(
        serve(
            site.config.speech,
            site.path,
            site.socket("speech"),
            lambda: announce(site.run_dir, "speech"),
        )
    )
    return 0
