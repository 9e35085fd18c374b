"""Recordings that were kept long enough: their files go, their rows stay and say when."""

import asyncio
import os
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest

from daemon.recordings import flac
from daemon.recordings.audit import check_recordings
from daemon.recordings.retention import DAY_S, Retention, delete_files
from daemon.store.connection import opened_store
from daemon.store.history import Recording
from tests.fakes.recorded_files import write_recording

NOW = 1_795_300_000.0


@pytest.fixture(params=["sqlite", "postgresql"])
def database(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Path | str]:
    if request.param == "sqlite":
        yield tmp_path / "hookflash.db"
        return
    with request.getfixturevalue("postgresql").database(filled=True) as url:
        yield url


@pytest.fixture
async def site(tmp_path: Path, database: Path | str) -> AsyncIterator[Path]:
    async with opened_store(database):
        yield tmp_path


async def add(
    site: Path, number: int, *, days_ago: float, kind: str = "call", **more: object
) -> Path:
    folder = "voicemail" if kind == "message" else "recordings"
    relative = f"{folder}/2026/11/{number:02}/{number}.wav"
    link = write_recording(site / relative, 1.5)
    ended = int((NOW - days_ago * DAY_S) * 1000)
    told = {"ended_ms": ended, "duration_ms": 1500, "chain": link, **more}
    await Recording.create(
        id=number, call_id=7, kind=kind, path=relative, started_ms=ended - 1500, **told
    )
    return site / relative


def retention(site: Path, *, call: int = 0, message: int = 0) -> tuple[Retention, list[int]]:
    gone: list[int] = []

    async def deleted(row: Recording) -> None:
        gone.append(row.id)

    return Retention(site, {"call": call, "message": message}, lambda: NOW, deleted), gone


async def test_only_what_is_old_enough_of_each_kind_goes(site: Path) -> None:
    old = await add(site, 1, days_ago=30.01)
    young = await add(site, 2, days_ago=29.99)
    message = await add(site, 3, days_ago=8, kind="message")
    keeper, gone = retention(site, call=30, message=7)
    assert await keeper.delete_old() == 2
    assert gone == [1, 3]
    assert (old.exists(), young.exists(), message.exists()) == (False, True, False)
    assert not Path(f"{old}.chain").exists()
    assert not old.parent.exists()  # its day is empty
    assert (site / "recordings").is_dir()
    row = await Recording.get(id=1)
    assert (row.deleted_ms, row.duration_ms) == (int(NOW * 1000), 1500)
    assert await keeper.delete_old() == 0


async def test_zero_days_keep_for_ever(site: Path) -> None:
    path = await add(site, 1, days_ago=4000)
    keeper, gone = retention(site)
    async with asyncio.timeout(5):
        await keeper.run()  # has nothing to do, today or any day
    assert (path.exists(), gone) == (True, [])


async def test_what_is_held_or_still_grows_or_is_a_fax_stays(site: Path) -> None:
    held = await add(site, 1, days_ago=90, held_ms=5)
    grows = await add(site, 2, days_ago=90, ended_ms=None)
    fax = await add(site, 3, days_ago=90, kind="fax")
    keeper, gone = retention(site, call=30, message=30)
    assert await keeper.delete_old() == 0
    assert all(path.exists() for path in (held, grows, fax))
    assert gone == []


async def test_a_packed_recording_goes_as_well(site: Path) -> None:
    path = await add(site, 1, days_ago=90)
    flac.pack(path)
    keeper, _ = retention(site, call=30)
    assert await keeper.delete_old() == 1
    assert list((site / "recordings").rglob("*.*")) == []


async def test_files_that_are_gone_already_are_marked(site: Path) -> None:
    """As after a kill between the files and the row."""
    (await add(site, 1, days_ago=90)).unlink()
    keeper, _ = retention(site, call=30)
    assert await keeper.delete_old() == 1


async def test_a_file_that_cannot_be_deleted_is_left_and_the_others_go(site: Path) -> None:
    stuck = await add(site, 1, days_ago=90)
    stuck.unlink()
    stuck.mkdir()  # no file, so it cannot be unlinked, by root either
    other = await add(site, 2, days_ago=90)
    keeper, gone = retention(site, call=30)
    assert await keeper.delete_old() == 1
    assert (gone, other.exists()) == ([2], False)
    assert (await Recording.get(id=1)).deleted_ms is None


async def test_many_go_in_batches(site: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("daemon.recordings.retention.BATCH", 2)
    for number in range(1, 6):
        await add(site, number, days_ago=90)
    keeper, gone = retention(site, call=30)
    assert await keeper.delete_old() == 5
    assert gone == [1, 2, 3, 4, 5]


@pytest.mark.parametrize("path", ["../secret.wav", "recordings/../hookflash.db", "recordings", ""])
def test_nothing_beside_the_recordings_is_touched(tmp_path: Path, path: str) -> None:
    (tmp_path / "recordings").mkdir()
    (tmp_path / "hookflash.db").write_text("all")
    with pytest.raises(OSError, match="not among the recordings"):
        delete_files(tmp_path, path)
    assert (tmp_path / "hookflash.db").read_text() == "all"


async def test_the_check_knows_what_was_deleted(site: Path) -> None:
    path = await add(site, 1, days_ago=90)
    await add(site, 2, days_ago=1)
    keeper, _ = retention(site, call=30)
    await keeper.delete_old()
    report = await check_recordings(site)
    assert (report.checked, report.deleted, report.faults) == (1, 1, ())
    path.parent.mkdir(parents=True)
    os.link(site / "recordings/2026/11/02/2.wav", path)
    [fault] = (await check_recordings(site)).faults
    assert fault.state == "there"
    assert "was deleted, yet its audio is there" in str(fault)
