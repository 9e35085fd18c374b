"""Ten thousand sequences of random commands over the link leave nothing behind."""

import asyncio
import gc
import os
import random
from collections import Counter
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Final

import pytest

from daemon.link.client import MediaLink, Tap
from daemon.link.errors import MediaRefused
from daemon.media.app import MediaProcess
from drivers.api import DtlsPeer, PortId, RtpAddress, RtpFormat, RtpStream, SrtpKeys
from drivers.errors import DriverError
from tests.daemon.media.conftest import Clock

SEQUENCES: Final = 10_000
MOST_PORTS: Final = 12
PEER: Final = RtpAddress("127.0.0.1", 9)
"""Discards what it is sent."""
CODECS: Final = ("PCMA", "PCMU", "G722", "L16", "OPUS")
DIGEST: Final = "sha-256 " + ":".join(["AB"] * 32)
EXPECTED: Final = {
    "unknown-port", "port-exists", "unknown-bridge", "bridge-full", "bad-argument", "busy",
    "player-exists", "recording-exists", "missing-file", "no-transport", "fingerprint", "exists",
    "no-port", "dtls-connected", "dtls",
}  # fmt: skip


class Dice:
    """Chooses commands; numbers of what has gone stay in use, as after a lost reply."""

    def __init__(self, link: MediaLink, seed: int) -> None:
        self._link = link
        self._random = random.Random(seed)
        self.ports: list[PortId] = [PortId(1)]
        self._last = 0
        self.from_grants = 0

    def sequence(self) -> list[Awaitable[object]]:
        """One to five commands, made in one turn of the loop and so carried out in order."""
        return [self._command() for _ in range(self._random.randint(1, 5))]

    def _port(self) -> PortId:
        return self._random.choice(self.ports)

    def _number(self) -> int:
        return self._random.randrange(12)

    def _new(self) -> int:
        self._last += 1
        return self._last if self._random.random() < 0.9 else self._number()

    def _recent(self) -> int:
        return max(0, self._last - self._number())

    def _command(self) -> Awaitable[object]:
        if self._random.random() < (0.2 if len(self.ports) < MOST_PORTS else 0.0):
            return self._opened()
        chosen: Callable[[], Awaitable[object]] = self._random.choice(self._all())
        return chosen()

    async def _opened(self) -> None:
        to = RtpStream(PEER, RtpFormat()) if self._random.random() < 0.5 else None
        found = self._link.open_granted(to, never) if self._random.random() < 0.8 else None
        self.from_grants += found is not None
        port, _ = found or await self._link.open_rtp(to)
        self.ports.append(port)

    def _close(self) -> Awaitable[object]:
        port = self._port()
        if len(self.ports) > 1:
            self.ports.remove(port)
        return self._link.close(port)

    def _connect(self) -> Awaitable[object]:
        roll = self._random
        keys = SrtpKeys("AES_CM_128_HMAC_SHA1_80", roll.randbytes(30), roll.randbytes(30))
        fmt = RtpFormat(
            payload_type=roll.randrange(128),
            codec=roll.choice(CODECS),
            dtmf_payload_type=roll.choice([None, 101]),
            ptime_ms=roll.choice([10, 20, 30, 40, 60]),
            rtcp_mux=roll.random() < 0.5,
            srtp=keys if roll.random() < 0.3 else None,
            transcode=roll.random() < 0.5,
        )
        return self._link.connect_rtp(self._port(), PEER, fmt)

    async def _tap(self, made: Awaitable[Tap]) -> None:
        ring = await made
        os.close(ring.memfd)
        os.close(ring.eventfd)

    def _all(self) -> list[Callable[[], Awaitable[object]]]:
        link, roll, port, number = self._link, self._random, self._port, self._number
        ms = roll.randint(-3000, 3000)
        on = roll.random() < 0.5
        rate = roll.choice([8000, 16_000])
        part = roll.choice(["talks", "listens", "whispers"])
        agent = self._port() if part == "whispers" else None
        peer = DtlsPeer(client=on, fingerprints=(DIGEST,), ufrag="abcd" if on else "", remote=PEER)
        return [
            self._close,
            self._connect,
            lambda: link.send_digits(port(), "12,#"),
            lambda: link.play(
                port(), self._new(), [roll.choice(["a.s16", "b.s16", "none.s16"])],
                repeat=number() % 3, speed=roll.choice([0.5, 1.0, 1.7]), start_ms=abs(ms),
                in_step=on, stop_on_digit=on,
            ),
            lambda: link.play_tone(port(), self._new(), [(440.0, 0.0)], [(20, 20)], number() % 3),
            lambda: link.play_caller(port(), self._new(), b"\x04\x01\x30\xcb"),
            lambda: link.stop_play(self._recent()),
            lambda: link.seek_play(self._recent(), ms, relative=on),
            lambda: link.set_speed(self._recent(), roll.uniform(0.4, 2.1)),
            lambda: link.set_repeat(self._recent(), number() % 3),
            lambda: link.bridge(number(), port(), port()),
            lambda: link.join(number(), port(), part=part, agent=agent),
            lambda: link.leave(port()),
            lambda: link.set_gain(number(), port(), port(), -float(number())),
            lambda: link.unbridge(number()),
            lambda: link.record(
                self._new(), port(), f"recordings/{roll.random()}.wav", stereo=on, chain=on,
                coding=roll.choice(["pcm16", "alaw"]), max_s=0.1 * number(),
            ),
            lambda: link.pause_record(self._recent(), on=on),
            lambda: link.stop_record(self._recent()),
            lambda: self._tap(link.tap(port(), rate=rate)),
            lambda: link.untap(port(), rate=rate),
            lambda: self._tap(link.copy_packets(port())),
            lambda: link.end_copies(port()),
            lambda: link.watch_fax(port(), on=on),
            lambda: link.hear_caller(port(), on=on),
            lambda: link.arm_barge_in(port(), on),
            lambda: link.attend(port(), level=on, speaker=not on),
            lambda: link.open_dtls(port(), ice=on),
            lambda: link.connect_dtls(port(), peer),
            lambda: link.claim([port()]),
        ]  # fmt: skip


