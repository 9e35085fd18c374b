"""``hookflash check SITE --recordings`` on files that were touched and files that were not."""

import asyncio
import json
from pathlib import Path

import pytest

from acd_core.ids import to_text
from daemon.__main__ import main
from daemon.store.connection import opened_store
from daemon.store.history import Recording
from tests.fakes.recorded_files import HEAD, SECOND, write_recording

NAMES = ("kept", "changed", "cut", "gone", "stopped", "message", "garbled")


@pytest.fixture
def site(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A site with a recording of three seconds for each thing that may happen to one."""
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(tmp_path))
    monkeypatch.setenv("HOOKFLASH_LANGUAGE", "en")
    site = tmp_path / "site"
    assert main(("init", str(site))) == 0
    asyncio.run(_write(site))
    return site


async def _write(site: Path) -> None:
    async with opened_store(site / "hookflash.db"):
        for number, name in enumerate(NAMES):
            path = f"recordings/{name}.wav"
            link = write_recording(site / path, 3.0, closed=name != "stopped")
            await Recording.create(
                id=100 + number,
                call_id=7,
                path=path,
                started_ms=number,
                ended_ms=number + 3000,
                duration_ms=3200 if name == "stopped" else 3000,
                chain="" if name == "message" else link,
            )
    with (site / "recordings/stopped.wav").open("ab") as file:
        file.write(bytes(SECOND // 5))


def spoil(site: Path) -> None:
    folder = site / "recordings"
    audio = bytearray((folder / "changed.wav").read_bytes())
    audio[HEAD + SECOND + 9] ^= 128
    (folder / "changed.wav").write_bytes(audio)
    (folder / "cut.wav").write_bytes((folder / "cut.wav").read_bytes()[: HEAD + 2 * SECOND])
    (folder / "gone.wav").unlink()
    (folder / "garbled.wav").write_bytes(b"nothing")


def test_recordings_that_nobody_touched_pass(
    site: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(("check", str(site), "--recordings")) == 0
    out = capsys.readouterr().out
    assert "recordings: 7, unchanged: 5, " in out
    assert "no fault found" in out


def test_each_file_that_was_touched_is_named_with_its_second(
    site: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    spoil(site)
    assert main(("check", str(site), "--recordings")) == 1
    told = capsys.readouterr()
    call = to_text(7)
    assert told.err.splitlines()[-4:] == [
        f"recordings/changed.wav: was changed at second 1 (call {call})",
        f"recordings/cut.wav: was cut at second 2 (call {call})",
        f"recordings/gone.wav: is not there (call {call})",
        f"recordings/garbled.wav: cannot be read as a recording (call {call})",
    ]
    assert "faults: 4" in told.out
    assert "no fault found" not in told.out
    monkeypatch.setenv("HOOKFLASH_LANGUAGE", "zh")
    assert main(("check", str(site), "--recordings")) == 1
    assert f"recordings/cut.wav：于第 2 秒被截断（通话 {call}）" in capsys.readouterr().err


def test_the_answer_for_programs_says_the_same(
    site: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    capsys.readouterr()
    assert main(("check", str(site), "--recordings", "--json")) == 0
    assert json.loads(capsys.readouterr().out)["recordings"] == {
        "checked": 7,
        "states": {"unchanged": 5, "stopped": 1, "unproven": 1},
        "faults": [],
        "deleted": 0,
    }
    spoil(site)
    assert main(("check", str(site), "--recordings", "--json")) == 1
    told = json.loads(capsys.readouterr().out)
    assert not told["ok"]
    assert told["recordings"]["faults"][0] == {
        "recording": to_text(101),
        "call": to_text(7),
        "path": "recordings/changed.wav",
        "state": "changed",
        "second": 1,
    }
    assert main(("check", str(site), "--json")) == 0
    assert "recordings" not in json.loads(capsys.readouterr().out)
