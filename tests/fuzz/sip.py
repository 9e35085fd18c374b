"""Feeds changed SIP messages to both parsers and to the core: ``python -m tests.fuzz.sip [seconds [seed]]``.

Compiled and plain parser must say the same of every message and of every value in it, and the
core must not raise. ``make fuzz`` runs it on the parser that ``tests.fuzz.sanitized`` built. What
is refused in a way that no message of the corpus is refused in becomes a file of the corpus.
"""

import importlib
import random
import sys
import time
from collections.abc import Callable, Iterator
from hashlib import sha256
from pathlib import Path
from types import ModuleType
from typing import Any

from cython_ext.sip_wire import WireError, oracle, oracle_parts, oracle_sdp

CORPUS = Path(__file__).parent / "corpus" / "sip"
TORTURE = Path(__file__).parents[1] / "cython_ext"
PARTS = ("parse_via", "parse_name_addr", "parse_uri", "parse_auth", "split_list")
PIECES = (
    b"\r\n", b"\r", b"\n", b" ", b"\t", b'"', b"<", b">", b";", b",", b"=", b"\\", b"%", b":", b"@",
    b"\xc3", b"\xa9", b"\0", b"?", b"[", b"]", b":::", b";tag=", b"\r\n ", b"SIP/2.0", b"\r\n\r\n",
    b"%00", b"4294967296", b"-1", b"::ffff:192.0.2.1", b"Content-Length: 9", b"\r\nVia: ", b"*",
)  # fmt: skip
LONGEST = 4000  # bytes; longer ones cost time and find nothing more
LINES = 12  # of a message whose values are read one by one
Outcome = tuple[Any, ...]


def outcome(sip: Any, data: bytes) -> Outcome:
    """Everything a parser says of a message, or why it refuses it."""
    try:
        found = sip.parse(data)
    except WireError as fault:
        return fault.reason, fault.status, fault.echo
    names = [name for name, _ in found.all_headers()]
    return (
        found.is_request, found.method, found.uri, found.status, found.reason, found.body,
        found.call_id, found.from_tag, found.to_tag, found.cseq, found.top_via,
        found.max_forwards, found.all_headers(),
        [(found.header(name.swapcase()), found.headers(name)) for name in names],
    )  # fmt: skip


def part_outcome(function: Any, text: Any) -> Any:
    """The value read from a text, or why it is refused."""
    try:
        return function(text)
    except WireError as fault:
        return fault.reason, fault.status


def rebuilt(sip: Any, found: Any) -> Any:
    """A message written again, or why it is refused; a line of its body stands in a header."""
    lines = [*found.all_headers(), ("X-Body", found.body[:40].decode("utf-8", "surrogateescape"))]
    for headers in (lines, lines[:-1]):
        try:
            if found.is_request:
                return sip.build_request(found.method, found.uri, headers, found.body)
            return sip.build_response(found.status, found.reason, headers, found.body)
        except WireError as fault:
            refused = fault.reason, fault.status
    return refused


def texts_of(data: bytes) -> Iterator[str]:
    """Lines of a message, and what follows their names."""
    for line in data[:2000].decode("utf-8", "surrogateescape").split("\r\n")[:LINES]:
        yield line
        yield line.partition(":")[2]


def seeds() -> list[bytes]:
    """The messages that are changed."""
    files = [*TORTURE.glob("torture*/*.dat"), *CORPUS.glob("*.dat")]
    return [path.read_bytes() for path in sorted(files)]


def mutate(data: bytes, others: list[bytes], chance: random.Random) -> bytes:
    """The message with a few places cut, overwritten, doubled, or taken from another."""
    changed = bytearray(data[:LONGEST])
    for _ in range(chance.choice((1, 1, 1, 2, 4))):
        at = chance.randrange(len(changed) + 1)
        match chance.randrange(6):
            case 0:
                changed[at : at + chance.randrange(7)] = chance.choice(PIECES)
            case 1:
                changed[at : at + chance.randrange(1, 9)] = chance.randbytes(chance.randrange(4))
            case 2:
                changed[at:at] = changed[at : at + chance.randrange(1, 80)]
            case 3:
                del changed[at : at + chance.randrange(1, 60)]
            case 4:
                other = chance.choice(others)
                start = chance.randrange(len(other) + 1)
                changed[at:at] = other[start : start + chance.randrange(1, 60)]
            case _:
                del changed[at:]
    return bytes(changed[:LONGEST])


