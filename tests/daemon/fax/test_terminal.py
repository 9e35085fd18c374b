"""Two fax terminals in one process: pages, pace, and what ends them early."""

import random
from pathlib import Path

import pytest

from daemon.fax.documents import count_pages
from daemon.fax.messages import DROPPED, OK
from daemon.fax.terminal import T30, Terminal
from daemon.fax.texts import text_of
from tests.fakes.fax_pages import dots, write_pages

CHUNK = 320
SILENCE = bytes(CHUNK)
A_MINUTE = 60 * 50


def talk(sender: Terminal, receiver: Terminal, *, chunks: int = 3 * A_MINUTE) -> int:
    """Let both hear each other until both are done or time is over; chunks that it took."""
    to_sender = SILENCE
    for at in range(chunks):
        to_receiver = sender.exchange(to_sender)
        to_sender = receiver.exchange(to_receiver)
        if sender.code is not None and receiver.code is not None:
            return at
    return chunks


@pytest.mark.parametrize("ecm", [True, False])
def test_pages_arrive_bit_by_bit(tmp_path: Path, *, ecm: bool) -> None:
    sent = write_pages(tmp_path / "sent.tif", ["first page", "second page"])
    got = tmp_path / "got.tif"
    steps: list[tuple[int, int]] = []

    def note(terminal: T30) -> None:
        figures = terminal.figures()
        steps.append((figures.received, figures.rate))

    with (
        Terminal(sent, send=True, station="+49 30 1", ecm=ecm) as sender,
        Terminal(got, send=False, station="Ward 7", ecm=ecm, progress=note) as receiver,
    ):
        talk(sender, receiver)
        assert (sender.code, receiver.code) == (OK, OK)
        assert (sender.figures().sent, receiver.figures().received) == (2, 2)
        assert receiver.figures().ecm is ecm
        assert (sender.other_station(), receiver.other_station()) == ("Ward 7", "+49 30 1")
    assert dots(got) == dots(sent)
    assert steps[-1] == (2, 14400)
    assert steps == sorted(steps)


def test_hang_up_in_the_second_page_keeps_the_first(tmp_path: Path) -> None:
    sent = write_pages(tmp_path / "sent.tif", ["first page", "second page"])
    got = tmp_path / "got.tif"
    with (
        Terminal(sent, send=True, ecm=False) as sender,
        Terminal(got, send=False, ecm=False) as receiver,
    ):
        to_sender = SILENCE
        for _ in range(A_MINUTE):
            to_sender = receiver.exchange(sender.exchange(to_sender))
            if receiver.figures().received == 1:
                break
        for _ in range(50):
            to_sender = receiver.exchange(sender.exchange(to_sender))
        receiver.hang_up()
        assert receiver.code == DROPPED
        assert receiver.figures().received == 1
    assert dots(got) == dots(sent)[:1]


@pytest.mark.parametrize("seed", [None, 7])
def test_caller_who_is_no_fax_is_given_up(tmp_path: Path, seed: int | None) -> None:
    noise = random.Random(seed)
    got = tmp_path / "got.tif"
    with Terminal(got, send=False) as receiver:
        for _ in range(2 * A_MINUTE):
            receiver.exchange(noise.randbytes(CHUNK) if seed else SILENCE)
            if receiver.code is not None:
                break
        assert receiver.code is not None
        assert receiver.code != OK
        assert "fax" in text_of(receiver.code, language="en")
    assert count_pages(got) == 0


def test_file_that_is_no_fax_is_refused_in_the_fax(tmp_path: Path) -> None:
    bad = tmp_path / "bad.tif"
    bad.write_bytes(b"MM no tiff at all")
    with (
        Terminal(bad, send=True) as sender,
        Terminal(tmp_path / "got.tif", send=False) as receiver,
    ):
        talk(sender, receiver)
        assert sender.code not in (None, OK)
        assert receiver.code not in (None, OK)


def test_chunks_are_answered_in_their_length(tmp_path: Path) -> None:
    with Terminal(tmp_path / "got.tif", send=False) as receiver:
        assert [len(receiver.exchange(bytes(2 * n))) for n in (1, 160, 800)] == [2, 320, 1600]
        with pytest.raises(ValueError, match="samples at once"):
            receiver.exchange(b"")
        receiver.close()
        receiver.close()


def test_every_end_has_words_in_both_languages() -> None:
    for code in (*range(62), *range(1000, 1005)):
        english, chinese = text_of(code, language="en"), text_of(code, language="zh")
        assert english.isascii()
        assert not chinese.isascii()
        assert "reason" not in english
    assert "999" in text_of(999, language="en")
