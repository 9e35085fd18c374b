"""Every page with real records and the hotline behind its socket."""

import asyncio
import csv
import io
from pathlib import Path

import pytest

from tests.admin.conftest import SignIn
from tests.fakes.console_rig import (
    ConsoleRig,
    call_text,
    make_hotline,
    recording_text,
    running_console,
)
from tests.fakes.html_form import form_of


async def settled(rig: ConsoleRig) -> None:
    """Wait until the console's mirror has what the hotline published."""
    app_seq = -1
    while app_seq != rig.hotline.feed.state().seq:
        await asyncio.sleep(0.01)
        reply = await rig.client().get("/api/v1/health")
        assert reply.status in (200, 503)
        app_seq = rig.hotline.feed.state().seq if reply.status == 200 else -1
    await asyncio.sleep(0.1)


async def test_live_page_shows_queues_callers_agents_and_calls(
    console: ConsoleRig, sign_in: SignIn
) -> None:
    console.hotline.arrive("06WM3RZ8Q0001", "+4930123", queue="sales", name="Kurt")
    client = await sign_in("sam")
    await settled(console)
    text = (await client.get("/live")).text
    for wanted in ("Sales", "账单咨询", "+4930123", "Kurt", "Anna Berg", "call-06WM3RZ8Q0001"):
        assert wanted in text


async def test_call_list_filters_by_what_the_address_says(sign_in: SignIn) -> None:
    client = await sign_in("sam")
    assert "4 in all" in (await client.get("/calls")).text
    assert "1 in all" in (await client.get("/calls?outcome=abandoned")).text
    assert "2 in all" in (await client.get("/calls?queue=sales")).text
    assert "1 in all" in (await client.get("/calls?queue=sales&outcome=answered")).text
    assert "0 in all" in (await client.get("/calls?queue=nowhere")).text
    assert "0 in all" in (await client.get("/calls?first=2027-01-01")).text
    assert "4 in all" in (await client.get("/calls?first=2026-11-01&last=2026-11-30")).text
    assert "4 in all" in (await client.get("/calls?first=not-a-day&page=-3")).text
    assert "1 in all" in (await client.get("/calls?number=20007919")).text


async def test_agent_sees_only_own_calls(sign_in: SignIn) -> None:
    anna, bo = await sign_in("anna"), await sign_in("bo")
    assert "1 in all" in (await anna.get("/calls?agent=bo")).text
    assert (await anna.get(f"/calls/{call_text(0)}")).status == 200
    assert (await bo.get(f"/calls/{call_text(0)}")).status == 403
    assert (await bo.get(f"/recordings/{recording_text(0)}/audio.wav")).status == 403
    assert (await bo.get(f"/api/v1/calls/{call_text(0)}")).status == 403


async def test_export_has_every_call_and_no_formulas(sign_in: SignIn) -> None:
    reply = await (await sign_in("sam")).get("/calls.csv")
    rows = list(csv.DictReader(io.StringIO(reply.text.removeprefix("\ufeff"))))
    assert len(rows) == 4
    assert rows[0]["call"] == call_text(0)
    assert rows[0]["started"] == "2026-11-21T22:22:40+00:00"
    assert rows[0]["talk_s"] == "96.0"
    assert rows[0]["ani"].startswith("+86755")


async def test_call_page_tells_what_happened(sign_in: SignIn) -> None:
    text = (await (await sign_in("sam")).get(f"/calls/{call_text(0)}")).text
    for wanted in (
        "Zhao Wei",
        "main=2",
        "Menu",
        "Ring",
        "Talk",
        "1:36",
        "longest idle",
        "not ready",
    ):
        assert wanted in text


async def test_call_shows_how_its_audio_arrived(sign_in: SignIn) -> None:
    text = (await (await sign_in("sam")).get(f"/calls/{call_text(0)}")).text
    for wanted in ("How the audio arrived", "4.3", "48 (1.0 %)", "1.2 ms", "31 ms"):
        assert wanted in text


async def test_unknown_call_is_not_found(sign_in: SignIn) -> None:
    client = await sign_in("sam")
    for path in ("/calls/0000000000000", "/calls/xyz", "/recordings/0000000000000/audio.wav"):
        assert (await client.get(path)).status == 404


@pytest.mark.parametrize(
    ("wanted", "status", "size", "range_"),
    [
        ("", 200, 384_044, ""),
        ("bytes=0-99", 206, 100, "bytes 0-99/384044"),
        ("bytes=1000-", 206, 383_044, "bytes 1000-384043/384044"),
        ("bytes=-50", 206, 50, "bytes 383994-384043/384044"),
        ("bytes=400000-", 416, 0, "bytes */384044"),
        ("bytes=a-b", 200, 384_044, ""),
    ],
)
async def test_recording_is_served_in_ranges(
    sign_in: SignIn, wanted: str, status: int, size: int, range_: str
) -> None:
    client = await sign_in("sam")
    headers = {"Range": wanted} if wanted else {}
    reply = await client.get(f"/recordings/{recording_text(0)}/audio.wav", **headers)
    assert (reply.status, len(reply.body)) == (status, size)
    assert reply.headers.get("content-range", "") == range_


