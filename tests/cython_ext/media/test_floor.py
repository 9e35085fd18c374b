import time

import pytest

from cython_ext.implementation import PURE_PYTHON

pytestmark = pytest.mark.skipif(PURE_PYTHON, reason="there is no audio in pure mode")


def test_floor_moves_a_packet_each_way_every_20_ms() -> None:
    from cython_ext.media_floor._floor import Floor

    here, there = Floor(4), Floor(4)
    for at, (ours, theirs) in enumerate(zip(here.ports, there.ports, strict=True)):
        here.aim(at, theirs)
        there.aim(at, ours)
    here.start()
    there.start()
    try:
        deadline = time.monotonic() + 10
        while min(here.received, there.received) < 40 and time.monotonic() < deadline:
            continue
        assert here.cpu_s > 0
    finally:
        here.stop()
        there.stop()
    assert here.sent >= here.received >= 40
    assert abs(here.sent - there.sent) <= 8


def test_floor_refuses_what_cannot_be() -> None:
    from cython_ext.media_floor._floor import Floor

    with pytest.raises(ValueError, match="at least one"):
        Floor(0)
    with pytest.raises(IndexError):
        Floor(1).aim(1, 9)


def test_witness_sees_its_own_wake_ups() -> None:
    from cython_ext.media_floor._floor import Witness

    witness = Witness()
    assert witness.worst_ms == 0
    witness.start()
    deadline = time.monotonic() + 10
    while witness.worst_ms == 0 and time.monotonic() < deadline:
        continue
    witness.stop()
    assert witness.worst_ms > 0
