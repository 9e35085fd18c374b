"""People on telephones: real SIP, real RTP, a tone to be known by and an ear for others."""

import asyncio
from collections import deque
from collections.abc import Sequence

from running_site import until

from cython_ext import dsp
from daemon.demo.phone import Session, Telephones
from drivers.sip.simulator.agent import UserAgent
from drivers.sip.simulator.call import Call
from drivers.sip.simulator.packets import Media

FRAME = 160
LEVEL_DBM0 = -13.0
HEARD_DBM0 = -25.0
BLOCK = 1600  # bytes, 100 ms


class Tone:
    """Sends one frequency for ever and remembers the last 100 ms that it heard."""

    def __init__(self, hz: float) -> None:
        self.hz = hz
        self._tone = dsp.ToneGenerator((hz,), LEVEL_DBM0)
        self._heard: deque[bytes] = deque(maxlen=5)
        self.frames = 0

    def speak(self) -> bytes:
        return self._tone.generate(FRAME)

    def hear(self, pcm: bytes) -> None:
        self._heard.append(pcm)
        self.frames += 1

    def hears(self, hz: float) -> bool:
        block = b"".join(self._heard)
        return len(block) >= BLOCK and dsp.goertzel(block, 8000, hz) > HEARD_DBM0


class Party:
    """One person's side of one call."""

    def __init__(self, call: Call, session: Session, tone: Tone) -> None:
        self.call = call
        self.session = session
        self.tone = tone

    async def hears(self, other: "Party", seconds: float = 10.0) -> None:
        await until(lambda: self.tone.hears(other.tone.hz), seconds=seconds)

    async def press(self, keys: str) -> None:
        await asyncio.sleep(self.session.press(keys))

    async def hang_up(self) -> None:
        await self.call.hang_up()


class Town:
    """Callers behind a carrier and agents at registered phones."""

    def __init__(self, hotline: tuple[str, int]) -> None:
        self.hotline = hotline
        self.telephones = Telephones("127.0.0.1")
        self._agents: list[UserAgent] = []
        self._next_hz = 500.0

    async def close(self) -> None:
        for agent in self._agents:
            await agent.close()
        await self.telephones.close()

    def _tone(self) -> Tone:
        # Far enough apart for a block of 100 ms, and nothing is a multiple of another.
        self._next_hz += 130.0
        return Tone(self._next_hz)

    async def phone(self, station: str, secret: str) -> UserAgent:
        agent = await UserAgent(station, secret).open("127.0.0.1")
        self._agents.append(agent)
        assert await agent.register(self.hotline, "hookflash", 300) == 200
        return agent

    async def call(
        self, number: str, ani: str, *, phone: UserAgent | None = None, said: Sequence[str] = ()
    ) -> Party:
        """Call from outside, or from one of the hotline's telephones."""
        party = await self.dial(number, ani, phone=phone, said=said)
        await party.call.answered()
        return party

    async def dial(
        self, number: str, ani: str, *, phone: UserAgent | None = None, said: Sequence[str] = ()
    ) -> Party:
        """Begin a call, with header lines of one's own; nobody has answered yet."""
        carrier = phone or await UserAgent("carrier").open("127.0.0.1")
        if phone is None:
            self._agents.append(carrier)
        tone = self._tone()
        session = await self.telephones.open(tone)
        media = Media(*session.address)
        call = carrier.call(number, self.hotline, media, ani=ani, said=said)
        _follow(call, session)
        return Party(call, session, tone)

    async def rings(self, phone: UserAgent, seconds: float = 20.0) -> Call:
        async with asyncio.timeout(seconds):
            call = await phone.incoming.get()
        call.ring()
        return call

    async def pick_up(self, phone: UserAgent, seconds: float = 20.0) -> Party:
        return await self.answer(await self.rings(phone, seconds))

    async def early(self, call: Call) -> Party:
        """Be heard before the answer, which ``Party.call.answer`` gives later."""
        tone = self._tone()
        session = await self.telephones.open(tone)
        _follow(call, session)
        call.progress(Media(*session.address))
        return Party(call, session, tone)

    async def answer(self, call: Call) -> Party:
        tone = self._tone()
        session = await self.telephones.open(tone)
        _follow(call, session)
        await call.answer(Media(*session.address))
        return Party(call, session, tone)


def _follow(call: Call, session: Session) -> None:
    def changed(media: Media) -> None:
        session.connect(media.host, media.port, media.payload_type, media.dtmf_payload_type)

    call.media_changed = changed
