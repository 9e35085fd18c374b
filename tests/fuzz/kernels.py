"""Feeds records and datagrams to the compiled kernels: ``python -m tests.fuzz.kernels [seconds [seed]]``.

Compiled and plain must read the same records out of a damaged file, write the same bytes, and take
and send the same datagrams. ``make fuzz`` runs it on the kernels that ``tests.fuzz.sanitized`` built.
"""

import importlib
import random
import socket
import sys
import time
from typing import Any

from cython_ext.datagrams import oracle as plain_datagrams
from cython_ext.journal import oracle as plain_journal

HOSTS = {socket.AF_INET: "127.0.0.1", socket.AF_INET6: "::1"}
WRONG = ("", "::1", "127.0.0.1", "127.0.0.1\0", "fe80::1%lo", "a.name", "\udc80", "é", "1" * 300)
KINDS = ("a", "sip.call", "k" * 255, "", "k" * 256, "é" * 127, "é" * 128)
MOST = 40  # datagrams of a round


def written(kernel: Any, records: list[tuple[str, bytes, float]]) -> bytes:
    """The records as bytes; those that are refused leave nothing."""
    gathered = kernel.Gathered(7)
    for number, (kind, payload, at) in enumerate(records):
        try:
            gathered.add(kind, payload, at)
        except ValueError:
            continue
        if number == 5 and len(payload) % 7 == 0:
            gathered.clear()
    found: bytes = gathered.held()
    if gathered.size != len(found):
        raise AssertionError("size and bytes differ")
    return found


def read(kernel: Any, data: bytes, start: int) -> list[Any]:
    """Every record from a place on, until one is damaged; what is no number is text."""
    found = []
    while (record := kernel.record_at(data, start)) is not None:
        found.append(repr(record))
        start = record[-1]
    return found


def fuzz_records(compiled: Any, chance: random.Random) -> None:
    """One file, written, damaged and read by both."""
    records = [
        (
            chance.choice(KINDS),
            chance.randbytes(chance.choice((0, 1, 7, 8, 9, 200, 5000, 600_000 // 8))),
            chance.choice((0.0, -1.5, 1e308, float("inf"), chance.random() * 2e9)),
        )
        for _ in range(chance.randrange(12))
    ]
    data = written(compiled, records)
    if data != written(plain_journal, records):
        raise AssertionError(f"written otherwise: {records!r}")
    changed = bytearray(data)
    for _ in range(chance.randrange(4)):
        if not changed:
            break
        at = chance.randrange(len(changed))
        match chance.randrange(4):
            case 0:
                changed[at] ^= 1 << chance.randrange(8)
            case 1:
                del changed[at:]
            case 2:
                changed[at : at + 4] = chance.choice((b"\xff" * 4, b"\0" * 4, b"\0\0\0\4"))
            case _:
                del changed[at : at + chance.randrange(40)]
    whole = bytes(changed)
    places = [0, -1, len(whole), len(whole) + 1, -(1 << 62), (1 << 62), len(whole) // 2]
    for start in places:
        if read(compiled, whole, start) != read(plain_journal, whole, start):
            raise AssertionError(f"read otherwise at {start}: {whole.hex()}")


def said(subject: Any, data: bytes, host: str, port: int) -> str:
    """Whether a datagram was taken, or by which kind of error it was refused."""
    try:
        return str(subject.send(data, host, port))
    except (OSError, OverflowError) as error:
        return "refused" if isinstance(error, OSError) else "no port"


def fuzz_datagrams(compiled: Any, family: socket.AddressFamily, chance: random.Random) -> None:
    """Datagrams there and back, of both kinds, and some that nobody can send."""
    kinds = [compiled.Datagrams, plain_datagrams.Datagrams]
    chance.shuffle(kinds)
    with (
        socket.socket(family, socket.SOCK_DGRAM) as one,
        socket.socket(family, socket.SOCK_DGRAM) as other,
    ):
        for sock in (one, other):
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1 << 20)
            sock.bind((HOSTS[family], 0))
            sock.setblocking(False)
        ours, theirs = (kind(sock, _pair) for kind, sock in zip(kinds, (one, other), strict=True))
        source, target = one.getsockname()[:2], other.getsockname()[:2]
        sent: list[Any] = []
        got: list[Any] = []
        for _ in range(chance.randrange(MOST)):
            data = chance.randbytes(chance.choice((0, 1, 60, 1500, 20_000)))
            if ours.send(data, *target):
                sent.append((data, source))
            got += theirs.receive() if chance.random() < 0.2 else []
        while found := theirs.receive():
            got += found
        if got != sent:
            raise AssertionError(f"{len(sent)} sent, {len(got)} came, or others")
        host, port = chance.choice(WRONG), chance.choice((-1, 0, 9, 65535, 65536, 1 << 40))
        if host != HOSTS[family] and said(ours, b"x", host, port) == "True":
            raise AssertionError(f"sent to {host!r}")
        if said(ours, b"x" * 66_000, HOSTS[family], 9) != "refused":
            raise AssertionError("sent more than a datagram holds")


def _pair(host: str, port: int) -> tuple[str, int]:
    return host, port


def run(seconds: float, seed: int) -> int:
    """Rounds done; what goes wrong is raised."""
    chance, rounds = random.Random(seed), 0
    journal = importlib.import_module("cython_ext.journal._gathered")
    datagrams = importlib.import_module("cython_ext.datagrams._datagrams")
    until = time.monotonic() + seconds
    while not rounds or time.monotonic() < until:
        fuzz_records(journal, chance)
        fuzz_datagrams(datagrams, chance.choice(tuple(HOSTS)), chance)
        rounds += 1
    return rounds


if __name__ == "__main__":
    length = float(sys.argv[1]) if len(sys.argv) > 1 else 10.0
    start = int(sys.argv[2]) if len(sys.argv) > 2 else random.SystemRandom().randrange(1 << 32)
    sys.stdout.write(f"seed {start}\n")
    sys.stdout.write(f"{run(length, start)} rounds, compiled and plain the same\n")