def never(error: DriverError) -> None:
    raise AssertionError("a granted port was refused") from error


def held() -> Counter[str]:
    """What this process has open, and how many rings and prompts are mapped into it."""
    gc.collect()
    found = Counter[str]()
    for fd in os.listdir("/proc/self/fd"):
        try:
            found[os.readlink(f"/proc/self/fd/{fd}").split(":")[0]] += 1
        except FileNotFoundError:  # the descriptor of the listing itself
            continue
    maps = Path("/proc/self/maps").read_text()
    for name in ("hookflash-tap", "hookflash-prompt"):
        found[f"mapped {name}"] = maps.count(name)
    return found


@pytest.mark.parametrize("seed", [20261122])
async def test_ten_thousand_random_sequences_leave_nothing_behind(
    link: MediaLink, media: MediaProcess, site: Path, clock: Clock, seed: int
) -> None:
    (site / "a.s16").write_bytes(random.Random(seed).randbytes(1600))
    (site / "b.s16").write_bytes(b"")
    drain = asyncio.create_task(read_all(link))
    # What is made once and kept: the thread of handshakes with its identity, a random source.
    port, _ = await link.open_rtp()
    await link.open_dtls(port)
    await link.close(port)
    await until_gone(link)
    before = held()
    dice, refused = Dice(link, seed), Counter[str]()
    for _ in range(SEQUENCES):
        for done in await asyncio.gather(*dice.sequence(), return_exceptions=True):
            if isinstance(done, BaseException):
                assert isinstance(done, MediaRefused), done
                refused[done.code] += 1
    assert set(refused) <= EXPECTED, refused
    assert dice.from_grants > SEQUENCES / 20
    for port in dice.ports:
        await link.close(port)
    await until_gone(link)
    await link.disconnect()
    async with asyncio.timeout(10):
        while media.server.connected:
            await asyncio.sleep(0)
    assert media.engine.granted_rtp() == []
    assert media.engine.counters()["events_lost"] == 0
    kept = media.ports._engine._clips  # one mapping of what was played stays for the next time
    kept._clips.clear()
    async with asyncio.timeout(10):
        while True:  # the last objects are freed a moment after the last command
            media.ports._engine._table.resting.close()  # sockets that rest for the next calls
            if held() - before == Counter():  # what others left in this process may have gone
                break
            await asyncio.sleep(0.01)
    assert not list((site / "recordings" / ".open").iterdir())
    drain.cancel()
    await asyncio.gather(drain, return_exceptions=True)


async def read_all(link: MediaLink) -> None:
    async for _ in link.events():
        pass


async def until_gone(link: MediaLink) -> None:
    """Nothing is left in the snapshot, nor in the engine's own count."""
    async with asyncio.timeout(10):
        while True:
            now = await link.snapshot()
            left = (now.ports, now.bridges, now.players, now.recordings)
            if not any(left) and (await link.counters())["ports"] == 0:
                return
