"""Blocks and datagrams, read back by hand from their specifications."""

import ipaddress
import struct

from hypothesis import given
from hypothesis import strategies as st

from daemon.control.captures.datagrams import MOST, Place, datagram
from daemon.control.captures.pcapng import (
    LONGEST,
    Dropped,
    interface,
    packet,
    section,
    statistics,
)


def blocks(data: bytes) -> list[tuple[int, bytes]]:
    """Kind and content of each block; both lengths of a block must agree."""
    found = []
    while data:
        kind, length = struct.unpack_from("<II", data)
        assert length % 4 == 0
        assert struct.unpack_from("<I", data, length - 4) == (length,)
        found.append((kind, data[8 : length - 4]))
        data = data[length:]
    return found


def options(data: bytes) -> dict[int, bytes]:
    found = {}
    while data:
        code, length = struct.unpack_from("<HH", data)
        if code == 0:
            assert len(data) == 4
            break
        found[code] = data[4 : 4 + length]
        data = data[4 + length + -length % 4 :]
    return found


def folded(data: bytes) -> int:
    """The sum that a right checksum makes 0xFFFF, RFC 1071."""
    data += bytes(len(data) % 2)
    total = sum(int.from_bytes(data[i : i + 2], "big") for i in range(0, len(data), 2))
    while total >> 16:
        total = (total & 0xFFFF) + (total >> 16)
    return total


def test_file_begins_with_a_section_and_its_interfaces() -> None:
    (head, first) = blocks(section("Hookflash 1", "why") + interface("sip", "messages"))
    assert head[0] == 0x0A0D0D0A
    assert struct.unpack_from("<IHHq", head[1]) == (0x1A2B3C4D, 1, 0, -1)
    assert options(head[1][16:]) == {1: b"why", 4: b"Hookflash 1"}
    assert struct.unpack_from("<HHI", first[1]) == (101, 0, LONGEST)
    assert options(first[1][8:]) == {2: b"sip", 9: b"\x06", 1: b"messages"}


@given(st.binary(max_size=200), st.text(max_size=30), st.floats(0, 4e9))
def test_packet_holds_data_time_and_comment(data: bytes, comment: str, at: float) -> None:
    ((kind, body),) = blocks(packet(1, at, data, comment))
    number, high, low, kept, whole = struct.unpack_from("<IIIII", body)
    assert (kind, number, kept, whole) == (6, 1, len(data), len(data))
    assert abs((high << 32 | low) / 1e6 - at) < 1e-5
    assert body[20 : 20 + kept] == data
    rest = options(body[20 + kept + -kept % 4 :])
    assert rest == ({1: comment.encode()} if comment else {})


def test_long_packet_is_cut_and_says_how_long_it_was() -> None:
    ((_, body),) = blocks(packet(0, 0.0, bytes(70_000)))
    assert struct.unpack_from("<II", body, 12) == (LONGEST, 70_000)


def test_losses_are_told() -> None:
    ((kind, body),) = blocks(statistics(2.5, Dropped(1, 7), "slow"))
    assert (kind, body[:12]) == (5, struct.pack("<III", 1, 0, 2_500_000))
    assert options(body[12:]) == {5: struct.pack("<Q", 7), 1: b"slow"}


HOSTS = st.one_of(
    st.tuples(st.ip_addresses(v=4), st.ip_addresses(v=4)),
    st.tuples(st.ip_addresses(v=6), st.ip_addresses(v=6)),
)
PORTS = st.integers(0, 65_535)


@given(HOSTS, PORTS, PORTS, st.binary(max_size=300))
def test_datagram_has_right_lengths_and_checksums(hosts, one: int, other: int, data: bytes) -> None:
    source, target = hosts
    made = datagram(Place(str(source), one), Place(str(target), other), data)
    version = made[0] >> 4
    assert version == source.version
    if version == 4:
        assert folded(made[:20]) == 0xFFFF
        assert int.from_bytes(made[2:4], "big") == len(made)
        start, places = 20, made[12:20]
    else:
        assert int.from_bytes(made[4:6], "big") == len(made) - 40
        assert made[6] == 17
        start, places = 40, made[8:40]
    assert places == source.packed + target.packed
    udp = made[start:]
    assert struct.unpack_from(">HHH", udp) == (one, other, len(udp))
    assert udp[8:] == data
    assert folded(places + len(udp).to_bytes(4, "big") + bytes((0, 0, 0, 17)) + udp) == 0xFFFF


def test_addresses_that_make_no_pair_become_nobody() -> None:
    for one, other in (("hidden.example", "192.0.2.1"), ("192.0.2.1", "2001:db8::1"), ("", "")):
        made = datagram(Place(one, 1), Place(other, 2), b"x")
        assert made[0] >> 4 in (4, 6)
    assert ipaddress.ip_address(datagram(Place("", 1), Place("192.0.2.1", 2), b"")[16:20])
    assert len(datagram(Place("::1", 1), Place("::1", 2), bytes(70_000))) == MOST + 48
