"""``hookflash archive SITE`` as people run it; it lowers its own priority, so it runs alone."""

import fcntl
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from daemon.__main__ import main
from tests.fakes.recorded_files import write_recording


@pytest.fixture
def site(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(tmp_path))
    monkeypatch.setenv("HOOKFLASH_LANGUAGE", "en")
    site = tmp_path / "site"
    assert main(("init", str(site))) == 0
    for name in ("a", "b"):
        path = site / f"recordings/2026/01/02/{name}.wav"
        write_recording(path, 2.0)
        os.utime(path, (1e9, 1e9))
    write_recording(site / "recordings/2026/01/02/today.wav", 2.0)
    return site


def run(site: Path, *options: str) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        [sys.executable, "-m", "daemon", "archive", str(site), *options],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def names(site: Path) -> list[str]:
    return sorted(path.name for path in (site / "recordings/2026/01/02").iterdir())


def test_old_recordings_become_flac_and_wav_again(site: Path) -> None:
    before = names(site)
    done = run(site, "--json")
    assert (done.returncode, done.stderr) == (0, "")
    assert json.loads(done.stdout)["files"] == 2
    assert [name for name in names(site) if not name.endswith(".chain")] == [
        "a.flac",
        "b.flac",
        "today.wav",
    ]
    undone = run(site, "--undo")
    assert undone.returncode == 0
    assert undone.stdout.startswith("2 recordings: ")
    assert names(site) == before


def test_a_fault_is_told_and_two_do_not_meet(site: Path) -> None:
    (site / "recordings/2026/01/02/a.wav").write_bytes(b"RIFF")
    os.utime(site / "recordings/2026/01/02/a.wav", (1e9, 1e9))
    done = run(site)
    assert done.returncode == 1
    assert "a.wav: no RIFF/WAVE header" in done.stderr
    assert done.stdout.startswith("1 recordings: ")
    with (site / "recordings/.archive.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        second = run(site)
    assert second.returncode == 1
    assert "archived already" in second.stderr
