"""The connection between control and the speech process, and processes that die."""

import asyncio
import os
import signal
from collections.abc import Callable
from pathlib import Path

import pytest

from speech.api import EngineDown, Final, Grammar, Limits
from speech.client import SpeechClient
from speech.errors import EngineFailed, SpeechUnavailable, by_name
from speech.options import SpeechOptions
from speech.workers import Worker
from tests.fakes.speech_process import SpeechProcess
from tests.fakes.tap import TapWriter, hear, spoken

MakeSpeechProcess = Callable[[SpeechOptions], SpeechProcess]
YES_NO = {"yes": "YES", "no": "NO"}


async def ended(pid: int) -> None:
    """Wait until a process is gone; one that waits to be reaped counts as gone."""
    async with asyncio.timeout(10):
        while True:
            try:
                state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
            except (FileNotFoundError, ProcessLookupError):
                return
            if state in "ZX":
                return
            await asyncio.sleep(0.01)


async def test_without_a_speech_process_calls_go_on_with_keys(
    tmp_path: Path, tap: TapWriter
) -> None:
    async with SpeechClient(tmp_path / "none.sock") as client:
        assert not client.connected
        with pytest.raises(SpeechUnavailable, match="hookflash speech"):
            await client.prompt("Hello", "en")
        events = client.listen(tap.memfd, tap.eventfd, Grammar(YES_NO), "en", Limits())
        assert [type(event) for event in [event async for event in events]] == [EngineDown]


@pytest.mark.speech
async def test_a_killed_speech_process_is_reported_and_found_again(
    tmp_path: Path, tap: TapWriter, make_speech_process: SpeechProcess
) -> None:
    process = make_speech_process(SpeechOptions(synthesizer="espeak"))
    async with SpeechClient(process.socket) as client:
        path = await client.prompt("Hello there", "en")
        await client.check_grammar(Grammar(YES_NO), "en")
        status = await client.status()
        events = client.listen(tap.memfd, tap.eventfd, Grammar(YES_NO), "en", Limits())
        listening = asyncio.ensure_future(anext(events))
        while (await client.status())["streams"]["in_use"] == 0:
            await asyncio.sleep(0)
        process.kill()
        assert isinstance(await listening, EngineDown)
        with pytest.raises(SpeechUnavailable):
            await client.prompt("Hello there", "en")
        # Nothing it started may live on.
        await ended(status["recognizers"]["en"]["pid"])
        await ended(status["espeak_ng"]["pid"])
        process.start()
        while not client.connected:
            await asyncio.sleep(0.01)
        assert await client.prompt("Hello there", "en") == path
        second = TapWriter()
        *_, final = await hear(client, second, spoken("en_yes"), YES_NO, "en")
        second.close()
    assert isinstance(final, Final)
    assert final.value == "YES"


@pytest.mark.speech
async def test_a_speech_process_ends_on_sigterm_with_all_it_started(
    make_speech_process: SpeechProcess,
) -> None:
    process = make_speech_process(SpeechOptions(synthesizer="espeak"))
    async with SpeechClient(process.socket) as client:
        await client.check_grammar(Grammar(YES_NO), "en")
        status = await client.status()
    process.process.send_signal(signal.SIGTERM)
    assert await asyncio.to_thread(process.process.wait, 10) == 0
    assert not process.socket.exists()
    await ended(status["recognizers"]["en"]["pid"])
    await ended(status["espeak_ng"]["pid"])


@pytest.mark.speech
async def test_more_callers_than_streams_go_on_with_keys(
    make_speech_process: SpeechProcess,
) -> None:
    process = make_speech_process(SpeechOptions(streams=1, synthesizer="espeak"))
    first, second = TapWriter(), TapWriter()
    async with SpeechClient(process.socket) as client:
        held = client.listen(first.memfd, first.eventfd, Grammar(YES_NO), "en", Limits())
        holding = asyncio.ensure_future(anext(held))
        while (await client.status())["streams"]["in_use"] == 0:
            await asyncio.sleep(0)
        refused = client.listen(second.memfd, second.eventfd, Grammar(YES_NO), "en", Limits())
        [event] = [event async for event in refused]
        assert isinstance(event, EngineDown)
        assert "speech.streams" in event.reason
        first.hang_up()
        await holding
    first.close()
    second.close()


async def test_a_worker_that_cannot_start_is_not_tried_for_ever() -> None:
    worker = Worker("broken", "speech.none", ["x"])
    for _ in range(3):
        with pytest.raises(EngineFailed):
            await worker.start()
    with pytest.raises(EngineFailed, match="within a minute"):
        await worker.start()
    await worker.close()


@pytest.mark.speech
async def test_a_worker_does_not_outlive_what_started_it() -> None:
    worker = Worker("espeak-ng", "speech.synthesizers.worker_process", ["espeak"])
    await worker.start()
    pid = worker.pid
    assert worker.version
    await worker.close()
    with pytest.raises(ProcessLookupError):
        os.kill(pid, 0)


def test_errors_cross_the_process_border_by_name() -> None:
    assert type(by_name("SpeechUnavailable", "x")) is SpeechUnavailable
    assert str(by_name("SomethingElse", "y")) == "y"
