"""One history of calls, registrations and odd messages; run as a script it prints what came of it.

It prints a digest of everything that two cores sent, wrote and counted, how many datagrams that
was, and whether the plain modules ran.
"""

import random
import sys
from hashlib import sha256
from pathlib import Path

from cython_ext.sip_wire import parse
from drivers.sip.auth import credentials, hash_secret
from drivers.sip.core import endpoint
from drivers.sip.core.endpoint import SipCore
from drivers.sip.options import SipOptions, StationAccount
from drivers.sip.transport.address import Address
from tests.drivers.sip.test_lossy_network import BURST, Network

SEEDS = (11, 12, 13)
CALLS = 300
ODD = Path(__file__).parent.parent.parent / "cython_ext" / "torture"


class History:
    """Everything that happens, and a digest of what came of it."""

    def __init__(self) -> None:
        self.seen = sha256()
        self.sent = 0

    def keep(self, *parts: object) -> None:
        """Take something into the digest."""
        for part in parts:
            self.seen.update(part if isinstance(part, bytes) else repr(part).encode())

    def calls(self, seed: int) -> None:
        """Calls between two cores over a bad network."""
        net = _Watched(seed, self)
        for _ in range(CALLS // BURST):
            for _ in range(BURST):
                net.dial(net.side())
                net.run(net.rng.choice((0.01, 0.2, 1.0)))
                for _ in range(4):
                    net.act(net.side())
                    net.run(net.rng.choice((0.0, 0.05, 0.5)))
            net.run(30.0)
        net.hang_up()
        net.run(400.0)
        for side in net.sides.values():
            self.keep(side.journal, sorted(side.core.services.counters.items()), side.told)

    def phones(self) -> None:
        """Registrations with digest, renewed and ended; and messages that nobody should send."""
        core = SipCore(
            SipOptions(listen="192.0.2.1"),
            host="192.0.2.1",
            port=5060,
            rng=random.Random(7),
            journal=self.keep,
            secret=b"s",
        )
        names = [f"desk{number}" for number in range(20)]
        core.set_stations(
            [StationAccount(name, hash_secret(name, "hookflash", "pw")) for name in names]
        )
        now = 1000.0
        for turn in range(6):
            for number, name in enumerate(names):
                now += 0.5
                core.advance(now)
                place = Address("198.51.100.7", 6000 + number)
                self._register(core, name, place, now, turn=turn)
        for odd in sorted(ODD.glob("*.dat")):
            now += 1.0
            core.receive(odd.read_bytes(), Address("198.51.100.9", 5060), now)
            self._take(core)
        core.advance(now + 7200.0)
        self._take(core)
        self.keep(sorted(core.services.counters.items()))

    def _register(self, core: SipCore, name: str, place: Address, now: float, *, turn: int) -> None:
        extra = ""
        for attempt in (1, 2):
            cseq = 2 * turn + attempt
            expires = 0 if turn == 5 else 600
            core.receive(
                (
                    "REGISTER sip:192.0.2.1 SIP/2.0\r\n"
                    f"Via: SIP/2.0/UDP 10.0.0.1:5060;rport;branch=z9hG4bK{name}x{cseq}\r\n"
                    f"From: <sip:{name}@192.0.2.1>;tag=f\r\nTo: <sip:{name}@192.0.2.1>\r\n"
                    f"Call-ID: reg-{name}\r\nCSeq: {cseq} REGISTER\r\nMax-Forwards: 70\r\n"
                    f"Contact: <sip:{name}@10.0.0.1>;expires={expires}\r\n{extra}"
                    "Content-Length: 0\r\n\r\n"
                ).encode(),
                place,
                now,
            )
            answer = parse(self._take(core)[0])
            asked = answer.headers("WWW-Authenticate")
            if not asked:
                return
            value = credentials(
                asked, user=name, password="pw", method="REGISTER",
                uri="sip:192.0.2.1", cnonce="c",
            )  # fmt: skip
            extra = f"Authorization: {value}\r\n"

    def _take(self, core: SipCore) -> list[bytes]:
        out = core.take_out()
        self.sent += len(out)
        self.keep(out, [repr(one) for one in core.take_happenings()])
        return [data for data, _ in out]


class _Watched(Network):
    """A network that tells what it carries."""

    def __init__(self, seed: int, history: History) -> None:
        super().__init__(seed, loss=0.1)
        self._history = history

    def collect(self) -> None:
        before = self._sent
        super().collect()
        for at, number, source, target, data in sorted(self._air):
            if number > before:
                self._history.keep(at, source, target, data)
                self._history.sent += 1


if __name__ == "__main__":
    history = History()
    for seed in SEEDS:
        history.calls(seed)
    history.phones()
    plain = str(endpoint.__file__).endswith(".py")
    sys.stdout.write(f"{history.seen.hexdigest()} {history.sent} {plain}\n")
