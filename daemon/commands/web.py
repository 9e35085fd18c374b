"""``hookflash web``: the console and the REST API, as a process of their own."""

import argparse
import os
import sys

from daemon.command_line import command, site_path


@command("web", "Run the web console of a site", "运行站点的网页控制台")
def web(arguments: argparse.Namespace) -> int:
    """Become ``python -m admin``; the daemon never imports the console."""
    site = str(site_path(arguments))
    os.execv(sys.executable, [sys.executable, "-m", "admin", "--site", site])
