"""``hookflash simulate-exchange``: serial link and simulated boards of one exchange."""

import argparse
import asyncio
import sys

from daemon.command_line import FAILURE, command, site_path
from daemon.errors import CommandError
from daemon.language import pick


def _arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--link",
        metavar="NAME",
        default="",
        help=pick("the serial link to stand behind", "要模拟的串行链路"),
    )


@command(
    "simulate-exchange",
    "Simulate an exchange: serial link and voice boards of a site",
    "模拟交换机：站点的串行链路和语音卡",
    arguments=_arguments,
)
def simulate_exchange(arguments: argparse.Namespace) -> int:
    """Serve until stopped; commands are read from standard input."""
    from daemon.commands._switchboard import (
        Switchboard,
        serve,
        simulated_boards,
        simulated_switch,
        terminals,
    )
    from daemon.site_directory import SiteDirectory
    from drivers.errors import DriverError

    site = SiteDirectory.open(site_path(arguments))
    switch, boards = simulated_switch(site, arguments.link), simulated_boards(site)
    ports = {number: port for board in boards.values() for number, port in board.ports.items()}

    async def run() -> None:
        try:
            switch.start()
        except (DriverError, OSError) as error:
            raise CommandError(str(error), exit_code=FAILURE) from error
        sys.stdout.write(f"{switch.device}\n")
        try:
            await serve(boards, Switchboard(ports, terminals(site), switch))
        finally:
            switch.stop()

    asyncio.run(run())
    return 0
