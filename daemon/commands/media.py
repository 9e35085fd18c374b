"""``hookflash media``: audio and devices of one site."""

import argparse

from cython_ext.implementation import PURE_PYTHON
from daemon.command_line import WRONG_USAGE, command, site_path
from daemon.errors import CommandError
from daemon.language import pick


@command("media", "Run the media process of a site", "运行站点的媒体进程")
def media(arguments: argparse.Namespace) -> int:
    """Run until SIGTERM; calls keep their audio while other processes restart."""
    if PURE_PYTHON:
        # The code of a wrong configuration: starting again would only say it again.
        raise CommandError(
            pick(
                "there is no audio: the media engine exists only compiled, and "
                "HOOKFLASH_PURE_PYTHON=1 selects the plain-Python kernels",
                "没有音频：媒体引擎只有编译版本，而 HOOKFLASH_PURE_PYTHON=1 选用纯 Python 内核",
            ),
            todo=pick(
                "unset HOOKFLASH_PURE_PYTHON, then make build",
                "请取消 HOOKFLASH_PURE_PYTHON，然后执行 make build",
            ),
            exit_code=WRONG_USAGE,
        )
    import uvloop

    from daemon.logs import set_up_logging
    from daemon.media.app import run_media
    from daemon.site_directory import SiteDirectory

    set_up_logging("media")
    uvloop.run(run_media(SiteDirectory.open(site_path(arguments))))
    return 0
