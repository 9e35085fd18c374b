"""Faxes over T.38: pages over networks that lose, double and reorder, and through the gateway."""

from pathlib import Path

import pytest

from daemon.fax.messages import OK
from daemon.fax.t38.terminal import Gateway, T38Terminal
from daemon.fax.terminal import Terminal
from tests.fakes.fax_network import FRAME, End, Way
from tests.fakes.fax_pages import dots, write_pages

LONGEST = 50 * 120  # frames of 20 ms
SILENCE = bytes(FRAME * 2)


@pytest.mark.parametrize(
    ("loss", "doubled", "swapped"),
    [(0.0, 0.0, 0.0), (0.05, 0.05, 0.1), (0.2, 0.0, 0.0), (0.0, 0.3, 0.3)],
)
@pytest.mark.parametrize("ecm", [True, False])
@pytest.mark.parametrize("parity", [True, False])
def test_pages_come_over_a_bad_network_dot_by_dot(
    tmp_path: Path, loss: float, doubled: float, swapped: float, ecm: bool, parity: bool
) -> None:
    page = write_pages(tmp_path / "out.tif", ["one", "two"], height=400)
    there = Way(1, loss=loss, doubled=doubled, swapped=swapped)
    back = Way(2, loss=loss, doubled=doubled, swapped=swapped)
    near, far = End(there, back, parity=parity), End(back, there, parity=parity)
    with (
        T38Terminal(page, send=True, transmit=near.transmit, station="111", ecm=ecm) as sender,
        T38Terminal(
            tmp_path / "in.tif", send=False, transmit=far.transmit, station="222", ecm=ecm
        ) as receiver,
    ):
        for _ in range(LONGEST):
            sender.passed(FRAME)
            receiver.passed(FRAME)
            far.deliver(receiver)
            near.deliver(sender)
            if sender.code is not None and receiver.code is not None:
                break
        assert (sender.code, receiver.code) == (OK, OK)
        assert (sender.figures().sent, receiver.figures().received) == (2, 2)
        assert receiver.figures().ecm is ecm
        assert (sender.other_station(), receiver.other_station()) == ("222", "111")
    assert dots(tmp_path / "in.tif") == dots(page)
    counts = far.receiver.counts
    assert counts["malformed"] == counts["parity_wrong"] == 0
    # Two under one parity are more than it can make.
    assert counts["lost"] == 0 or (parity and loss)
    assert (counts["by_parity"] > 0) == (parity and counts["recovered"] > 0)
    assert bool(there.lost) == (loss > 0)
    assert bool(there.doubled) == (doubled > 0)
    assert bool(there.swapped) == (swapped > 0)
    assert (counts["recovered"] > 0) == (loss > 0 or swapped > 0)


@pytest.mark.parametrize("audio_sends", [True, False])
def test_gateway_joins_a_machine_on_audio_with_one_on_t38(
    tmp_path: Path, audio_sends: bool
) -> None:
    page, arrived = write_pages(tmp_path / "out.tif", ["a page"]), tmp_path / "in.tif"
    there, back = Way(3, loss=0.05, swapped=0.05), Way(4, loss=0.05, swapped=0.05)
    near, far = End(there, back), End(back, there)
    with (
        Terminal(page if audio_sends else arrived, send=audio_sends, station="333") as analogue,
        Gateway(transmit=near.transmit) as gateway,
        T38Terminal(
            arrived if audio_sends else page,
            send=not audio_sends,
            transmit=far.transmit,
            station="444",
        ) as packets,
    ):
        heard = SILENCE
        for _ in range(LONGEST):
            heard = analogue.exchange(gateway.exchange(heard))
            packets.passed(FRAME)
            far.deliver(packets)
            near.deliver(gateway)
            if analogue.code is not None and packets.code is not None:
                break
        assert (analogue.code, packets.code) == (OK, OK)
        assert (analogue.other_station(), packets.other_station()) == ("444", "333")
        assert gateway.pages() == 1
        assert gateway.rate() >= 2400
    assert dots(arrived) == dots(page)


def test_other_side_that_never_speaks_ends_the_fax(tmp_path: Path) -> None:
    way = Way()
    end = End(way, Way())
    with T38Terminal(tmp_path / "in.tif", send=False, transmit=end.transmit) as terminal:
        for _ in range(50 * 100):
            terminal.passed(FRAME)
        assert terminal.code in (2, 3, 48)
        assert way.take()
        terminal.close()


def test_any_packets_leave_the_terminal_alive(tmp_path: Path) -> None:
    way = Way(5)
    end = End(way, Way())
    with T38Terminal(tmp_path / "in.tif", send=False, transmit=end.transmit) as terminal:
        for sequence in range(2000):
            size = sequence % 40 + 1
            terminal.hear(sequence, bytes((sequence * 7 + each * 31) % 256 for each in range(size)))
            terminal.passed(FRAME)
        assert terminal.figures().received == 0
