"""Rights that audio is better with: tried, told, and nothing breaks without them."""

import asyncio
import json
import os
import resource
import subprocess
import sys
from pathlib import Path

import pytest

from daemon.machine import rights
from daemon.machine.condition import condition
from daemon.media.app import missing_rights
from daemon.readiness import announce
from daemon.service.live import AlarmsChanged, LiveAlarm
from daemon.service.socket_server import ServiceServer
from daemon.site_directory import SiteDirectory
from tests.fakes.service import FakeService

ASK = """
import json, os, resource, sys
from daemon.machine import rights
rights.missing_here()  # everything is imported that somebody else may not read
if os.getuid() == 0:
    os.setgroups([]); os.setgid(65534); os.setuid(65534)
print(json.dumps([rights.missing_here(), rights.lock_memory()]))
"""


def without_rights() -> None:
    for limit in (resource.RLIMIT_RTPRIO, resource.RLIMIT_MEMLOCK):
        resource.setrlimit(limit, (0, 0))


def test_a_process_without_rights_finds_out_and_goes_on() -> None:
    result = subprocess.run(
        [sys.executable, "-c", ASK],
        preexec_fn=without_rights,
        capture_output=True,
        text=True,
        check=True,
    )
    missing, locked = json.loads(result.stdout)
    assert {rights.REALTIME, rights.LOCKED_MEMORY} <= set(missing)
    assert not locked


def test_media_tells_what_it_was_not_granted(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rights, "lock_memory", lambda: False)
    monkeypatch.setattr(rights, "socket_buffer", lambda: 212_992)
    refused = "nice -11: fifo refused (Operation not permitted)"
    assert missing_rights(refused, realtime=True) == list(rights.RIGHTS)
    assert missing_rights("normal: not asked for more", realtime=False) == [
        rights.LOCKED_MEMORY,
        rights.SOCKET_BUFFERS,
    ]
    monkeypatch.setattr(rights, "lock_memory", lambda: True)
    monkeypatch.setattr(rights, "socket_buffer", lambda: rights.BUFFER)
    assert missing_rights("fifo 20", realtime=True) == []


@pytest.fixture
def site(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> SiteDirectory:
    monkeypatch.setenv("HOOKFLASH_LANGUAGE", "en")
    path = tmp_path / "site"
    path.mkdir()
    text = f'[site]\nrun_dir = "{tmp_path}/run"\n[recordings]\nalarm_free_mb = 0\n'
    (path / "hookflash.toml").write_text(text)
    return SiteDirectory.open(path)


def test_check_tells_what_the_running_media_process_lacks(site: SiteDirectory) -> None:
    announce(site.run_dir, "media", missing=["realtime", "something new"])
    faults, notes = condition(site)
    assert faults == []
    [note] = [str(note) for note in notes]
    assert "no real-time priority" in note
    assert "LimitRTPRIO" in note
    assert "for this user" not in note
    announce(site.run_dir, "media", missing=[])
    assert condition(site) == ([], [])


def test_check_tries_for_itself_while_nothing_runs(site: SiteDirectory) -> None:
    _, notes = condition(site)
    assert [note.key for note in notes] == list(rights.missing_here())


def test_check_tells_that_there_is_little_room(site: SiteDirectory) -> None:
    announce(site.run_dir, "media", missing=[])
    (site.path / "hookflash.toml").write_text(
        f'[site]\nrun_dir = "{site.run_dir}"\n[recordings]\nalarm_free_mb = {1 << 40}\n'
    )
    _, [note] = condition(SiteDirectory.open(site.path))
    assert "MiB are free for recordings" in str(note)


async def test_check_tells_the_alarms_of_a_running_hotline(site: SiteDirectory) -> None:
    hotline = FakeService(lambda: 5.0)
    alarm = LiveAlarm(kind="disk-full", since=5.0, en="The disk is full.", zh="磁盘已满。")
    hotline.feed.publish(AlarmsChanged((alarm,)), 5.0)
    server = ServiceServer(hotline, site.socket("control"), allowed_uids=(os.getuid(),))
    await server.start()
    try:
        ask = "from pathlib import Path; import sys; from daemon.site_directory import *; "
        ask += "from daemon.machine.condition import condition; "
        ask += "print(*condition(SiteDirectory.open(Path(sys.argv[1])))[0])"
        child = await asyncio.create_subprocess_exec(
            sys.executable, "-c", ask, str(site.path), stdout=asyncio.subprocess.PIPE
        )
        out, _ = await child.communicate()
    finally:
        await server.close()
    assert "The disk is full." in out.decode()
