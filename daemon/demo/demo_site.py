"""The demo's site: a fresh one with the demo profile, short queues and more agents if asked."""

import socket
from collections.abc import Callable
from contextlib import closing
from importlib import resources
from pathlib import Path
from typing import Final

import msgspec

from daemon.demo.script import AgentStation
from daemon.site_directory import SiteDirectory, choose_run_dir
from daemon.site_files import people, queues
from daemon.site_files.fresh_site import QUEUES, Wishes, one_time_password, write_site
from daemon.site_files.people import PeopleFile, Person, SkillEntry, StationEntry
from daemon.site_files.queues import QueueEntry, QueuesFile
from daemon.site_files.toml_writing import write_toml

FIRST_EXTRA_STATION: Final = 2101
NOBODYS: Final = "partners"  # a skill that no agent has
WRAP_UP_S: Final = 1.0
REALM: Final = "hookflash"
CALLERS_HOST: Final = "127.0.0.2"
AGENTS_HOST: Final = "127.0.0.3"
LISTEN: Final = "127.0.0.1"
BOARD_LINES: Final = 4


class DemoSite(msgspec.Struct, frozen=True, kw_only=True):
    """What the demo has to know about its site."""

    path: Path
    run_dir: Path
    database: Path
    login: str
    password: str
    """The administrator's one-time password."""
    sip_port: int
    device: str
    """The exchange's end of the serial link."""
    board: str
    """Socket of the simulated board."""
    agents: tuple[AgentStation, ...]


def make_demo_site(
    path: Path,
    *,
    agents: int,
    usual_ports: bool,
    hash_password: Callable[[str], str],
) -> DemoSite:
    """Write the site; ``usual_ports`` takes 5060 and 8080 when they are free."""
    sip_port = free_port(socket.SOCK_DGRAM, 5060 if usual_ports else 0)
    device = str(choose_run_dir(path.resolve()) / "exchange.tty")
    wishes = Wishes(
        name="Hookflash demo",
        sip_port=sip_port,
        web_port=free_port(socket.SOCK_STREAM, 8080 if usual_ports else 0),
        demo=True,
        exchange_device=device,
    )
    made = write_site(path, wishes, hash_password=hash_password)
    stations = [(agent.login, agent.station, agent.secret) for agent in made.agents[:agents]]
    extra = _extra_agents(agents - len(stations))
    with (path / people.FILE).open("ab") as file:
        file.write(b"\n" + write_toml(_people(extra)))
    (path / queues.FILE).write_bytes(write_toml(_queues()))
    flow = (resources.files("daemon.demo") / "main.yaml").read_bytes()
    (path / "flows" / "main.yaml").write_bytes(flow)
    directory = SiteDirectory.open(path)
    return DemoSite(
        path=directory.path,
        run_dir=directory.run_dir,
        database=directory.path / "hookflash.db",
        login=made.login,
        password=made.password,
        sip_port=sip_port,
        device=device,
        board=str(directory.run_dir / "board.sock"),
        agents=tuple(
            AgentStation(number=n, login=login, station=station, secret=secret)
            for n, (login, station, secret) in enumerate([*stations, *extra])
        ),
    )


def free_port(kind: socket.SocketKind, wanted: int) -> int:
    """The wanted port when it is free, else any free one, on loopback."""
    for port in (wanted, 0):
        with closing(socket.socket(socket.AF_INET, kind)) as probe:
            try:
                probe.bind((LISTEN, port))
            except OSError:
                continue
            return int(probe.getsockname()[1])
    raise OSError("no free port")


def _extra_agents(count: int) -> list[tuple[str, str, str]]:
    return [
        (f"agent{n + 1}", str(FIRST_EXTRA_STATION + n), one_time_password())
        for n in range(max(0, count))
    ]


def _people(extra: list[tuple[str, str, str]]) -> PeopleFile:
    """Agents beyond those of the profile; each serves every department."""
    skills = {slug: 5 for slug, _ in QUEUES}
    return PeopleFile(
        people=tuple(
            Person(login=login, name=login.capitalize(), station=station, skills=skills)
            for login, station, _ in extra
        ),
        stations=tuple(StationEntry(name=station, secret=secret) for _, station, secret in extra),
        skills=(SkillEntry(name=NOBODYS),),
    )


def _queues() -> QueuesFile:
    served = tuple(
        QueueEntry(slug=slug, name=name, skills={slug: 1}, wrap_up_s=WRAP_UP_S, misses_to_pause=0)
        for slug, name in QUEUES
    )
    # Nobody has this skill: callers who give up have something to give up.
    partners = QueueEntry(slug=NOBODYS, name="Partners · 合作伙伴", skills={NOBODYS: 1})
    return QueuesFile(queues=(*served, partners))
