import os
import struct

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from speech.link.tap import Tap, TapError
from tests.fakes.tap import TapWriter


def reader(writer: TapWriter, *, lookback: int = 0) -> Tap:
    return Tap(os.dup(writer.memfd), os.dup(writer.eventfd), lookback=lookback / 8000)


def ramp(start: int, count: int) -> np.ndarray:
    return (np.arange(start, start + count) % 30_000).astype(np.int16)


@given(st.lists(st.integers(1, 1500), max_size=12))
def test_audio_comes_out_as_it_went_in_whatever_the_chunks(sizes: list[int]) -> None:
    writer = TapWriter(2048)
    tap = reader(writer)
    got, sent = b"", 0
    for size in sizes:
        writer.write(ramp(sent, size))
        sent += size
        got += tap.read()
    assert got == ramp(0, sent).astype("<i2").tobytes()
    assert tap.lost == 0
    tap.close()
    writer.close()


def test_a_reader_that_is_too_slow_loses_the_oldest_and_knows_it() -> None:
    writer = TapWriter(1024)
    tap = reader(writer)
    writer.write(ramp(0, 5000))
    assert tap.read() == ramp(5000 - 896, 896).tobytes()
    assert tap.lost == 5000 - 896
    tap.close()
    writer.close()


def test_lookback_gives_what_came_before() -> None:
    writer = TapWriter()
    writer.write(ramp(0, 4000))
    tap = reader(writer, lookback=2400)
    assert tap.lookback == 2400
    assert tap.read() == ramp(1600, 2400).tobytes()
    tap.close()
    writer.close()


def test_lookback_is_no_more_than_there_is() -> None:
    writer = TapWriter()
    writer.write(ramp(0, 800))
    tap = reader(writer, lookback=2400)
    assert (tap.lookback, tap.waiting) == (800, 800)
    tap.close()
    writer.close()


def test_a_wide_tap_is_read_where_it_is_expected() -> None:
    writer = TapWriter(rate=16_000)
    writer.write(ramp(0, 4000))
    descriptors = os.dup(writer.memfd), os.dup(writer.eventfd)
    with pytest.raises(TapError):
        Tap(*descriptors, lookback=0)
    tap = Tap(*descriptors, lookback=0.1, rate=None)
    assert (tap.rate, tap.lookback) == (16_000, 1600)
    assert tap.read() == ramp(2400, 1600).tobytes()
    tap.close()
    writer.close()


def test_closed_is_seen() -> None:
    writer = TapWriter()
    tap = reader(writer)
    assert not tap.closed
    writer.hang_up()
    assert tap.closed
    tap.acknowledge()
    tap.acknowledge()
    tap.close()
    writer.close()


@given(st.binary(max_size=200))
def test_any_other_memory_is_refused(content: bytes) -> None:
    memfd = os.memfd_create("other")
    os.write(memfd, content)
    eventfd = os.eventfd(0)
    try:
        with pytest.raises(TapError):
            Tap(memfd, eventfd, lookback=0)
    finally:
        os.close(memfd)
        os.close(eventfd)


@pytest.mark.parametrize(
    "header",
    [
        struct.pack("<4sIII", b"HFTP", 2, 8000, 1024),
        struct.pack("<4sIII", b"HFTP", 1, 16000, 1024),
        struct.pack("<4sIII", b"HFTP", 1, 8000, 1000),
        struct.pack("<4sIII", b"HFTP", 1, 8000, 1 << 20),
        struct.pack("<4sIII", b"HFTP", 1, 8000, 0),
    ],
)
def test_a_header_that_does_not_fit_is_refused(header: bytes) -> None:
    memfd = os.memfd_create("tap")
    os.write(memfd, header + bytes(64 + 2048 - len(header)))
    eventfd = os.eventfd(0)
    try:
        with pytest.raises(TapError):
            Tap(memfd, eventfd, lookback=0)
    finally:
        os.close(memfd)
        os.close(eventfd)
