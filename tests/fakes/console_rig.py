"""A console on an allocated port: the hotline in memory behind a real socket, real records.

The records are a real SQLite database made by the store's migrations.
"""

import math
import socket
import struct
import wave
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from itertools import count
from pathlib import Path
from zoneinfo import ZoneInfo

from acd_core.ids import to_text
from admin.app import create_console, served
from admin.context import ConsoleOptions
from admin.records import Records
from daemon.service.messages import Text
from daemon.service.settings import (
    NumberSettings,
    PauseReason,
    PersonSettings,
    QueueSettings,
)
from daemon.service.socket_client import ServiceClient
from daemon.service.socket_server import ServiceServer
from daemon.store.connection import opened_store
from daemon.store.history import Call, QueueVisit, Recording, Segment, Stream
from daemon.store.people import Agent, User
from daemon.store.routing import Queue
from tests.fakes.http_client import HttpClient
from tests.fakes.recorded_files import write_chain
from tests.fakes.service import FakeService

ZONE = ZoneInfo("Asia/Shanghai")
PASSWORD = "correct horse"
FIRST_CALL = (1 << 52) + 1
_names = count()


class ConsoleRig:
    """What a test of the console holds in its hands."""

    def __init__(self, hotline: FakeService, site: Path, port: int) -> None:
        self.hotline = hotline
        self.site = site
        self.port = port
        self.later: Callable[[float], None] = lambda _seconds: None
        """Lets time pass where a test gave the clock."""

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def client(self) -> HttpClient:
        return HttpClient(self.port)


def make_hotline(clock) -> FakeService:
    """Three queues, four agents, a supervisor, an administrator, a technician."""
    hotline = FakeService(clock)
    for slug, name, skills in (
        ("sales", "Sales", {"english": 3}),
        ("support", "Technical support", {"english": 5}),
        ("billing", "账单咨询", {"chinese": 4}),
    ):
        hotline.add_queue(QueueSettings(slug=slug, name=name, skills=skills, max_wait_s=120))
    for login, name, station in (
        ("anna", "Anna Berg", "2001"),
        ("bo", "Bo Chen", "2002"),
        ("li", "李晓明", "2003"),
        ("mira", "Mira Olsen", "2004"),
    ):
        person = PersonSettings(
            login=login, name=name, station=station, skills={"english": 7, "chinese": 5}
        )
        hotline.add_person(person, PASSWORD)
    for login, name, roles in (
        ("sam", "Sam Weaver", ("supervisor",)),
        ("boss", "Ada Boss", ("supervisor", "administrator", "technician")),
        ("tech", "Tom Tech", ("technician",)),
    ):
        hotline.add_person(PersonSettings(login=login, name=name, roles=roles), PASSWORD)
    for slug, en, zh in (("break", "Break", "休息"), ("training", "Training", "培训")):
        hotline.reasons[slug] = PauseReason(slug=slug, text=Text(en, zh), version=1)
    hotline.numbers["+8675512345678"] = NumberSettings(
        number="+8675512345678", name="Main", flow="main", version=1
    )
    return hotline


@asynccontextmanager
async def running_console(
    folder: Path,
    hotline: FakeService,
    site: Path,
    *,
    rate: float = 500.0,
    metrics_from: tuple[str, ...] = (),
    database: str = "",
) -> AsyncIterator[ConsoleRig]:
    """Serve a console whose facade is reached over a real Unix socket."""
    server = ServiceServer(hotline, folder / "c")
    await server.start()
    client = ServiceClient(folder / "c")
    records = Records(database or site / "hookflash.db", ZONE)
    options = ConsoleOptions(
        site=site, name="Harbour Clinic", zone=ZONE, rate=rate, metrics_from=metrics_from
    )
    app = create_console(
        client.service, records, options, clock=hotline.clock, name=f"console{next(_names)}"
    )
    listening = socket.socket()
    listening.bind(("127.0.0.1", 0))
    listening.listen(64)
    listening.setblocking(False)
    try:
        async with served(app, listening):
            yield ConsoleRig(hotline, site, listening.getsockname()[1])
    finally:
        await client.close()
        await server.close()


async def make_site(site: Path, now: float, calls: int) -> None:
    """Answered, abandoned, voicemail and refused calls in turn, the first with a recording."""
    site.mkdir()
    async with opened_store(site / "hookflash.db"):
        people = []
        for login, name in (("anna", "Anna Berg"), ("bo", "Bo Chen"), ("li", "李晓明")):
            user = await User.create(login=login, name=name, roles=["agent"])
            people.append(await Agent.create(user=user, station="2001"))
        queues = [
            await Queue.create(slug=slug, name=name)
            for slug, name in (("sales", "Sales"), ("support", "Technical support"))
        ]
        for number in range(calls):
            await _write_call(site, number, int(now * 1000), people, queues)


