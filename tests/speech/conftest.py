"""A real speech process for the whole session."""

from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path

import pytest

from speech.client import SpeechClient
from speech.options import SpeechOptions
from tests.fakes.speech_process import SpeechProcess
from tests.fakes.tap import TapWriter


@pytest.fixture(scope="session")
def speech_process(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SpeechProcess]:
    site = tmp_path_factory.mktemp("speech-site")
    process = SpeechProcess(site, SpeechOptions())
    process.start()
    yield process
    process.close()


@pytest.fixture
def make_speech_process(
    tmp_path: Path,
) -> Iterator[Callable[[SpeechOptions], SpeechProcess]]:
    """Further speech processes, for tests that end them."""
    made: list[SpeechProcess] = []

    def make(options: SpeechOptions) -> SpeechProcess:
        made.append(SpeechProcess(tmp_path, options))
        made[-1].start()
        return made[-1]

    yield make
    for process in made:
        process.close()


@pytest.fixture
async def client(speech_process: SpeechProcess) -> AsyncIterator[SpeechClient]:
    async with SpeechClient(speech_process.socket) as client:
        assert client.connected
        yield client


@pytest.fixture
def tap() -> Iterator[TapWriter]:
    writer = TapWriter()
    yield writer
    writer.close()
