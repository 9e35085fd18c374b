"""A media process in this process, with a link to it and telephones around it."""

import itertools
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import ExitStack
from pathlib import Path

import pytest

from cython_ext.implementation import PURE_PYTHON
from daemon.link.client import MediaLink
from daemon.media.app import MediaProcess
from daemon.media.options import MediaOptions, MediaSetup
from drivers.api import PortId, RtpFormat
from tests.fakes.rtp_phone import RtpPhone

Dial = Callable[..., Awaitable[tuple[PortId, RtpPhone]]]

needs_engine = pytest.mark.skipif(PURE_PYTHON, reason="there is no audio in pure mode")


class Clock:
    """Seconds that stand still until a test moves them."""

    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Tests that take the process need the engine."""
    for item in items:
        if "media" in getattr(item, "fixturenames", ()):
            item.add_marker(needs_engine)


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def options() -> MediaOptions:
    return MediaOptions()


@pytest.fixture
async def media(tmp_path: Path, clock: Clock, options: MediaOptions) -> AsyncIterator[MediaProcess]:
    site = tmp_path / "site"
    site.mkdir()
    setup = MediaSetup(site=site, socket=tmp_path / "media.sock", options=options)
    process = MediaProcess(setup, clock=clock)
    await process.open()
    yield process
    await process.close()


@pytest.fixture
async def link(tmp_path: Path, media: MediaProcess) -> AsyncIterator[MediaLink]:
    ids = itertools.count(1)
    made = await MediaLink.connect(tmp_path / "media.sock", lambda: next(ids))
    yield made
    await made.disconnect()


@pytest.fixture
def site(tmp_path: Path) -> Path:
    return tmp_path / "site"


@pytest.fixture
async def dial(link: MediaLink) -> AsyncIterator[Dial]:
    with ExitStack() as stack:

        async def make(
            codec: str = "PCMA", *, keys: int | None = 101, ptime_ms: int = 20
        ) -> tuple[PortId, RtpPhone]:
            phone = stack.enter_context(RtpPhone(codec, keys=keys))
            port, address = await link.open_rtp()
            phone.call(address)
            fmt = RtpFormat(
                payload_type=phone.payload_type,
                codec=codec,
                dtmf_payload_type=keys,
                ptime_ms=ptime_ms,
            )
            await link.connect_rtp(port, phone.address, fmt)
            return port, phone

        yield make
