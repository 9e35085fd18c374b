"""What takes several commands is done whole or, when too many wait already, not at all."""

import gc
import os
import time
from collections.abc import Callable

import pytest

from cython_ext.implementation import PURE_PYTHON

if not PURE_PYTHON:
    from cython_ext.media import _media
    from cython_ext.media.clips import EngineError

pytestmark = pytest.mark.skipif(PURE_PYTHON, reason="there is no audio in pure mode")

HOST = "127.0.0.1"
TALKS = 0
HERE, THERE = 7, 8  # bridges
ALONE, IDLE = 1, 2  # ports: the only one of a bridge, and one of none

Asked = Callable[["_media.Ports"], None]
REFUSED: dict[str, Asked] = {
    "close": lambda ports: ports.close(ALONE),
    "leave": lambda ports: ports.leave(ALONE),
    "join": lambda ports: ports.join(THERE, ALONE, TALKS, None),
}


def pushed(core: "_media.Core", port: "_media.Handle", most: int) -> int:
    """Commands without consequences that were taken."""
    for done in range(most):
        if not core.push(_media.LEAVE, port):
            return done
    return most


def places() -> int:
    """Commands that an engine which does not read them takes."""
    fd, bound = _media.bind_rtp(HOST, 0)
    port = _media.new_rtp(IDLE, fd, HOST, bound, _media.NO_FD)
    return pushed(_media.Core(realtime=False, rtp_silence_s=20), port, 10_000)


@pytest.mark.parametrize("asked", REFUSED)
def test_a_port_stays_where_it_is_when_its_bridge_could_not_end(asked: str) -> None:
    gc.collect()
    before, room = len(os.listdir("/proc/self/fd")), places()
    core = _media.Core(realtime=False, rtp_silence_s=20)
    ports = _media.Ports(core, 0)
    for number in (ALONE, IDLE):
        fd, bound = _media.bind_rtp(HOST, 0)
        ports.open[number] = _media.new_rtp(number, fd, HOST, bound, _media.NO_FD)
        assert core.push(_media.ADD_PORT, ports.open[number])
    ports.join(HERE, ALONE, TALKS, None)
    left = room - 3 - 1  # one place is left, and not that of the bridge's end
    assert pushed(core, ports.open[IDLE], left) == left
    with pytest.raises(EngineError) as refused:
        REFUSED[asked](ports)
    assert refused.value.code == "busy"
    assert ports.open[ALONE].bridge == HERE
    assert {bridge: room.ports for bridge, room in ports.rooms.items()} == {HERE: [ALONE]}
    assert core.push(_media.LEAVE, ports.open[IDLE])  # nothing was sent
    assert not core.keys(ports.open[IDLE], b"1")  # the rest is for ports that are granted
    core.start()
    until = time.monotonic() + 10
    while not core.keys(ports.open[IDLE], b"1"):  # until the engine has read them
        assert time.monotonic() < until
    REFUSED[asked](ports)
    assert HERE not in ports.rooms
    core.stop()
    core.retired()
    ports.stopped()
    core.release()
    del core, ports, refused
    gc.collect()
    assert len(os.listdir("/proc/self/fd")) == before
