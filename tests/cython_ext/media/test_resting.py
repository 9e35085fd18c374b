"""Sockets of closed ports are used again, emptied, and not while somebody sends to them."""

import os
import select
import socket
from collections.abc import Iterator

import pytest

from cython_ext import media
from cython_ext.implementation import PURE_PYTHON

if not PURE_PYTHON:
    from cython_ext.media._media import LEAST_RESTING as LEAST
    from cython_ext.media._media import MOST_RESTING as MOST

pytestmark = pytest.mark.skipif(PURE_PYTHON, reason="there is no audio in pure mode")

HOST = "127.0.0.1"


@pytest.fixture
def engine() -> Iterator["media.Engine"]:
    made = media.Engine(realtime=False)
    made.start()
    yield made
    made.stop()


def closed(engine: "media.Engine", count: int) -> list[int]:
    """Open and connect ports, close them, and wait until all rest that can."""
    before = int(engine.counters()["resting_ports"])
    bound = [engine.open_rtp(port, HOST) for port in range(1, count + 1)]
    for port in range(1, count + 1):
        engine.connect_rtp(port, HOST, 9, payload_type=8, law="A")
    for port in range(1, count + 1):
        engine.close(port)
    while engine.counters()["resting_ports"] < min(before + count, MOST):
        assert select.select([engine.fileno()], [], [], 5)[0]
        engine.poll()
    return bound


def send(*ports: int) -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as stranger:
        for port in ports:
            stranger.sendto(b"still here", (HOST, port))


def test_who_rests_longest_is_used_again_with_both_sockets(engine: "media.Engine") -> None:
    closed(engine, LEAST)
    assert engine.rested_rtp(HOST) == 0  # all closed just now
    closed(engine, 3)
    descriptors = len(os.listdir("/proc/self/fd"))
    rested = engine.rested_rtp(HOST)
    assert engine.open_rtp(50, HOST, rested) == rested
    engine.connect_rtp(50, HOST, 9, payload_type=8, law="A")
    # One more if somebody had the port beside, for RTCP, the first time.
    assert len(os.listdir("/proc/self/fd")) - descriptors in (0, 1)
    assert [port[3] for port in engine.ports()] == [rested]


def test_a_port_to_which_somebody_sends_goes_back_to_the_system(engine: "media.Engine") -> None:
    bound = closed(engine, LEAST + 3)
    loud = engine.rested_rtp(HOST)
    assert loud in bound
    send(loud)
    rested = engine.rested_rtp(HOST)
    assert rested in bound
    assert rested != loud
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as anybody:
        anybody.bind((HOST, loud))


def test_a_port_asked_for_by_number_is_had_although_it_rests(engine: "media.Engine") -> None:
    bound = closed(engine, 4)
    send(bound[2], bound[2])
    assert engine.open_rtp(70, HOST, bound[2]) == bound[2]
    engine.connect_rtp(70, HOST, 0, payload_type=8, law="A")
    assert engine.port_counters(70)["packets_in"] == 0
    assert engine.port_counters(70)["bad"] == 0


def test_fewer_rest_when_ports_are_few() -> None:
    engine = media.Engine(realtime=False, resting_ports=2)
    engine.start()
    try:
        bound = [engine.open_rtp(port, HOST) for port in range(1, 6)]
        for port in range(1, 6):
            engine.close(port)
        free: set[int] = set()
        while len(free) < 3:
            assert select.select([engine.fileno()], [], [], 5)[0]
            engine.poll()
            free = {port for port in bound if is_free(port)}
        assert engine.counters()["resting_ports"] == 2
    finally:
        engine.stop()


def is_free(port: int) -> bool:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as anybody:
        try:
            anybody.bind((HOST, port))
        except OSError:
            return False
        return True


def test_a_stream_that_is_refused_loses_no_socket(engine: "media.Engine") -> None:
    closed(engine, LEAST + 1)
    rested = engine.rested_rtp(HOST)
    assert engine.open_rtp(50, HOST, rested) == rested
    before = len(os.listdir("/proc/self/fd"))
    for mux in (True, False, True):
        with pytest.raises(media.EngineError) as refused:
            engine.connect_rtp(50, "nowhere", 9, payload_type=8, law="A", rtcp_mux=mux)
        assert refused.value.code == "bad-argument"
    engine.connect_rtp(50, HOST, 9, payload_type=8, law="A")
    assert len(os.listdir("/proc/self/fd")) == before
    resting = engine.counters()["resting_ports"]
    engine.close(50)
    while engine.counters()["resting_ports"] == resting:
        assert select.select([engine.fileno()], [], [], 5)[0]
        engine.poll()
    assert len(os.listdir("/proc/self/fd")) == before
    again = engine.open_rtp(51, HOST, rested)
    engine.connect_rtp(51, HOST, 9, payload_type=8, law="A")
    assert again == rested
    assert len(os.listdir("/proc/self/fd")) == before  # the socket for RTCP rested with it


def test_no_more_rest_than_are_of_use(engine: "media.Engine") -> None:
    before = len(os.listdir("/proc/self/fd"))
    closed(engine, MOST)
    closed(engine, 40)
    # What was opened anew has taken the places of those that rested longest.
    assert engine.counters()["resting_ports"] == MOST
    while len(os.listdir("/proc/self/fd")) > before + 2 * MOST:
        assert select.select([engine.fileno()], [], [], 5)[0]
        engine.poll()
