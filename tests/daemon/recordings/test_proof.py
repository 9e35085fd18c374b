"""Recordings against the link in the database: changed, cut, lengthened, gone, forged."""

import hashlib
import struct
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from daemon.recordings.audio_file import (
    CHAIN,
    Left,
    NotARecording,
    layout,
    what_is_left,
)
from daemon.recordings.proof import Proof, State, prove, verify
from tests.fakes.recorded_files import HEAD, SECOND, write_recording


def prove_it(path: Path, link: str, ms: int = 3500) -> Proof:
    return prove(path, link, ms)


@pytest.fixture
def recorded(tmp_path: Path) -> tuple[Path, str]:
    """Three and a half seconds, and their last link."""
    path = tmp_path / "a.wav"
    return path, write_recording(path, 3.5, paused_ms=400)


def test_what_was_not_touched_is_unchanged(recorded: tuple[Path, str]) -> None:
    path, link = recorded
    assert prove_it(path, link) == Proof(State.UNCHANGED)
    assert verify(path).whole
    Path(f"{path}{CHAIN}").unlink()
    assert prove_it(path, link) == Proof(State.UNCHANGED)


@given(at=st.integers(0, 3 * SECOND + SECOND // 2 - 1), bit=st.integers(0, 7))
def test_any_bit_that_changed_is_found_in_its_second(
    tmp_path_factory: pytest.TempPathFactory, at: int, bit: int
) -> None:
    path = tmp_path_factory.mktemp("bit") / "a.wav"
    link = write_recording(path, 3.5)
    audio = bytearray(path.read_bytes())
    audio[HEAD + at] ^= 1 << bit
    path.write_bytes(audio)
    assert prove_it(path, link) == Proof(State.CHANGED, at // SECOND)


@pytest.mark.parametrize(("octets", "second"), [(SECOND, 1), (SECOND + 4, 1), (0, 0)])
def test_a_file_that_was_cut_says_where(
    recorded: tuple[Path, str], octets: int, second: int
) -> None:
    path, link = recorded
    path.write_bytes(path.read_bytes()[: HEAD + octets])
    assert prove_it(path, link) == Proof(State.CUT, second)


def test_a_file_that_grew_was_changed(recorded: tuple[Path, str]) -> None:
    path, link = recorded
    with path.open("ab") as file:
        file.write(bytes(SECOND))
    assert prove_it(path, link).state is State.CHANGED


def test_forging_the_chain_beside_it_helps_nobody(recorded: tuple[Path, str]) -> None:
    path, link = recorded
    path.unlink()
    Path(f"{path}{CHAIN}").unlink()
    forged = write_recording(path, 3.5, loud=9)
    assert verify(path).whole
    assert prove_it(path, link) == Proof(State.CHANGED)
    assert prove_it(path, forged) == Proof(State.UNCHANGED)


def test_a_killed_recorder_leaves_what_its_links_vouch_for(tmp_path: Path) -> None:
    path = tmp_path / "a.wav"
    link = write_recording(path, 2.0, paused_ms=120, closed=False)
    with path.open("ab") as file:
        file.write(bytes(SECOND // 2))
    left = what_is_left(path)
    assert left == Left(2500, link, 120)
    assert prove(path, left.chain, left.duration_ms) == Proof(State.STOPPED, 2)
    with path.open("ab") as file:
        file.write(bytes(SECOND))
    assert prove(path, left.chain, left.duration_ms) == Proof(State.CHANGED, 2)


def test_what_cannot_be_compared_is_said(tmp_path: Path) -> None:
    path = tmp_path / "a.wav"
    assert prove(path, "", 0) == Proof(State.MISSING)
    assert what_is_left(path) == Left()
    write_recording(path, 1.0)
    assert prove(path, "", 1000) == Proof(State.UNPROVEN)
    path.write_bytes(b"RIFF")
    assert prove(path, "00" * 32, 1000) == Proof(State.UNREADABLE)
    assert what_is_left(path) == Left()


@given(lines=st.binary(max_size=200))
def test_a_chain_of_nonsense_is_no_chain(
    tmp_path_factory: pytest.TempPathFactory, lines: bytes
) -> None:
    path = tmp_path_factory.mktemp("chain") / "a.wav"
    link = write_recording(path, 1.0)
    Path(f"{path}{CHAIN}").write_bytes(lines)
    assert what_is_left(path) == Left(1000)
    assert prove(path, link, 1000) == Proof(State.UNCHANGED)
    assert not verify(path).whole


@given(channels=st.integers(0, 65535), octets=st.integers(0, 2**32 - 1))
def test_a_header_of_another_shape_is_refused(channels: int, octets: int) -> None:
    form = struct.pack("<IHHIIHH", 16, 1, channels, 8000, octets, 4, 16)
    head = b"RIFF\0\0\0\0WAVEfmt " + form + b"data\0\0\0\0"
    if channels in (1, 2) and octets == 16_000 * channels:
        assert layout(head).second == octets
    else:
        with pytest.raises(NotARecording):
            layout(head)


def test_the_first_link_follows_thirty_two_zero_octets(tmp_path: Path) -> None:
    path = tmp_path / "a.wav"
    link = write_recording(path, 1.0)
    assert link == hashlib.sha256(bytes(32) + path.read_bytes()[HEAD:]).hexdigest()
