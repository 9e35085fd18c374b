"""The live picture and its changes, status, recordings that are heard, flows and prompts."""

import asyncio

from acd_core.ids import to_text
from daemon.control.facade.live.picture import LivePicture
from daemon.service.live import AgentChanged, CallChanged, Gone, LiveUpdate, QueueChanged, Reset
from daemon.store.history import Recording
from daemon.store.rows import RecordingRow
from tests.fakes.facade_rig import ANN, ROOT, SUE, FacadeRig
from tests.fakes.refusals import refused


async def changes_since(hotline: FacadeRig, seq: int) -> list[LiveUpdate]:
    """Everything published after a number, without waiting for more."""
    await hotline.picture.refresh()
    found = []
    updates = hotline.service.subscribe(seq)
    last = hotline.picture.feed.state().seq
    async for update in updates:
        found.append(update)
        if update.seq >= last:
            break
    await updates.aclose()  # type: ignore[attr-defined]
    return found


async def test_picture_shows_queues_agents_and_calls(hotline: FacadeRig) -> None:
    await hotline.talk(ANN, ani="1")
    waiting = await hotline.rig.call_sales(ani="2", name="Mr Brown")
    choosing = await hotline.rig.call(ani="3")
    state = await hotline.service.live()
    [sales] = state.queues
    assert (sales.slug, sales.agents, sales.ready) == ("sales", 1, 0)
    assert [(w.ani, w.name, w.position, w.state) for w in sales.waiting] == [
        ("2", "Mr Brown", 1, "waiting")
    ]
    assert (sales.today.offered, sales.today.answered, sales.today.in_system) == (2, 1, 1)
    ann, bob = state.agents
    assert (ann.state, ann.caller, ann.queue, ann.answered_today) == ("talking", "1", "sales", 1)
    assert bob.state == "logged_out"
    assert [(c.ani, c.state, c.position, c.step) for c in state.calls] == [
        ("1", "talking", 0, ""),
        ("2", "waiting", 1, ""),
        ("3", "ivr", 0, "main: menu"),
    ]
    await hotline.rig.hang_up(waiting)
    await hotline.rig.hang_up(choosing)
    assert len((await hotline.service.live()).calls) == 1


async def test_only_what_differs_is_told(hotline: FacadeRig) -> None:
    before = (await hotline.service.live()).seq
    await hotline.picture.refresh()
    assert (await hotline.service.live()).seq == before
    line = await hotline.rig.call(ani="7")
    call = to_text(hotline.rig.call_on(line).id)
    told = await changes_since(hotline, before)
    assert [type(update.change) for update in told] == [CallChanged]
    assert [update.seq for update in told] == [before + 1]
    await hotline.rig.hang_up(line)
    [gone] = await changes_since(hotline, told[-1].seq)
    assert gone.change == Gone("call", call)


async def test_offer_changes_queue_agent_and_call(hotline: FacadeRig) -> None:
    await hotline.seat(ANN)
    before = (await hotline.service.live()).seq
    line = await hotline.rig.call_sales()
    kinds = {type(update.change) for update in await changes_since(hotline, before)}
    assert kinds == {QueueChanged, AgentChanged, CallChanged}
    await hotline.rig.hang_up(line)


async def test_who_follows_the_changes_sees_what_who_looks_at_everybody_sees(
    hotline: FacadeRig,
) -> None:
    picture = hotline.picture
    updates = picture.subscribe(0)
    await anext(updates)
    everybody = len(picture.feed.state().agents)
    looked_at: list[int] = []

    async def follow() -> None:
        looked_at.append(len(hotline.rig.controller.acd.touched))
        await picture.follow()
        whole = LivePicture(hotline.rig.controller, hotline.clock)
        await whole.refresh()
        assert picture.feed.state().agents == whole.feed.state().agents
        assert picture.feed.state().queues == whole.feed.state().queues
        assert picture.feed.state().calls == whole.feed.state().calls

    await hotline.seat(ANN)
    await follow()
    line = await hotline.rig.call_sales(ani="7")
    await follow()
    await hotline.rig.answer("2001")
    await follow()
    await hotline.service.pause(ANN, "lunch")
    await hotline.rig.hang_up(line)
    await follow()
    assert max(looked_at) < everybody
    await updates.aclose()


async def test_reader_from_another_run_gets_the_whole_picture(hotline: FacadeRig) -> None:
    await hotline.service.live()
    updates = hotline.service.subscribe(3)
    async with asyncio.timeout(5):
        first = await anext(aiter(updates))
    assert isinstance(first.change, Reset)


