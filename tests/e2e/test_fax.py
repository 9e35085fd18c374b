"""Fax machines call the whole daemon over SIP, and each other through it; four at the same time.

One sends to the hotline and its page is a PDF in the console: the hotline asks for T.38, is
refused, and goes on with audio. The others send to each other: by T.38 from the carrier to
an adapter on audio, from a telephone line of ours on audio to T.38 at the carrier, and by T.38
at both ends. One fax takes some 18 seconds of T.30.
"""

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest
from console_visitor import visitor
from fax_machines import CED, CNG, AudioMachine, Ear, PacketMachine
from running_site import RunningSite, until

from daemon.demo.phone import Session, Telephones
from daemon.fax.messages import OK
from drivers.sip.simulator.agent import UserAgent
from drivers.sip.simulator.call import Call
from drivers.sip.simulator.packets import Media
from tests.fakes.fax_pages import dots, write_pages

pytestmark = pytest.mark.e2e

IN, TO_AUDIO, TO_T38 = "5557000", "7001", "7002"
AUDIO, T38, OUTSIDE = "5559001", "5559002", "5559003"
STATION = """
[[people]]
login = "fax"
station = "3001"
[[stations]]
name = "3001"
secret = "s3001"
"""
FLOW = """\
version: 1
title: Fax
languages: [en]
start: fax
nodes:
  fax: {kind: fax, mailbox: "3001", station: "5557000", received: end}
  end: {kind: hang_up}
"""
AWAY = """\
version: 1
title: Somewhere else
languages: [en]
start: outside
nodes:
  outside: {kind: transfer, to: "%s", next: end, failed: end}
  end: {kind: hang_up}
"""


class Town:
    """A carrier, a fax line of the hotline's own, and the machines at their ends."""

    def __init__(self, site: RunningSite, folder: Path) -> None:
        self.site = site
        self.folder = folder
        self.page = write_pages(folder / "page.tif", ["one short page"])
        self.telephones = Telephones("127.0.0.1")
        self.carrier = UserAgent("carrier")
        self.line = UserAgent("3001", "s3001")
        self.closing: list[Callable[[], Awaitable[None]]] = []

    @property
    def hotline(self) -> tuple[str, int]:
        return "127.0.0.1", self.site.sip_port

    async def close(self) -> None:
        await self.carrier.close()
        await self.line.close()
        await self.telephones.close()
        for close in self.closing:  # nobody hears them any more
            await close()

    def on_audio(self, *, send: bool, station: str) -> AudioMachine:
        machine = AudioMachine(self._file(send, station), send=send, station=station)

        async def close() -> None:
            machine.terminal.close()

        self.closing.append(close)
        return machine

    def by_t38(self, *, send: bool, station: str) -> PacketMachine:
        machine = PacketMachine(self._file(send, station), send=send, station=station)
        self.closing.append(machine.close)
        return machine

    def _file(self, send: bool, station: str) -> Path:
        return self.page if send else self.folder / f"{station}.tif"

    async def call(self, agent: UserAgent, number: str, audio: AudioMachine | Ear) -> Call:
        """Call a number of the hotline's."""
        session = await self.telephones.open(audio)
        call = agent.call(number, self.hotline, Media(*session.address), ani=agent.user)
        follow(call, session)
        return call

    async def answer(self, call: Call, audio: AudioMachine | Ear) -> None:
        """Answer a call of the hotline's."""
        session = await self.telephones.open(audio)
        follow(call, session)
        await call.answer(Media(*session.address))


def follow(call: Call, session: Session) -> None:
    """Send audio where a call says."""

    def changed(media: Media) -> None:
        session.connect(media.host, media.port, media.payload_type, media.dtmf_payload_type)

    call.media_changed = changed


@pytest.mark.timeout(150)
async def test_faxes_come_in_and_pass_between_audio_and_t38(
    site: RunningSite, tmp_path: Path
) -> None:
    told = site.init()
    town = Town(site, tmp_path)
    await town.carrier.open("127.0.0.1")
    await town.line.open("127.0.0.1")
    configure(site, town.carrier.address)
    site.start()
    try:
        assert await town.line.register(town.hotline, "hookflash", 300) == 200
        admin = await visitor(site, told["login"], told["password"])
        called: dict[str, asyncio.Queue[Call]] = {
            number: asyncio.Queue() for number in (AUDIO, T38, OUTSIDE)
        }
        sorting = asyncio.create_task(sort(town.carrier, called))
        async with asyncio.timeout(100):
            await asyncio.gather(
                fax_comes_in(town),
                fax_goes_from_t38_to_audio(town, called[AUDIO]),
                fax_goes_from_audio_to_t38(town, called[OUTSIDE]),
                fax_goes_from_t38_to_t38(town, called[T38]),
            )
        sorting.cancel()
        await asyncio.gather(sorting, return_exceptions=True)
        [path] = await received(site)
        assert dots(site.path / path) == dots(town.page)
        listed = (await admin.get("/faxes")).text
        assert "received" in listed
        link = listed.partition('href="/recordings/')[2].partition('"')[0]
        pdf = await admin.get(f"/recordings/{link}")
        assert (pdf.status, pdf.headers["content-type"]) == (200, "application/pdf")
        assert pdf.body == (site.path / path).with_suffix(".pdf").read_bytes()
        assert pdf.body.startswith(b"%PDF")
        t38 = "SELECT result, detail FROM segment WHERE kind = 't38' AND ended_ms IS NOT NULL"
        await until(lambda: len(site.rows(t38)) == 3)
        results = sorted(result for result, _ in site.rows(t38))
        assert results == ["gateway", "gateway", "passed_on"]
    finally:
        await town.close()
    assert site.stop() == 0
    assert site.check_records()["faults"] == []


