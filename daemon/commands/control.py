"""``hookflash control``: signalling, calls and distribution of one site."""

import argparse
import os

from daemon.command_line import command, site_path


@command("control", "Run the control process of a site", "运行站点的控制进程")
def control(arguments: argparse.Namespace) -> int:
    """Run until SIGTERM; ``hookflash run`` starts it with the others."""
    # Its threads would not survive the forks below, and audio files are too small for them.
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
    import uvloop

    from daemon.control.app import run_control
    from daemon.logs import set_up_logging
    from daemon.machine.fresh_worker import run_in_fresh_workers
    from daemon.site_directory import SiteDirectory

    def work() -> int:
        uvloop.run(run_control(SiteDirectory.open(site_path(arguments))))
        return 0

    set_up_logging("control")
    return run_in_fresh_workers(work)
