"""A peer that ends: what he said last is heard, then that he has ended, also if nobody watches."""

import asyncio
import socket

import pytest
import uvloop

from daemon.link.packets import PacketSocket


async def deaf() -> list[bytes]:
    """What is heard of a peer who reads no more and does not end."""
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    heard: list[bytes] = []
    closed = asyncio.Event()
    end = PacketSocket(
        ours, on_packet=lambda packet, _fds: heard.append(packet), on_closed=closed.set
    )
    theirs.send(b"last words")
    theirs.shutdown(socket.SHUT_RD)
    end.send(b"is anybody there?")
    end.send_now()
    async with asyncio.timeout(10):
        await closed.wait()
    theirs.close()
    return heard


async def ended(*, sends: bool) -> list[bytes]:
    """What is heard of a peer who ends without having read; our side finds out by sending or not."""
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    heard: list[bytes] = []
    closed = asyncio.Event()
    end = PacketSocket(
        ours, on_packet=lambda packet, _fds: heard.append(packet), on_closed=closed.set
    )
    end.send(b"unread")
    end.send_now()
    theirs.send(b"last words")
    theirs.send(b"and more")
    theirs.close()
    if sends:
        end.send(b"is anybody there?")
        end.send_now()
    async with asyncio.timeout(10):
        await closed.wait()
    assert end.closed
    return heard


@pytest.mark.parametrize("sends", [True, False])
@pytest.mark.parametrize("run", [uvloop.run, asyncio.run])
def test_end_of_a_peer_who_had_not_read_is_noticed(run: object, sends: bool) -> None:
    assert callable(run)
    assert run(ended(sends=sends)) == [b"last words", b"and more"]


@pytest.mark.parametrize("run", [uvloop.run, asyncio.run])
def test_peer_who_reads_no_more_is_left(run: object) -> None:
    assert callable(run)
    assert run(deaf()) == [b"last words"]