def compare(compiled: ModuleType, plain: Any, data: bytes) -> Outcome:
    """What both say of a message; AssertionError with the message when they differ."""
    said = outcome(compiled, data)
    if said != outcome(plain, data):
        raise AssertionError(f"the parsers differ on {data.hex()}")
    for body in (data, data.partition(b"\r\n\r\n")[2]):
        if part_outcome(compiled.read_description, body) != part_outcome(
            plain.read_description, body
        ):
            raise AssertionError(f"read_description differs on {body.hex()}")
        if compiled.usual_description(body) != plain.usual_description(body):
            raise AssertionError(f"usual_description differs on {body.hex()}")
    if len(said) != 3:
        message = compiled.parse(data)
        if rebuilt(compiled, message) != rebuilt(plain, message):
            raise AssertionError(f"what is built differs on {data.hex()}")
    for text in texts_of(data):
        for name in PARTS:
            if part_outcome(getattr(compiled, name), text) != part_outcome(
                getattr(plain, name), text
            ):
                raise AssertionError(f"{name} differs on {text!r}")
    return said


class Plain:
    """The oracle as one object."""

    parse = staticmethod(oracle.parse)
    parse_via = staticmethod(oracle_parts.parse_via)
    parse_name_addr = staticmethod(oracle_parts.parse_name_addr)
    parse_uri = staticmethod(oracle_parts.parse_uri)
    parse_auth = staticmethod(oracle_parts.parse_auth)
    split_list = staticmethod(oracle_parts.split_list)
    build_request = staticmethod(oracle.build_request)
    build_response = staticmethod(oracle.build_response)
    read_description = staticmethod(oracle_sdp.read_description)
    usual_description = staticmethod(oracle_sdp.usual_description)


def run(
    seconds: float, seed: int, found: Callable[[str, bytes], None] = lambda *_: None
) -> tuple[int, int]:
    """Messages tried and messages accepted; ``found`` is told each new reason to refuse one."""
    from tests.drivers.sip.test_fuzz import conversation
    from tests.fakes.sip_bench import PHONE, TRUNK, Bench

    compiled = importlib.import_module("cython_ext.sip_wire._sip_wire")
    chance, known, bench = random.Random(seed), seeds(), Bench().with_station()
    known += conversation(bench, 1)
    reasons = {outcome(compiled, data)[0] for data in known if len(outcome(compiled, data)) == 3}
    until, tried, accepted = time.monotonic() + seconds, 0, 0
    while time.monotonic() < until:
        data = mutate(chance.choice(known), known, chance)
        said = compare(compiled, Plain, data)
        tried += 1
        if len(said) == 3 and said[0] not in reasons:
            reasons.add(said[0])
            found(said[0], data)
        accepted += len(said) != 3
        bench.core.receive(data, chance.choice((TRUNK, PHONE)), bench.now)
        bench.now += chance.choice((0.0, 0.01, 1.0))
        bench.core.advance(bench.now)
        bench.core.take_out()
        bench.core.take_happenings()
    return tried, accepted


def keep(reason: str, data: bytes) -> None:
    """Put a message that is refused in a new way into the corpus."""
    CORPUS.mkdir(parents=True, exist_ok=True)
    name = file_name(reason, data)
    (CORPUS / name).write_bytes(data)
    sys.stdout.write(f"new: {reason}, kept as {name}\n")


def file_name(reason: str, data: bytes) -> str:
    """Name of a message in the corpus."""
    return f"{reason.replace(' ', '_').replace('/', '_')}-{sha256(data).hexdigest()[:8]}.dat"


if __name__ == "__main__":
    length = float(sys.argv[1]) if len(sys.argv) > 1 else 10.0
    start = int(sys.argv[2]) if len(sys.argv) > 2 else random.SystemRandom().randrange(1 << 32)
    sys.stdout.write(f"seed {start}\n")
    counted = run(length, start, keep)
    sys.stdout.write(f"{counted[0]} messages, {counted[1]} accepted, both parsers agree\n")
