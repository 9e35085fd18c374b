"""The benchmark's own callers, a process of its own: ``python -m drivers.sip.bench.generator SPEC``.

SPEC is JSON (see ``Spec``); the result is one line of JSON. It says ``ready`` once connected
and waits for a line before it begins. It stops at ``limit_s`` whatever happens, and speaks with
loopback only.
"""

import asyncio
import sys
import time
from typing import Final, Literal

import msgspec
import uvloop

from drivers.sip.bench.link import Link, open_link
from drivers.sip.bench.texts import ack_of, bye_of, invite, number_of, status_of

TICK: Final = 0.002  # s between two looks at who is due
REPEAT: Final = 0.5  # s, timer T1
PROBE_EVERY: Final = 0.05  # s between calls after a flood
GOOD_PDD_MS: Final = 200.0
GOOD_PROBES: Final = 5
HOST: Final = "127.0.0.1"


class Spec(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What to do."""

    mode: Literal["calls", "hold", "flood"]
    transport: str
    port: int
    calls: int
    rate: float
    """Calls in a second."""
    hold_s: float = 0.1
    authority: str = ""
    limit_s: float = 60.0


class Result(msgspec.Struct, kw_only=True):
    """What became of the calls."""

    offered: int = 0
    completed: int = 0
    refused: int = 0
    without_retry_after: int = 0
    """Refusals that did not say when to come again."""
    failed: int = 0
    """Neither completed nor refused."""
    repeated: int = 0
    """Messages sent again because nothing was heard."""
    pdd_p50_ms: float = 0.0
    pdd_p99_ms: float = 0.0
    recovered_s: float = -1.0
    """flood: from its end to the first of five calls in a row taken in time; -1: never."""
    seconds: float = 0.0


class _Call:
    __slots__ = ("interval", "next_repeat", "number", "ok", "pdd", "sent", "started")

    def __init__(self, number: int, sent: bytes, now: float) -> None:
        self.number = number
        self.sent = sent
        """What has no answer yet; empty while nothing is awaited."""
        self.started = now
        self.ok = b""
        """The 200, while the call stands."""
        self.pdd = -1.0
        self.interval = REPEAT
        self.next_repeat = now + REPEAT


class Generator:
    """Makes calls and hangs up."""

    def __init__(self, spec: Spec) -> None:
        self.spec = spec
        self.result = Result()
        self.calls: dict[int, _Call] = {}
        self.done: dict[int, float] = {}
        """Calls that were taken, with their post-dial delay in milliseconds."""
        self.pdds: list[float] = []
        self.standing = 0
        self.holding = spec.mode == "hold"
        self._link: Link | None = None
        self._next = 0
        self._look_again = 0.0
        self._loop = asyncio.get_running_loop()

    async def run(self) -> Result:
        """Do what the spec says."""
        spec = self.spec
        self._link = await open_link(
            spec.transport, HOST, spec.port, authority=spec.authority, receive=self._receive
        )
        await _told("ready")
        started = time.monotonic()
        try:
            async with asyncio.timeout(spec.limit_s):
                await self._offer(spec.calls, spec.rate)
                if spec.mode == "flood":
                    await self._recover()
                if spec.mode == "hold":
                    await self._hold()
                while self.calls:
                    self._repeat()
                    await asyncio.sleep(TICK)
        except TimeoutError:
            pass  # what is still open counts as failed
        result = self.result
        result.seconds = round(time.monotonic() - started, 3)
        result.failed = len(self.calls)
        self.pdds.sort()
        if self.pdds:
            result.pdd_p50_ms = round(self.pdds[len(self.pdds) // 2], 2)
            result.pdd_p99_ms = round(self.pdds[int(len(self.pdds) * 0.99)], 2)
        await self._link.close()
        return result

    async def _offer(self, calls: int, rate: float) -> None:
        """Begin so many calls, evenly."""
        started, begun = time.monotonic(), 0
        while begun < calls:
            due = min(int((time.monotonic() - started) * rate) + 1, calls)
            while begun < due:
                self._dial()
                begun += 1
            self._repeat()
            await asyncio.sleep(TICK)

    async def _hold(self) -> None:
        """Wait until all calls stand, tell it, and hang up when told to."""
        while self.standing + self.result.refused < self.spec.calls:
            self._repeat()
            await asyncio.sleep(TICK)
        await _told("held")
        self.holding = False
        for call in list(self.calls.values()):
            self._hang_up(call)

    async def _recover(self) -> None:
        """Call now and then until that goes well again."""
        measured, self.pdds = self.pdds, []
        ended = time.monotonic()
        good: list[float] = []
        while len(good) < GOOD_PROBES:
            begun = time.monotonic()
            number = self._dial()
            await asyncio.sleep(PROBE_EVERY)
            late = begun
            while number in self.calls and number not in self.done:
                if time.monotonic() - late > GOOD_PDD_MS / 1000:
                    break
                await asyncio.sleep(TICK)
            pdd = self.done.get(number, GOOD_PDD_MS)
            good = [*good, begun] if pdd < GOOD_PDD_MS else []
        self.result.recovered_s = round(max(good[0] - ended, 0.0), 3)
        self.pdds = measured

    def _dial(self) -> int:
        now = time.monotonic()
        number = self._next
        self._next += 1
        data = invite(number, self.spec.transport)
        self.calls[number] = _Call(number, data, now)
        self.result.offered += 1
        self._send(data)
        return number

    def _send(self, data: bytes) -> None:
        if self._link is not None:
            self._link.send(data)

    def _receive(self, data: bytes) -> None:
        status = status_of(data)
        call = self.calls.get(number_of(data))
        if call is None or not status:
            return
        if b" INVITE\r\n" in data:
            self._answered(call, status, data)
        elif status >= 200:
            self.result.completed += 1
            del self.calls[call.number]

    def _answered(self, call: _Call, status: int, data: bytes) -> None:
        if status == 100:
            call.sent = b""
            return
        if call.pdd < 0 and status < 300:
            call.pdd = (time.monotonic() - call.started) * 1000
            self.pdds.append(call.pdd)
            self.done[call.number] = call.pdd
        if status < 200:
            call.sent = b""
            return
        if status < 300:
            self._send(ack_of(call.number, self.spec.transport, data, success=True))
            if not call.ok:
                call.sent, call.ok = b"", data
                self.standing += 1
                if not self.holding:
                    self._loop.call_later(self.spec.hold_s, self._hang_up, call)
            return
        self._send(ack_of(call.number, self.spec.transport, data, success=False))
        self.result.refused += 1
        self.result.without_retry_after += b"\r\nRetry-After: " not in data
        del self.calls[call.number]

    def _hang_up(self, call: _Call) -> None:
        if call.number in self.calls and call.ok:
            call.sent = bye_of(call.number, self.spec.transport, call.ok)
            call.interval = REPEAT
            call.next_repeat = time.monotonic() + REPEAT
            self._send(call.sent)

    def _repeat(self) -> None:
        """Send again what had no answer, over UDP only."""
        now = time.monotonic()
        if self.spec.transport != "udp" or now < self._look_again:
            return
        self._look_again = now + REPEAT / 5
        for call in self.calls.values():
            if call.next_repeat > now:
                continue
            call.interval *= 2
            call.next_repeat = now + call.interval
            if call.sent:
                self.result.repeated += 1
                self._send(call.sent)


async def _told(word: str) -> None:
    """Say how far we are, and go on when told to."""
    sys.stdout.write(word + "\n")
    sys.stdout.flush()
    await asyncio.to_thread(sys.stdin.readline)


async def _main() -> None:
    spec = msgspec.json.decode(sys.argv[1], type=Spec)
    result = await Generator(spec).run()
    sys.stdout.write(msgspec.json.encode(result).decode() + "\n")


if __name__ == "__main__":
    uvloop.run(_main())
