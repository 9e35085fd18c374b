"""A hotline with a mailbox: real control and database; lines, media and speech are fakes."""

import asyncio
from pathlib import Path

from daemon.service.messages import Actor
from daemon.store.connection import Store
from daemon.store.history import Call, Recording
from daemon.store.history_writer import HistoryWriter
from daemon.store.people import Station
from tests.fakes.control_rig import ControlRig
from tests.fakes.line import FakeLine, State

PATIENCE = 10.0  # s; a busy machine


class Voicemail:
    """Mailbox 2001 and its telephone."""

    def __init__(self, site: Path, store: Store) -> None:
        self.rig = ControlRig(site)
        self.store = store
        self.acts: list[tuple[str, str, str]] = []
        self._note()

    def _note(self) -> None:
        def note(actor: Actor, action: str, subject: str) -> None:
            self.acts.append((actor.login, action, subject))

        self.rig.controller.mailboxes.audit = note

    async def leave(self, number: int, *, heard: bool = False, ms: int = 20_000) -> Path:
        """A caller has left a message; its file."""
        started = round(self.rig.clock() * 1000) - 60_000 + number
        path = f"voicemail/{number}.wav"
        file = self.rig.site / path
        file.parent.mkdir(exist_ok=True)
        file.write_bytes(b"RIFF")
        await Call.create(id=number, direction="in", ani=f"555{number}", started_ms=started)
        await Recording.create(
            id=number,
            call_id=number,
            kind="message",
            path=path,
            mailbox="2001",
            started_ms=started,
            ended_ms=started + ms,
            duration_ms=ms,
            stereo=False,
            heard_ms=started if heard else None,
        )
        return file

    async def pin(self, mailbox: str, hashed: str) -> None:
        """The mailbox has a PIN."""
        await Station.create(name=mailbox, realm="hotline", pin_hash=hashed)

    async def dial(self, station: str = "2001") -> FakeLine:
        """Somebody dials the number of the mailboxes at a station."""
        return await self.rig.dial(station, "800")

    async def hears(self, line: FakeLine, wanted: str) -> None:
        """Wait until the caller hears something that holds these words, or a message's file."""
        async with asyncio.timeout(PATIENCE):
            while not any(wanted in each for each in self.heard_now(line)):
                await asyncio.sleep(0)

    def heard_now(self, line: FakeLine) -> list[str]:
        """Texts and files that play now."""
        return [self.rig.speech.texts.get(path, path) for path in self.rig.media.hears(line.port)]

    async def listens_to(self, line: FakeLine, number: int) -> None:
        """Hear everything out until this message plays."""
        path = f"voicemail/{number}.wav"
        async with asyncio.timeout(PATIENCE):
            while path not in self.heard_now(line):
                if self.heard_now(line):
                    await self.rig.hear_out(line)
                await asyncio.sleep(0)

    async def gone(self, line: FakeLine) -> None:
        """Wait until the call is over."""
        async with asyncio.timeout(PATIENCE):
            while line.state is not State.IDLE:
                if self.heard_now(line):
                    await self.rig.hear_out(line)
                await asyncio.sleep(0)

    async def file_gone(self, file: Path) -> None:
        """Wait until a file is removed."""
        async with asyncio.timeout(PATIENCE):
            while file.exists():
                await asyncio.sleep(0)

    async def stored(self) -> dict[int, Recording]:
        """The messages as the database has them once all is written."""
        writer = HistoryWriter(self.store, self.rig.site / "spill", batch_ms=1)
        await writer.start()
        for sequence, row in self.rig.book.written:
            writer.write(row, sequence)
        await writer.close()
        return {row.id: row for row in await Recording.filter(kind="message")}

    async def again(self) -> None:
        """Control is killed, and the next one knows what the journal knows."""
        await self.rig.again(applied=0)
        self._note()
