"""The site that is measured: agents, one queue for all of them, and the limits of the load."""

import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Final

import msgspec

from daemon.site_files import called_numbers, people, queues
from daemon.site_files.called_numbers import NumberEntry, NumbersFile
from daemon.site_files.fresh_site import SECRET_MODE
from daemon.site_files.people import PauseReasonEntry, PeopleFile, Person, SkillEntry, StationEntry
from daemon.site_files.queues import QueueEntry, QueuesFile
from daemon.site_files.toml_writing import write_toml

QUEUE: Final = "bench"
QUEUE_NUMBER: Final = "7000"
FLOW_NUMBER: Final = "7001"
FIRST_STATION: Final = 10_000
REALM: Final = "hookflash"
PAUSE: Final = "training"


class Wishes(msgspec.Struct, frozen=True, kw_only=True):
    """What the site should be like."""

    agents: int = 0
    """People with one station each."""
    flow: str = ""
    """Text of the flow behind ``flow_number``; empty: there is none."""
    flow_number: str = FLOW_NUMBER
    prompts: Mapping[str, bytes] = {}
    """Files in ``prompts/``."""
    max_calls: int = 2000
    """Lines of the trunk."""
    new_calls_per_s: float = 0.0
    ring_s: float = 15.0
    recording: bool = False
    listeners: tuple[str, ...] = ("udp",)
    """Transports, each on loopback and a port of its own; the first one is that of the trunk."""
    checkpoint_records: int = 200_000
    """Records of the journal from one checkpoint to the next."""


def station(number: int) -> str:
    """Name of an agent's station, and of the agent behind an ``a``."""
    return str(FIRST_STATION + number)


def secret(name: str) -> str:
    """Password of a station; the site lives on loopback and no longer than the measurement."""
    return f"s{name}"


def write_site(path: Path, run_dir: Path, wishes: Wishes, ports: Sequence[int]) -> None:
    """Write the files of a site; ``ports`` are those of ``wishes.listeners``."""
    path.mkdir(parents=True)
    listen = ", ".join(
        f'"{transport}:127.0.0.1:{port}"'
        for transport, port in zip(wishes.listeners, ports, strict=True)
    )
    files = {
        "hookflash.toml": _MAIN.format(
            run_dir=run_dir,
            listen=listen,
            realm=REALM,
            max_calls=wishes.max_calls,
            limit=wishes.new_calls_per_s,
            checkpoint_records=wishes.checkpoint_records,
        ).encode(),
        people.FILE: write_toml(_people(wishes.agents)),
        queues.FILE: write_toml(_queues(wishes)),
        called_numbers.FILE: write_toml(_numbers(wishes)),
    }
    for name, text in files.items():
        descriptor = os.open(path / name, os.O_WRONLY | os.O_CREAT | os.O_EXCL, SECRET_MODE)
        with os.fdopen(descriptor, "wb") as file:
            file.write(text)
    if wishes.flow:
        (path / "flows").mkdir()
        (path / "flows" / "bench.yaml").write_text(wishes.flow)
    for name, sound in wishes.prompts.items():
        (path / "prompts").mkdir(exist_ok=True)
        (path / "prompts" / name).write_bytes(sound)


def _people(agents: int) -> PeopleFile:
    names = [station(number) for number in range(agents)]
    staff = [Person(login=f"a{name}", station=name, skills={QUEUE: 5}) for name in names]
    return PeopleFile(
        people=(Person(login="admin", roles=("administrator",)), *staff),
        stations=tuple(StationEntry(name=name, secret=secret(name)) for name in names),
        skills=(SkillEntry(name=QUEUE),),
        pause_reasons=(PauseReasonEntry(slug=PAUSE, en="Training", zh="培训"),),
    )


def _queues(wishes: Wishes) -> QueuesFile:
    bench = QueueEntry(
        slug=QUEUE,
        skills={QUEUE: 1},
        ring_s=wishes.ring_s,
        wrap_up_s=0.0,
        misses_to_pause=0,
        record=wishes.recording,
    )
    return QueuesFile(queues=(bench,))


def _numbers(wishes: Wishes) -> NumbersFile:
    numbers = [NumberEntry(number=QUEUE_NUMBER, queue=QUEUE)]
    if wishes.flow:
        numbers.append(NumberEntry(number=wishes.flow_number, flow="bench"))
    return NumbersFile(numbers=tuple(numbers))


_MAIN: Final = """\
[site]
run_dir = "{run_dir}"
timezone = "UTC"

[journal]
checkpoint_records = {checkpoint_records}

[web]
address = "127.0.0.1"
port = 0

[media]
rtp_address = "127.0.0.1"
rtp_port_min = 0
rtp_port_max = 0

[drivers.sip]
driver = "sip"
listen = [{listen}]
realm = "{realm}"
source_limit_per_s = 0.0
connections_per_source = 4096
new_calls_per_s = {limit}

[[drivers.sip.trunks]]
name = "trunk"
addresses = ["127.0.0.0/8"]
max_calls = {max_calls}
"""
