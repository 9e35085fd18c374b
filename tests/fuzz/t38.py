"""Feeds changed datagrams to T.38: ``python -m tests.fuzz.t38 [seconds] [seed]``.

The datagrams of a whole fax are recorded, changed, and given to a terminal and a gateway of
the library in the middle of a call; some were sent with redundancy and some with parity. UdptlError
is a refusal; any other exception, a crash of the library, a packet that is read and cannot be
written again, one that comes twice, or a packet made from parity that is none ends the run.
"""

import random
import sys
import tempfile
import time
from pathlib import Path

from daemon.fax.t38.ifp import ifp_length
from daemon.fax.t38.recovery import UdptlReceiver
from daemon.fax.t38.terminal import Gateway, T38Terminal
from daemon.fax.t38.udptl import UdptlError, build, parse
from tests.fakes.fax_network import FRAME, End, Way
from tests.fakes.fax_pages import write_pages

ROUND = 400  # datagrams for one terminal
LONGEST = 50 * 120  # frames of 20 ms
SILENCE = bytes(FRAME * 2)
LOSS = 0.1


class Recorded(Way):
    """A network that remembers what it carried."""

    def __init__(self) -> None:
        super().__init__()
        self.carried: list[bytes] = []

    def put(self, data: bytes) -> None:
        self.carried.append(data)
        super().put(data)


def record(folder: Path, *, parity: bool) -> list[bytes]:
    """The datagrams of one fax, both ways."""
    page = write_pages(folder / "out.tif", ["one", "two"])
    there, back = Recorded(), Recorded()
    near, far = End(there, back, parity=parity), End(back, there, parity=parity)
    with (
        T38Terminal(page, send=True, transmit=near.transmit, station="111") as sender,
        T38Terminal(folder / "in.tif", send=False, transmit=far.transmit) as receiver,
    ):
        for _ in range(LONGEST):
            sender.passed(FRAME)
            receiver.passed(FRAME)
            far.deliver(receiver)
            near.deliver(sender)
            if sender.code is not None and receiver.code is not None:
                break
    return there.carried + back.carried


def change(data: bytes, chance: random.Random) -> bytes:
    """A datagram with octets changed, cut out, or doubled; some stay as they are."""
    changed = bytearray(data)
    for _ in range(chance.randint(0, 3)):
        at = chance.randrange(len(changed) + 1)
        match chance.randrange(4):
            case 0 if at < len(changed):
                changed[at] = chance.choice((0, 0xFF, 0x80, chance.randrange(256)))
            case 1:
                del changed[at : at + chance.randint(1, 8)]
            case 2:
                changed[at:at] = chance.randbytes(chance.randint(1, 40))
            case _:
                changed[at:at] = changed[at : at + chance.randint(1, 20)]
    return bytes(changed)


def check(data: bytes) -> bool:
    """Read a datagram; what is read must be written and read as the same."""
    try:
        found = parse(data)
    except UdptlError:
        return False
    assert parse(build(found)) == found, data.hex()
    return True


def run(seconds: float, seed: int) -> tuple[int, int]:
    """Datagrams tried, and those that were read."""
    chance = random.Random(seed)
    tried = read = 0
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        faxes = [record(folder, parity=parity) for parity in (False, True)]
        until = time.monotonic() + seconds
        while time.monotonic() < until:
            end, known = End(Way(), Way()), chance.choice(faxes)
            receiver, start = UdptlReceiver(), chance.randrange(len(known))
            target = folder / "fuzz.tif"
            with (
                T38Terminal(target, send=False, transmit=end.transmit) as terminal,
                Gateway(transmit=end.transmit) as gateway,
            ):
                for place in range(ROUND):
                    data = change(known[(start + place) % len(known)], chance)
                    tried += 1
                    read += check(data)
                    if chance.random() < LOSS:
                        continue  # the next one makes up for it, if it is not changed
                    repaired = receiver.counts["by_parity"]
                    found = receiver.receive(data)
                    made = receiver.counts["by_parity"] - repaired
                    whole = [ifp_length(ifp) == len(ifp) for _, ifp in found]
                    assert sum(whole) >= made, data.hex()
                    assert len({sequence for sequence, _ in found}) == len(found), data.hex()
                    for sequence, ifp in found:
                        terminal.hear(sequence, ifp)
                        gateway.hear(sequence, ifp)
                    terminal.passed(FRAME)
                    gateway.exchange(SILENCE)
            target.unlink(missing_ok=True)
    return tried, read


def main() -> None:
    seconds = float(sys.argv[1]) if len(sys.argv) > 1 else 10.0
    seed = int(sys.argv[2]) if len(sys.argv) > 2 else int(time.time())
    tried, read = run(seconds, seed)
    sys.stdout.write(f"{tried} datagrams of T.38, {read} read, seed {seed}\n")


if __name__ == "__main__":
    main()
