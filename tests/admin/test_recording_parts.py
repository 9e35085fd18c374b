"""Recordings in parts, deleted ones and held ones, on the page of the call and for programs."""

import wave
from collections.abc import Awaitable, Callable
from io import BytesIO
from pathlib import Path

from acd_core.ids import from_text, to_text
from daemon.recordings import flac
from daemon.store.connection import opened_store
from daemon.store.history import Recording
from tests.fakes.console_rig import ConsoleRig, call_text, recording_text
from tests.fakes.http_client import HttpClient
from tests.fakes.recorded_files import write_recording

SignIn = Callable[[str], Awaitable[HttpClient]]
PAGE = f"/calls/{call_text(0)}"
FIRST = recording_text(0)


async def add_part(site: Path, *, after_s: float, seconds: float) -> str:
    """What media recorded of the first call when it was started anew."""
    async with opened_store(site / "hookflash.db"):
        first = await Recording.get(id=from_text(FIRST))
        path = first.path.replace(".wav", "-2.wav")
        link = write_recording(site / path, seconds)
        started = first.started_ms + first.duration_ms + round(after_s * 1000)
        part = await Recording.create(
            id=first.id + 900,
            call_id=first.call_id,
            path=path,
            started_ms=started,
            ended_ms=started + round(seconds * 1000),
            duration_ms=round(seconds * 1000),
            chain=link,
            part_of=first.id,
        )
    return to_text(part.id)


async def test_parts_of_a_conversation_stand_together_and_are_numbered(
    console: ConsoleRig, sign_in: SignIn
) -> None:
    second = await add_part(console.site, after_s=2, seconds=3)
    text = (await (await sign_in("sam")).get(PAGE)).text
    assert text.index("part 1 of 2") < text.index("part 2 of 2")
    assert text.count(f'data-whole="{FIRST}"') == 2
    assert f"/recordings/{FIRST}/whole.wav" in text
    told = (await (await sign_in("boss")).get(f"/api/v1/calls/{call_text(0)}")).json()
    parts = [(r["recording"], r["whole"], r["part"], r["parts"]) for r in told["recordings"]]
    assert parts == [(FIRST, FIRST, 1, 2), (second, FIRST, 2, 2)]


async def test_parts_are_one_file_for_who_asks(console: ConsoleRig, sign_in: SignIn) -> None:
    second = await add_part(console.site, after_s=2, seconds=3)
    sam = await sign_in("sam")
    for path in (f"/recordings/{FIRST}/whole.wav", f"/api/v1/recordings/{second}/whole"):
        console.hotline.played.clear()
        reply = await sam.get(path)
        assert reply.headers["content-disposition"] == f'attachment; filename="{FIRST}.wav"'
        with wave.open(BytesIO(reply.body)) as file:
            assert file.getnframes() == (12 + 2 + 3) * 8000
        assert console.hotline.played == [FIRST, second]  # listening to each is audited


async def test_nobody_gets_the_parts_of_a_call_that_is_not_theirs(sign_in: SignIn) -> None:
    path = f"/recordings/{FIRST}/whole.wav"
    assert (await (await sign_in("bo")).get(path)).status == 403
    assert (await (await sign_in("tech")).get(path)).status == 403
    assert (await (await sign_in("anna")).get(path)).status == 200


async def test_a_recording_that_ended_with_no_file_has_no_whole(
    console: ConsoleRig, sign_in: SignIn
) -> None:
    [path] = (console.site / "recordings").rglob(f"{call_text(0)}.wav")
    path.write_bytes(b"nothing")
    sam = await sign_in("sam")
    assert (await sam.get(f"/recordings/{FIRST}/whole.wav")).status == 404
    path.unlink()
    assert (await sam.get(f"/recordings/{FIRST}/whole.wav")).status == 404


async def test_a_deleted_recording_says_since_when_it_is_gone(
    console: ConsoleRig, sign_in: SignIn
) -> None:
    [path] = (console.site / "recordings").rglob(f"{call_text(0)}.wav")
    async with opened_store(console.site / "hookflash.db"):
        await Recording.filter(id=from_text(FIRST)).update(deleted_ms=1_795_250_000_000)
    boss = await sign_in("boss")
    text = (await boss.get(PAGE)).text
    assert "Deleted on 2026-11-21 16:33" in text
    assert "<audio" not in text
    for what in ("audio.wav", "whole.wav", "waveform"):
        assert (await boss.get(f"/recordings/{FIRST}/{what}")).status == 404
    proof = f"/recordings/{FIRST}/proof"
    assert "Marked as deleted, yet the audio is there." in (await boss.get(proof)).text
    path.unlink()
    assert "Its audio was deleted, as it should be." in (await boss.get(proof)).text


async def test_an_administrator_holds_a_recording_and_lets_it_go(
    console: ConsoleRig, sign_in: SignIn
) -> None:
    async with opened_store(console.site / "hookflash.db"):
        await Recording.filter(id=from_text(FIRST)).update(ended_ms=5)
    boss, where = await sign_in("boss"), f"/recordings/{FIRST}/hold"
    assert where in (await boss.get(PAGE)).text
    assert (await boss.post(where, {"on": "yes"})).headers["location"] == PAGE
    assert (await boss.send_json("POST", f"/api/v1{where}", {"on": False})).status == 204
    assert console.hotline.audit[-2:] == [
        ("boss", "recording.hold", FIRST),
        ("boss", "recording.release", FIRST),
    ]
    async with opened_store(console.site / "hookflash.db"):
        await Recording.filter(id=from_text(FIRST)).update(held_ms=7)
    text = (await boss.get(PAGE)).text
    assert "No longer keep" in text
    sam = await sign_in("sam")
    assert "kept</span>" in (await sam.get(PAGE)).text
    assert (await sam.post(where, {"on": "yes"})).status == 403


async def test_a_packed_recording_has_its_picture(console: ConsoleRig, sign_in: SignIn) -> None:
    [path] = (console.site / "recordings").rglob(f"{call_text(0)}.wav")
    sam, where = await sign_in("sam"), f"/recordings/{FIRST}/waveform"
    before = (await sam.get(where)).json()
    flac.pack(path)
    assert (await sam.get(where)).json() == before
