"""``hookflash control``: signalling, calls and distribution of one site."""

import argparse

from daemon.command_line import command, site_path


@command("control", "Run the control process of a site", "运行站点的控制进程")
def control(arguments: argparse.Namespace) -> int:
    """Run until SIGTERM; ``hookflash run`` starts it with the others."""
    import uvloop

    from daemon.control.app import run_control
    from daemon.logs import set_up_logging
    from daemon.site_directory import SiteDirectory

    set_up_logging("control")
    uvloop.run(run_control(SiteDirectory.open(site_path(arguments))))
    return 0