async def test_listening_is_noted_once_from_the_start(console: ConsoleRig, sign_in: SignIn) -> None:
    client = await sign_in("sam")
    path = f"/recordings/{recording_text(0)}/audio.wav"
    await client.get(path, Range="bytes=0-99")
    await client.get(path, Range="bytes=100-199")
    assert console.hotline.played == [recording_text(0)]


async def test_waveform_has_both_sides(sign_in: SignIn) -> None:
    reply = await (await sign_in("sam")).get(f"/recordings/{recording_text(0)}/waveform")
    found = reply.json()
    assert found["duration_s"] == 12.0
    assert [len(lane) for lane in found["channels"]] == [400, 400]
    assert max(found["channels"][0]) > 0.3


async def test_call_in_progress_is_ended_by_the_supervisor_only(
    console: ConsoleRig, sign_in: SignIn
) -> None:
    console.hotline.arrive("06WM3RZ8Q0001", "+4930123", queue="sales")
    anna, sam = await sign_in("anna"), await sign_in("sam")
    assert (await anna.post("/calls/06WM3RZ8Q0001/release")).status == 403
    assert "06WM3RZ8Q0001" in console.hotline.calls
    await sam.post("/calls/06WM3RZ8Q0001/release")
    assert console.hotline.calls == {}


async def test_agent_takes_a_seat_goes_ready_pauses_and_leaves(
    console: ConsoleRig, sign_in: SignIn
) -> None:
    client = await sign_in("anna")
    agents = console.hotline.agents
    assert "Take a seat" in (await client.get("/desk")).text
    for path, form, state in (
        ("log-in", {"station": "2001"}, "paused"),
        ("ready", {}, "ready"),
        ("pause", {"reason": "break"}, "paused"),
        ("ready", {}, "ready"),
        ("log-out", {}, "logged_out"),
    ):
        reply = await client.post(f"/desk/{path}", form)
        assert (reply.status, agents["anna"].state) == (200, state)
        assert f'data-state="{state}"' in reply.text


async def test_desk_shows_who_is_calling_before_the_answer(
    console: ConsoleRig, sign_in: SignIn
) -> None:
    client = await sign_in("anna")
    await client.post("/desk/log-in", {"station": "2001"})
    await client.post("/desk/ready")
    console.hotline.arrive("06WM3RZ8Q0001", "+4930123", queue="sales", name="Kurt")
    console.hotline.offer("06WM3RZ8Q0001", "anna")
    text = (await client.get("/desk")).text
    for wanted in ("Incoming call", "+4930123", "Kurt", "main=2", "Earlier calls: 3", "4711"):
        assert wanted in text
    assert "Your call" in (await client.post("/desk/accept")).text
    assert 'data-state="on_hold"' in (await client.post("/desk/hold")).text
    refused = await client.post("/desk/transfer", {"to": "nobody"})
    assert "nobody cannot be reached now." in refused.text
    assert (
        'data-state="wrap_up"'
        in ((await client.post("/desk/retrieve")) and await client.post("/desk/hang-up")).text
    )


async def test_refused_action_is_told_on_the_desk(sign_in: SignIn) -> None:
    reply = await (await sign_in("anna")).post("/desk/ready")
    assert reply.status == 200
    assert "Not possible while logged_out." in reply.text


async def test_queue_is_changed_at_once_and_taken_back(
    console: ConsoleRig, sign_in: SignIn
) -> None:
    client = await sign_in("boss")
    page = (await client.get("/queues/sales")).text
    assert 'name="ring_s" value="15"' in page
    form = form_of(page) | {
        "strategy": "most_skilled", "ring_s": "25", "service_level_target": "85",
        "skills.level.english": "5", "skills.new.5": "fax", "skills.new_level.5": "2",
    }  # fmt: skip
    reply = await client.post("/queues/sales", form)
    assert reply.headers["location"] == "/queues?saved=sales&change=1"
    queue = console.hotline.queues["sales"]
    assert (queue.ring_s, queue.strategy, queue.service_level_target) == (25, "most_skilled", 0.85)
    assert queue.skills == {"english": 5, "fax": 2}
    assert "Take back" in (await client.get("/queues?saved=sales&change=1")).text
    assert "ring_s" not in (await client.get("/changes")).text
    await client.post("/changes/1/undo")
    assert console.hotline.queues["sales"].ring_s == 15


