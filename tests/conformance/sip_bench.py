"""The SIP driver against the simulated carrier and its telephones."""

import asyncio
import time

from daemon.demo.phone import KEYS, Session, Telephones
from drivers.api import Driver, Line, LineId
from drivers.sip.driver import SipDriver
from drivers.sip.options import SipOptions, TrunkOptions
from drivers.sip.simulator.agent import UserAgent
from drivers.sip.simulator.call import Call
from drivers.sip.simulator.packets import Media
from tests.conformance.bench import Bench, FarEnd, Outcome

HOST = "127.0.0.1"
RING_S = 1.5


class SipFarEnd(FarEnd):
    """A call of the simulated carrier with its RTP."""

    def __init__(self) -> None:
        super().__init__()
        self.call: Call
        self.session: Session
        self._got: list[int] = []
        self._keys = ""
        self._news = asyncio.Event()

    async def open(self, phones: Telephones) -> Media:
        """Bind the audio port; the description to offer."""
        self.session = await phones.open(self.ears)
        hear = self.session.datagram_received

        def listen(data: bytes, address: tuple[str, int]) -> None:
            if data[1] & 0x7F == self.session.dtmf_payload_type:
                self._key(data)
            hear(data, address)

        self.session.datagram_received = listen  # type: ignore[method-assign]
        return Media(HOST, self.session.address[1])

    def take(self, call: Call) -> None:
        """This is the call whose audio it is."""
        self.call = call
        call.media_changed = self.talk
        if call.remote_media is not None and call.talking.is_set():
            self.talk(call.remote_media)

    def talk(self, media: Media) -> None:
        """Send where the other side listens now."""
        dtmf = media.dtmf_payload_type
        self.session.connect(media.host, media.port, media.payload_type, dtmf)

    async def hang_up(self) -> None:
        if self.call.talking.is_set():
            await self.call.hang_up()
        else:
            await self.call.cancel()

    async def press(self, keys: str) -> None:
        self.session.press(keys)

    async def over(self) -> None:
        async with asyncio.timeout(10):
            await self.call.ended.wait()

    async def keys(self, count: int) -> str:
        async with asyncio.timeout(10):
            while len(self._keys) < count:
                self._news.clear()
                await self._news.wait()
        return self._keys

    async def hold(self, *, on: bool) -> None:
        await self.call.change("sendonly" if on else "sendrecv")

    async def is_held(self, *, on: bool) -> None:
        async with asyncio.timeout(10):
            while self.call.held is not on:
                await asyncio.sleep(0.01)

    def _key(self, data: bytes) -> None:
        began = int.from_bytes(data[4:8], "big")
        if began not in self._got:
            self._got.append(began)
            self._keys += KEYS[data[12]]
            self._news.set()


class SipBench(Bench):
    """Trunk ``carrier`` with two lines, towards the simulator and from it."""

    far_holds = True

    async def make(self) -> Driver:
        carrier = await UserAgent("carrier", t1=0.05).open(HOST)
        trunk = TrunkOptions(
            name="carrier",
            addresses=("127.0.0.0/8",),
            max_calls=2,
            target=f"{HOST}:{carrier.address[1]}",
        )
        return self.use(carrier, SipOptions(port=0, trunks=(trunk,), ring_timeout_s=RING_S))

    def use(self, carrier: UserAgent, options: SipOptions) -> Driver:
        """A driver with these options, and the carrier that it calls."""
        self.carrier = carrier
        self.phones = Telephones(HOST)
        self.plan: Outcome = "answer"
        self._answered: asyncio.Queue[SipFarEnd] = asyncio.Queue()
        self._far: list[asyncio.Task[None]] = [asyncio.create_task(self._receive())]
        self.sip = self.driver_for(options)
        return self.sip

    def driver_for(self, options: SipOptions) -> SipDriver:
        return SipDriver(options, clock=time.time, journal=lambda kind, payload: None)

    async def stop_far_end(self) -> None:
        for task in self._far:
            task.cancel()
        await asyncio.gather(*self._far, return_exceptions=True)
        await self.carrier.close()
        await self.phones.close()

    async def ring(self) -> FarEnd:
        far = SipFarEnd()
        media = await far.open(self.phones)
        call = self.carrier.call("1000", (HOST, self.sip.port), media, ani="5550100")
        far.take(call)
        return far

    def outward(self, outcome: Outcome) -> tuple[Line, str]:
        self.plan = outcome
        free = (self.driver.line(LineId(f"carrier/{n}")) for n in (1, 2))
        return next(line for line in free if line.port is None), "5551234"

    async def called(self) -> FarEnd:
        async with asyncio.timeout(10):
            return await self._answered.get()

    async def _receive(self) -> None:
        while True:
            call = await self.carrier.incoming.get()
            if self.plan == "busy":
                call.refuse(486)
                continue
            call.ring()
            if self.plan == "answer":
                far = SipFarEnd()
                media = await far.open(self.phones)
                self._far.append(asyncio.create_task(call.answer(media)))
                await call.talking.wait()
                far.take(call)
                self._answered.put_nowait(far)
