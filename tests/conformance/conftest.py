"""The same suite on each kind of driver."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

import cython_ext.media
from tests.conformance.bench import Bench
from tests.conformance.board_bench import BoardBench
from tests.conformance.sip_bench import SipBench
from tests.conformance.sip_streams_bench import StreamBench, TlsBench, WebSocketBench

BENCHES: dict[str, type[Bench]] = {"sip": SipBench, "voiceboard": BoardBench}
"""Kind of driver -> how to put it on a bench; a new driver adds itself here."""

FURTHER: dict[str, type[Bench]] = {
    "sip over tcp": StreamBench,
    "sip over tls": TlsBench,
    "sip over ws": WebSocketBench,
}
"""The same drivers reached in other ways."""


@pytest.fixture(params=[*BENCHES, *FURTHER])
async def bench(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Bench]:
    if not cython_ext.media.available():
        pytest.skip("the media engine is compiled code")
    made = (BENCHES | FURTHER)[request.param](tmp_path)
    await made.open()
    yield made
    await made.close()
