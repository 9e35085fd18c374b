"""``hookflash media``: audio and devices of one site."""

import argparse
import asyncio

from daemon.command_line import command, site_path


@command("media", "Run the media process of a site", "运行站点的媒体进程")
def media(arguments: argparse.Namespace) -> int:
    """Run until SIGTERM; calls keep their audio while other processes restart."""
    from daemon.logs import set_up_logging
    from daemon.media.app import run_media
    from daemon.site_directory import SiteDirectory

    set_up_logging("media")
    asyncio.run(run_media(SiteDirectory.open(site_path(arguments))))
    return 0
