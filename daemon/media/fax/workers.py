"""Worker processes of faxes: what they are told, what they tell, and what is known of one."""

import asyncio
import socket
from collections import Counter
from pathlib import Path
from typing import Final

import msgspec

from daemon.fax import messages as fax
from daemon.fax.messages import FaxEnded, FaxProgress
from drivers.api import PortId

LONGEST_LINE: Final = 4096  # octets of one event


class Running:
    """One fax: its worker, its port and what it told last."""

    def __init__(self, request: fax.StartFax, process: asyncio.subprocess.Process) -> None:
        self.request = request
        self.process = process
        self.port: PortId | None = None
        self.leash: socket.socket | None = None
        """Closed to end a worker that has no audio."""
        self.replaced = False
        """Another one goes on under its number: nobody is told of its end."""
        self.heard: Counter[str] = Counter()
        """Counters of who is heard: at the last look less those when the machines agreed."""
        self.first: Counter[str] | None = None
        self.progress = FaxProgress(fax=request.fax, pages=0, rate=0)
        self.ended: FaxEnded | None = None
        self.why = fax.NO_TERMINAL
        """The cause when the worker tells none."""
        self.task: asyncio.Task[None] | None = None
        self.ending: asyncio.TimerHandle | None = None
        self.datagrams: socket.socket | None = None
        """A gateway's own, for who takes its place when both sides speak T.38."""

    @property
    def damage(self) -> tuple[int, int]:
        """Slips and gaps of the audio since the machines agreed."""
        return self.heard["slips"], self.heard["lost"] + self.heard["late"]

    @property
    def open(self) -> bool:
        """Whether it was joined with the engine, or is on its leash."""
        return self.port is not None or self.leash is not None

    def keep(self, datagrams: socket.socket | None) -> None:
        """Hold on to the socket of a gateway, which its worker reads."""
        if datagrams is not None and self.request.way == "gateway":
            self.datagrams = datagrams.dup()

    def drop(self) -> None:
        """Let go of what is kept; safe to call twice."""
        if self.datagrams is not None:
            self.datagrams.close()
            self.datagrams = None


async def next_event(process: asyncio.subprocess.Process) -> fax.WorkerEvent | None:
    """The next line that a worker tells; None at its end, ValueError for nonsense."""
    assert process.stdout is not None  # it was asked for
    line = await process.stdout.readline()
    if not line.endswith(b"\n"):
        return None
    try:
        return fax.decode_line(line)
    except msgspec.DecodeError as error:
        raise ValueError(f"no event of a fax worker: {line[:80]!r}: {error}") from error


def arguments_of(
    request: fax.StartFax,
    path: Path | None,
    audio: socket.socket,
    datagrams: socket.socket | None,
) -> tuple[list[str], tuple[int, ...]]:
    """What a worker is told, and the descriptors that it gets."""
    told = [
        f"--audio={audio.fileno()}",
        f"--fax={request.fax}",
        f"--station={request.station}",
        f"--header={request.header}",
    ]
    if path is not None:
        told.append(f"--file={path}")
    if request.way != "receive":
        told.append(f"--{request.way}")
    if not request.ecm:
        told.append("--no-ecm")
    if datagrams is None or request.t38 is None:
        return told, (audio.fileno(),)
    peer = request.t38
    told += [f"--t38={datagrams.fileno()}", f"--host={peer.host}", f"--port={peer.port}"]
    told += [f"--redundancy={peer.redundancy}", f"--most={peer.most}"]
    if peer.parity:
        told.append("--parity")
    return told, (audio.fileno(), datagrams.fileno())
