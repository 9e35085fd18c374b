"""Recordings in the console: the pause at the desk, how long it was, and the proof on demand."""

from collections.abc import Awaitable, Callable

import pytest

from daemon.recordings import flac
from tests.fakes.console_rig import ConsoleRig, call_text, recording_text
from tests.fakes.http_client import HttpClient
from tests.fakes.recorded_files import HEAD, SECOND

SignIn = Callable[[str], Awaitable[HttpClient]]
PROOF = f"/recordings/{recording_text(0)}/proof"


async def test_desk_shows_whether_the_call_is_recorded(
    console: ConsoleRig, sign_in: SignIn
) -> None:
    client = await sign_in("anna")
    await client.post("/desk/log-in", {"station": "2001"})
    await client.post("/desk/ready")
    console.hotline.arrive("06WM3RZ8Q0001", "+4930123", queue="sales")
    console.hotline.offer("06WM3RZ8Q0001", "anna")
    text = (await client.post("/desk/accept")).text
    assert "This call is recorded." in text
    assert "/desk/pause-recording" in text
    console.later(2)
    text = (await client.post("/desk/pause-recording")).text
    assert "The recording is paused" in text
    assert "/desk/pause-recording" not in text
    console.later(7)
    assert "0:07</time></span></p>" in (await client.get("/desk/parts")).text
    text = (await client.post("/desk/resume-recording")).text
    assert "This call is recorded." in text
    await client.post("/desk/hang-up")
    assert "recorded" not in (await client.get("/desk/parts")).text


async def test_programs_pause_the_recording_as_well(console: ConsoleRig, sign_in: SignIn) -> None:
    client = await sign_in("anna")
    where = "/api/v1/desk/recording-pause"
    assert (await client.send_json("POST", where, {"on": True})).status == 409
    await client.post("/desk/log-in", {"station": "2001"})
    await client.post("/desk/ready")
    console.hotline.arrive("06WM3RZ8Q0001", "+4930123", queue="sales")
    console.hotline.offer("06WM3RZ8Q0001", "anna")
    await client.post("/desk/accept")
    for on, says in ((True, "paused"), (False, "on")):
        reply = await client.send_json("POST", where, {"on": on})
        assert (reply.status, reply.json()["recording"]) == (200, says)


async def test_page_of_a_call_says_how_long_it_was_paused(sign_in: SignIn) -> None:
    text = (await (await sign_in("boss")).get(f"/calls/{call_text(0)}")).text
    assert "paused 12 s" in text
    assert PROOF in text
    assert PROOF not in (await (await sign_in("sam")).get(f"/calls/{call_text(0)}")).text


async def test_administrator_sees_that_a_recording_is_unchanged(sign_in: SignIn) -> None:
    reply = await (await sign_in("boss")).get(PROOF)
    assert (reply.status, "Unchanged since it was made." in reply.text) == (200, True)
    for login in ("sam", "anna"):
        assert (await (await sign_in(login)).get(PROOF)).status == 403


@pytest.mark.parametrize(
    ("cut", "says"),
    [(0, "Changed at second 3"), (5 * SECOND, "cut at second 5"), (10, "cannot be read")],
)
async def test_administrator_sees_what_was_done_to_a_recording(
    console: ConsoleRig, sign_in: SignIn, cut: int, says: str
) -> None:
    [path] = (console.site / "recordings").rglob(f"{call_text(0)}.wav")
    audio = bytearray(path.read_bytes())
    if cut:
        path.write_bytes(audio[: HEAD + cut] if cut > HEAD else audio[:cut])
    else:
        audio[HEAD + 3 * SECOND] ^= 1
        path.write_bytes(audio)
    assert says in (await (await sign_in("boss")).get(PROOF)).text
    path.unlink()
    assert "not there" in (await (await sign_in("boss")).get(PROOF)).text


async def test_a_packed_recording_is_played_proved_and_downloaded(
    console: ConsoleRig, sign_in: SignIn
) -> None:
    [path] = (console.site / "recordings").rglob(f"{call_text(0)}.wav")
    flac.pack(path)
    boss = await sign_in("boss")
    assert "Unchanged since it was made." in (await boss.get(PROOF)).text
    reply = await boss.get(PROOF.replace("/proof", "/audio.wav?download=1"))
    assert reply.headers["content-type"] == "audio/flac"
    assert reply.headers["content-disposition"].endswith('.flac"')
    assert reply.body.startswith(b"fLaC")