async def test_faulty_form_keeps_what_was_typed(console: ConsoleRig, sign_in: SignIn) -> None:
    client = await sign_in("boss")
    reply = await client.post(
        "/queues/new", {"version": "0", "slug": "Bad Slug", "name": "", "ring_s": "0"}
    )
    assert reply.status == 422
    assert "Use small letters" in reply.text
    assert 'value="Bad Slug"' in reply.text
    assert "Too small." in reply.text
    assert set(console.hotline.queues) == {"sales", "support", "billing"}


async def test_two_editors_notice_each_other(sign_in: SignIn, console: ConsoleRig) -> None:
    client = await sign_in("boss")
    form = {"version": "7", "text_en": "Rest", "text_zh": "休息", "enabled": "on"}
    reply = await client.post("/pause-reasons/break", form)
    assert (reply.status, "Somebody else changed it." in reply.text) == (422, True)


async def test_person_is_added_and_can_sign_in(console: ConsoleRig, sign_in: SignIn) -> None:
    client = await sign_in("boss")
    form = form_of((await client.get("/agents/new")).text) | {
        "login": "nia", "name": "Nia", "language": "zh", "password": "a long password",
        "skills.level.english": "6",
    }  # fmt: skip
    assert (await client.post("/agents/new", form)).status == 302
    assert console.hotline.people["nia"].skills == {"english": 6}
    assert (await console.client().log_in("nia", "a long password")).status == 302


async def test_number_with_plus_sign_is_edited(console: ConsoleRig, sign_in: SignIn) -> None:
    client = await sign_in("boss")
    path = "/numbers/%2B8675512345678"
    assert (await client.get(path)).status == 200
    form = {
        "version": "1", "name": "Front", "enabled": "on", "flow": "", "queue": "sales",
        "calendar": "office", "closed_flow": "voicemail", "language": "zh",
    }  # fmt: skip
    assert (await client.post(path, form)).status == 302
    assert console.hotline.numbers["+8675512345678"].queue == "sales"
    assert (await client.post(f"{path}/delete")).status == 302
    assert console.hotline.numbers == {}


async def test_supervisor_ends_a_pause(console: ConsoleRig, sign_in: SignIn) -> None:
    console.hotline._agent("anna", state="paused", reason="break", station="2001")
    client = await sign_in("sam")
    assert (await client.post("/agents/anna/state/ready")).status == 302
    assert console.hotline.agents["anna"].state == "ready"
    assert (await client.post("/agents/anna/state/dance")).status == 404


async def test_technician_sees_lines_and_processes(sign_in: SignIn) -> None:
    client = await sign_in("tech")
    lines = (await client.get("/lines")).text
    assert "no battery" in lines
    assert lines.index("board/3") > 0
    system = (await client.get("/system")).text
    assert "no model for zh" in system
    assert "audio in real time (priority 20)" in system
    assert "The demo password is in use." in system


async def test_hotline_is_drained_and_takes_calls_again(
    sign_in: SignIn, console: ConsoleRig
) -> None:
    client = await sign_in("tech")
    assert (await client.post("/system/drain", {"on": "yes"})).status == 302
    assert console.hotline.drains
    page = (await client.get("/system")).text
    assert "No new calls are taken until the next start." in page
    assert (await client.post("/system/drain", {"on": ""})).status == 302
    assert not console.hotline.drains
    assert (await (await sign_in("anna")).post("/system/drain", {"on": "yes"})).status == 403


async def test_records_are_checked_on_demand(sign_in: SignIn) -> None:
    reply = await (await sign_in("boss")).post("/system/check-records")
    assert "Calls: 3, queue visits: 3." in reply.text


async def test_pages_without_a_database_say_so(tmp_path: Path, site: Path) -> None:
    (site / "hookflash.db").unlink()
    async with running_console(tmp_path, make_hotline(lambda: 1.8e9), site) as rig:
        client = rig.client()
        await client.log_in("sam", "correct horse")
        reply = await client.get("/calls")
        assert reply.status == 503
        assert "not available yet" in reply.text
        assert (await client.get("/live")).status == 200


async def test_prompt_is_uploaded_to_incoming(console: ConsoleRig, sign_in: SignIn) -> None:
    client = await sign_in("boss")
    body = (
        "--cut\r\nContent-Disposition: form-data; name=\"csrf\"\r\n\r\n" + client.csrf + "\r\n"
        "--cut\r\nContent-Disposition: form-data; name=\"name\"\r\n\r\nwelcome\r\n"
        "--cut\r\nContent-Disposition: form-data; name=\"file\"; filename=\"../a.mp3\"\r\n"
        "Content-Type: audio/mpeg\r\n\r\nID3\r\n--cut--\r\n"
    )  # fmt: skip
    headers = {"Content-Type": "multipart/form-data; boundary=cut"}
    reply = await client.request("POST", "/prompts", body=body, headers=headers)
    assert reply.status == 302
    (kept,) = (console.site / "incoming").iterdir()
    assert kept.read_bytes() == b"ID3"
    assert kept.name.startswith("welcome-")