async def _write_call(
    site: Path, number: int, now_ms: int, people: list[Agent], queues: list[Queue]
) -> None:
    identifier = FIRST_CALL + number * 4096
    outcome = ("answered", "abandoned", "voicemail", "refused")[number % 4]
    start = now_ms - 240_000 - number * 210_000
    answered = outcome == "answered"
    queue, agent = queues[number % 2], people[number % 3]
    marks = (start, start + 12_000, start + 31_000, start + 39_000, start + 39_000 + 96_000)
    ended = marks[4] if answered else marks[2] + number % 7 * 1000
    await Call.create(
        id=identifier,
        line=f"trunk/{number % 8 + 1}",
        ani=f"+86755{20000000 + number * 7919}",
        ani_verbatim=f"0755{20000000 + number * 7919}",
        dnis="+8675512345678",
        name="Zhao Wei" if number % 3 == 0 else "",
        language="en",
        flow="main",
        path=["welcome", "main=2", "queue"],
        data={"order": "4711"},
        started_ms=start,
        answered_ms=marks[3] if answered else None,
        ended_ms=ended,
        outcome=outcome,
        queue_id=queue.id,
        agent_id=agent.id if answered else None,
        cause=16,
        ended_by="caller",
    )
    await QueueVisit.create(
        id=identifier + 1,
        call_id=identifier,
        queue_id=queue.id,
        entered_ms=marks[1],
        left_ms=marks[3] if answered else ended,
        outcome=outcome,
        agent_id=agent.id if answered else None,
        talk_ms=96_000 if answered else 0,
    )
    segments = [("ivr", marks[0], marks[1], ""), ("wait", marks[1], marks[2], "")]
    if answered:
        segments += [("ring", marks[2], marks[3], "answered"), ("talk", marks[3], marks[4], "")]
    for place, (kind, first, last, result) in enumerate(segments):
        await Segment.create(
            id=identifier + 10 + place,
            call_id=identifier,
            kind=kind,
            started_ms=first,
            ended_ms=last,
            queue_id=queue.id,
            agent_id=agent.id if kind in ("ring", "talk") else None,
            line=f"trunk/{number % 8 + 1}",
            result=result,
        )
    if answered:
        path = f"recordings/2026/11/21/{to_text(identifier)}.wav"
        write_wav(site / path, 12 if number == 0 else 1)
        link = write_chain(site / path, paused_ms=12_000)
        await Stream.create(
            id=identifier + 3,
            call_id=identifier,
            leg_id=identifier + 4,
            line=f"trunk/{number % 8 + 1}",
            ended_ms=ended,
            packets_in=4795,
            lost=5,
            late=43,
            jitter_ms=1.25,
            round_trip_ms=31.0,
            far_lost=2,
            mos=4.26,
        )
        await Recording.create(
            id=identifier + 2,
            call_id=identifier,
            path=path,
            started_ms=marks[3],
            duration_ms=12_000 if number == 0 else 1000,
            chain=link,
            paused_ms=12_000 if number == 0 else 0,
        )


def write_wav(path: Path, seconds: float) -> None:
    """Stereo tones that swell like talk: the caller left, our side right, in turns."""
    path.parent.mkdir(parents=True, exist_ok=True)
    frames = bytearray()
    for i in range(int(seconds * 8000)):
        swell = abs(math.sin(i / 900)) * abs(math.sin(i / 5200 + 0.4))
        left = swell * (math.sin(i / 16_000 * math.pi) > -0.2) * math.sin(i * 0.35)
        right = swell * (math.sin(i / 16_000 * math.pi) < 0.2) * math.sin(i * 0.55)
        frames += struct.pack("<hh", int(left * 22_000), int(right * 18_000))
    with wave.open(str(path), "wb") as file:
        file.setnchannels(2)
        file.setsampwidth(2)
        file.setframerate(8000)
        file.writeframes(bytes(frames))


def call_text(number: int) -> str:
    """The id of the n-th call in the records, as in addresses."""
    return to_text(FIRST_CALL + number * 4096)


def recording_text(number: int) -> str:
    """The id of that call's recording."""
    return to_text(FIRST_CALL + number * 4096 + 2)
