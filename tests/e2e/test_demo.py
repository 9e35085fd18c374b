"""The demo as people run it: stopped with Ctrl-C it ends its calls and every process."""

import asyncio
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from running_site import until

pytestmark = pytest.mark.e2e


def started_below(folder: Path) -> list[int]:
    """Processes of anybody whose surroundings name this folder."""
    found = []
    for entry in Path("/proc").iterdir():
        try:
            if entry.name.isdigit() and str(folder).encode() in (entry / "environ").read_bytes():
                found.append(int(entry.name))
        except OSError:
            continue  # it ended meanwhile, or is not ours
    return [pid for pid in found if pid != os.getpid()]


@pytest.mark.timeout(120)
async def test_ctrl_c_ends_the_demo_and_all_its_processes(tmp_path: Path) -> None:
    log = tmp_path / "demo.log"
    with log.open("wb") as out:
        demo = subprocess.Popen(
            [sys.executable, "-m", "daemon", "demo"],
            stdin=subprocess.DEVNULL,
            stdout=out,
            stderr=out,
            env={**os.environ, "TMPDIR": str(tmp_path), "HOOKFLASH_LANGUAGE": "en"},
        )
    try:
        await until(lambda: "demo: calling" in log.read_text(), seconds=40)
        assert len(started_below(tmp_path)) > 5
        demo.send_signal(signal.SIGINT)
        assert await asyncio.to_thread(demo.wait, 60) == 0, log.read_text()[-3000:]
    finally:
        demo.kill()
        demo.wait()
    assert "all as intended" in log.read_text()
    assert started_below(tmp_path) == []
