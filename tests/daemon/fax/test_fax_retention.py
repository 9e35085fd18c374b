"""Faxes that came in and were kept long enough: their pages go, the row stays."""

from pathlib import Path

from daemon.recordings.retention import DAY_S, Retention
from daemon.store.connection import opened_store
from daemon.store.history import Recording
from tests.fakes.fax_pages import write_pages

NOW = 1_795_300_000.0


async def test_old_fax_goes_in_both_forms(tmp_path: Path) -> None:
    gone: list[int] = []

    async def deleted(row: Recording) -> None:
        gone.append(row.id)

    async with opened_store(tmp_path / "hookflash.db"):
        for number, days in ((1, 31), (2, 29)):
            path = f"faxes/2026/11/{days}/{number}.tif"
            write_pages(tmp_path / path, ["a page"])
            (tmp_path / path).with_suffix(".pdf").write_bytes(b"%PDF")
            ended = int((NOW - days * DAY_S) * 1000)
            await Recording.create(
                id=number, call_id=7, kind="fax", path=path, started_ms=ended - 9, ended_ms=ended
            )
        assert await Retention(tmp_path, {"fax": 30}, lambda: NOW, deleted).delete_old() == 1
        assert gone == [1]
        left = sorted(path.name for path in (tmp_path / "faxes").rglob("*.*"))
        assert left == ["2.pdf", "2.tif"]
        assert (await Recording.get(id=1)).deleted_ms == int(NOW * 1000)