def configure(site: RunningSite, carrier: tuple[str, int]) -> None:
    people = site.path / "people.toml"
    people.write_text(people.read_text() + STATION)
    toml = site.path / "hookflash.toml"
    trunk = 'name = "trunk"\n'
    text = toml.read_text().replace(trunk, f'{trunk}target = "{carrier[0]}:{carrier[1]}"\n')
    toml.write_text(
        text.replace("[drivers.sip]", '[telephones]\nallowed = ["555"]\n\n[drivers.sip]')
    )
    flows = {"machine": FLOW, "to_audio": AWAY % AUDIO, "to_t38": AWAY % T38}
    for name, flow in flows.items():
        (site.path / "flows" / f"{name}.yaml").write_text(flow)
    numbers = site.path / "numbers.toml"
    led = zip((IN, TO_AUDIO, TO_T38), flows, strict=True)
    more = [f'\n[[numbers]]\nnumber = "{number}"\nflow = "{flow}"\n' for number, flow in led]
    numbers.write_text(numbers.read_text() + "".join(more))


async def sort(carrier: UserAgent, called: dict[str, asyncio.Queue[Call]]) -> None:
    """Hand each call of the hotline's to who waits for its number."""
    while True:
        call = await carrier.incoming.get()
        call.ring()
        called[call.called].put_nowait(call)


async def fax_comes_in(town: Town) -> None:
    machine = town.on_audio(send=True, station="5556789")
    call = await town.call(town.carrier, IN, machine)
    await call.ended.wait()
    # Its last signal may be under way when we hang up: no more audio, no more clock.
    assert machine.terminal.figures().sent == 1
    assert machine.terminal.other_station() in ("5557000", "")


async def fax_goes_from_t38_to_audio(town: Town, called: asyncio.Queue[Call]) -> None:
    """From a machine at the carrier to one behind an adapter, which refuses T.38."""
    sender = town.by_t38(send=True, station="111")
    receiver = town.on_audio(send=False, station="222")
    ear = Ear()
    call = await town.call(town.carrier, TO_AUDIO, ear)
    await call.answered()
    await town.answer(await called.get(), receiver)
    await until(lambda: ear.hears(CED))
    assert "t38UDPRedundancy" in await sender.change(call)
    await both_done(town, sender, receiver)
    await call.hang_up()


async def fax_goes_from_audio_to_t38(town: Town, called: asyncio.Queue[Call]) -> None:
    """From a machine at a telephone line of ours to one at the carrier, which asks for T.38."""
    sender = town.on_audio(send=True, station="333")
    receiver = town.by_t38(send=False, station="444")
    call = await town.call(town.line, OUTSIDE, sender)
    outside = await called.get()
    ear = Ear()
    await town.answer(outside, ear)
    await call.answered()
    await until(lambda: ear.hears(CNG))
    await receiver.change(outside)
    await both_done(town, sender, receiver)
    await call.hang_up()


async def fax_goes_from_t38_to_t38(town: Town, called: asyncio.Queue[Call]) -> None:
    """Both ends take T.38, and know of each other what they said."""
    sender = town.by_t38(send=True, station="555")
    receiver = town.by_t38(send=False, station="666")
    call = await town.call(town.carrier, TO_T38, Ear())
    call.other_media = sender.answer
    await call.answered()
    outside = await called.get()
    ear = Ear()
    await town.answer(outside, ear)
    await until(lambda: ear.hears_anything)
    answer = await receiver.change(outside)
    assert "a=T38FaxMaxDatagram:200" in answer
    assert "a=T38FaxMaxDatagram:200" in sender.asked
    await both_done(town, sender, receiver)
    await call.hang_up()


async def both_done(
    town: Town, sender: AudioMachine | PacketMachine, receiver: AudioMachine | PacketMachine
) -> None:
    """The page is over and confirmed dot by dot, and both have said good-bye."""
    await until(lambda: sender.terminal.code == receiver.terminal.code == OK, seconds=95)
    assert sender.terminal.figures().sent == receiver.terminal.figures().received == 1
    assert receiver.terminal.figures().ecm
    assert dots(receiver.page) == dots(town.page)
    heard = receiver.terminal.other_station(), sender.terminal.other_station()
    if isinstance(sender, PacketMachine) and isinstance(receiver, PacketMachine):
        assert heard == (sender.station, receiver.station)
    else:
        # The frame that says it is not repeated, and a machine that is busy loses audio.
        assert heard[0] in (sender.station, "")
        assert heard[1] in (receiver.station, "")


async def received(site: RunningSite) -> list[str]:
    """Files of faxes whose end is on record."""
    done = (
        "SELECT recording.path FROM recording JOIN segment ON segment.id = recording.id"
        " WHERE segment.result = 'received' AND recording.duration_ms > 0"
    )
    await until(lambda: site.rows(done))
    return [path for (path,) in site.rows(done)]
