"""A message heard at a telephone: the engine plays it, keys move in it, checked as audio."""

import asyncio
import itertools
import struct
from collections.abc import AsyncIterator, Awaitable, Callable
from datetime import UTC
from pathlib import Path

import pytest

from cython_ext import dsp
from daemon.control.calls.call import Call, Leg
from daemon.control.flows.hooks import Signal, Signals
from daemon.control.flows.inbox import Inbox
from daemon.control.flows.prompts import Prompts
from daemon.control.mailboxes.messages import Messages
from daemon.control.mailboxes.telephone import MailboxCall
from daemon.control.records import Records
from daemon.link.client import MediaLink
from daemon.service.messages import Actor
from daemon.store.connection import opened_store
from daemon.store.history import Call as CallRow
from daemon.store.history import Recording
from drivers.api import LineId, PortId
from ivr.actions import HearMessages
from tests.fakes.control_rig import RowBook
from tests.fakes.rtp_phone import RtpPhone

Dial = Callable[..., Awaitable[tuple[PortId, RtpPhone]]]
PITCHES = (600.0, 1000.0, 1500.0, 2100.0)
PART_S = 4
NOW = 1_790_000_000.0


def message(path: Path) -> None:
    """Four seconds of each pitch, as media writes a message."""
    sound = b"".join(dsp.ToneGenerator([hz], -10.0).generate(8000 * PART_S) for hz in PITCHES)
    fmt = struct.pack("<4sIHHIIHH", b"fmt ", 16, 1, 1, 8000, 16_000, 2, 16)
    data = struct.pack("<4sI", b"data", len(sound)) + sound
    path.parent.mkdir(exist_ok=True)
    path.write_bytes(b"RIFF" + struct.pack("<I", len(fmt) + len(data) + 4) + b"WAVE" + fmt + data)


class Silent:
    """No voice: only the message itself is heard."""

    async def prompt(self, text: str, language: str, voice: str = "") -> str:
        return ""

    async def convert(self, upload_path_relative: str, name: str) -> str:
        return ""


class Context:
    """What a call at a mailbox needs of control."""

    def __init__(self, link: MediaLink, site: Path) -> None:
        numbers = itertools.count(1000)
        self.media = link
        self.ids = lambda: next(numbers)
        self.prompts = Prompts(site, Silent())
        self.lamps: list[tuple[str, bool]] = []

    def clock(self) -> float:
        return NOW + asyncio.get_running_loop().time()

    def message_lamp(self, mailbox: str, *, on: bool) -> None:
        self.lamps.append((mailbox, on))


class NoJournal:
    """Counts records."""

    def append(self, kind: str, payload: bytes, now: float) -> int:
        return 1


@pytest.fixture
async def stored(site: Path, link: MediaLink) -> AsyncIterator[Path]:
    """A message in mailbox 2001."""
    async with opened_store(site / "hookflash.db"):
        ms = PART_S * len(PITCHES) * 1000
        await CallRow.create(id=1, direction="in", ani="5551", started_ms=round(NOW * 1000))
        await Recording.create(
            id=2, call_id=1, kind="message", path="voicemail/a.wav", mailbox="2001",
            started_ms=round(NOW * 1000), ended_ms=round(NOW * 1000) + ms, duration_ms=ms, stereo=False,
        )  # fmt: skip
        message(site / "voicemail/a.wav")
        yield site


def pitch(sound: bytes) -> float:
    """The loudest of our pitches; 0 when none sounds."""
    levels = {hz: dsp.goertzel(sound, 8000, hz) for hz in PITCHES}
    loudest = max(levels, key=lambda hz: levels[hz])
    return loudest if levels[loudest] > -14 else 0.0


async def heard_until(phone: RtpPhone, hz: float, *, most: int) -> int:
    """Frames of 20 ms until this pitch is heard."""
    for frames in range(5, most, 5):
        if pitch(await phone.hear(5)) == hz:
            return frames
    raise AssertionError(f"{hz} Hz is not heard within {most} frames")


async def test_a_message_is_heard_jumped_in_and_hurried(
    link: MediaLink, dial: Dial, stored: Path
) -> None:
    port, phone = await dial("PCMA")
    context, book = Context(link, stored), RowBook()
    records = Records(NoJournal(), book, context.ids, context.clock)
    messages = Messages(stored, records, context.clock)
    signals: Signals = Inbox[Signal]()
    call = Call(id=9, started=NOW, caller=Leg(id=1, line=LineId("station:2001"), port=port))
    acts: list[str] = []

    def note(actor: Actor, action: str, subject: str) -> None:
        acts.append(action)

    async def told() -> None:
        async for event in link.events():
            signals.put_nowait(event)

    events = asyncio.create_task(told())
    there = MailboxCall(call, signals, context=context, messages=messages, audit=note)
    action = HearMessages(node="messages", mailbox="2001", language="en")
    visit = asyncio.create_task(there.hear(action, UTC))
    try:
        await heard_until(phone, 600, most=100)
        phone.press("6")  # forward by 5 s: from the first part into the second
        assert await heard_until(phone, 1000, most=40) < 40
        assert dsp.goertzel(await phone.hear(10), 8000, 1000) == pytest.approx(-10, abs=1.5)
        phone.press("4")  # and back
        assert await heard_until(phone, 600, most=40) < 40
        for _ in range(3):
            phone.press("9")  # 1.25, 1.5, 2
        await heard_until(phone, 1000, most=150)
        # A part of four seconds takes two, at the pitch that it has.
        assert 75 <= await heard_until(phone, 1500, most=160) <= 125
        phone.press("5")
        await phone.hear(15)
        assert pitch(await phone.hear(10)) == 0
        phone.press("5")
        await heard_until(phone, 1500, most=60)
        phone.press("3")
        await phone.hear(10)
        async with asyncio.timeout(5):
            while not book.written:
                await asyncio.sleep(0)
        phone.press("*")
        await phone.hear(10)
        phone.press("*")
        async with asyncio.timeout(5):
            left = await visit
    finally:
        visit.cancel()
        events.cancel()
        await asyncio.gather(visit, events, return_exceptions=True)
    assert (left.new, left.left, context.lamps[-1]) == (0, 0, ("2001", False))
    [(_, row)] = book.written
    assert row.deleted_ms is not None
    assert acts == ["recording.play", "message.delete"]
