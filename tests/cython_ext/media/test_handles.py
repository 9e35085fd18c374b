"""What the owner of an engine knows of its objects goes when they go."""

import gc
import os
import select
from pathlib import Path

import pytest

from cython_ext import media
from cython_ext.implementation import PURE_PYTHON

if not PURE_PYTHON:
    from cython_ext.media._media import Handle

pytestmark = pytest.mark.skipif(PURE_PYTHON, reason="there is no audio in pure mode")

HOST = "127.0.0.1"
PORTS, EACH = 40, 5  # so many in a bridge that it has to grow


def handles() -> set[int]:
    gc.collect()
    return {id(each) for each in gc.get_objects() if isinstance(each, Handle)}


@pytest.mark.parametrize("closed", [0, PORTS * 3 // 4, PORTS])
def test_nothing_of_an_engine_stays_behind(closed: int, tmp_path: Path) -> None:
    before, descriptors = handles(), len(os.listdir("/proc/self/fd"))
    engine = media.Engine(realtime=False)
    engine.start()
    try:
        for port in range(PORTS):
            engine.open_rtp(port, HOST)
            law = "G722" if port % 3 else "A"
            engine.connect_rtp(port, HOST, 9, payload_type=8, law=law)
            engine.join(1000 + port // EACH, port)
        engine.open_dtls(7)
        engine.play_tone(1, 70, [(400, 0)], [])
        engine.tap(2)
        engine.record(9, 3, str(tmp_path / "one.wav"), stereo=True)
        engine.hear_caller(4, on=True)
        assert [ports for _, ports in engine.bridges()] == [
            list(range(first, first + EACH)) for first in range(0, PORTS, EACH)
        ]
        for port in range(closed):
            engine.close(port)
        # Those of smaller bridges and of closed ports come back; that some do is enough here.
        assert select.select([engine.fileno()], [], [], 5)[0]
        engine.poll()
        assert len(engine.ports()) == PORTS - closed
        assert len(engine.bridges()) == (PORTS - closed) // EACH
    finally:
        engine.stop()
    del engine
    assert handles() <= before
    assert len(os.listdir("/proc/self/fd")) == descriptors