async def test_status_names_drivers_lines_and_seats(hotline: FacadeRig) -> None:
    hotline.rig.controller.lines.opened("fake", hotline.driver.names[:4])
    await hotline.talk(ANN)
    hotline.driver.down(hotline.driver.line(hotline.driver.names[2]))
    await hotline.settle()
    status = await hotline.service.status()
    assert [(d.name, d.up) for d in status.drivers] == [("fake", True)]
    lines = {line.line: (line.state, line.detail) for line in status.lines}
    assert lines["fake/1"] == ("busy", "")
    assert lines["fake/2"] == ("idle", "")
    assert lines["fake/3"] == ("down", "cable out")
    assert lines["station:2001"] == ("busy", "ann talking")
    assert lines["station:2002"] == ("idle", "")
    assert lines["station:2003"] == ("unreachable", "")
    assert [process.up for process in status.processes] == [False] * 4
    assert await hotline.service.ping() > status.at


async def test_lamp_goes_out_with_the_last_message_of_its_mailbox(hotline: FacadeRig) -> None:
    for _ in range(2):
        line = await hotline.rig.call()
        await hotline.rig.press(line, "2")
        await hotline.rig.hear_out(line)
        await hotline.rig.hear_out(line)
        hotline.clock.now += 8
        await hotline.rig.hang_up(line)
    assert hotline.driver.lamps == [("2001", True), ("2001", True)]
    await hotline.to_database()
    await Recording.all().update(duration_ms=8000)  # the audio's time stood still
    first, second = (to_text(row.id) for row in hotline.rig.book.newest(RecordingRow))
    await hotline.service.recording_played(ANN, first)
    await hotline.settle()
    assert hotline.driver.lamps[2:] == []
    await hotline.service.recording_played(ANN, second)
    await hotline.service.recording_played(SUE, second)
    await hotline.settle()
    assert hotline.driver.lamps[2:] == [("2001", False)]
    assert (await refused(hotline.service.recording_played(ANN, "none"))).code == "not-found"
    assert ("sue", "recording.play", second) in await hotline.acts()


async def test_new_day_counts_from_nothing(hotline: FacadeRig) -> None:
    line, _ = await hotline.talk(ANN)
    await hotline.rig.hang_up(line)
    hotline.rig.controller.begin_day()
    state = await hotline.service.live()
    assert state.queues[0].today.offered == 0
    assert (await hotline.service.my_desk(ANN)).answered_today == 0


async def test_drafts_are_active_unless_they_have_faults(hotline: FacadeRig) -> None:
    flows = {flow.name: flow for flow in await hotline.service.list_flows()}
    assert sorted(flows) == [
        "faxes",
        "mailbox",
        "main",
        "night",
        "overflow",
        "patient",
        "place",
        "survey",
    ]
    assert not flows["main"].differs
    draft = hotline.site.flows / "main.yaml"
    draft.write_text(draft.read_text().replace("Main menu", "Another title"))
    assert [f.name for f in await hotline.service.list_flows() if f.differs] == ["main"]


async def test_uploaded_prompt_is_converted_and_kept(hotline: FacadeRig) -> None:
    upload = hotline.site.incoming / "hello.wav"
    upload.write_bytes(b"RIFF")
    info = await hotline.service.convert_prompt(ROOT, "incoming/hello.wav", "welcome")
    assert (info.name, info.duration_s, info.path) == ("welcome", 1.0, "prompts/welcome.wav")
    assert not upload.exists()
    assert [p.name for p in await hotline.service.list_prompts()] == ["welcome"]


async def test_upload_outside_or_of_another_kind_is_refused(hotline: FacadeRig) -> None:
    secret = hotline.site.path / "secret.wav"
    secret.write_bytes(b"RIFF")
    (hotline.site.incoming / "notes.txt").write_text("no audio")
    (hotline.site.incoming / "good.wav").write_bytes(b"RIFF")
    service = hotline.service
    for path in ("../secret.wav", "notes.txt", "none.wav"):
        assert (await refused(service.convert_prompt(ROOT, path, "x"))).fields == {"file": "kind"}
    bad = await refused(service.convert_prompt(ROOT, "good.wav", "../x"))
    assert bad.fields == {"name": "invalid"}
    hotline.rig.speech.missing.add("welcome")
    broken = await refused(service.convert_prompt(ROOT, "good.wav", "welcome"))
    assert broken.fields == {"file": "unusable"}
    assert secret.exists()
