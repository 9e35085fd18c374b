"""Copies of packets: read in another process's way, in order, whole, and ended with the port."""

import asyncio
import itertools
import os

import pytest

from daemon.control.captures.copies import CopyFault, CopyRing
from daemon.link.client import MediaLink
from daemon.link.errors import MediaRefused
from drivers.api import PortId
from tests.daemon.media.conftest import Dial

SPEECH = [bytes(320)] * 400


async def ring_of(link: MediaLink, port: PortId) -> CopyRing:
    tap = await link.copy_packets(port)
    os.close(tap.eventfd)
    return CopyRing(tap.memfd, tap.capacity)


async def test_packets_of_a_port_are_copied_in_both_directions(link: MediaLink, dial: Dial) -> None:
    port, phone = await dial()
    phone.repeat(SPEECH)
    with await ring_of(link, port) as ring:
        found = []
        async with asyncio.timeout(10):
            while len([one for one in found if not one.sent]) < 25:
                await asyncio.sleep(0.05)
                found += ring.take()
        heard = [one for one in found if not one.sent and not one.report]
        numbers = [int.from_bytes(one.data[2:4], "big") for one in heard]
        assert [(n - numbers[0]) & 0xFFFF for n in numbers] == list(range(len(numbers)))
        assert {(one.host, one.port) for one in heard} == {(phone.address.host, phone.address.port)}
        assert {one.data[1] & 0x7F for one in heard} == {8}
        said = [one for one in found if one.sent and not one.report]
        assert {len(one.data) for one in said} == {172}
        assert all(a.at <= b.at for a, b in itertools.pairwise(said))
        assert ring.lost == 0
        assert not ring.closed
        await link.close(port)
        async with asyncio.timeout(5):
            while not ring.closed:
                await asyncio.sleep(0.02)
        assert [one for one in ring.take() if one.report]  # the BYE of RTCP


async def test_capture_ends_when_it_is_told_to(link: MediaLink, dial: Dial) -> None:
    port, phone = await dial()
    phone.repeat(SPEECH)
    with await ring_of(link, port) as ring:
        await link.end_copies(port)
        await link.end_copies(port)
        async with asyncio.timeout(5):
            while not ring.closed:
                await asyncio.sleep(0.02)
    with await ring_of(link, port) as again:
        assert not again.closed
    with pytest.raises(MediaRefused):
        await link.copy_packets(PortId(4711))


def test_a_ring_that_makes_no_sense_is_refused() -> None:
    for content in (b"", b"HFTP" + bytes(200)):
        memfd = os.memfd_create("ring")
        os.write(memfd, content)
        with pytest.raises(CopyFault):
            CopyRing(memfd, 128)
    for written, length in ((500, 0), (40, 4000)):
        memfd = os.memfd_create("ring")
        head = bytearray(64 + 128)
        head[:4], head[16], head[17], head[64] = b"HFPC", written & 255, written >> 8, length & 255
        head[65] = length >> 8
        os.write(memfd, head)
        with CopyRing(memfd, 128) as ring, pytest.raises(CopyFault):
            ring.take()
