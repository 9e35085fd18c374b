"""Datagrams in and out of a socket: compiled and plain do the same."""

import importlib
import socket

import pytest

from cython_ext.datagrams import oracle
from cython_ext.implementation import PURE_PYTHON

IMPLEMENTATIONS = {"oracle": oracle.Datagrams}
if not PURE_PYTHON:
    compiled = importlib.import_module("cython_ext.datagrams._datagrams")
    IMPLEMENTATIONS["compiled"] = compiled.Datagrams


@pytest.fixture(params=[socket.AF_INET, socket.AF_INET6], ids=["four", "six"])
def sockets(request):
    host = "127.0.0.1" if request.param == socket.AF_INET else "::1"
    made = [socket.socket(request.param, socket.SOCK_DGRAM) for _ in range(3)]
    for one in made:
        one.bind((host, 0))
        one.setblocking(False)
    yield host, made
    for one in made:
        one.close()


@pytest.fixture(params=sorted(IMPLEMENTATIONS))
def datagrams(request):
    return IMPLEMENTATIONS[request.param]


def test_datagrams_come_in_order_and_with_their_sources(datagrams, sockets) -> None:
    host, (ours, first, second) = sockets
    places = []

    def place(*source):
        places.append(source)
        return source

    subject = datagrams(ours, place)
    assert subject.receive() == []
    sent = []
    for number in range(20):
        peer = first if number % 3 else second
        data = b"%d" % number + b"x" * (number * 100)
        peer.sendto(data, ours.getsockname())
        sent.append((data, (host, peer.getsockname()[1])))
    sent.append((b"", (host, first.getsockname()[1])))
    first.sendto(b"", ours.getsockname())
    found = subject.receive()
    assert len(found) == oracle.AT_ONCE
    found += subject.receive()
    assert found == sent
    assert len(places) == 2  # each source is made once
    assert subject.receive() == []


def test_the_largest_datagram_passes_whole(datagrams, sockets) -> None:
    host, (ours, peer, _) = sockets
    for one in (ours, peer):
        one.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 300_000)
        one.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 300_000)
    subject, other = datagrams(ours, tuple_of), datagrams(peer, tuple_of)
    data = bytes(range(256)) * 255
    assert subject.send(data, host, peer.getsockname()[1])
    assert other.receive() == [(data, (host, ours.getsockname()[1]))]


def test_what_is_sent_arrives_in_order(datagrams, sockets) -> None:
    host, (ours, first, second) = sockets
    subject = datagrams(ours, tuple_of)
    for number in range(6):
        peer = second if number % 2 else first
        assert subject.send(b"%d" % number, host, peer.getsockname()[1]) is True
    assert [first.recv(9) for _ in range(3)] == [b"0", b"2", b"4"]
    assert [second.recv(9) for _ in range(3)] == [b"1", b"3", b"5"]


def test_what_cannot_be_sent_is_said(datagrams, sockets) -> None:
    host, (ours, _, _) = sockets
    subject = datagrams(ours, tuple_of)
    other = "::1" if host == "127.0.0.1" else "127.0.0.1"
    for wrong in ("a.name.invalid", other, "", "é", "\udc80", f"{host}\0", f"{host}\0.invalid"):
        with pytest.raises(OSError, match=r".") as said:
            subject.send(b"x", wrong, 5060)
        assert not isinstance(said.value, BlockingIOError)
    with pytest.raises(OverflowError):
        subject.send(b"x", host, 65536)
    with pytest.raises(OSError, match="long"):
        subject.send(b"x" * 70_000, host, 5060)


def test_what_one_receives_while_another_names_its_sources_changes_nothing(
    datagrams, sockets
) -> None:
    """They share the place that datagrams come to."""
    host, (ours, peer, theirs) = sockets
    other, between = datagrams(theirs, tuple_of), []

    def place(*source):
        between.extend(other.receive())
        return source

    subject = datagrams(ours, place)
    for number in range(3):
        peer.sendto(b"ours %d" % number, ours.getsockname())
        ours.sendto(b"theirs %d" % number, theirs.getsockname())
    source = (host, peer.getsockname()[1])
    assert subject.receive() == [(b"ours %d" % number, source) for number in range(3)]
    source = (host, ours.getsockname()[1])
    assert between == [(b"theirs %d" % number, source) for number in range(3)]


def tuple_of(*source):
    return source
