"""The same suite on each kind of driver."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

import cython_ext.media
from tests.conformance.bench import Bench
from tests.conformance.board_bench import BoardBench
from tests.conformance.sip_bench import SipBench

BENCHES: dict[str, type[Bench]] = {"sip": SipBench, "voiceboard": BoardBench}
"""Kind of driver -> how to put it on a bench; a new driver adds itself here."""


@pytest.fixture(params=BENCHES)
async def bench(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Bench]:
    if not cython_ext.media.available():
        pytest.skip("the media engine is compiled code")
    made = BENCHES[request.param](tmp_path)
    await made.open()
    yield made
    await made.close()
