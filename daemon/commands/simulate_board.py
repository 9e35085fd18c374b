"""``hookflash simulate-board``: the boards that a site says are simulated, to try by hand."""

import argparse
import asyncio

from daemon.command_line import WRONG_USAGE, command, site_path
from daemon.errors import CommandError
from daemon.language import pick


def _arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--board",
        metavar="NAME",
        default="",
        help=pick("only this board of the site", "仅模拟站点的这块语音卡"),
    )


@command(
    "simulate-board",
    "Run the simulated voice boards of a site",
    "运行站点的模拟语音卡",
    arguments=_arguments,
)
def simulate_board(arguments: argparse.Namespace) -> int:
    """Serve until stopped; commands are read from standard input."""
    from daemon.commands._switchboard import Switchboard, serve, simulated_boards
    from daemon.site_directory import SiteDirectory

    boards = simulated_boards(SiteDirectory.open(site_path(arguments)), arguments.board)
    if not boards:
        raise CommandError(
            pick("the site has no simulated voice board", "站点没有模拟语音卡"),
            todo=pick(
                "write simulated = true and a socket into the board's section",
                "请在语音卡一节写上 simulated = true 和 socket",
            ),
            exit_code=WRONG_USAGE,
        )
    ports = {number: port for board in boards.values() for number, port in board.ports.items()}
    asyncio.run(serve(boards, Switchboard(ports, {})))
    return 0
