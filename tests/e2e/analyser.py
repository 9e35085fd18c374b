"""tshark, an analyser that is not ours: what it finds in a capture."""

import asyncio
import itertools
import shutil
from collections import defaultdict
from pathlib import Path

CHECKED = ("-o", "udp.check_checksum:TRUE", "-o", "ip.check_checksum:TRUE")


def tshark() -> str:
    """Where the program is; the tests' set-up installs it."""
    found = shutil.which("tshark")
    assert found is not None, "install Debian's package tshark (packages-test.txt)"
    return found


async def fields(file: Path, shown: str, *names: str) -> list[list[str]]:
    """The fields of every packet that a display filter shows."""
    words = [tshark(), "-n", "-r", str(file), *CHECKED, "-Y", shown, "-T", "fields"]
    for name in names:
        words += ["-e", name]
    process = await asyncio.create_subprocess_exec(
        *words, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE
    )
    said, complaints = await process.communicate()
    assert process.returncode == 0, complaints.decode()
    return [line.split("\t") for line in said.decode().splitlines()]


async def faults(file: Path) -> list[list[str]]:
    """Packets that are malformed, draw an error, or have a wrong checksum."""
    shown = "_ws.malformed || _ws.expert.severity == error"
    shown += " || udp.checksum.status == 0 || ip.checksum.status == 0"
    return await fields(file, shown, "frame.number", "frame.protocols", "_ws.col.Info")


async def streams(file: Path) -> dict[tuple[str, str, str], list[tuple[int, int]]]:
    """RTP by source port, destination port and SSRC: sequence number and payload type."""
    found: dict[tuple[str, str, str], list[tuple[int, int]]] = defaultdict(list)
    rows = await fields(
        file, "rtp", "udp.srcport", "udp.dstport", "rtp.ssrc", "rtp.seq", "rtp.p_type"
    )
    for source, target, ssrc, sequence, kind in rows:
        found[source, target, ssrc].append((int(sequence), int(kind)))
    return found


def gaps(packets: list[tuple[int, int]]) -> list[tuple[int, int]]:
    """Neighbours that do not follow each other."""
    numbers = [sequence for sequence, _ in packets]
    return [(a, b) for a, b in itertools.pairwise(numbers) if b != (a + 1) & 0xFFFF]
